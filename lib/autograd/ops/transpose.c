/* SPDX-License-Identifier: Apache-2.0 */
/* transpose: exchanges two axes.
 *
 * y[.. i .. j ..] = x[.. j .. i ..]; always a view. dx += dy with the same axes exchanged back. Any element type;
 * recorded for floating point.
 */
#include "autograd/ops.h"

typedef struct attrs {
    int64_t a, b;
} attrs;

static const kdst__option shown[] = {
    KDST__INT(attrs, a, 0, 0, KDST__MAX_RANK - 1, "one axis"),
    KDST__INT(attrs, b, 0, 0, KDST__MAX_RANK - 1, "the other one"),
};
static const kdst__schema attr_schema = {"transpose", shown, KDST__COUNT(shown), NULL, 0};

static void swap(int64_t *values, int64_t a, int64_t b)
{
    int64_t kept = values[a];
    values[a] = values[b];
    values[b] = kept;
}

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    kdst_status status = kdst__tensor_axis("transpose", x, at->a, &at->a);
    if (status == KDST_STATUS_OK) status = kdst__tensor_axis("transpose", x, at->b, &at->b);
    if (status != KDST_STATUS_OK) return status;
    status = kdst__op_same_as_input(call);
    swap(call->shape, at->a, at->b);
    return status;
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    int64_t stride[KDST__MAX_RANK];
    for (int32_t i = 0; i < x->rank; i++)
        stride[i] = x->stride[i];
    swap(stride, at->a, at->b);
    return kdst__tensor_view("transpose", x, x->rank, call->shape, stride, x->offset, &call->out);
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL) return KDST_STATUS_OK;
    int64_t stride[KDST__MAX_RANK];
    for (int32_t i = 0; i < dx->rank; i++)
        stride[i] = dx->stride[i];
    swap(stride, at->a, at->b);
    kdst__copy_strided(
        kdst__tensor_compute(dx), dx->dtype, dy->rank, dy->shape, 1, kdst__tensor_data(dy), dy->stride, 1,
        kdst__tensor_data(dx), stride);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_transpose = {
    .name = "transpose",
    .min_inputs = 1,
    .max_inputs = 1,
    .any_dtype = true,
    .strided = true,
    .makes_out = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_transpose(kdst_tensor *x, int64_t axis_a, int64_t axis_b, kdst_tensor **out)
{
    attrs at = {axis_a, axis_b};
    return kdst__op_run(&kdst__op_transpose, &x, 1, &at, out);
}
