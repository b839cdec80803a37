/* SPDX-License-Identifier: Apache-2.0 */
/* pad: a value in front of and behind one axis.
 *
 * y[.. before + i ..] = x[.. i ..], value elsewhere. dx[.. i ..] += dy[.. before + i ..].
 */
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t axis, before, after;
    double value;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that grows"),
    KDST__INT(attrs, before, 0, 0, INFINITY, "elements in front"),
    KDST__INT(attrs, after, 0, 0, INFINITY, "elements behind"),
    KDST__FLOAT(attrs, value, 0, -INFINITY, INFINITY, "what they are"),
};
static const kdst__schema attr_schema = {"pad", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    kdst_status status = kdst__tensor_axis("pad", x, at->axis, &at->axis);
    if (status != KDST_STATUS_OK) return status;
    if (at->before < 0 || at->after < 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "pad: %s is %" PRId64 ", allowed is 0 and more",
            at->before < 0 ? "before" : "after", at->before < 0 ? at->before : at->after);
    status = kdst__op_same_as_input(call);
    int64_t *size = &call->shape[at->axis];
    if (__builtin_add_overflow(*size, at->before, size) || __builtin_add_overflow(*size, at->after, size))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "pad: axis %" PRId64 " of size %" PRId64 " grows too large by %" PRId64 " and %" PRId64, at->axis,
            x->shape[at->axis], at->before, at->after);
    return status;
}

/* Blocks of `x_run` elements in x, `y_run` in y; those of x begin at `first` in those of y. */
static void layout(
    const kdst_tensor *x, const kdst_tensor *y, const attrs *at, int64_t *outer, int64_t *x_run, int64_t *y_run,
    int64_t *first)
{
    int64_t inner = 1;
    *outer = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        if (i < at->axis) *outer *= x->shape[i];
        if (i > at->axis) inner *= x->shape[i];
    }
    *x_run = x->shape[at->axis] * inner;
    *y_run = y->shape[at->axis] * inner;
    *first = at->before * inner;
}

/* Zeros around the channels of a blocked tensor: it stays blocked. */
static bool blocks(const kdst__call *call)
{
    const attrs *at = call->attrs;
    return kdst__tensor_blocked(call->inputs[0]) && at->axis == 1 && at->value == 0;
}

static kdst_status forward_blocked(const kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    const int64_t *size = x->shape;
    memset(y->storage->data, 0, y->storage->bytes);
    kdst__blocked_move_channels(
        kdst__tensor_compute(y), size[0], size[2] * size[3], size[1], 0, size[1], kdst__tensor_data(x), y->shape[1],
        ((const attrs *)call->attrs)->before, 0, kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    const attrs *at = call->attrs;
    kdst__compute *cp = kdst__tensor_compute(y);
    if (call->blocked) return forward_blocked(call);
    int64_t outer, x_run, y_run, first;
    layout(x, y, at, &outer, &x_run, &y_run, &first);
    size_t size = (size_t)kdst_dtype_get_size(x->dtype);
    const char *from = kdst__tensor_data(x);
    char *to = kdst__tensor_data(y);
    if (kdst__tensor_count(y) == 0) return KDST_STATUS_OK;
    for (int64_t o = 0; o < outer; o++) {
        kdst__fill(cp, y->dtype, first, at->value, to);
        memcpy(to + (size_t)first * size, from, (size_t)x_run * size);
        kdst__fill(cp, y->dtype, y_run - first - x_run, at->value, to + (size_t)(first + x_run) * size);
        from += (size_t)x_run * size;
        to += (size_t)y_run * size;
    }
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL || kdst__tensor_count(dx) == 0) return KDST_STATUS_OK;
    if (call->blocked) {
        kdst__blocked_move_channels(
            kdst__tensor_compute(dx), dx->shape[0], dx->shape[2] * dx->shape[3], dy->shape[1], at->before, dx->shape[1],
            kdst__tensor_data(dy), dx->shape[1], 0, 1, kdst__tensor_data(dx));
        return KDST_STATUS_OK;
    }
    const char *first =
        (const char *)kdst__tensor_data(dy) + at->before * dy->stride[at->axis] * kdst_dtype_get_size(dy->dtype);
    kdst__copy_strided(
        kdst__tensor_compute(dx), dx->dtype, dx->rank, dx->shape, 1, first, dy->stride, 1, kdst__tensor_data(dx),
        dx->stride);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_pad = {
    .name = "pad",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .blocked_inputs = 1,
    .blocks = blocks,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__pad_run(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, double value, kdst_tensor **out)
{
    attrs at = {axis, before, after, value};
    return kdst__op_run(&kdst__op_pad, &x, 1, &at, out);
}

kdst_status kdst_pad(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, kdst_tensor **out)
{
    return kdst__pad_run(x, axis, before, after, 0, out);
}
