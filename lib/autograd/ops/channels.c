/* SPDX-License-Identifier: Apache-2.0 */
/* channel_shuffle and channel_slice: channels in another order, and some of them (Ma, Zhang, Zheng, Sun: ShuffleNet V2, 2018).
 *
 * x [N, C, …]. Shuffle, with C channels in G groups: y[n, j G + k] = x[n, k (C / G) + j]; dx[n, k (C / G) + j] += dy[n, j G + k], which is
 * the shuffle with C / G groups. Slice: y[n, j] = x[n, start + j]; dx[n, start + j] += dy[n, j]. Both copy, unlike views, and so keep
 * blocked channels.
 */
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>

typedef struct shuffle {
    int64_t groups;
} shuffle;

typedef struct slice {
    int64_t start, count;
} slice;

static const kdst__option shuffle_options[] = {
    KDST__INT(shuffle, groups, 1, 1, INFINITY, "parts of the channels that are interleaved"),
};
static const kdst__option slice_options[] = {
    KDST__INT(slice, start, 0, 0, INFINITY, "first channel"),
    KDST__INT(slice, count, 1, 0, INFINITY, "number of channels"),
};
static const kdst__schema shuffle_shown = {"channel_shuffle", shuffle_options, KDST__COUNT(shuffle_options), NULL, 0};
static const kdst__schema slice_shown = {"channel_slice", slice_options, KDST__COUNT(slice_options), NULL, 0};

/* Elements of a channel. */
static int64_t plane(const kdst_tensor *x)
{
    int64_t count = 1;
    for (int32_t i = 2; i < x->rank; i++)
        count *= x->shape[i];
    return count;
}

static kdst_status need_channels(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    if (x->rank >= 2) return kdst__op_same_as_input(call);
    return kdst__fail(
        call->ctx, KDST_STATUS_SHAPE, "%s: x is %s, expected [N, C, …]", call->op->name,
        kdst__shape_text(x->rank, x->shape, text));
}

/* ---- shuffle ---- */

static kdst_status shuffle_shape(kdst__call *call)
{
    const int64_t groups = ((const shuffle *)call->attrs)->groups;
    kdst_status status = need_channels(call);
    if (status != KDST_STATUS_OK) return status;
    if (groups < 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "channel_shuffle: groups is %" PRId64 ", allowed is 1 and more",
            groups);
    if (call->shape[1] % groups != 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "channel_shuffle: x has %" PRId64 " channels, which cannot be cut into %" PRId64 " groups", call->shape[1],
            groups);
    return KDST_STATUS_OK;
}

/* to[n, j groups + k] (+)= from[n, k (C / groups) + j] */
static kdst_status
interleave(const kdst__call *call, int64_t groups, const kdst_tensor *from, bool add, kdst_tensor *to)
{
    kdst__compute *cp = kdst__tensor_compute(to);
    const int64_t n = to->shape[0], c = to->shape[1], s = plane(to), each = c / groups;
    if (n * c * s == 0) return KDST_STATUS_OK;
    if (!call->blocked) {
        kdst__copy_strided(
            cp, to->dtype, 4, (int64_t[]){n, each, groups, s}, 1, kdst__tensor_data(from),
            (int64_t[]){c * s, s, each * s, 1}, add, kdst__tensor_data(to), (int64_t[]){c * s, groups * s, s, 1});
        return KDST_STATUS_OK;
    }
    kdst__memory *memory = kdst__context_memory(call->ctx);
    int32_t *place = kdst__alloc(memory, (size_t)c * sizeof *place);
    if (place == NULL) return kdst__fail_memory(call->ctx, "channel_shuffle");
    for (int64_t i = 0; i < c; i++)
        place[i] = (int32_t)(i % groups * each + i / groups);
    kdst__blocked_permute_channels(cp, n, c, s, place, kdst__tensor_data(from), add, kdst__tensor_data(to));
    kdst__free(memory, place, (size_t)c * sizeof *place);
    return KDST_STATUS_OK;
}

