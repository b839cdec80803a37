/* SPDX-License-Identifier: Apache-2.0 */
/* Relational knowledge distillation (Park et al., CVPR 2019): distances and angles between the samples of a batch.
 *
 * Huber(d) = d^2 / 2 below 1, |d| - 1/2 above; h(d) = clamp(d, -1, 1) is its derivative. x_i [D] are flattened features.
 * distance  d_ij = sqrt(max(|x_i - x_j|^2, 1e-12)), d_ii = 0; psi = d / mean of the positive d; L_D = mean_ij Huber(psi_s - psi_t)
 *           dL/dd_ij = (h_ij - S / P) / mu with h = clamp(psi_s - psi_t) / N^2, S = sum h psi_s, P = N (N - 1)
 *           dx_i = 2 sum_j dL/dd_ij (x_i - x_j) / d_ij, nothing for a clamped pair
 * angle     e_ij = unit(x_j - x_i), A_ijk = <e_ij, e_ik>; L_A = mean_ijk Huber(A_s - A_t)
 *           H = clamp(A_s - A_t) / N^3, g_ij = 2 sum_k H_ijk e_ik, v_ij = unit's backward of g_ij: dx_j += v_ij, dx_i -= v_ij
 * Distances are taken of differences: |x|^2 + |y|^2 - 2 <x, y>, which public code uses, loses the small ones. reduction "sum" (the
 * paper's) is N^2 and N^3 times the mean. One vertex at a time, so that memory grows with N^2.
 */
#include "distillation/features.h"

#include <kdst/transfer.h>

#include <string.h>

enum { MEAN, SUM };
#define SMALLEST 1e-12 /* squared distance */

static const kdst__option options[] = {
    KDST__FLOAT(kdst__feature_settings, distance, 1, 0, INFINITY, "weight of the distances"),
    KDST__FLOAT(kdst__feature_settings, angle, 2, 0, INFINITY, "weight of the angles"),
    KDST__CHOICE(kdst__feature_settings, reduction, "mean", "mean|sum", "over all pairs or triples"),
};
const kdst__schema kdst__schema_loss_relational = {"loss.relational", options, KDST__COUNT(options), NULL, 0};

static double clamped(double d)
{
    return d > 1 ? 1 : d < -1 ? -1 : d;
}

static double huber(double d)
{
    return fabs(d) < 1 ? 0.5 * d * d : fabs(d) - 0.5;
}

/* ---- distances ---- */

/* d [n, n] of x [n, width]. */
static void distances(int64_t n, int64_t width, const double *x, double *d)
{
    for (int64_t i = 0; i < n; i++) {
        d[i * n + i] = 0;
        for (int64_t j = 0; j < i; j++) {
            double sum = 0;
            for (int64_t k = 0; k < width; k++) {
                double difference = x[i * width + k] - x[j * width + k];
                sum += difference * difference;
            }
            d[i * n + j] = d[j * n + i] = sqrt(sum > SMALLEST ? sum : SMALLEST);
        }
    }
}

/* Mean of the distances that are not on the diagonal: all are positive. */
static double mean_distance(int64_t n, const double *d)
{
    double sum = 0;
    for (int64_t i = 0; i < n * n; i++)
        sum += d[i];
    return sum / ((double)n * (double)(n - 1));
}

/* ds, dt [n, n]: returns sum of Huber, and leaves h = clamp(psi_s - psi_t) in dt. */
static double compare_distances(int64_t n, double mu, double mu_t, const double *ds, double *dt)
{
    double sum = 0;
    for (int64_t i = 0; i < n * n; i++) {
        double difference = ds[i] / mu - dt[i] / mu_t;
        sum += huber(difference);
        dt[i] = clamped(difference);
    }
    return sum;
}

