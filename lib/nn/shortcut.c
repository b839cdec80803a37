/* SPDX-License-Identifier: Apache-2.0 */
/* shortcut: the parameter-free one between residual stages (He, Zhang, Ren, Sun: Deep Residual Learning, 2016, option A).
 *
 * y[n, f + c, i, j] = x[n, c, s i, s j] with f = (out - in) / 2 rounded down, zero in all other channels.
 */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct shortcut {
    kdst_layer base;
    int64_t in, out, stride;
} shortcut;

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const shortcut *s = (const shortcut *)layer;
    char text[KDST__SHAPE_TEXT];
    if (x->rank != 4 || x->shape[1] != s->in)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "shortcut: input is %s, layer expects [N, %" PRId64 ", H, W]",
            kdst__shape_text(x->rank, x->shape, text), s->in);
    kdst_tensor *some = NULL, *padded = NULL;
    kdst_tensor *last = x;
    kdst_status status = KDST_STATUS_OK;
    if (s->stride > 1) { /* means of single elements */
        const kdst__pool2d_attrs attrs = {.kernel = {1, 1}, .stride = {s->stride, s->stride}, .count_include_pad = 1};
        status = kdst__avg_pool2d_run(x, &attrs, &some);
        last = some;
    }
    int64_t before = (s->out - s->in) / 2, after = s->out - s->in - before;
    if (status == KDST_STATUS_OK && s->out > s->in) {
        status = kdst_pad(last, 1, before, after, &padded);
        last = padded;
    }
    if (status == KDST_STATUS_OK) {
        kdst_tensor_retain(last);
        *out = last;
    }
    kdst_tensor_release(padded);
    kdst_tensor_release(some);
    return status;
}

static const kdst__layer_kind kind = {.name = "shortcut", .bytes = sizeof(shortcut), .run = run};

kdst_status kdst_layer_shortcut_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, int64_t stride, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "shortcut", out);
    if (status != KDST_STATUS_OK) return status;
    if (in_channels < 1 || stride < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "shortcut: %s is %" PRId64 ", allowed is 1 and more",
            in_channels < 1 ? "in_channels" : "stride", in_channels < 1 ? in_channels : stride);
    if (out_channels < in_channels)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "shortcut: out_channels is %" PRId64 ", allowed is in_channels, %" PRId64 ", and more", out_channels,
            in_channels);
    status = kdst__layer_new(ctx, &kind, out);
    if (status == KDST_STATUS_OK) {
        shortcut *s = (shortcut *)*out;
        s->in = in_channels;
        s->out = out_channels;
        s->stride = stride;
    }
    return status;
}
