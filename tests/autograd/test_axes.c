/* SPDX-License-Identifier: Apache-2.0 */
/* permute, squeeze, unsqueeze, broadcast_to, flip, split, pad_axes: values in every element type, views, bad input. */
#include "support.h"

#include <stdbool.h>

static kdst_tensor *range(kdst_dtype dtype, int64_t rank, const int64_t *shape)
{
    double values[200];
    int64_t count = 1;
    for (int64_t i = 0; i < rank; i++)
        count *= shape[i];
    for (int64_t i = 0; i < count; i++)
        values[i] = dtype == KDST_DTYPE_BOOL ? (double)(i % 3 == 0) : (double)i;
    return from_doubles(dtype, rank, shape, values);
}

static void release_all(kdst_tensor **all, int count)
{
    for (int i = 0; i < count; i++)
        kdst_tensor_release(all[i]);
}

/* Element i of a [2, 3, 4] tensor is i; _i is the element type. */
START_TEST(test_values)
{
    kdst_dtype dtype = (kdst_dtype)(_i + 1);
    for (int views = 0; views < 2; views++) {
        kdst_tensor *x = range(dtype, SHAPE(2, 3, 4)), *y = NULL, *z = NULL;
        double *v = doubles(x), expected[48];
        if (views) x = scattered(x);
        expect_ok(kdst_permute(x, (int64_t[]){1, -1, 0}, 3, &y));
        expect_shape(y, SHAPE(3, 4, 2));
        for (int i = 0; i < 24; i++)
            expected[i] = v[i % 2 * 12 + i / 8 * 4 + i / 2 % 4];
        expect_close(y, expected);
        kdst_tensor_release(y);
        for (int axis = 0; axis < 4; axis++) {
            int64_t shape[] = {2, 3, 4, 4};
            for (int k = 3; k > axis; k--)
                shape[k] = shape[k - 1];
            shape[axis] = 1;
            expect_ok(kdst_unsqueeze(x, axis % 2 ? axis : axis - 4, &y));
            expect_shape(y, 4, shape);
            expect_close(y, v);
            expect_ok(kdst_squeeze(y, axis % 2 ? axis - 4 : axis, &z));
            expect_shape(z, SHAPE(2, 3, 4));
            expect_close(z, v);
            kdst_tensor_release(y);
            kdst_tensor_release(z);
        }
        for (int axis = 0; axis < 3; axis++) {
            int64_t size[] = {2, 3, 4};
            expect_ok(kdst_flip(x, axis == 1 ? -2 : axis, &y));
            for (int i = 0; i < 24; i++) {
                int64_t at[] = {i / 12, i / 4 % 3, i % 4};
                at[axis] = size[axis] - 1 - at[axis];
                expected[i] = v[at[0] * 12 + at[1] * 4 + at[2]];
            }
            expect_close(y, expected);
            kdst_tensor_release(y);
        }
        kdst_tensor_release(x);
        x = range(dtype, SHAPE(3, 1));
        if (views) x = scattered(x);
        free(v);
        v = doubles(x);
        expect_ok(kdst_broadcast_to(x, SHAPE(2, -1, 4), &y));
        expect_shape(y, SHAPE(2, 3, 4));
        for (int i = 0; i < 24; i++)
            expected[i] = v[i / 4 % 3];
        expect_close(y, expected);
        free(v);
        release_all((kdst_tensor *[]){x, y}, 2);
    }
}
END_TEST

static double first(kdst_tensor *t)
{
    double *v = doubles(t), value = v[0];
    free(v);
    return value;
}