/* Adds w dL_D/dx for h as left by compare_distances. */
static void spread_distances(
    int64_t n, int64_t width, double w, double mu, const double *x, const double *d, const double *h, double *dx)
{
    double along = 0;
    for (int64_t i = 0; i < n * n; i++)
        along += h[i] * d[i] / mu;
    along /= (double)n * (double)(n - 1);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double by = d[i * n + j];
            if (i == j || by * by <= SMALLEST) continue;
            by = 2 * w * (h[i * n + j] - along) / (mu * by);
            for (int64_t k = 0; k < width; k++)
                dx[i * width + k] += by * (x[i * width + k] - x[j * width + k]);
        }
}

/* scratch [2, n, n] */
static double
distance_part(int64_t n, double w, const kdst__features *s, const kdst__features *t, double *scratch, double *grad)
{
    double *ds = scratch, *dt = scratch + n * n;
    int64_t width = kdst__features_row(s);
    if (n < 2) return 0;
    distances(n, width, s->x, ds);
    distances(n, kdst__features_row(t), t->x, dt);
    double mu = mean_distance(n, ds), value = w * compare_distances(n, mu, mean_distance(n, dt), ds, dt);
    if (grad != NULL) spread_distances(n, width, w, mu, s->x, ds, dt, grad);
    return value;
}

/* ---- angles ---- */

/* e [n, width]: unit vectors from sample i to the others; length [n]. */
static void directions(int64_t n, int64_t width, int64_t i, const double *x, double *e, double *length)
{
    for (int64_t j = 0; j < n; j++) {
        for (int64_t k = 0; k < width; k++)
            e[j * width + k] = x[j * width + k] - x[i * width + k];
        length[j] = kdst__unit(width, e + j * width, e + j * width);
    }
}

/* a [n, n] = cosines at vertex i. */
static kdst_status cosines(kdst__compute *cp, int64_t n, int64_t width, const double *e, double *a)
{
    return kdst__gemm(cp, KDST_DTYPE_FLOAT64, n, n, width, e, width, 1, e, 1, width, 0, a, n, 1);
}

/* scratch: es [n, ds], et [n, dt], g [n, ds], as [n, n], at [n, n], length [n] */
static kdst_status vertex(
    kdst__compute *cp, int64_t n, int64_t i, double w, const kdst__features *s, const kdst__features *t,
    double *scratch, double *value, double *grad)
{
    int64_t ds = kdst__features_row(s), dt = kdst__features_row(t);
    double *es = scratch, *et = es + n * ds, *g = et + n * dt, *as = g + n * ds, *at = as + n * n, *length = at + n * n;
    directions(n, dt, i, t->x, et, length);
    directions(n, ds, i, s->x, es, length);
    kdst_status status = cosines(cp, n, ds, es, as);
    if (status == KDST_STATUS_OK) status = cosines(cp, n, dt, et, at);
    if (status != KDST_STATUS_OK) return status;
    double sum = 0;
    for (int64_t k = 0; k < n * n; k++) {
        sum += huber(as[k] - at[k]);
        as[k] = 2 * w * clamped(as[k] - at[k]);
    }
    *value += w * sum;
    if (grad == NULL) return KDST_STATUS_OK;
    status = kdst__gemm(cp, KDST_DTYPE_FLOAT64, n, ds, n, as, n, 1, es, ds, 1, 0, g, ds, 1);
    for (int64_t j = 0; j < n && status == KDST_STATUS_OK; j++) {
        kdst__unit_backward(ds, es + j * ds, length[j], g + j * ds, g + j * ds);
        for (int64_t k = 0; k < ds; k++) {
            grad[j * ds + k] += g[j * ds + k];
            grad[i * ds + k] -= g[j * ds + k];
        }
    }
    return status;
}

/* ---- the pass ---- */

static size_t scratch_bytes(int64_t n, int64_t ds, int64_t dt)
{
    size_t row, bytes;
    bool too_large = kdst__mul_overflows((size_t)ds, 2, &row) || kdst__add_overflows(row, (size_t)dt, &row) ||
        kdst__add_overflows(row, 2 * (size_t)n + 1, &row) || kdst__mul_overflows(row, (size_t)n, &bytes) ||
        kdst__mul_overflows(bytes, sizeof(double), &bytes);
    return too_large ? SIZE_MAX : bytes;
}

