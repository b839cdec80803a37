/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics over runs against values of forty digits' arithmetic, closed forms, and the enumeration of every sign. */
#include <kdst/kdst.h>

#include "support/run.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static const double ours[] = {91.2, 91.5, 90.9, 91.4, 91.1}, theirs[] = {90.7, 91.0, 90.8, 90.9, 90.6, 90.1, 92.3};

/* Two-sided probabilities I_x(v/2, 1/2), x = v / (v + t^2), computed with forty digits. */
static const struct {
    int freedom;
    double t, p;
} known[] = {
    {1, 0.001, 0.99936338043983888},      {1, 0.5, 0.70483276469913345},      {1, 2, 0.29516723530086655},
    {1, 4.5, 0.1392089745461279},         {1, 30, 0.021212804811070847},      {3, 0.001, 0.99926489496946094},
    {3, 0.5, 0.65144796484815099},        {3, 2, 0.13932596855884318},        {3, 4.5, 0.020490412344453409},
    {3, 30, 8.1352804271639595e-5},       {5, 0.001, 0.99924078677219765},    {5, 0.5, 0.63829887164092901},
    {5, 2, 0.10193947882985836},          {5, 4.5, 0.0063995363463242935},    {5, 30, 7.718648620496052e-7},
    {9, 0.001, 0.99922393032597327},      {9, 0.5, 0.62907129982602648},      {9, 2, 0.076552823770701041},
    {9, 4.5, 0.0014889494154117312},      {9, 30, 2.4837047041582624e-10},    {29, 0.001, 0.99920896297836224},
    {29, 0.5, 0.62084808419378136},       {29, 2, 0.054943637182967189},      {29, 4.5, 0.00010153488806485563},
    {29, 30, 2.1977448450988051e-23},     {99, 0.001, 0.99920412785713706},   {99, 0.5, 0.61818464402440611},
    {99, 2, 0.048239693372632923},        {99, 4.5, 1.8549056105456711e-5},   {99, 30, 1.7008499117282179e-51},
    {999, 0.001, 0.9992023152180736},     {999, 0.5, 0.61718519093028941},    {999, 2, 0.045770616973757003},
    {999, 4.5, 7.5939037551700843e-6},    {999, 30, 1.6728272131171847e-141}, {99999, 0.001, 0.99920211756690773},
    {99999, 0.5, 0.61707617766542016},    {99999, 2, 0.045502963484502473},   {99999, 4.5, 6.8029918399404827e-6},
    {99999, 30, 7.3786848444350477e-197},
};
enum { KNOWN = sizeof known / sizeof *known };

/* Pairs whose differences are t / sqrt(v) +- 1, which makes their t what is wanted up to rounding. */
START_TEST(test_known)
{
    int n = known[_i].freedom + 1;
    double *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b), t, p, back;
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int i = 0; i < n; i++) {
            b[i] = 0;
            a[i] = sign * known[_i].t / sqrt(known[_i].freedom) + (i % 2 ? 1 : -1);
        }
        ck_assert_int_eq(kdst_stats_run_paired_test(a, b, n, &t, &p), 0);
        /* a mean of 0.001 / sqrt(v) between numbers of size 1 has fewer digits */
        ck_assert_double_eq_tol(t / (sign * known[_i].t), 1, known[_i].t < 0.1 ? 1e-9 : 1e-12);
        /* p's relative error is that of t times t v / (v + t^2) ... */
        ck_assert_double_eq_tol(p / known[_i].p, 1, 2e-12 * (1 + known[_i].t * known[_i].t));
        ck_assert_int_eq(kdst_stats_run_paired_test(b, a, n, &back, &p), 0);
        ck_assert_double_eq(back, -t);
    }
    free(b);
    free(a);
}
END_TEST

/* p = 1 - t / sqrt(2 + t^2) for two degrees of freedom, from tiny to huge t. */
START_TEST(test_closed_form)
{
    for (double t = 1e-8; t < 1e8; t *= 3) {
        double shift = t * sqrt(1.0 / 3), a[3] = {shift - 1, shift, shift + 1}, b[3] = {0, 0, 0}, got, p;
        ck_assert_int_eq(kdst_stats_run_paired_test(a, b, 3, &got, &p), 0);
        double rest = sqrt(2 + got * got), want = 2 / (rest * (rest + got)); /* without cancellation */
        ck_assert_double_eq_tol(p / want, 1, 1e-12);
    }
}
END_TEST

