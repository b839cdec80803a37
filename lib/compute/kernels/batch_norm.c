/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norm over [N, C, S]: statistics, normalisation and backward of channels [begin, end).
 *
 * Statistics: runs of at most BLOCK values of one channel are read once. With a pivot p near their mean, sum d and sum d^2 of
 * d = x - p are summed in `real`, give mean and squared deviation of the run, and are merged in double (Chan, Golub, LeVeque
 * 1979): a large mean beside a small deviation costs no digits. S = 1 walks rows instead, in double, in two passes.
 */
#include "compute/simd/vector.h"

#include <math.h>

#define BLOCK 1024
#define TILE 64 /* channels at once when S = 1 */

typedef struct moments {
    double count, mean, squares; /* squares: sum of squared deviations from the mean */
} moments;

static void merge(moments *all, double count, double mean, double squares)
{
    double total = all->count + count, delta = mean - all->mean;
    all->mean += delta * (count / total);
    all->squares += squares + delta * delta * (all->count * count / total);
    all->count = total;
}

static double run_sum(int64_t n, const real *x)
{
    vec s0 = {0}, s1 = {0};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        s0 += vload(x + i);
        s1 += vload(x + i + LANES);
    }
    double sum = vsum_double(s0 + s1);
    for (; i < n; i++)
        sum += (double)x[i];
    return sum;
}

static void add_run(moments *all, int64_t n, const real *x)
{
    real pivot = (real)(run_sum(n, x) / (double)n);
    vec s0 = {0}, s1 = {0}, q0 = {0}, q1 = {0};
    int64_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        vec a = vload(x + i) - pivot, b = vload(x + i + LANES) - pivot;
        s0 += a;
        s1 += b;
        q0 += a * a;
        q1 += b * b;
    }
    double sum = vsum_double(s0 + s1), squares = vsum_double(q0 + q1);
    for (; i < n; i++) {
        double d = (double)(x[i] - pivot);
        sum += d;
        squares += d * d;
    }
    if (!isfinite(squares)) { /* of finite values they are too large for `real` alone */
        sum = squares = 0;
        for (i = 0; i < n; i++) {
            double d = (double)x[i] - (double)pivot;
            sum += d;
            squares += d * d;
        }
    }
    double rest = sum / (double)n;
    merge(all, (double)n, (double)pivot + rest, squares - sum * rest);
}

static void statistics_planes(int64_t n, int64_t c, int64_t s, int64_t channel, const real *x, double *mean, double *var)
{
    moments all = {0, 0, 0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t at = 0; at < s; at += BLOCK)
            add_run(&all, s - at < BLOCK ? s - at : BLOCK, x + (i * c + channel) * s + at);
    mean[channel] = all.mean;
    var[channel] = all.count > 0 ? (all.squares > 0 || all.squares != all.squares ? all.squares : 0) / all.count : 0;
}

static void statistics_rows(int64_t n, int64_t c, int64_t channel, int64_t count, const real *x, double *mean, double *var)
{
    double sum[TILE] = {0}, rest[TILE] = {0}, squares[TILE] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < count; j++)
            sum[j] += (double)x[i * c + channel + j];
    for (int64_t j = 0; j < count; j++)
        sum[j] /= (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < count; j++) {
            double d = (double)x[i * c + channel + j] - sum[j];
            rest[j] += d;
            squares[j] += d * d;
        }
    for (int64_t j = 0; j < count; j++) {
        double shift = rest[j] / (double)n;
        mean[channel + j] = sum[j] + shift;
        var[channel + j] = (squares[j] - rest[j] * shift) / (double)n;
    }
}

void KDST__KERNEL(batch_norm_statistics)(
    int64_t n, int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, double *mean, double *var)
{
    if (s != 1)
        for (int64_t channel = begin; channel < end; channel++)
            statistics_planes(n, c, s, channel, x, mean, var);
    else
        for (int64_t channel = begin; channel < end; channel += TILE)
            statistics_rows(n, c, channel, end - channel < TILE ? end - channel : TILE, x, mean, var);
}

/* y = (x - m) factor + shift: subtracting first keeps the digits. m is the mean as `real` has it; what rounding it lost is made
 * up for in the shift, or the result would be off by half a unit of x. */
void KDST__KERNEL(batch_norm_normalise)(
    int64_t n, int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, const double *mean,
    const double *inverse, const real *gamma, const real *beta, real *y)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t channel = begin; channel < end; channel++) {
            real m = (real)mean[channel], factor = (real)(inverse[channel] * (gamma ? (double)gamma[channel] : 1.0));
            real shift = (real)(((double)m - mean[channel]) * (double)factor + (beta ? (double)beta[channel] : 0));
            const real *from = x + (i * c + channel) * s;
            real *to = y + (i * c + channel) * s;
            for (int64_t j = 0; j < s; j++)
                to[j] = (from[j] - m) * factor + shift;
        }
}

/* sum dy and sum dy (x - mean) of one run, added to both. */
static void add_products(int64_t n, const real *x, const real *dy, double exact_mean, double *sum, double *product)
{
    real mean = (real)exact_mean;
    double before = *sum;
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = at + BLOCK < n ? at + BLOCK : n, i = at;
        vec s0 = {0}, s1 = {0}, p0 = {0}, p1 = {0};
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            vec a = vload(dy + i), b = vload(dy + i + LANES);
            s0 += a;
            s1 += b;
            p0 += a * (vload(x + i) - mean);
            p1 += b * (vload(x + i + LANES) - mean);
        }
        *sum += vsum_double(s0 + s1);
        *product += vsum_double(p0 + p1);
        for (; i < end; i++) {
            *sum += (double)dy[i];
            *product += (double)(dy[i] * (x[i] - mean));
        }
    }
    *product += ((double)mean - exact_mean) * (*sum - before); /* what rounding the mean lost */
}

void KDST__KERNEL(batch_norm_backward)(
    int64_t n, int64_t c, int64_t s, int64_t begin, int64_t end, int32_t training, const real *x, const real *dy,
    const double *mean, const double *inverse, const real *gamma, real *dx, real *dgamma, real *dbeta)
{
    for (int64_t first = begin; first < end; first += TILE) {
        int64_t count = end - first < TILE ? end - first : TILE;
        double sum[TILE] = {0}, product[TILE] = {0};
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < count; j++) {
                int64_t at = (i * c + first + j) * s;
                add_products(s, x + at, dy + at, mean[first + j], &sum[j], &product[j]);
            }
        for (int64_t j = 0; j < count; j++) {
            if (dgamma) dgamma[first + j] += (real)(product[j] * inverse[first + j]);
            if (dbeta) dbeta[first + j] += (real)sum[j];
        }
        if (!dx) continue;
        double size = (double)n * (double)s;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < count; j++) {
                int64_t channel = first + j, at = (i * c + channel) * s;
                double r = inverse[channel], factor = r * (gamma ? (double)gamma[channel] : 1.0);
                real f = (real)factor, m = (real)mean[channel], narrow = (real)r;
                double steep = training ? factor * r * product[j] / size : 0;
                real slope = (real)steep;
                real level = training ? (real)(factor * sum[j] / size + steep * r * ((double)m - mean[channel])) : 0;
                for (int64_t k = 0; k < s; k++)
                    dx[at + k] += f * dy[at + k] - slope * ((x[at + k] - m) * narrow) - level;
            }
    }
}
