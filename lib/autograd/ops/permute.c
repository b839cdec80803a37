/* SPDX-License-Identifier: Apache-2.0 */
/* permute: the axes in another order.
 *
 * Axis i of y is axis p_i of x; always a view. dx += dy with the axes put back. Any element type; recorded for floating
 * point.
 */
#include "autograd/ops.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t axes[KDST__MAX_RANK], axes_count;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INTS_UPTO(
        attrs, axes, KDST__MAX_RANK, 0, KDST__MAX_RANK - 1, "which axis of the input each of the result's is"),
};
static const kdst__schema attr_schema = {"permute", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    uint32_t seen = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        kdst_status status = kdst__tensor_axis("permute", x, at->axes[i], &at->axes[i]);
        if (status != KDST_STATUS_OK) return status;
        if (seen >> at->axes[i] & 1)
            return kdst__fail(
                call->ctx, KDST_STATUS_INVALID_ARGUMENT, "permute: axis %" PRId64 " is named twice", at->axes[i]);
        seen |= UINT32_C(1) << at->axes[i];
        call->shape[i] = x->shape[at->axes[i]];
    }
    call->rank = x->rank;
    return KDST_STATUS_OK;
}

static void permuted(const kdst_tensor *x, const attrs *at, int64_t stride[KDST__MAX_RANK])
{
    for (int32_t i = 0; i < x->rank; i++)
        stride[i] = x->stride[at->axes[i]];
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0];
    int64_t stride[KDST__MAX_RANK];
    permuted(x, call->attrs, stride);
    return kdst__tensor_view("permute", x, x->rank, call->shape, stride, x->offset, &call->out);
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    int64_t stride[KDST__MAX_RANK];
    if (dx == NULL) return KDST_STATUS_OK;
    permuted(dx, call->attrs, stride);
    kdst__copy_strided(
        kdst__tensor_compute(dx), dx->dtype, dy->rank, dy->shape, 1, kdst__tensor_data(dy), dy->stride, 1,
        kdst__tensor_data(dx), stride);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_permute = {
    .name = "permute",
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

kdst_status kdst_permute(kdst_tensor *x, const int64_t *axes, int64_t count, kdst_tensor **out)
{
    attrs at = {.axes_count = count};
    if (x != NULL && out != NULL) {
        *out = NULL;
        kdst__enter(x->base.ctx);
        if (count != x->rank)
            return kdst__fail(
                x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "permute: count is %" PRId64 ", x has rank %d", count,
                x->rank);
        if (axes == NULL && count > 0)
            return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "permute: axes is NULL");
        if (count > 0) memcpy(at.axes, axes, (size_t)count * sizeof *axes);
    }
    return kdst__op_run(&kdst__op_permute, &x, 1, &at, out);
}
