/* SPDX-License-Identifier: Apache-2.0 */
/* activation: relu element by element; softmax and log_softmax over the last axis. */
#include "nn/layer.h"

#include <string.h>

static kdst_status run_relu(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_relu(x, out);
}

static kdst_status run_softmax(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_softmax(x, -1, out);
}

static kdst_status run_log_softmax(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_log_softmax(x, -1, out);
}

/* In the order of KDST__ACTIVATION_*. */
static const kdst__layer_kind kinds[] = {
    {.name = "relu", .bytes = sizeof(kdst_layer), .run = run_relu},
    {.name = "softmax", .bytes = sizeof(kdst_layer), .run = run_softmax},
    {.name = "log_softmax", .bytes = sizeof(kdst_layer), .run = run_log_softmax},
};

kdst_status kdst__layer_activation_new(kdst_context *ctx, int32_t kind, kdst_layer **out)
{
    return kdst__layer_new(ctx, &kinds[kind], out);
}

kdst_status kdst_layer_activation_create(kdst_context *ctx, const char *kind, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "activation", out);
    if (status != KDST_STATUS_OK) return status;
    if (kind == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "activation: kind is NULL");
    for (int32_t i = 0; i < KDST__COUNT(kinds); i++)
        if (strcmp(kind, kinds[i].name) == 0) return kdst__layer_activation_new(ctx, i, out);
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "activation: kind is \"%.64s\", allowed are relu, softmax and log_softmax",
        kind);
}
