/* SPDX-License-Identifier: Apache-2.0 */
/* max_pool2d, avg_pool2d, adaptive_avg_pool2d, global_avg_pool2d against the definition; ties, padding, NaN; bad input and options. */
#include "support.h"

typedef struct geometry {
    int64_t n, c, h, w, kernel[2], stride[2], padding[2], ceil_mode, exclude_pad;
} geometry;

static const geometry cases[] = {
    {1, 1, 1, 1, {1, 1}, {0, 0}, {0, 0}, 0, 0},   {2, 3, 8, 8, {2, 2}, {0, 0}, {0, 0}, 0, 0},
    {2, 17, 7, 9, {2, 2}, {0, 0}, {0, 0}, 0, 0},  {1, 5, 9, 7, {3, 3}, {2, 2}, {1, 1}, 0, 0},
    {3, 2, 33, 31, {3, 2}, {1, 2}, {1, 0}, 0, 0}, {1, 16, 8, 8, {2, 2}, {3, 3}, {0, 0}, 0, 0},
    {2, 1, 4, 4, {4, 4}, {1, 1}, {2, 2}, 0, 0},   {0, 3, 4, 4, {2, 2}, {0, 0}, {0, 0}, 0, 0},
    {2, 2, 7, 6, {3, 3}, {2, 2}, {0, 0}, 1, 0},   {1, 3, 6, 5, {2, 2}, {2, 2}, {1, 1}, 1, 0},
    {1, 3, 6, 5, {3, 3}, {2, 2}, {1, 1}, 1, 1},   {2, 2, 5, 5, {3, 2}, {1, 3}, {1, 1}, 0, 1},
};
#define CASES ((int)(sizeof cases / sizeof *cases))

static int64_t side(const geometry *g, int i)
{
    int64_t stride = g->stride[i] == 0 ? g->kernel[i] : g->stride[i], size = i == 0 ? g->h : g->w;
    int64_t room = size + 2 * g->padding[i] - g->kernel[i];
    if (!g->ceil_mode) return room / stride + 1;
    int64_t count = (room + stride - 1) / stride + 1;
    return (count - 1) * stride >= size + g->padding[i] ? count - 1 : count;
}

static void naive(const geometry *g, int largest, const double *x, double *y, const double *dy, double *dx)
{
    int64_t oh = side(g, 0), ow = side(g, 1), sh = g->stride[0] ? g->stride[0] : g->kernel[0];
    int64_t sw = g->stride[1] ? g->stride[1] : g->kernel[1];
    for (int64_t yi = 0; yi < g->n * g->c * oh * ow; yi++) {
        int64_t j = yi % ow, i = yi / ow % oh, plane = yi / ow / oh * g->h * g->w, best = -1;
        double sum = 0, counted = 0;
        for (int64_t a = i * sh - g->padding[0]; a < i * sh - g->padding[0] + g->kernel[0]; a++)
            for (int64_t b = j * sw - g->padding[1]; b < j * sw - g->padding[1] + g->kernel[1]; b++)
                counted += g->exclude_pad ? a >= 0 && a < g->h && b >= 0 && b < g->w
                                          : a < g->h + g->padding[0] && b < g->w + g->padding[1];
        for (int64_t a = i * sh - g->padding[0]; a < i * sh - g->padding[0] + g->kernel[0]; a++) {
            for (int64_t b = j * sw - g->padding[1]; b < j * sw - g->padding[1] + g->kernel[1]; b++) {
                if (a < 0 || a >= g->h || b < 0 || b >= g->w) continue;
                int64_t xi = plane + a * g->w + b;
                sum += x[xi];
                if (!largest) dx[xi] += dy[yi] / counted;
                if (best < 0 || x[xi] > x[best]) best = xi;
            }
        }
        y[yi] = largest ? x[best] : sum / counted;
        if (largest) dx[best] += dy[yi];
    }
}

