/* SPDX-License-Identifier: Apache-2.0 */
/* Products with one to three rows or columns, and the two kernels they are made of. */
#include "reference/reference.h"
#include "support.h"

/* C [m, n] (+)= A [m, k] B [k, n]; `transposed`: the same product as its transpose, so that n is the short side. */
static void check(int64_t m, int64_t n, int64_t k, int b_by_columns, int transposed, int32_t accumulate)
{
    char what[96];
    array *a = random_array(m * k, 1), *b = (k + n) % 2 ? early_array(k * n, 2) : random_array(k * n, 2);
    array *c = random_array(m * n, 3);
    int64_t b_rs = b_by_columns ? 1 : n, b_cs = b_by_columns ? k : 1;
    double *expected = accumulate ? values_of(c) : numbers(m * n), *bound = numbers(m * n);
    reference_gemm(m, n, k, a->values, k, 1, b->values, b_rs, b_cs, expected, n, 1, bound);
    for (int64_t i = 0; i < m * n; i++) {
        bound[i] = sum_bound(unit, (double)k, bound[i]);
        if (!accumulate) set_element(c, i, NAN);
    }
    kdst_status status = transposed
        ? kdst__gemm(cp, dtype, n, m, k, b->data, b_cs, b_rs, a->data, 1, k, accumulate, c->data, 1, n)
        : kdst__gemm(cp, dtype, m, n, k, a->data, k, 1, b->data, b_rs, b_cs, accumulate, c->data, n, 1);
    ck_assert_int_eq(status, KDST_STATUS_OK);
    snprintf(
        what, sizeof what, "%lld x %lld x %lld, B by %s%s", (long long)m, (long long)n, (long long)k,
        b_by_columns ? "columns" : "rows", transposed ? ", transposed" : "");
    expect_within(c, expected, bound, what);
    drop_arrays();
}

START_TEST(few_rows)
{
    begin(_i);
    int64_t widths[SIZES], w = lanes;
    const int64_t depths[] = {0, 1, w - 1, w, w + 1, 4 * w + 3, 1023, 1024, 1025, 2100};
    sizes_around(w, widths);
    for (int64_t m = 1; m <= 3; m++)
        for (int j = 0; j < SIZES; j++)
            for (int p = 0; p < 10; p++)
                for (int form = 0; form < 4; form++)
                    check(m, widths[j], widths[j] > 500 && depths[p] > 100 ? 5 : depths[p], form % 2, form / 2, p % 2);
}
END_TEST

/* Past the block of columns that are a piece, and past the work that is cut into pieces. */
START_TEST(many_columns)
{
    begin(_i);
    for (int form = 0; form < 4; form++) {
        check(1, 127, 70, form % 2, form / 2, 0);
        check(2, 129, 70, form % 2, form / 2, 1);
        check(3, 1000, 130, form % 2, form / 2, 0);
        check(1, 700, 1100, form % 2, form / 2, 1);
    }
}
END_TEST

/* The kernels alone: rows or columns of B further apart than they are long. */
START_TEST(kernels)
{
    begin(_i);
    int64_t sizes[SIZES];
    sizes_around(lanes, sizes);
    for (int i = 0; i < SIZES - 1; i++)
        for (int j = 0; j < SIZES - 1; j++) {
            int64_t n = sizes[i], k = sizes[j], apart_n = n + 2, apart_k = k + 3;
            array *a = random_array(k, 1), *y = filled_array(n, NAN), *z = filled_array(n, NAN);
            array *columns = random_array(n ? (n - 1) * apart_k + k : 0, 2);
            array *rows = random_array(k ? (k - 1) * apart_n + n : 0, 3);
            double *expected = numbers(n), *bound = numbers(n);
            if (n) KDST__CALL(cp, dtype, gemv_dot, n, k, columns->data, apart_k, a->data, y->data);
            reference_gemm(1, n, k, a->values, 0, 1, columns->values, 1, apart_k, expected, 0, 1, bound);
            for (int64_t p = 0; p < n; p++)
                bound[p] = sum_bound(unit, (double)k, bound[p]);
            expect_within(y, expected, bound, "gemv_dot");
            if (n) KDST__CALL(cp, dtype, gemv_axpy, n, k, rows->data, apart_n, a->data, z->data);
            memset(expected, 0, (size_t)n * sizeof *expected);
            reference_gemm(1, n, k, a->values, 0, 1, rows->values, apart_n, 1, expected, 0, 1, bound);
            for (int64_t p = 0; p < n; p++)
                bound[p] = sum_bound(unit, (double)k, bound[p]);
            expect_within(z, expected, bound, "gemv_axpy");
            drop_arrays();
        }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, few_rows, 0, configurations());
    tcase_add_loop_test(tests, many_columns, 0, configurations());
    tcase_add_loop_test(tests, kernels, 0, configurations());
}

int main(void)
{
    return run_compute_suite("gemv", build);
}
