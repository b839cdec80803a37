/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions of one column, elements `step` apart, and their gradients, from the formulas. */
#include "reference/reference.h"

#include <math.h>

static double mean_of(int64_t n, int64_t step, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i * step];
    return sum / (double)n;
}

/* sum (x - shift)^2 */
static double squares(int64_t n, int64_t step, const double *x, double shift)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i * step] - shift) * (x[i * step] - shift);
    return sum;
}

static double extreme(int64_t n, int64_t step, const double *x, int largest)
{
    double best = x[0];
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i * step])) return NAN;
        if (largest ? x[i * step] > best : x[i * step] < best) best = x[i * step];
    }
    return best;
}

double reference_fold(int32_t op, double p, int64_t n, int64_t step, const double *x)
{
    double largest, sum = 0;
    switch (op) {
    case KDST__FOLD_MAX:
    case KDST__FOLD_MIN:
        return extreme(n, step, x, op == KDST__FOLD_MAX);
    case KDST__FOLD_VARIANCE:
        return squares(n, step, x, mean_of(n, step, x)) / ((double)n - p);
    case KDST__FOLD_STD:
        return sqrt(squares(n, step, x, mean_of(n, step, x)) / ((double)n - p));
    case KDST__FOLD_LOGSUMEXP:
        largest = n > 0 ? extreme(n, step, x, 1) : -INFINITY;
        if (isinf(largest)) return largest;
        for (int64_t i = 0; i < n; i++)
            sum += exp(x[i * step] - largest);
        return largest + log(sum);
    default:
        return sqrt(squares(n, step, x, 0));
    }
}

void reference_fold_backward(int32_t op, double p, int64_t n, int64_t step, const double *x, double dy, double *dx)
{
    const double y = reference_fold(op, p, n, step, x), mean = mean_of(n, step, x);
    double equal = 0;
    for (int64_t i = 0; i < n; i++)
        equal += x[i * step] == y;
    for (int64_t i = 0; i < n; i++) {
        const double v = x[i * step];
        double slope;
        if (op == KDST__FOLD_MAX || op == KDST__FOLD_MIN)
            slope = equal == 0 ? NAN : v == y ? 1 / equal : 0;
        else if (op == KDST__FOLD_VARIANCE)
            slope = 2 * (v - mean) / ((double)n - p);
        else if (op == KDST__FOLD_LOGSUMEXP)
            slope = exp(v - y);
        else
            slope = y == 0 ? 0 : op == KDST__FOLD_STD ? (v - mean) / (y * ((double)n - p)) : v / y;
        dx[i * step] += dy * slope;
    }
}
