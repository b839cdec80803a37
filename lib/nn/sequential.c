/* SPDX-License-Identifier: Apache-2.0 */
/* sequential: its children one after the other, each on all outputs of the one in front; without children the identity.
 *
 * So it takes what its first child takes and gives what its last child gives.
 */
#include "nn/layer.h"

#include <inttypes.h>

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

static kdst_status run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *now[KDST__LAYER_OUTPUTS], *next[KDST__LAYER_OUTPUTS];
    kdst__layer_ports own;
    kdst_status status = KDST_STATUS_OK;
    kdst__layer_get_ports(layer, &own);
    for (int64_t i = 0; i < count; i++)
        kdst_tensor_retain(now[i] = inputs[i]);
    for (int64_t i = 0; i < layer->child_count && status == KDST_STATUS_OK; i++) {
        kdst__layer_ports child;
        kdst__layer_get_ports(layer->children[i], &child);
        status = kdst__layer_run_many(layer->children[i], now, count, next);
        release_all(now, count);
        count = status == KDST_STATUS_OK ? child.outputs : 0;
        for (int64_t k = 0; k < count; k++)
            now[k] = next[k];
    }
    if (status != KDST_STATUS_OK) return status;
    if (count != own.outputs) { /* a callback has added a layer */
        release_all(now, count);
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_STATE,
            "sequential: its outputs have become %" PRId64 " while it ran, they were %" PRId64, count, own.outputs);
    }
    for (int64_t i = 0; i < count; i++)
        out[i] = now[i];
    return KDST_STATUS_OK;
}

static const kdst__layer_kind kind = {
    .name = "sequential", .bytes = sizeof(kdst_layer), .open = true, .run_many = run, .ports = ports};

kdst_status kdst_layer_sequential_create(kdst_context *ctx, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "sequential", out);
    return status == KDST_STATUS_OK ? kdst__layer_new(ctx, &kind, out) : status;
}
