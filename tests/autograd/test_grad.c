/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for gradients, reading them, cutting tensors off from the record. */
#include "support.h"

static const kdst_dtype others[] = {KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};

START_TEST(asking)
{
    kdst_tensor *x = filled(real_type(_i), SHAPE(2), 1);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(x), 0);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(x), 1);
    expect_ok(kdst_tensor_set_requires_grad(x, 0));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(x), 0);
    static const int32_t wrong[] = {-1, 2, INT32_MAX};
    for (int i = 0; i < 3; i++)
        expect_failure(kdst_tensor_set_requires_grad(x, wrong[i]), KDST_STATUS_INVALID_ARGUMENT, "allowed is 0 or 1");
    ck_assert_int_eq(kdst_tensor_set_requires_grad(NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(NULL), 0);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(asking_what_cannot)
{
    kdst_tensor *x = NULL, *a = filled(F32, SHAPE(2), 1), *y = NULL;
    expect_ok(kdst_tensor_create(ctx, others[_i], SHAPE(2), &x));
    expect_failure(kdst_tensor_set_requires_grad(x, 1), KDST_STATUS_DTYPE, "expected float32 or float64");
    ck_assert_int_eq(kdst_tensor_get_requires_grad(x), 0);
    expect_ok(kdst_tensor_set_requires_grad(a, 1));
    expect_ok(kdst_relu(a, &y));
    expect_failure(kdst_tensor_set_requires_grad(y, 0), KDST_STATUS_STATE, "the result of relu");
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    kdst_tensor_release(y);
    kdst_tensor_release(a);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(reading)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *dy = filled(F32, SHAPE(2, 3), 2), *grad = (kdst_tensor *)&grad;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_failure(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND, "no gradient yet");
    ck_assert_ptr_null(grad);
    expect_ok(kdst_backward(x, dy, NULL));
    expect_failure(kdst_tensor_get_grad(x, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_tensor_get_grad(NULL, &grad), KDST_STATUS_INVALID_ARGUMENT);
    grad = grad_of(x);
    expect_shape(grad, SHAPE(2, 3));
    ck_assert_int_eq(kdst_tensor_get_dtype(grad), F32);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(grad), 0);
    double *expected = doubles(dy);
    expect_close(grad, expected);
    kdst_tensor_release(x);
    expect_close(grad, expected); /* it lives on by itself */
    free(expected);
    kdst_tensor_release(grad);
    kdst_tensor_release(dy);
    ck_assert_int_eq(kdst_tensor_clear_grad(NULL), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

/* A gradient that was read stays what it was when the leaf forgets it and takes a new one. */
START_TEST(forgetting)
{
    kdst_tensor *x = filled(F64, SHAPE(2), 1), *first = filled(F64, SHAPE(2), 2), *second = filled(F64, SHAPE(2), 3);
    double *one = doubles(first), *two = doubles(second);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_tensor_clear_grad(x));
    expect_ok(kdst_backward(x, first, NULL));
    kdst_tensor *kept = grad_of(x);
    expect_ok(kdst_tensor_clear_grad(x));
    expect_ok(kdst_backward(x, second, NULL));
    kdst_tensor *fresh = grad_of(x);
    expect_close(kept, one);
    expect_close(fresh, two);
    kdst_tensor_release(fresh);
    kdst_tensor_release(kept);
    free(two);
    free(one);
    kdst_tensor_release(second);
    kdst_tensor_release(first);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(detaching)
{
    kdst_tensor *x = scattered(filled(F32, SHAPE(2, 3), 1)), *cut = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_detach(x, &cut));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(cut), 0);
    ck_assert_int_eq(kdst_tensor_get_stride(cut, 0), kdst_tensor_get_stride(x, 0));
    double *expected = doubles(x);
    expect_close(cut, expected);
    free(expected);
    expect_ok(kdst_tensor_set_value(cut, 2));
    expect_close(x, (double[]){2, 2, 2, 2, 2, 2});
    expect_failure(kdst_detach(x, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    kdst_tensor_release(cut);
    cut = (kdst_tensor *)&cut;
    ck_assert_int_eq(kdst_detach(NULL, &cut), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(cut);
    kdst_tensor_release(x);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, asking, 0, 2);
    tcase_add_loop_test(tests, asking_what_cannot, 0, 3);
    tcase_add_test(tests, reading);
    tcase_add_test(tests, forgetting);
    tcase_add_test(tests, detaching);
}

int main(void)
{
    return run_suite("grad", build);
}
