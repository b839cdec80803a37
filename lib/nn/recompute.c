/* SPDX-License-Identifier: Apache-2.0 */
/* Layers whose inside is computed again in the backward pass (autograd/recompute.h).
 *
 * A layer with one output that is asked to runs without a record and keeps its inputs. Where a layer inside keeps its output or has a hook,
 * everything is recorded as usual: who looks at an output may differentiate through it.
 */
#include "autograd/recompute.h"
#include "core/random.h"
#include "nn/layer.h"

#include <inttypes.h>

static bool looked_into(const kdst_layer *layer)
{
    for (int64_t i = 0; i < layer->child_count; i++)
        if (layer->children[i]->hook_count > 0 || looked_into(layer->children[i])) return true;
    return false;
}

/* Modes, and how often the parameters were written to; of layers in evaluation mode their buffers too. */
static uint64_t state_below(const kdst_layer *layer, uint64_t state)
{
    bool training = layer->training && !layer->fixed;
    state = kdst__mix(state, (uint64_t)training);
    for (int32_t i = 0; i < layer->tensor_count; i++)
        if (layer->tensors[i].is_parameter || !training)
            state = kdst__mix(state, layer->tensors[i].tensor->storage->version);
    for (int64_t i = 0; i < layer->child_count; i++)
        state = state_below(layer->children[i], state);
    return state;
}

static uint64_t state(const void *owner, int64_t first, int64_t last)
{
    (void)first, (void)last;
    return state_below(owner, 0);
}

static kdst_tensor *trainable(const kdst_layer *layer)
{
    kdst_tensor *found = NULL;
    for (int32_t i = 0; i < layer->tensor_count; i++)
        if (layer->tensors[i].tensor->requires_grad) return layer->tensors[i].tensor;
    for (int64_t i = 0; i < layer->child_count && found == NULL; i++)
        found = trainable(layer->children[i]);
    return found;
}

static kdst_status
run(void *owner, int64_t first, int64_t last, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)first, (void)last;
    return kdst__layer_run_kind(owner, inputs, count, out);
}

bool kdst__layer_recomputes(const kdst_layer *layer, kdst_tensor *const *inputs, int64_t count)
{
    kdst__layer_ports ports;
    if (!layer->recompute || count < 1 || inputs[0] == NULL || layer->watch != NULL) return false;
    if (!kdst__grad_enabled(layer->base.ctx) || kdst__tracing(layer->base.ctx)) return false;
    kdst__layer_get_ports(layer, &ports);
    return ports.outputs == 1 && layer->keepers == layer->keeps && !looked_into(layer);
}

kdst_status kdst__layer_run_recomputed(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const kdst__piece_of_work work = {layer, 0, 0, run, state};
    return kdst__recompute_run(&work, inputs, count, trainable(layer), out);
}

static bool ask(kdst_layer *layer)
{
    bool news = !layer->recompute;
    layer->recompute = true;
    return news;
}

static bool ask_blocks(kdst_layer *layer)
{
    bool news = false;
    for (int64_t i = 0; i < layer->child_count; i++) {
        kdst_layer *child = layer->children[i];
        if (kdst__layer_is_chain(child))
            news |= ask_blocks(child);
        else if (child->child_count > 0)
            news |= ask(child);
    }
    return news;
}

static bool ask_chains(kdst_layer *layer)
{
    bool news = false;
    for (int64_t i = 0; i < layer->child_count; i++) {
        kdst_layer *child = layer->children[i];
        if (!kdst__layer_is_chain(child) || child->child_count < 2) continue;
        news |= ask(child);
        news |= ask_chains(child);
    }
    return news;
}

bool kdst__layer_recompute_more(kdst_layer *root)
{
    return ask_blocks(root) || ask_chains(root);
}

kdst_status kdst_layer_set_recompute(kdst_layer *layer, int32_t recompute)
{
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    if (recompute != 0 && recompute != 1)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_set_recompute: recompute is %" PRId32 ", allowed are 0 and 1", recompute);
    layer->recompute = recompute == 1;
    return KDST_STATUS_OK;
}

int32_t kdst_layer_get_recompute(const kdst_layer *layer)
{
    return layer != NULL && layer->recompute;
}
