/* SPDX-License-Identifier: Apache-2.0 */
/* Pair-based STDP by traces (Song, Miller and Abbott 2000; Bi and Poo 1998; Morrison, Diesmann and Gerstner 2008); the steps stand in
 * kdst/plasticity.h, the weights' loop in compute/kernels/plasticity.c. The traces give the sums over all pairs, or over nearest ones (each
 * spike with the last strictly earlier one of the other side).
 *
 * Departures of public code that are options here: SpikingJelly and snnTorch decay by 1 - 1/tau (decay linear) and take the weight
 * itself as amplitude; they and BindsNET add a step's spikes to the traces first (coincident 1).
 */
#include "spiking/plasticity.h"

enum { DECAY_EXP, DECAY_LINEAR };
enum { PAIRING_ALL, PAIRING_NEAREST };

typedef struct settings {
    double a_plus, a_minus, tau_plus, tau_minus;
    int64_t coincident;
    int32_t decay, pairing, preset;
    kdst__weight_bounds limits;
} settings;

struct kdst_stdp {
    kdst__handle base;
    settings s;
    kdst__traces traces; /* x of the neurons in front, y of those behind */
};

static const kdst__option options_table[] = {
    KDST__FLOAT(settings, a_plus, 0.005, -INFINITY, INFINITY, "change by a spike behind soon after one in front"),
    KDST__FLOAT(settings, a_minus, 0.00525, -INFINITY, INFINITY, "the other way round, taken off"),
    KDST__FLOAT_OPEN(settings, tau_plus, 20, 0, INFINITY, "time constant of the traces in front, in steps"),
    KDST__FLOAT_OPEN(settings, tau_minus, 20, 0, INFINITY, "time constant of the traces behind, in steps"),
    KDST__CHOICE(settings, decay, "exp", "exp|linear", "of a trace in a step: exp(-1 / tau) or 1 - 1 / tau"),
    KDST__CHOICE(settings, pairing, "all", "all|nearest", "nearest: a trace knows the last spike alone"),
    KDST__INT(settings, coincident, 0, 0, 1, "1: spikes of one step count as pairs, both ways"),
    KDST__WEIGHT_BOUNDS(settings, limits),
    KDST__CHOICE(settings, preset, "none", "none|song|bi-poo", "song: the defaults; bi-poo: Bi and Poo's fit"),
};
static const kdst__preset presets[] = {
    {"song", "a_plus", "0.005"},    {"song", "a_minus", "0.00525"},  {"song", "tau_plus", "20"},
    {"song", "tau_minus", "20"},    {"bi-poo", "a_plus", "0.777"},   {"bi-poo", "a_minus", "0.273"},
    {"bi-poo", "tau_plus", "16.8"}, {"bi-poo", "tau_minus", "33.7"},
};
const kdst__schema kdst__schema_stdp = {
    "stdp", options_table, KDST__COUNT(options_table), presets, KDST__COUNT(presets)};

static void destroy(void *object)
{
    kdst__traces_drop(&((kdst_stdp *)object)->traces);
}

static const kdst__class class = {"stdp", destroy};

kdst_status kdst_stdp_create(kdst_context *ctx, const kdst_options *options, kdst_stdp **out)
{
    settings s;
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "stdp_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "stdp_create", &kdst__schema_stdp, options, &s);
    if (status == KDST_STATUS_OK) status = kdst__weight_bounds_check(ctx, "stdp_create", &s.limits);
    if (status != KDST_STATUS_OK) return status;
    if (s.decay == DECAY_LINEAR && (s.tau_plus < 1 || s.tau_minus < 1))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "stdp_create: decay is linear and %s is %g, at least 1 is needed",
            s.tau_plus < 1 ? "tau_plus" : "tau_minus", s.tau_plus < 1 ? s.tau_plus : s.tau_minus);
    kdst_stdp *stdp = kdst__handle_create(ctx, &class, sizeof *stdp);
    if (stdp == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    stdp->s = s;
    *out = stdp;
    return KDST_STATUS_OK;
}

void kdst_stdp_retain(kdst_stdp *stdp)
{
    kdst__handle_retain(stdp);
}

void kdst_stdp_release(kdst_stdp *stdp)
{
    kdst__handle_release(stdp);
}

/* ---- steps ---- */

static double decay_of(const settings *s, double tau)
{
    return s->decay == DECAY_LINEAR ? 1 - 1 / tau : exp(-1 / tau);
}

