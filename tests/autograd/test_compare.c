/* SPDX-License-Identifier: Apache-2.0 */
/* minimum, maximum, pow_tensor, comparisons, logic, is_finite and where through the public API: ties, NaN, types, bad input. */
#include "support.h"

#include "failures/each_allocation.h"

typedef kdst_status (*pair_fn)(kdst_tensor *, kdst_tensor *, kdst_tensor **);

static const pair_fn comparisons[] = {kdst_equal,      kdst_not_equal, kdst_less,
                                      kdst_less_equal, kdst_greater,   kdst_greater_equal};

static int relation(int op, double a, double b)
{
    const int all[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    return all[op];
}

static void expect_bools(kdst_tensor *t, const double *expected)
{
    ck_assert_int_eq(kdst_tensor_get_dtype(t), KDST_DTYPE_BOOL);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(t), 0);
    double *got = doubles(t);
    for (int64_t i = 0; i < kdst_tensor_get_count(t); i++)
        ck_assert_msg(got[i] == expected[i], "element %d is %g", (int)i, got[i]);
    free(got);
}

START_TEST(test_comparisons)
{
    static const kdst_dtype types[] = {F32, F64, KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};
    const double a[] = {0, 1, 0, 1, 1, 0}, b[] = {1, 1, 0}, c[] = {1, 0};
    double expected[6];
    for (int op = 0; op < 6; op++) {
        kdst_tensor *x = from_doubles(types[_i], SHAPE(2, 3), a), *row = from_doubles(types[_i], SHAPE(3), b);
        kdst_tensor *column = from_doubles(types[_i], SHAPE(2, 1), c), *y = NULL;
        if (types[_i] == F32) expect_ok(kdst_tensor_set_requires_grad(x, 1));
        expect_ok(comparisons[op](x, row, &y));
        expect_shape(y, SHAPE(2, 3));
        for (int i = 0; i < 6; i++)
            expected[i] = relation(op, a[i], b[i % 3]);
        expect_bools(y, expected);
        kdst_tensor_release(y);
        expect_ok(comparisons[op](row, column, &y));
        expect_shape(y, SHAPE(2, 3));
        for (int i = 0; i < 6; i++)
            expected[i] = relation(op, b[i % 3], c[i / 3]);
        expect_bools(y, expected);
        kdst_tensor_release(y);
        x = scattered(x);
        expect_ok(comparisons[op](x, row, &y));
        for (int i = 0; i < 6; i++)
            expected[i] = relation(op, a[i], b[i % 3]);
        expect_bools(y, expected);
        kdst_tensor *all[] = {x, row, column, y};
        for (int i = 0; i < 4; i++)
            kdst_tensor_release(all[i]);
    }
}
END_TEST

/* Neighbouring large numbers, which float32 would not tell apart. */
START_TEST(test_whole_numbers_are_exact)
{
    kdst_tensor *a = from_labels(2, (int32_t[]){INT32_MAX, INT32_MIN}), *y = NULL;
    kdst_tensor *b = from_labels(2, (int32_t[]){INT32_MAX - 1, INT32_MIN});
    expect_ok(kdst_greater(a, b, &y));
    expect_bools(y, (double[]){1, 0});
    kdst_tensor_release(y);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
}
END_TEST

