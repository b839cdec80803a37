/* SPDX-License-Identifier: Apache-2.0 */
/* The fused pass of the distillation losses (see distill.h), row by row.
 *
 * Cross-entropy: with x_k = s_k - max s and R = sum e^(x_k) over all classes but the largest, log sum e^(x_k) is
 * log1p(R): it keeps its digits when the loss is nearly 0, and so does p_y - 1 = -(sum of the others) / (1 + R).
 *
 * KL in its stable form: with d_k = s_k / Ts - t_k / Tt, d' = d - sum_k q_k d_k and g(x) = e^x - 1 - x,
 *
 *     KL(q || p) = log sum_k q_k e^(d'_k) = log1p(sum_k q_k g(d'_k)),
 *     p_k - q_k  = q_k (e^(d'_k - KL) - 1) = q_k (e^(-KL) (g(d'_k) + d'_k) + (e^(-KL) - 1)).
 *
 * Differences of logarithms, which cancel at high temperatures, do not occur. Where some d' is large a tiny q may meet
 * a huge power; such a row takes q_k e^(d'_k) as e^(log q_k + d'_k).
 */
#include "compute/distill.h"
#include "compute/state.h"

#include <math.h>
#include <stdbool.h>

#define GRAIN 2048   /* elements of a piece, */
#define ROW_COSTS 48 /* a row's own work counted as such */
#define FAR 1e13     /* about e^30 */

/* ---- inputs ---- */

