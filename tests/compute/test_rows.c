/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by a list: picked, added back where some are named often, put into their places; threads, memory. */
#include "reference/reference.h"
#include "support.h"

enum { MOST = 1200 };
static int32_t list[MOST];

/* Repeats, and leaves rows out. */
static void fill_list(int64_t n, int64_t size)
{
    for (int64_t j = 0; j < n; j++)
        list[j] = (int32_t)(j * j % size);
}

/* Each row once at most, not in order. */
static void fill_places(int64_t n, int64_t size)
{
    for (int64_t j = 0; j < n; j++)
        list[j] = (int32_t)(size - 1 - j);
    for (int64_t j = 0; j + 2 < n; j += 3) {
        int32_t other = list[j];
        list[j] = list[j + 2];
        list[j + 2] = other;
    }
}

static void check(int64_t outer, int64_t size, int64_t n, int64_t inner)
{
    char what[96];
    array *x = random_array(outer * size * inner, 1), *y = filled_array(outer * n * inner, NAN);
    array *dy = early_array(y->count, 2), *dx = random_array(x->count, 3);
    double *expected = numbers(y->count), *slope = values_of(dx), *bound = numbers(x->count);
    snprintf(
        what, sizeof what, "%lld of [%lld, %lld, %lld]", (long long)n, (long long)outer, (long long)size,
        (long long)inner);
    fill_list(n, size);
    reference_rows_select(outer, size, n, inner, list, x->values, expected);
    kdst__rows_select(cp, (int64_t)kdst__size_of(dtype), outer, size, n, inner, list, x->data, y->data);
    expect_equal(y, expected, what);
    for (int64_t i = 0; i < x->count; i++)
        bound[i] = fabs(slope[i]);
    reference_rows_add(outer, size, n, inner, list, dy->values, slope, bound);
    /* the sum is in double: one rounding of the result, and those of at most n additions on either side */
    for (int64_t i = 0; i < x->count; i++)
        bound[i] = chain_bound(unit, 1, fabs(slope[i])) + sum_bound(0x1p-53, (double)n + 1, bound[i]);
    ck_assert_int_eq(kdst__rows_add(cp, dtype, outer, size, n, inner, list, dy->data, dx->data), KDST_STATUS_OK);
    expect_within(dx, slope, bound, what);
    drop_arrays();
}

static void check_place(int64_t size, int64_t n, int64_t inner, int32_t accumulate)
{
    array *x = early_array(n * inner, 1), *y = random_array(size * inner, 2);
    double *expected = values_of(y), *bound = numbers(y->count);
    fill_places(n, size);
    reference_rows_place(n, inner, list, x->values, accumulate, expected);
    for (int64_t i = 0; i < y->count && accumulate; i++)
        bound[i] = chain_bound(unit, 1, fabs(expected[i]));
    kdst__rows_place(cp, dtype, n, inner, list, x->data, accumulate, y->data);
    expect_within(y, expected, bound, accumulate ? "added to their places" : "put into their places");
    drop_arrays();
}

START_TEST(all_sizes)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int i = 0; i < SIZES; i++) {
        check(1, 5, 7, sizes[i]);
        check(3, 4, 1, sizes[i]);
        check(2, sizes[i] + 1, sizes[i], 3);
        check(0, 3, 2, sizes[i]);
        for (int32_t accumulate = 0; accumulate < 2; accumulate++) {
            check_place(9, 7, sizes[i], accumulate);
            check_place(sizes[i] + 2, sizes[i], 5, accumulate);
        }
    }
    check(1, 1, MOST, 257); /* all of them to one row */
    check(1, 1000, 3, 513);
}
END_TEST

/* Truth values are rows, too. */
START_TEST(bytes)
{
    begin(_i);
    uint8_t x[2 * 5 * 3], y[2 * 4 * 3];
    static const int32_t picked[] = {4, 0, 0, 2};
    for (int i = 0; i < 30; i++)
        x[i] = (uint8_t)(7 * i);
    kdst__rows_select(cp, 1, 2, 5, 4, 3, picked, x, y);
    for (int i = 0; i < 24; i++)
        ck_assert_int_eq(y[i], x[(i / 12 * 5 + picked[i / 3 % 4]) * 3 + i % 3]);
}
END_TEST

START_TEST(same_bits_with_any_threads)
{
    begin(_i);
    static const int64_t shapes[][4] = {{3, 40, 700, 30}, {1, 2, 900, 600}, {1, 300, 1200, 33}};
    kdst__compute *all[3] = {with_threads(1), with_threads(2), with_threads(7)};
    for (int which = 0; which < 3; which++) {
        int64_t outer = shapes[which][0], size = shapes[which][1], n = shapes[which][2], inner = shapes[which][3];
        array *x = random_array(outer * size * inner, 1), *dy = random_array(outer * n * inner, 2), *first[3] = {NULL};
        for (int t = 0; t < 3; t++) {
            array *out[3] = {filled_array(dy->count, 0), filled_array(x->count, 0.1), filled_array(MOST * inner, 0.1)};
            fill_list(n, size);
            kdst__rows_select(
                all[t], (int64_t)kdst__size_of(dtype), outer, size, n, inner, list, x->data, out[0]->data);
            ck_assert_int_eq(
                kdst__rows_add(all[t], dtype, outer, size, n, inner, list, dy->data, out[1]->data), KDST_STATUS_OK);
            fill_places(n, MOST);
            kdst__rows_place(all[t], dtype, n, inner, list, dy->data, 1, out[2]->data);
            for (int i = 0; i < 3; i++) {
                if (t) expect_same_bits(out[i], first[i], "other threads");
                if (!t) first[i] = out[i];
            }
        }
        drop_arrays();
    }
}
END_TEST

START_TEST(no_memory)
{
    begin(_i);
    kdst__memory *memory = kdst__compute_memory(cp);
    array *dy = random_array(2000, 1), *dx = filled_array(1000, 7);
    double *before = values_of(dx);
    fill_list(200, 100);
    kdst__memory_trim(memory);
    kdst__memory_set_limit(memory, kdst__memory_used(memory) + 1);
    ck_assert_int_eq(kdst__rows_add(cp, dtype, 1, 100, 200, 10, list, dy->data, dx->data), KDST_STATUS_OUT_OF_MEMORY);
    kdst__memory_set_limit(memory, 0);
    expect_equal(dx, before, "after a refusal");
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, all_sizes, 0, configurations());
    tcase_add_loop_test(tests, bytes, 0, configurations());
    tcase_add_loop_test(tests, same_bits_with_any_threads, 0, configurations());
    tcase_add_loop_test(tests, no_memory, 0, configurations());
}

int main(void)
{
    return run_compute_suite("rows", build);
}
