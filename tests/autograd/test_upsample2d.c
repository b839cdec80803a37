/* SPDX-License-Identifier: Apache-2.0 */
/* upsample2d on numbers that can be followed by hand; sizes, scales, corners; bad input. More shapes: tests/compute, tests/gradients. */
#include "support.h"

static kdst_options *options_of(const int64_t *size, double scale, const char *mode, int corners)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    if (size != NULL) expect_ok(kdst_options_set_ints(options, "size", size, 2));
    if (scale > 0) expect_ok(kdst_options_set_float(options, "scale", scale));
    if (mode != NULL) expect_ok(kdst_options_set_string(options, "mode", mode));
    if (corners) expect_ok(kdst_options_set_int(options, "align_corners", 1));
    return options;
}

static void check(kdst_tensor *x, kdst_options *options, int64_t h, int64_t w, const double *expected)
{
    kdst_tensor *y = NULL;
    expect_ok(kdst_upsample2d(x, options, &y));
    expect_shape(y, SHAPE(1, 1, h, w));
    expect_close(y, expected);
    kdst_tensor_release(y);
    kdst_options_release(options);
}

START_TEST(test_by_hand)
{
    kdst_tensor *row = from_doubles(real_type(_i), SHAPE(1, 1, 1, 3), (double[]){0, 3, 6}), *x = row;
    check(x, options_of((int64_t[]){1, 6}, 0, NULL, 0), 1, 6, (double[]){0, 0, 3, 3, 6, 6});
    check(x, options_of((int64_t[]){2, 2}, 0, "nearest", 0), 2, 2, (double[]){0, 3, 0, 3});
    check(x, options_of(NULL, 2, "nearest", 0), 2, 6, (double[]){0, 0, 3, 3, 6, 6, 0, 0, 3, 3, 6, 6});
    /* places (i + 1/2) / 2 - 1/2, the first and the last held */
    check(x, options_of((int64_t[]){1, 6}, 0, "bilinear", 0), 1, 6, (double[]){0, 0.75, 2.25, 3.75, 5.25, 6});
    check(x, options_of((int64_t[]){1, 5}, 0, "bilinear", 1), 1, 5, (double[]){0, 1.5, 3, 4.5, 6});
    /* floor(3 1.5) = 4 elements at (i + 1/2) / 1.5 - 1/2 */
    check(x, options_of(NULL, 1.5, "bilinear", 0), 1, 4, (double[]){0, 1.5, 3.5, 5.5});
    check(x, options_of((int64_t[]){1, 1}, 0, "bilinear", 0), 1, 1, (double[]){3});
    check(x, options_of((int64_t[]){1, 1}, 0, "bilinear", 1), 1, 1, (double[]){0});
    kdst_tensor *square = from_doubles(real_type(_i), SHAPE(1, 1, 2, 2), (double[]){0, 2, 4, 6});
    check(square, options_of((int64_t[]){3, 3}, 0, "bilinear", 1), 3, 3, (double[]){0, 1, 2, 2, 3, 4, 4, 5, 6});
    kdst_tensor_release(square);
    kdst_tensor_release(row);
}
END_TEST

START_TEST(test_gradient_by_hand)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 1, 1, 2), (double[]){0, 1}), *y = NULL;
    kdst_tensor *dy = from_doubles(real_type(_i), SHAPE(1, 1, 1, 4), (double[]){1, 2, 3, 4});
    kdst_options *options = options_of((int64_t[]){1, 4}, 0, "bilinear", 0);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_upsample2d(x, options, &y)); /* weights of the second: 0, 1/4, 3/4, 1 */
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){1 + 1.5 + 0.75, 0.5 + 2.25 + 4});
    kdst_tensor *all[] = {x, y, dy, dx};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
    kdst_options_release(options);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(1, 2, 3, 4), 1), *flat = filled(F32, SHAPE(3, 4), 2), *y = x;
    kdst_tensor *empty = filled(F32, SHAPE(1, 2, 0, 4), 3), *labels = from_labels(2, (int32_t[]){1, 2});
    kdst_options *both = options_of((int64_t[]){2, 2}, 2, NULL, 0),
                 *corners = options_of((int64_t[]){2, 2}, 0, NULL, 1);
    kdst_options *size = options_of((int64_t[]){2, 2}, 0, NULL, 0), *small = options_of(NULL, 0.1, NULL, 0);
    kdst_options *large = options_of(NULL, 1e10, NULL, 0), *mode = options_of((int64_t[]){2, 2}, 0, "cubic", 0);
    expect_failure(kdst_upsample2d(x, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "upsample2d: none of size and scale");
    ck_assert_ptr_null(y);
    expect_failure(kdst_upsample2d(x, both, &y), KDST_STATUS_INVALID_ARGUMENT, "both of size and scale");
    expect_failure(kdst_upsample2d(x, corners, &y), KDST_STATUS_INVALID_ARGUMENT, "align_corners is 1");
    expect_failure(kdst_upsample2d(x, mode, &y), KDST_STATUS_INVALID_ARGUMENT, "mode is \"cubic\"");
    expect_failure(kdst_upsample2d(x, small, &y), KDST_STATUS_SHAPE, "height 3 and scale 0.1");
    expect_failure(kdst_upsample2d(x, large, &y), KDST_STATUS_SHAPE, "scale 1e+10");
    expect_failure(kdst_upsample2d(flat, size, &y), KDST_STATUS_SHAPE, "[3, 4]");
    expect_failure(kdst_upsample2d(empty, size, &y), KDST_STATUS_SHAPE, "[1, 2, 0, 4]");
    expect_failure(kdst_upsample2d(labels, size, &y), KDST_STATUS_DTYPE, "int32");
    expect_failure(kdst_upsample2d(x, size, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_upsample2d(NULL, size, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options *all_options[] = {both, corners, size, small, large, mode};
    for (int i = 0; i < 6; i++)
        kdst_options_release(all_options[i]);
    kdst_tensor *all[] = {x, flat, empty, labels};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_by_hand, 0, 2);
    tcase_add_loop_test(tests, test_gradient_by_hand, 0, 2);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("upsample2d", build);
}
