/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy with distributions as targets along the middle axis of [outer, K, inner], in double whatever the type.
 *
 * A row with target t and log-probabilities l has the value -sum_k c_k l_k, c_k = w_k ((1 - e) t_k + e / K).
 * With l = log softmax(z): dz_k += g (p_k sum c - c_k), p = softmax(z); dt_k += -g (1 - e) w_k l_k.
 */
#include "compute/simd/vector.h"
#include "compute/soft_loss.h"

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 128

INLINE double weight_of(const kdst__soft_loss *c, int64_t k)
{
    return c->weight ? c->weight[k] : 1;
}

/* Rows from r on that lie beside each other in memory, at most a block, and where the first begins. */
INLINE int64_t neighbours(const kdst__soft_loss *c, int64_t r, int64_t end, int64_t *at)
{
    int64_t count = c->inner - r % c->inner;
    *at = r / c->inner * c->k * c->inner + r % c->inner;
    if (count > end - r) count = end - r;
    return count < BLOCK ? count : BLOCK;
}

double
KDST__KERNEL(soft_loss)(const kdst__soft_loss *c, int64_t begin, int64_t end, const real *t, const real *l, real *rows)
{
    const double spread = c->smoothing / (double)c->k, own = 1 - c->smoothing;
    double values[BLOCK], sum = 0;
    for (int64_t r = begin, at, n; r < end; r += n) {
        n = neighbours(c, r, end, &at);
        for (int64_t i = 0; i < n; i++)
            values[i] = 0;
        for (int64_t k = 0; k < c->k; k++) {
            const real *tk = t + at + k * c->inner, *lk = l + at + k * c->inner;
            double w = weight_of(c, k);
            for (int64_t i = 0; i < n; i++)
                values[i] -= w * (own * tk[i] + spread) * lk[i];
        }
        for (int64_t i = 0; i < n; i++) {
            if (rows) rows[r + i] = (real)values[i];
            sum += values[i];
        }
    }
    return sum;
}

void KDST__KERNEL(soft_loss_backward)(
    const kdst__soft_loss *c, int64_t begin, int64_t end, const real *t, const real *p, double scale, const real *dy,
    real *dz)
{
    const double spread = c->smoothing / (double)c->k, own = 1 - c->smoothing;
    double whole[BLOCK], g[BLOCK];
    for (int64_t r = begin, at, n; r < end; r += n) {
        n = neighbours(c, r, end, &at);
        for (int64_t i = 0; i < n; i++) {
            whole[i] = 0;
            g[i] = scale * (dy ? (double)dy[r + i] : 1);
        }
        for (int64_t k = 0; k < c->k; k++) {
            const real *tk = t + at + k * c->inner;
            double w = weight_of(c, k);
            for (int64_t i = 0; i < n; i++)
                whole[i] += w * (own * tk[i] + spread);
        }
        for (int64_t k = 0; k < c->k; k++) {
            const real *tk = t + at + k * c->inner, *pk = p + at + k * c->inner;
            real *dk = dz + at + k * c->inner;
            double w = weight_of(c, k);
            for (int64_t i = 0; i < n; i++)
                dk[i] = (real)(dk[i] + g[i] * (pk[i] * whole[i] - w * (own * tk[i] + spread)));
        }
    }
}

void KDST__KERNEL(soft_loss_target_backward)(
    const kdst__soft_loss *c, int64_t begin, int64_t end, const real *l, double scale, const real *dy, real *dt)
{
    for (int64_t r = begin, at, n; r < end; r += n) {
        n = neighbours(c, r, end, &at);
        for (int64_t k = 0; k < c->k; k++) {
            double factor = -scale * (1 - c->smoothing) * weight_of(c, k);
            const real *lk = l + at + k * c->inner;
            real *dk = dt + at + k * c->inner;
            for (int64_t i = 0; i < n; i++)
                dk[i] = (real)(dk[i] + factor * (dy ? (double)dy[r + i] : 1) * lk[i]);
        }
    }
}