static kdst_status pass(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *s, const kdst__features *t,
    const int32_t *labels, double *value, double *grad)
{
    (void)labels;
    int64_t n = s->shape[0], ds = kdst__features_row(s);
    double pairs = settings->reduction == MEAN ? (double)n * (double)n : 1;
    double triples = settings->reduction == MEAN ? pairs * (double)n : 1;
    size_t bytes = scratch_bytes(n, ds, kdst__features_row(t));
    double *scratch = bytes == SIZE_MAX ? NULL : kdst__alloc(kdst__compute_memory(cp), bytes);
    kdst_status status = KDST_STATUS_OK;
    if (scratch == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    *value = 0;
    if (grad != NULL) memset(grad, 0, (size_t)(n * ds) * sizeof *grad);
    if (settings->distance > 0) *value += distance_part(n, settings->distance / pairs, s, t, scratch, grad);
    for (int64_t i = 0; i < n && settings->angle > 0 && status == KDST_STATUS_OK; i++)
        status = vertex(cp, n, i, settings->angle / triples, s, t, scratch, value, grad);
    kdst__free(kdst__compute_memory(cp), scratch, bytes);
    return status;
}

static const kdst__feature_loss relational = {.name = "relational", .check = kdst__features_same_samples, .pass = pass};

kdst_status kdst_loss_relational_create(kdst_context *ctx, const kdst_options *given, kdst_loss **out)
{
    return kdst__feature_loss_create(ctx, &relational, &kdst__schema_loss_relational, given, out);
}

/* ---- what it compares ---- */

kdst_status kdst_pair_distances(kdst_tensor *x, kdst_tensor **out)
{
    kdst__shown shown;
    kdst_status status = kdst__shown_begin("pair_distances", x, 0, out, &shown);
    if (status == KDST_STATUS_OK) {
        const int64_t n = x->shape[0], shape[] = {n, n};
        status = kdst__shown_make("pair_distances", 2, shape, &shown);
        if (status == KDST_STATUS_OK) distances(n, kdst__tensor_count(x) / n, shown.x, shown.y);
        double mu = status == KDST_STATUS_OK && n > 1 ? mean_distance(n, shown.y) : 1;
        for (int64_t i = 0; i < n * n && status == KDST_STATUS_OK; i++)
            shown.y[i] /= mu;
    }
    kdst__shown_end(&shown, status, out);
    return status;
}

kdst_status kdst_pair_angles(kdst_tensor *x, kdst_tensor **out)
{
    kdst__shown shown;
    double *e = NULL;
    size_t bytes = 0;
    kdst_status status = kdst__shown_begin("pair_angles", x, 0, out, &shown);
    if (status == KDST_STATUS_OK) {
        const int64_t n = x->shape[0], width = kdst__tensor_count(x) / n, shape[] = {n, n, n};
        status = kdst__shown_make("pair_angles", 3, shape, &shown);
        bytes = (size_t)(n * (width + 1)) * sizeof *e;
        if (status == KDST_STATUS_OK) e = kdst__alloc(kdst__tensor_memory(x), bytes);
        if (status == KDST_STATUS_OK && e == NULL) status = kdst__fail_memory(x->base.ctx, "pair_angles");
        for (int64_t i = 0; i < n && status == KDST_STATUS_OK; i++) {
            directions(n, width, i, shown.x, e, e + n * width);
            if (cosines(kdst__tensor_compute(x), n, width, e, shown.y + i * n * n) != KDST_STATUS_OK)
                status = kdst__fail_memory(x->base.ctx, "pair_angles");
        }
        kdst__free(kdst__tensor_memory(x), e, bytes);
    }
    kdst__shown_end(&shown, status, out);
    return status;
}
