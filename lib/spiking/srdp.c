/* SPDX-License-Identifier: Apache-2.0 */
/* Rate-dependent plasticity (Bienenstock, Cooper and Munro 1982), in discrete steps; they stand in kdst/plasticity.h.
 *
 * dw_ij = eta r_pre,j f_i with f = r (r - theta), or r for "hebb". f is taken apart into what strengthens and what weakens, so that the
 * weights' loop is that of STDP (compute/kernels/plasticity.c) and soft bounds mean the same.
 */
#include "spiking/plasticity.h"

enum { RULE_BCM, RULE_HEBB, RULE_FIXED };
enum { PRE, POST, THETA };

typedef struct settings {
    double eta, tau_rate, tau_theta, r0, theta0;
    int32_t rule;
    kdst__weight_bounds limits;
} settings;

struct kdst_srdp {
    kdst__handle base;
    settings s;
    kdst__traces traces; /* rates of both sides, thresholds */
};

static const kdst__option options_table[] = {
    KDST__CHOICE(settings, rule, "bcm", "bcm|hebb|fixed", "fixed: bcm with a threshold that stays"),
    KDST__FLOAT(settings, eta, 0.05, -INFINITY, INFINITY, "rate of learning"),
    KDST__FLOAT(settings, tau_rate, 20, 1, INFINITY, "time constant of the rates, in steps"),
    KDST__FLOAT(settings, tau_theta, 200, 1, INFINITY, "time constant of the thresholds, in steps"),
    KDST__FLOAT_OPEN(settings, r0, 0.1, 0, INFINITY, "rate at which a threshold rests on itself"),
    KDST__FLOAT(settings, theta0, 0.1, 0, INFINITY, "threshold at the start"),
    KDST__WEIGHT_BOUNDS(settings, limits),
};
const kdst__schema kdst__schema_srdp = {"srdp", options_table, KDST__COUNT(options_table), NULL, 0};

static void destroy(void *object)
{
    kdst__traces_drop(&((kdst_srdp *)object)->traces);
}

static const kdst__class class = {"srdp", destroy};

