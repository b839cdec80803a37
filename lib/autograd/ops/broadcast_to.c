/* SPDX-License-Identifier: Apache-2.0 */
/* broadcast_to: stretches axes of size 1, and puts new ones in front, as NumPy does.
 *
 * Always a view whose stretched axes have stride 0; dx += dy, summed along them. Any element type; recorded for
 * floating point.
 */
#include "autograd/ops.h"
#include "tensor/storage.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t shape[KDST__MAX_RANK], shape_count;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INTS_UPTO(attrs, shape, KDST__MAX_RANK, 0, INFINITY, "shape of the result"),
};
static const kdst__schema attr_schema = {"broadcast_to", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    const int32_t rank = (int32_t)at->shape_count, front = rank - x->rank;
    char from[KDST__SHAPE_TEXT], to[KDST__SHAPE_TEXT];
    bool fits = front >= 0;
    kdst__shape_text(rank, at->shape, to);
    for (int32_t i = 0; fits && i < rank; i++) {
        if (at->shape[i] == -1 && i >= front) at->shape[i] = x->shape[i - front];
        fits = at->shape[i] >= 0 && (i < front || x->shape[i - front] == 1 || x->shape[i - front] == at->shape[i]);
    }
    if (!fits)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "broadcast_to: x is %s, which does not stretch to %s",
            kdst__shape_text(x->rank, x->shape, from), to);
    call->rank = rank;
    memcpy(call->shape, at->shape, sizeof call->shape);
    return KDST_STATUS_OK;
}

/* Strides of t as seen from the stretched shape. */
static void stretched(const kdst_tensor *t, int32_t rank, const int64_t *shape, int64_t stride[KDST__MAX_RANK])
{
    for (int32_t i = 0; i < rank; i++) {
        int32_t own = i - (rank - t->rank);
        stride[i] = own < 0 || t->shape[own] != shape[i] ? 0 : t->stride[own];
    }
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0];
    int64_t stride[KDST__MAX_RANK];
    size_t unused;
    kdst_status status = kdst__tensor_check(call->ctx, "broadcast_to", x->dtype, call->rank, call->shape, &unused);
    if (status != KDST_STATUS_OK) return status;
    stretched(x, call->rank, call->shape, stride);
    return kdst__tensor_view("broadcast_to", x, call->rank, call->shape, stride, x->offset, &call->out);
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    int64_t stride[KDST__MAX_RANK];
    if (dx == NULL || kdst__tensor_count(dy) == 0) return KDST_STATUS_OK;
    for (int32_t i = 0; i < dy->rank; i++) {
        int32_t own = i - (dy->rank - dx->rank);
        stride[i] = own < 0 || dx->shape[own] == 1 ? 0 : dx->stride[own];
    }
    kdst_status status = kdst__sum_strided(
        kdst__tensor_compute(dx), dx->dtype, dy->rank, dy->shape, 1, kdst__tensor_data(dy), dy->stride, 1,
        kdst__tensor_data(dx), stride);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "broadcast_to");
}

const kdst__op kdst__op_broadcast_to = {
    .name = "broadcast_to",
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

kdst_status kdst_broadcast_to(kdst_tensor *x, int64_t rank, const int64_t *shape_wanted, kdst_tensor **out)
{
    attrs at = {.shape_count = rank};
    if (x != NULL && out != NULL) {
        *out = NULL;
        kdst__enter(x->base.ctx);
        if (rank < 0 || rank > KDST__MAX_RANK)
            return kdst__fail(
                x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "broadcast_to: rank is %" PRId64 ", allowed is 0 to %d",
                rank, KDST__MAX_RANK);
        if (shape_wanted == NULL && rank > 0)
            return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "broadcast_to: shape is NULL");
        if (rank > 0) memcpy(at.shape, shape_wanted, (size_t)rank * sizeof *shape_wanted);
    }
    return kdst__op_run(&kdst__op_broadcast_to, &x, 1, &at, out);
}