static kdst_options *options_of(const geometry *g, int largest)
{
    kdst_options *options = options_ints("kernel", g->kernel, 2);
    expect_ok(kdst_options_set_ints(options, "stride", g->stride, 2));
    expect_ok(kdst_options_set_ints(options, "padding", g->padding, 2));
    if (g->ceil_mode) expect_ok(kdst_options_set_int(options, "ceil_mode", 1));
    if (g->exclude_pad && !largest) expect_ok(kdst_options_set_int(options, "count_include_pad", 0));
    return options;
}

static void check(const geometry *g, kdst_dtype dtype, int largest, int views)
{
    kdst_tensor *made = filled(dtype, SHAPE(g->n, g->c, g->h, g->w), 1), *x = NULL, *y = NULL;
    kdst_tensor *dy = filled(dtype, SHAPE(g->n, g->c, side(g, 0), side(g, 1)), 2);
    kdst_options *options = options_of(g, largest);
    if (views) made = scattered(made);
    expect_ok(kdst_detach(made, &x));
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    double *vx = doubles(x), *vdy = doubles(dy), *vy = calloc((size_t)kdst_tensor_get_count(dy) + 1, 8);
    double *vdx = calloc((size_t)kdst_tensor_get_count(x) + 1, 8);
    naive(g, largest, vx, vy, vdy, vdx);
    expect_ok((largest ? kdst_max_pool2d : kdst_avg_pool2d)(x, options, &y));
    expect_shape(y, SHAPE(g->n, g->c, side(g, 0), side(g, 1)));
    expect_close(y, vy);
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, vdx);
    free(vx);
    free(vdy);
    free(vy);
    free(vdx);
    kdst_tensor *all[] = {made, x, y, dy, dx};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
    kdst_options_release(options);
}

START_TEST(test_definition)
{
    for (int type = 0; type < 2; type++)
        for (int largest = 0; largest < 2; largest++)
            check(&cases[_i], real_type(type), largest, 0);
    check(&cases[_i], F32, 1, 1);
    check(&cases[_i], F32, 0, 1);
}
END_TEST

START_TEST(test_first_of_equals_takes_the_gradient)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 1, 2, 4), (double[]){1, 1, 0, 2, 1, 1, 2, 2}), *y = NULL;
    kdst_tensor *dy = from_doubles(real_type(_i), SHAPE(1, 1, 1, 2), (double[]){5, 7});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_max_pool2d(x, NULL, &y));
    expect_close(y, (double[]){1, 2});
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){5, 0, 0, 7, 0, 0, 0, 0});
    kdst_tensor *all[] = {x, y, dy, dx};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_padding_never_wins_and_nan_does)
{
    kdst_tensor *x = from_doubles(F32, SHAPE(1, 1, 2, 2), (double[]){-5, -6, -7, -8}), *y = NULL;
    kdst_options *options = options_ints("padding", (int64_t[]){1, 1}, 2);
    expect_ok(kdst_max_pool2d(x, options, &y));
    expect_close(y, (double[]){-5, -6, -7, -8});
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    x = from_doubles(F32, SHAPE(1, 1, 2, 2), (double[]){1, NAN, 3, 2});
    expect_ok(kdst_max_pool2d(x, NULL, &y));
    double *v = doubles(y);
    ck_assert_double_nan(v[0]);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_options_release(options);
}
END_TEST

