/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation of rows: y = xhat gamma + beta, xhat = (x - mean_r) inverse_r, for layer norm and group norm.
 *
 * Rows r of x [R, K S] have K channels of S values; channel k of row r has factor gamma[(r mod P) K + k]. Layer norm: P = 1, S = 1.
 * Group norm: P groups of K channels of S pixels. Backward, with g = dy gamma and n = K S: dx += inverse (g - mean(g) - xhat mean(g xhat)),
 * dgamma += sum dy xhat, dbeta += sum dy. What rounding the mean to `real` loses is made up for, as in batch_norm.c.
 */
#include "compute/simd/vector.h"

#define BLOCK 1024
#define TILE 64 /* channels at once when S = 1 */

/* S = 1: every element has a factor of its own. */
static void
normalise_elements(int64_t n, real m, real r, real shift, const real *x, const real *gamma, const real *beta, real *y)
{
    for (int64_t i = 0; i < n; i++) {
        real value = (x[i] - m) * r + shift;
        if (gamma) value *= gamma[i];
        y[i] = beta ? value + beta[i] : value;
    }
}

void KDST__KERNEL(row_norm)(
    int64_t period, int64_t k, int64_t s, int64_t begin, int64_t end, const real *x, const double *mean,
    const double *inverse, const real *gamma, const real *beta, real *y)
{
    for (int64_t row = begin; row < end; row++) {
        const int64_t first = row % period * k;
        const real m = (real)mean[row], r = (real)inverse[row];
        const double rest = ((double)m - mean[row]) * inverse[row];
        const real *from = x + row * k * s, *scale = gamma ? gamma + first : NULL, *level = beta ? beta + first : NULL;
        real *to = y + row * k * s;
        if (s == 1) {
            normalise_elements(k, m, r, (real)rest, from, scale, level, to);
            continue;
        }
        for (int64_t c = 0; c < k; c++, from += s, to += s) {
            const double factor = scale ? (double)scale[c] : 1;
            const real f = (real)(inverse[row] * factor),
                       shift = (real)(rest * factor + (level ? (double)level[c] : 0));
            for (int64_t i = 0; i < s; i++)
                to[i] = (from[i] - m) * f + shift;
        }
    }
}

typedef struct sums {
    double g, product; /* sum g, sum g (x - mean) */
} sums;

/* Of n elements with factors gamma[i], or 1 without. */
static void add_run(int64_t n, const real *x, const real *dy, const real *gamma, real mean, sums *all)
{
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t end = at + BLOCK < n ? at + BLOCK : n, i = at;
        vec s0 = {0}, s1 = {0}, p0 = {0}, p1 = {0};
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            vec a = vload(dy + i), b = vload(dy + i + LANES);
            if (gamma) a *= vload(gamma + i), b *= vload(gamma + i + LANES);
            s0 += a;
            s1 += b;
            p0 += a * (vload(x + i) - mean);
            p1 += b * (vload(x + i + LANES) - mean);
        }
        all->g += vsum_double(s0 + s1);
        all->product += vsum_double(p0 + p1);
        for (; i < end; i++) {
            real g = gamma ? dy[i] * gamma[i] : dy[i];
            all->g += (double)g;
            all->product += (double)(g * (x[i] - mean));
        }
    }
}

static sums row_sums(int64_t k, int64_t s, const real *x, const real *dy, const real *gamma, double exact_mean)
{
    const real mean = (real)exact_mean;
    sums all = {0, 0};
    if (s == 1)
        add_run(k, x, dy, gamma, mean, &all);
    else
        for (int64_t c = 0; c < k; c++) {
            sums part = {0, 0};
            add_run(s, x + c * s, dy + c * s, NULL, mean, &part);
            all.g += part.g * (gamma ? (double)gamma[c] : 1);
            all.product += part.product * (gamma ? (double)gamma[c] : 1);
        }
    all.product += ((double)mean - exact_mean) * all.g; /* what rounding the mean lost */
    return all;
}

void KDST__KERNEL(row_norm_backward)(
    int64_t period, int64_t k, int64_t s, int64_t begin, int64_t end, const real *x, const real *dy, const double *mean,
    const double *inverse, const real *gamma, real *dx)
{
    const double n = (double)k * (double)s;
    for (int64_t row = begin; row < end; row++) {
        const real *scale = gamma ? gamma + row % period * k : NULL, m = (real)mean[row];
        const int64_t at = row * k * s;
        const sums all = row_sums(k, s, x + at, dy + at, scale, mean[row]);
        const double r = inverse[row], steep = r * r * all.product / n;
        const real slope = (real)steep, narrow = (real)r;
        const real level = (real)(r * all.g / n + steep * r * ((double)m - mean[row]));
        for (int64_t c = 0; c < k; c += s == 1 ? k : 1) {
            const real f = (real)(r * (scale && s > 1 ? (double)scale[c] : 1));
            const int64_t first = at + c * s, count = s == 1 ? k : s;
            for (int64_t i = 0; i < count; i++) {
                real g = s == 1 && scale ? dy[first + i] * scale[i] : dy[first + i];
                dx[first + i] += f * g - slope * ((x[first + i] - m) * narrow) - level;
            }
        }
    }
}

/* Layer norm: channels first … of all rows, which have the same parameters. */
static void add_columns(
    int64_t rows, int64_t k, int64_t first, int64_t count, const real *x, const real *dy, const double *mean,
    const double *inverse, double *sum, double *product)
{
    for (int64_t row = 0; row < rows; row++) {
        const real *from = x + row * k + first, *g = dy + row * k + first;
        for (int64_t j = 0; j < count; j++) {
            sum[j] += (double)g[j];
            product[j] += (double)g[j] * (((double)from[j] - mean[row]) * inverse[row]);
        }
    }
}

/* Channel number j of all rows that have it. */
static sums channel_sums(
    int64_t rows, int64_t period, int64_t k, int64_t s, int64_t j, const real *x, const real *dy, const double *mean,
    const double *inverse)
{
    sums all = {0, 0};
    for (int64_t row = j / k; row < rows; row += period) {
        const int64_t at = (row * k + j % k) * s;
        sums part = {0, 0};
        add_run(s, x + at, dy + at, NULL, (real)mean[row], &part);
        all.g += part.g;
        all.product += (part.product + ((double)(real)mean[row] - mean[row]) * part.g) * inverse[row];
    }
    return all;
}

/* dgamma and dbeta of channels [begin, end) of P K: summed over the rows that have them. */
void KDST__KERNEL(row_norm_parameters)(
    int64_t rows, int64_t period, int64_t k, int64_t s, int64_t begin, int64_t end, const real *x, const real *dy,
    const double *mean, const double *inverse, real *dgamma, real *dbeta)
{
    for (int64_t first = begin; first < end; first += TILE) {
        const int64_t count = end - first < TILE ? end - first : TILE;
        double sum[TILE] = {0}, product[TILE] = {0};
        if (s == 1 && period == 1)
            add_columns(rows, k, first, count, x, dy, mean, inverse, sum, product);
        else
            for (int64_t j = 0; j < count; j++) {
                const sums all = channel_sums(rows, period, k, s, first + j, x, dy, mean, inverse);
                sum[j] = all.g;
                product[j] = all.product;
            }
        for (int64_t j = 0; j < count; j++) {
            if (dgamma) dgamma[first + j] += (real)product[j];
            if (dbeta) dbeta[first + j] += (real)sum[j];
        }
    }
}
