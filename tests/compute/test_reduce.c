/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, dot products, sums of rows, and the search for numbers that are not finite. */
#include "reference/reference.h"
#include "support.h"

enum { MORE = 6 };

/* Blocks of 512 elements are summed in the element type, and those in double. */
static double terms(int64_t n)
{
    return n < 512 ? (double)n : 512;
}

static int64_t size_at(int i)
{
    static const int64_t more[MORE] = {511, 512, 513, 2000, 65536, 150001};
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    return i < SIZES ? sizes[i] : more[i - SIZES];
}

START_TEST(sums)
{
    begin(_i);
    for (int i = 0; i < SIZES + MORE; i++) {
        int64_t n = size_at(i);
        array *x = i % 2 ? early_array(n, 1) : random_array(n, 1), *y = random_array(n, 2);
        double size, got = NAN, expected = reference_sum(n, x->values, &size);
        ck_assert_int_eq(kdst__sum(cp, dtype, n, x->data, &got), KDST_STATUS_OK);
        ck_assert_msg(
            fabs(got - expected) <= sum_bound(unit, terms(n), size) + chain_bound(0x1p-53, (double)n, size),
            "sum of %d is %.17g, expected %.17g", (int)n, got, expected);
        expected = reference_dot(n, x->values, y->values, &size);
        ck_assert_int_eq(kdst__dot(cp, dtype, n, x->data, y->data, &got), KDST_STATUS_OK);
        ck_assert_msg(
            fabs(got - expected) <= sum_bound(unit, terms(n), size) + chain_bound(0x1p-53, (double)n, size),
            "dot of %d is %.17g, expected %.17g", (int)n, got, expected);
        drop_arrays();
    }
}
END_TEST

/* The kernel alone: every third element, backwards too. */
START_TEST(sums_apart)
{
    begin(_i);
    for (int i = 1; i < SIZES; i++) {
        int64_t n = size_at(i);
        array *x = random_array(3 * n - 2, 1);
        double expected = 0, size = 0;
        for (int64_t k = 0; k < n; k++) {
            expected += x->values[3 * k];
            size += fabs(x->values[3 * k]);
        }
        double got = KDST__CALL(cp, dtype, sum, n, x->data, 3);
        ck_assert_double_le(fabs(got - expected), sum_bound(unit, (double)n, size));
        got = KDST__CALL(cp, dtype, sum, n, kdst__at(dtype, x->data, 3 * n - 3), -3);
        ck_assert_double_le(fabs(got - expected), sum_bound(unit, (double)n, size));
        drop_arrays();
    }
}
END_TEST

/* Sums of many numbers of one sign: the error stays that of a block, not of the whole. */
START_TEST(long_sums)
{
    begin(_i);
    enum { N = 3000000 };
    array *x = filled_array(N, 0.1);
    double got = NAN, expected = (double)N * x->values[0];
    ck_assert_int_eq(kdst__sum(cp, dtype, N, x->data, &got), KDST_STATUS_OK);
    ck_assert_double_le(
        fabs(got - expected), sum_bound(unit, 512 / (double)lanes / 4, expected) + 1e-9 * (dtype == KDST__F64));
}
END_TEST

START_TEST(rows_added_up)
{
    begin(_i);
    for (int i = 0; i < SIZES; i++)
        for (int64_t rows = 0; rows <= 5; rows++) {
            int64_t n = size_at(i), stride = n + 3;
            array *x = random_array(rows ? (rows - 1) * stride + n : 0, 1);
            double *got = numbers(n), *expected = numbers(n);
            for (int64_t k = 0; k < n; k++) {
                got[k] = expected[k] = (double)k;
                for (int64_t r = 0; r < rows; r++)
                    expected[k] += x->values[r * stride + k];
            }
            KDST__CALL(cp, dtype, add_rows, rows, n, x->data, stride, got);
            ck_assert_mem_eq(got, expected, (size_t)n * sizeof *got);
            drop_arrays();
        }
}
END_TEST

START_TEST(finite_or_not)
{
    begin(_i);
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    double most = dtype == KDST__F32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
    for (int i = 0; i < SIZES + MORE - 1; i++) {
        int64_t n = size_at(i);
        array *x = random_array(n, 1);
        for (int64_t k = 0; k < n; k++)
            set_element(x, k, k % 2 ? most : -most);
        ck_assert_int_eq(kdst__all_finite(cp, dtype, n, x->data), 1);
        for (int64_t k = 0; k<n; k += n> 100 ? n / 37 : 1)
            for (int b = 0; b < 3; b++) {
                double kept = x->values[k];
                set_element(x, k, bad[b]);
                ck_assert_msg(
                    !kdst__all_finite(cp, dtype, n, x->data), "%g at %d of %d is missed", bad[b], (int)k, (int)n);
                set_element(x, k, kept);
            }
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, sums, 0, configurations());
    tcase_add_loop_test(tests, sums_apart, 0, configurations());
    tcase_add_loop_test(tests, long_sums, 0, configurations());
    tcase_add_loop_test(tests, rows_added_up, 0, configurations());
    tcase_add_loop_test(tests, finite_or_not, 0, configurations());
}

int main(void)
{
    return run_compute_suite("reduce", build);
}