START_TEST(test_nan_and_empty)
{
    kdst_tensor *x = from_doubles(F64, SHAPE(3), (double[]){NAN, INFINITY, 1}), *y = NULL;
    for (int op = 0; op < 6; op++) {
        expect_ok(comparisons[op](x, x, &y));
        expect_bools(y, (double[]){op == 1, relation(op, 1, 1), relation(op, 1, 1)});
        kdst_tensor_release(y);
    }
    expect_ok(kdst_is_finite(x, &y));
    expect_bools(y, (double[]){0, 0, 1});
    kdst_tensor_release(y);
    kdst_tensor *labels = from_labels(2, (int32_t[]){1, 2}), *none = filled(F32, SHAPE(0, 2), 1);
    expect_ok(kdst_is_finite(labels, &y));
    expect_bools(y, (double[]){1, 1});
    kdst_tensor_release(y);
    expect_ok(kdst_less(none, none, &y));
    expect_shape(y, SHAPE(0, 2));
    kdst_tensor *all[] = {x, y, labels, none};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_logic)
{
    kdst_tensor *a = from_doubles(KDST_DTYPE_BOOL, SHAPE(2, 2), (double[]){0, 0, 1, 1}), *y = NULL;
    kdst_tensor *b = from_doubles(KDST_DTYPE_BOOL, SHAPE(2), (double[]){0, 1}), *x = filled(F32, SHAPE(2), 1);
    expect_ok(kdst_logical_and(a, b, &y));
    expect_bools(y, (double[]){0, 0, 0, 1});
    kdst_tensor_release(y);
    expect_ok(kdst_logical_or(a, b, &y));
    expect_bools(y, (double[]){0, 1, 1, 1});
    kdst_tensor_release(y);
    expect_ok(kdst_logical_not(a, &y));
    expect_bools(y, (double[]){1, 1, 0, 0});
    kdst_tensor_release(y);
    expect_failure(kdst_logical_and(a, x, &y), KDST_STATUS_DTYPE, "input 1 is float32, expected bool");
    ck_assert_ptr_null(y);
    expect_failure(kdst_logical_not(x, &y), KDST_STATUS_DTYPE, "logical_not: input 0 is float32");
    kdst_tensor *all[] = {a, b, x};
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

/* Value and gradients of sum y; the inputs are leaves of rank 1. */
static void
expect_pair(pair_fn fn, int n, const double *a, const double *b, const double *y, const double *da, const double *db)
{
    for (int type = 0; type < 2; type++) {
        kdst_tensor *ta = from_doubles(real_type(type), 1, (int64_t[]){n}, a), *ty = NULL;
        kdst_tensor *tb = from_doubles(real_type(type), 1, (int64_t[]){n}, b), *one = NULL;
        expect_ok(kdst_tensor_set_requires_grad(ta, 1));
        expect_ok(kdst_tensor_set_requires_grad(tb, 1));
        expect_ok(fn(ta, tb, &ty));
        expect_ok(kdst_tensor_copy(ty, 0, &one));
        expect_ok(kdst_tensor_set_value(one, 1));
        expect_ok(kdst_backward(ty, one, NULL));
        kdst_tensor *ga = grad_of(ta), *gb = grad_of(tb);
        double *got[] = {doubles(ty), doubles(ga), doubles(gb)};
        const double *wanted[] = {y, da, db};
        for (int k = 0; k < 3; k++) {
            for (int i = 0; i < n; i++)
                ck_assert_msg(
                    isnan(wanted[k][i]) ? isnan(got[k][i]) : fabs(got[k][i] - wanted[k][i]) <= 1e-6,
                    "%d of %g and %g is %g, expected %g", k, a[i], b[i], got[k][i], wanted[k][i]);
            free(got[k]);
        }
        kdst_tensor *all[] = {ta, tb, ty, one, ga, gb};
        for (int i = 0; i < 6; i++)
            kdst_tensor_release(all[i]);
    }
}

START_TEST(test_ties_and_nan)
{
    const double a[] = {1, 2, 3, 0, -0.0, NAN, 1}, b[] = {2, 2, 1, 0, 0, 1, NAN};
    expect_pair(
        kdst_minimum, 7, a, b, (double[]){1, 2, 1, 0, 0, NAN, NAN}, (double[]){1, 0.5, 0, 0.5, 0.5, 1, 1},
        (double[]){0, 0.5, 1, 0.5, 0.5, 1, 1});
    expect_pair(
        kdst_maximum, 7, a, b, (double[]){2, 2, 3, 0, 0, NAN, NAN}, (double[]){0, 0.5, 1, 0.5, 0.5, 1, 1},
        (double[]){1, 0.5, 0, 0.5, 0.5, 1, 1});
}
END_TEST

START_TEST(test_powers)
{
    const double a[] = {2, 4, 0, 0, -2, 1}, b[] = {3, 0.5, 2, 0, 2, -1};
    expect_pair(
        kdst_pow_tensor, 6, a, b, (double[]){8, 2, 0, 1, 4, 1}, (double[]){12, 0.25, 0, 0, -4, -1},
        (double[]){8 * log(2), 2 * log(4), 0, 0, NAN, 0});
}
END_TEST

START_TEST(test_where)
{
    kdst_tensor *condition = from_doubles(KDST_DTYPE_BOOL, SHAPE(2, 1), (double[]){1, 0}), *y = NULL;
    kdst_tensor *a = from_doubles(real_type(_i), SHAPE(3), (double[]){1, 2, 3});
    kdst_tensor *b = from_doubles(real_type(_i), SHAPE(2, 3), (double[]){NAN, NAN, NAN, 4, 5, 6});
    kdst_tensor *dy = from_doubles(real_type(_i), SHAPE(2, 3), (double[]){1, 2, 3, INFINITY, NAN, 6});
    expect_ok(kdst_tensor_set_requires_grad(a, 1));
    expect_ok(kdst_tensor_set_requires_grad(b, 1));
    expect_ok(kdst_where(condition, a, b, &y));
    expect_shape(y, SHAPE(2, 3));
    expect_close(y, (double[]){1, 2, 3, 4, 5, 6});
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *da = grad_of(a), *db = grad_of(b);
    expect_close(da, (double[]){1, 2, 3});
    double *got = doubles(db);
    ck_assert(got[0] == 0 && got[1] == 0 && got[2] == 0 && isinf(got[3]) && isnan(got[4]) && got[5] == 6);
    free(got);
    kdst_tensor *all[] = {condition, a, b, dy, y, da, db};
    for (int i = 0; i < 7; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_where_of_labels)
{
    kdst_tensor *condition = from_doubles(KDST_DTYPE_BOOL, SHAPE(3), (double[]){1, 0, 1}), *y = NULL;
    kdst_tensor *a = from_labels(3, (int32_t[]){1, 2, 3}), *b = from_labels(1, (int32_t[]){-1});
    expect_ok(kdst_where(condition, a, b, &y));
    ck_assert_int_eq(kdst_tensor_get_dtype(y), KDST_DTYPE_INT32);
    expect_close(y, (double[]){1, -1, 3});
    kdst_tensor_release(y);
    expect_ok(kdst_where(condition, condition, condition, &y));
    expect_bools(y, (double[]){1, 0, 1});
    kdst_tensor *all[] = {condition, a, b, y};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_input)
{
    static const pair_fn fns[] = {kdst_minimum, kdst_maximum,    kdst_pow_tensor, kdst_equal,
                                  kdst_less,    kdst_logical_or, kdst_greater};
    const pair_fn fn = fns[_i];
    kdst_dtype type = fn == kdst_logical_or ? KDST_DTYPE_BOOL : F32;
    kdst_context *other = context_with_threads(1);
    kdst_tensor *a = from_doubles(type, SHAPE(2, 3), (double[6]){0}), *b = from_doubles(type, SHAPE(4), (double[4]){0});
    kdst_tensor *wide = filled(F64, SHAPE(2, 3), 3), *far = filled_in(other, F32, SHAPE(2, 3), 1), *y = a;
    expect_failure(fn(a, b, &y), KDST_STATUS_SHAPE, "[2, 3] and [4]");
    ck_assert_ptr_null(y);
    expect_failure(fn(a, wide, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(fn(a, far, &y), KDST_STATUS_INVALID_ARGUMENT, "another context");
    expect_failure(fn(a, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(fn(a, a, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(fn(NULL, a, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {a, b, wide, far};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
    kdst_context_release(other);
}
END_TEST

START_TEST(test_bad_input_of_where)
{
    kdst_tensor *condition = from_doubles(KDST_DTYPE_BOOL, SHAPE(3), (double[]){1, 0, 1});
    kdst_tensor *x = filled(F32, SHAPE(3), 1), *wide = filled(F64, SHAPE(3), 1), *two = filled(F32, SHAPE(2), 1),
                *y = x;
    expect_failure(kdst_where(x, x, x, &y), KDST_STATUS_DTYPE, "where: condition is float32, expected bool");
    ck_assert_ptr_null(y);
    expect_failure(kdst_where(condition, x, wide, &y), KDST_STATUS_DTYPE, "where: a is float32, b is float64");
    expect_failure(kdst_where(condition, x, two, &y), KDST_STATUS_SHAPE, "where: [3] and [2] cannot be broadcast");
    expect_failure(kdst_where(condition, two, two, &y), KDST_STATUS_SHAPE, "cannot be broadcast");
    expect_failure(kdst_where(condition, x, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "b is NULL");
    ck_assert_int_eq(kdst_where(NULL, x, x, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {condition, x, wide, two};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

/* Operands that are stretched and, as whole numbers, converted. */
static kdst_status compare_all(kdst_context *in, void *arg)
{
    kdst_tensor *a = NULL, *b = NULL, *y = NULL, *z = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(in, KDST_DTYPE_INT32, 2, (int64_t[]){2, 3}, &a);
    if (status == KDST_STATUS_OK) status = kdst_tensor_create(in, KDST_DTYPE_INT32, 1, (int64_t[]){3}, &b);
    for (int op = 0; op < 6 && status == KDST_STATUS_OK; op++) {
        kdst_tensor_release(y);
        status = comparisons[op](a, b, &y);
    }
    if (status == KDST_STATUS_OK) status = kdst_logical_not(y, &z);
    kdst_tensor_release(z);
    z = NULL;
    if (status == KDST_STATUS_OK) status = kdst_logical_and(y, y, &z);
    kdst_tensor_release(z);
    z = NULL;
    if (status == KDST_STATUS_OK) status = kdst_where(y, a, b, &z);
    kdst_tensor *all[] = {a, b, y, z};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
    return status;
}

START_TEST(test_failing_allocations)
{
    ck_assert_int_ge(each_allocation_fails(NULL, compare_all, NULL), 20);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, test_failing_allocations);
    tcase_add_loop_test(tests, test_comparisons, 0, 5);
    tcase_add_test(tests, test_whole_numbers_are_exact);
    tcase_add_test(tests, test_nan_and_empty);
    tcase_add_test(tests, test_logic);
    tcase_add_test(tests, test_ties_and_nan);
    tcase_add_test(tests, test_powers);
    tcase_add_loop_test(tests, test_where, 0, 2);
    tcase_add_test(tests, test_where_of_labels);
    tcase_add_loop_test(tests, test_bad_input, 0, 7);
    tcase_add_test(tests, test_bad_input_of_where);
}

int main(void)
{
    return run_suite("compare", build);
}