START_TEST(test_sharing)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 1, 6), 1), *views[5] = {NULL}, *parts[3] = {NULL}, *flipped = NULL;
    void *data = NULL;
    expect_ok(kdst_permute(x, (int64_t[]){2, 0, 1}, 3, &views[0]));
    expect_ok(kdst_squeeze(x, 1, &views[1]));
    expect_ok(kdst_unsqueeze(x, 3, &views[2]));
    expect_ok(kdst_broadcast_to(x, SHAPE(5, 2, 3, 6), &views[3]));
    expect_ok(kdst_split(x, -1, (int64_t[]){1, 0, 5}, 3, parts));
    expect_ok(kdst_pad_axes(x, (int64_t[]){0, 0, 0}, (int64_t[]){0, 0, 0}, 3, NULL, &views[4]));
    expect_ok(kdst_flip(x, 2, &flipped));
    double before = first(flipped);
    expect_ok(kdst_tensor_map(x, KDST_MAP_READ_WRITE, &data));
    for (int i = 0; i < 12; i++)
        ((float *)data)[i] = 42;
    expect_ok(kdst_tensor_unmap(x));
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq(first(views[i]), 42);
    ck_assert_double_eq(first(parts[0]), 42);
    ck_assert_double_eq(first(parts[2]), 42);
    ck_assert_double_eq(first(flipped), before);
    release_all(views, 5);
    release_all(parts, 3);
    release_all((kdst_tensor *[]){x, flipped}, 2);
}
END_TEST

START_TEST(test_split)
{
    kdst_tensor *x = range(real_type(_i), SHAPE(2, 5)), *parts[3] = {NULL}, *y = NULL;
    x = scattered(x);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_split(x, 1, (int64_t[]){2, 0, 3}, 3, parts));
    expect_shape(parts[0], SHAPE(2, 2));
    expect_close(parts[0], (double[]){0, 1, 5, 6});
    expect_shape(parts[1], SHAPE(2, 0));
    expect_close(parts[2], (double[]){2, 3, 4, 7, 8, 9});
    expect_ok(kdst_sum(parts[2], NULL, 0, 0, &y));
    expect_ok(kdst_backward(y, NULL, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){0, 0, 1, 1, 1, 0, 0, 1, 1, 1});
    release_all(parts, 3);
    release_all((kdst_tensor *[]){x, y, dx}, 3);
}
END_TEST

static kdst_options *mode(const char *name)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "mode", name));
    return options;
}

/* Rows of [0 1 2; 3 4 5] padded by 2 and 1, columns by 1 and 2, against the definition. */
START_TEST(test_pad_axes)
{
    static const char *const modes[] = {"constant", "replicate", "circular", "reflect"};
    for (int m = 0; m < 4; m++) {
        kdst_tensor *x = range(real_type(_i), SHAPE(3, 3)), *y = NULL;
        kdst_options *options = mode(modes[m]);
        expect_ok(kdst_options_set_float(options, "value", -7));
        x = scattered(x);
        double expected[36];
        for (int i = 0; i < 36; i++) {
            int at[] = {i / 6 - 2, i % 6 - 1};
            bool inside = true;
            for (int k = 0; k < 2; k++) {
                inside = inside && at[k] >= 0 && at[k] < 3;
                if (m == 1) at[k] = at[k] < 0 ? 0 : at[k] > 2 ? 2 : at[k];
                if (m == 2) at[k] = (at[k] + 3) % 3;
                if (m == 3) at[k] = at[k] < 0 ? -at[k] : at[k] > 2 ? 4 - at[k] : at[k];
            }
            expected[i] = m == 0 && !inside ? -7 : at[0] * 3 + at[1];
        }
        expect_ok(kdst_pad_axes(x, (int64_t[]){2, 1}, (int64_t[]){1, 2}, 2, options, &y));
        expect_shape(y, SHAPE(6, 6));
        expect_close(y, expected);
        kdst_options_release(options);
        release_all((kdst_tensor *[]){x, y}, 2);
    }
}
END_TEST

