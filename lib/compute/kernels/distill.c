/* SPDX-License-Identifier: Apache-2.0 */
/* excess: y = g(x) = e^x - 1 - x, to a few units in the last place of g.
 *
 * For |x| <= 1, where the three terms cancel, by its series x^2 (1/2! + x/3! + ... + x^16/18!), even and odd terms apart
 * so that the chain of products is half as long. Infinity gives NaN. x and y may be the same.
 */
#include "compute/simd/exp.h"

static inline vec series(vec x)
{
    vec w = x * x;
    vec even = w * (real)(1.0 / 6402373705728000) + (real)(1.0 / 20922789888000);
    vec odd = w * (real)(1.0 / 355687428096000) + (real)(1.0 / 1307674368000);
    even = even * w + (real)(1.0 / 87178291200);
    odd = odd * w + (real)(1.0 / 6227020800);
    even = even * w + (real)(1.0 / 479001600);
    odd = odd * w + (real)(1.0 / 39916800);
    even = even * w + (real)(1.0 / 3628800);
    odd = odd * w + (real)(1.0 / 362880);
    even = even * w + (real)(1.0 / 40320);
    odd = odd * w + (real)(1.0 / 5040);
    even = even * w + (real)(1.0 / 720);
    odd = odd * w + (real)(1.0 / 120);
    even = even * w + (real)(1.0 / 24);
    odd = odd * w + (real)(1.0 / 6);
    even = even * w + (real)0.5;
    return w * (odd * x + even);
}

static inline vec excess(vec x)
{
    return vselect((ivec)(x * x <= 1), series(x), vexp(x) - 1 - x);
}

void KDST__KERNEL(excess)(int64_t n, const real *x, real *y)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vstore(y + i, excess(vload(x + i)));
    if (i < n) vstore_part(y + i, excess(vload_part(x + i, n - i, 0)), n - i);
}
