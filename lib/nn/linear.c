/* SPDX-License-Identifier: Apache-2.0 */
/* linear: y = x weight^T + bias. x [N, I], weight [O, I], bias [O], y [N, O]. */
#include "nn/layer.h"

#include <inttypes.h>

static const kdst__option options[] = {
    KDST__INT(kdst__weighted_config, bias, 1, 0, 1, "1: with a bias"),
    KDST__CHOICE(kdst__weighted_config, dtype, "float32", "float32|float64", "type of the parameters"),
    KDST__CHOICE(kdst__weighted_config, init, "pytorch", KDST__INIT_KINDS, "initialiser of the weight"),
    KDST__CHOICE(kdst__weighted_config, init_mode, "fan_in", "fan_in|fan_out", "fan of the kaiming initialisers"),
    KDST__FLOAT(kdst__weighted_config, init_std, 1, 0, INFINITY, "standard deviation of the normal initialisers"),
    KDST__FLOAT(kdst__weighted_config, init_bound, 1, 0, INFINITY, "bound of the uniform initialiser"),
    KDST__CHOICE(kdst__weighted_config, init_bias, "pytorch", "pytorch|zeros", "initialiser of the bias"),
};
const kdst__schema kdst__schema_layer_linear = {"layer.linear", options, KDST__COUNT(options), NULL, 0};

static kdst_status run_tail(kdst_layer *layer, kdst_tensor *x, const kdst__layer_tail *tail, kdst_tensor **out)
{
    kdst_tensor *weight = layer->tensors[0].tensor, *bias = layer->tensor_count > 1 ? layer->tensors[1].tensor : NULL;
    char text[KDST__SHAPE_TEXT];
    if (x->rank != 2)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "linear: input is %s, layer expects [N, %" PRId64 "]",
            kdst__shape_text(x->rank, x->shape, text), weight->shape[1]);
    if (x->shape[1] != weight->shape[1])
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "linear: input has %" PRId64 " features, layer expects %" PRId64,
            x->shape[1], weight->shape[1]);
    return (tail->activation ? kdst_linear_relu : kdst_linear)(x, weight, bias, out);
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return run_tail(layer, x, &(kdst__layer_tail){.sum = false}, out);
}

static bool takes_tail(const kdst_layer *layer, const kdst__layer_tail *tail)
{
    (void)layer;
    return tail->activation == KDST__FUSED_RELU && !tail->sum && !tail->moments;
}

static const kdst__layer_kind kind = {
    .name = "linear", .bytes = sizeof(kdst_layer), .run = run, .takes_tail = takes_tail, .run_tail = run_tail};

kdst_status kdst__layer_linear_new(
    kdst_context *ctx, int64_t in, int64_t out_features, const kdst__weighted_config *config, kdst_layer **out)
{
    const int64_t shape[2] = {out_features, in};
    kdst_layer *layer;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status == KDST_STATUS_OK) status = kdst__layer_hold_weights(layer, 2, shape, config);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_linear_create(
    kdst_context *ctx, int64_t in_features, int64_t out_features, const kdst_options *given, kdst_layer **out)
{
    kdst__weighted_config config;
    kdst_status status = kdst__layer_begin(ctx, "linear", out);
    if (status != KDST_STATUS_OK) return status;
    if (in_features < 1 || out_features < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "linear: %s is %" PRId64 ", allowed is 1 and more",
            in_features < 1 ? "in_features" : "out_features", in_features < 1 ? in_features : out_features);
    status = kdst__options_parse(ctx, "linear", &kdst__schema_layer_linear, given, &config);
    return status == KDST_STATUS_OK ? kdst__layer_linear_new(ctx, in_features, out_features, &config, out) : status;
}