START_TEST(test_examples)
{
    double mean, deviation, low, high, t, p;
    ck_assert_int_eq(kdst_stats_get_mean(ours, 5, &mean, &deviation), 0);
    ck_assert_double_eq_tol(mean, 91.22, 1e-12);
    ck_assert_double_eq_tol(deviation, 0.23874672772626644, 1e-12);
    ck_assert_int_eq(kdst_stats_get_interval(ours, 5, 0.95, &low, &high), 0);
    ck_assert_double_eq_tol(low, 90.923556783493338, 1e-11);
    ck_assert_double_eq_tol(high, 91.516443216506662, 1e-11);
    ck_assert_int_eq(kdst_stats_run_paired_test(ours, theirs, 5, &t, &p), 0);
    ck_assert_double_eq_tol(t, 5.25, 1e-10);
    ck_assert_double_eq_tol(p, 0.0062972006794933723, 1e-12);
    ck_assert_int_eq(kdst_stats_run_welch_test(ours, 5, theirs, 7, &t, &p), 0);
    ck_assert_double_eq_tol(t, 1.10284861866525, 1e-11);
    ck_assert_double_eq_tol(p, 0.30250349614882259, 1e-12);
    ck_assert_int_eq(kdst_stats_get_mean(ours, 1, &mean, &deviation), 0);
    ck_assert(mean == 91.2 && isnan(deviation));
}
END_TEST

/* Half of an interval is the quantile of t times the error; two values have the Cauchy distribution's. */
START_TEST(test_quantiles)
{
    const double two[] = {-1, 1}, pi = 3.14159265358979323846;
    for (double level = 0.01; level < 0.9999; level += 0.0371) {
        double low, high, want = tan(pi / 2 * level);
        ck_assert_int_eq(kdst_stats_get_interval(two, 2, level, &low, &high), 0);
        ck_assert_double_eq_tol(high / want, 1, 1e-11);
        ck_assert_double_eq(low, -high);
    }
}
END_TEST

/* A constant far larger than the deviation costs few digits. */
START_TEST(test_large_offset)
{
    const double values[] = {1e9 + 1, 1e9 + 2, 1e9 + 3};
    double mean, deviation;
    ck_assert_int_eq(kdst_stats_get_mean(values, 3, &mean, &deviation), 0);
    ck_assert_double_eq(mean, 1e9 + 2);
    ck_assert_double_eq_tol(deviation, 1, 1e-12);
}
END_TEST

START_TEST(test_no_deviation)
{
    const double a[] = {2, 3, 4}, b[] = {1, 2, 3}, same[] = {5, 5, 5}, less[] = {4, 4};
    double t, p;
    ck_assert_int_eq(kdst_stats_run_paired_test(a, b, 3, &t, &p), 0);
    ck_assert(isinf(t) && t > 0 && p == 0);
    ck_assert_int_eq(kdst_stats_run_paired_test(b, a, 3, &t, &p), 0);
    ck_assert(isinf(t) && t < 0 && p == 0);
    ck_assert_int_eq(kdst_stats_run_paired_test(a, a, 3, &t, &p), 0);
    ck_assert(isnan(t) && isnan(p));
    ck_assert_int_eq(kdst_stats_run_welch_test(same, 3, less, 2, &t, &p), 0);
    ck_assert(isinf(t) && t > 0 && p == 0);
    ck_assert_int_eq(kdst_stats_run_welch_test(same, 3, same, 2, &t, &p), 0);
    ck_assert(isnan(t) && isnan(p));
}
END_TEST

