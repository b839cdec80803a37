/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes of a vector in an order that is known at run time only: lane k of the result is v[at[k]]. */
#ifndef KDST_COMPUTE_SIMD_PERMUTE_H
#define KDST_COMPUTE_SIMD_PERMUTE_H

#include "compute/simd/vector.h"

#if KDST_REAL == 32 && KDST__VECTOR_BYTES == 64
#  include <immintrin.h>
static inline vec vpermute(vec v, ivec at)
{
    return (vec)_mm512_permutexvar_ps((__m512i)at, (__m512)v);
}
#elif KDST_REAL == 32 && KDST__VECTOR_BYTES == 32
#  include <immintrin.h>
static inline vec vpermute(vec v, ivec at)
{
    return (vec)_mm256_permutevar8x32_ps((__m256)v, (__m256i)at);
}
#else
static inline vec vpermute(vec v, ivec at)
{
    vec made = {0};
    for (int64_t k = 0; k < LANES; k++)
        made[k] = v[at[k]];
    return made;
}
#endif

#endif
