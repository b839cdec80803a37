/* SPDX-License-Identifier: Apache-2.0 */
/* activation: a function of each number (kdst/elementwise.h), or a softmax along an axis, by name. */
#include "nn/layer.h"

#include <string.h>

typedef struct activation {
    kdst_layer base;
    kdst__activation_config config;
} activation;

static const kdst__option options_table[] = {
    KDST__FLOAT(kdst__activation_config, slope, 0.01, -INFINITY, INFINITY, "leaky_relu: factor of negative x"),
    KDST__FLOAT(kdst__activation_config, alpha, 1, -INFINITY, INFINITY, "elu: the limit is -alpha"),
    KDST__FLOAT_ABOVE(kdst__activation_config, beta, 1, 0, INFINITY, "softplus: sharpness of the bend"),
    KDST__FLOAT(
        kdst__activation_config, threshold, 20, -INFINITY, INFINITY, "softplus: x itself where beta x is above"),
    KDST__CHOICE(kdst__activation_config, approximate, "none", "none|tanh", "gelu: how Phi is computed"),
    KDST__INT(
        kdst__activation_config, axis, -1, -KDST__MAX_RANK, KDST__MAX_RANK - 1,
        "softmax, log_softmax: along which axis"),
};
const kdst__schema kdst__schema_layer_activation = {
    "layer.activation", options_table, KDST__COUNT(options_table), NULL, 0};

static const kdst__activation_config *config_of(kdst_layer *layer)
{
    return &((activation *)layer)->config;
}

static kdst_status run_relu(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_relu(x, out);
}

static kdst_status run_relu6(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_relu6(x, out);
}

static kdst_status run_leaky_relu(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst_leaky_relu(x, config_of(layer)->slope, out);
}

static kdst_status run_elu(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst_elu(x, config_of(layer)->alpha, out);
}

static kdst_status run_sigmoid(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_sigmoid(x, out);
}

static kdst_status run_log_sigmoid(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_log_sigmoid(x, out);
}

static kdst_status run_tanh(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_tanh(x, out);
}

static kdst_status run_softplus(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const kdst__activation_config *config = config_of(layer);
    return kdst__softplus_run(x, &(kdst__softplus_attrs){config->beta, config->threshold}, out);
}

static kdst_status run_silu(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_silu(x, out);
}

static kdst_status run_gelu(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst__gelu_run(x, &(kdst__gelu_attrs){config_of(layer)->approximate}, out);
}

static kdst_status run_softmax(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst_softmax(x, config_of(layer)->axis, out);
}

static kdst_status run_log_softmax(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst_log_softmax(x, config_of(layer)->axis, out);
}

static kdst_status run_identity(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    kdst_tensor_retain(*out = x);
    return KDST_STATUS_OK;
}

#define KIND(kind) .name = #kind, .bytes = sizeof(activation), .run = run_##kind

/* In the order of KDST__ACTIVATION_*, each with the options that it heeds. */
static const struct {
    kdst__layer_kind kind;
    const char *options[2];
} kinds[] = {
    {{KIND(relu)}, {NULL}},          {{KIND(softmax)}, {"axis"}},
    {{KIND(log_softmax)}, {"axis"}}, {{KIND(relu6)}, {NULL}},
    {{KIND(leaky_relu)}, {"slope"}}, {{KIND(elu)}, {"alpha"}},
    {{KIND(sigmoid)}, {NULL}},       {{KIND(log_sigmoid)}, {NULL}},
    {{KIND(tanh)}, {NULL}},          {{KIND(softplus)}, {"beta", "threshold"}},
    {{KIND(silu)}, {NULL}},          {{KIND(gelu)}, {"approximate"}},
    {{KIND(identity)}, {NULL}},
};

int32_t kdst__layer_fused_activation(const kdst_layer *layer)
{
    if (layer->kind->run == run_relu) return KDST__FUSED_RELU;
    return layer->kind->run == run_relu6 ? KDST__FUSED_RELU6 : KDST__FUSED_NONE;
}

static kdst_status create(kdst_context *ctx, int32_t kind, const kdst__activation_config *config, kdst_layer **out)
{
    kdst_status status = kdst__layer_new(ctx, &kinds[kind].kind, out);
    if (status == KDST_STATUS_OK) ((activation *)*out)->config = *config;
    return status;
}

kdst_status kdst__layer_activation_new(kdst_context *ctx, int32_t kind, kdst_layer **out)
{
    kdst__activation_config config;
    kdst_status status = kdst__options_parse(ctx, "activation", &kdst__schema_layer_activation, NULL, &config);
    return status == KDST_STATUS_OK ? create(ctx, kind, &config, out) : status;
}

static kdst_status find(kdst_context *ctx, const char *name, int32_t *out)
{
    if (name == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "activation: kind is NULL");
    for (int32_t i = 0; i < KDST__COUNT(kinds); i++)
        if (strcmp(name, kinds[i].kind.name) == 0) {
            *out = i;
            return KDST_STATUS_OK;
        }
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT,
        "activation: kind is \"%.64s\", allowed are relu, relu6, leaky_relu, elu, sigmoid, log_sigmoid, tanh, "
        "softplus, "
        "silu, gelu, softmax, log_softmax and identity",
        name);
}

/* An option that the kind does not heed is a mistake. */
static kdst_status check_options(kdst_context *ctx, int32_t kind, const kdst_options *options)
{
    for (int32_t i = 0; i < KDST__COUNT(options_table); i++) {
        const char *name = options_table[i].name;
        bool heeded = false;
        for (int j = 0; j < 2; j++)
            heeded |= kinds[kind].options[j] != NULL && strcmp(kinds[kind].options[j], name) == 0;
        if (!heeded && kdst__options_has(options, name))
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "activation: %s is given, and %s has no such option", name,
                kinds[kind].kind.name);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_activation_create_with_options(
    kdst_context *ctx, const char *kind, const kdst_options *options, kdst_layer **out)
{
    kdst__activation_config config;
    int32_t found = 0;
    kdst_status status = kdst__layer_begin(ctx, "activation", out);
    if (status == KDST_STATUS_OK) status = find(ctx, kind, &found);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "activation", &kdst__schema_layer_activation, options, &config);
    if (status == KDST_STATUS_OK) status = check_options(ctx, found, options);
    return status == KDST_STATUS_OK ? create(ctx, found, &config, out) : status;
}

kdst_status kdst_layer_activation_create(kdst_context *ctx, const char *kind, kdst_layer **out)
{
    return kdst_layer_activation_create_with_options(ctx, kind, NULL, out);
}
