/* SPDX-License-Identifier: Apache-2.0 */
/* Products with a single row: y[j] = sum_p a[p] B[p, j], without packing.
 *
 * dot: the columns of B are contiguous, column j begins at b + j ldb. axpy: the rows are, row p begins at b + p ldb.
 */
#include "compute/simd/vector.h"

void KDST__KERNEL(gemv_dot)(int64_t n, int64_t k, const real *b, int64_t ldb, const real *a, real *y)
{
    int64_t j = 0;
    for (; j + 4 <= n; j += 4, b += 4 * ldb) {
        vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        int64_t p = 0;
        for (; p + LANES <= k; p += LANES) {
            vec x = vload(a + p);
            s0 += x * vload(b + p);
            s1 += x * vload(b + ldb + p);
            s2 += x * vload(b + 2 * ldb + p);
            s3 += x * vload(b + 3 * ldb + p);
        }
        y[j] = vsum(s0);
        y[j + 1] = vsum(s1);
        y[j + 2] = vsum(s2);
        y[j + 3] = vsum(s3);
        for (; p < k; p++)
            for (int64_t i = 0; i < 4; i++)
                y[j + i] += a[p] * b[i * ldb + p];
    }
    for (; j < n; j++, b += ldb) {
        vec s = {0};
        int64_t p = 0;
        for (; p + LANES <= k; p += LANES)
            s += vload(a + p) * vload(b + p);
        y[j] = vsum(s);
        for (; p < k; p++)
            y[j] += a[p] * b[p];
    }
}

void KDST__KERNEL(gemv_axpy)(int64_t n, int64_t k, const real *b, int64_t ldb, const real *a, real *y)
{
    int64_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) {
        vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        const real *row = b + j;
        for (int64_t p = 0; p < k; p++, row += ldb) {
            s0 += a[p] * vload(row);
            s1 += a[p] * vload(row + LANES);
            s2 += a[p] * vload(row + 2 * LANES);
            s3 += a[p] * vload(row + 3 * LANES);
        }
        vstore(y + j, s0);
        vstore(y + j + LANES, s1);
        vstore(y + j + 2 * LANES, s2);
        vstore(y + j + 3 * LANES, s3);
    }
    for (; j < n; j++) {
        real sum = 0;
        for (int64_t p = 0; p < k; p++)
            sum += a[p] * b[p * ldb + j];
        y[j] = sum;
    }
}
