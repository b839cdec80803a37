/* SPDX-License-Identifier: Apache-2.0 */
/* Layers without neurons over time: any layer at every step, the synapse, sum pooling, dropout with one mask for all steps.
 *
 * Sum pooling as the official code of TSSL-BP has it: theta times the sum, not the mean, of each window, channel by channel. Its dropout
 * draws one bit for a row of a map, (n, c, h), because it reshapes maps so that rows look like channels; `unit` element draws one
 * for each neuron.
 */
#include "spiking/layers.h"

#include <kdst/elementwise.h>
#include <kdst/pooling.h>

#include <inttypes.h>

/* ---- any layer ---- */

static kdst_status run_over_time(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor *folded = NULL, *y = NULL;
    kdst_status status = kdst__time_check(layer, x);
    if (status == KDST_STATUS_OK) status = kdst__time_fold(x, false, &folded);
    if (status == KDST_STATUS_OK) status = kdst__layer_run(layer->children[0], folded, &y);
    if (status == KDST_STATUS_OK) status = kdst__time_unfold(y, x->shape[0], out);
    kdst_tensor_release(y);
    kdst_tensor_release(folded);
    return status;
}

static const kdst__layer_kind over_time_kind = {.name = "over_time", .bytes = sizeof(kdst_layer), .run = run_over_time};

kdst_status kdst_layer_over_time_create(kdst_context *ctx, kdst_layer *inner, kdst_layer **out)
{
    kdst__layer_ports ports;
    kdst_layer *layer = NULL;
    kdst_status status = kdst__layer_begin(ctx, "over_time", out);
    if (status != KDST_STATUS_OK) return status;
    if (inner == NULL || inner->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "over_time: inner %s",
            inner == NULL ? "is NULL" : "belongs to another context");
    kdst__layer_get_ports(inner, &ports);
    if (ports.inputs != 1 || ports.outputs != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "over_time: inner has %" PRId64 " inputs and %" PRId64 " outputs, one of each is needed", ports.inputs,
            ports.outputs);
    status = kdst__layer_new(ctx, &over_time_kind, &layer);
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("over_time", layer, "", inner);
    if (status == KDST_STATUS_OK)
        *out = layer;
    else
        kdst_layer_release(layer);
    return status;
}

/* ---- synapse ---- */

typedef struct synapse {
    kdst_layer base;
    kdst__synapse_attrs attrs;
} synapse;

static kdst_status run_synapse(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst__synapse_run(x, &((const synapse *)layer)->attrs, out);
}

static const kdst__layer_kind synapse_kind = {.name = "synapse", .bytes = sizeof(synapse), .run = run_synapse};

kdst_status kdst_layer_synapse_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out)
{
    kdst__synapse_attrs attrs;
    kdst_status status = kdst__layer_begin(ctx, "synapse", out);
    if (status == KDST_STATUS_OK) status = kdst__options_parse(ctx, "synapse", &kdst__schema_synapse, options, &attrs);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &synapse_kind, out);
    if (status == KDST_STATUS_OK) ((synapse *)*out)->attrs = attrs;
    return status;
}

/* ---- sum pooling ---- */

typedef struct pool {
    kdst_layer base;
    kdst__pool2d_attrs attrs;
    double theta;
} pool;

typedef struct pool_settings {
    int64_t kernel[2], stride[2];
    double theta;
} pool_settings;

static const kdst__option pool_options[] = {
    KDST__INTS(pool_settings, kernel, 2, 2, 1, 32767, "[height, width] of a window"),
    KDST__INTS(pool_settings, stride, 2, 0, 0, 32767, "[vertical, horizontal] step; 0: the kernel"),
    KDST__FLOAT(pool_settings, theta, 1.1, -INFINITY, INFINITY, "factor on the sum"),
};
const kdst__schema kdst__schema_layer_spiking_pool2d = {
    "layer.spiking_pool2d", pool_options, KDST__COUNT(pool_options), NULL, 0};

static kdst_status run_pool(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const pool *p = (const pool *)layer;
    kdst_tensor *folded = NULL, *mean = NULL, *sum = NULL;
    const double area = (double)p->attrs.kernel[0] * (double)p->attrs.kernel[1];
    kdst_status status = kdst__time_check(layer, x);
    if (status == KDST_STATUS_OK) status = kdst__time_fold(x, false, &folded);
    if (status == KDST_STATUS_OK) status = kdst__avg_pool2d_run(folded, &p->attrs, &mean);
    if (status == KDST_STATUS_OK) status = kdst_mul_scalar(mean, p->theta * area, &sum);
    if (status == KDST_STATUS_OK) status = kdst__time_unfold(sum, x->shape[0], out);
    kdst_tensor_release(sum);
    kdst_tensor_release(mean);
    kdst_tensor_release(folded);
    return status;
}

