/* SPDX-License-Identifier: Apache-2.0 */
/* Leaky integrate-and-fire neurons over time: columns of [T, n], a neuron a lane, every step of it in registers.
 *
 * forward, from m = q = 0:   d = I - leak m;  u = m + d;  s = [u > V];  m = u (1 - s), or u - V s;  q = q + decay (s - q);  a = q
 * backward, from t = T - 1:  F = decay g + (1 - decay) F, the gradient of s[t]; u, d and a are made again.
 *
 * TSSL-BP (Zhang and Li 2020, section 3.3):
 *     s = 1:  D = h (F + leak u D'), h = min(bound, max(0, 1 / d));    s = 0:  D = (1 - leak) D'
 *     a < quiet:  F f(u) leaves instead of D, f the slope of a sigmoid of width `width` at V
 * surrogate:  D = slope(u - V) (F - (1 - leak) r D') + (1 - leak) k D', r = u and k = 1 - s with a reset to 0, r = V and k = 1
 *     with one by V; r = 0 where the reset is constant
 */
#include "compute/simd/exp.h"

#define INLINE static inline __attribute__((always_inline))
#define PI 3.14159265358979323846

INLINE vec take(const real *p, int64_t n)
{
    return n == LANES ? vload(p) : vload_part(p, n, 0);
}

INLINE void put(real *p, vec v, int64_t n)
{
    if (n == LANES)
        vstore(p, v);
    else
        vstore_part(p, v, n);
}

INLINE vec magnitude(vec x)
{
    return vselect((ivec)(x < 0), -x, x);
}

/* ---- forward ---- */

typedef struct neuron {
    vec m, q, d, u;
    ivec fired;
} neuron;

INLINE void advance(const kdst__lif *p, vec current, neuron *n)
{
    const vec threshold = vsplat((real)p->threshold), none = {0};
    n->d = current - (real)p->leak * n->m;
    n->u = n->m + n->d;
    n->fired = p->or_equal ? (ivec)(n->u >= threshold) : (ivec)(n->u > threshold);
    vec left = none;
    if (p->soft) left = n->u - threshold;
    n->m = vselect(n->fired, left, n->u);
    n->q = n->q + (vselect(n->fired, vsplat(1), none) - n->q) * (real)p->decay;
}

INLINE vec current_of(const double *gain, int64_t apart, int64_t t, int64_t n, const real *current)
{
    if (gain) return (real)gain[t] * take(current, n);
    return take(current + t * apart, n);
}

INLINE void forward_lanes(
    const kdst__lif *p, int64_t steps, int64_t n, int64_t apart, const double *gain, const real *current, real *m,
    real *q, real *psc, real *spikes, real *membrane, real *increment)
{
    neuron s = {.m = {0}};
    if (m) s.m = take(m, n);
    if (q) s.q = take(q, n);
    for (int64_t t = 0; t < steps; t++) {
        advance(p, current_of(gain, apart, t, n, current), &s);
        if (psc) put(psc + t * apart, s.q, n);
        if (spikes) put(spikes + t * apart, vselect(s.fired, vsplat(1), (vec){0}), n);
        if (membrane) put(membrane + t * apart, s.u, n);
        if (increment) put(increment + t * apart, s.d, n);
    }
    if (m) put(m, s.m, n);
    if (q) put(q, s.q, n);
}

INLINE real *at(real *p, int64_t i)
{
    return p ? p + i : p;
}

void KDST__KERNEL(lif_forward)(
    const kdst__lif *p, int64_t steps, int64_t n, int64_t apart, const double *gain, const real *current, real *m,
    real *q, real *psc, real *spikes, real *membrane, real *increment)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        forward_lanes(
            p, steps, LANES, apart, gain, current + i, at(m, i), at(q, i), at(psc, i), at(spikes, i), at(membrane, i),
            at(increment, i));
    if (i < n)
        forward_lanes(
            p, steps, n - i, apart, gain, current + i, at(m, i), at(q, i), at(psc, i), at(spikes, i), at(membrane, i),
            at(increment, i));
}

/* ---- slopes ---- */

INLINE vec slope_of(int32_t function, real k, vec x)
{
    const vec far = magnitude(x);
    vec e;
    switch (function) {
    case KDST__SLOPE_SIGMOID: /* by exp(-|k x|), which does not overflow */
        e = vexp(-k * far);
        return k * e / ((1 + e) * (1 + e));
    case KDST__SLOPE_FAST_SIGMOID:
        return 1 / ((1 + k * far) * (1 + k * far));
    case KDST__SLOPE_SOFT_SIGN:
        return k / 2 / ((1 + k * far) * (1 + k * far));
    case KDST__SLOPE_SUPERSPIKE:
        return k / ((1 + far) * (1 + far));
    case KDST__SLOPE_ARCTAN:
        e = (real)(PI / 2) * k * x;
        return k / 2 / (1 + e * e);
    case KDST__SLOPE_TRIANGLE:
        e = k - k * k * far;
        return vselect((ivec)(e > 0), e, (vec){0});
    case KDST__SLOPE_RECTANGLE:
        return vselect((ivec)(far < 1 / (2 * k)), vsplat(k), (vec){0});
    case KDST__SLOPE_TWO_SIDED_EXPONENTIAL:
        return k / 2 * vexp(-k * far);
    default:
        return k * (real)0.56418958354775628695 * vexp(-(k * k) * (x * x)); /* 1 / sqrt(pi) */
    }
}

