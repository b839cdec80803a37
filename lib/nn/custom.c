/* SPDX-License-Identifier: Apache-2.0 */
/* custom: a layer whose forward pass is a callback of the caller's.
 *
 * The callback composes recorded operations, runs children that were added, or runs an operation of its own
 * (kdst_operation_run); what it records is differentiated as everything else. Inputs, layer and what it is built on stay alive while it
 * runs, whatever it releases.
 */
#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

typedef struct custom {
    kdst_layer base;
    char *name;
    kdst_layer_forward_fn forward;
    void *user_data;
    kdst_destroy_fn destroy;
    int64_t inputs, outputs;
} custom;

typedef struct config {
    int64_t inputs, outputs;
} config;

static const kdst__option options[] = {
    KDST__INT(config, inputs, 1, 0, KDST__LAYER_INPUTS, "number of inputs"),
    KDST__INT(config, outputs, 1, 1, KDST__LAYER_OUTPUTS, "number of outputs"),
};
const kdst__schema kdst__schema_layer_custom = {"layer.custom", options, KDST__COUNT(options), NULL, 0};

static void ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    const custom *c = (const custom *)layer;
    *out = (kdst__layer_ports){c->inputs, 0, c->outputs};
}

static void destroy(kdst_layer *layer)
{
    custom *c = (custom *)layer;
    if (c->name != NULL) kdst__free(kdst__context_memory(layer->base.ctx), c->name, strlen(c->name) + 1);
    if (c->destroy != NULL) c->destroy(c->user_data);
}

/* Every output must be there and of this context. */
static kdst_status check_outputs(const custom *c, kdst_tensor **out)
{
    kdst_context *ctx = c->base.base.ctx;
    for (int64_t i = 0; i < c->outputs; i++)
        if (out[i] == NULL || out[i]->base.ctx != ctx)
            return kdst__fail(
                ctx, KDST_STATUS_CALLBACK, "%s: forward returned %s as output %" PRId64, c->name,
                out[i] == NULL ? "no tensor" : "a tensor of another context", i);
    return KDST_STATUS_OK;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    custom *c = (custom *)layer;
    kdst_context *ctx = layer->base.ctx;
    kdst_tensor *held[KDST__LAYER_INPUTS];
    kdst__scopes before;
    if (!kdst__scopes_enter(ctx, true, &before)) return kdst__fail_memory(ctx, c->name);
    kdst__handle_retain(layer);
    for (int64_t i = 0; i < count; i++)
        kdst__handle_retain(held[i] = inputs[i]);
    kdst_status status = c->forward(c->user_data, layer, held, count, kdst__layer_is_training(layer), out);
    kdst__scopes_leave(ctx, &before);
    status = status != KDST_STATUS_OK ? kdst__fail_callback(ctx, status, c->name) : check_outputs(c, out);
    for (int64_t i = 0; i < count; i++)
        kdst__handle_release(held[i]);
    kdst__handle_release(layer);
    return status;
}

static const kdst__layer_kind kind = {
    .name = "custom", .bytes = sizeof(custom), .open = true, .run_many = run, .ports = ports, .destroy = destroy};

static kdst_status
create(kdst_context *ctx, const char *name, kdst_layer_forward_fn forward, const kdst_options *given, kdst_layer **out)
{
    kdst_layer *layer = NULL;
    config c;
    kdst_status status = kdst__layer_begin(ctx, "custom", out);
    if (status != KDST_STATUS_OK) return status;
    if (name == NULL || forward == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "custom: %s is NULL", name == NULL ? "name" : "forward");
    status = kdst__options_parse(ctx, "custom", &kdst__schema_layer_custom, given, &c);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    custom *made = (custom *)layer;
    made->name = kdst__alloc(kdst__context_memory(ctx), strlen(name) + 1);
    if (made->name == NULL) {
        kdst_layer_release(layer);
        return kdst__fail_memory(ctx, "custom");
    }
    strcpy(made->name, name);
    made->forward = forward;
    made->inputs = c.inputs;
    made->outputs = c.outputs;
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_custom_create(
    kdst_context *ctx, const char *name, kdst_layer_forward_fn forward, void *user_data, kdst_destroy_fn destroy_fn,
    const kdst_options *given, kdst_layer **out)
{
    kdst_status status = create(ctx, name, forward, given, out);
    if (status != KDST_STATUS_OK) {
        if (destroy_fn != NULL) destroy_fn(user_data);
        return status;
    }
    /* set last, so that the failures above have not run it */
    ((custom *)*out)->user_data = user_data;
    ((custom *)*out)->destroy = destroy_fn;
    return KDST_STATUS_OK;
}
