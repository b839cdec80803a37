/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of pairs (x, t), one term an element, in double whatever the element type is.
 *
 * With d = x - t:
 *   L1         |d|                                                  dx sign d
 *   MSE        d^2                                                  dx 2 d
 *   HUBER      |d| < p ? d^2 / 2 : p (|d| - p / 2)                  dx d clamped to [-p, p]
 *   SMOOTH_L1  |d| < p ? d^2 / (2 p) : |d| - p / 2                  dx d / p clamped to [-1, 1], p = 0: L1
 *   BCE        (1 - t) x + c softplus(-x), c = 1 + (v - 1) t        dx (1 - t) - c sigmoid(-x), dt -x + (v - 1) softplus(-x)
 *   KL         t (log t - x), 0 where t = 0                         dx -t, dt log t + 1 - x, 0 where t = 0
 *   KL_LOG     e^t (t - x)                                          dx -e^t, dt e^t (t - x + 1)
 * and dt = -dx for the first four. Terms are multiplied by w. w (weights) and v (weights of t = 1) [n], NULL: 1.
 */
#include "compute/simd/vector.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 128

INLINE double softplus(double x)
{
    return log1p(exp(-fabs(x))) + (x > 0 ? x : 0);
}

/* 0 for NaN, as in PyTorch. */
INLINE double sign(double d)
{
    return (double)(d > 0) - (double)(d < 0);
}

INLINE double term(int32_t kind, double p, double x, double t, double v)
{
    double d = x - t, size = fabs(d);
    switch (kind) {
    case KDST__L1:
        return size;
    case KDST__MSE:
        return d * d;
    case KDST__HUBER:
        return size < p ? 0.5 * d * d : p * (size - 0.5 * p);
    case KDST__SMOOTH_L1:
        return size < p ? 0.5 * d * d / p : size - 0.5 * p;
    case KDST__BCE:
        return (1 - t) * x + (1 + (v - 1) * t) * softplus(-x);
    case KDST__KL:
        return t == 0 ? 0 : t * (log(t) - x);
    default:
        return exp(t) * (t - x);
    }
}

INLINE double slope_x(int32_t kind, double p, double x, double t, double v)
{
    double d = x - t;
    switch (kind) {
    case KDST__L1:
        return sign(d);
    case KDST__MSE:
        return 2 * d;
    case KDST__HUBER:
        return d <= -p ? -p : d >= p ? p : d;
    case KDST__SMOOTH_L1:
        return d <= -p || d >= p ? sign(d) : d / p;
    case KDST__BCE:
        return (1 - t) - (1 + (v - 1) * t) / (1 + exp(x));
    case KDST__KL:
        return -t;
    default:
        return -exp(t);
    }
}

INLINE double slope_t(int32_t kind, double p, double x, double t, double v)
{
    switch (kind) {
    case KDST__BCE:
        return -x + (v - 1) * softplus(-x);
    case KDST__KL:
        return t == 0 ? 0 : log(t) + 1 - x;
    case KDST__KL_LOG:
        return exp(t) * (t - x + 1);
    default:
        return -slope_x(kind, p, x, t, v);
    }
}

INLINE void
terms(int32_t kind, double p, int64_t n, const real *x, const real *t, const real *w, const real *v, double *out)
{
    if (!w && !v) {
        for (int64_t i = 0; i < n; i++)
            out[i] = term(kind, p, x[i], t[i], 1);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = (w ? (double)w[i] : 1) * term(kind, p, x[i], t[i], v ? (double)v[i] : 1);
}

/* One block; the switch makes `kind` a constant of each loop. */
static void
block_terms(int32_t kind, double p, int64_t n, const real *x, const real *t, const real *w, const real *v, double *out)
{
    switch (kind) {
    case KDST__L1:
        terms(KDST__L1, p, n, x, t, w, v, out);
        break;
    case KDST__MSE:
        terms(KDST__MSE, p, n, x, t, w, v, out);
        break;
    case KDST__HUBER:
        terms(KDST__HUBER, p, n, x, t, w, v, out);
        break;
    case KDST__SMOOTH_L1:
        terms(KDST__SMOOTH_L1, p, n, x, t, w, v, out);
        break;
    case KDST__BCE:
        terms(KDST__BCE, p, n, x, t, w, v, out);
        break;
    case KDST__KL:
        terms(KDST__KL, p, n, x, t, w, v, out);
        break;
    default:
        terms(KDST__KL_LOG, p, n, x, t, w, v, out);
    }
}

/* Four sums, so that the additions need not wait for each other. */
static double sum_of(int64_t n, const double *x)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        s0 += x[i], s1 += x[i + 1], s2 += x[i + 2], s3 += x[i + 3];
    for (; i < n; i++)
        s0 += x[i];
    return (s0 + s1) + (s2 + s3);
}

double KDST__KERNEL(pair_loss)(
    int32_t kind, double p, int64_t n, const real *x, const real *t, const real *w, const real *v, real *y)
{
    double values[BLOCK], sum = 0;
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t count = n - i < BLOCK ? n - i : BLOCK;
        block_terms(kind, p, count, x + i, t + i, w ? w + i : NULL, v ? v + i : NULL, values);
        if (y)
            for (int64_t k = 0; k < count; k++)
                y[i + k] = (real)values[k];
        else
            sum += sum_of(count, values);
    }
    return sum;
}

INLINE void slopes(
    int32_t kind, double p, int64_t n, const real *x, const real *t, const real *w, const real *v, double scale,
    const real *dy, real *dx, real *dt)
{
    for (int64_t i = 0; i < n; i++) {
        double g = scale * (dy ? (double)dy[i] : 1) * (w ? (double)w[i] : 1), vi = v ? (double)v[i] : 1;
        if (dx) dx[i] = (real)(dx[i] + g * slope_x(kind, p, x[i], t[i], vi));
        if (dt) dt[i] = (real)(dt[i] + g * slope_t(kind, p, x[i], t[i], vi));
    }
}

INLINE void slopes_of(
    int32_t kind, double p, int64_t n, const real *x, const real *t, const real *w, const real *v, double scale,
    const real *dy, real *dx, real *dt)
{
    if (!w && !v && !dy && !dt && dx)
        slopes(kind, p, n, x, t, NULL, NULL, scale, NULL, dx, NULL);
    else
        slopes(kind, p, n, x, t, w, v, scale, dy, dx, dt);
}

void KDST__KERNEL(pair_loss_backward)(
    int32_t kind, double p, int64_t n, const real *x, const real *t, const real *w, const real *v, double scale,
    const real *dy, real *dx, real *dt)
{
    switch (kind) {
    case KDST__L1:
        slopes_of(KDST__L1, p, n, x, t, w, v, scale, dy, dx, dt);
        break;
    case KDST__MSE:
        slopes_of(KDST__MSE, p, n, x, t, w, v, scale, dy, dx, dt);
        break;
    case KDST__HUBER:
        slopes_of(KDST__HUBER, p, n, x, t, w, v, scale, dy, dx, dt);
        break;
    case KDST__SMOOTH_L1:
        slopes_of(KDST__SMOOTH_L1, p, n, x, t, w, v, scale, dy, dx, dt);
        break;
    case KDST__BCE:
        slopes_of(KDST__BCE, p, n, x, t, w, v, scale, dy, dx, dt);
        break;
    case KDST__KL:
        slopes_of(KDST__KL, p, n, x, t, w, v, scale, dy, dx, dt);
        break;
    default:
        slopes_of(KDST__KL_LOG, p, n, x, t, w, v, scale, dy, dx, dt);
    }
}
