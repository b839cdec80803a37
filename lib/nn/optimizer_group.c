/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: parameters of a layer, by pattern of their names, with a rate and a weight decay of their own. */
#include "nn/optimizer.h"
#include "nn/pattern.h"

#include <float.h>

enum { NO_DECAY_NONE, NO_DECAY_BIASES, NO_DECAY_NORMS, NO_DECAY_BIASES_AND_NORMS };

typedef struct config {
    const char *prefix;
    double rate_factor, weight_decay;
    int32_t no_decay;
    int64_t rest;
} config;

static const kdst__option options[] = {
    KDST__STRING(config, prefix, "", "stands before the names in the optimiser"),
    KDST__FLOAT(config, rate_factor, 1, 0, DBL_MAX, "factor on the learning rate; 0 leaves the weights as they are"),
    KDST__FLOAT(config, weight_decay, -1, -1, DBL_MAX, "weight decay of the group; -1: the optimiser's"),
    KDST__CHOICE(
        config, no_decay, "none", "none|biases|norms|biases_and_norms",
        "parameters of the group that have weight decay 0"),
    KDST__INT(config, rest, 0, 0, 1, "1: leaves out what was added before; 0: that is an error"),
};
const kdst__schema kdst__schema_optimizer_group = {"optimizer.group", options, KDST__COUNT(options), NULL, 0};

static double decay_of(const kdst_optimizer *optimizer, const config *c, const kdst__layer_entry *entry)
{
    bool bias = c->no_decay == NO_DECAY_BIASES || c->no_decay == NO_DECAY_BIASES_AND_NORMS;
    bool norm = c->no_decay == NO_DECAY_NORMS || c->no_decay == NO_DECAY_BIASES_AND_NORMS;
    if ((bias && kdst__entry_is_bias(entry)) || (norm && kdst__entry_is_norm(entry))) return 0;
    return c->weight_decay < 0 ? optimizer->weight_decay : c->weight_decay;
}

/* Adds the parameters that match; *out_matched counts those that were there before, too. */
static kdst_status add_matching(
    kdst_optimizer *optimizer, const char *function, kdst_layer *layer, const char *pattern, const config *c,
    int64_t *out_matched)
{
    const kdst__layer_entry *entries = NULL;
    int64_t count = 0;
    kdst_status status = kdst__layer_get_entries(function, layer, &entries, &count);
    for (int64_t i = 0; i < count && status == KDST_STATUS_OK; i++) {
        const kdst__layer_entry *e = &entries[i];
        if (!e->is_parameter || !kdst__pattern_matches(pattern, e->name)) continue;
        ++*out_matched;
        const kdst__optimizer_entry *other = kdst__optimizer_find(optimizer, e->tensor);
        if (other != NULL && c->rest) continue;
        if (other != NULL)
            return kdst__fail(
                optimizer->base.ctx, KDST_STATUS_STATE,
                "%s: \"%.200s\" is in the optimizer already, as \"%.200s\"; with rest 1 it would be left out", function,
                e->name, other->names);
        status = kdst__optimizer_add(
            optimizer, function, c->prefix, e->name, e->tensor, c->rate_factor, decay_of(optimizer, c, e));
    }
    return status;
}

static kdst_status check(kdst_optimizer *optimizer, const char *function, kdst_layer *layer, const char *pattern)
{
    kdst_context *ctx = optimizer->base.ctx;
    if (layer == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: layer is NULL", function);
    if (layer->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: layer belongs to another context", function);
    return kdst__pattern_check(ctx, function, pattern);
}

kdst_status kdst_optimizer_add_group(
    kdst_optimizer *optimizer, kdst_layer *layer, const char *pattern, const kdst_options *given, int64_t *out_count)
{
    static const char function[] = "optimizer_add_group";
    config c;
    if (out_count != NULL) *out_count = 0;
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = optimizer->base.ctx;
    kdst__enter(ctx);
    kdst_status status = check(optimizer, function, layer, pattern);
    if (status == KDST_STATUS_OK) status = kdst__options_parse(ctx, function, &kdst__schema_optimizer_group, given, &c);
    if (status == KDST_STATUS_OK && c.weight_decay < 0 && c.weight_decay != -1)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: weight_decay is %g, allowed is 0 and more, or -1", function,
            c.weight_decay);
    if (status != KDST_STATUS_OK) return status;
    int64_t before = optimizer->count, matched = 0;
    status = add_matching(optimizer, function, layer, pattern, &c, &matched);
    if (status == KDST_STATUS_OK && matched == 0) status = kdst__pattern_fail(ctx, function, "parameter", pattern);
    if (status != KDST_STATUS_OK)
        kdst__optimizer_cut(optimizer, before);
    else if (out_count != NULL)
        *out_count = optimizer->count - before;
    return status;
}
