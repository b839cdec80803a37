/* SPDX-License-Identifier: Apache-2.0 */
/* Channels in another order, and some of them (Ma, Zhang, Zheng, Sun: ShuffleNet V2, 2018).
 *
 * channel_shuffle: with c channels in g groups, y[n, j g + k] = x[n, k (c / g) + j]. channel_slice: y[n, j] = x[n, start + j].
 */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct shuffle {
    kdst_layer base;
    int64_t groups;
} shuffle;

typedef struct slice {
    kdst_layer base;
    int64_t start, count;
} slice;

static kdst_status run_shuffle(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const int64_t groups = ((const shuffle *)layer)->groups;
    char text[KDST__SHAPE_TEXT];
    if (x->rank < 2 || x->shape[1] % groups != 0)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE,
            "channel_shuffle: input is %s, layer expects [N, C, …] with C in %" PRId64 " groups",
            kdst__shape_text(x->rank, x->shape, text), groups);
    return kdst_channel_shuffle(x, groups, out);
}

static kdst_status run_slice(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const slice *s = (const slice *)layer;
    char text[KDST__SHAPE_TEXT];
    if (x->rank < 2 || x->shape[1] < s->start + s->count)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE,
            "channel_slice: input is %s, layer expects [N, C, …] with C of %" PRId64 " and more",
            kdst__shape_text(x->rank, x->shape, text), s->start + s->count);
    return kdst_channel_slice(x, s->start, s->count, out);
}

static const kdst__layer_kind shuffle_kind = {.name = "channel_shuffle", .bytes = sizeof(shuffle), .run = run_shuffle};
static const kdst__layer_kind slice_kind = {.name = "channel_slice", .bytes = sizeof(slice), .run = run_slice};

kdst_status kdst_layer_channel_shuffle_create(kdst_context *ctx, int64_t groups, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "channel_shuffle", out);
    if (status != KDST_STATUS_OK) return status;
    if (groups < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "channel_shuffle: groups is %" PRId64 ", allowed is 1 and more", groups);
    status = kdst__layer_new(ctx, &shuffle_kind, out);
    if (status == KDST_STATUS_OK) ((shuffle *)*out)->groups = groups;
    return status;
}

kdst_status kdst_layer_channel_slice_create(kdst_context *ctx, int64_t start, int64_t count, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "channel_slice", out);
    if (status != KDST_STATUS_OK) return status;
    if (start < 0 || count < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "channel_slice: %s is %" PRId64 ", allowed is %d and more",
            start < 0 ? "start" : "count", start < 0 ? start : count, start < 0 ? 0 : 1);
    if (start > INT64_MAX - count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "channel_slice: start %" PRId64 " and count %" PRId64 " are too large",
            start, count);
    status = kdst__layer_new(ctx, &slice_kind, out);
    if (status != KDST_STATUS_OK) return status;
    ((slice *)*out)->start = start;
    ((slice *)*out)->count = count;
    return KDST_STATUS_OK;
}
