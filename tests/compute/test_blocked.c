/* SPDX-License-Identifier: Apache-2.0 */
/* Blocked channels: the way there and back, and sums of channels. */
#include "blocked_arrays.h"

#include "reference/reference.h"

static const int64_t channels[] = {0, 1, 3, 4, 5, 8, 15, 16, 17, 26, 32, 52, 103},
                     places[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 49, 100};
enum { SIDES = 13 };

static void check_conversion(int64_t n, int64_t c, int64_t s, int early)
{
    array *x = early ? early_array(n * c * s, 1) : random_array(n * c * s, 1), *back = filled_array(n * c * s, NAN);
    array *y = blocked_space(n, c, s), *expected = blocked_array(n, c, s, x->values);
    kdst__blocked_from_plain(cp, n, c, s, x->data, y->data);
    expect_same_bits(y, expected, "from plain");
    kdst__blocked_to_plain(cp, n, c, s, y->data, back->data);
    expect_same_bits(back, x, "to plain");
    drop_arrays();
}

START_TEST(there_and_back)
{
    begin_blocked(_i);
    for (int i = 0; i < SIDES * SIDES; i++)
        check_conversion(i % 3, channels[i / SIDES], places[i % SIDES], i % 2);
    check_conversion(9, 70, 300, 0); /* several pieces */
    check_conversion(1, 300, 65, 1);
}
END_TEST

static void check_sums(int64_t n, int64_t c, int64_t s)
{
    array *x = random_array(n * c * s, 1), *x_b = blocked_array(n, c, s, x->values), *sums = random_array(c, 2);
    double *expected = values_of(sums), *bound = numbers(c);
    for (int64_t i = 0; i < x->count; i++) {
        expected[i / s % c] += x->values[i];
        bound[i / s % c] += fabs(x->values[i]);
    }
    for (int64_t k = 0; k < c; k++) /* in double, and rounded twice */
        bound[k] = chain_bound(unit, 2, fabs(expected[k]) + 1) + sum_bound(0x1p-53, (double)(n * s), bound[k]);
    kdst__blocked_sum(cp, n, c, s, x_b->data, sums->data);
    expect_within(sums, expected, bound, "sum");
    drop_arrays();
}

START_TEST(sums_of_channels)
{
    begin_blocked(_i);
    for (int i = 0; i < SIDES * SIDES; i++)
        check_sums(i % 3, channels[i / SIDES], places[i % SIDES]);
    check_sums(40, 5, 900); /* groups of images */
    check_sums(3, 260, 300);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin_blocked(_i);
    kdst__compute *all[4] = {cp, with_threads(1), with_threads(2), with_threads(7)};
    const int64_t n = 40, c = 20, s = 900;
    array *x = random_array(blocked_size(n, c, s), 1), *first = filled_array(c, 0);
    kdst__blocked_sum(cp, n, c, s, x->data, first->data);
    for (int t = 1; t < 4; t++) {
        array *sums = filled_array(c, 0);
        kdst__blocked_sum(all[t], n, c, s, x->data, sums->data);
        expect_same_bits(sums, first, "threads");
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, there_and_back, 0, blocked_configurations());
    tcase_add_loop_test(tests, sums_of_channels, 0, blocked_configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, blocked_configurations());
}

int main(void)
{
    return run_compute_suite("blocked", build);
}
