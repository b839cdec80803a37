/* SPDX-License-Identifier: Apache-2.0 */
/* Index tensors: int32, each index checked before anything is read through it. */
#include "autograd/indices.h"

#include <inttypes.h>
#include <stdio.h>

kdst_status kdst__indices_type(kdst__call *call, const kdst_tensor *indices)
{
    if (indices->dtype == KDST_DTYPE_INT32) return KDST_STATUS_OK;
    return kdst__fail(
        call->ctx, KDST_STATUS_DTYPE, "%s: indices are %s, expected int32", call->op->name,
        kdst_dtype_get_name(indices->dtype));
}

/* "[2, 0, 1]" of element i of a tensor, or "3" for one of rank 1. */
static const char *position_text(const kdst_tensor *t, int64_t i, char text[KDST__SHAPE_TEXT])
{
    int64_t at[KDST__MAX_RANK];
    for (int32_t k = t->rank - 1; k >= 0; i /= t->shape[k], k--)
        at[k] = i % t->shape[k];
    if (t->rank != 1) return kdst__shape_text(t->rank, at, text);
    snprintf(text, KDST__SHAPE_TEXT, "%" PRId64, at[0]);
    return text;
}

kdst_status kdst__indices_check(kdst__call *call, const kdst_tensor *indices, int64_t size)
{
    const int32_t *values = kdst__tensor_data(indices);
    int64_t count = kdst__tensor_count(indices), i = 0;
    char text[KDST__SHAPE_TEXT];
    while (i < count && values[i] >= 0 && values[i] < size)
        i++;
    if (i == count) return KDST_STATUS_OK;
    position_text(indices, i, text);
    if (size == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: index %d at position %s, but the axis has size 0",
            call->op->name, values[i], text);
    return kdst__fail(
        call->ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: index %d at position %s, allowed is 0 to %" PRId64,
        call->op->name, values[i], text, size - 1);
}

void kdst__around_axis(const kdst_tensor *t, int64_t axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int32_t i = 0; i < t->rank; i++) {
        if (i < axis) *outer *= t->shape[i];
        if (i > axis) *inner *= t->shape[i];
    }
}
