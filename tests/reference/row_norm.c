/* SPDX-License-Identifier: Apache-2.0 */
/* y = (x - m) r gamma + beta over rows of K channels of S values; m and r are the row's, gamma and beta the channel's.
 *
 * The gradient of one row is written as a matrix: dy_i / dx_j = gamma_i r (delta_ij - 1/n - xhat_i xhat_j / n).
 */
#include "reference/reference.h"

#include <math.h>

static int64_t channel(int64_t period, int64_t k, int64_t s, int64_t i)
{
    return i / (k * s) % period * k + i % (k * s) / s;
}

void reference_row_norm(
    int64_t rows, int64_t period, int64_t k, int64_t s, const double *x, const double *mean, const double *inverse,
    const double *gamma, const double *beta, double *y)
{
    for (int64_t i = 0; i < rows * k * s; i++) {
        int64_t row = i / (k * s), c = channel(period, k, s, i);
        y[i] = (x[i] - mean[row]) * inverse[row] * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
    }
}

void reference_row_norm_backward(
    int64_t rows, int64_t period, int64_t k, int64_t s, const double *x, const double *dy, const double *mean,
    const double *inverse, const double *gamma, double *dx, double *size, double *dgamma, double *dgamma_size,
    double *dbeta, double *dbeta_size)
{
    int64_t n = k * s;
    for (int64_t i = 0; i < rows * n; i++) {
        int64_t row = i / n, c = channel(period, k, s, i);
        double xhat = (x[i] - mean[row]) * inverse[row], g = dy[i] * (gamma ? gamma[c] : 1);
        for (int64_t j = row * n; j < (row + 1) * n; j++) {
            double other = (x[j] - mean[row]) * inverse[row], scaled = g * inverse[row];
            dx[j] += scaled * ((i == j) - 1 / (double)n - xhat * other / (double)n);
            size[j] += fabs(scaled) * ((i == j) + 1 / (double)n + fabs(xhat * other) / (double)n);
        }
        dgamma[c] += dy[i] * xhat;
        dgamma_size[c] += fabs(dy[i] * xhat);
        dbeta[c] += dy[i];
        dbeta_size[c] += fabs(dy[i]);
    }
}
