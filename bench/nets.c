/* SPDX-License-Identifier: Apache-2.0 */
/* Networks put together from the public layers, as a user would: nothing here knows what the library makes of them.
 *
 * The first three are those of the zoo, so that a case of it stands beside one of these.
 */
#include "bench.h"

/* A sequential that layers are added to; the first failure stays. */
typedef struct chain {
    kdst_context *ctx;
    kdst_layer *layers;
    kdst_status status;
} chain;

static chain begin(kdst_context *ctx)
{
    chain c = {.ctx = ctx};
    c.status = kdst_layer_sequential_create(ctx, &c.layers);
    return c;
}

/* Hands over what has been built, or nothing. */
static kdst_status end(chain *c, kdst_layer **out)
{
    if (c->status) {
        kdst_layer_release(c->layers);
        c->layers = NULL;
    }
    *out = c->layers;
    return c->status;
}

static void add(chain *c, kdst_status made, kdst_layer *layer)
{
    if (!c->status) c->status = made;
    if (!c->status) c->status = kdst_layer_add(c->layers, NULL, layer);
    kdst_layer_release(layer);
}

static void add_convolution(chain *c, int64_t in, int64_t out, int64_t kernel, int64_t stride, bool bias)
{
    kdst_layer *layer = NULL;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "kernel", kernel);
    if (!status) status = kdst_options_set_int(o, "stride", stride);
    if (!status) status = kdst_options_set_int(o, "padding", kernel / 2);
    if (!status) status = kdst_options_set_int(o, "bias", bias);
    if (!status) status = kdst_layer_conv2d_create(c->ctx, in, out, o, &layer);
    kdst_options_release(o);
    add(c, status, layer);
}

static void add_norm(chain *c, int64_t channels)
{
    kdst_layer *layer = NULL;
    kdst_status status = kdst_layer_batch_norm_create(c->ctx, channels, NULL, &layer);
    add(c, status, layer);
}

static void add_relu(chain *c)
{
    kdst_layer *layer = NULL;
    kdst_status status = kdst_layer_activation_create(c->ctx, "relu", &layer);
    add(c, status, layer);
}

static void add_linear(chain *c, int64_t in, int64_t out)
{
    kdst_layer *layer = NULL;
    kdst_status status = kdst_layer_linear_create(c->ctx, in, out, NULL, &layer);
    add(c, status, layer);
}

/* ---- lenet ---- */

static void add_relu_and_pool(chain *c)
{
    kdst_layer *pool = NULL;
    add_relu(c);
    kdst_status status = kdst_layer_max_pool2d_create(c->ctx, NULL, &pool);
    add(c, status, pool);
}

kdst_status make_lenet(kdst_context *ctx, const bench_case *row, kdst_layer **out)
{
    kdst_layer *flatten = NULL;
    chain c = begin(ctx);
    int64_t side = row->shape[2] / 4;
    add_convolution(&c, row->shape[1], 32, 5, 1, true);
    add_relu_and_pool(&c);
    add_convolution(&c, 32, 64, 5, 1, true);
    add_relu_and_pool(&c);
    kdst_status status = kdst_layer_flatten_create(ctx, &flatten);
    add(&c, status, flatten);
    add_linear(&c, 64 * side * side, 1024);
    add_relu(&c);
    add_linear(&c, 1024, 10);
    return end(&c, out);
}

/* ---- residual networks ---- */

enum { PADDED, PROJECTED };

static kdst_status
make_shortcut(kdst_context *ctx, int kind, int64_t in, int64_t out, int64_t stride, kdst_layer **layer)
{
    if (kind == PADDED) return kdst_layer_shortcut_create(ctx, in, out, stride, layer);
    chain c = begin(ctx);
    add_convolution(&c, in, out, 1, stride, false);
    add_norm(&c, out);
    return end(&c, layer);
}

static void add_block(chain *c, int kind, int64_t in, int64_t out, int64_t stride)
{
    kdst_layer *body = NULL, *shortcut = NULL, *block = NULL;
    chain inner = begin(c->ctx);
    add_convolution(&inner, in, out, 3, stride, false);
    add_norm(&inner, out);
    add_relu(&inner);
    add_convolution(&inner, out, out, 3, 1, false);
    add_norm(&inner, out);
    kdst_status status = end(&inner, &body);
    if (!status && (stride != 1 || in != out)) status = make_shortcut(c->ctx, kind, in, out, stride, &shortcut);
    if (!status) status = kdst_layer_residual_create(c->ctx, body, shortcut, NULL, &block);
    kdst_layer_release(body);
    kdst_layer_release(shortcut);
    add(c, status, block);
}

static void add_stem(chain *c, int64_t channels, int64_t width)
{
    add_convolution(c, channels, width, 3, 1, false);
    add_norm(c, width);
    add_relu(c);
}

static void add_head(chain *c, int64_t width)
{
    kdst_layer *pool = NULL;
    kdst_status status = kdst_layer_global_avg_pool2d_create(c->ctx, &pool);
    add(c, status, pool);
    add_linear(c, width, 10);
}

static kdst_status make_residual(
    kdst_context *ctx, const bench_case *row, int kind, int64_t width, int stages, int blocks, kdst_layer **out)
{
    chain c = begin(ctx);
    int64_t inside = width;
    add_stem(&c, row->shape[1], width);
    for (int stage = 0; stage < stages; stage++)
        for (int block = 0; block < blocks; block++) {
            add_block(&c, kind, inside, width << stage, stage && !block ? 2 : 1);
            inside = width << stage;
        }
    add_head(&c, inside);
    return end(&c, out);
}

kdst_status make_resnet20(kdst_context *ctx, const bench_case *row, kdst_layer **out)
{
    return make_residual(ctx, row, PADDED, 16, 3, 3, out);
}

kdst_status make_resnet18(kdst_context *ctx, const bench_case *row, kdst_layer **out)
{
    return make_residual(ctx, row, PROJECTED, 64, 4, 2, out);
}

kdst_status make_two_blocks(kdst_context *ctx, const bench_case *row, kdst_layer **out)
{
    return make_residual(ctx, row, PADDED, row->out, 1, 2, out);
}

/* ---- single layers ---- */

/* 3x3, a kernel for each channel of [N, C, H, W]. */
kdst_status make_depthwise(kdst_context *ctx, const bench_case *row, kdst_layer **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "padding", 1);
    if (!status) status = kdst_options_set_int(o, "groups", row->shape[1]);
    if (!status) status = kdst_layer_conv2d_create(ctx, row->shape[1], row->shape[1], o, out);
    kdst_options_release(o);
    return status;
}

/* One direction, as wide as the input [T, N, D]. */
kdst_status make_lstm(kdst_context *ctx, const bench_case *row, kdst_layer **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_string(o, "result", "sequence");
    if (!status) status = kdst_layer_lstm_create(ctx, row->shape[2], row->shape[2], o, out);
    kdst_options_release(o);
    return status;
}
