/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics over runs: is a method better than another one, or was it the seed?
 *
 * Pure functions on plain arrays, one value for each run; results go to the caller's variables and are NaN after a failure. There is no
 * context and hence no message.
 *
 *     const double ours[] = {91.2, 91.5, 90.9, 91.4, 91.1}, theirs[] = {90.7, 91.0, 90.8, 90.9, 90.6}; // same seeds, pair by pair
 *     double mean, deviation, t, p;
 *     kdst_status status = kdst_stats_get_mean(ours, 5, &mean, &deviation);
 *     if (!status) status = kdst_stats_run_paired_test(ours, theirs, 5, &t, &p);
 */
#ifndef KDST_STATS_H
#define KDST_STATS_H

#include <kdst/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Mean and sample standard deviation (divided by n - 1).
 *
 *  @param      values         [n], finite
 *  @param      n              at least 1
 *  @param[out] out_mean       the mean
 *  @param[out] out_deviation  the deviation; NaN for n = 1
 *  @status INVALID_ARGUMENT (NULL, n, value not finite)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stats_get_mean(
    const double *values, int64_t n, double *out_mean, double *out_deviation);

/** Confidence interval of the mean, of Student's t distribution with n - 1 degrees of freedom.
 *
 *  @param      values    [n], finite
 *  @param      n         at least 2
 *  @param      level     in (0, 1), such as 0.95
 *  @param[out] out_low   lower end
 *  @param[out] out_high  upper end
 *  @status INVALID_ARGUMENT (NULL, n, level, value not finite)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stats_get_interval(
    const double *values, int64_t n, double level, double *out_low, double *out_high);

/** Paired t-test (Student 1908): do a and b have the same mean? Run i of both shares its seed.
 *
 *  t = mean(a - b) / (deviation(a - b) / sqrt(n)); p = I_x((n-1)/2, 1/2) with x = (n-1) / (n-1 + t^2), two-sided
 *
 *  @param      a      [n], finite
 *  @param      b      [n], finite
 *  @param      n      at least 2
 *  @param[out] out_t  the statistic; infinite when all differences are the same but 0, NaN when all are 0
 *  @param[out] out_p  probability of a |t| at least as large when the means are the same; NaN with t
 *  @status INVALID_ARGUMENT (NULL, n, value not finite)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stats_run_paired_test(
    const double *a, const double *b, int64_t n, double *out_t, double *out_p);

/** Welch's t-test (1947): do two independent sets of runs have the same mean? Their deviations may differ.
 *
 *  @param      a        [a_count], finite
 *  @param      a_count  at least 2
 *  @param      b        [b_count], finite
 *  @param      b_count  at least 2
 *  @param[out] out_t    the statistic; infinite when neither varies and the means differ, NaN when they do not
 *  @param[out] out_p    two-sided probability, NaN with t
 *  @status INVALID_ARGUMENT (NULL, counts, value not finite)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stats_run_welch_test(
    const double *a, int64_t a_count, const double *b, int64_t b_count, double *out_t, double *out_p);

/** Wilcoxon's signed-rank test (1945): are the differences of pairs symmetric about 0? It supposes no normal distribution.
 *
 *  Differences of 0 are left out; equal ones share the mean of their ranks. The probability is exact, over all signs of the ranks that
 *  occur; with 5 pairs it cannot be below 1/16.
 *
 *  @param      a      [n], finite
 *  @param      b      [n], finite
 *  @param      n      1 to 50
 *  @param[out] out_w  the smaller one of the sums of ranks of positive and of negative differences
 *  @param[out] out_p  two-sided probability; 1 when no difference is left
 *  @status INVALID_ARGUMENT (NULL, n, value not finite)
 *  @thread any   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stats_run_signed_rank_test(
    const double *a, const double *b, int64_t n, double *out_w, double *out_p);

#ifdef __cplusplus
}
#endif

#endif
