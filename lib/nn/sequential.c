/* SPDX-License-Identifier: Apache-2.0 */
/* sequential: its children one after the other; without children the identity. */
#include "nn/layer.h"

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor_retain(x);
    for (int64_t i = 0; i < layer->child_count; i++) {
        kdst_tensor *next;
        kdst_status status = kdst__layer_run(layer->children[i], x, &next);
        kdst_tensor_release(x);
        if (status != KDST_STATUS_OK) return status;
        x = next;
    }
    *out = x;
    return KDST_STATUS_OK;
}

static const kdst__layer_kind kind = {"sequential", sizeof(kdst_layer), run, true};

kdst_status kdst_layer_sequential_create(kdst_context *ctx, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "sequential", out);
    return status == KDST_STATUS_OK ? kdst__layer_new(ctx, &kind, out) : status;
}
