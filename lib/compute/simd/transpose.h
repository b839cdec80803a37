/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that become neighbouring columns of a panel: transpositions in registers, of four rows or of as many as a vector has lanes. */
#ifndef KDST_COMPUTE_SIMD_TRANSPOSE_H
#define KDST_COMPUTE_SIMD_TRANSPOSE_H

#include "compute/simd/square.h"

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

/* The same, added to `out` with `accumulate`. */
static inline void transpose_four_add(
    const real *a, const real *b, const real *c, const real *d, int64_t k, int64_t width, int32_t accumulate, real *out)
{
    if (!accumulate) {
        transpose_four(a, b, c, d, k, width, out);
        return;
    }
    for (int64_t p = 0; p < k; p++, out += width) {
        out[0] += a[p];
        out[1] += b[p];
        out[2] += c[p];
        out[3] += d[p];
    }
}

/* out[p width + i] = rows[i stride + p], i < LANES, p < LANES */
static inline void transpose_square(const real *rows, int64_t stride, int64_t width, real *out)
{
    vec square[KDST__SQUARE];
#pragma GCC unroll 16
    for (int64_t i = 0; i < LANES; i++)
        square[i] = vload(rows + i * stride);
    square_transpose(square);
#pragma GCC unroll 16
    for (int64_t i = 0; i < LANES; i++)
        vstore(out + i * width, square[i]);
}

#endif