/* Step 3: spikes into a trace; one that knows the last spike alone is never above 1. */
static void remember(const kdst_stdp *stdp, const kdst_tensor *trace, const void *spikes)
{
    void *x = kdst__tensor_data(trace);
    kdst__binary(
        kdst__tensor_compute(trace), trace->dtype, stdp->s.pairing == PAIRING_NEAREST ? KDST__MAX : KDST__ADD,
        kdst__tensor_count(trace), x, spikes, 0, x);
}

static void step(const kdst_stdp *stdp, const kdst__train *train, const void *pre, const void *post)
{
    const settings *s = &stdp->s;
    kdst_tensor *const *trace = stdp->traces.trace;
    kdst__compute *cp = kdst__tensor_compute(train->work);
    const kdst_dtype dtype = train->work->dtype;
    const double share = s->limits.batch == KDST__BATCH_MEAN && train->samples > 0 ? 1 / (double)train->samples : 1;
    const kdst__plasticity rule = {
        s->a_plus * share, s->a_minus * share, s->limits.bounds, s->limits.w_min, s->limits.w_max};
    void *x = kdst__tensor_data(trace[0]), *y = kdst__tensor_data(trace[1]);
    kdst__scale(cp, dtype, kdst__tensor_count(trace[0]), decay_of(s, s->tau_plus), x);
    kdst__scale(cp, dtype, kdst__tensor_count(trace[1]), decay_of(s, s->tau_minus), y);
    for (int i = 0; i < 2; i++)
        if (i == (s->coincident ? 1 : 0)) {
            kdst__plasticity_step(
                cp, dtype, &rule, train->samples, train->m, train->n, post, x, y, pre, kdst__tensor_data(train->work));
        } else {
            remember(stdp, trace[0], pre);
            remember(stdp, trace[1], post);
        }
}

static kdst_status
run(kdst_stdp *stdp, const char *function, bool sequence, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    kdst__train train;
    bool fresh;
    if (stdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(stdp->base.ctx);
    kdst_status status = kdst__train_open(stdp->base.ctx, function, sequence, pre, post, weight, &train);
    if (status == KDST_STATUS_OK) status = kdst__traces_fit(stdp->base.ctx, function, &stdp->traces, 2, &train, &fresh);
    if (status == KDST_STATUS_OK) {
        const int64_t size = kdst_dtype_get_size(train.work->dtype);
        const char *a = kdst__tensor_data(train.pre), *b = kdst__tensor_data(train.post);
        for (int64_t t = 0; t < train.steps; t++)
            step(stdp, &train, a + t * train.samples * train.n * size, b + t * train.samples * train.m * size);
        status = kdst__train_keep(function, &train);
    }
    kdst__train_close(&train);
    return status;
}

kdst_status kdst_stdp_step(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return run(stdp, "stdp_step", false, pre, post, weight);
}

kdst_status kdst_stdp_run(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return run(stdp, "stdp_run", true, pre, post, weight);
}

kdst_status kdst_stdp_get_window(kdst_stdp *stdp, int64_t lag, double *out)
{
    if (stdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(stdp->base.ctx);
    if (out == NULL) return kdst__fail(stdp->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "stdp_get_window: out is NULL");
    const settings *s = &stdp->s;
    const double plus = s->a_plus * pow(decay_of(s, s->tau_plus), (double)lag);
    const double minus = s->a_minus * pow(decay_of(s, s->tau_minus), -(double)lag);
    *out = 0;
    if (lag > 0 || (lag == 0 && s->coincident)) *out += plus;
    if (lag < 0 || (lag == 0 && s->coincident)) *out -= minus;
    return KDST_STATUS_OK;
}

/* ---- traces ---- */

kdst_status kdst_stdp_get_traces(kdst_stdp *stdp, kdst_tensor **out_pre, kdst_tensor **out_post)
{
    kdst_tensor **const out[] = {out_pre, out_post};
    for (int i = 0; i < 2; i++)
        if (out[i] != NULL) *out[i] = NULL;
    if (stdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(stdp->base.ctx);
    return kdst__traces_get(stdp->base.ctx, "stdp_get_traces", &stdp->traces, 2, out);
}

kdst_status kdst_stdp_set_traces(kdst_stdp *stdp, kdst_tensor *pre, kdst_tensor *post)
{
    static const char *const names[] = {"pre", "post"};
    kdst_tensor *const given[] = {pre, post};
    if (stdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(stdp->base.ctx);
    const double most = stdp->s.pairing == PAIRING_NEAREST ? 1 : INFINITY;
    return kdst__traces_set(
        stdp->base.ctx, "stdp_set_traces", &stdp->traces, 2, names, given, (const double[]){most, most});
}

kdst_status kdst_stdp_reset(kdst_stdp *stdp)
{
    if (stdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(stdp->base.ctx);
    kdst__traces_drop(&stdp->traces);
    return KDST_STATUS_OK;
}
