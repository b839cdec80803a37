/* SPDX-License-Identifier: Apache-2.0 */
/* The fused pass of the distillation losses (see distill.h).
 *
 * KL in its stable form: with d_k = s_k / Ts - t_k / Tt, d' = d - sum_k q_k d_k,
 *
 *     KL(q || p) = log sum_k q_k e^(d'_k) = log1p(sum_k q_k g(d'_k)),   g(x) = e^x - 1 - x,
 *     p_k - q_k  = q_k (e^(d'_k - KL) - 1).
 *
 * Differences of logarithms, which cancel at high temperatures, do not occur. Where some d' is large, so is KL, and the difference of
 * the log-sum-exps is exact enough; there the gradient is taken as p - q.
 */
#include "compute/distill.h"
#include "compute/state.h"

#include <math.h>

#define GRAIN 4096

static double load(int32_t dtype, const void *x, int64_t i)
{
    return dtype == KDST__F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

int32_t kdst__distill_find_bad(
    int32_t dtype, int64_t rows, int64_t k, const void *s, const void *t, int64_t *row, int64_t *column, int32_t *which)
{
    for (int64_t i = 0; i < rows * k; i++) {
        int32_t bad = !isfinite(load(dtype, s, i)) ? 0 : t && !isfinite(load(dtype, t, i)) ? 1 : -1;
        if (bad < 0) continue;
        *row = i / k;
        *column = i % k;
        *which = bad;
        return 1;
    }
    return 0;
}

/* One row: logits in double, and the gradient being collected. All arrays [k]. */
typedef struct row {
    int64_t k, label;
    double *s, *q, *d, *grad;
} row;

/* log sum_k exp(x_k / T) */
static double log_sum_exp(int64_t k, const double *x, double temperature)
{
    double largest = x[0], sum = 0;
    for (int64_t i = 1; i < k; i++) largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < k; i++) sum += exp((x[i] - largest) / temperature);
    return largest / temperature + log(sum);
}

/* Cross-entropy to the smoothed label; adds w (p - q') to the gradient. */
static double hard_part(const row *r, const kdst__distill_params *c)
{
    double normaliser = log_sum_exp(r->k, r->s, 1), value = 0;
    for (int64_t i = 0; i < r->k; i++) {
        double share = i == r->label ? c->label_share : c->other_share, log_p = r->s[i] - normaliser;
        if (share != 0) value -= share * log_p;
        r->grad[i] += c->w_hard * (exp(log_p) - share);
    }
    return value;
}

static double excess(double x) /* e^x - 1 - x */
{
    if (fabs(x) >= 0.01) return expm1(x) - x;
    return x * x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6))));
}

/* KL(q || p); on entry r->d is s / Ts - t / Tt, on return d'. The arguments are the log-sum-exps of s / Ts and t / Tt. */
static double divergence(const row *r, double student, double target)
{
    double centre = 0, largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < r->k; i++)
        if (r->q[i] > 0) centre += r->q[i] * r->d[i];
    for (int64_t i = 0; i < r->k; i++) {
        r->d[i] -= centre;
        largest = fmax(largest, r->d[i]);
    }
    if (largest >= 30) return student - target - centre;
    for (int64_t i = 0; i < r->k; i++) sum += r->q[i] * excess(r->d[i]);
    return log1p(sum);
}

static void soft_gradient(const row *r, const kdst__distill_params *c, double kl, double normaliser)
{
    double w = c->w_soft / c->student_temperature;
    for (int64_t i = 0; i < r->k; i++) {
        double x = r->d[i] - kl;
        /* far apart the product form would multiply a tiny q by a huge power */
        double gap = x < 30 ? r->q[i] * expm1(x) : exp(r->s[i] / c->student_temperature - normaliser) - r->q[i];
        r->grad[i] += w * gap;
    }
}

/* Target q and d = s / Ts - t / Tt, t being the teacher's or the virtual teacher's logits. */
static double teach(const row *r, const kdst__distill_params *c, int32_t dtype, const void *t, int64_t at)
{
    double *z = r->d; /* the teacher's logits, for a moment */
    for (int64_t i = 0; i < r->k; i++)
        z[i] = c->soft == KDST__SOFT_TEACHER ? load(dtype, t, at + i) : i == r->label ? c->virtual_label : c->virtual_other;
    double target = log_sum_exp(r->k, z, c->teacher_temperature), student = log_sum_exp(r->k, r->s, c->student_temperature);
    for (int64_t i = 0; i < r->k; i++) {
        double scaled = z[i] / c->teacher_temperature;
        r->q[i] = exp(scaled - target);
        r->d[i] = r->s[i] / c->student_temperature - scaled;
    }
    double kl = divergence(r, student, target);
    soft_gradient(r, c, kl, student);
    return kl;
}

typedef struct job {
    int32_t dtype, accumulate;
    int64_t rows, k, pieces;
    const kdst__distill_params *params;
    const void *s, *t;
    const int32_t *labels;
    double scale;
    double *values;  /* [rows] */
    double *scratch; /* [workers, 4, k] */
    void *grad;
} job;

static void store_gradient(const job *j, int64_t at, const double *grad)
{
    for (int64_t i = 0; i < j->k; i++) {
        if (j->dtype == KDST__F32) {
            float *g = (float *)j->grad + at + i;
            *g = j->accumulate ? (float)(*g + j->scale * grad[i]) : (float)(j->scale * grad[i]);
        } else {
            double *g = (double *)j->grad + at + i;
            *g = j->accumulate ? *g + j->scale * grad[i] : j->scale * grad[i];
        }
    }
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    const kdst__distill_params *c = j->params;
    double *scratch = j->scratch + 4 * j->k * worker;
    int64_t begin, end;
    kdst__piece_range(j->rows, j->pieces, piece, &begin, &end);
    for (int64_t b = begin; b < end; b++) {
        row r = {j->k, j->labels[b], scratch, scratch + j->k, scratch + 2 * j->k, scratch + 3 * j->k};
        double value = 0;
        for (int64_t i = 0; i < j->k; i++) r.s[i] = load(j->dtype, j->s, b * j->k + i), r.grad[i] = 0;
        if (c->w_hard != 0) value += c->w_hard * hard_part(&r, c);
        if (c->soft != KDST__SOFT_NONE && c->w_soft != 0) value += c->w_soft * teach(&r, c, j->dtype, j->t, b * j->k);
        j->values[b] = value;
        if (j->grad) store_gradient(j, b * j->k, r.grad);
    }
}

kdst_status kdst__distill(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t k, const kdst__distill_params *params, const void *s, const void *t,
    const int32_t *labels, double scale, int32_t accumulate, double *value, void *grad)
{
    job j = {dtype, accumulate, rows, k, kdst__pieces(rows, kdst__divide_up(GRAIN, 8 * k)), params, s, t, labels, scale, NULL, NULL, grad};
    size_t value_bytes = (size_t)rows * sizeof(double), scratch_bytes = (size_t)(cp->threads * 4 * k) * sizeof(double);
    kdst_status status = KDST_STATUS_OUT_OF_MEMORY;
    j.values = kdst__alloc(cp->memory, value_bytes);
    j.scratch = kdst__alloc(cp->memory, scratch_bytes);
    if (j.values && j.scratch) {
        kdst__pool_run(cp->pool, j.pieces, piece_fn, &j);
        *value = 0;
        for (int64_t b = 0; b < rows; b++) *value += j.values[b];
        status = KDST_STATUS_OK;
    }
    kdst__free(cp->memory, j.scratch, scratch_bytes);
    kdst__free(cp->memory, j.values, value_bytes);
    return status;
}