static const kdst__layer_kind pool_kind = {.name = "spiking_pool2d", .bytes = sizeof(pool), .run = run_pool};

kdst_status kdst_layer_spiking_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out)
{
    pool_settings config;
    kdst_status status = kdst__layer_begin(ctx, "spiking_pool2d", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "spiking_pool2d", &kdst__schema_layer_spiking_pool2d, options, &config);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &pool_kind, out);
    if (status != KDST_STATUS_OK) return status;
    pool *p = (pool *)*out;
    p->theta = config.theta;
    p->attrs.count_include_pad = 1;
    for (int i = 0; i < 2; i++) {
        p->attrs.kernel[i] = config.kernel[i];
        p->attrs.stride[i] = config.stride[i];
    }
    return KDST_STATUS_OK;
}

/* ---- dropout ---- */

enum { UNIT_ROW, UNIT_ELEMENT };

typedef struct dropout {
    kdst_layer base;
    double rate;
    int32_t unit;
} dropout;

static const kdst__option dropout_options[] = {
    KDST__CHOICE(
        dropout, unit, "row", "row|element",
        "what lives or dies together: a row of a map (n, c, h), or each neuron on its own"),
};
const kdst__schema kdst__schema_layer_spiking_dropout = {
    "layer.spiking_dropout", dropout_options, KDST__COUNT(dropout_options), NULL, 0};

static kdst_status run_dropout(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const dropout *d = (const dropout *)layer;
    kdst_tensor *ones = NULL, *mask = NULL;
    int64_t shape[KDST__MAX_RANK];
    kdst_status status = kdst__time_check(layer, x);
    if (status != KDST_STATUS_OK) return status;
    if (!kdst__layer_is_training(layer) || d->rate == 0) {
        kdst_tensor_retain(*out = x);
        return KDST_STATUS_OK;
    }
    for (int32_t i = 1; i < x->rank; i++)
        shape[i - 1] = d->unit == UNIT_ROW && x->rank == 5 && i == 4 ? 1 : x->shape[i];
    status = kdst__tensor_new(layer->base.ctx, "spiking_dropout", x->dtype, x->rank - 1, shape, false, &ones);
    if (status == KDST_STATUS_OK) {
        kdst__fill(kdst__tensor_compute(ones), ones->dtype, kdst__tensor_count(ones), 1, kdst__tensor_data(ones));
        status = kdst__dropout_run(ones, d->rate, &mask);
    }
    if (status == KDST_STATUS_OK) status = kdst_mul(x, mask, out);
    kdst_tensor_release(mask);
    kdst_tensor_release(ones);
    return status;
}

static const kdst__layer_kind dropout_kind = {.name = "spiking_dropout", .bytes = sizeof(dropout), .run = run_dropout};

kdst_status
kdst_layer_spiking_dropout_create(kdst_context *ctx, double rate, const kdst_options *options, kdst_layer **out)
{
    dropout config;
    kdst_status status = kdst__layer_begin(ctx, "spiking_dropout", out);
    if (status != KDST_STATUS_OK) return status;
    if (!(rate >= 0 && rate < 1))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "spiking_dropout: rate is %g, allowed is [0, 1)", rate);
    status = kdst__options_parse(ctx, "spiking_dropout", &kdst__schema_layer_spiking_dropout, options, &config);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &dropout_kind, out);
    if (status != KDST_STATUS_OK) return status;
    ((dropout *)*out)->rate = rate;
    ((dropout *)*out)->unit = config.unit;
    return KDST_STATUS_OK;
}

kdst_status kdst_spike_dropout(kdst_tensor *x, kdst_tensor *keep, double rate, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(x->base.ctx);
    if (out == NULL) return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "spike_dropout: out is NULL");
    if (!(rate >= 0 && rate < 1))
        return kdst__fail(
            x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "spike_dropout: rate is %g, allowed is [0, 1)", rate);
    kdst_tensor *scaled = NULL;
    if (keep == NULL) return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "spike_dropout: keep is NULL");
    kdst_status status = kdst_mul_scalar(keep, 1 / (1 - rate), &scaled);
    if (status == KDST_STATUS_OK) status = kdst_mul(x, scaled, out);
    kdst_tensor_release(scaled);
    return status;
}
