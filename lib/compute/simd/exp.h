/* SPDX-License-Identifier: Apache-2.0 */
/* exp of a vector, to about 1 unit in the last place.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2 (ln 2 in two parts, so that r is exact enough), exp(r) by its Taylor polynomial, 2^n
 * in two factors, so that results reach down to the subnormal and up to the largest number. Rounding adds and subtracts a
 * number so large that its last bit counts ones; its bit pattern then ends in n. NaN stays NaN.
 */
#ifndef KDST_COMPUTE_SIMD_EXP_H
#define KDST_COMPUTE_SIMD_EXP_H

#include "compute/simd/vector.h"

#if KDST_REAL == 32
#  define EXP_ROUND 12582912.0f /* 1.5 2^23 */
#  define EXP_ROUND_BITS 0x4B400000
#  define EXP_LN2_HIGH 0.693359375f
#  define EXP_LN2_LOW -2.12194440e-4f
#  define EXP_LOWEST -104.0f
#  define EXP_HIGHEST 89.0f
#  define EXP_MANTISSA 23
#  define EXP_BIAS 127
#else
#  define EXP_ROUND 6755399441055744.0 /* 1.5 2^52 */
#  define EXP_ROUND_BITS 0x4338000000000000
#  define EXP_LN2_HIGH 6.93147180369123816490e-01
#  define EXP_LN2_LOW 1.90821492927058770002e-10
#  define EXP_LOWEST -746.0
#  define EXP_HIGHEST 710.0
#  define EXP_MANTISSA 52
#  define EXP_BIAS 1023
#endif

/* e^r - 1 for |r| <= ln 2 / 2. */
static inline vec exp_tail(vec r)
{
#if KDST_REAL == 32
    vec p = r * (1.0f / 5040) + 1.0f / 720;
#else
    vec p = r * (1.0 / 6227020800) + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
#endif
    p = p * r + (real)(1.0 / 120);
    p = p * r + (real)(1.0 / 24);
    p = p * r + (real)(1.0 / 6);
    p = p * r + (real)0.5;
    return p * r * r + r;
}

static inline vec vexp(vec x)
{
    vec low = vsplat((real)EXP_LOWEST), high = vsplat((real)EXP_HIGHEST);
    x = vselect((ivec)(x < low), low, x);
    x = vselect((ivec)(x > high), high, x);
    vec shifted = x * (real)1.44269504088896340736 + (real)EXP_ROUND;
    vec n = shifted - (real)EXP_ROUND;
    vec r = x - n * (real)EXP_LN2_HIGH - n * (real)EXP_LN2_LOW;
    vec p = exp_tail(r) + (real)1;
    ivec power = (ivec)shifted - (integer)EXP_ROUND_BITS;
    ivec half = power >> 1;
    vec first = (vec)((half + EXP_BIAS) << EXP_MANTISSA);
    vec second = (vec)((power - half + EXP_BIAS) << EXP_MANTISSA);
    return p * first * second;
}

#endif
