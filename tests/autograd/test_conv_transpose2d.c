/* SPDX-License-Identifier: Apache-2.0 */
/* conv_transpose2d against its definition, forward and backward; its bond with conv2d; bad input and options. */
#include "support.h"

typedef struct geometry {
    int64_t n, c, h, w, o, kh, kw, stride[2], padding[2], extra[2], dilation[2], groups;
} geometry;

static const geometry cases[] = {
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1}, {2, 3, 4, 5, 4, 3, 3, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 3, 4, 5, 2, 3, 3, {2, 2}, {1, 1}, {1, 0}, {1, 1}, 1}, {1, 2, 3, 4, 3, 2, 4, {3, 1}, {0, 2}, {2, 1}, {2, 2}, 1},
    {2, 6, 3, 3, 4, 3, 2, {2, 1}, {1, 0}, {0, 0}, {1, 1}, 2}, {2, 5, 4, 4, 5, 4, 4, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 5},
    {0, 2, 3, 3, 3, 3, 3, {1, 1}, {0, 0}, {0, 0}, {1, 1}, 1}, {1, 4, 2, 3, 8, 3, 3, {1, 1}, {3, 3}, {2, 1}, {3, 3}, 4},
};
#define CASES ((int)(sizeof cases / sizeof *cases))

static int64_t side(const geometry *g, int i)
{
    int64_t size = i ? g->w : g->h, kernel = i ? g->kw : g->kh;
    return (size - 1) * g->stride[i] - 2 * g->padding[i] + g->dilation[i] * (kernel - 1) + g->extra[i] + 1;
}

