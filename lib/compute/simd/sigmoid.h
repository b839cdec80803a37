/* SPDX-License-Identifier: Apache-2.0 */
/* Sigmoid functions of a vector, to a few units in the last place, from the exponential and its difference from 1. */
#ifndef KDST_COMPUTE_SIMD_SIGMOID_H
#define KDST_COMPUTE_SIMD_SIGMOID_H

#include "compute/simd/exp.h"

#define EXPM1_LOWEST ((real)(-2 * (EXP_MANTISSA + 1))) /* e^x is lost beside 1 */

/* e^x - 1 for x <= 0, without the cancellation next to 0: with x = n ln 2 + r it is 2^n (e^r - 1) + (2^n - 1). */
static inline vec vexpm1(vec x)
{
    vec low = vsplat(EXPM1_LOWEST);
    x = vselect((ivec)(x < low), low, x);
    vec shifted = x * (real)1.44269504088896340736 + (real)EXP_ROUND;
    vec n = shifted - (real)EXP_ROUND;
    vec r = x - n * (real)EXP_LN2_HIGH - n * (real)EXP_LN2_LOW;
    vec two_n = (vec)(((ivec)shifted - (integer)EXP_ROUND_BITS + EXP_BIAS) << EXP_MANTISSA);
    return two_n * exp_tail(r) + (two_n - 1);
}

static inline vec vabs(vec x)
{
    return (vec)((ivec)x & (ivec)~(ivec)vsplat((real)-0.0));
}

/* tanh |x| = -t / (2 + t), t = e^(-2 |x|) - 1, and the sign of x. */
static inline vec vtanh(vec x)
{
    vec t = vexpm1(-2 * vabs(x));
    return (vec)((ivec)(-t / (2 + t)) | ((ivec)x & (ivec)vsplat((real)-0.0)));
}

static inline vec vsigmoid(vec x)
{
    return 1 / (1 + vexp(-x));
}

#endif