kdst_status kdst_srdp_create(kdst_context *ctx, const kdst_options *options, kdst_srdp **out)
{
    settings s;
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "srdp_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "srdp_create", &kdst__schema_srdp, options, &s);
    if (status == KDST_STATUS_OK) status = kdst__weight_bounds_check(ctx, "srdp_create", &s.limits);
    if (status != KDST_STATUS_OK) return status;
    kdst_srdp *srdp = kdst__handle_create(ctx, &class, sizeof *srdp);
    if (srdp == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    srdp->s = s;
    *out = srdp;
    return KDST_STATUS_OK;
}

void kdst_srdp_retain(kdst_srdp *srdp)
{
    kdst__handle_retain(srdp);
}

void kdst_srdp_release(kdst_srdp *srdp)
{
    kdst__handle_release(srdp);
}

/* ---- steps ---- */

/* Step 2's factor of the neurons behind, [count]: its positive part, and its negative one with the sign turned. */
static void factors(const kdst_srdp *srdp, kdst_dtype dtype, int64_t count, void *up, void *down)
{
    const void *rate = kdst__tensor_data(srdp->traces.trace[POST]);
    const void *theta = kdst__tensor_data(srdp->traces.trace[THETA]);
    for (int64_t i = 0; i < count; i++) {
        const bool narrow = dtype == KDST_DTYPE_FLOAT32;
        const double r = narrow ? (double)((const float *)rate)[i] : ((const double *)rate)[i];
        const double t = narrow ? (double)((const float *)theta)[i] : ((const double *)theta)[i];
        const double f = srdp->s.rule == RULE_HEBB ? r : r * (r - t);
        if (narrow) {
            ((float *)up)[i] = (float)fmax(f, 0);
            ((float *)down)[i] = (float)fmax(-f, 0);
        } else {
            ((double *)up)[i] = fmax(f, 0);
            ((double *)down)[i] = fmax(-f, 0);
        }
    }
}

/* work [2, samples, m] */
static void step(const kdst_srdp *srdp, const kdst__train *train, const void *pre, const void *post, void *work)
{
    const settings *s = &srdp->s;
    kdst_tensor *const *trace = srdp->traces.trace;
    kdst__compute *cp = kdst__tensor_compute(train->work);
    const kdst_dtype dtype = train->work->dtype;
    const int64_t ahead = train->samples * train->n, behind = train->samples * train->m;
    const double share = s->limits.batch == KDST__BATCH_MEAN && train->samples > 0 ? 1 / (double)train->samples : 1;
    const kdst__plasticity rule = {s->eta * share, s->eta * share, s->limits.bounds, s->limits.w_min, s->limits.w_max};
    void *up = work, *down = (char *)work + behind * kdst_dtype_get_size(dtype);
    void *rate = kdst__tensor_data(trace[POST]);
    kdst__blend(cp, dtype, ahead, 1 / s->tau_rate, pre, kdst__tensor_data(trace[PRE]));
    kdst__blend(cp, dtype, behind, 1 / s->tau_rate, post, rate);
    factors(srdp, dtype, behind, up, down);
    kdst__plasticity_step(
        cp, dtype, &rule, train->samples, train->m, train->n, up, kdst__tensor_data(trace[PRE]), down,
        kdst__tensor_data(trace[PRE]), kdst__tensor_data(train->work));
    if (s->rule != RULE_BCM) return;
    kdst__binary(cp, dtype, KDST__MUL, behind, rate, rate, 0, up);
    kdst__scale(cp, dtype, behind, 1 / s->r0, up);
    kdst__blend(cp, dtype, behind, 1 / s->tau_theta, up, kdst__tensor_data(trace[THETA]));
}

static kdst_status
run(kdst_srdp *srdp, const char *function, bool sequence, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    kdst__train train;
    kdst_tensor *work = NULL;
    bool fresh = false;
    if (srdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = srdp->base.ctx;
    kdst__enter(ctx);
    kdst_status status = kdst__train_open(ctx, function, sequence, pre, post, weight, &train);
    if (status == KDST_STATUS_OK)
        status =
            kdst__tensor_new(ctx, function, train.work->dtype, 3, (int64_t[]){2, train.samples, train.m}, false, &work);
    if (status == KDST_STATUS_OK) status = kdst__traces_fit(ctx, function, &srdp->traces, 3, &train, &fresh);
    if (status == KDST_STATUS_OK) {
        const int64_t size = kdst_dtype_get_size(train.work->dtype);
        const char *a = kdst__tensor_data(train.pre), *b = kdst__tensor_data(train.post);
        kdst_tensor *theta = srdp->traces.trace[THETA];
        if (fresh)
            kdst__fill(
                kdst__tensor_compute(theta), theta->dtype, kdst__tensor_count(theta), srdp->s.theta0,
                kdst__tensor_data(theta));
        for (int64_t t = 0; t < train.steps; t++)
            step(
                srdp, &train, a + t * train.samples * train.n * size, b + t * train.samples * train.m * size,
                kdst__tensor_data(work));
        status = kdst__train_keep(function, &train);
    }
    kdst__handle_release(work);
    kdst__train_close(&train);
    return status;
}

kdst_status kdst_srdp_step(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return run(srdp, "srdp_step", false, pre, post, weight);
}

kdst_status kdst_srdp_run(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight)
{
    return run(srdp, "srdp_run", true, pre, post, weight);
}

/* ---- rates ---- */

kdst_status
kdst_srdp_get_rates(kdst_srdp *srdp, kdst_tensor **out_pre, kdst_tensor **out_post, kdst_tensor **out_threshold)
{
    kdst_tensor **const out[] = {out_pre, out_post, out_threshold};
    for (int i = 0; i < 3; i++)
        if (out[i] != NULL) *out[i] = NULL;
    if (srdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(srdp->base.ctx);
    return kdst__traces_get(srdp->base.ctx, "srdp_get_rates", &srdp->traces, 3, out);
}

kdst_status kdst_srdp_set_rates(kdst_srdp *srdp, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *threshold)
{
    static const char *const names[] = {"pre", "post", "threshold"};
    kdst_tensor *const given[] = {pre, post, threshold};
    if (srdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(srdp->base.ctx);
    return kdst__traces_set(
        srdp->base.ctx, "srdp_set_rates", &srdp->traces, 3, names, given, (const double[]){1, 1, INFINITY});
}

kdst_status kdst_srdp_reset(kdst_srdp *srdp)
{
    if (srdp == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(srdp->base.ctx);
    kdst__traces_drop(&srdp->traces);
    return KDST_STATUS_OK;
}
