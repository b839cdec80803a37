/* SPDX-License-Identifier: Apache-2.0 */
/* Negative log-likelihood of labels along the middle axis of [outer, K, inner], in double whatever the element type is.
 *
 * A row r = (o, s) with label y and log-probabilities l has the value
 *     (1 - e) w_y (-l_y) + (e / K) sum_k w_k (-l_k) = -sum_k c_k l_k,   c_k = (1 - e) w_y [k = y] + (e / K) w_k,
 * and 0 when its label is the ignored one. With l = log softmax(z): dz_k += g (p_k sum c - c_k), p = softmax(z).
 */
#include "compute/class_loss.h"
#include "compute/simd/vector.h"

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 256

INLINE double weight_of(const kdst__class_loss *c, int64_t k)
{
    return c->weight ? c->weight[k] : 1;
}

void KDST__KERNEL(class_loss)(
    const kdst__class_loss *c, int64_t begin, int64_t end, const real *l, real *rows, double *sum, double *total)
{
    const double spread = c->smoothing / (double)c->k;
    double values = 0, weights = 0;
    for (int64_t r = begin; r < end; r++) {
        int64_t y = c->labels[r];
        const real *row = l + r / c->inner * c->k * c->inner + r % c->inner;
        double value = 0;
        if (y != c->ignore_index) {
            double w = weight_of(c, y);
            value = -(1 - c->smoothing) * w * (double)row[y * c->inner];
            for (int64_t k = 0; k < c->k && spread > 0; k++)
                value -= spread * weight_of(c, k) * (double)row[k * c->inner];
            weights += w;
        }
        if (rows) rows[r] = (real)value;
        values += value;
    }
    *sum = values;
    *total = weights;
}

/* g, and g sum c, of row r; 0 where it is ignored. */
INLINE void factors(const kdst__class_loss *c, int64_t r, double scale, const real *dy, double *direct, double *whole)
{
    int64_t y = c->labels[r];
    double g = y == c->ignore_index ? 0 : scale * (dy ? (double)dy[r] : 1);
    *direct = g;
    *whole = g == 0 ? 0 : g * ((1 - c->smoothing) * weight_of(c, y) + c->smoothing / (double)c->k * c->weight_sum);
}

/* Rows next to each other in memory [K, n]; r is the number of the first. */
static void
columns(const kdst__class_loss *c, int64_t r, int64_t n, const real *p, double scale, const real *dy, real *dz)
{
    const double spread = c->smoothing / (double)c->k;
    double direct[BLOCK], whole[BLOCK];
    for (int64_t i = 0; i < n; i++)
        factors(c, r + i, scale, dy, &direct[i], &whole[i]);
    for (int64_t k = 0; k < c->k; k++) {
        const real *pk = p + k * c->inner;
        real *dk = dz + k * c->inner;
        double share = spread * weight_of(c, k);
        for (int64_t i = 0; i < n; i++)
            dk[i] = (real)(dk[i] + (whole[i] * pk[i] - direct[i] * share));
    }
    for (int64_t i = 0; i < n; i++)
        if (direct[i] != 0) {
            int64_t y = c->labels[r + i];
            real *at = dz + y * c->inner + i;
            *at = (real)(*at - direct[i] * (1 - c->smoothing) * weight_of(c, y));
        }
}

/* A row on its own [K]. */
static void row_slope(const kdst__class_loss *c, int64_t r, const real *p, double scale, const real *dy, real *dz)
{
    const double spread = c->smoothing / (double)c->k;
    double direct, whole;
    factors(c, r, scale, dy, &direct, &whole);
    if (direct == 0) return;
    if (spread > 0)
        for (int64_t k = 0; k < c->k; k++)
            dz[k] = (real)(dz[k] + (whole * p[k] - direct * spread * weight_of(c, k)));
    else
        for (int64_t k = 0; k < c->k; k++)
            dz[k] = (real)(dz[k] + whole * p[k]);
    int64_t y = c->labels[r];
    dz[y] = (real)(dz[y] - direct * (1 - c->smoothing) * weight_of(c, y));
}

void KDST__KERNEL(class_loss_softmax_backward)(
    const kdst__class_loss *c, int64_t begin, int64_t end, const real *p, double scale, const real *dy, real *dz)
{
    for (int64_t r = begin; r < end;) {
        int64_t at = r / c->inner * c->k * c->inner + r % c->inner, left = c->inner - r % c->inner;
        if (left > end - r) left = end - r;
        if (left > BLOCK) left = BLOCK;
        if (c->inner == 1)
            row_slope(c, r, p + at, scale, dy, dz + at);
        else
            columns(c, r, left, p + at, scale, dy, dz + at);
        r += left;
    }
}

/* dl_k += -g c_k: of the log-probabilities themselves; without smoothing. */
void KDST__KERNEL(class_loss_backward)(
    const kdst__class_loss *c, int64_t begin, int64_t end, double scale, const real *dy, real *dl)
{
    for (int64_t r = begin; r < end; r++) {
        double direct, whole;
        factors(c, r, scale, dy, &direct, &whole);
        if (direct == 0) continue;
        int64_t y = c->labels[r];
        real *at = dl + (r / c->inner * c->k + y) * c->inner + r % c->inner;
        *at = (real)(*at - direct * weight_of(c, y));
    }
}
