/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and dot products.
 *
 * Blocks of BLOCK elements are summed in `real`, in four vector accumulators, the blocks in double: a float sum of millions of
 * elements keeps an error of a few units in the last place of sum |x|. The order depends on n alone.
 */
#include "compute/simd/vector.h"

#define BLOCK 512

static double sum_block(int64_t n, const real *x)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 += vload(x + i);
        s1 += vload(x + i + LANES);
        s2 += vload(x + i + 2 * LANES);
        s3 += vload(x + i + 3 * LANES);
    }
    for (; i + LANES <= n; i += LANES)
        s0 += vload(x + i);
    if (i < n) s1 += vload_part(x + i, n - i, 0);
    return vsum_double((s0 + s1) + (s2 + s3));
}

double KDST__KERNEL(sum)(int64_t n, const real *x, int64_t sx)
{
    double total = 0;
    if (sx == 1)
        for (int64_t i = 0; i < n; i += BLOCK)
            total += sum_block(n - i < BLOCK ? n - i : BLOCK, x + i);
    else
        for (int64_t i = 0; i < n; i++)
            total += (double)x[i * sx];
    return total;
}

static double dot_block(int64_t n, const real *x, const real *y)
{
    vec s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        s0 += vload(x + i) * vload(y + i);
        s1 += vload(x + i + LANES) * vload(y + i + LANES);
        s2 += vload(x + i + 2 * LANES) * vload(y + i + 2 * LANES);
        s3 += vload(x + i + 3 * LANES) * vload(y + i + 3 * LANES);
    }
    for (; i + LANES <= n; i += LANES)
        s0 += vload(x + i) * vload(y + i);
    if (i < n) s1 += vload_part(x + i, n - i, 0) * vload_part(y + i, n - i, 0);
    return vsum_double((s0 + s1) + (s2 + s3));
}

double KDST__KERNEL(dot)(int64_t n, const real *x, const real *y)
{
    double total = 0;
    for (int64_t i = 0; i < n; i += BLOCK)
        total += dot_block(n - i < BLOCK ? n - i : BLOCK, x + i, y + i);
    return total;
}

void KDST__KERNEL(add_rows)(int64_t rows, int64_t n, const real *x, int64_t stride, double *sums)
{
    for (int64_t r = 0; r < rows; r++, x += stride)
        for (int64_t i = 0; i < n; i++)
            sums[i] += (double)x[i];
}

/* x - x is 0 for finite x and NaN otherwise; sums of them are 0 or NaN. */
int32_t KDST__KERNEL(all_finite)(int64_t n, const real *x)
{
    vec s0 = {0}, s1 = {0};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        vec a = vload(x + i), b = vload(x + i + LANES);
        s0 += a - a;
        s1 += b - b;
    }
    real sum = vsum(s0 + s1);
    for (; i < n; i++)
        sum += x[i] - x[i];
    return sum == 0;
}
