/* SPDX-License-Identifier: Apache-2.0 */
/* sum and mean over axes.
 *
 * y = scale * sum x over the reduced axes, scale 1 or 1 / (number of elements summed); dx += scale dy, stretched over
 * them.
 * Sums are taken in double, of short blocks of the type itself, and cut by the shape alone: accurate, and the same bits
 * for any number of threads.
 */
#include "autograd/ops.h"

#include <inttypes.h>

typedef struct attrs {
    uint32_t mask; /* bit i: axis i is reduced */
    int32_t keep;
} attrs;

static kdst_status shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    call->rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        bool reduced = at->mask >> i & 1;
        if (!reduced || at->keep) call->shape[call->rank++] = reduced ? 1 : x->shape[i];
    }
    return KDST_STATUS_OK;
}

static int64_t reduced_count(const kdst_tensor *x, const attrs *at)
{
    int64_t count = 1;
    for (int32_t i = 0; i < x->rank; i++)
        if (at->mask >> i & 1) count *= x->shape[i];
    return count;
}

static kdst_status mean_shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    if (reduced_count(x, call->attrs) == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "mean: x is %s: nothing has no mean",
            kdst__shape_text(x->rank, x->shape, text));
    return shape(call);
}

static kdst_status
read_axes(const char *function, const kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, attrs *out)
{
    kdst_context *ctx = x->base.ctx;
    *out = (attrs){0, keep};
    if (keep != 0 && keep != 1)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: keep is %d, allowed is 0 or 1", function, keep);
    if (count < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %" PRId64 ", allowed is 0 and more", function, count);
    if (count > 0 && axes == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: axes is NULL, count is %" PRId64, function, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t axis;
        kdst_status status = kdst__tensor_axis(function, x, axes[i], &axis);
        if (status != KDST_STATUS_OK) return status;
        if (out->mask >> axis & 1)
            return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: axis %" PRId64 " is named twice", function, axis);
        out->mask |= UINT32_C(1) << axis;
    }
    if (count == 0) out->mask = (UINT32_C(1) << KDST__MAX_RANK) - 1;
    return KDST_STATUS_OK;
}

/* Strides of a result of the reduction as seen from the unreduced shape: 0 along the reduced axes. */
static void stretched(const kdst_tensor *y, int32_t rank, const attrs *at, int64_t stride[KDST__MAX_RANK])
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
    return reduce(call, 1 / (double)reduced_count(call->inputs[0], call->attrs));
}

static kdst_status mean_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    return dx == NULL ? KDST_STATUS_OK : spread(call, 1 / (double)reduced_count(dx, call->attrs));
}

const kdst__op kdst__op_sum = {
    .name = "sum",
    .min_inputs = 1,
    .max_inputs = 1,
    .strided = true,
    .attr_bytes = sizeof(attrs),
    .shape = shape,
    .forward = sum_forward,
    .backward = sum_backward,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_mean = {
    .name = "mean",
    .min_inputs = 1,
    .max_inputs = 1,
    .strided = true,
    .attr_bytes = sizeof(attrs),
    .shape = mean_shape,
    .forward = mean_forward,
    .backward = mean_backward,
    KDST__DOMAIN(-1, 1)};

static kdst_status
run(const kdst__op *op, kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    attrs at = {0, 0};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = read_axes(op->name, x, axes, count, keep, &at);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__op_run(op, &x, 1, &at, out);
}

kdst_status kdst_sum(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return run(&kdst__op_sum, x, axes, count, keep, out);
}

kdst_status kdst_mean(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return run(&kdst__op_mean, x, axes, count, keep, out);
}
