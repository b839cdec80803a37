/* SPDX-License-Identifier: Apache-2.0 */
/* spiking: neurons behind a layer, over time (Zhang and Li 2020). Child 0, under an empty name, makes currents of what comes in.
 *
 * x [T, N, ...]: the child sees [T N, ...], every step at once; then the neurons run through time. With a static input x [N, ...], which
 * stands for T equal steps behind a synapse, the child sees it once: it is linear, so its currents are the same but for a factor.
 */
#include "spiking/layers.h"

#include <kdst/shape.h>

#include <inttypes.h>
#include <string.h>

typedef struct spiking {
    kdst_layer base;
    kdst_neuron *neuron;
    int64_t steps; /* static input: how many; 0: the input has a time axis */
    bool flat;     /* the child takes [N, D] */
} spiking;

enum { INPUT_SEQUENCE, INPUT_STATIC };

typedef struct settings {
    kdst__weighted_config weighted;
    double weight_scale;
    int64_t steps;
    int32_t input;
} settings;

#define WEIGHTED(member) offsetof(settings, weighted.member)
#define INPUT_OPTIONS                                                                                                  \
  KDST__CHOICE(settings, input, "sequence", "sequence|static", "static: [N, ...], the same at every step"),            \
      KDST__INT(settings, steps, 5, 1, 1000000, "T of a static input")
#define DTYPE_OPTION                                                                                                   \
  {                                                                                                                    \
    "dtype", KDST_OPTION_CHOICE, 0, 0, 0, 0, "float32|float64", "float32", 1, WEIGHTED(dtype), 0, "type of the weight" \
  }
#define SCALE_OPTION KDST__FLOAT_ABOVE(settings, weight_scale, 1, 0, 1000, "factor on the initial weight")
#define PAIR(name, standard, text, low, help)                                                                          \
  {                                                                                                                    \
#    name, KDST_OPTION_INTS, standard, low, 32767, 0, "", text, 2, WEIGHTED(name), 0, help                             \
  }

static const kdst__option spiking_options[] = {INPUT_OPTIONS};
const kdst__schema kdst__schema_layer_spiking = {
    "layer.spiking", spiking_options, KDST__COUNT(spiking_options), NULL, 0};

static const kdst__option linear_options[] = {SCALE_OPTION, INPUT_OPTIONS, DTYPE_OPTION};
const kdst__schema kdst__schema_layer_spiking_linear = {
    "layer.spiking_linear", linear_options, KDST__COUNT(linear_options), NULL, 0};

static const kdst__option conv2d_options[] = {
    PAIR(kernel, 3, "3", 1, "[height, width] of the kernel"),
    PAIR(stride, 1, "1", 1, "[vertical, horizontal] step"),
    PAIR(padding, 0, "0", 0, "[vertical, horizontal] zeros on each side"),
    PAIR(dilation, 1, "1", 1, "[vertical, horizontal] distance of the kernel's taps"),
    SCALE_OPTION,
    INPUT_OPTIONS,
    DTYPE_OPTION,
};
const kdst__schema kdst__schema_layer_spiking_conv2d = {
    "layer.spiking_conv2d", conv2d_options, KDST__COUNT(conv2d_options), NULL, 0};

/* ---- time ---- */

kdst_status kdst__time_fold(kdst_tensor *x, bool flat, kdst_tensor **out)
{
    int64_t shape[KDST__MAX_RANK] = {x->shape[0] * x->shape[1], 1};
    if (!flat) {
        memcpy(shape + 1, x->shape + 2, (size_t)(x->rank - 2) * sizeof *shape);
        return kdst_reshape(x, x->rank - 1, shape, out);
    }
    for (int32_t i = 2; i < x->rank; i++)
        shape[1] *= x->shape[i];
    return kdst_reshape(x, 2, shape, out);
}

kdst_status kdst__time_unfold(kdst_tensor *y, int64_t steps, kdst_tensor **out)
{
    int64_t shape[KDST__MAX_RANK + 1] = {steps, y->shape[0] / steps};
    memcpy(shape + 2, y->shape + 1, (size_t)(y->rank - 1) * sizeof *shape);
    return kdst_reshape(y, y->rank + 1, shape, out);
}

kdst_status kdst__time_check(const kdst_layer *layer, const kdst_tensor *x)
{
    char text[KDST__SHAPE_TEXT];
    if (x->rank >= 3 && x->shape[0] > 0) return KDST_STATUS_OK;
    return kdst__fail(
        layer->base.ctx, KDST_STATUS_SHAPE, "%s: input is %s, layer expects [T, N, ...] with at least one step",
        layer->kind->name, kdst__shape_text(x->rank, x->shape, text));
}

/* ---- running ---- */

