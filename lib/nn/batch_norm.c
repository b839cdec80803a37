/* SPDX-License-Identifier: Apache-2.0 */
/* batch_norm: normalises each channel of [N, C], [N, C, L] or [N, C, H, W] (Ioffe and Szegedy 2015).
 *
 * Training uses the batch's mean and biased variance and moves the running statistics (the variance unbiased) by `momentum`;
 * evaluation uses the running statistics. num_batches_tracked counts training passes and stops at the largest int32.
 */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct batch_norm {
    kdst_layer base;
    double eps, momentum;
    int64_t channels;
    kdst_tensor *weight, *bias; /* held by base; NULL when not affine */
    kdst_tensor *mean, *var, *count;
} batch_norm;

static const kdst__option options[] = {
    KDST__FLOAT_OPEN(kdst__norm_config, eps, 1e-5, 0, INFINITY, "added to the variance"),
    KDST__FLOAT(kdst__norm_config, momentum, 0.1, 0, 1, "weight of the batch in the running statistics"),
    KDST__INT(kdst__norm_config, affine, 1, 0, 1, "1: with weight and bias"),
    KDST__CHOICE(kdst__norm_config, dtype, "float32", "float32|float64", "type of parameters and statistics"),
};
const kdst__schema kdst__schema_layer_batch_norm = {"layer.batch_norm", options, KDST__COUNT(options), NULL, 0};

static kdst_status run_tail(kdst_layer *layer, kdst_tensor *x, const kdst__layer_tail *tail, kdst_tensor **out)
{
    batch_norm *bn = (batch_norm *)layer;
    char text[KDST__SHAPE_TEXT], of_addend[KDST__SHAPE_TEXT];
    if (x->rank < 2 || x->rank > 4)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE,
            "batch_norm: input is %s, layer expects [N, %" PRId64 "], [N, %" PRId64 ", L] or [N, %" PRId64 ", H, W]",
            kdst__shape_text(x->rank, x->shape, text), bn->channels, bn->channels, bn->channels);
    if (x->shape[1] != bn->channels)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "batch_norm: input has %" PRId64 " channels, layer expects %" PRId64,
            x->shape[1], bn->channels);
    if (tail->addend != NULL && !kdst__tensor_same_shape(x, tail->addend))
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "residual: the body gives %s, the shortcut %s",
            kdst__shape_text(x->rank, x->shape, text),
            kdst__shape_text(tail->addend->rank, tail->addend->shape, of_addend));
    const kdst__batch_norm_attrs attrs = {kdst__layer_is_training(layer), bn->momentum, bn->eps, tail->activation};
    kdst_status status = kdst__batch_norm_run(x, bn->weight, bn->bias, bn->mean, bn->var, tail->addend, &attrs, out);
    if (status == KDST_STATUS_OK && kdst__layer_is_training(layer) && !kdst__tracing(layer->base.ctx) &&
        !kdst__replaying(layer->base.ctx)) {
        int32_t *count = kdst__tensor_data(bn->count);
        *count += *count < INT32_MAX;
        kdst__tensor_touch(bn->count);
    }
    return status;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return run_tail(layer, x, &(kdst__layer_tail){.addend = NULL}, out);
}

static bool takes_tail(const kdst_layer *layer, const kdst__layer_tail *tail)
{
    (void)layer;
    return !tail->moments;
}

static const kdst__layer_kind kind = {
    .name = "batch_norm", .bytes = sizeof(batch_norm), .run = run, .takes_tail = takes_tail, .run_tail = run_tail};

bool kdst__layer_wants_moments(const kdst_layer *layer)
{
    return layer->kind == &kind && kdst__layer_is_training(layer);
}

/* Makes and holds one tensor; [C] of `value`, or rank 0 for the counter. */
static kdst_status hold(
    batch_norm *bn, const char *name, bool is_parameter, kdst_dtype dtype, int64_t rank, double value,
    kdst_tensor **out)
{
    kdst_tensor *tensor;
    kdst_status status = kdst__tensor_new(bn->base.base.ctx, "batch_norm", dtype, rank, &bn->channels, true, &tensor);
    if (status != KDST_STATUS_OK) return status;
    *out = tensor;
    status = kdst__layer_hold(&bn->base, name, is_parameter, tensor);
    if (status == KDST_STATUS_OK && value != 0) status = kdst_tensor_set_value(tensor, value);
    return status;
}

kdst_status
kdst__layer_batch_norm_new(kdst_context *ctx, int64_t channels, const kdst__norm_config *config, kdst_layer **out)
{
    const kdst_dtype dtype = config->dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    kdst_layer *layer;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    batch_norm *bn = (batch_norm *)layer;
    bn->eps = config->eps;
    bn->momentum = config->momentum;
    bn->channels = channels;
    if (config->affine) status = hold(bn, "weight", true, dtype, 1, 1, &bn->weight);
    if (status == KDST_STATUS_OK && config->affine) status = hold(bn, "bias", true, dtype, 1, 0, &bn->bias);
    if (status == KDST_STATUS_OK) status = hold(bn, "running_mean", false, dtype, 1, 0, &bn->mean);
    if (status == KDST_STATUS_OK) status = hold(bn, "running_var", false, dtype, 1, 1, &bn->var);
    if (status == KDST_STATUS_OK) status = hold(bn, "num_batches_tracked", false, KDST_DTYPE_INT32, 0, 0, &bn->count);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status
kdst_layer_batch_norm_create(kdst_context *ctx, int64_t channels, const kdst_options *given, kdst_layer **out)
{
    kdst__norm_config config;
    kdst_status status = kdst__layer_begin(ctx, "batch_norm", out);
    if (status != KDST_STATUS_OK) return status;
    if (channels < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "batch_norm: channels is %" PRId64 ", allowed is 1 and more", channels);
    status = kdst__options_parse(ctx, "batch_norm", &kdst__schema_layer_batch_norm, given, &config);
    return status == KDST_STATUS_OK ? kdst__layer_batch_norm_new(ctx, channels, &config, out) : status;
}
