/* SPDX-License-Identifier: Apache-2.0 */
/* Philox against the known answers published with Random123, and the distributions built on it. */
#include "core/random.h"

#include "support/run.h"

#include <math.h>
#include <string.h>

typedef struct answer {
    uint32_t counter[4], key[2], out[4];
} answer;

static const answer answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static uint64_t pair(const uint32_t w[2])
{
    return w[0] | (uint64_t)w[1] << 32;
}

START_TEST(test_known_answers)
{
    const answer *a = &answers[_i];
    uint32_t out[4];
    kdst__philox(pair(a->key), pair(a->counter + 2), pair(a->counter), out);
    for (int i = 0; i < 4; i++) ck_assert_uint_eq(out[i], a->out[i]);
}
END_TEST

START_TEST(test_uniform)
{
    enum { N = 200000, BINS = 20 };
    int bins[BINS] = {0};
    double sum = 0, squares = 0, product = 0, last = 0.5;
    for (int i = 0; i < N; i++) {
        double u = kdst__uniform(7, 3, (uint64_t)i);
        ck_assert(u >= 0 && u < 1);
        bins[(int)(u * BINS)]++;
        sum += u, squares += u * u, product += (u - 0.5) * (last - 0.5), last = u;
    }
    /* Each bound is about five standard deviations of the sum it tests. */
    ck_assert_double_eq_tol(sum / N, 0.5, 0.0033);
    ck_assert_double_eq_tol(squares / N, 1.0 / 3, 0.0034);
    ck_assert_double_eq_tol(product / N, 0, 0.001);
    for (int b = 0; b < BINS; b++) ck_assert_int_le(abs(bins[b] - N / BINS), 500);
}
END_TEST

START_TEST(test_normal)
{
    enum { N = 200000 };
    double sum[5] = {0};
    int beyond = 0;
    for (int i = 0; i < N; i++) {
        double z = kdst__normal(11, 5, (uint64_t)i), power = 1;
        ck_assert(isfinite(z));
        for (int p = 0; p < 5; p++) sum[p] += power, power *= z;
        beyond += fabs(z) > 2;
    }
    ck_assert_double_eq_tol(sum[1] / N, 0, 0.012);
    ck_assert_double_eq_tol(sum[2] / N, 1, 0.016);
    ck_assert_double_eq_tol(sum[3] / N, 0, 0.044);
    ck_assert_double_eq_tol(sum[4] / N, 3, 0.11);
    ck_assert_double_eq_tol((double)beyond / N, 0.0455, 0.0024);
}
END_TEST

/* Many at once are those one by one, from odd and even places on. */
START_TEST(test_many_at_once)
{
    static const int64_t counts[] = {0, 1, 2, 255, 256, 257, 600};
    double out[602];
    for (uint64_t first = 6; first < 8; first++) {
        out[counts[_i]] = 7;
        kdst__normals(11, 5, first, counts[_i], out);
        for (int64_t i = 0; i < counts[_i]; i++)
            ck_assert(out[i] == kdst__normal(11, 5, first + (uint64_t)i));
        ck_assert(out[counts[_i]] == 7);
        kdst__uniforms(11, 5, first, counts[_i], out);
        for (int64_t i = 0; i < counts[_i]; i++)
            ck_assert(out[i] == kdst__uniform(11, 5, first + (uint64_t)i));
        ck_assert(out[counts[_i]] == 7);
    }
}
END_TEST

START_TEST(test_below)
{
    static const uint64_t limits[] = {1, 2, 3, 10, 1000, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
    uint64_t n = limits[_i], largest = 0;
    double sum = 0;
    enum { N = 50000 };
    for (uint64_t i = 0; i < N; i++) {
        uint64_t x = kdst__below(1, 2, i, n);
        ck_assert(x < n);
        if (x > largest) largest = x;
        sum += (double)x / (double)n;
    }
    double mean = ((double)n - 1) / 2 / (double)n;
    ck_assert_double_eq_tol(sum / N, mean, 0.0065);
    ck_assert((double)largest >= 0.999 * ((double)n - 1));
}
END_TEST

START_TEST(test_below_counts)
{
    enum { N = 60000, K = 6 };
    int counts[K] = {0};
    for (uint64_t i = 0; i < N; i++) counts[kdst__below(5, 9, i, K)]++;
    for (int k = 0; k < K; k++) ck_assert_int_le(abs(counts[k] - N / K), 460); /* five standard deviations */
}
END_TEST

START_TEST(test_permutation)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 17, 1000};
    int64_t n = sizes[_i], order[1000], again[1000];
    char seen[1000] = {0};
    kdst__permutation(42, 1, order, n);
    kdst__permutation(42, 1, again, n);
    for (int64_t i = 0; i < n; i++) {
        ck_assert(order[i] >= 0 && order[i] < n && !seen[order[i]]);
        ck_assert_int_eq(order[i], again[i]);
        seen[order[i]] = 1;
    }
}
END_TEST

START_TEST(test_permutations_are_equally_likely)
{
    enum { N = 24000 };
    int counts[3][3][3] = {{{0}}};
    for (uint64_t s = 0; s < N; s++) {
        int64_t p[3];
        kdst__permutation(3, s, p, 3);
        counts[p[0]][p[1]][p[2]]++;
    }
    int kinds = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            for (int c = 0; c < 3; c++) {
                if (!counts[a][b][c]) continue;
                kinds++;
                ck_assert_int_le(abs(counts[a][b][c] - N / 6), 290);
            }
    ck_assert_int_eq(kinds, 6);
}
END_TEST

START_TEST(test_keys_differ)
{
    /* Neighbouring seeds, streams and indices share nothing: half the bits differ on average. */
    int64_t bits[3] = {0};
    enum { N = 2000 };
    for (uint64_t i = 0; i < N; i++) {
        uint32_t here[4], there[3][4];
        kdst__philox(i, 1, 1, here);
        kdst__philox(i + 1, 1, 1, there[0]);
        kdst__philox(i, 2, 1, there[1]);
        kdst__philox(i, 1, 2, there[2]);
        for (int k = 0; k < 3; k++)
            for (int w = 0; w < 4; w++) bits[k] += __builtin_popcount(here[w] ^ there[k][w]);
    }
    for (int k = 0; k < 3; k++) ck_assert_double_eq_tol((double)bits[k] / N, 64, 0.7);
    ck_assert_uint_ne(kdst__mix(1, 2), kdst__mix(2, 1));
    ck_assert_uint_ne(kdst__mix(0, 0), kdst__mix(0, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *philox = tcase_create("philox"), *distributions = tcase_create("distributions");
    tcase_add_loop_test(philox, test_known_answers, 0, 3);
    tcase_add_test(philox, test_keys_differ);
    tcase_add_test(distributions, test_uniform);
    tcase_add_test(distributions, test_normal);
    tcase_add_loop_test(distributions, test_many_at_once, 0, 7);
    tcase_add_loop_test(distributions, test_below, 0, 8);
    tcase_add_test(distributions, test_below_counts);
    tcase_add_loop_test(distributions, test_permutation, 0, 6);
    tcase_add_test(distributions, test_permutations_are_equally_likely);
    suite_add_tcase(suite, philox);
    suite_add_tcase(suite, distributions);
    return run_suite(suite);
}
