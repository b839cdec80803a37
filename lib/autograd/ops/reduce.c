/* SPDX-License-Identifier: Apache-2.0 */
/* sum and mean over axes.
 *
 * y = scale * sum x over the reduced axes, scale 1 or 1 / (number of elements summed); dx += scale dy, stretched over
 * them.
 * Sums are taken in double, of short blocks of the type itself, and cut by the shape alone: accurate, and the same bits
 * for any number of threads.
 */
#include "autograd/axes.h"
#include "autograd/ops.h"

static kdst_status mean_shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    if (kdst__axes_elements(x, call->attrs) == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "mean: x is %s: nothing has no mean",
            kdst__shape_text(x->rank, x->shape, text));
    return kdst__axes_shape(call);
}

/* Strides of a result of the reduction as seen from the unreduced shape: 0 along the reduced axes. */
static void stretched(const kdst_tensor *y, int32_t rank, const kdst__axes *at, int64_t stride[KDST__MAX_RANK])
{
    int32_t own = 0;
    for (int32_t i = 0; i < rank; i++) {
        bool reduced = at->mask >> i & 1;
        stride[i] = reduced ? 0 : y->stride[own];
        own += !reduced || at->keep;
    }
}

static kdst_status reduce(kdst__call *call, double scale)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    int64_t stride[KDST__MAX_RANK];
    stretched(y, x->rank, call->attrs, stride);
    kdst_status status = kdst__sum_strided(
        kdst__tensor_compute(x), x->dtype, x->rank, x->shape, scale, kdst__tensor_data(x), x->stride, 0,
        kdst__tensor_data(y), stride);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, call->op->name);
}

static kdst_status spread(kdst__call *call, double scale)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    int64_t stride[KDST__MAX_RANK];
    if (dx == NULL) return KDST_STATUS_OK;
    stretched(dy, dx->rank, call->attrs, stride);
    kdst__copy_strided(
        kdst__tensor_compute(dx), dx->dtype, dx->rank, dx->shape, scale, kdst__tensor_data(dy), stride, 1,
        kdst__tensor_data(dx), dx->stride);
    return KDST_STATUS_OK;
}

static kdst_status sum_forward(kdst__call *call)
{
    return reduce(call, 1);
}
static kdst_status sum_backward(kdst__call *call)
{
    return spread(call, 1);
}

static kdst_status mean_forward(kdst__call *call)
{
    return reduce(call, 1 / (double)kdst__axes_elements(call->inputs[0], call->attrs));
}

static kdst_status mean_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    return dx == NULL ? KDST_STATUS_OK : spread(call, 1 / (double)kdst__axes_elements(dx, call->attrs));
}

const kdst__op kdst__op_sum = {
    .name = "sum",
    .min_inputs = 1,
    .max_inputs = 1,
    .strided = true,
    .attr_bytes = sizeof(kdst__axes),
    .attr_schema = &kdst__axes_shown,
    .shape = kdst__axes_shape,
    .forward = sum_forward,
    .backward = sum_backward,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_mean = {
    .name = "mean",
    .min_inputs = 1,
    .max_inputs = 1,
    .strided = true,
    .attr_bytes = sizeof(kdst__axes),
    .attr_schema = &kdst__axes_shown,
    .shape = mean_shape,
    .forward = mean_forward,
    .backward = mean_backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_sum(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_sum, x, axes, count, keep, 0, out);
}

kdst_status kdst_mean(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_mean, x, axes, count, keep, 0, out);
}
