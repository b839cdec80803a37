/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors along the middle axis of [outer, n, inner], columns [begin, end) of (outer, inner), divided by their length.
 *
 * y = x / m, m = max(|x|, eps); dx += (dy - y <y, dy>) / |x| where |x| >= eps. Below eps m is constant, and dx += dy / eps
 * or, with `null_gradient` 0, nothing. Lengths and products are taken in double; lengths [outer, inner].
 */
#include "compute/simd/vector.h"

#include <math.h>
#include <stdbool.h>

#define BLOCK 128

/* sums[c] of x[k, c] y[k, c] over k for `columns` neighbours. */
static void dots(int64_t n, int64_t inner, int64_t columns, const real *x, const real *y, double *sums)
{
    for (int64_t c = 0; c < columns; c++)
        sums[c] = 0;
    for (int64_t k = 0; k < n; k++)
        for (int64_t c = 0; c < columns; c++)
            sums[c] += (double)x[k * inner + c] * y[k * inner + c];
}

/* Of one vector [n] without gaps: four sums, so that the additions need not wait for each other. */
static double dot(int64_t n, const real *x, const real *y)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t k = 0;
    for (; k + 4 <= n; k += 4) {
        s0 += (double)x[k] * y[k];
        s1 += (double)x[k + 1] * y[k + 1];
        s2 += (double)x[k + 2] * y[k + 2];
        s3 += (double)x[k + 3] * y[k + 3];
    }
    for (; k < n; k++)
        s0 += (double)x[k] * y[k];
    return (s0 + s1) + (s2 + s3);
}

/* Neighbours from column i on that lie in one row of inner, at most a block. */
static int64_t neighbours(int64_t i, int64_t end, int64_t inner)
{
    int64_t count = inner - i % inner;
    if (count > end - i) count = end - i;
    return count < BLOCK ? count : BLOCK;
}

void KDST__KERNEL(normalize)(
    int64_t n, int64_t inner, int64_t begin, int64_t end, double eps, const real *x, real *y, double *lengths)
{
    for (int64_t i = begin; i < end;) {
        int64_t columns = neighbours(i, end, inner), at = i / inner * n * inner + i % inner;
        double *length = lengths + i;
        if (inner == 1)
            length[0] = dot(n, x + at, x + at);
        else
            dots(n, inner, columns, x + at, x + at, length);
        for (int64_t c = 0; c < columns; c++)
            length[c] = sqrt(length[c]);
        for (int64_t k = 0; k < n; k++)
            for (int64_t c = 0; c < columns; c++) {
                double m = length[c] < eps ? eps : length[c];
                y[at + k * inner + c] = (real)(x[at + k * inner + c] / m);
            }
        i += columns;
    }
}

void KDST__KERNEL(normalize_backward)(
    int64_t n, int64_t inner, int64_t begin, int64_t end, double eps, int32_t null_gradient, const real *y,
    const real *dy, const double *lengths, real *dx)
{
    double products[BLOCK], factors[BLOCK];
    for (int64_t i = begin; i < end;) {
        int64_t columns = neighbours(i, end, inner), at = i / inner * n * inner + i % inner;
        if (inner == 1)
            products[0] = dot(n, y + at, dy + at);
        else
            dots(n, inner, columns, y + at, dy + at, products);
        for (int64_t c = 0; c < columns; c++) {
            bool below = lengths[i + c] < eps;
            factors[c] = !below ? 1 / lengths[i + c] : null_gradient ? 1 / eps : 0;
            if (below) products[c] = 0;
        }
        for (int64_t k = 0; k < n; k++)
            for (int64_t c = 0; c < columns; c++) {
                int64_t e = at + k * inner + c;
                dx[e] = (real)(dx[e] + (dy[e] - y[e] * products[c]) * factors[c]);
            }
        i += columns;
    }
}