/* For every product x[xi] * w[wi] in y[yi]: y += x w, or with dy given dx += dy w and dw += dy x. */
static void
naive(const geometry *g, const double *x, const double *w, double *y, const double *dy, double *dx, double *dw)
{
    int64_t oh = side(g, 0), ow = side(g, 1), out = g->o / g->groups;
    for (int64_t xi = 0; xi < g->n * g->c * g->h * g->w; xi++) {
        int64_t j = xi % g->w, i = xi / g->w % g->h, c = xi / g->w / g->h % g->c, n = xi / g->w / g->h / g->c;
        for (int64_t k = 0; k < out * g->kh * g->kw; k++) {
            int64_t l = k % g->kw, r = k / g->kw % g->kh, o = k / g->kw / g->kh + c / (g->c / g->groups) * out;
            int64_t a = i * g->stride[0] + r * g->dilation[0] - g->padding[0];
            int64_t b = j * g->stride[1] + l * g->dilation[1] - g->padding[1];
            if (a < 0 || a >= oh || b < 0 || b >= ow) continue;
            int64_t yi = ((n * g->o + o) * oh + a) * ow + b, wi = c * out * g->kh * g->kw + k;
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
    expect_ok(kdst_options_set_ints(options, "output_padding", g->extra, 2));
    expect_ok(kdst_options_set_ints(options, "dilation", g->dilation, 2));
    expect_ok(kdst_options_set_int(options, "groups", g->groups));
    return options;
}

static void check(const geometry *g, kdst_dtype dtype, int with_bias)
{
    int64_t oh = side(g, 0), ow = side(g, 1), plane = oh * ow, count = g->n * g->o * plane;
    kdst_tensor *x = filled(dtype, SHAPE(g->n, g->c, g->h, g->w), 1), *y = NULL;
    kdst_tensor *w = filled(dtype, SHAPE(g->c, g->o / g->groups, g->kh, g->kw), 2);
    kdst_tensor *b = with_bias ? filled(dtype, SHAPE(g->o), 3) : NULL, *leaves[] = {x, w, b};
    kdst_tensor *dy = filled(dtype, SHAPE(g->n, g->o, oh, ow), 4);
    kdst_options *options = options_of(g);
    for (int i = 0; i < 2 + with_bias; i++)
        expect_ok(kdst_tensor_set_requires_grad(leaves[i], 1));
    double *vx = doubles(x), *vw = doubles(w), *vb = with_bias ? doubles(b) : NULL, *vdy = doubles(dy);
    double *vy = calloc((size_t)count + 1, 8), *vdb = calloc((size_t)g->o, 8);
    double *vdx = calloc((size_t)kdst_tensor_get_count(x) + 1, 8), *vdw = calloc((size_t)kdst_tensor_get_count(w), 8);
    for (int64_t i = 0; i < count; i++) {
        vy[i] = with_bias ? vb[i / plane % g->o] : 0;
        vdb[i / plane % g->o] += vdy[i];
    }
    naive(g, vx, vw, vy, NULL, NULL, NULL);
    naive(g, vx, vw, NULL, vdy, vdx, vdw);
    expect_ok(kdst_conv_transpose2d(x, w, b, options, &y));
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
            check(&cases[_i], real_type(type), with_bias);
}
END_TEST

/* <conv2d(a), b> = <a, conv_transpose2d(b)>, the weight being the same. */
START_TEST(test_transposed_to_conv2d)
{
    kdst_tensor *a = filled(F64, SHAPE(2, 4, 7, 8), 1), *w = filled(F64, SHAPE(6, 2, 3, 3), 2), *y = NULL, *back = NULL;
    kdst_options *options = options_ints("stride", (int64_t[]){2, 3}, 2);
    expect_ok(kdst_options_set_int(options, "padding", 1));
    expect_ok(kdst_options_set_int(options, "groups", 2));
    expect_ok(kdst_conv2d(a, w, NULL, options, &y)); /* [2, 6, 4, 3] */
    kdst_tensor *b = filled(F64, SHAPE(2, 6, 4, 3), 3);
    expect_ok(kdst_options_set_ints(options, "output_padding", (int64_t[]){0, 1}, 2));
    expect_ok(kdst_conv_transpose2d(b, w, NULL, options, &back));
    expect_shape(back, SHAPE(2, 4, 7, 8));
    double *va = doubles(a), *vb = doubles(b), *vy = doubles(y), *vback = doubles(back), left = 0, right = 0;
    for (int64_t i = 0; i < kdst_tensor_get_count(y); i++)
        left += vy[i] * vb[i];
    for (int64_t i = 0; i < kdst_tensor_get_count(a); i++)
        right += va[i] * vback[i];
    ck_assert_double_eq_tol(left, right, 1e-11);
    double *arrays[] = {va, vb, vy, vback};
    for (int i = 0; i < 4; i++)
        free(arrays[i]);
    kdst_tensor *all[] = {a, w, y, back, b};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
    kdst_options_release(options);
}
END_TEST

START_TEST(test_bad_input)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 6, 5, 5), 1), *w = filled(F32, SHAPE(6, 2, 3, 3), 2), *y = x;
    kdst_tensor *other = filled(F32, SHAPE(4, 2, 3, 3), 3), *flat = filled(F32, SHAPE(6, 2), 4);
    kdst_tensor *b = filled(F32, SHAPE(3), 5), *empty = filled(F32, SHAPE(2, 6, 0, 5), 6);
    kdst_tensor *wide = filled(F64, SHAPE(6, 2, 3, 3), 7);
    kdst_options *four = NULL, *long_one = options_ints("output_padding", (int64_t[]){0, 2}, 2);
    kdst_options *bare = options_ints("padding", (int64_t[]){4, 0}, 2);
    expect_ok(kdst_options_create(&four));
    expect_ok(kdst_options_set_int(four, "groups", 4));
    expect_ok(kdst_options_set_int(long_one, "stride", 2));
    expect_failure(kdst_conv_transpose2d(x, other, NULL, NULL, &y), KDST_STATUS_SHAPE, "6 channels, weight expects 4");
    ck_assert_ptr_null(y);
    expect_failure(kdst_conv_transpose2d(flat, w, NULL, NULL, &y), KDST_STATUS_SHAPE, "conv_transpose2d: x is [6, 2]");
    expect_failure(kdst_conv_transpose2d(x, w, b, NULL, &y), KDST_STATUS_SHAPE, "expected [2]");
    expect_failure(kdst_conv_transpose2d(empty, w, NULL, NULL, &y), KDST_STATUS_SHAPE, "no result of height 0");
    expect_failure(kdst_conv_transpose2d(x, wide, NULL, NULL, &y), KDST_STATUS_DTYPE, "float64");
    expect_failure(kdst_conv_transpose2d(x, w, NULL, four, &y), KDST_STATUS_SHAPE, "cut into 4 groups");
    expect_failure(
        kdst_conv_transpose2d(x, w, NULL, long_one, &y), KDST_STATUS_INVALID_ARGUMENT,
        "output_padding is 2, allowed is less than stride or dilation, 2");
    expect_failure(kdst_conv_transpose2d(x, w, NULL, bare, &y), KDST_STATUS_SHAPE, "with a kernel of 3 and padding 4");
    ck_assert_int_eq(kdst_conv_transpose2d(NULL, w, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_conv_transpose2d(x, NULL, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    expect_failure(kdst_conv_transpose2d(x, w, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "NULL");
    kdst_options *all_options[] = {four, long_one, bare};
    for (int i = 0; i < 3; i++)
        kdst_options_release(all_options[i]);
    kdst_tensor *all[] = {x, w, other, flat, b, empty, wide};
    for (int i = 0; i < 7; i++)
        kdst_tensor_release(all[i]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_definition, 0, CASES);
    tcase_add_test(tests, test_transposed_to_conv2d);
    tcase_add_test(tests, test_bad_input);
}

int main(void)
{
    return run_suite("conv_transpose2d", build);
}
