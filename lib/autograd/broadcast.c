/* SPDX-License-Identifier: Apache-2.0 */
/* See broadcast.h. */
#include "autograd/broadcast.h"

#include <string.h>

void kdst__broadcast_strides(const kdst_tensor *t, int32_t rank, int64_t stride[KDST__MAX_RANK])
{
    for (int32_t i = 0; i < rank; i++) {
        int32_t own = i - (rank - t->rank);
        stride[i] = own < 0 || t->shape[own] == 1 ? 0 : t->stride[own];
    }
}

kdst_status kdst__broadcast_forward(kdst__call *call, int32_t op)
{
    kdst_tensor *y = call->out;
    kdst__broadcast_binary(op, call->inputs[0], call->inputs[1], y);
    return KDST_STATUS_OK;
}

void kdst__broadcast_binary(int32_t op, const kdst_tensor *a, const kdst_tensor *b, kdst_tensor *y)
{
    kdst__compute *cp = kdst__tensor_compute(y);
    int64_t a_stride[KDST__MAX_RANK], b_stride[KDST__MAX_RANK];
    if (kdst__tensor_same_shape(a, b) && kdst__tensor_contiguous(a) && kdst__tensor_contiguous(b)) {
        kdst__binary(
            cp, y->dtype, op, kdst__tensor_room(y), kdst__tensor_data(a), kdst__tensor_data(b), 0,
            kdst__tensor_data(y));
        return;
    }
    kdst__broadcast_strides(a, y->rank, a_stride);
    kdst__broadcast_strides(b, y->rank, b_stride);
    kdst__binary_strided(
        cp, y->dtype, op, y->rank, y->shape, kdst__tensor_data(a), a_stride, kdst__tensor_data(b), b_stride, 0,
        kdst__tensor_data(y), y->stride);
}

kdst_status kdst__broadcast_add(const char *name, kdst_tensor *d, const kdst_tensor *g, double alpha, bool add)
{
    int64_t stride[KDST__MAX_RANK];
    kdst__compute *cp = kdst__tensor_compute(d);
    if (kdst__tensor_same_shape(d, g)) {
        const int64_t count = kdst__tensor_room(d);
        if (add)
            kdst__add_into(cp, d->dtype, count, alpha, kdst__tensor_data(g), kdst__tensor_data(d));
        else if (d != g || alpha != 1)
            kdst__copy(cp, d->dtype, count, alpha, kdst__tensor_data(g), kdst__tensor_data(d));
        return KDST_STATUS_OK;
    }
    kdst__broadcast_strides(d, g->rank, stride);
    kdst_status status = kdst__sum_strided(
        cp, d->dtype, g->rank, g->shape, alpha, kdst__tensor_data(g), g->stride, add, kdst__tensor_data(d), stride);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(d->base.ctx, name);
}

kdst_status kdst__broadcast_combine(
    const char *name, kdst_tensor *d, const kdst_tensor *g, int32_t op, const kdst_tensor *other, kdst_tensor **scratch)
{
    int64_t stride[KDST__MAX_RANK];
    kdst__compute *cp = kdst__tensor_compute(d);
    bool direct = kdst__tensor_same_shape(d, g);
    if (kdst__tensor_blocked(g)) { /* all three are, and none is stretched */
        kdst__binary(
            cp, g->dtype, op, kdst__tensor_room(g), kdst__tensor_data(g), kdst__tensor_data(other), 1,
            kdst__tensor_data(d));
        return KDST_STATUS_OK;
    }
    if (!direct && *scratch == NULL) {
        kdst_status status = kdst__tensor_new_like(name, g, false, scratch);
        if (status != KDST_STATUS_OK) return status;
    }
    kdst_tensor *y = direct ? d : *scratch;
    kdst__broadcast_strides(other, g->rank, stride);
    kdst__binary_strided(
        cp, g->dtype, op, g->rank, g->shape, kdst__tensor_data(g), g->stride, kdst__tensor_data(other), stride, direct,
        kdst__tensor_data(y), y->stride);
    return direct ? KDST_STATUS_OK : kdst__broadcast_add(name, d, y, 1, true);
}

/* t as seen from the stretched shape, with other element types converted. */
static void stretch(const kdst_tensor *t, kdst_tensor *to)
{
    kdst__layout from = kdst__tensor_layout(t);
    int64_t stride[KDST__MAX_RANK];
    kdst__broadcast_strides(t, to->rank, stride);
    from.stride = stride;
    kdst__layout_copy(to->rank, to->shape, kdst__tensor_layout(to), from);
}

kdst_status kdst__broadcast_operand(
    const char *name, kdst_tensor *t, kdst_dtype dtype, int32_t rank, const int64_t *shape, kdst__operand *out)
{
    kdst_tensor *made = NULL;
    const bool one = kdst__tensor_count(t) == 1,
               whole = !one && kdst__tensor_contiguous(t) && t->rank == rank &&
        memcmp(t->shape, shape, (size_t)rank * sizeof *shape) == 0;
    *out = (kdst__operand){.step = !one};
    if (dtype == t->dtype && (one || whole)) {
        kdst__handle_retain(made = t);
    } else {
        kdst_status status = kdst__tensor_new(t->base.ctx, name, dtype, one ? 0 : rank, shape, false, &made);
        if (status != KDST_STATUS_OK) return status;
        if (one)
            kdst__layout_copy(0, NULL, kdst__tensor_layout(made), kdst__tensor_layout(t));
        else
            stretch(t, made);
    }
    out->tensor = made;
    out->data = kdst__tensor_data(made);
    return KDST_STATUS_OK;
}
