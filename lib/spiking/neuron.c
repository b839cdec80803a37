/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of leaky integrate-and-fire neurons and their sequences (Zhang and Li 2020); the equations stand in kdst/neuron.h, their
 * loops in compute/kernels/lif.c.
 *
 * Departures of the official code from the paper that are the default here: the synapse has the gain 1 / tau_s; the surrogate of quiet
 * neurons is always on, for each step on its own, not in a warm-up alone.
 */
#include "spiking/neuron.h"

#include <inttypes.h>

enum { FIRES_ABOVE, FIRES_FROM };

typedef struct settings {
    double tau_m, tau_s, threshold, slope_bound, quiet, quiet_width, steepness;
    int64_t leak, silent_surrogate, detach_reset;
    int32_t fires, reset, rule, surrogate;
} settings;

static const kdst__option options_table[] = {
    KDST__FLOAT(settings, tau_m, 5, 1, INFINITY, "time constant of the membrane, in steps"),
    KDST__FLOAT(settings, tau_s, 3, 1, INFINITY, "time constant of the synapse, in steps"),
    KDST__INT(settings, leak, 1, 0, 1, "0: the membrane keeps all, whatever tau_m"),
    KDST__FLOAT_OPEN(settings, threshold, 1, 0, INFINITY, "membrane potential of a spike"),
    KDST__CHOICE(settings, fires, "above", "above|from", "from: the threshold itself fires, too"),
    KDST__CHOICE(settings, reset, "hard", "hard|soft", "hard: to 0; soft: by the threshold"),
    KDST__CHOICE(settings, rule, "tssl-bp", "tssl-bp|surrogate", "of the gradient"),
    KDST__FLOAT_OPEN(settings, slope_bound, 8, 0, INFINITY, "tssl-bp: largest slope of a firing time"),
    KDST__INT(settings, silent_surrogate, 1, 0, 1, "tssl-bp: 1: a sigmoid's slope where the synapse is quiet"),
    KDST__FLOAT(settings, quiet, 0.25, 0, INFINITY, "tssl-bp: quiet is below this share of one spike's current"),
    KDST__FLOAT_OPEN(settings, quiet_width, 0.2, 0, INFINITY, "tssl-bp: width of that sigmoid"),
    KDST__CHOICE(settings, surrogate, "sigmoid", KDST__SLOPE_NAMES, "surrogate: the slope of a spike"),
    KDST__FLOAT(settings, steepness, 0, 0, INFINITY, "surrogate: k; 0: the function's own"),
    KDST__INT(settings, detach_reset, 1, 0, 1, "surrogate: 1: the reset is constant, 0: differentiated"),
};
const kdst__schema kdst__schema_neuron = {"neuron", options_table, KDST__COUNT(options_table), NULL, 0};

static const kdst__class class = {"neuron", NULL};

static kdst__lif lif_of(const settings *s)
{
    return (kdst__lif){
        .leak = s->leak ? 1 / s->tau_m : 0,
        .decay = 1 / s->tau_s,
        .threshold = s->threshold,
        .or_equal = s->fires == FIRES_FROM,
        .soft = s->reset,
        .rule = s->rule,
        .silent = (int32_t)s->silent_surrogate,
        .bound = s->slope_bound,
        .width = s->quiet_width,
        .quiet = s->quiet / s->tau_s,
        .slope = s->surrogate,
        .detached = (int32_t)s->detach_reset,
        .steepness = kdst__slope_steepness(s->surrogate, s->steepness)};
}

kdst_status kdst_neuron_create(kdst_context *ctx, const kdst_options *options, kdst_neuron **out)
{
    settings s;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "neuron_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "neuron_create", &kdst__schema_neuron, options, &s);
    if (status) return status;
    if (s.reset && s.rule == KDST__RULE_TSSL_BP)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "neuron_create: rule is tssl-bp and reset is soft; the rule is defined for a hard reset, rule surrogate "
            "for both");
    kdst_neuron *neuron = kdst__handle_create(ctx, &class, sizeof *neuron);
    if (!neuron) return KDST_STATUS_OUT_OF_MEMORY;
    neuron->lif = lif_of(&s);
    *out = neuron;
    return KDST_STATUS_OK;
}

