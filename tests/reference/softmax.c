/* SPDX-License-Identifier: Apache-2.0 */
/* y_i = exp(x_i) / sum_j exp(x_j), and its logarithm, with the largest x taken off first, which changes neither.
 *
 * dx_i += sum_j dy_j dy_j/dx_i: for softmax y_i (dy_i - sum_j y_j dy_j), for the logarithm dy_i - exp(y_i) sum_j dy_j.
 */
#include "reference/reference.h"

#include <math.h>

/* log sum_j exp(x_j), elements `step` apart. */
static double log_sum_exp(int64_t n, int64_t step, const double *x)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (!(x[i * step] <= largest)) largest = x[i * step];
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i * step] - largest);
    return largest + log(sum);
}

void reference_log_softmax(int64_t outer, int64_t n, int64_t inner, const double *x, double *y)
{
    for (int64_t row = 0; row < outer * inner; row++) {
        int64_t first = row / inner * n * inner + row % inner;
        double normaliser = log_sum_exp(n, inner, x + first);
        for (int64_t i = 0; i < n; i++)
            y[first + i * inner] = x[first + i * inner] - normaliser;
    }
}

void reference_softmax(int64_t outer, int64_t n, int64_t inner, const double *x, double *y)
{
    reference_log_softmax(outer, n, inner, x, y);
    for (int64_t i = 0; i < outer * n * inner; i++)
        y[i] = exp(y[i]);
}

static void backward(
    int64_t outer, int64_t n, int64_t inner, int32_t logarithm, const double *y, const double *dy, double *dx,
    double *size)
{
    for (int64_t row = 0; row < outer * inner; row++) {
        int64_t first = row / inner * n * inner + row % inner;
        double sum = 0, terms = 0;
        for (int64_t i = first; i < first + n * inner; i += inner) {
            sum += logarithm ? dy[i] : y[i] * dy[i];
            terms += fabs(logarithm ? dy[i] : y[i] * dy[i]);
        }
        for (int64_t i = first; i < first + n * inner; i += inner) {
            double share = logarithm ? exp(y[i]) : y[i];
            size[i] = fabs(dx[i]) + (logarithm ? fabs(dy[i]) : share * fabs(dy[i])) + share * terms;
            dx[i] += logarithm ? dy[i] - share * sum : share * (dy[i] - sum);
        }
    }
}

void reference_softmax_backward(
    int64_t outer, int64_t n, int64_t inner, const double *y, const double *dy, double *dx, double *size)
{
    backward(outer, n, inner, 0, y, dy, dx, size);
}

void reference_log_softmax_backward(
    int64_t outer, int64_t n, int64_t inner, const double *y, const double *dy, double *dx, double *size)
{
    backward(outer, n, inner, 1, y, dy, dx, size);
}
