/* SPDX-License-Identifier: Apache-2.0 */
/* reshape: the same elements, row-major, in another shape.
 *
 * y.flat[i] = x.flat[i]; one entry of the shape may be -1 and takes what is left. A view when x is contiguous, a copy
 * otherwise. dx.flat[i] += dy.flat[i]. Any element type; recorded for floating point.
 */
#include "autograd/ops.h"
#include "tensor/storage.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t rank;
    int64_t shape[KDST__MAX_RANK];
} attrs;

static const kdst__option shown[] = {
    {"shape", KDST_OPTION_INTS, 0, -1, INFINITY, 0, "", "", -KDST__MAX_RANK, offsetof(attrs, shape),
     offsetof(attrs, rank), "sizes of the result; -1: what is left"},
};
static const kdst__schema attr_schema = {"reshape", shown, KDST__COUNT(shown), NULL, 0};

static kdst_status mismatch(kdst__call *call)
{
    const attrs *a = call->attrs;
    char from[KDST__SHAPE_TEXT], to[KDST__SHAPE_TEXT];
    return kdst__fail(
        call->ctx, KDST_STATUS_SHAPE, "reshape: x is %s, which has another number of elements than %s",
        kdst__shape_text(call->inputs[0]->rank, call->inputs[0]->shape, from), kdst__shape_text(a->rank, a->shape, to));
}

static kdst_status shape(kdst__call *call)
{
    const attrs *a = call->attrs;
    int64_t count = kdst__tensor_count(call->inputs[0]), known = 1;
    int32_t rest = -1;
    for (int32_t i = 0; i < (int32_t)a->rank; i++) {
        int64_t size = a->shape[i];
        if (size < -1) return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "reshape: axis %d has size %" PRId64, i, size);
        if (size == -1 && rest >= 0)
            return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "reshape: axes %d and %d are both -1", rest, i);
        if (size == -1)
            rest = i;
        else if (__builtin_mul_overflow(known, size, &known))
            return mismatch(call);
        call->shape[i] = size;
    }
    call->rank = (int32_t)a->rank;
    if (rest >= 0) {
        if (known == 0 || count % known != 0) return mismatch(call);
        call->shape[rest] = count / known;
    } else if (known != count) {
        return mismatch(call);
    }
    return KDST_STATUS_OK;
}

/* Images in blocked channels stay so when only the axes that count them change. */
static bool keeps_images(const kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    return kdst__tensor_blocked(x) && x->rank >= 4 && call->rank >= 4 &&
        !memcmp(x->shape + x->rank - 3, call->shape + call->rank - 3, 3 * sizeof *x->shape);
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0];
    if (call->blocked)
        return kdst__tensor_on(call->ctx, "reshape", x->storage, x->dtype, call->rank, call->shape, NULL, 0, &call->out);
    kdst_status status = kdst__tensor_to_contiguous("reshape", x, &x);
    if (status != KDST_STATUS_OK) return status;
    int64_t stride[KDST__MAX_RANK], run = 1;
    for (int32_t i = call->rank - 1; i >= 0; i--) {
        stride[i] = run;
        run *= call->shape[i] > 0 ? call->shape[i] : 1;
    }
    status = kdst__tensor_view("reshape", x, call->rank, call->shape, stride, x->offset, &call->out);
    kdst_tensor_release(x);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx != NULL)
        kdst__add_into(
            kdst__tensor_compute(dx), dx->dtype, kdst__tensor_room(dx), 1, kdst__tensor_data(dy),
            kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_reshape = {
    .name = "reshape",
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
    .blocked_inputs = 1,
    .folds = true,
    .blocks = keeps_images,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_reshape(kdst_tensor *x, int64_t rank, const int64_t *shape_wanted, kdst_tensor **out)
{
    attrs a = {.rank = rank};
    if (x != NULL && out != NULL) {
        *out = NULL;
        kdst__enter(x->base.ctx);
        if (rank < 0 || rank > KDST__MAX_RANK)
            return kdst__fail(
                x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "reshape: rank is %" PRId64 ", allowed is 0 to %d", rank,
                KDST__MAX_RANK);
        if (shape_wanted == NULL && rank > 0)
            return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "reshape: shape is NULL");
        if (rank > 0) memcpy(a.shape, shape_wanted, (size_t)rank * sizeof *shape_wanted);
    }
    return kdst__op_run(&kdst__op_reshape, &x, 1, &a, out);
}
