/* SPDX-License-Identifier: Apache-2.0 */
/* adam: Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, in PyTorch's terms.
 *
 * d = g + weight_decay w; m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2; t counts a tensor's updates from 1:
 * w -= learning_rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
 */
#include "nn/optimizer.h"

#include <float.h>

typedef struct config {
    double learning_rate, beta1, beta2, eps, weight_decay;
} config;

typedef struct adam {
    kdst_optimizer base;
    config config;
} adam;

static const kdst__option options[] = {
    KDST__FLOAT(config, learning_rate, 0.001, 0, DBL_MAX, "step size"),
    KDST__FLOAT_BELOW(config, beta1, 0.9, 0, 1, "decay of the first moment"), /* 1 itself would divide by zero */
    KDST__FLOAT_BELOW(config, beta2, 0.999, 0, 1, "decay of the second moment"),
    KDST__FLOAT(config, eps, 1e-8, 0, DBL_MAX, "added to the root of the second moment"),
    KDST__FLOAT(config, weight_decay, 0, 0, DBL_MAX, "factor of the weights in the gradient"),
};
const kdst__schema kdst__schema_optimizer_adam = {"optimizer.adam", options, KDST__COUNT(options), NULL, 0};

static void update(const kdst_optimizer *optimizer, const kdst__optimizer_entry *entry, int64_t updates)
{
    const config *c = &((const adam *)optimizer)->config;
    const kdst_tensor *w = entry->tensor;
    kdst__adam(
        kdst__tensor_compute(w), w->dtype, kdst__tensor_count(w), optimizer->learning_rate, c->beta1, c->beta2, c->eps,
        c->weight_decay, updates, kdst__tensor_data(w->grad), kdst__tensor_data(entry->slots[0]),
        kdst__tensor_data(entry->slots[1]), kdst__tensor_data(w));
}

static const kdst__optimizer_kind kind = {"adam", sizeof(adam), update};

kdst_status kdst_optimizer_adam_create(kdst_context *ctx, const kdst_options *given, kdst_optimizer **out)
{
    config config;
    kdst_status status = kdst__optimizer_begin(ctx, "adam", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "adam", &kdst__schema_optimizer_adam, given, &config);
    if (status == KDST_STATUS_OK)
        status = kdst__optimizer_new(ctx, &kind, out);
    if (status != KDST_STATUS_OK)
        return status;
    kdst_optimizer *optimizer = *out;
    ((adam *)optimizer)->config = config;
    optimizer->learning_rate = config.learning_rate;
    optimizer->slot_count = 3;
    optimizer->slot_suffix[0] = "first_moment";
    optimizer->slot_suffix[1] = "second_moment";
    optimizer->slot_suffix[2] = "updates";
    return KDST_STATUS_OK;
}