static double load(int32_t dtype, const void *x, int64_t i)
{
    return dtype == KDST__F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

static void load_row(int32_t dtype, int64_t k, const void *x, int64_t at, double *row)
{
    const float *narrow = (const float *)x + at;
    const double *wide = (const double *)x + at;
    if (dtype == KDST__F32)
        for (int64_t i = 0; i < k; i++)
            row[i] = (double)narrow[i];
    else
        for (int64_t i = 0; i < k; i++)
            row[i] = wide[i];
}

int32_t kdst__distill_find_bad(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t k, double limit, const void *x, int64_t *row,
    int64_t *column)
{
    /* one quick look, which NaN and infinity do not pass either, at logits of the usual size */
    if (limit >= 1e15 && KDST__CALL(cp, dtype, dot, rows * k, x, x) < 1e30) return 0;
    for (int64_t i = 0; i < rows * k; i++) {
        if (fabs(load(dtype, x, i)) <= limit) continue;
        *row = i / k;
        *column = i % k;
        return 1;
    }
    return 0;
}

void kdst__distill_virtual(double gap, int64_t k, double *label, double *other)
{
    double rest = (double)(k - 1);
    *label = 1 / (1 + rest * exp(-gap));
    *other = 1 / (exp(gap) + rest);
}

/* ---- one row ---- */

typedef struct job {
    const kdst__kernels_f64 *f;
    int32_t dtype;
    int64_t rows, k, width, pieces; /* width: k rounded up to whole vectors */
    const kdst__distill_params *params;
    const void *s, *t;
    const int32_t *labels;
    double q_label, q_other; /* the virtual teacher's distribution */
    double *values;          /* [rows] */
    double *scratch;         /* [workers, ARRAYS, width] */
    void *grad;
} job;

/* Logits in double, the gradient that is being collected, and room for the rest. All arrays [width], of which k count;
 * the kernels run over whole vectors, and what they find behind k must not add to a sum. */
typedef struct row {
    int64_t k, width, index, label;
    double *s, *grad, *q, *d, *e;
} row;

#define ARRAYS 5
#define VECTOR 8
#define NOTHING -1e4 /* e^NOTHING is 0, and its excess is no large number */

static void pad(const row *r, double *x, double value)
{
    for (int64_t i = r->k; i < r->width; i++)
        x[i] = value;
}

static int64_t index_of_largest(int64_t k, const double *x)
{
    int64_t top = 0;
    double largest = x[0];
    for (int64_t i = 1; i < k; i++)
        if (x[i] > largest) largest = x[i], top = i;
    return top;
}

/* w_hard times the cross-entropy to the smoothed label q'; sets the gradient to w_hard (p - q'). */
static double hard_part(const job *j, const row *r)
{
    const kdst__distill_params *c = j->params;
    double *x = r->d, *e = r->e;
    int64_t k = r->k, y = r->label, top = index_of_largest(k, r->s);
    for (int64_t i = 0; i < k; i++)
        x[i] = r->s[i] - r->s[top];
    pad(r, x, NOTHING);
    j->f->exp(r->width, x, e);
    e[top] = 0;
    double rest = j->f->sum(r->width, e, 1), sum = 1 + rest, log_sum = log1p(rest);
    e[top] = 1;
    double value = c->label_share * (log_sum - x[y]);
    if (c->other_share != 0) {
        x[y] = 0;
        value += c->other_share * ((double)(k - 1) * log_sum - j->f->sum(k, x, 1));
    }
    double share = c->w_hard * c->other_share, w = c->w_hard / sum;
    for (int64_t i = 0; i < k; i++)
        r->grad[i] = w * e[i] - share;
    if (c->label_share > 0.5)
        r->grad[y] = c->w_hard * (1 - c->label_share) - w * (y == top ? rest : sum - e[y]);
    else
        r->grad[y] = w * e[y] - c->w_hard * c->label_share;
    return c->w_hard * value;
}

/* Logits z of the teacher, or of the virtual one. */
static void load_teacher(const job *j, const row *r, double *z)
{
    const kdst__distill_params *c = j->params;
    if (c->soft == KDST__SOFT_TEACHER) {
        load_row(j->dtype, r->k, j->t, r->index * r->k, z);
        return;
    }
    for (int64_t i = 0; i < r->k; i++)
        z[i] = c->virtual_other;
    z[r->label] = c->virtual_label;
}

/* A row with d' (in r->d, g(d') in r->e) beyond 30: KL, and w (p - q) added to the gradient. */
static double far_part(const job *j, const row *r, double w)
{
    const double *x = r->d;
    double *log_q = r->q, top = -INFINITY, sum = 0, kl = 0;
    load_teacher(j, r, log_q);
    for (int64_t i = 0; i < r->k; i++)
        top = fmax(top, log_q[i]);
    for (int64_t i = 0; i < r->k; i++)
        sum += exp((log_q[i] - top) / j->params->teacher_temperature);
    for (int64_t i = 0; i < r->k; i++)
        log_q[i] = (log_q[i] - top) / j->params->teacher_temperature - log(sum);
    top = -INFINITY;
    for (int64_t i = 0; i < r->k; i++)
        top = fmax(top, log_q[i] + x[i]); /* top <= KL <= top + log K */
    sum = 0;
    for (int64_t i = 0; i < r->k; i++) {
        double q = exp(log_q[i]), power = exp(log_q[i] + x[i] - (top > 30 ? top : 0));
        if (top > 30)
            sum += power;
        else
            sum += fabs(x[i]) <= 1 ? q * r->e[i] : power - q - q * x[i];
    }
    kl = top > 30 ? top + log(sum) : log1p(sum);
    for (int64_t i = 0; i < r->k; i++) {
        double q = exp(log_q[i]), shift = x[i] - kl;
        r->grad[i] += w * (fabs(shift) <= 1 ? q * expm1(shift) : exp(log_q[i] + shift) - q);
    }
    return kl;
}

/* Sets r->q to the target distribution and r->d to d'. Differences to the teacher's first choice come first, so rows
 * that are shifted lose nothing; where q is nearly 1, d' has all digits. */
static void target(const job *j, const row *r)
{
    const kdst__distill_params *c = j->params;
    double *z = r->d, *d = r->d, *q = r->q, by_t = 1 / c->teacher_temperature;
    load_teacher(j, r, z);
    int64_t k = r->k, top = index_of_largest(k, z);
    double s_top = r->s[top], z_top = z[top];
    if (c->soft == KDST__SOFT_TEACHER) {
        for (int64_t i = 0; i < k; i++)
            r->e[i] = (z[i] - z_top) * by_t;
        pad(r, r->e, -INFINITY);
        j->f->softmax(1, r->width, 1, r->e, q);
    } else {
        for (int64_t i = 0; i < k; i++)
            q[i] = j->q_other;
        q[r->label] = j->q_label;
        pad(r, q, 0);
    }
    /* a student near its teacher: s - t is exact, what is rounded before it is not */
    bool pairs = c->soft == KDST__SOFT_TEACHER && c->student_temperature == c->teacher_temperature;
    double by_s = 1 / c->student_temperature, later = pairs ? by_t : 1;
    for (int64_t i = 0; i < k; i++)
        d[i] = pairs ? r->s[i] - z[i] - (s_top - z_top) : (r->s[i] - s_top) * by_s - (z[i] - z_top) * by_t;
    pad(r, d, 0);
    double centre = j->f->dot(r->width, q, d);
    for (int64_t i = 0; i < k; i++)
        d[i] = (d[i] - centre) * later;
    pad(r, d, NOTHING);
}

/* w_soft times KL(q || p); adds its gradient. */
static double soft_part(const job *j, const row *r)
{
    double w = j->params->w_soft / j->params->student_temperature;
    target(j, r);
    j->f->excess(r->width, r->d, r->e);
    if (!(j->f->sum(r->width, r->e, 1) < FAR)) return j->params->w_soft * far_part(j, r, w);
    double excess = j->f->dot(r->width, r->q, r->e), kl = log1p(excess);
    double shrink = 1 / (1 + excess), less = -excess * shrink; /* e^(-KL), and less 1 */
    for (int64_t i = 0; i < r->k; i++)
        r->grad[i] += w * (r->q[i] * (shrink * (r->e[i] + r->d[i]) + less));
    return j->params->w_soft * kl;
}

/* ---- all rows ---- */

static void store_row(int32_t dtype, int64_t k, const double *row, void *x, int64_t at)
{
    float *narrow = (float *)x + at;
    double *wide = (double *)x + at;
    if (dtype == KDST__F32)
        for (int64_t i = 0; i < k; i++)
            narrow[i] = (float)row[i];
    else
        for (int64_t i = 0; i < k; i++)
            wide[i] = row[i];
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    const kdst__distill_params *c = j->params;
    int64_t begin, end, k = j->k, n = j->width;
    double *x = j->scratch + ARRAYS * n * worker;
    kdst__piece_range(j->rows, j->pieces, piece, &begin, &end);
    for (int64_t b = begin; b < end; b++) {
        row r = {k, n, b, j->labels[b], x, x + n, x + 2 * n, x + 3 * n, x + 4 * n};
        double value = 0;
        load_row(j->dtype, k, j->s, b * k, r.s);
        if (c->w_hard != 0)
            value = hard_part(j, &r);
        else
            for (int64_t i = 0; i < k; i++)
                r.grad[i] = 0;
        if (c->soft != KDST__SOFT_NONE && c->w_soft != 0) value += soft_part(j, &r);
        j->values[b] = value;
        if (j->grad) store_row(j->dtype, k, r.grad, j->grad, b * k);
    }
}

kdst_status kdst__distill(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t k, const kdst__distill_params *params, const void *s,
    const void *t, const int32_t *labels, double *value, void *grad)
{
    job j = {
        .f = cp->f64,
        .dtype = dtype,
        .rows = rows,
        .k = k,
        .width = kdst__divide_up(k, VECTOR) * VECTOR,
        .params = params,
        .s = s,
        .t = t,
        .labels = labels,
        .grad = grad};
    size_t value_bytes = (size_t)rows * sizeof(double);
    size_t scratch_bytes = (size_t)(cp->threads * ARRAYS * j.width) * sizeof(double);
    kdst_status status = KDST_STATUS_OUT_OF_MEMORY;
    j.pieces = kdst__pieces(rows, kdst__divide_up(GRAIN, k + ROW_COSTS));
    if (params->soft == KDST__SOFT_VIRTUAL)
        kdst__distill_virtual(
            (params->virtual_label - params->virtual_other) / params->teacher_temperature, k, &j.q_label, &j.q_other);
    j.values = kdst__alloc(cp->memory, value_bytes);
    j.scratch = kdst__alloc(cp->memory, scratch_bytes);
    if (j.values && j.scratch) {
        kdst__pool_run(cp->pool, j.pieces, piece_fn, &j);
        *value = 0;
        for (int64_t b = 0; b < rows; b++)
            *value += j.values[b];
        status = KDST_STATUS_OK;
    }
    kdst__free(cp->memory, j.scratch, scratch_bytes);
    kdst__free(cp->memory, j.values, value_bytes);
    return status;
}