START_TEST(test_empty_and_scalars)
{
    kdst_tensor *none = filled(F32, SHAPE(0, 3), 1), *one = filled(F32, 0, NULL, 2), *y = NULL;
    double value = first(one);
    expect_ok(kdst_permute(none, (int64_t[]){1, 0}, 2, &y));
    expect_shape(y, SHAPE(3, 0));
    kdst_tensor_release(y);
    expect_ok(kdst_flip(none, 1, &y));
    expect_shape(y, SHAPE(0, 3));
    kdst_tensor_release(y);
    expect_ok(kdst_broadcast_to(none, SHAPE(4, 0, 3), &y));
    expect_shape(y, SHAPE(4, 0, 3));
    kdst_tensor_release(y);
    expect_ok(kdst_broadcast_to(one, SHAPE(2, 0), &y));
    expect_shape(y, SHAPE(2, 0));
    kdst_tensor_release(y);
    expect_ok(kdst_permute(one, NULL, 0, &y));
    expect_close(y, &value);
    kdst_tensor_release(y);
    expect_ok(kdst_pad_axes(one, NULL, NULL, 0, NULL, &y));
    expect_close(y, &value);
    kdst_tensor_release(y);
    expect_ok(kdst_broadcast_to(one, SHAPE(2, 2), &y));
    expect_close(y, (double[]){value, value, value, value});
    kdst_tensor_release(y);
    expect_ok(kdst_pad_axes(none, (int64_t[]){1, 0}, (int64_t[]){0, 1}, 2, NULL, &y));
    expect_close(y, (double[]){0, 0, 0, 0});
    release_all((kdst_tensor *[]){none, one, y}, 3);
}
END_TEST

