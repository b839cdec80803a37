/* SPDX-License-Identifier: Apache-2.0 */
/* rmsprop: Tieleman and Hinton, lecture 6.5 of Neural networks for machine learning, 2012; centered: Graves, Generating sequences with
 * recurrent neural networks, 2013. In PyTorch's terms: eps is added to the root.
 *
 * d = g + weight_decay w; v = alpha v + (1 - alpha) d^2; centered: u = alpha u + (1 - alpha) d, s = v - u^2, else s = v;
 * b = momentum b + d / (sqrt(s) + eps); w -= learning_rate b.
 */
#include "nn/optimizer.h"

#include <float.h>

typedef struct config {
    double learning_rate, alpha, eps, momentum, weight_decay;
    int64_t centered;
} config;

typedef struct rmsprop {
    kdst_optimizer base;
    config config;
} rmsprop;

static const kdst__option options[] = {
    KDST__FLOAT(config, learning_rate, 0.01, 0, DBL_MAX, "step size"),
    KDST__FLOAT(config, alpha, 0.99, 0, 1, "decay of the mean square"),
    KDST__FLOAT(config, eps, 1e-8, 0, DBL_MAX, "added to the root of the mean square"),
    KDST__FLOAT(config, momentum, 0, 0, DBL_MAX, "share of the old direction"),
    KDST__INT(config, centered, 0, 0, 1, "1: divide by the deviation, not by the mean square's root"),
    KDST__FLOAT(config, weight_decay, 0, 0, DBL_MAX, "factor of the weights in the gradient"),
};
const kdst__schema kdst__schema_optimizer_rmsprop = {"optimizer.rmsprop", options, KDST__COUNT(options), NULL, 0};

static void update(const kdst_optimizer *optimizer, int64_t count, kdst__span *spans, double scale)
{
    const config *c = &((const rmsprop *)optimizer)->config;
    const kdst__rmsprop_rule rule = {scale, c->alpha, c->eps, c->momentum};
    kdst__rmsprop(kdst__slot_get(optimizer->base.ctx, KDST__SLOT_COMPUTE), &rule, count, spans);
}

static const kdst__optimizer_kind kind = {"rmsprop", sizeof(rmsprop), update};

kdst_status kdst_optimizer_rmsprop_create(kdst_context *ctx, const kdst_options *given, kdst_optimizer **out)
{
    config config;
    kdst_status status = kdst__optimizer_begin(ctx, "rmsprop", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "rmsprop", &kdst__schema_optimizer_rmsprop, given, &config);
    if (status == KDST_STATUS_OK) status = kdst__optimizer_new(ctx, &kind, out);
    if (status != KDST_STATUS_OK) return status;
    kdst_optimizer *optimizer = *out;
    ((rmsprop *)optimizer)->config = config;
    optimizer->learning_rate = config.learning_rate;
    optimizer->weight_decay = config.weight_decay;
    kdst__optimizer_add_slot(optimizer, "mean_square", 0);
    if (config.centered) kdst__optimizer_add_slot(optimizer, "mean_gradient", 1);
    if (config.momentum > 0) kdst__optimizer_add_slot(optimizer, "momentum", 2);
    kdst__optimizer_add_counter(optimizer);
    return KDST_STATUS_OK;
}
