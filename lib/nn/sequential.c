/* SPDX-License-Identifier: Apache-2.0 */
/* sequential: its children one after the other, each on all outputs of the one in front; without children the identity.
 *
 * So it takes what its first child takes and gives what its last child gives. A child runs together with a relu or relu6 behind it, a
 * convolution with the statistics of the batch norm behind it, and the last child with what the container around wants done
 * to the result, when the child can and nobody asks for what lies between.
 */
#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

static void ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    kdst__layer_ports last;
    if (layer->child_count == 0) return;
    kdst__layer_get_ports(layer->children[0], out);
    kdst__layer_get_ports(layer->children[layer->child_count - 1], &last);
    out->outputs = last.outputs;
}

static void release_all(kdst_tensor **tensors, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        kdst_tensor_release(tensors[i]);
}

/* What child i is to do beyond its own work, and how many children are done then. `end` is for the last one, nullable. */
static int64_t plan_tail(const kdst_layer *layer, int64_t i, const kdst__layer_tail *end, kdst__layer_tail *out)
{
    const kdst_layer *child = layer->children[i], *next = i + 1 < layer->child_count ? layer->children[i + 1] : NULL;
    *out = (kdst__layer_tail){.addend = NULL};
    if (next == NULL) {
        if (end != NULL) *out = *end;
        return 1;
    }
    if (kdst__layer_unobserved(next)) out->activation = kdst__layer_fused_activation(next);
    if (out->activation && (end == NULL || i + 2 < layer->child_count) && kdst__layer_takes_tail(child, out)) return 2;
    out->activation = KDST__FUSED_NONE;
    out->moments =
        kdst__layer_wants_moments(next) && kdst__layer_takes_tail(child, &(kdst__layer_tail){.moments = true});
    return 1;
}

static kdst_status run_children(
    kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, const kdst__layer_tail *end, kdst_tensor **out,
    int64_t *out_count)
{
    kdst_tensor *now[KDST__LAYER_OUTPUTS], *next[KDST__LAYER_OUTPUTS];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count; i++)
        kdst_tensor_retain(now[i] = inputs[i]);
    for (int64_t i = 0, done; i < layer->child_count && status == KDST_STATUS_OK; i += done) {
        kdst_layer *child = layer->children[i];
        kdst__layer_ports ports;
        kdst__layer_tail tail;
        kdst__layer_get_ports(child, &ports);
        done = plan_tail(layer, i, end, &tail);
        if (tail.activation || tail.sum || tail.moments)
            status = kdst__layer_run_tail(child, now, count, &tail, next);
        else
            status = kdst__layer_run_many(child, now, count, next);
        /* what only a convolution reads is made again when its backward pass needs it */
        if (status == KDST_STATUS_OK && i > 0 && kdst__layer_is_conv2d(child)) kdst__record_drop(now[0], next[0]);
        release_all(now, count);
        count = status == KDST_STATUS_OK ? ports.outputs : 0;
        for (int64_t k = 0; k < count; k++)
            now[k] = next[k];
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = now[i];
    *out_count = count;
    return status;
}

/* With room for `wanted` outputs: a callback that adds a layer may make them more. */
static kdst_status run_checked(
    kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, const kdst__layer_tail *end, int64_t wanted,
    kdst_tensor **out)
{
    kdst_tensor *outputs[KDST__LAYER_OUTPUTS];
    kdst_status status = run_children(layer, inputs, count, end, outputs, &count);
    if (status != KDST_STATUS_OK) return status;
    if (count == wanted) {
        memcpy(out, outputs, (size_t)count * sizeof(kdst_tensor *));
        return KDST_STATUS_OK;
    }
    release_all(outputs, count);
    return kdst__fail(
        layer->base.ctx, KDST_STATUS_STATE,
        "sequential: its outputs have become %" PRId64 " while it ran, they were %" PRId64, count, wanted);
}

static kdst_status run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst__layer_ports own;
    kdst__layer_get_ports(layer, &own);
    return run_checked(layer, inputs, count, NULL, own.outputs, out);
}

/* Its last child takes it, and has one input and output, as all of that kind. */
static bool takes_tail(const kdst_layer *layer, const kdst__layer_tail *tail)
{
    kdst__layer_ports first;
    if (layer->child_count == 0) return false;
    kdst__layer_get_ports(layer->children[0], &first);
    return first.inputs == 1 && first.optional == 0 &&
        kdst__layer_takes_tail(layer->children[layer->child_count - 1], tail);
}

static kdst_status run_tail(kdst_layer *layer, kdst_tensor *x, const kdst__layer_tail *tail, kdst_tensor **out)
{
    return run_checked(layer, &x, 1, tail, 1, out);
}

static const kdst__layer_kind kind = {
    .name = "sequential",
    .bytes = sizeof(kdst_layer),
    .open = true,
    .run_many = run,
    .ports = ports,
    .takes_tail = takes_tail,
    .run_tail = run_tail};

bool kdst__layer_is_chain(const kdst_layer *layer)
{
    return layer->kind == &kind;
}

kdst_status kdst_layer_sequential_create(kdst_context *ctx, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "sequential", out);
    return status == KDST_STATUS_OK ? kdst__layer_new(ctx, &kind, out) : status;
}
