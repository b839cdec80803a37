/* SPDX-License-Identifier: Apache-2.0 */
/* softmax and log_softmax along an axis.
 *
 * softmax:     y_k = exp(x_k - max x) / sum_j exp(x_j - max x);  dx += y (dy - sum_j y_j dy_j).
 * log_softmax: y_k = x_k - max x - log sum_j exp(x_j - max x);   dx += dy - exp(y) sum_j dy_j.
 * Both read only the result in the backward pass.
 */
#include "autograd/ops.h"

typedef struct attrs {
    int64_t axis;
} attrs;

static const kdst__option shown[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that sums to 1"),
};
static const kdst__schema attr_schema = {"softmax", shown, KDST__COUNT(shown), NULL, 0};

/* The tensor as [outer, n, inner] around the axis. */
typedef struct rows {
    int64_t outer, n, inner;
} rows;

static rows rows_of(const kdst_tensor *t, const attrs *at)
{
    rows r = {1, t->shape[at->axis], 1};
    for (int32_t i = 0; i < t->rank; i++) {
        if (i < at->axis) r.outer *= t->shape[i];
        if (i > at->axis) r.inner *= t->shape[i];
    }
    return r;
}

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_status status = kdst__tensor_axis(call->op->name, call->inputs[0], at->axis, &at->axis);
    return status != KDST_STATUS_OK ? status : kdst__op_same_as_input(call);
}

static kdst_status softmax_forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    rows r = rows_of(x, call->attrs);
    if (kdst__tensor_count(x) > 0)
        kdst__softmax(
            kdst__tensor_compute(x), x->dtype, r.outer, r.n, r.inner, kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status softmax_backward(kdst__call *call)
{
    kdst_tensor *y = call->out, *dy = call->d_out, *dx = call->d_inputs[0];
    rows r = rows_of(dy, call->attrs);
    if (dx != NULL && kdst__tensor_count(dx) > 0)
        kdst__softmax_backward(
            kdst__tensor_compute(dy), dy->dtype, r.outer, r.n, r.inner, kdst__tensor_data(y), kdst__tensor_data(dy),
            kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

static kdst_status log_softmax_forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    rows r = rows_of(x, call->attrs);
    if (kdst__tensor_count(x) > 0)
        kdst__log_softmax(
            kdst__tensor_compute(x), x->dtype, r.outer, r.n, r.inner, kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status log_softmax_backward(kdst__call *call)
{
    kdst_tensor *y = call->out, *dy = call->d_out, *dx = call->d_inputs[0];
    rows r = rows_of(dy, call->attrs);
    if (dx != NULL && kdst__tensor_count(dx) > 0)
        kdst__log_softmax_backward(
            kdst__tensor_compute(dy), dy->dtype, r.outer, r.n, r.inner, kdst__tensor_data(y), kdst__tensor_data(dy),
            kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_softmax = {
    .name = "softmax",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = softmax_forward,
    .backward = softmax_backward,
    .keep_out = true,
    KDST__DOMAIN(-3, 3)};

const kdst__op kdst__op_log_softmax = {
    .name = "log_softmax",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = log_softmax_forward,
    .backward = log_softmax_backward,
    .keep_out = true,
    KDST__DOMAIN(-3, 3)};

kdst_status kdst_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    attrs at = {axis};
    return kdst__op_run(&kdst__op_softmax, &x, 1, &at, out);
}

kdst_status kdst_log_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    attrs at = {axis};
    return kdst__op_run(&kdst__op_log_softmax, &x, 1, &at, out);
}
