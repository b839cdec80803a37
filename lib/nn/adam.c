/* SPDX-License-Identifier: Apache-2.0 */
/* adam, adamw: Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015; Loshchilov and Hutter, Decoupled weight decay
 * regularization, ICLR 2019; amsgrad: Reddi, Kale and Kumar, On the convergence of Adam and beyond, ICLR 2018. In PyTorch's terms.
 *
 * adam: d = g + weight_decay w; adamw: w -= learning_rate weight_decay w first, d = g. Then m = beta1 m + (1 - beta1) d;
 * v = beta2 v + (1 - beta2) d^2, with amsgrad the largest v so far; t counts a tensor's updates from 1:
 * w -= learning_rate / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
 */
#include "nn/optimizer.h"

#include <float.h>

typedef struct config {
    double learning_rate, beta1, beta2, eps, weight_decay;
    int64_t amsgrad;
} config;

typedef struct adam {
    kdst_optimizer base;
    config config;
    bool decoupled;
} adam;

static const kdst__option adam_options[] = {
    KDST__FLOAT(config, learning_rate, 0.001, 0, DBL_MAX, "step size"),
    KDST__FLOAT_BELOW(config, beta1, 0.9, 0, 1, "decay of the first moment"), /* 1 itself would divide by zero */
    KDST__FLOAT_BELOW(config, beta2, 0.999, 0, 1, "decay of the second moment"),
    KDST__FLOAT(config, eps, 1e-8, 0, DBL_MAX, "added to the root of the second moment"),
    KDST__FLOAT(config, weight_decay, 0, 0, DBL_MAX, "factor of the weights in the gradient"),
    KDST__INT(config, amsgrad, 0, 0, 1, "1: the largest second moment so far"),
};
const kdst__schema kdst__schema_optimizer_adam = {"optimizer.adam", adam_options, KDST__COUNT(adam_options), NULL, 0};

static const kdst__option adamw_options[] = {
    KDST__FLOAT(config, learning_rate, 0.001, 0, DBL_MAX, "step size"),
    KDST__FLOAT_BELOW(config, beta1, 0.9, 0, 1, "decay of the first moment"),
    KDST__FLOAT_BELOW(config, beta2, 0.999, 0, 1, "decay of the second moment"),
    KDST__FLOAT(config, eps, 1e-8, 0, DBL_MAX, "added to the root of the second moment"),
    KDST__FLOAT(config, weight_decay, 0.01, 0, DBL_MAX, "share of the weights, times the rate, that a step takes away"),
    KDST__INT(config, amsgrad, 0, 0, 1, "1: the largest second moment so far"),
};
const kdst__schema kdst__schema_optimizer_adamw = {
    "optimizer.adamw", adamw_options, KDST__COUNT(adamw_options), NULL, 0};

static void update(const kdst_optimizer *optimizer, int64_t count, kdst__span *spans, double scale)
{
    const adam *self = (const adam *)optimizer;
    const config *c = &self->config;
    const kdst__adam_rule rule = {scale, c->beta1, c->beta2, c->eps, self->decoupled};
    kdst__adam(kdst__slot_get(optimizer->base.ctx, KDST__SLOT_COMPUTE), &rule, count, spans);
}

static const kdst__optimizer_kind adam_kind = {"adam", sizeof(adam), update};
static const kdst__optimizer_kind adamw_kind = {"adamw", sizeof(adam), update};

static kdst_status create(
    kdst_context *ctx, const kdst__optimizer_kind *kind, const kdst__schema *schema, const kdst_options *given,
    kdst_optimizer **out)
{
    config config;
    kdst_status status = kdst__optimizer_begin(ctx, kind->name, out);
    if (status == KDST_STATUS_OK) status = kdst__options_parse(ctx, kind->name, schema, given, &config);
    if (status == KDST_STATUS_OK) status = kdst__optimizer_new(ctx, kind, out);
    if (status != KDST_STATUS_OK) return status;
    kdst_optimizer *optimizer = *out;
    ((adam *)optimizer)->config = config;
    ((adam *)optimizer)->decoupled = kind == &adamw_kind;
    optimizer->learning_rate = config.learning_rate;
    optimizer->weight_decay = config.weight_decay;
    kdst__optimizer_add_slot(optimizer, "first_moment", 0);
    kdst__optimizer_add_slot(optimizer, "second_moment", 1);
    if (config.amsgrad) kdst__optimizer_add_slot(optimizer, "largest_moment", 2);
    kdst__optimizer_add_counter(optimizer);
    return KDST_STATUS_OK;
}

kdst_status kdst_optimizer_adam_create(kdst_context *ctx, const kdst_options *given, kdst_optimizer **out)
{
    return create(ctx, &adam_kind, &kdst__schema_optimizer_adam, given, out);
}

kdst_status kdst_optimizer_adamw_create(kdst_context *ctx, const kdst_options *given, kdst_optimizer **out)
{
    return create(ctx, &adamw_kind, &kdst__schema_optimizer_adamw, given, out);
}
