/* SPDX-License-Identifier: Apache-2.0 */
/* The micro-kernel of matrix products: one tile of C, held in registers, from packed panels of A and B.
 *
 * c[i, j] (+)= sum_p a[p MR + i] b[p NR + j], C row-major with rows ldc apart. ROWS rows of two vectors each: 14 x 2 of 32
 * registers with AVX-512, 6 x 2 of 16 with AVX2, 4 x 2 otherwise. Every accumulator is a variable of its own, since
 * clang 14 keeps arrays of vectors in memory.
 */
#include "compute/simd/vector.h"

#if KDST__VECTOR_BYTES == 64
#  define ROWS 14
#  define EACH_ROW(R) R(0) R(1) R(2) R(3) R(4) R(5) R(6) R(7) R(8) R(9) R(10) R(11) R(12) R(13)
#elif KDST__VECTOR_BYTES == 32
#  define ROWS 6
#  define EACH_ROW(R) R(0) R(1) R(2) R(3) R(4) R(5)
#else
#  define ROWS 4
#  define EACH_ROW(R) R(0) R(1) R(2) R(3)
#endif
#define COLUMNS (2 * LANES)

#define ZERO(i) vec l##i = {0}, r##i = {0};
#define STEP(i) l##i += a[i] * left; r##i += a[i] * right;
#define PREFETCH(i) __builtin_prefetch(c + i * ldc, 1); __builtin_prefetch(c + i * ldc + COLUMNS - 1, 1);
#define ADD(i) l##i += vload(c + i * ldc); r##i += vload(c + i * ldc + LANES);
#define STORE(i) vstore(c + i * ldc, l##i); vstore(c + i * ldc + LANES, r##i);

/* mc and kc: a block of A [mc, kc] and a panel of B [kc, nr] stay in the second and first cache. */
void KDST__KERNEL(gemm_sizes)(int64_t *mr, int64_t *nr, int64_t *mc, int64_t *kc)
{
    *mr = ROWS;
    *nr = COLUMNS;
    *kc = KDST__VECTOR_BYTES == 64 ? 384 : 256;
    *mc = ROWS * (KDST_REAL == 32 ? 24 : 12);
}

void KDST__KERNEL(gemm_tile)(int64_t k, const real *a, const real *b, int32_t accumulate, real *c, int64_t ldc)
{
    EACH_ROW(ZERO)
    EACH_ROW(PREFETCH)
    for (int64_t p = 0; p < k; p++, a += ROWS, b += COLUMNS) {
        vec left = *(const vec *)b, right = *(const vec *)(b + LANES);
        __builtin_prefetch(b + 8 * COLUMNS);
        EACH_ROW(STEP)
    }
    if (accumulate) {
        EACH_ROW(ADD)
    }
    EACH_ROW(STORE)
}
