/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d: cross-correlation with zero padding. x [N, I, H, W], weight [O, I / groups, KH, KW], bias [O]. */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct conv2d {
    kdst_layer base;
    kdst__conv2d_attrs attrs;
} conv2d;

/* Bounds keep every later size computation far from overflow. */
#define MOST 32767

static const kdst__option options[] = {
    KDST__INTS(kdst__weighted_config, kernel, 2, 3, 1, MOST, "[height, width] of the kernel"),
    KDST__INTS(kdst__weighted_config, stride, 2, 1, 1, MOST, "[vertical, horizontal] step"),
    KDST__INTS(kdst__weighted_config, padding, 2, 0, 0, MOST, "[vertical, horizontal] zeros on each side"),
    KDST__INTS(kdst__weighted_config, dilation, 2, 1, 1, MOST, "[vertical, horizontal] distance of the kernel's taps"),
    KDST__INT(kdst__weighted_config, groups, 1, 1, INT32_MAX, "parts of the channels that do not see each other"),
    KDST__INT(kdst__weighted_config, bias, 1, 0, 1, "1: with a bias"),
    KDST__CHOICE(kdst__weighted_config, dtype, "float32", "float32|float64", "type of the parameters"),
    KDST__CHOICE(kdst__weighted_config, init, "pytorch", KDST__INIT_KINDS, "initialiser of the weight"),
    KDST__CHOICE(kdst__weighted_config, init_mode, "fan_in", "fan_in|fan_out", "fan of the kaiming initialisers"),
    KDST__FLOAT(kdst__weighted_config, init_std, 1, 0, INFINITY, "standard deviation of the normal initialisers"),
    KDST__FLOAT(kdst__weighted_config, init_bound, 1, 0, INFINITY, "bound of the uniform initialiser"),
    KDST__CHOICE(kdst__weighted_config, init_bias, "pytorch", "pytorch|zeros", "initialiser of the bias"),
};
const kdst__schema kdst__schema_layer_conv2d = {"layer.conv2d", options, KDST__COUNT(options), NULL, 0};

static kdst_status run_tail(kdst_layer *layer, kdst_tensor *x, const kdst__layer_tail *tail, kdst_tensor **out)
{
    kdst_tensor *weight = layer->tensors[0].tensor, *bias = layer->tensor_count > 1 ? layer->tensors[1].tensor : NULL;
    kdst__conv2d_attrs attrs = ((conv2d *)layer)->attrs;
    const int64_t channels = weight->shape[1] * attrs.groups;
    char text[KDST__SHAPE_TEXT];
    if (x->rank != 4)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "conv2d: input is %s, layer expects [N, %" PRId64 ", H, W]",
            kdst__shape_text(x->rank, x->shape, text), channels);
    if (x->shape[1] != channels)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "conv2d: input has %" PRId64 " channels, layer expects %" PRId64,
            x->shape[1], channels);
    attrs.activation = tail->activation;
    attrs.moments = tail->moments;
    return kdst__conv2d_run(x, weight, bias, &attrs, out);
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return run_tail(layer, x, &(kdst__layer_tail){.sum = false}, out);
}

static bool takes_tail(const kdst_layer *layer, const kdst__layer_tail *tail)
{
    (void)layer;
    return !tail->sum;
}

static const kdst__layer_kind kind = {
    .name = "conv2d", .bytes = sizeof(conv2d), .run = run, .takes_tail = takes_tail, .run_tail = run_tail};

bool kdst__layer_is_conv2d(const kdst_layer *layer)
{
    return layer->kind == &kind;
}

kdst_status kdst__layer_conv2d_new(
    kdst_context *ctx, int64_t in, int64_t out_channels, const kdst__weighted_config *config, kdst_layer **out)
{
    const int64_t groups = config->groups > 0 ? config->groups : 1;
    const int64_t shape[4] = {out_channels, in / groups, config->kernel[0], config->kernel[1]};
    kdst_layer *layer;
    if (in % groups != 0 || out_channels % groups != 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "conv2d: %s is %" PRId64 ", which cannot be cut into %" PRId64 " groups",
            in % groups != 0 ? "in_channels" : "out_channels", in % groups != 0 ? in : out_channels, groups);
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status == KDST_STATUS_OK) status = kdst__layer_hold_weights(layer, 4, shape, config);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    kdst__conv2d_attrs *attrs = &((conv2d *)layer)->attrs;
    for (int i = 0; i < 2; i++) {
        attrs->stride[i] = config->stride[i];
        attrs->padding[i] = config->padding[i];
        attrs->dilation[i] = config->dilation[i] > 0 ? config->dilation[i] : 1;
    }
    attrs->groups = groups;
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_conv2d_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *given, kdst_layer **out)
{
    kdst__weighted_config config;
    kdst_status status = kdst__layer_begin(ctx, "conv2d", out);
    if (status != KDST_STATUS_OK) return status;
    if (in_channels < 1 || out_channels < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "conv2d: %s is %" PRId64 ", allowed is 1 and more",
            in_channels < 1 ? "in_channels" : "out_channels", in_channels < 1 ? in_channels : out_channels);
    status = kdst__options_parse(ctx, "conv2d", &kdst__schema_layer_conv2d, given, &config);
    return status == KDST_STATUS_OK ? kdst__layer_conv2d_new(ctx, in_channels, out_channels, &config, out) : status;
}
