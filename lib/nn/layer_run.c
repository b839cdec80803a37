/* SPDX-License-Identifier: Apache-2.0 */
/* Running a layer: one place for every kind and every number of inputs and outputs.
 *
 * kdst__layer_run_many checks how many inputs are given and calls the kind; the single-tensor forms end there too. Outputs of a layer
 * are all new references or, after a failure, all NULL.
 */
#include "nn/layer.h"

#include <inttypes.h>

void kdst__layer_get_ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    *out = (kdst__layer_ports){1, 0, 1};
    if (layer->kind->ports != NULL) layer->kind->ports(layer, out);
}

static kdst_status
check_inputs(const kdst_layer *layer, const kdst__layer_ports *ports, kdst_tensor *const *inputs, int64_t count)
{
    kdst_context *ctx = layer->base.ctx;
    const char *name = layer->kind->name;
    int64_t most = ports->inputs + ports->optional;
    if ((count < ports->inputs || count > most) && ports->optional == 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run: got %" PRId64 " inputs, the %s expects %" PRId64, count,
            name, ports->inputs);
    if (count < ports->inputs || count > most)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_run: got %" PRId64 " inputs, the %s expects %" PRId64 " to %" PRId64, count, name, ports->inputs,
            most);
    for (int64_t i = 0; i < count; i++) {
        if (inputs[i] == NULL && i < ports->inputs)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run: input %" PRId64 " of the %s is NULL", i, name);
        if (inputs[i] != NULL && inputs[i]->base.ctx != ctx)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run: input %" PRId64 " of the %s belongs to another context",
                i, name);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__layer_run_kind(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const kdst__layer_kind *kind = layer->kind;
    return kind->run_many != NULL ? kind->run_many(layer, inputs, count, out) : kind->run(layer, inputs[0], out);
}

kdst_status kdst__layer_run_many(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst__layer_ports ports;
    kdst__layer_get_ports(layer, &ports);
    for (int64_t i = 0; i < ports.outputs; i++)
        out[i] = NULL;
    kdst_status status = check_inputs(layer, &ports, inputs, count);
    if (status != KDST_STATUS_OK) return status;
    kdst__graph *graph = kdst__graph_of(layer->base.ctx);
    const void *around = graph != NULL ? graph->owner : NULL;
    if (graph != NULL)
        graph->owner = layer;
    else if (layer->keepers > 0 && layer->watch == NULL)
        kdst__layer_forget_outputs(layer);
    status = kdst__layer_recomputes(layer, inputs, count) ? kdst__layer_run_recomputed(layer, inputs, count, out)
                                                          : kdst__layer_run_kind(layer, inputs, count, out);
    if (graph != NULL)
        graph->owner = around;
    else if (status == KDST_STATUS_OK && layer->watch != NULL)
        kdst__layer_watch_outputs(layer, out, ports.outputs);
    else if (status == KDST_STATUS_OK && (layer->keeps || layer->hook_count > 0))
        status = kdst__layer_deliver(layer, ports.outputs, out);
    for (int64_t i = 0; i < ports.outputs && status != KDST_STATUS_OK; i++) {
        kdst_tensor_release(out[i]);
        out[i] = NULL;
    }
    return status;
}

bool kdst__layer_unobserved(const kdst_layer *layer)
{
    return !layer->keeps && layer->hook_count == 0 && layer->watch == NULL && !kdst__tracing(layer->base.ctx);
}

bool kdst__layer_takes_tail(const kdst_layer *layer, const kdst__layer_tail *tail)
{
    const kdst__layer_kind *kind = layer->kind;
    return kind->takes_tail != NULL && !layer->recompute && kdst__layer_unobserved(layer) && kind->takes_tail(layer, tail);
}

kdst_status kdst__layer_run_tail(
    kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, const kdst__layer_tail *tail, kdst_tensor **out)
{
    kdst__layer_ports ports;
    *out = NULL;
    if (!kdst__layer_takes_tail(layer, tail)) /* a callback has added a layer or a hook */
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_STATE, "layer_run: the %s was changed while what it is a part of ran",
            layer->kind->name);
    kdst__layer_get_ports(layer, &ports);
    kdst_status status = check_inputs(layer, &ports, inputs, count);
    if (status != KDST_STATUS_OK) return status;
    if (layer->keepers > 0) kdst__layer_forget_outputs(layer);
    return layer->kind->run_tail(layer, inputs[0], tail, out);
}

kdst_status kdst__layer_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    kdst__layer_ports ports;
    *out = NULL;
    kdst__layer_get_ports(layer, &ports);
    if (ports.inputs > 1)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_run: the %s expects %" PRId64 " inputs, and gets one; layer_run_many takes several",
            layer->kind->name, ports.inputs);
    if (ports.outputs != 1)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_run: the %s gives %" PRId64 " outputs, and one is taken; layer_run_many takes several",
            layer->kind->name, ports.outputs);
    return kdst__layer_run_many(layer, &x, 1, out);
}

/* ---- the public functions ---- */

kdst_status kdst_layer_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (x == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run: %s is NULL", x == NULL ? "x" : "out");
    if (x->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run: x belongs to another context");
    /* a hook may release what the caller gave */
    kdst_layer_retain(layer);
    kdst_tensor_retain(x);
    kdst_status status = kdst__layer_run(layer, x, out);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    return status;
}

/* Wrong arguments of kdst_layer_run_many, apart from the number of inputs. */
static kdst_status check_many(
    const kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity,
    int64_t outputs)
{
    kdst_context *ctx = layer->base.ctx;
    if (count < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run_many: count is %" PRId64 ", allowed is 0 and more", count);
    if ((inputs == NULL && count > 0) || out == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_run_many: %s is NULL", out == NULL ? "out" : "inputs");
    if (capacity < outputs)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_run_many: capacity is %" PRId64 ", the %s gives %" PRId64 " outputs", capacity, layer->kind->name,
            outputs);
    return KDST_STATUS_OK;
}

/* Runs with references to everything, which a hook may release. */
static kdst_status run_held(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *held[KDST__LAYER_INPUTS] = {NULL};
    for (int64_t i = 0; i < count && i < KDST__LAYER_INPUTS; i++)
        kdst__handle_retain(held[i] = inputs[i]);
    kdst_layer_retain(layer);
    kdst_status status = kdst__layer_run_many(layer, count <= KDST__LAYER_INPUTS ? held : inputs, count, out);
    kdst_layer_release(layer);
    for (int64_t i = 0; i < KDST__LAYER_INPUTS; i++)
        kdst_tensor_release(held[i]);
    return status;
}

kdst_status kdst_layer_run_many(
    kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity,
    int64_t *out_count)
{
    for (int64_t i = 0; out != NULL && i < capacity; i++)
        out[i] = NULL;
    if (out_count != NULL) *out_count = 0;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    int64_t outputs = kdst_layer_get_output_count(layer);
    kdst_status status = check_many(layer, inputs, count, out, capacity, outputs);
    if (status == KDST_STATUS_OK) status = run_held(layer, inputs, count, out);
    if (status == KDST_STATUS_OK && out_count != NULL) *out_count = outputs;
    return status;
}

int64_t kdst_layer_get_input_count(const kdst_layer *layer)
{
    kdst__layer_ports ports = {0, 0, 0};
    if (layer != NULL) kdst__layer_get_ports(layer, &ports);
    return ports.inputs;
}

int64_t kdst_layer_get_output_count(const kdst_layer *layer)
{
    kdst__layer_ports ports = {0, 0, 0};
    if (layer != NULL) kdst__layer_get_ports(layer, &ports);
    return ports.outputs;
}
