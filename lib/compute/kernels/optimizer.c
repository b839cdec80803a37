/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of SGD, Adam and RMSprop, in PyTorch's terms (compute.h has the formulas); what is done to gradients before and to
 * averages of weights after. */
#include "compute/simd/vector.h"

#include <math.h>

#if KDST_REAL == 32
#  define SQRT sqrtf
#else
#  define SQRT sqrt
#endif

void KDST__KERNEL(sgd)(
    int64_t n, double rate, double momentum, double dampening, double weight_decay, int32_t nesterov, int32_t first,
    const real *g, real *v, real *w)
{
    real lr = (real)rate, mu = (real)momentum, decay = (real)weight_decay;
    real take = (real)(1 - dampening);
    if (!v) {
        for (int64_t i = 0; i < n; i++)
            w[i] -= lr * (g[i] + decay * w[i]);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        real moved = first ? d : mu * v[i] + take * d;
        v[i] = moved;
        w[i] -= lr * (nesterov ? d + mu * moved : moved);
    }
}

/* rate has the factor 1 / (1 - beta1^t) already. Without `most` and with shrink 1 this is plain Adam. */
void KDST__KERNEL(adam)(
    int64_t n, double rate, double beta1, double beta2, double eps, double weight_decay, double shrink, double root,
    const real *g, real *m, real *v, real *most, real *w)
{
    real lr = (real)rate, b1 = (real)beta1, b2 = (real)beta2, decay = (real)weight_decay, e = (real)eps;
    real c1 = (real)(1 - beta1), c2 = (real)(1 - beta2), scale = (real)(1 / root), keep = (real)shrink;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        real first = b1 * m[i] + c1 * d;
        real second = b2 * v[i] + c2 * (d * d);
        m[i] = first;
        v[i] = second;
        if (most) second = most[i] = second > most[i] ? second : most[i];
        w[i] = keep * w[i] - lr * first / (SQRT(second) * scale + e);
    }
}

void KDST__KERNEL(rmsprop)(
    int64_t n, double rate, double alpha, double eps, double momentum, double weight_decay, const real *g, real *v,
    real *mean, real *b, real *w)
{
    real lr = (real)rate, a = (real)alpha, c = (real)(1 - alpha), e = (real)eps, mu = (real)momentum;
    real decay = (real)weight_decay;
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        real spread = v[i] = a * v[i] + c * (d * d);
        if (mean) {
            mean[i] = a * mean[i] + c * d;
            spread -= mean[i] * mean[i];
            if (spread < 0) spread = 0; /* by rounding alone */
        }
        real step = d / (SQRT(spread) + e);
        if (b) step = b[i] = mu * b[i] + step;
        w[i] -= lr * step;
    }
}

/* Four accumulators: the order depends on n alone. */
double KDST__KERNEL(squares)(int64_t n, double scale, const real *x)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        double a = scale * (double)x[i], b = scale * (double)x[i + 1];
        double c = scale * (double)x[i + 2], d = scale * (double)x[i + 3];
        s0 += a * a;
        s1 += b * b;
        s2 += c * c;
        s3 += d * d;
    }
    for (; i < n; i++)
        s0 += scale * (double)x[i] * (scale * (double)x[i]);
    return (s0 + s1) + (s2 + s3);
}

double KDST__KERNEL(largest)(int64_t n, const real *x)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double size = fabs((double)x[i]);
        if (!(size <= most)) most = isnan(most) ? most : size;
    }
    return most;
}

void KDST__KERNEL(clamp_to)(int64_t n, double low, double high, real *y)
{
    const real least = (real)low, most = (real)high;
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < least ? least : y[i] > most ? most : y[i];
}

void KDST__KERNEL(clip)(int64_t n, double bound, real *y)
{
    real b = (real)bound;
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] > b ? b : y[i] < -b ? -b : y[i];
}

void KDST__KERNEL(blend)(int64_t n, double share, const real *x, real *y)
{
    real s = (real)share;
    for (int64_t i = 0; i < n; i++)
        y[i] += s * (x[i] - y[i]);
}
