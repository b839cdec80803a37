/* SPDX-License-Identifier: Apache-2.0 */
/* x [N, C, S]; M = N S values a channel.
 *
 * mean = (1/M) sum x, var = (1/M) sum (x - mean)^2, in two passes; y = gamma (x - mean) inverse + beta.
 * Training: dx += gamma inverse (dy - (1/M) sum dy - xhat (1/M) sum dy xhat), xhat = (x - mean) inverse; else dx += gamma
 * inverse dy. dgamma += sum dy xhat, dbeta += sum dy.
 */
#include "reference/reference.h"

static double channel_mean(int64_t n, int64_t c, int64_t s, int64_t channel, const double *x, const double *centre)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < s; j++) {
            double value = x[(i * c + channel) * s + j];
            sum += centre ? (value - *centre) * (value - *centre) : value;
        }
    return n * s > 0 ? sum / ((double)n * (double)s) : 0;
}

void reference_batch_norm_statistics(int64_t n, int64_t c, int64_t s, const double *x, double *mean, double *var)
{
    for (int64_t channel = 0; channel < c; channel++) {
        mean[channel] = channel_mean(n, c, s, channel, x, NULL);
        var[channel] = channel_mean(n, c, s, channel, x, &mean[channel]);
    }
}

void reference_batch_norm_normalise(
    int64_t n, int64_t c, int64_t s, const double *x, const double *mean, const double *inverse, const double *gamma,
    const double *beta, double *y)
{
    for (int64_t i = 0; i < n * c * s; i++) {
        int64_t channel = i / s % c;
        y[i] = (gamma ? gamma[channel] : 1) * ((x[i] - mean[channel]) * inverse[channel]) + (beta ? beta[channel] : 0);
    }
}

void reference_batch_norm_backward(
    int64_t n, int64_t c, int64_t s, int32_t training, const double *x, const double *dy, const double *mean,
    const double *inverse, const double *gamma, double *dx, double *dgamma, double *dbeta)
{
    double size = (double)n * (double)s;
    for (int64_t channel = 0; channel < c; channel++) {
        double sum = 0, product = 0, factor = (gamma ? gamma[channel] : 1) * inverse[channel];
        for (int64_t i = channel * s; i < n * c * s; i += (i + 1) % s ? 1 : (c - 1) * s + 1) {
            sum += dy[i];
            product += dy[i] * (x[i] - mean[channel]) * inverse[channel];
        }
        for (int64_t i = channel * s; dx && i < n * c * s; i += (i + 1) % s ? 1 : (c - 1) * s + 1) {
            double xhat = (x[i] - mean[channel]) * inverse[channel];
            dx[i] += training ? factor * (dy[i] - sum / size - xhat * product / size) : factor * dy[i];
        }
        if (dgamma) dgamma[channel] += product;
        if (dbeta) dbeta[channel] += sum;
    }
}