static kdst_status shuffle_forward(kdst__call *call)
{
    return interleave(call, ((const shuffle *)call->attrs)->groups, call->inputs[0], false, call->out);
}

static kdst_status shuffle_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    if (dx == NULL) return KDST_STATUS_OK;
    const int64_t each = dx->shape[1] / ((const shuffle *)call->attrs)->groups;
    return each == 0 ? KDST_STATUS_OK : interleave(call, each, call->d_out, !(call->fresh & 1), dx);
}

/* ---- slice ---- */

static kdst_status slice_shape(kdst__call *call)
{
    const slice *at = call->attrs;
    kdst_status status = need_channels(call);
    if (status != KDST_STATUS_OK) return status;
    const int64_t c = call->shape[1];
    if (at->start < 0 || at->start > c)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "channel_slice: start is %" PRId64 ", allowed is 0 to %" PRId64 ", the number of channels", at->start, c);
    if (at->count < 0 || at->count > c - at->start)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "channel_slice: count is %" PRId64 ", allowed is 0 to %" PRId64 ", the channels from %" PRId64 " on",
            at->count, c - at->start, at->start);
    call->shape[1] = at->count;
    return KDST_STATUS_OK;
}

/* Channels [from, from + count) of x become, or are added to, channels [to, to + count) of y. */
static void move(const kdst__call *call, const kdst_tensor *x, int64_t from, int64_t to, bool add, kdst_tensor *y)
{
    kdst__compute *cp = kdst__tensor_compute(y);
    const int64_t n = y->shape[0], count = ((const slice *)call->attrs)->count, s = plane(y);
    const int64_t in_x = x->shape[1] * s, in_y = y->shape[1] * s;
    if (n * count * s == 0) return;
    if (call->blocked) {
        kdst__blocked_move_channels(
            cp, n, s, x->shape[1], from, count, kdst__tensor_data(x), y->shape[1], to, add, kdst__tensor_data(y));
        return;
    }
    const int64_t size = kdst_dtype_get_size(y->dtype);
    kdst__copy_strided(
        cp, y->dtype, 2, (int64_t[]){n, count * s}, 1, (const char *)kdst__tensor_data(x) + from * s * size,
        (int64_t[]){in_x, 1}, add, (char *)kdst__tensor_data(y) + to * s * size, (int64_t[]){in_y, 1});
}

static kdst_status slice_forward(kdst__call *call)
{
    move(call, call->inputs[0], ((const slice *)call->attrs)->start, 0, false, call->out);
    return KDST_STATUS_OK;
}

static kdst_status slice_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    const bool fresh = call->fresh & 1;
    if (dx == NULL) return KDST_STATUS_OK;
    if (fresh) kdst__fill(kdst__tensor_compute(dx), dx->dtype, kdst__tensor_room(dx), 0, kdst__tensor_data(dx));
    move(call, call->d_out, 0, ((const slice *)call->attrs)->start, !fresh, dx);
    return KDST_STATUS_OK;
}

/* ---- */

const kdst__op kdst__op_channel_shuffle = {
    .name = "channel_shuffle",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(shuffle),
    .attr_schema = &shuffle_shown,
    .shape = shuffle_shape,
    .forward = shuffle_forward,
    .backward = shuffle_backward,
    .blocked_inputs = 1,
    .writes = 1,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_channel_slice = {
    .name = "channel_slice",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(slice),
    .attr_schema = &slice_shown,
    .shape = slice_shape,
    .forward = slice_forward,
    .backward = slice_backward,
    .blocked_inputs = 1,
    .writes = 1,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_channel_shuffle(kdst_tensor *x, int64_t groups, kdst_tensor **out)
{
    shuffle attrs = {groups};
    return kdst__op_run(&kdst__op_channel_shuffle, &x, 1, &attrs, out);
}

kdst_status kdst_channel_slice(kdst_tensor *x, int64_t start, int64_t count, kdst_tensor **out)
{
    slice attrs = {start, count};
    return kdst__op_run(&kdst__op_channel_slice, &x, 1, &attrs, out);
}
