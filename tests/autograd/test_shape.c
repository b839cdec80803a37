/* SPDX-License-Identifier: Apache-2.0 */
/* reshape, transpose, slice, pad: values, sharing of storage, every element type, bad input. */
#include "support.h"

static void set_first(kdst_tensor *t, double value)
{
    void *data = NULL;
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ_WRITE, &data));
    ((float *)data)[0] = (float)value;
    expect_ok(kdst_tensor_unmap(t));
}

static double first(kdst_tensor *t)
{
    double *v = doubles(t), value = v[0];
    free(v);
    return value;
}

START_TEST(test_views_share_storage)
{
    kdst_tensor *x = filled(F32, SHAPE(4, 6), 1), *views[3] = {NULL}, *copy = NULL;
    expect_ok(kdst_reshape(x, SHAPE(2, 12), &views[0]));
    expect_ok(kdst_transpose(x, 0, 1, &views[1]));
    expect_ok(kdst_slice(x, 1, 0, 6, 2, &views[2]));
    expect_ok(kdst_reshape(views[1], SHAPE(24), &copy));
    double before = first(copy);
    set_first(x, 42);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(first(views[i]), 42);
    ck_assert_double_eq(first(copy), before);
    set_first(views[2], 43);
    ck_assert_double_eq(first(x), 43);
    kdst_tensor *all[] = {x, views[0], views[1], views[2], copy};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

/* Element i of a [2, 3, 4] tensor is i, in every type. */
START_TEST(test_values)
{
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    double values[24], expected[48] = {0};
    int boolean = dtype == KDST_DTYPE_BOOL;
    for (int i = 0; i < 24; i++)
        values[i] = boolean ? i % 3 == 0 : i;
    kdst_tensor *x = from_doubles(dtype, SHAPE(2, 3, 4), values), *y = NULL, *z = NULL;
    expect_ok(kdst_transpose(x, -1, 0, &y));
    expect_shape(y, SHAPE(4, 3, 2));
    for (int i = 0; i < 24; i++)
        expected[i] = values[i % 2 * 12 + i / 2 % 3 * 4 + i / 6];
    expect_close(y, expected);
    expect_ok(kdst_reshape(y, SHAPE(2, -1), &z)); /* not contiguous: a copy */
    expect_shape(z, SHAPE(2, 12));
    expect_close(z, expected);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    expect_ok(kdst_reshape(x, SHAPE(4, 1, 6), &y));
    expect_shape(y, SHAPE(4, 1, 6));
    expect_close(y, values);
    kdst_tensor_release(y);
    expect_ok(kdst_slice(x, -1, 1, 4, 2, &y));
    expect_shape(y, SHAPE(2, 3, 2));
    for (int i = 0; i < 12; i++)
        expected[i] = values[i / 2 * 4 + 1 + i % 2 * 2];
    expect_close(y, expected);
    expect_ok(kdst_slice(y, 0, 1, 2, 1, &z)); /* a view of a view */
    expect_close(z, expected + 6);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    expect_ok(kdst_slice(x, 0, 2, 2, 1, &y));
    expect_shape(y, SHAPE(0, 3, 4));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_pad)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(2, 2), (double[]){1, 2, 3, 4}), *y = NULL;
    x = scattered(x);
    expect_ok(kdst_pad(x, 1, 1, 2, &y));
    expect_shape(y, SHAPE(2, 5));
    expect_close(y, (double[]){0, 1, 2, 0, 0, 0, 3, 4, 0, 0});
    kdst_tensor_release(y);
    expect_ok(kdst_pad(x, 0, 0, 1, &y));
    expect_close(y, (double[]){1, 2, 3, 4, 0, 0});
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_empty)
{
    kdst_tensor *x = filled(F32, SHAPE(0, 3), 1), *y = NULL;
    expect_ok(kdst_reshape(x, SHAPE(3, 0), &y));
    expect_shape(y, SHAPE(3, 0));
    kdst_tensor_release(y);
    expect_ok(kdst_transpose(x, 0, 1, &y));
    expect_shape(y, SHAPE(3, 0));
    kdst_tensor_release(y);
    expect_ok(kdst_pad(x, 0, 1, 1, &y));
    expect_close(y, (double[]){0, 0, 0, 0, 0, 0});
    kdst_tensor_release(y);
    expect_failure(kdst_reshape(x, SHAPE(0, -1), &y), KDST_STATUS_SHAPE, "[0, 3]");
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *labels = from_labels(1, (int32_t[]){1}), *y = x;
    expect_failure(kdst_reshape(x, SHAPE(4, 2), &y), KDST_STATUS_SHAPE, "x is [2, 3]");
    ck_assert_ptr_null(y);
    expect_failure(kdst_reshape(x, SHAPE(-1, -1), &y), KDST_STATUS_SHAPE, "both -1");
    expect_failure(kdst_reshape(x, SHAPE(-1, 4), &y), KDST_STATUS_SHAPE, "[2, 3]");
    expect_failure(kdst_reshape(x, SHAPE(-2, 3), &y), KDST_STATUS_SHAPE, "-2");
    expect_failure(kdst_reshape(x, SHAPE(INT64_MAX, INT64_MAX), &y), KDST_STATUS_SHAPE, "[2, 3]");
    expect_failure(
        kdst_reshape(x, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 2, 3}, &y), KDST_STATUS_INVALID_ARGUMENT, "rank is 9");
    expect_failure(kdst_reshape(x, 1, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_transpose(x, 0, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
    expect_failure(kdst_slice(x, 5, 0, 1, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
    expect_failure(kdst_slice(x, 1, -1, 2, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "start is -1");
    expect_failure(kdst_slice(x, 1, 2, 1, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "stop is 1");
    expect_failure(kdst_slice(x, 1, 0, 4, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "stop is 4");
    expect_failure(kdst_slice(x, 1, 0, 3, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "step is 0");
    expect_failure(kdst_pad(x, 0, -1, 0, &y), KDST_STATUS_INVALID_ARGUMENT, "before is -1");
    expect_failure(kdst_pad(x, 0, INT64_MAX, 1, &y), KDST_STATUS_SHAPE, "too large");
    expect_failure(kdst_pad(labels, 0, 1, 0, &y), KDST_STATUS_DTYPE, "int32");
    expect_failure(kdst_slice(x, 0, 0, 1, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_reshape(NULL, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_transpose(NULL, 0, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(x);
    kdst_tensor_release(labels);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, test_views_share_storage);
    tcase_add_loop_test(tests, test_values, 0, 5);
    tcase_add_loop_test(tests, test_pad, 0, 2);
    tcase_add_test(tests, test_empty);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("shape", build);
}
