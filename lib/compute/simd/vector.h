/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors of one level and type, for the sources in kernels/: GCC's vector extension, which clang shares.
 *
 * `vec` holds LANES reals; a * b + c becomes one fused instruction where the level has it. Comparisons give an `ivec` of all-ones or
 * zero lanes, which `vselect` takes. Accumulators must be named variables: clang 14 spills arrays of vectors.
 */
#ifndef KDST_COMPUTE_SIMD_VECTOR_H
#define KDST_COMPUTE_SIMD_VECTOR_H

#include "compute/kernels.h"

/* The header of the level: "compute/simd/avx2.h". */
#define KDST__TEXT_OF(x) #x
#define KDST__TEXT(x) KDST__TEXT_OF(x)
#define KDST__SIMD_PATH(level) compute/simd/level.h
#include KDST__TEXT(KDST__SIMD_PATH(KDST_LEVEL))

#if KDST_REAL == 32
typedef int32_t integer;
#  define LOWEST (-3.402823466e+38f)
#else
typedef int64_t integer;
#  define LOWEST (-1.7976931348623157e+308)
#endif

#define LANES ((int64_t)(KDST__VECTOR_BYTES / sizeof(real)))

typedef real vec __attribute__((vector_size(KDST__VECTOR_BYTES), may_alias));
typedef real loose_vec __attribute__((vector_size(KDST__VECTOR_BYTES), may_alias, aligned(sizeof(real))));
typedef integer ivec __attribute__((vector_size(KDST__VECTOR_BYTES), may_alias));

static inline vec vload(const real *p)
{
    return *(const loose_vec *)p;
}
static inline void vstore(real *p, vec v)
{
    *(loose_vec *)p = v;
}
static inline vec vsplat(real x)
{
    return x - (vec){0};
}
static inline vec vselect(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}
/* A NaN may win or get lost: what follows must look at the elements again. */
static inline vec vmax(vec x, vec best)
{
    return vselect((ivec)(x <= best), best, x);
}
/* The first n lanes of p, `rest` behind; nothing behind p[n - 1] is read. */
static inline vec vload_part(const real *p, int64_t n, real rest)
{
    vec v = vsplat(rest);
    for (int64_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}
static inline void vstore_part(real *p, vec v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
}
/* Sum of the lanes, in halves. */
static inline real vsum(vec v)
{
    real lane[KDST__VECTOR_BYTES / sizeof(real)];
    vstore(lane, v);
    for (int64_t half = LANES / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}
static inline double vsum_double(vec v)
{
    double sum = 0;
    for (int64_t i = 0; i < LANES; i++)
        sum += (double)v[i];
    return sum;
}
static inline real vmax_lane(vec v)
{
    real best = v[0];
    for (int64_t i = 1; i < LANES; i++)
        if (!(v[i] <= best)) best = v[i];
    return best;
}

#endif
