/* SPDX-License-Identifier: Apache-2.0 */
/* flatten: joins all axes but the first, [N, …] to [N, D]. */
#include "nn/layer.h"

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    char text[KDST__SHAPE_TEXT];
    if (x->rank < 2)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "flatten: input is %s, layer expects rank 2 or more",
            kdst__shape_text(x->rank, x->shape, text));
    int64_t shape[2] = {x->shape[0], 1};
    for (int32_t i = 1; i < x->rank; i++)
        shape[1] *= x->shape[i];
    if (x->rank > 2) return kdst_reshape(x, 2, shape, out);
    kdst_tensor_retain(x);
    *out = x;
    return KDST_STATUS_OK;
}

static const kdst__layer_kind kind = {.name = "flatten", .bytes = sizeof(kdst_layer), .run = run};

kdst_status kdst_layer_flatten_create(kdst_context *ctx, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "flatten", out);
    return status == KDST_STATUS_OK ? kdst__layer_new(ctx, &kind, out) : status;
}
