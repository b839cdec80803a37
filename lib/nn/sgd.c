/* SPDX-License-Identifier: Apache-2.0 */
/* sgd: gradient descent with momentum, Nesterov's form and weight decay, in PyTorch's terms.
 *
 * d = g + weight_decay w; v = d at a tensor's first update, then momentum v + (1 - dampening) d;
 * w -= learning_rate (v, or d + momentum v with nesterov, or d without momentum).
 */
#include "nn/optimizer.h"

#include <float.h>

typedef struct config {
    double learning_rate, momentum, weight_decay, dampening;
    int64_t nesterov;
} config;

typedef struct sgd {
    kdst_optimizer base;
    config config;
} sgd;

static const kdst__option options[] = {
    KDST__FLOAT(config, learning_rate, 0.1, 0, DBL_MAX, "step size"),
    KDST__FLOAT(config, momentum, 0, 0, DBL_MAX, "share of the old direction"),
    KDST__INT(config, nesterov, 0, 0, 1, "1: look ahead by the momentum"),
    KDST__FLOAT(config, weight_decay, 0, 0, DBL_MAX, "factor of the weights in the gradient"),
    KDST__FLOAT(config, dampening, 0, 0, 1, "share of the gradient that momentum leaves out"),
};
const kdst__schema kdst__schema_optimizer_sgd = {"optimizer.sgd", options, KDST__COUNT(options), NULL, 0};

static void update(const kdst_optimizer *optimizer, int64_t count, kdst__span *spans, double scale)
{
    const config *c = &((const sgd *)optimizer)->config;
    const kdst__sgd_rule rule = {scale, c->momentum, c->dampening, (int32_t)c->nesterov};
    kdst__sgd(kdst__slot_get(optimizer->base.ctx, KDST__SLOT_COMPUTE), &rule, count, spans);
}

static const kdst__optimizer_kind kind = {"sgd", sizeof(sgd), update};

kdst_status kdst_optimizer_sgd_create(kdst_context *ctx, const kdst_options *given, kdst_optimizer **out)
{
    config config;
    kdst_status status = kdst__optimizer_begin(ctx, "sgd", out);
    if (status == KDST_STATUS_OK) status = kdst__options_parse(ctx, "sgd", &kdst__schema_optimizer_sgd, given, &config);
    if (status == KDST_STATUS_OK && config.nesterov && config.momentum == 0)
        status =
            kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "sgd: nesterov is 1, momentum is 0: it needs one above 0");
    if (status == KDST_STATUS_OK && config.nesterov && config.dampening != 0)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "sgd: nesterov is 1, dampening is %g: it needs 0", config.dampening);
    if (status == KDST_STATUS_OK) status = kdst__optimizer_new(ctx, &kind, out);
    if (status != KDST_STATUS_OK) return status;
    kdst_optimizer *optimizer = *out;
    ((sgd *)optimizer)->config = config;
    optimizer->learning_rate = config.learning_rate;
    optimizer->weight_decay = config.weight_decay;
    if (config.momentum > 0) {
        kdst__optimizer_add_slot(optimizer, "momentum", 0);
        kdst__optimizer_add_counter(optimizer);
    }
    return KDST_STATUS_OK;
}
