/* SPDX-License-Identifier: Apache-2.0 */
/* dropout: zeros with probability `rate`, the rest divided by 1 - rate; in evaluation mode the identity. */
#include "nn/layer.h"

typedef struct dropout {
    kdst_layer base;
    double rate;
} dropout;

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    double rate = ((dropout *)layer)->rate;
    if (kdst__layer_is_training(layer) && rate > 0) return kdst__dropout_run(x, rate, out);
    kdst_tensor_retain(x);
    *out = x;
    return KDST_STATUS_OK;
}

static const kdst__layer_kind kind = {.name = "dropout", .bytes = sizeof(dropout), .run = run};

kdst_status kdst_layer_dropout_create(kdst_context *ctx, double rate, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "dropout", out);
    if (status != KDST_STATUS_OK) return status;
    if (!(rate >= 0 && rate < 1))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "dropout: rate is %g, allowed is [0, 1)", rate);
    status = kdst__layer_new(ctx, &kind, out);
    if (status == KDST_STATUS_OK) ((dropout *)*out)->rate = rate;
    return status;
}