/* The share of all 2^n signs of the ranks whose smaller sum is at most the one that was seen. */
static double enumerate(const double *d, int n, double *out_w)
{
    double ranks[16], positive = 0, whole = 0;
    int kept = 0, extreme = 0;
    double e[16];
    for (int i = 0; i < n; i++)
        if (d[i] != 0) e[kept++] = d[i];
    for (int i = 0; i < kept; i++) {
        ranks[i] = 0.5;
        for (int k = 0; k < kept; k++)
            ranks[i] += fabs(e[k]) < fabs(e[i]) ? 1 : fabs(e[k]) == fabs(e[i]) ? 0.5 : 0;
        whole += ranks[i];
        if (e[i] > 0) positive += ranks[i];
    }
    double w = fmin(positive, whole - positive);
    for (int signs = 0; signs < 1 << kept; signs++) {
        double sum = 0;
        for (int i = 0; i < kept; i++)
            if (signs >> i & 1) sum += ranks[i];
        extreme += fmin(sum, whole - sum) <= w;
    }
    *out_w = w;
    return (double)extreme / (1 << kept);
}

START_TEST(test_signed_ranks)
{
    uint32_t state = 9;
    for (int round = 0; round < 300; round++) {
        double a[12], b[12], d[12], w, p, want_w;
        int n = 1 + round % 12;
        for (int i = 0; i < n; i++) {
            state = state * 1664525u + 1013904223u;
            b[i] = 100;
            a[i] = 100 + (double)(state >> 24 & 15) - 5; /* with ties and zeros */
            d[i] = a[i] - b[i];
        }
        double want = enumerate(d, n, &want_w);
        ck_assert_int_eq(kdst_stats_run_signed_rank_test(a, b, n, &w, &p), 0);
        ck_assert_double_eq(w, want_w);
        ck_assert_double_eq_tol(p, want, 1e-12);
    }
}
END_TEST

START_TEST(test_most_ranks)
{
    double a[50], b[50] = {0}, w, p;
    for (int i = 0; i < 50; i++)
        a[i] = i + 1;
    ck_assert_int_eq(kdst_stats_run_signed_rank_test(a, b, 50, &w, &p), 0);
    ck_assert(w == 0 && p == ldexp(1, -49));
    ck_assert_int_eq(kdst_stats_run_signed_rank_test(a, b, 5, &w, &p), 0);
    ck_assert(w == 0 && p == 1.0 / 16);
    ck_assert_int_eq(kdst_stats_run_signed_rank_test(b, b, 50, &w, &p), 0);
    ck_assert(w == 0 && p == 1);
}
END_TEST

START_TEST(test_refused)
{
    const double bad[] = {1, NAN, 3}, infinite[] = {INFINITY, 1, 2};
    const kdst_status wrong = KDST_STATUS_INVALID_ARGUMENT;
    double x = 1, y = 1;
    ck_assert_int_eq(kdst_stats_get_mean(NULL, 3, &x, &y), wrong);
    ck_assert(isnan(x) && isnan(y));
    ck_assert_int_eq(kdst_stats_get_mean(ours, 0, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_get_mean(ours, 5, NULL, &y), wrong);
    ck_assert_int_eq(kdst_stats_get_mean(bad, 3, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_get_interval(ours, 1, 0.95, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_get_interval(ours, 5, 1, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_get_interval(ours, 5, 0, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_get_interval(ours, 5, NAN, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_run_paired_test(ours, infinite, 3, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_run_paired_test(ours, theirs, 1, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_run_paired_test(ours, NULL, 5, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_run_welch_test(ours, 5, theirs, 1, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_run_signed_rank_test(ours, theirs, 0, &x, &y), wrong);
    ck_assert_int_eq(kdst_stats_run_signed_rank_test(ours, theirs, 51, &x, &y), wrong);
    x = y = 1;
    ck_assert_int_eq(kdst_stats_run_signed_rank_test(ours, bad, 3, &x, &y), wrong);
    ck_assert(isnan(x) && isnan(y));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train stats");
    TCase *all = tcase_create("stats");
    tcase_add_loop_test(all, test_known, 0, KNOWN);
    tcase_add_test(all, test_closed_form);
    tcase_add_test(all, test_examples);
    tcase_add_test(all, test_quantiles);
    tcase_add_test(all, test_large_offset);
    tcase_add_test(all, test_no_deviation);
    tcase_add_test(all, test_signed_ranks);
    tcase_add_test(all, test_most_ranks);
    tcase_add_test(all, test_refused);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