START_TEST(test_global_average)
{
    kdst_tensor *x = filled(real_type(_i), SHAPE(3, 5, 7, 4), 1), *y = NULL;
    double *vx = doubles(x), expected[15] = {0};
    for (int i = 0; i < 3 * 5 * 28; i++)
        expected[i / 28] += vx[i] / 28;
    expect_ok(kdst_global_avg_pool2d(x, &y));
    expect_shape(y, SHAPE(3, 5));
    expect_close(y, expected);
    free(vx);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* Overlapping windows of floor(7 i / 3) … and a result larger than the image. */
START_TEST(test_adaptive_average)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 1, 1, 7), (double[]){1, 2, 3, 4, 5, 6, 7}), *y = NULL;
    kdst_tensor *dy = from_doubles(real_type(_i), SHAPE(1, 1, 1, 3), (double[]){3, 6, 9});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_adaptive_avg_pool2d(x, 1, 3, &y));
    expect_shape(y, SHAPE(1, 1, 1, 3));
    expect_close(y, (double[]){2, 4, 6}); /* [0, 3), [2, 5), [4, 7) */
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){1, 1, 3, 2, 5, 3, 3});
    kdst_tensor_release(y);
    kdst_tensor *small = from_doubles(real_type(_i), SHAPE(1, 1, 2, 1), (double[]){2, 4});
    expect_ok(kdst_adaptive_avg_pool2d(small, 3, 2, &y));
    expect_close(y, (double[]){2, 2, 3, 3, 4, 4});
    kdst_tensor_release(y);
    expect_ok(kdst_adaptive_avg_pool2d(small, 0, 2, &y));
    expect_shape(y, SHAPE(1, 1, 0, 2));
    kdst_tensor_release(y);
    expect_ok(kdst_adaptive_avg_pool2d(small, INT32_MAX, 0, &y)); /* at once */
    expect_shape(y, SHAPE(1, 1, INT32_MAX, 0));
    kdst_tensor *all[] = {x, dy, y, dx, small};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(1, 2, 3, 4), 1), *flat = filled(F32, SHAPE(3, 4), 2), *y = x;
    kdst_tensor *labels = from_labels(2, (int32_t[]){1, 2}), *empty = filled(F32, SHAPE(1, 2, 0, 4), 3);
    kdst_options *large = options_ints("kernel", (int64_t[]){4, 4}, 2),
                 *unknown = options_ints("kernal", (int64_t[]){2, 2}, 2);
    kdst_options *padded = options_ints("padding", (int64_t[]){2, 0}, 2);
    kdst_status (*functions[])(kdst_tensor *, const kdst_options *, kdst_tensor **) = {
        kdst_max_pool2d, kdst_avg_pool2d};
    for (int i = 0; i < 2; i++) {
        expect_failure(functions[i](flat, NULL, &y), KDST_STATUS_SHAPE, "pool2d: x is [3, 4]");
        ck_assert_ptr_null(y);
        expect_failure(functions[i](x, large, &y), KDST_STATUS_SHAPE, "height 3");
        expect_failure(functions[i](x, unknown, &y), KDST_STATUS_INVALID_ARGUMENT, "kernel");
        expect_failure(functions[i](x, padded, &y), KDST_STATUS_INVALID_ARGUMENT, "padding");
        expect_failure(functions[i](labels, NULL, &y), KDST_STATUS_DTYPE, "int32");
        ck_assert_int_eq(functions[i](NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
        expect_failure(functions[i](x, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    }
    expect_failure(kdst_global_avg_pool2d(flat, &y), KDST_STATUS_SHAPE, "[3, 4]");
    expect_failure(kdst_adaptive_avg_pool2d(empty, 1, 1, &y), KDST_STATUS_SHAPE, "[1, 2, 0, 4]");
    ck_assert_ptr_null(y);
    expect_failure(kdst_adaptive_avg_pool2d(flat, 1, 1, &y), KDST_STATUS_SHAPE, "[3, 4]");
    expect_failure(kdst_adaptive_avg_pool2d(x, 1, -1, &y), KDST_STATUS_INVALID_ARGUMENT, "width is -1");
    ck_assert_int_eq(kdst_adaptive_avg_pool2d(NULL, 1, 1, &y), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_global_avg_pool2d(empty, &y), KDST_STATUS_SHAPE, "[1, 2, 0, 4]");
    kdst_options *all_options[] = {large, unknown, padded};
    for (int i = 0; i < 3; i++)
        kdst_options_release(all_options[i]);
    kdst_tensor *all[] = {x, flat, labels, empty};
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, CASES);
    tcase_add_loop_test(tests, test_first_of_equals_takes_the_gradient, 0, 2);
    tcase_add_test(tests, test_padding_never_wins_and_nan_does);
    tcase_add_loop_test(tests, test_global_average, 0, 2);
    tcase_add_loop_test(tests, test_adaptive_average, 0, 2);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("pool", build);
}
