/* SPDX-License-Identifier: Apache-2.0 */
/* plasticity: local learning of the weights w [m, n] of synapses onto m neurons from n.
 *
 * P_ij = sum over samples of up_post[i] up_pre[j], M_ij = sum of down_post[i] down_pre[j];
 * w <- w + up g P - down h M, g = h = 1, or with soft bounds g = high - w, h = w - low; with bounds, then to [low, high].
 * Factors of a row are mostly 0, since neurons mostly do not fire: such samples are passed over, and a row without any is left alone
 * but for its bounds.
 */
#include "compute/simd/vector.h"

#define INLINE static inline __attribute__((always_inline))

INLINE vec take(const real *p, int64_t n)
{
    return n == LANES ? vload(p) : vload_part(p, n, 0);
}

/* Sum of factor[s] other[s][0 ...] over the samples. */
INLINE vec product(int64_t samples, int64_t m, const real *factor, int64_t n, const real *other, int64_t count)
{
    vec sum = {0};
    for (int64_t s = 0; s < samples; s++)
        if (factor[s * m] != 0) sum = sum + factor[s * m] * take(other + s * n, count);
    return sum;
}

INLINE vec change(const kdst__plasticity *p, vec w, vec up, vec down)
{
    const vec low = vsplat((real)p->low), high = vsplat((real)p->high);
    up = (real)p->up * up;
    down = (real)p->down * down;
    if (p->bounds == KDST__BOUNDS_SOFT) {
        up = (high - w) * up;
        down = (w - low) * down;
    }
    w = w + (up - down);
    if (p->bounds == KDST__BOUNDS_NONE) return w;
    w = vselect((ivec)(w < low), low, w);
    return vselect((ivec)(w > high), high, w);
}

INLINE int idle(int64_t samples, int64_t m, const real *factor)
{
    for (int64_t s = 0; s < samples; s++)
        if (factor[s * m] != 0) return 0;
    return 1;
}

void KDST__KERNEL(plasticity)(
    const kdst__plasticity *p, int64_t samples, int64_t m, int64_t n, int64_t begin, int64_t end, const real *up_post,
    const real *up_pre, const real *down_post, const real *down_pre, real *w)
{
    for (int64_t i = begin; i < end; i++) {
        if (p->bounds == KDST__BOUNDS_NONE && idle(samples, m, up_post + i) && idle(samples, m, down_post + i))
            continue;
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t count = n - j < LANES ? n - j : LANES;
            const vec up = product(samples, m, up_post + i, n, up_pre + j, count);
            const vec down = product(samples, m, down_post + i, n, down_pre + j, count);
            const vec v = change(p, take(w + i * n + j, count), up, down);
            if (count == LANES)
                vstore(w + i * n + j, v);
            else
                vstore_part(w + i * n + j, v, count);
        }
    }
}
