/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d against the definition, forward and backward, on views and odd shapes; bad input and options. */
#include "support.h"

typedef struct geometry {
    int64_t n, c, h, w, o, kh, kw, stride[2], padding[2], dilation[2], groups;
} geometry;

static const geometry cases[] = {
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},      {2, 3, 8, 8, 5, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {1, 16, 9, 7, 17, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},    {2, 15, 8, 8, 16, 3, 3, {2, 2}, {1, 1}, {1, 1}, 1},
    {3, 17, 5, 5, 8, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},     {2, 4, 7, 7, 33, 1, 1, {2, 2}, {0, 0}, {1, 1}, 1},
    {2, 1, 28, 28, 4, 5, 5, {1, 1}, {2, 2}, {1, 1}, 1},    {1, 2, 4, 9, 3, 2, 5, {1, 3}, {0, 2}, {1, 1}, 1},
    {1, 1, 2, 2, 2, 2, 2, {1, 1}, {3, 2}, {1, 1}, 1},      {2, 32, 6, 6, 32, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {1, 3, 5, 5, 2, 5, 5, {1, 1}, {0, 0}, {1, 1}, 1},      {0, 3, 5, 5, 2, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {2, 3, 9, 8, 4, 3, 3, {1, 1}, {2, 2}, {2, 2}, 1},      {1, 2, 9, 9, 3, 3, 2, {2, 1}, {3, 1}, {3, 2}, 1},
    {2, 2, 27, 6, 3, 3, 3, {1, 1}, {24, 24}, {24, 24}, 1}, {2, 8, 6, 5, 12, 3, 3, {1, 1}, {1, 1}, {1, 1}, 4},
    {2, 6, 7, 5, 6, 3, 3, {2, 2}, {1, 1}, {1, 1}, 6},      {2, 5, 8, 7, 15, 3, 3, {1, 1}, {1, 1}, {1, 1}, 5},
    {1, 4, 9, 9, 8, 3, 3, {1, 2}, {2, 2}, {2, 2}, 4},      {1, 4, 5, 5, 2, 3, 3, {1, 1}, {0, 0}, {1, 1}, 2},
};
#define CASES ((int)(sizeof cases / sizeof *cases))

/* Of the result. */
static int64_t side(const geometry *g, int i)
{
    int64_t size = i ? g->w : g->h, kernel = i ? g->kw : g->kh;
    return (size + 2 * g->padding[i] - g->dilation[i] * (kernel - 1) - 1) / g->stride[i] + 1;
}

/* For every product x[xi] * w[wi] in y[yi]: y += x w, or with dy given dx += dy w and dw += dy x. */
static void
naive(const geometry *g, const double *x, const double *w, double *y, const double *dy, double *dx, double *dw)
{
    int64_t oh = side(g, 0), ow = side(g, 1), in = g->c / g->groups;
    for (int64_t yi = 0; yi < g->n * g->o * oh * ow; yi++) {
        int64_t j = yi % ow, i = yi / ow % oh, o = yi / ow / oh % g->o, n = yi / ow / oh / g->o;
        for (int64_t k = 0; k < in * g->kh * g->kw; k++) {
            int64_t l = k % g->kw, r = k / g->kw % g->kh, c = k / g->kw / g->kh + o / (g->o / g->groups) * in;
            int64_t a = i * g->stride[0] + r * g->dilation[0] - g->padding[0];
            int64_t b = j * g->stride[1] + l * g->dilation[1] - g->padding[1];
            if (a < 0 || a >= g->h || b < 0 || b >= g->w) continue;
            int64_t xi = ((n * g->c + c) * g->h + a) * g->w + b, wi = o * in * g->kh * g->kw + k;
            if (dy == NULL) {
                y[yi] += x[xi] * w[wi];
            } else {
                dx[xi] += dy[yi] * w[wi];
                dw[wi] += dy[yi] * x[xi];
            }
        }
    }
}

static kdst_options *options_of(const geometry *g)
{
    kdst_options *options = options_ints("stride", g->stride, 2);
    expect_ok(kdst_options_set_ints(options, "padding", g->padding, 2));
    expect_ok(kdst_options_set_ints(options, "dilation", g->dilation, 2));
    expect_ok(kdst_options_set_int(options, "groups", g->groups));
    return options;
}

static void check(const geometry *g, kdst_dtype dtype, int with_bias, int views)
{
    int64_t oh = side(g, 0), ow = side(g, 1), in = g->c / g->groups;
    kdst_tensor *x = filled(dtype, SHAPE(g->n, g->c, g->h, g->w), 1),
                *w = filled(dtype, SHAPE(g->o, in, g->kh, g->kw), 2);
    kdst_tensor *b = with_bias ? filled(dtype, SHAPE(g->o), 3) : NULL, *y = NULL;
    kdst_tensor *dy = filled(dtype, SHAPE(g->n, g->o, oh, ow), 4);
    kdst_options *options = options_of(g);
    if (views) {
        x = scattered(x);
        w = scattered(w);
    }
    kdst_tensor *leaves[] = {x, w, b};
    for (int i = 0; i < 3; i++)
        if (leaves[i] != NULL) {
            kdst_tensor *cut = NULL;
            expect_ok(kdst_detach(leaves[i], &cut));
            kdst_tensor_release(leaves[i]);
            expect_ok(kdst_tensor_set_requires_grad(leaves[i] = cut, 1));
        }
    x = leaves[0], w = leaves[1], b = leaves[2];
    double *vx = doubles(x), *vw = doubles(w), *vb = with_bias ? doubles(b) : NULL, *vdy = doubles(dy);
    int64_t count = g->n * g->o * oh * ow, plane = oh * ow;
    double *vy = calloc((size_t)count + 1, 8), *vdb = calloc((size_t)g->o, 8);
    double *vdx = calloc((size_t)kdst_tensor_get_count(x) + 1, 8), *vdw = calloc((size_t)kdst_tensor_get_count(w), 8);
    for (int64_t i = 0; i < count; i++) {
        vy[i] = with_bias ? vb[i / plane % g->o] : 0;
        vdb[i / plane % g->o] += vdy[i];
    }
    naive(g, vx, vw, vy, NULL, NULL, NULL);
    naive(g, vx, vw, NULL, vdy, vdx, vdw);
    expect_ok(kdst_conv2d(x, w, b, options, &y));
    expect_shape(y, SHAPE(g->n, g->o, oh, ow));
    expect_close(y, vy);
    expect_ok(kdst_backward(y, dy, NULL));
    const double *expected[] = {vdx, vdw, vdb};
    for (int i = 0; i < 2 + with_bias; i++) {
        kdst_tensor *grad = grad_of(leaves[i]);
        expect_close(grad, expected[i]);
        kdst_tensor_release(grad);
    }
    double *arrays[] = {vx, vw, vb, vdy, vy, vdb, vdx, vdw};
    for (int i = 0; i < 8; i++)
        free(arrays[i]);
    kdst_tensor *all[] = {x, w, b, y, dy};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
    kdst_options_release(options);
}

START_TEST(test_definition)
{
    for (int type = 0; type < 2; type++)
        for (int with_bias = 0; with_bias < 2; with_bias++)
            check(&cases[_i], real_type(type), with_bias, 0);
    check(&cases[_i], F32, 1, 1);
}
END_TEST

START_TEST(test_one_number_for_both_axes)
{
    kdst_tensor *x = filled(F32, SHAPE(1, 1, 5, 5), 1), *w = filled(F32, SHAPE(1, 1, 3, 3), 2), *y = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "stride", 2));
    expect_ok(kdst_options_set_int(options, "padding", 1));
    expect_ok(kdst_conv2d(x, w, NULL, options, &y));
    expect_shape(y, SHAPE(1, 1, 3, 3));
    kdst_tensor_release(y);
    expect_ok(kdst_conv2d(x, w, NULL, NULL, &y));
    expect_shape(y, SHAPE(1, 1, 3, 3));
    kdst_options_release(options);
    kdst_tensor *all[] = {x, w, y};
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_groups_and_dilation_that_do_not_fit)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 6, 5, 5), 1), *w = filled(F32, SHAPE(4, 3, 3, 3), 2), *y = x;
    kdst_tensor *odd = filled(F32, SHAPE(5, 3, 3, 3), 3);
    kdst_options *four = NULL, *two = NULL, *wide = options_ints("dilation", (int64_t[]){1, 3}, 2);
    kdst_options *widest = options_ints("dilation", (int64_t[]){1000000, 1000000}, 2);
    expect_ok(kdst_options_create(&four));
    expect_ok(kdst_options_set_int(four, "groups", 4));
    expect_ok(kdst_options_create(&two));
    expect_ok(kdst_options_set_int(two, "groups", 2));
    expect_ok(kdst_options_set_int(wide, "groups", 2));
    expect_failure(
        kdst_conv2d(x, w, NULL, four, &y), KDST_STATUS_SHAPE, "6 input channels cannot be cut into 4 groups");
    ck_assert_ptr_null(y);
    expect_failure(kdst_conv2d(x, odd, NULL, two, &y), KDST_STATUS_SHAPE, "5 output channels cannot be cut into 2");
    expect_failure(kdst_conv2d(x, w, NULL, NULL, &y), KDST_STATUS_SHAPE, "6 channels, weight expects 3");
    expect_failure(
        kdst_conv2d(x, w, NULL, wide, &y), KDST_STATUS_SHAPE, "3 does not fit width 5 with padding 0 and dilation 3");
    expect_failure(kdst_conv2d(x, w, NULL, widest, &y), KDST_STATUS_SHAPE, "channels");
    expect_failure(
        kdst_options_set_int(two, "groups", 0) == KDST_STATUS_OK ? kdst_conv2d(x, w, NULL, two, &y) : 0,
        KDST_STATUS_INVALID_ARGUMENT, "groups is 0");
    kdst_options *all_options[] = {four, two, wide, widest};
    for (int i = 0; i < 4; i++)
        kdst_options_release(all_options[i]);
    kdst_tensor *all[] = {x, w, odd};
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3, 5, 5), 1), *w = filled(F32, SHAPE(4, 3, 3, 3), 2), *y = x;
    kdst_tensor *other = filled(F32, SHAPE(4, 16, 3, 3), 3), *flat = filled(F32, SHAPE(3, 5), 4),
                *b = filled(F32, SHAPE(3), 5);
    kdst_tensor *large = filled(F32, SHAPE(4, 3, 3, 6), 6), *wide = filled(F64, SHAPE(4, 3, 3, 3), 7);
    expect_failure(kdst_conv2d(x, other, NULL, NULL, &y), KDST_STATUS_SHAPE, "3 channels, weight expects 16");
    ck_assert_ptr_null(y);
    expect_failure(kdst_conv2d(flat, w, NULL, NULL, &y), KDST_STATUS_SHAPE, "conv2d: x is [3, 5]");
    expect_failure(kdst_conv2d(x, flat, NULL, NULL, &y), KDST_STATUS_SHAPE, "weight is [3, 5]");
    expect_failure(kdst_conv2d(x, w, b, NULL, &y), KDST_STATUS_SHAPE, "bias is [3]");
    expect_failure(kdst_conv2d(x, large, NULL, NULL, &y), KDST_STATUS_SHAPE, "kernel of 6 does not fit width 5");
    expect_failure(kdst_conv2d(x, wide, NULL, NULL, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_conv2d(x, NULL, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_conv2d(x, w, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    ck_assert_int_eq(kdst_conv2d(NULL, w, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor *all[] = {x, w, other, flat, b, large, wide};
    for (int i = 0; i < 7; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

START_TEST(test_bad_options)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 3, 5, 5), 1), *w = filled(F32, SHAPE(4, 3, 3, 3), 2), *y = x;
    kdst_options *unknown = options_ints("strides", (int64_t[]){1, 1}, 2),
                 *zero = options_ints("stride", (int64_t[]){1, 0}, 2);
    kdst_options *three = options_ints("padding", (int64_t[]){1, 1, 1}, 3),
                 *negative = options_ints("padding", (int64_t[]){0, -1}, 2);
    expect_failure(kdst_conv2d(x, w, NULL, unknown, &y), KDST_STATUS_INVALID_ARGUMENT, "stride");
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "strides"));
    ck_assert_ptr_null(y);
    expect_failure(kdst_conv2d(x, w, NULL, zero, &y), KDST_STATUS_INVALID_ARGUMENT, "stride");
    expect_failure(kdst_conv2d(x, w, NULL, three, &y), KDST_STATUS_INVALID_ARGUMENT, "padding");
    expect_failure(kdst_conv2d(x, w, NULL, negative, &y), KDST_STATUS_INVALID_ARGUMENT, "padding");
    kdst_options *all[] = {unknown, zero, three, negative};
    for (int i = 0; i < 4; i++)
        kdst_options_release(all[i]);
    kdst_tensor_release(x);
    kdst_tensor_release(w);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, CASES);
    tcase_add_test(tests, test_one_number_for_both_axes);
    tcase_add_test(tests, test_groups_and_dilation_that_do_not_fit);
    tcase_add_test(tests, test_bad_input);
    tcase_add_test(tests, test_bad_options);
}

int main(void)
{
    return run_suite("conv2d", build);
}