static kdst_status run_static(const spiking *s, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor *flat = NULL, *response = NULL;
    const int64_t shape[2] = {x->rank > 0 ? x->shape[0] : 0, x->rank > 0 && x->shape[0] > 0 ? -1 : 0};
    kdst_status status = KDST_STATUS_OK;
    if (s->flat && x->rank > 2) status = kdst_reshape(x, 2, shape, &flat);
    if (status == KDST_STATUS_OK) status = kdst__layer_run(s->base.children[0], flat ? flat : x, &response);
    if (status == KDST_STATUS_OK) status = kdst_neuron_run_static(s->neuron, response, s->steps, out);
    kdst_tensor_release(response);
    kdst_tensor_release(flat);
    return status;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const spiking *s = (const spiking *)layer;
    kdst_tensor *folded = NULL, *response = NULL, *current = NULL;
    if (s->steps > 0) return run_static(s, x, out);
    kdst_status status = kdst__time_check(layer, x);
    if (status == KDST_STATUS_OK) status = kdst__time_fold(x, s->flat, &folded);
    if (status == KDST_STATUS_OK) status = kdst__layer_run(layer->children[0], folded, &response);
    if (status == KDST_STATUS_OK) status = kdst__time_unfold(response, x->shape[0], &current);
    if (status == KDST_STATUS_OK) status = kdst_neuron_run(s->neuron, current, out);
    kdst_tensor_release(current);
    kdst_tensor_release(response);
    kdst_tensor_release(folded);
    return status;
}

static void destroy(kdst_layer *layer)
{
    kdst_neuron_release(((spiking *)layer)->neuron);
}

static const kdst__layer_kind kind = {.name = "spiking", .bytes = sizeof(spiking), .run = run, .destroy = destroy};

/* ---- creation ---- */

/* Takes over the reference to `child`, also on failure. */
static kdst_status
finish(kdst_context *ctx, kdst_layer *child, kdst_neuron *neuron, const settings *config, bool flat, kdst_layer **out)
{
    kdst_layer *layer = NULL;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status == KDST_STATUS_OK) {
        spiking *s = (spiking *)layer;
        kdst_neuron_retain(s->neuron = neuron);
        s->steps = config->input == INPUT_STATIC ? config->steps : 0;
        s->flat = flat;
        status = kdst__layer_attach("spiking", layer, "", child);
    }
    kdst_layer_release(child);
    if (status == KDST_STATUS_OK)
        *out = layer;
    else
        kdst_layer_release(layer);
    return status;
}

static kdst_status begin(
    kdst_context *ctx, const char *function, kdst_neuron *neuron, const kdst__schema *schema,
    const kdst_options *options, settings *config, kdst_layer **out)
{
    memset(config, 0, sizeof *config);
    kdst_status status = kdst__layer_begin(ctx, function, out);
    if (status != KDST_STATUS_OK) return status;
    if (neuron == NULL || neuron->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: neuron %s", function,
            neuron == NULL ? "is NULL" : "belongs to another context");
    return kdst__options_parse(ctx, function, schema, options, config);
}

static kdst_status check_sizes(kdst_context *ctx, const char *function, const char *what, int64_t in, int64_t out)
{
    if (in >= 1 && out >= 1) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s_%s is %" PRId64 ", allowed is 1 and more", function,
        in < 1 ? "in" : "out", what, in < 1 ? in : out);
}

kdst_status kdst_layer_spiking_create(
    kdst_context *ctx, kdst_layer *inner, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out)
{
    settings config;
    kdst__layer_ports ports;
    kdst_status status = begin(ctx, "spiking", neuron, &kdst__schema_layer_spiking, options, &config, out);
    if (status != KDST_STATUS_OK) return status;
    if (inner == NULL || inner->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "spiking: inner %s",
            inner == NULL ? "is NULL" : "belongs to another context");
    kdst__layer_get_ports(inner, &ports);
    if (ports.inputs != 1 || ports.outputs != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "spiking: inner has %" PRId64 " inputs and %" PRId64 " outputs, one of each is needed", ports.inputs,
            ports.outputs);
    kdst_layer_retain(inner);
    return finish(ctx, inner, neuron, &config, false, out);
}

kdst_status kdst_layer_spiking_linear_create(
    kdst_context *ctx, int64_t in_features, int64_t out_features, kdst_neuron *neuron, const kdst_options *options,
    kdst_layer **out)
{
    settings config;
    kdst_layer *child = NULL;
    kdst_status status =
        begin(ctx, "spiking_linear", neuron, &kdst__schema_layer_spiking_linear, options, &config, out);
    if (status == KDST_STATUS_OK) status = check_sizes(ctx, "spiking_linear", "features", in_features, out_features);
    if (status != KDST_STATUS_OK) return status;
    config.weighted.init = KDST__INIT_NORMAL;
    config.weighted.init_std = config.weight_scale * sqrt(2 / (double)in_features);
    status = kdst__layer_linear_new(ctx, in_features, out_features, &config.weighted, &child);
    return status == KDST_STATUS_OK ? finish(ctx, child, neuron, &config, true, out) : status;
}

kdst_status kdst_layer_spiking_conv2d_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, kdst_neuron *neuron, const kdst_options *options,
    kdst_layer **out)
{
    settings config;
    kdst_layer *child = NULL;
    kdst_status status =
        begin(ctx, "spiking_conv2d", neuron, &kdst__schema_layer_spiking_conv2d, options, &config, out);
    if (status == KDST_STATUS_OK) status = check_sizes(ctx, "spiking_conv2d", "channels", in_channels, out_channels);
    if (status != KDST_STATUS_OK) return status;
    const double taps = (double)config.weighted.kernel[0] * (double)config.weighted.kernel[1];
    config.weighted.init = KDST__INIT_UNIFORM;
    config.weighted.init_bound = config.weight_scale / sqrt((double)in_channels * taps);
    status = kdst__layer_conv2d_new(ctx, in_channels, out_channels, &config.weighted, &child);
    return status == KDST_STATUS_OK ? finish(ctx, child, neuron, &config, false, out) : status;
}