void kdst_neuron_retain(kdst_neuron *neuron)
{
    kdst__handle_retain(neuron);
}

void kdst_neuron_release(kdst_neuron *neuron)
{
    kdst__handle_release(neuron);
}

kdst_status kdst_neuron_set_silent_surrogate(kdst_neuron *neuron, int32_t on)
{
    if (!neuron) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(neuron->base.ctx);
    if (on != 0 && on != 1)
        return kdst__fail(
            neuron->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "neuron_set_silent_surrogate: on is %" PRId32 ", 0 or 1 is expected", on);
    neuron->lif.silent = on;
    return KDST_STATUS_OK;
}

/* ---- sequences ---- */

kdst_status kdst__neuron_check(kdst_context *ctx, const char *function, const char *name, const kdst_tensor *x)
{
    if (!x || x->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s %s", function, name,
            x ? "belongs to another context" : "is NULL");
    if (!kdst__dtype_is_float(x->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: %s is %s, expected float32 or float64", function, name,
            kdst_dtype_get_name(x->dtype));
    return KDST_STATUS_OK;
}

static kdst_status run(kdst_neuron *neuron, const char *function, kdst_tensor *x, int64_t steps, kdst_tensor **out)
{
    const kdst__lif_attrs attrs = {neuron->lif, steps};
    kdst_status status = kdst__neuron_check(neuron->base.ctx, function, steps ? "response" : "current", x);
    return status ? status : kdst__lif_run(x, &attrs, out);
}

kdst_status kdst_neuron_run(kdst_neuron *neuron, kdst_tensor *current, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!neuron) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(neuron->base.ctx);
    return run(neuron, "neuron_run", current, 0, out);
}

kdst_status kdst_neuron_run_static(kdst_neuron *neuron, kdst_tensor *response, int64_t steps, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!neuron) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(neuron->base.ctx);
    if (steps < 1)
        return kdst__fail(
            neuron->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "neuron_run_static: steps is %" PRId64 ", at least 1 is needed", steps);
    return run(neuron, "neuron_run_static", response, steps, out);
}

kdst_status kdst__neuron_results(const char *function, const kdst_tensor *x, kdst_tensor **const out[], int count)
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < count && !status; i++)
        if (out[i]) status = kdst__tensor_new_like(function, x, false, out[i]);
    for (int i = 0; i < count && status; i++) {
        if (!out[i]) continue;
        kdst_tensor_release(*out[i]);
        *out[i] = NULL;
    }
    return status;
}

static void *data_of(kdst_tensor **result)
{
    return result ? kdst__tensor_data(*result) : NULL;
}

kdst_status kdst_neuron_observe(
    kdst_neuron *neuron, kdst_tensor *current, kdst_tensor **out_membrane, kdst_tensor **out_increment,
    kdst_tensor **out_spikes, kdst_tensor **out_psc)
{
    kdst_tensor **const out[] = {out_membrane, out_increment, out_spikes, out_psc};
    kdst_tensor *x = NULL;
    char text[KDST__SHAPE_TEXT];
    for (int i = 0; i < 4; i++)
        if (out[i]) *out[i] = NULL;
    if (!neuron) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = neuron->base.ctx;
    kdst__enter(ctx);
    kdst_status status = kdst__neuron_check(ctx, "neuron_observe", "current", current);
    if (!status) status = kdst__tensor_need_data("neuron_observe", current);
    if (status) return status;
    if (current->rank < 1 || current->shape[0] < 1)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "neuron_observe: current is %s, expected [T, ...] with at least one step",
            kdst__shape_text(current->rank, current->shape, text));
    status = kdst__tensor_to_contiguous("neuron_observe", current, &x);
    if (!status) status = kdst__neuron_results("neuron_observe", x, out, 4);
    if (!status)
        kdst__lif_forward(
            kdst__tensor_compute(x), x->dtype, &neuron->lif, x->shape[0], kdst__tensor_count(x) / x->shape[0], NULL,
            kdst__tensor_data(x), NULL, NULL, data_of(out_psc), data_of(out_spikes), data_of(out_membrane),
            data_of(out_increment));
    kdst_tensor_release(x);
    return status;
}
