/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics over runs (see kdst/stats.h).
 *
 *     two-sided p of t with v degrees of freedom = I_x(v/2, 1/2),  x = v / (v + t^2)
 *
 * I is the regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated by
 * Lentz's method), from the side where it converges fast: I_x(a, b) = 1 - I_1-x(b, a).
 */
#include <kdst/stats.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>

enum { MOST_RANKED = 50, SUMS = MOST_RANKED * (MOST_RANKED + 1) + 1 };

/* ---- Student's t distribution ---- */

/* log B(a, 1/2); for large a by the asymptotic series of gamma(a + 1/2) / gamma(a), which cancels nothing. */
static double log_beta_half(double a)
{
    const double log_root_pi = 0.572364942924700087072;
    if (a > 40) {
        double r = 1 / a, s = r * r;
        return log_root_pi - 0.5 * log(a) + r / 8 - r * s / 192 + r * s * s / 640 - 17 * r * s * s * s / 14336;
    }
    int sign;
    return log_root_pi + lgamma_r(a, &sign) - lgamma_r(a + 0.5, &sign);
}

static double away_from_zero(double x)
{
    return fabs(x) < DBL_MIN / DBL_EPSILON ? DBL_MIN / DBL_EPSILON : x;
}

/* The continued fraction of I_x(a, b) without its factor. */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < DBL_EPSILON) break;
    }
    return h;
}

/* Probability of |T| >= |t|. */
static double two_sided(double t, double v)
{
    if (isnan(t) || isnan(v)) return NAN;
    if (isinf(t)) return 0;
    double x = v / (v + t * t), y = t * t / (v + t * t), a = v / 2;
    if (y == 0) return 1;
    if (x == 0) return 0;
    /* log x is exact where x is near 1 and log y where y is */
    double log_x = y < 0.5 ? log1p(-y) : log(x), log_y = x < 0.5 ? log1p(-x) : log(y);
    double factor = exp(a * log_x + 0.5 * log_y - log_beta_half(a));
    if (x < (a + 1) / (a + 2.5)) return factor * beta_fraction(a, 0.5, x) / a;
    return 1 - factor * beta_fraction(0.5, a, y) / 0.5;
}

/* The t > 0 with two_sided(t, v) = p. */
static double quantile(double p, double v)
{
    double low = 0, high = 1;
    while (two_sided(high, v) > p && high < DBL_MAX / 4)
        high *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle == low || middle == high) break;
        if (two_sided(middle, v) > p)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* ---- samples ---- */