START_TEST(test_bad_axes)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *deep = filled(F32, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 2), *y = x;
    expect_failure(
        kdst_permute(x, (int64_t[]){0}, 1, &y), KDST_STATUS_INVALID_ARGUMENT, "permute: count is 1, x has rank 2");
    ck_assert_ptr_null(y);
    expect_failure(kdst_permute(x, (int64_t[]){1, 1}, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axis 1 is named twice");
    expect_failure(kdst_permute(x, (int64_t[]){0, -2}, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axis 0 is named twice");
    expect_failure(kdst_permute(x, (int64_t[]){0, 2}, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 2");
    expect_failure(kdst_permute(x, NULL, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axes is NULL");
    expect_failure(kdst_squeeze(x, 1, &y), KDST_STATUS_SHAPE, "axis 1 has size 3, expected 1");
    expect_failure(kdst_squeeze(x, -3, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is -3");
    expect_failure(kdst_unsqueeze(x, 3, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 3, allowed is -3 to 2");
    expect_failure(kdst_unsqueeze(deep, 0, &y), KDST_STATUS_SHAPE, "rank 8");
    expect_failure(kdst_flip(x, 2, &y), KDST_STATUS_INVALID_ARGUMENT, "axis is 2");
    expect_failure(
        kdst_broadcast_to(x, SHAPE(2, 4), &y), KDST_STATUS_SHAPE,
        "broadcast_to: x is [2, 3], which does not stretch to [2, 4]");
    expect_failure(kdst_broadcast_to(x, SHAPE(3), &y), KDST_STATUS_SHAPE, "stretch to [3]");
    expect_failure(kdst_broadcast_to(x, SHAPE(-1, 2, 3), &y), KDST_STATUS_SHAPE, "stretch to [-1, 2, 3]");
    expect_failure(kdst_broadcast_to(x, SHAPE(INT64_MAX, 2, 3), &y), KDST_STATUS_SHAPE, "too large");
    expect_failure(kdst_broadcast_to(x, 9, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "rank is 9");
    expect_failure(kdst_broadcast_to(x, 2, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "shape is NULL");
    ck_assert_int_eq(kdst_permute(NULL, NULL, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_broadcast_to(NULL, 0, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_flip(NULL, 0, &y), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_squeeze(x, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    release_all((kdst_tensor *[]){x, deep}, 2);
}
END_TEST

START_TEST(test_bad_split)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 5), 1), *parts[2] = {x, x};
    expect_failure(
        kdst_split(x, 1, (int64_t[]){2, 2}, 2, parts), KDST_STATUS_SHAPE,
        "split: the sizes sum to 4, axis 1 has size 5");
    ck_assert(parts[0] == NULL && parts[1] == NULL);
    expect_failure(kdst_split(x, 1, (int64_t[]){3, 3}, 2, parts), KDST_STATUS_SHAPE, "only 2 are left");
    expect_failure(
        kdst_split(x, 1, (int64_t[]){6, -1}, 2, parts), KDST_STATUS_SHAPE, "size 0 is 6, of axis 1 with size 5");
    expect_failure(kdst_split(x, 1, (int64_t[]){5, -1}, 2, parts), KDST_STATUS_INVALID_ARGUMENT, "size 1 is -1");
    expect_failure(kdst_split(x, 2, (int64_t[]){5, 0}, 2, parts), KDST_STATUS_INVALID_ARGUMENT, "axis is 2");
    expect_failure(kdst_split(x, 1, NULL, 2, parts), KDST_STATUS_INVALID_ARGUMENT, "sizes is NULL");
    expect_failure(kdst_split(x, 1, (int64_t[]){5}, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_split(x, 1, (int64_t[]){5}, 0, parts), KDST_STATUS_INVALID_ARGUMENT, "count is 0");
    ck_assert_int_eq(kdst_split(NULL, 1, (int64_t[]){5, 0}, 2, parts), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(x);
}
END_TEST

static void
refuse_pad(kdst_tensor *x, const char *name, int64_t before, int64_t after, kdst_status status, const char *text)
{
    kdst_options *options = mode(name);
    kdst_tensor *y = x;
    expect_failure(kdst_pad_axes(x, (int64_t[]){0, before}, (int64_t[]){0, after}, 2, options, &y), status, text);
    ck_assert_ptr_null(y);
    kdst_options_release(options);
}

START_TEST(test_bad_padding)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *none = filled(F32, SHAPE(2, 0), 2), *labels = NULL, *y = NULL;
    expect_ok(kdst_tensor_copy(x, KDST_DTYPE_INT32, &labels));
    refuse_pad(
        x, "reflect", 3, 0, KDST_STATUS_SHAPE,
        "pad_axes: before of axis 1 is 3, allowed in mode \"reflect\" is 0 to 2");
    refuse_pad(x, "reflect", 0, 3, KDST_STATUS_SHAPE, "after of axis 1 is 3");
    refuse_pad(x, "circular", 0, 4, KDST_STATUS_SHAPE, "allowed in mode \"circular\" is 0 to 3");
    refuse_pad(x, "replicate", -1, 0, KDST_STATUS_INVALID_ARGUMENT, "before of axis 1 is -1");
    refuse_pad(x, "constant", 0, -2, KDST_STATUS_INVALID_ARGUMENT, "after of axis 1 is -2");
    refuse_pad(x, "replicate", INT64_MAX, 1, KDST_STATUS_SHAPE, "grows too large");
    refuse_pad(x, "constant", INT64_MAX, 1, KDST_STATUS_SHAPE, "grows too large");
    refuse_pad(none, "replicate", 0, 1, KDST_STATUS_SHAPE, "axis 1 has size 0");
    refuse_pad(none, "reflect", 1, 0, KDST_STATUS_SHAPE, "nothing to pad with");
    refuse_pad(x, "mirror", 1, 1, KDST_STATUS_INVALID_ARGUMENT, "mirror");
    refuse_pad(labels, "constant", 1, 1, KDST_STATUS_DTYPE, "x is int32");
    int64_t pads[] = {0, 0, 0};
    expect_failure(kdst_pad_axes(x, pads, pads, 3, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "count is 3");
    expect_failure(kdst_pad_axes(x, pads, NULL, 2, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "after is NULL");
    expect_failure(kdst_pad_axes(x, pads, pads, 2, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_pad_axes(NULL, pads, pads, 2, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    release_all((kdst_tensor *[]){x, none, labels}, 3);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_values, 0, 5);
    tcase_add_test(tests, test_sharing);
    tcase_add_loop_test(tests, test_split, 0, 2);
    tcase_add_loop_test(tests, test_pad_axes, 0, 2);
    tcase_add_test(tests, test_empty_and_scalars);
    tcase_add_test(tests, test_bad_axes);
    tcase_add_test(tests, test_bad_split);
    tcase_add_test(tests, test_bad_padding);
}

int main(void)
{
    return run_suite("axes", build);
}
