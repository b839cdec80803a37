/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions of the middle axis of [outer, n, inner] other than sums, for columns [begin, end) of one [n, inner]; y [inner].
 *
 * max, min     y = largest, smallest x, NaN when one is;   dx += dy / m where x = y, m being how many are
 * variance     y = sum (x - mean x)^2 / (n - p);           dx += dy 2 (x - mean x) / (n - p)
 * std          y = sqrt variance;                          dx += dy (x - mean x) / (y (n - p)), 0 where y is
 * logsumexp    y = c + ln sum e^(x - c), c = max x;        dx += dy e^(x - c) / sum e^(x - c), which needs no digits of y
 * norm         y = sqrt sum x^2;                           dx += dy x / y, 0 where y is
 *
 * Sums are taken in double. Columns go side by side, BLOCK at a time; a single column that is contiguous is folded into
 * LINES columns first, so that it is as fast.
 */
#include "compute/simd/exp.h"

#include <math.h>

#define BLOCK 64
#define LINES 16
#define RUN 512 /* exponentials at once */

#define INLINE static inline __attribute__((always_inline))

enum { LARGEST, SMALLEST, SUM, SQUARES };

INLINE double combine(int32_t what, double a, double v)
{
    if (what == LARGEST) return a > v || a != a ? a : v;
    if (what == SMALLEST) return a < v || a != a ? a : v;
    return a + v;
}

/* acc[j] takes in x[i step + j], or its square, less shift[j]. */
INLINE void take(int32_t what, int64_t n, int64_t step, int64_t width, const real *x, const double *shift, double *acc)
{
    for (int64_t i = 0; i < n; i++, x += step)
        for (int64_t j = 0; j < width; j++) {
            double v = what == SUM || what == SQUARES ? (double)x[j] - shift[j] : (double)x[j];
            acc[j] = combine(what, acc[j], what == SQUARES ? v * v : v);
        }
}

INLINE void
gather(int32_t what, int64_t n, int64_t step, int64_t width, const real *x, const double *shift, double *acc)
{
    const double first = what == LARGEST ? -INFINITY : what == SMALLEST ? INFINITY : 0;
    double lines[LINES], shifts[LINES];
    for (int64_t j = 0; j < width; j++)
        acc[j] = first;
    if (step != 1 || width != 1) {
        take(what, n, step, width, x, shift, acc);
        return;
    }
    for (int64_t j = 0; j < LINES; j++) {
        lines[j] = first;
        shifts[j] = shift[0];
    }
    take(what, n / LINES, LINES, LINES, x, shifts, lines);
    for (int64_t j = 0; j < LINES; j++)
        acc[0] = combine(what, acc[0], lines[j]);
    take(what, n % LINES, 1, 1, x + n / LINES * LINES, shift, acc);
}

static void means(int64_t n, int64_t step, int64_t width, const real *x, double *mean)
{
    const double zero[BLOCK] = {0};
    gather(SUM, n, step, width, x, zero, mean);
    for (int64_t j = 0; j < width; j++)
        mean[j] /= (double)n;
}

/* sums[j] = sum_i e^(x[i step + j] - shift[j]) */
static void exponentials(int64_t n, int64_t step, int64_t width, const real *x, const double *shift, double *sums)
{
    real e[RUN];
    const int one = step == 1 && width == 1;
    for (int64_t j = 0; j < width; j++)
        sums[j] = 0;
    for (int64_t i = 0; i < n;) {
        int64_t count = !one ? width : n - i < RUN ? n - i : RUN;
        for (int64_t j = 0; j < count; j++)
            e[j] = x[j] - (real)shift[one ? 0 : j];
        KDST__KERNEL(exp)(count, e, e);
        if (one)
            sums[0] += KDST__KERNEL(sum)(count, e, 1);
        else
            for (int64_t j = 0; j < width; j++)
                sums[j] += (double)e[j];
        i += one ? count : 1;
        x += one ? count : step;
    }
}

/* c and sum e^(x - c) of each column. */
static void sum_exp(int64_t n, int64_t step, int64_t width, const real *x, double *shift, double *sums)
{
    const double zero[BLOCK] = {0};
    gather(LARGEST, n, step, width, x, zero, shift);
    for (int64_t j = 0; j < width; j++)
        if (isinf(shift[j])) shift[j] = 0;
    exponentials(n, step, width, x, shift, sums);
}

static void log_sum_exp(int64_t n, int64_t step, int64_t width, const real *x, double *acc)
{
    double shift[BLOCK];
    sum_exp(n, step, width, x, shift, acc);
    for (int64_t j = 0; j < width; j++)
        acc[j] = shift[j] + log(acc[j]);
}