static bool all_finite(const double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

/* Mean and sum of squared distances from it of a - b, b nullable; two passes, the second corrects the first. */
static void moments(const double *a, const double *b, int64_t n, double *mean, double *squares)
{
    double sum = 0, rest = 0, square = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (a[i] - (b ? b[i] : 0)) / (double)n;
    for (int64_t i = 0; i < n; i++)
        rest += (a[i] - (b ? b[i] : 0) - sum) / (double)n;
    *mean = sum + rest;
    for (int64_t i = 0; i < n; i++) {
        double d = a[i] - (b ? b[i] : 0) - *mean;
        square += d * d;
    }
    *squares = square;
}

/* mean / error, where 0 / 0 is NaN. */
static double ratio(double mean, double error)
{
    if (error > 0) return mean / error;
    return mean == 0 ? NAN : copysign(INFINITY, mean);
}

static void clear(double *x, double *y)
{
    if (x) *x = NAN;
    if (y) *y = NAN;
}

kdst_status kdst_stats_get_mean(const double *values, int64_t n, double *out_mean, double *out_deviation)
{
    double mean, squares;
    clear(out_mean, out_deviation);
    if (!values || !out_mean || !out_deviation || n < 1 || !all_finite(values, n)) return KDST_STATUS_INVALID_ARGUMENT;
    moments(values, NULL, n, &mean, &squares);
    *out_mean = mean;
    *out_deviation = sqrt(squares / (double)(n - 1)); /* 0 / 0 for one value */
    return KDST_STATUS_OK;
}

kdst_status kdst_stats_get_interval(const double *values, int64_t n, double level, double *out_low, double *out_high)
{
    double mean, squares;
    clear(out_low, out_high);
    if (!values || !out_low || !out_high || n < 2 || !(level > 0 && level < 1) || !all_finite(values, n))
        return KDST_STATUS_INVALID_ARGUMENT;
    moments(values, NULL, n, &mean, &squares);
    double v = (double)(n - 1), half = quantile(1 - level, v) * sqrt(squares / v / (double)n);
    *out_low = mean - half;
    *out_high = mean + half;
    return KDST_STATUS_OK;
}

kdst_status kdst_stats_run_paired_test(const double *a, const double *b, int64_t n, double *out_t, double *out_p)
{
    double mean, squares;
    clear(out_t, out_p);
    if (!a || !b || !out_t || !out_p || n < 2 || !all_finite(a, n) || !all_finite(b, n))
        return KDST_STATUS_INVALID_ARGUMENT;
    moments(a, b, n, &mean, &squares);
    double v = (double)(n - 1), t = ratio(mean, sqrt(squares / v / (double)n));
    *out_t = t;
    *out_p = two_sided(t, v);
    return KDST_STATUS_OK;
}

kdst_status kdst_stats_run_welch_test(
    const double *a, int64_t a_count, const double *b, int64_t b_count, double *out_t, double *out_p)
{
    double mean_a, mean_b, error_a, error_b;
    clear(out_t, out_p);
    if (!a || !b || !out_t || !out_p || a_count < 2 || b_count < 2 || !all_finite(a, a_count) ||
        !all_finite(b, b_count))
        return KDST_STATUS_INVALID_ARGUMENT;
    double n = (double)a_count, m = (double)b_count;
    moments(a, NULL, a_count, &mean_a, &error_a);
    moments(b, NULL, b_count, &mean_b, &error_b);
    error_a /= n * (n - 1);
    error_b /= m * (m - 1);
    double error = error_a + error_b, t = ratio(mean_a - mean_b, sqrt(error));
    double freedom = error * error / (error_a * error_a / (n - 1) + error_b * error_b / (m - 1));
    *out_t = t;
    *out_p = isinf(t) ? 0 : two_sided(t, freedom);
    return KDST_STATUS_OK;
}

/* ---- Wilcoxon's signed ranks ---- */

/* Differences that are not 0, in ascending order of their size; returns how many. */
static int64_t sorted_differences(const double *a, const double *b, int64_t n, double out[MOST_RANKED])
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = a[i] - b[i];
        int64_t at = count;
        if (d == 0) continue;
        for (; at > 0 && fabs(out[at - 1]) > fabs(d); at--)
            out[at] = out[at - 1];
        out[at] = d;
        count++;
    }
    return count;
}

/* Twice the ranks, so that those which equal differences share are whole numbers. */
static void double_ranks(const double *d, int64_t n, int ranks[MOST_RANKED])
{
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && fabs(d[end]) == fabs(d[i]);)
            end++;
        for (int64_t k = i; k < end; k++)
            ranks[k] = (int)(i + 1 + end);
    }
}

/* Probability that the sum of those doubled ranks whose sign is positive is at most `sum`: every sign has probability 1/2. */
static double lower_tail(const int *ranks, int64_t n, int sum)
{
    double chance[SUMS] = {1}, tail = 0;
    int most = 0;
    for (int64_t i = 0; i < n; i++) {
        most += ranks[i];
        for (int s = most; s >= 0; s--)
            chance[s] = (chance[s] + (s >= ranks[i] ? chance[s - ranks[i]] : 0)) / 2;
    }
    for (int s = 0; s <= sum; s++)
        tail += chance[s];
    return tail;
}

kdst_status kdst_stats_run_signed_rank_test(const double *a, const double *b, int64_t n, double *out_w, double *out_p)
{
    double d[MOST_RANKED];
    int ranks[MOST_RANKED], sums[2] = {0};
    clear(out_w, out_p);
    if (!a || !b || !out_w || !out_p || n < 1 || n > MOST_RANKED || !all_finite(a, n) || !all_finite(b, n))
        return KDST_STATUS_INVALID_ARGUMENT;
    int64_t count = sorted_differences(a, b, n, d);
    double_ranks(d, count, ranks);
    for (int64_t i = 0; i < count; i++)
        sums[d[i] > 0] += ranks[i];
    int smaller = sums[0] < sums[1] ? sums[0] : sums[1];
    double p = 2 * lower_tail(ranks, count, smaller);
    *out_w = smaller / 2.0;
    *out_p = p < 1 ? p : 1;
    return KDST_STATUS_OK;
}
