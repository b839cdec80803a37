/* SPDX-License-Identifier: Apache-2.0 */
/* split: parts of an axis behind each other, as views; each is a slice and recorded as one. */
#include "autograd/ops.h"

#include <inttypes.h>

static kdst_status check(kdst_tensor *x, int64_t axis, const int64_t *sizes, int64_t count)
{
    kdst_context *ctx = x->base.ctx;
    int64_t left = x->shape[axis];
    for (int64_t i = 0; i < count; i++) {
        if (sizes[i] < 0)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "split: size %" PRId64 " is %" PRId64 ", allowed is 0 and more", i,
                sizes[i]);
        if (sizes[i] > left)
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE,
                "split: size %" PRId64 " is %" PRId64 ", of axis %" PRId64 " with size %" PRId64 " only %" PRId64
                " are left",
                i, sizes[i], axis, x->shape[axis], left);
        left -= sizes[i];
    }
    if (left == 0) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_SHAPE, "split: the sizes sum to %" PRId64 ", axis %" PRId64 " has size %" PRId64,
        x->shape[axis] - left, axis, x->shape[axis]);
}

kdst_status kdst_split(kdst_tensor *x, int64_t axis, const int64_t *sizes, int64_t count, kdst_tensor **out)
{
    for (int64_t i = 0; out != NULL && i < count; i++)
        out[i] = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    if (count < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "split: count is %" PRId64 ", allowed is 1 and more", count);
    if (sizes == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "split: %s is NULL", sizes == NULL ? "sizes" : "out");
    kdst_status status = kdst__tensor_axis("split", x, axis, &axis);
    if (status == KDST_STATUS_OK) status = check(x, axis, sizes, count);
    int64_t begin = 0;
    for (int64_t i = 0; i < count && status == KDST_STATUS_OK; begin += sizes[i++])
        status = kdst_slice(x, axis, begin, begin + sizes[i], 1, &out[i]);
    for (int64_t i = 0; i < count && status != KDST_STATUS_OK; i++) {
        kdst__handle_release(out[i]);
        out[i] = NULL;
    }
    return status;
}
