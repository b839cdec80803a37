/* SPDX-License-Identifier: Apache-2.0 */
/* softmax and log-softmax along the middle axis of [outer, n, inner], and their backwards, which add.
 *
 * y_i = exp(x_i - max x) / sum_j exp(x_j - max x);  dx += y (dy - sum y dy)
 * y_i = x_i - max x - log sum_j exp(x_j - max x);   dx += dy - exp(y) sum dy
 * cross entropy of a row: log sum_j exp(x_j - max x) - (x_label - max x), and p - [j = label].
 * inner = 1: a row is cut into vectors. inner > 1: a vector holds neighbouring columns, each with its own maximum and sum.
 * -inf everywhere gives NaN, as the formula says. Sums are taken in `real` over BLOCK elements, and those in double, so that
 * rows of any length are as exact as short ones.
 */
#include "compute/simd/exp.h"

#include <math.h>

#define BLOCK 512

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static real row_max(int64_t n, const real *x)
{
    vec best = vsplat(-INFINITY);
    for (int64_t i = 0; i < n; i += LANES)
        best = vmax(i + LANES <= n ? vload(x + i) : vload_part(x + i, n - i, -INFINITY), best);
    return vmax_lane(best);
}

/* sum exp(x - shift) of a block; the terms go to y when it is not NULL. */
static real block_exp(int64_t n, const real *x, real shift, real *y)
{
    vec sum = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vec e = vexp(vload(x + i) - shift);
        if (y) vstore(y + i, e);
        sum += e;
    }
    if (i < n) {
        vec e = vexp(vload_part(x + i, n - i, -INFINITY) - shift);
        if (y) vstore_part(y + i, e, n - i);
        sum += e;
    }
    return vsum(sum);
}

static double row_exp(int64_t n, const real *x, real shift, real *y)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i += BLOCK)
        sum += (double)block_exp(least(BLOCK, n - i), x + i, shift, y ? y + i : NULL);
    return sum;
}

static void row_softmax(int64_t n, const real *x, real *y)
{
    real f = (real)(1 / row_exp(n, x, row_max(n, x), y));
    for (int64_t i = 0; i < n; i++)
        y[i] *= f;
}

static void row_log_softmax(int64_t n, const real *x, real *y)
{
    real best = row_max(n, x);
    real log_sum = (real)log(row_exp(n, x, best, NULL));
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - best - log_sum;
}

/* sums[j] = sum_i exp(x[i, j] - best[j]) over the rows of `width` columns. */
static void column_exp(int64_t n, int64_t inner, int64_t width, const real *x, vec best, double *sums)
{
    for (int64_t i = 0; i < n; i += BLOCK) {
        vec sum = {0};
        for (int64_t k = i; k < least(i + BLOCK, n); k++)
            sum += vexp(vload_part(x + k * inner, width, 0) - best);
        for (int64_t j = 0; j < width; j++)
            sums[j] += (double)sum[j];
    }
}

/* `width` <= LANES neighbouring columns, rows `inner` apart. */
static void columns(int64_t n, int64_t inner, int64_t width, int32_t logarithm, const real *x, real *y)
{
    double sums[KDST__VECTOR_BYTES / sizeof(real)] = {0};
    vec best = vsplat(-INFINITY), tail = {0};
    for (int64_t i = 0; i < n; i++)
        best = vmax(vload_part(x + i * inner, width, 0), best);
    column_exp(n, inner, width, x, best, sums);
    for (int64_t j = 0; j < width; j++)
        tail[j] = (real)(logarithm ? log(sums[j]) : 1 / sums[j]);
    for (int64_t i = 0; i < n; i++) {
        vec shifted = vload_part(x + i * inner, width, 0) - best;
        vstore_part(y + i * inner, logarithm ? shifted - tail : vexp(shifted) * tail, width);
    }
}

void KDST__KERNEL(softmax)(int64_t outer, int64_t n, int64_t inner, const real *x, real *y)
{
    for (int64_t o = 0; o < outer; o++, x += n * inner, y += n * inner)
        if (inner == 1)
            row_softmax(n, x, y);
        else
            for (int64_t j = 0; j < inner; j += LANES)
                columns(n, inner, least(LANES, inner - j), 0, x + j, y + j);
}

void KDST__KERNEL(log_softmax)(int64_t outer, int64_t n, int64_t inner, const real *x, real *y)
{
    for (int64_t o = 0; o < outer; o++, x += n * inner, y += n * inner)
        if (inner == 1)
            row_log_softmax(n, x, y);
        else
            for (int64_t j = 0; j < inner; j += LANES)
                columns(n, inner, least(LANES, inner - j), 1, x + j, y + j);
}

double KDST__KERNEL(cross_entropy)(int64_t rows, int64_t n, const real *x, const int32_t *labels, real *g)
{
    double loss = 0;
    for (int64_t r = 0; r < rows; r++, x += n) {
        real best = row_max(n, x);
        double sum = row_exp(n, x, best, g);
        loss += log(sum) - ((double)x[labels[r]] - (double)best);
        if (!g) continue;
        real f = (real)(1 / sum);
        for (int64_t i = 0; i < n; i++)
            g[i] *= f;
        g[labels[r]] -= 1;
        g += n;
    }
    return loss;
}

void KDST__KERNEL(softmax_backward)(int64_t outer, int64_t n, int64_t inner, const real *y, const real *dy, real *dx)
{
    for (int64_t o = 0; o < outer; o++, y += n * inner, dy += n * inner, dx += n * inner)
        for (int64_t j = 0; j < inner; j++) {
            double dot = 0;
            if (inner == 1)
                dot = KDST__KERNEL(dot)(n, y, dy);
            else
                for (int64_t i = 0; i < n; i++)
                    dot += (double)(y[i * inner + j] * dy[i * inner + j]);
            for (int64_t i = 0; i < n; i++)
                dx[i * inner + j] += y[i * inner + j] * (dy[i * inner + j] - (real)dot);
        }
}

/* `width` <= LANES elements of y at a distance of `step`. */
static vec gather(const real *y, int64_t step, int64_t width)
{
    if (step == 1) return vload_part(y, width, 0);
    vec v = {0};
    for (int64_t i = 0; i < width; i++)
        v[i] = y[i * step];
    return v;
}

void KDST__KERNEL(log_softmax_backward)(
    int64_t outer, int64_t n, int64_t inner, const real *y, const real *dy, real *dx)
{
    for (int64_t o = 0; o < outer; o++, y += n * inner, dy += n * inner, dx += n * inner)
        for (int64_t j = 0; j < inner; j++) {
            real sum = (real)KDST__KERNEL(sum)(n, dy + j, inner);
            for (int64_t i = 0; i < n; i += LANES) {
                int64_t width = least(LANES, n - i);
                vec e = vexp(gather(y + i * inner + j, inner, width));
                for (int64_t l = 0; l < width; l++) {
                    int64_t at = (i + l) * inner + j;
                    dx[at] += dy[at] - e[l] * sum;
                }
            }
        }
}

void KDST__KERNEL(exp)(int64_t n, const real *x, real *y)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vstore(y + i, vexp(vload(x + i)));
    if (i < n) vstore_part(y + i, vexp(vload_part(x + i, n - i, 0)), n - i);
}
