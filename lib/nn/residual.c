/* SPDX-License-Identifier: Apache-2.0 */
/* residual: y = activation(body(x) + shortcut(x)) (He, Zhang, Ren, Sun: Deep Residual Learning, 2016).
 *
 * Child 0 is the body, under an empty name; child 1, where there is one, the shortcut; else the shortcut is the identity. A body that
 * ends with a batch norm computes sum and activation in the same pass: then the shortcut runs first.
 */
#include "nn/layer.h"

typedef struct residual {
    kdst_layer base;
    bool activation;
} residual;

typedef struct config {
    int32_t activation;
    const char *shortcut_name;
} config;

static const kdst__option options[] = {
    KDST__CHOICE(config, activation, "relu", "relu|none", "applied to the sum"),
    KDST__STRING(config, shortcut_name, "shortcut", "name of the shortcut among the body's children"),
};
const kdst__schema kdst__schema_layer_residual = {"layer.residual", options, KDST__COUNT(options), NULL, 0};

static kdst_status run_shortcut(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    if (layer->child_count > 1) return kdst__layer_run(layer->children[1], x, out);
    kdst_tensor_retain(*out = x);
    return KDST_STATUS_OK;
}

static int32_t fused(const kdst_layer *layer)
{
    return ((const residual *)layer)->activation ? KDST__FUSED_RELU : KDST__FUSED_NONE;
}

static kdst_status run_joined(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    kdst__layer_tail tail = {.sum = true, .activation = fused(layer)};
    kdst_status status = run_shortcut(layer, x, &tail.addend);
    if (status == KDST_STATUS_OK) status = kdst__layer_run_tail(layer->children[0], &x, 1, &tail, out);
    kdst_tensor_release(tail.addend);
    return status;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const kdst__layer_tail tail = {.sum = true, .activation = fused(layer)};
    if (kdst__layer_takes_tail(layer->children[0], &tail)) return run_joined(layer, x, out);
    kdst_tensor *straight = NULL, *around = NULL, *sum = NULL;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_status status = kdst__layer_run(layer->children[0], x, &straight);
    if (status == KDST_STATUS_OK) status = run_shortcut(layer, x, &around);
    if (status != KDST_STATUS_OK) goto done;
    if (!kdst__tensor_same_shape(straight, around)) {
        status = kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "residual: the body gives %s, the shortcut %s",
            kdst__shape_text(straight->rank, straight->shape, a), kdst__shape_text(around->rank, around->shape, b));
        goto done;
    }
    status = kdst_add(straight, around, &sum);
    if (status == KDST_STATUS_OK && ((residual *)layer)->activation) {
        status = kdst_relu(sum, out);
    } else if (status == KDST_STATUS_OK) {
        *out = sum;
        sum = NULL;
    }
done:
    kdst_tensor_release(sum);
    kdst_tensor_release(around);
    kdst_tensor_release(straight);
    return status;
}

static const kdst__layer_kind kind = {.name = "residual", .bytes = sizeof(residual), .run = run};

kdst_status kdst__layer_residual_new(
    kdst_context *ctx, kdst_layer *body, kdst_layer *shortcut, bool activation, const char *shortcut_name,
    kdst_layer **out)
{
    kdst_layer *layer;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    ((residual *)layer)->activation = activation;
    status = kdst__layer_attach("residual", layer, "", body);
    if (status == KDST_STATUS_OK && shortcut != NULL)
        status = kdst__layer_attach("residual", layer, shortcut_name, shortcut);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    kdst__layer_set_training(layer, true);
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_residual_create(
    kdst_context *ctx, kdst_layer *body, kdst_layer *shortcut, const kdst_options *given, kdst_layer **out)
{
    config c;
    kdst_status status = kdst__layer_begin(ctx, "residual", out);
    if (status != KDST_STATUS_OK) return status;
    if (body == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "residual: body is NULL");
    status = kdst__options_parse(ctx, "residual", &kdst__schema_layer_residual, given, &c);
    return status == KDST_STATUS_OK
        ? kdst__layer_residual_new(ctx, body, shortcut, c.activation == 0, c.shortcut_name, out)
        : status;
}
