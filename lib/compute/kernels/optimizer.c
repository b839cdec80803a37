/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of SGD and Adam, in PyTorch's terms (compute.h has the formulas). */
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

/* rate has the factor 1 / (1 - beta1^t) already. */
void KDST__KERNEL(adam)(
    int64_t n, double rate, double beta1, double beta2, double eps, double weight_decay, double root, const real *g,
    real *m, real *v, real *w)
{
    real lr = (real)rate, b1 = (real)beta1, b2 = (real)beta2, decay = (real)weight_decay, e = (real)eps;
    real c1 = (real)(1 - beta1), c2 = (real)(1 - beta2), scale = (real)(1 / root);
    for (int64_t i = 0; i < n; i++) {
        real d = g[i] + decay * w[i];
        real first = b1 * m[i] + c1 * d;
        real second = b2 * v[i] + c2 * (d * d);
        m[i] = first;
        v[i] = second;
        w[i] -= lr * first / (SQRT(second) * scale + e);
    }
}
