/* SPDX-License-Identifier: Apache-2.0 */
/* See axes.h. */
#include "autograd/axes.h"

#include <inttypes.h>

static const kdst__option shown[] = {
    KDST__INTS_UPTO(kdst__axes, axes, KDST__MAX_RANK, 0, KDST__MAX_RANK - 1, "the axes that are reduced"),
    KDST__INT(kdst__axes, keep, 0, 0, 1, "1: they are kept with size 1"),
    KDST__INT(kdst__axes, correction, 1, 0, INFINITY, "taken from the number of elements"),
};
const kdst__schema kdst__axes_shown = {"axes", shown, KDST__COUNT(shown) - 1, NULL, 0};
const kdst__schema kdst__axes_shown_corrected = {"axes", shown, KDST__COUNT(shown), NULL, 0};

kdst_status kdst__axes_shape(kdst__call *call)
{
    const kdst__axes *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    call->rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        bool reduced = at->mask >> i & 1;
        if (!reduced || at->keep) call->shape[call->rank++] = reduced ? 1 : x->shape[i];
    }
    return KDST_STATUS_OK;
}

int64_t kdst__axes_elements(const kdst_tensor *x, const kdst__axes *at)
{
    int64_t count = 1;
    for (int32_t i = 0; i < x->rank; i++)
        if (at->mask >> i & 1) count *= x->shape[i];
    return count;
}

kdst_status kdst__axes_read(
    const char *function, const kdst_tensor *x, const int64_t *axes, int64_t count, int64_t keep, kdst__axes *out)
{
    kdst_context *ctx = x->base.ctx;
    *out = (kdst__axes){.keep = keep};
    if (keep != 0 && keep != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: keep is %" PRId64 ", allowed is 0 or 1", function, keep);
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
    if (count == 0) out->mask = (UINT32_C(1) << x->rank) - 1;
    for (int32_t i = 0; i < x->rank; i++)
        if (out->mask >> i & 1) out->axes[out->axes_count++] = i;
    return KDST_STATUS_OK;
}

kdst_status kdst__axes_run(
    const kdst__op *op, kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction,
    kdst_tensor **out)
{
    kdst__axes at = {.keep = 0};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__axes_read(op->name, x, axes, count, keep, &at);
        if (status != KDST_STATUS_OK) return status;
        if (correction < 0)
            return kdst__fail(
                x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: correction is %" PRId64 ", allowed is 0 and more",
                op->name, correction);
        at.correction = correction;
    }
    return kdst__op_run(op, &x, 1, &at, out);
}
