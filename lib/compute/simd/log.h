/* SPDX-License-Identifier: Apache-2.0 */
/* Natural logarithms of a vector, to about 2 units in the last place.
 *
 * x = 2^n m with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f): ln m = 2 artanh s = f - s (f - 2 (s^2/3 + s^4/5 + …)),
 * in which f is exact and the rest small beside it. A subnormal x is scaled first. ln 0 = -inf, NaN below.
 */
#ifndef KDST_COMPUTE_SIMD_LOG_H
#define KDST_COMPUTE_SIMD_LOG_H

#include "compute/simd/exp.h"

#include <math.h>

#if KDST_REAL == 32
#  define LOG_ROOT_BITS 0x3F3504F3 /* sqrt(1/2) */
#  define LOG_SMALLEST 0x1p-126f
#  define LOG_SCALE 0x1p24f
#  define LOG_SCALED 24
#else
#  define LOG_ROOT_BITS 0x3FE6A09E667F3BCD
#  define LOG_SMALLEST 0x1p-1022
#  define LOG_SCALE 0x1p54
#  define LOG_SCALED 54
#endif

/* s^2/3 + s^4/5 + …, z = s^2 <= 0.0295 */
static inline vec log_series(vec z)
{
#if KDST_REAL == 32
    vec p = z * (1.0f / 13) + 1.0f / 11;
#else
    vec p = z * (1.0 / 25) + 1.0 / 23;
    p = p * z + 1.0 / 21;
    p = p * z + 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
#endif
    p = p * z + (real)(1.0 / 9);
    p = p * z + (real)(1.0 / 7);
    p = p * z + (real)(1.0 / 5);
    p = p * z + (real)(1.0 / 3);
    return p * z;
}

static inline vec vlog(vec x)
{
    ivec subnormal = (ivec)(x < (real)LOG_SMALLEST);
    vec scaled = vselect(subnormal, x * (real)LOG_SCALE, x);
    ivec above = (ivec)vselect((ivec)(x > 0), scaled, vsplat(1)) - (integer)LOG_ROOT_BITS;
    ivec power = above >> EXP_MANTISSA;
    vec f = (vec)((above & (((integer)1 << EXP_MANTISSA) - 1)) + (integer)LOG_ROOT_BITS) - (real)1;
    power -= subnormal & (integer)LOG_SCALED;
    vec n = (vec)(power + (integer)EXP_ROUND_BITS) - (real)EXP_ROUND;
    vec s = f / (f + (real)2);
    vec rest = s * (f - 2 * log_series(s * s)) - n * (real)EXP_LN2_LOW;
    vec y = n * (real)EXP_LN2_HIGH + (f - rest);
    y = vselect((ivec)(x == (real)INFINITY), x, y);
    y = vselect((ivec)(x == 0), vsplat((real)-INFINITY), y);
    return vselect((ivec)(x >= 0), y, vsplat((real)NAN));
}

/* ln(1 + x) for 0 <= x <= 1: 1 + x is rounded, and what that loses is added to first order. */
static inline vec vlog1p(vec x)
{
    vec u = 1 + x;
    return vlog(u) + (x - (u - 1)) / u;
}

#endif
