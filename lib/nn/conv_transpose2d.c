/* SPDX-License-Identifier: Apache-2.0 */
/* conv_transpose2d: transposed convolution. x [N, I, H, W], weight [I, O / groups, KH, KW], bias [O]. */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct config {
    kdst__weighted_config weights;
    int64_t output_padding[2];
} config;

typedef struct conv_transpose2d {
    kdst_layer base;
    kdst__conv_transpose2d_attrs attrs;
} conv_transpose2d;

/* Bounds keep every later size computation far from overflow. */
#define MOST 32767

/* Rows for members of config.weights. */
#define MEMBER(name) offsetof(config, weights.name), 0
#define CHOICE(name, standard, choices, help)                                                                          \
  {                                                                                                                    \
#    name, KDST_OPTION_CHOICE, 0, 0, 0, 0, choices, standard, 1, MEMBER(name), help                                    \
  }

static const kdst__option options[] = {
    {"kernel", KDST_OPTION_INTS, 3, 1, MOST, 0, "", "3", 2, MEMBER(kernel), "[height, width] of the kernel"},
    {"stride", KDST_OPTION_INTS, 1, 1, MOST, 0, "", "1", 2, MEMBER(stride), "distance of x's elements in the result"},
    {"padding", KDST_OPTION_INTS, 0, 0, MOST, 0, "", "0", 2, MEMBER(padding), "border of the result that is left out"},
    KDST__INTS(config, output_padding, 2, 0, 0, MOST, "rows and columns more at the end; less than stride or dilation"),
    {"dilation", KDST_OPTION_INTS, 1, 1, MOST, 0, "", "1", 2, MEMBER(dilation), "distance of the kernel's taps"},
    {"groups", KDST_OPTION_INT, 1, 1, INT32_MAX, 0, "", "1", 1, MEMBER(groups),
     "parts of the channels that do not see each other"},
    {"bias", KDST_OPTION_INT, 1, 0, 1, 0, "", "1", 1, MEMBER(bias), "1: with a bias"},
    CHOICE(dtype, "float32", "float32|float64", "type of the parameters"),
    CHOICE(init, "pytorch", KDST__INIT_KINDS, "initialiser of the weight"),
    CHOICE(init_mode, "fan_in", "fan_in|fan_out", "fan of the kaiming initialisers"),
    {"init_std", KDST_OPTION_FLOAT, 1, 0, INFINITY, 0, "", "1", 1, MEMBER(init_std),
     "standard deviation of the normal initialiser"},
    {"init_bound", KDST_OPTION_FLOAT, 1, 0, INFINITY, 0, "", "1", 1, MEMBER(init_bound),
     "bound of the uniform initialiser"},
    CHOICE(init_bias, "pytorch", "pytorch|zeros", "initialiser of the bias"),
};
const kdst__schema kdst__schema_layer_conv_transpose2d = {
    "layer.conv_transpose2d", options, KDST__COUNT(options), NULL, 0};

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor *weight = layer->tensors[0].tensor, *bias = layer->tensor_count > 1 ? layer->tensors[1].tensor : NULL;
    char text[KDST__SHAPE_TEXT];
    if (x->rank != 4)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "conv_transpose2d: input is %s, layer expects [N, %" PRId64 ", H, W]",
            kdst__shape_text(x->rank, x->shape, text), weight->shape[0]);
    if (x->shape[1] != weight->shape[0])
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE,
            "conv_transpose2d: input has %" PRId64 " channels, layer expects %" PRId64, x->shape[1], weight->shape[0]);
    return kdst__conv_transpose2d_run(x, weight, bias, &((conv_transpose2d *)layer)->attrs, out);
}

static const kdst__layer_kind kind = {.name = "conv_transpose2d", .bytes = sizeof(conv_transpose2d), .run = run};

static kdst_status check(kdst_context *ctx, int64_t in, int64_t out_channels, const config *c)
{
    const int64_t groups = c->weights.groups;
    if (in < 1 || out_channels < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "conv_transpose2d: %s is %" PRId64 ", allowed is 1 and more",
            in < 1 ? "in_channels" : "out_channels", in < 1 ? in : out_channels);
    if (in % groups != 0 || out_channels % groups != 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "conv_transpose2d: %s is %" PRId64 ", which cannot be cut into %" PRId64 " groups",
            in % groups != 0 ? "in_channels" : "out_channels", in % groups != 0 ? in : out_channels, groups);
    for (int i = 0; i < 2; i++) {
        int64_t stride = c->weights.stride[i], dilation = c->weights.dilation[i];
        if (c->output_padding[i] >= (stride > dilation ? stride : dilation))
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT,
                "conv_transpose2d: output_padding is %" PRId64 ", allowed is less than stride or dilation, %" PRId64,
                c->output_padding[i], stride > dilation ? stride : dilation);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_conv_transpose2d_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *given, kdst_layer **out)
{
    config c;
    kdst_layer *layer;
    kdst_status status = kdst__layer_begin(ctx, "conv_transpose2d", out);
    if (status != KDST_STATUS_OK) return status;
    status = kdst__options_parse(ctx, "conv_transpose2d", &kdst__schema_layer_conv_transpose2d, given, &c);
    if (status == KDST_STATUS_OK) status = check(ctx, in_channels, out_channels, &c);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    kdst__conv_transpose2d_attrs *attrs = &((conv_transpose2d *)layer)->attrs;
    const int64_t shape[4] = {in_channels, out_channels / c.weights.groups, c.weights.kernel[0], c.weights.kernel[1]};
    for (int i = 0; i < 2; i++) {
        attrs->stride[i] = c.weights.stride[i];
        attrs->padding[i] = c.weights.padding[i];
        attrs->output_padding[i] = c.output_padding[i];
        attrs->dilation[i] = c.weights.dilation[i];
    }
    attrs->groups = c.weights.groups;
    status = kdst__layer_hold_weights_of(layer, 4, shape, out_channels, &c.weights);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}
