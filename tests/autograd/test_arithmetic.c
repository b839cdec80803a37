/* SPDX-License-Identifier: Apache-2.0 */
/* add, sub, mul, div: values, broadcasting in all directions, empty tensors, bad input. */
#include "support.h"

typedef kdst_status (*binary_fn)(kdst_tensor *, kdst_tensor *, kdst_tensor **);
static const binary_fn functions[] = {kdst_add, kdst_sub, kdst_mul, kdst_div};

static double naive(int function, double a, double b)
{
    return function == 0 ? a + b : function == 1 ? a - b : function == 2 ? a * b : a / b;
}

/* Broadcasting pairs of rank 3 after leading ones are added. */
static const int64_t pairs[][2][3] = {
    {{1, 1, 1}, {1, 1, 1}}, {{2, 3, 5}, {2, 3, 5}},    {{2, 3, 5}, {1, 1, 5}},   {{1, 1, 17}, {4, 7, 17}},
    {{2, 3, 1}, {2, 3, 8}}, {{1, 3, 1}, {2, 1, 7}},    {{4, 1, 16}, {1, 33, 1}}, {{1, 1, 1}, {3, 5, 15}},
    {{2, 0, 3}, {1, 1, 3}}, {{64, 33, 7}, {1, 33, 1}},
};
#define PAIRS ((int)(sizeof pairs / sizeof *pairs))

static void check_pair(int function, kdst_dtype dtype, const int64_t (*pair)[3], int views)
{
    kdst_tensor *a = filled(dtype, 3, pair[0], 1), *b = filled(dtype, 3, pair[1], 2), *y = NULL, *two = NULL;
    int64_t shape[3], count = 1, rows = 2;
    expect_ok(kdst_tensor_create_from(ctx, F64, 1, &(int64_t){1}, &(double){rows}, &two));
    kdst_tensor *two_typed = NULL, *away = NULL;
    expect_ok(kdst_tensor_copy(two, dtype, &two_typed));
    expect_ok(kdst_add(b, two_typed, &away)); /* in [1, 3]: no division by 0 */
    if (views) {
        a = scattered(a);
        away = scattered(away);
    }
    expect_ok(functions[function](a, away, &y));
    for (int i = 0; i < 3; i++) {
        shape[i] = pair[0][i] == 1 ? pair[1][i] : pair[0][i];
        count *= shape[i];
    }
    expect_shape(y, 3, shape);
    double *va = doubles(a), *vb = doubles(away), *expected = malloc((size_t)count * sizeof(double) + 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t at[3] = {i / (shape[1] * shape[2]), i / shape[2] % shape[1], i % shape[2]}, ia = 0, ib = 0;
        for (int d = 0; d < 3; d++) {
            ia = ia * pair[0][d] + (pair[0][d] == 1 ? 0 : at[d]);
            ib = ib * pair[1][d] + (pair[1][d] == 1 ? 0 : at[d]);
        }
        expected[i] = naive(function, va[ia], vb[ib]);
    }
    expect_close(y, expected);
    free(va);
    free(vb);
    free(expected);
    kdst_tensor *all[] = {a, b, y, two, two_typed, away};
    for (int i = 0; i < 6; i++)
        kdst_tensor_release(all[i]);
}

START_TEST(test_broadcasting)
{
    for (int function = 0; function < 4; function++)
        for (int pair = 0; pair < PAIRS; pair++)
            for (int views = 0; views < 2; views++)
                check_pair(function, real_type(_i), pairs[pair], views);
}
END_TEST

START_TEST(test_scalar_with_anything)
{
    kdst_tensor *scalar = from_doubles(F32, 0, NULL, &(double){3}), *x = filled(F32, SHAPE(2, 2), 4), *y = NULL;
    expect_ok(kdst_mul(scalar, x, &y));
    expect_shape(y, SHAPE(2, 2));
    double *v = doubles(x);
    expect_close(y, (double[]){3 * v[0], 3 * v[1], 3 * v[2], 3 * v[3]});
    free(v);
    kdst_tensor_release(y);
    expect_ok(kdst_sub(scalar, scalar, &y));
    ck_assert_int_eq(kdst_tensor_get_rank(y), 0);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_tensor_release(scalar);
}
END_TEST

START_TEST(test_same_tensor_twice)
{
    kdst_tensor *x = from_doubles(F64, SHAPE(2), (double[]){3, -2}), *y = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_mul(x, x, &y));
    kdst_tensor *dy = from_doubles(F64, SHAPE(2), (double[]){1, 1});
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){6, -4});
    kdst_tensor *all[] = {x, y, dy, dx};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_input)
{
    binary_fn fn = functions[_i];
    kdst_context *other = context_with_threads(1);
    kdst_tensor *a = filled(F32, SHAPE(2, 3), 1), *b = filled(F32, SHAPE(4), 2), *wide = filled(F64, SHAPE(2, 3), 3);
    kdst_tensor *labels = from_labels(3, (int32_t[]){1, 2, 3}), *far = filled_in(other, F32, SHAPE(2, 3), 1), *y = a;
    expect_failure(fn(a, b, &y), KDST_STATUS_SHAPE, "[2, 3] and [4]");
    ck_assert_ptr_null(y);
    expect_failure(fn(a, wide, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(fn(a, labels, &y), KDST_STATUS_DTYPE, "int32");
    expect_failure(fn(a, far, &y), KDST_STATUS_INVALID_ARGUMENT, "another context");
    expect_failure(fn(a, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(fn(a, a, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(fn(NULL, a, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(y);
    kdst_tensor *all[] = {a, b, wide, labels, far};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
    kdst_context_release(other);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_broadcasting, 0, 2);
    tcase_add_test(tests, test_scalar_with_anything);
    tcase_add_test(tests, test_same_tensor_twice);
    tcase_add_loop_test(tests, test_bad_input, 0, 4);
}

int main(void)
{
    return run_suite("arithmetic", build);
}