static void fold(int32_t op, double p, int64_t n, int64_t step, int64_t width, const real *x, double *acc)
{
    double shift[BLOCK] = {0};
    switch (op) {
    case KDST__FOLD_MAX:
        gather(LARGEST, n, step, width, x, shift, acc);
        break;
    case KDST__FOLD_MIN:
        gather(SMALLEST, n, step, width, x, shift, acc);
        break;
    case KDST__FOLD_VARIANCE:
    case KDST__FOLD_STD:
        means(n, step, width, x, shift);
        gather(SQUARES, n, step, width, x, shift, acc);
        for (int64_t j = 0; j < width; j++)
            acc[j] = op == KDST__FOLD_STD ? sqrt(acc[j] / ((double)n - p)) : acc[j] / ((double)n - p);
        break;
    case KDST__FOLD_LOGSUMEXP:
        log_sum_exp(n, step, width, x, acc);
        break;
    default: /* NORM */
        gather(SQUARES, n, step, width, x, shift, acc);
        for (int64_t j = 0; j < width; j++)
            acc[j] = sqrt(acc[j]);
    }
}

void KDST__KERNEL(fold)(
    int32_t op, double p, int64_t n, int64_t inner, int64_t begin, int64_t end, const real *x, real *y)
{
    double acc[BLOCK];
    for (int64_t j = begin; j < end; j += BLOCK) {
        int64_t width = end - j < BLOCK ? end - j : BLOCK;
        fold(op, p, n, inner, width, x + j, acc);
        for (int64_t k = 0; k < width; k++)
            y[j + k] = (real)acc[k];
    }
}

/* ---- backward ---- */

/* A line without an element equal to its result holds NaN; so does its gradient then, as in PyTorch. */
static void share_out(int64_t n, int64_t step, int64_t width, const real *x, const real *y, const real *dy, real *dx)
{
    double count[BLOCK] = {0};
    real share[BLOCK], rest[BLOCK];
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            count[j] += x[i * step + j] == y[j];
    for (int64_t j = 0; j < width; j++) {
        share[j] = (real)((double)dy[j] / count[j]);
        rest[j] = count[j] > 0 ? 0 : (real)NAN;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            dx[i * step + j] += x[i * step + j] == y[j] ? share[j] : rest[j];
}

static void
add_linear(int64_t n, int64_t step, int64_t width, const real *x, const double *shift, const double *factor, real *dx)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++)
            dx[i * step + j] += (real)(((double)x[i * step + j] - shift[j]) * factor[j]);
}

static void add_exponentials(int64_t n, int64_t step, int64_t width, const real *x, const real *dy, real *dx)
{
    double shift[BLOCK], sums[BLOCK];
    real e[RUN], factor[BLOCK];
    const int one = step == 1 && width == 1;
    sum_exp(n, step, width, x, shift, sums);
    for (int64_t j = 0; j < width; j++)
        factor[j] = (real)((double)dy[j] / sums[j]);
    for (int64_t i = 0; i < n;) {
        int64_t count = !one ? width : n - i < RUN ? n - i : RUN;
        for (int64_t j = 0; j < count; j++)
            e[j] = x[j] - (real)shift[one ? 0 : j];
        KDST__KERNEL(exp)(count, e, e);
        for (int64_t j = 0; j < count; j++)
            dx[j] += factor[one ? 0 : j] * e[j];
        i += one ? count : 1;
        x += one ? count : step;
        dx += one ? count : step;
    }
}

static void unfold(
    int32_t op, double p, int64_t n, int64_t step, int64_t width, const real *x, const real *y, const real *dy,
    real *dx)
{
    double shift[BLOCK] = {0}, factor[BLOCK];
    if (op == KDST__FOLD_MAX || op == KDST__FOLD_MIN) {
        share_out(n, step, width, x, y, dy, dx);
        return;
    }
    if (op == KDST__FOLD_LOGSUMEXP) {
        add_exponentials(n, step, width, x, dy, dx);
        return;
    }
    if (op != KDST__FOLD_NORM) means(n, step, width, x, shift);
    for (int64_t j = 0; j < width; j++) {
        double g = (double)dy[j], scale = op == KDST__FOLD_NORM ? 1 : (double)n - p;
        factor[j] = op == KDST__FOLD_VARIANCE ? 2 * g / scale : y[j] == 0 ? 0 : g / ((double)y[j] * scale);
    }
    add_linear(n, step, width, x, shift, factor, dx);
}

void KDST__KERNEL(fold_backward)(
    int32_t op, double p, int64_t n, int64_t inner, int64_t begin, int64_t end, const real *x, const real *y,
    const real *dy, real *dx)
{
    for (int64_t j = begin; j < end; j += BLOCK) {
        int64_t width = end - j < BLOCK ? end - j : BLOCK;
        unfold(op, p, n, inner, width, x + j, y + j, dy + j, dx + j);
    }
}
