/* SPDX-License-Identifier: Apache-2.0 */
/* Four rows that become four neighbouring columns of a panel: 4 x 4 transpositions in registers. */
#ifndef KDST_COMPUTE_SIMD_TRANSPOSE_H
#define KDST_COMPUTE_SIMD_TRANSPOSE_H

#include "compute/simd/vector.h"

typedef real quad __attribute__((vector_size(4 * sizeof(real)), may_alias, aligned(sizeof(real))));

/* out[p width + i] = row i [p], i < 4, p < k */
static inline void
transpose_four(const real *a, const real *b, const real *c, const real *d, int64_t k, int64_t width, real *out)
{
    int64_t p = 0;
    for (; p + 4 <= k; p += 4, out += 4 * width) {
        quad ra = *(const quad *)(a + p), rb = *(const quad *)(b + p);
        quad rc = *(const quad *)(c + p), rd = *(const quad *)(d + p);
        quad ab = __builtin_shufflevector(ra, rb, 0, 4, 1, 5), cd = __builtin_shufflevector(rc, rd, 0, 4, 1, 5);
        *(quad *)out = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *(quad *)(out + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        ab = __builtin_shufflevector(ra, rb, 2, 6, 3, 7), cd = __builtin_shufflevector(rc, rd, 2, 6, 3, 7);
        *(quad *)(out + 2 * width) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *(quad *)(out + 3 * width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    }
    for (; p < k; p++, out += width) {
        out[0] = a[p];
        out[1] = b[p];
        out[2] = c[p];
        out[3] = d[p];
    }
}

#endif
