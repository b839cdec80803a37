/* SPDX-License-Identifier: Apache-2.0 */
/* Every second element of two vectors, and two vectors element by element. */
#ifndef KDST_COMPUTE_SIMD_INTERLEAVE_H
#define KDST_COMPUTE_SIMD_INTERLEAVE_H

#include "compute/simd/vector.h"

#if KDST__VECTOR_BYTES * 8 == 2 * KDST_REAL
#  define EVEN_LANES 0, 2
#  define LOW_LANES 0, 2
#  define HIGH_LANES 1, 3
#elif KDST__VECTOR_BYTES * 8 == 4 * KDST_REAL
#  define EVEN_LANES 0, 2, 4, 6
#  define LOW_LANES 0, 4, 1, 5
#  define HIGH_LANES 2, 6, 3, 7
#elif KDST__VECTOR_BYTES * 8 == 8 * KDST_REAL
#  define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#  define LOW_LANES 0, 8, 1, 9, 2, 10, 3, 11
#  define HIGH_LANES 4, 12, 5, 13, 6, 14, 7, 15
#else
#  define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#  define LOW_LANES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#  define HIGH_LANES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#endif

/* a[0], a[2], …, b[0], b[2], … */
static inline vec veven(vec a, vec b)
{
    return __builtin_shufflevector(a, b, EVEN_LANES);
}
/* a[0], b[0], a[1], b[1], … from the first halves, and from the second */
static inline vec vlow(vec a, vec b)
{
    return __builtin_shufflevector(a, b, LOW_LANES);
}
static inline vec vhigh(vec a, vec b)
{
    return __builtin_shufflevector(a, b, HIGH_LANES);
}

#endif