void KDST__KERNEL(spike_slope)(int32_t function, double k, int64_t n, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = n - i < LANES ? n - i : LANES;
        put(y + i, slope_of(function, (real)k, take(x + i, count)), count);
    }
}

/* ---- backward ---- */

/* Slope of 1 / (1 + exp((V - u) / width)), its argument held within 8. */
INLINE vec quiet_slope(const kdst__lif *p, vec u)
{
    vec z = (vsplat((real)p->threshold) - u) * (real)(1 / p->width);
    z = vselect((ivec)(z > 8), vsplat(8), z);
    z = vselect((ivec)(z < -8), vsplat(-8), z);
    const vec e = vexp(z);
    return e * (real)(1 / p->width) / ((1 + e) * (1 + e));
}

/* What leaves at a step by TSSL-BP; *next: D of the step behind, then of this one. */
INLINE vec step_tssl(const kdst__lif *p, vec f, vec u, vec d, vec a, ivec fired, vec *next)
{
    const vec bound = vsplat((real)p->bound), steep = 1 / d;
    vec h = vselect((ivec)(steep < bound), steep, bound);
    h = vselect((ivec)(h > 0), h, (vec){0});
    h = vselect((ivec)(d == 0), bound, h);
    *next = vselect(fired, h * (f + (real)p->leak * u * *next), (real)(1 - p->leak) * *next);
    if (!p->silent) return *next;
    const ivec quiet = (ivec)(a < vsplat((real)p->quiet));
    return vselect(quiet, f * quiet_slope(p, u), *next);
}

INLINE vec step_surrogate(const kdst__lif *p, vec f, vec u, ivec fired, vec *next)
{
    const vec threshold = vsplat((real)p->threshold), leaked = (real)(1 - p->leak) * *next;
    vec kept = leaked, lost = threshold;
    if (!p->soft) kept = vselect(fired, (vec){0}, leaked), lost = u;
    if (!p->detached) f -= leaked * lost;
    *next = slope_of(p->slope, (real)p->steepness, u - threshold) * f + kept;
    return *next;
}

/* kept: u, d and a of every step. */
INLINE void backward_lanes(
    const kdst__lif *p, int64_t steps, int64_t n, int64_t apart, const double *gain, const real *current,
    const real *dpsc, real *kept, real *dcurrent)
{
    const vec threshold = vsplat((real)p->threshold);
    neuron s = {.m = {0}};
    vec *const u = (vec *)kept, *const d = u + steps, *const a = d + steps;
    for (int64_t t = 0; t < steps; t++) {
        advance(p, current_of(gain, apart, t, n, current), &s);
        u[t] = s.u;
        d[t] = s.d;
        a[t] = s.q;
    }
    vec f = {0}, next = {0}, sum = {0};
    for (int64_t t = steps - 1; t >= 0; t--) {
        f = (real)p->decay * take(dpsc + t * apart, n) + (real)(1 - p->decay) * f;
        const ivec fired = p->or_equal ? (ivec)(u[t] >= threshold) : (ivec)(u[t] > threshold);
        const vec g = p->rule == KDST__RULE_TSSL_BP ? step_tssl(p, f, u[t], d[t], a[t], fired, &next)
                                                    : step_surrogate(p, f, u[t], fired, &next);
        if (gain)
            sum += (real)gain[t] * g;
        else
            put(dcurrent + t * apart, take(dcurrent + t * apart, n) + g, n);
    }
    if (gain) put(dcurrent, take(dcurrent, n) + sum, n);
}

void KDST__KERNEL(lif_backward)(
    const kdst__lif *p, int64_t steps, int64_t n, int64_t apart, const double *gain, const real *current,
    const real *dpsc, real *kept, real *dcurrent)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        backward_lanes(p, steps, LANES, apart, gain, current + i, dpsc + i, kept, dcurrent + i);
    if (i < n) backward_lanes(p, steps, n - i, apart, gain, current + i, dpsc + i, kept, dcurrent + i);
}

/* ---- synapse ---- */

INLINE void
synapse_lanes(double decay, double scale, int64_t steps, int64_t n, int64_t apart, const real *x, real *q, real *a)
{
    vec s = {0};
    if (q) s = take(q, n);
    for (int64_t t = 0; t < steps; t++) {
        s = s - (real)decay * s + take(x + t * apart, n);
        put(a + t * apart, (real)scale * s, n);
    }
    if (q) put(q, s, n);
}

void KDST__KERNEL(synapse_forward)(
    double decay, double scale, int64_t steps, int64_t n, int64_t apart, const real *x, real *q, real *a)
{
    for (int64_t i = 0; i < n; i += LANES)
        synapse_lanes(decay, scale, steps, n - i < LANES ? n - i : LANES, apart, x + i, at(q, i), a + i);
}

void KDST__KERNEL(synapse_backward)(
    double decay, double scale, int64_t steps, int64_t n, int64_t apart, const real *da, real *dx)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int64_t count = n - i < LANES ? n - i : LANES;
        vec f = {0};
        for (int64_t t = steps - 1; t >= 0; t--) {
            real *to = dx + t * apart + i;
            f = f - (real)decay * f + take(da + t * apart + i, count);
            put(to, take(to, count) + (real)scale * f, count);
        }
    }
}
