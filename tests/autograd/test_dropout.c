/* SPDX-License-Identifier: Apache-2.0 */
/* dropout and relu: values, share of zeros, the mask in the backward pass, streams; bad input. */
#include "support.h"

START_TEST(test_relu)
{
    double values[] = {-2, -0.0, 0, 3, -1e-30, 1e-30, 7};
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(7), values), *y = NULL;
    kdst_tensor *dy = from_doubles(real_type(_i), SHAPE(7), (double[]){1, 2, 3, 4, 5, 6, 7});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_relu(x, &y));
    expect_close(y, (double[]){0, 0, 0, 3, 0, 1e-30, 7});
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){0, 0, 0, 4, 0, 6, 7});
    kdst_tensor *all[] = {x, y, dy, dx};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_relu_keeps_nan)
{
    kdst_tensor *x = from_doubles(F32, SHAPE(9), (double[]){NAN, 1, 1, 1, 1, 1, 1, 1, NAN}), *y = NULL;
    expect_ok(kdst_relu(x, &y));
    double *v = doubles(y);
    ck_assert_double_nan(v[0]);
    ck_assert_double_nan(v[8]);
    free(v);
    kdst_tensor_release(x);
    kdst_tensor_release(y);
}
END_TEST

/* Kept elements are x / (1 - rate), their share is 1 - rate within five deviations, dx is dy under the same mask. */
START_TEST(test_dropout)
{
    double rates[] = {0.1, 0.5, 0.9};
    for (int r = 0; r < 3; r++) {
        int64_t n = 10007, kept = 0;
        kdst_tensor *x = NULL, *y = NULL, *dy = filled(real_type(_i), 1, &n, 3);
        expect_ok(kdst_tensor_create(ctx, real_type(_i), 1, &n, &x));
        expect_ok(kdst_tensor_set_value(x, 2));
        expect_ok(kdst_tensor_set_requires_grad(x, 1));
        expect_ok(kdst_dropout(x, rates[r], &y));
        double scale = 1 / (1 - rates[r]), *vy = doubles(y), *vdy = doubles(dy), *expected = malloc((size_t)n * 8);
        for (int64_t i = 0; i < n; i++) {
            ck_assert(vy[i] == 0 || fabs(vy[i] - 2 * scale) < 1e-5);
            kept += vy[i] != 0;
            expected[i] = vy[i] != 0 ? vdy[i] * scale : 0;
        }
        ck_assert_double_lt(
            fabs((double)kept / (double)n - (1 - rates[r])), 5 * sqrt(rates[r] * (1 - rates[r]) / (double)n));
        expect_ok(kdst_backward(y, dy, NULL));
        kdst_tensor *dx = grad_of(x);
        expect_close(dx, expected);
        free(vy);
        free(vdy);
        free(expected);
        kdst_tensor *all[] = {x, y, dy, dx};
        for (int i = 0; i < 4; i++)
            kdst_tensor_release(all[i]);
    }
}
END_TEST

START_TEST(test_rate_zero_is_a_copy)
{
    kdst_tensor *x = filled(F32, SHAPE(5, 3), 1), *y = NULL;
    double *before = doubles(x);
    expect_ok(kdst_dropout(x, 0, &y));
    expect_ok(kdst_tensor_set_value(x, 0));
    expect_close(y, before);
    free(before);
    kdst_tensor_release(x);
    kdst_tensor_release(y);
}
END_TEST

START_TEST(test_streams)
{
    kdst_tensor *x = filled(F32, SHAPE(1000), 1), *y[3] = {NULL};
    double *v[3];
    expect_ok(kdst_context_set_seed(ctx, 5));
    expect_ok(kdst_dropout(x, 0.5, &y[0]));
    expect_ok(kdst_dropout(x, 0.5, &y[1]));
    expect_ok(kdst_context_set_seed(ctx, 5));
    expect_ok(kdst_dropout(x, 0.5, &y[2]));
    for (int i = 0; i < 3; i++)
        v[i] = doubles(y[i]);
    ck_assert_mem_ne(v[0], v[1], 8000);
    ck_assert_mem_eq(v[0], v[2], 8000);
    for (int i = 0; i < 3; i++) {
        free(v[i]);
        kdst_tensor_release(y[i]);
    }
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *labels = from_labels(1, (int32_t[]){1}), *y = x;
    expect_failure(kdst_dropout(x, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "rate is 1");
    ck_assert_ptr_null(y);
    expect_failure(kdst_dropout(x, -0.1, &y), KDST_STATUS_INVALID_ARGUMENT, "rate is -0.1");
    expect_failure(kdst_dropout(x, NAN, &y), KDST_STATUS_INVALID_ARGUMENT, "rate");
    expect_failure(kdst_dropout(labels, 0.5, &y), KDST_STATUS_DTYPE, "int32");
    expect_failure(kdst_relu(labels, &y), KDST_STATUS_DTYPE, "int32");
    ck_assert_int_eq(kdst_dropout(NULL, 0.5, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_relu(NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(x);
    kdst_tensor_release(labels);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_relu, 0, 2);
    tcase_add_test(tests, test_relu_keeps_nan);
    tcase_add_loop_test(tests, test_dropout, 0, 2);
    tcase_add_test(tests, test_rate_zero_is_a_copy);
    tcase_add_test(tests, test_streams);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("dropout", build);
}
