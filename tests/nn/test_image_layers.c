/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of networks for images: each gives what its operation gives with its parameters; names, options, bad input, memory. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

static kdst_options *with(const char *name, int64_t value, kdst_dtype dtype)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    if (name != NULL) expect_ok(kdst_options_set_int(options, name, value));
    if (dtype == F64) expect_ok(kdst_options_set_string(options, "dtype", "float64"));
    return options;
}

static kdst_tensor *found(kdst_layer *layer, const char *name)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_layer_find(layer, name, &t));
    return t;
}

/* Repeatable numbers in a parameter. */
static void refill(kdst_layer *layer, const char *name, int seed)
{
    kdst_tensor *t = found(layer, name);
    int64_t shape[8], rank = kdst_tensor_get_rank(t);
    for (int64_t i = 0; i < rank; i++)
        shape[i] = kdst_tensor_get_size(t, i);
    kdst_tensor *values = filled(kdst_tensor_get_dtype(t), rank, shape, seed);
    expect_ok(kdst_tensor_set(t, values));
    kdst_tensor_release(values);
}

/* The layer's result is `expected`, which is released. */
static void expect_same(kdst_layer *layer, kdst_tensor *x, kdst_tensor *expected)
{
    kdst_tensor *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    double *v = doubles(expected);
    ck_assert_int_eq(kdst_tensor_get_count(y), kdst_tensor_get_count(expected));
    expect_close(y, v);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(expected);
}

START_TEST(conv2d_with_groups_and_dilation)
{
    kdst_options *options = with("groups", 2, real_type(_i)), *plain = NULL;
    kdst_layer *layer = NULL;
    kdst_tensor *x = filled(real_type(_i), SHAPE(2, 4, 7, 6), 1), *y = NULL;
    expect_ok(kdst_options_set_ints(options, "dilation", (int64_t[]){2, 1}, 2));
    expect_ok(kdst_layer_conv2d_create(ctx, 4, 6, options, &layer));
    expect_shape(found(layer, "weight"), SHAPE(6, 2, 3, 3));
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), 6 * 2 * 9 + 6);
    expect_ok(kdst_options_create(&plain));
    expect_ok(kdst_options_set_int(plain, "groups", 2));
    expect_ok(kdst_options_set_ints(plain, "dilation", (int64_t[]){2, 1}, 2));
    expect_ok(kdst_conv2d(x, found(layer, "weight"), found(layer, "bias"), plain, &y));
    expect_shape(y, SHAPE(2, 6, 3, 4));
    expect_same(layer, x, y);
    /* draws are bounded by 1 / sqrt(fan), the fan being that of a group */
    double *w = doubles(found(layer, "weight")), largest = 0;
    for (int i = 0; i < 108; i++)
        largest = fmax(largest, fabs(w[i]));
    ck_assert_double_le(largest, 1 / sqrt(18));
    ck_assert_double_gt(largest, 0.8 / sqrt(18));
    free(w);
    kdst_tensor *wide = filled(real_type(_i), SHAPE(2, 2, 7, 6), 1);
    expect_failure(kdst_layer_run(layer, wide, &y), KDST_STATUS_SHAPE, "conv2d: input has 2 channels, layer expects 4");
    kdst_tensor_release(wide);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(plain);
    kdst_options_release(options);
}
END_TEST

START_TEST(conv_transpose2d)
{
    kdst_options *options = with("stride", 2, real_type(_i)), *plain = NULL;
    kdst_layer *layer = NULL;
    kdst_tensor *x = filled(real_type(_i), SHAPE(2, 4, 3, 5), 1), *y = NULL;
    expect_ok(kdst_options_set_int(options, "padding", 1));
    expect_ok(kdst_options_set_ints(options, "output_padding", (int64_t[]){1, 0}, 2));
    expect_ok(kdst_options_set_int(options, "groups", 2));
    expect_ok(kdst_layer_conv_transpose2d_create(ctx, 4, 6, options, &layer));
    expect_shape(found(layer, "weight"), SHAPE(4, 3, 3, 3));
    expect_shape(found(layer, "bias"), SHAPE(6));
    expect_ok(kdst_options_create(&plain));
    expect_ok(kdst_options_set_int(plain, "stride", 2));
    expect_ok(kdst_options_set_int(plain, "padding", 1));
    expect_ok(kdst_options_set_ints(plain, "output_padding", (int64_t[]){1, 0}, 2));
    expect_ok(kdst_options_set_int(plain, "groups", 2));
    expect_ok(kdst_conv_transpose2d(x, found(layer, "weight"), found(layer, "bias"), plain, &y));
    expect_shape(y, SHAPE(2, 6, 6, 9));
    expect_same(layer, x, y);
    kdst_layer_release(layer);
    expect_ok(kdst_options_set_int(options, "bias", 0));
    expect_ok(kdst_layer_conv_transpose2d_create(ctx, 4, 6, options, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 1);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(plain);
    kdst_options_release(options);
}
END_TEST

START_TEST(norms)
{
    kdst_options *options = with(NULL, 0, real_type(_i)), *plain = NULL;
    kdst_layer *layer = NULL;
    kdst_tensor *x = filled(real_type(_i), SHAPE(2, 4, 3, 5), 1), *y = NULL;
    expect_ok(kdst_options_set_float(options, "eps", 0.25));
    expect_ok(kdst_options_create(&plain));
    expect_ok(kdst_options_set_float(plain, "eps", 0.25));
    expect_ok(kdst_layer_layer_norm_create(ctx, 2, (int64_t[]){3, 5}, options, &layer));
    expect_shape(found(layer, "weight"), SHAPE(3, 5));
    expect_ok(kdst_layer_norm(x, NULL, NULL, 2, plain, &y)); /* weight is 1, bias 0 */
    expect_same(layer, x, y);
    refill(layer, "weight", 2);
    refill(layer, "bias", 3);
    expect_ok(kdst_layer_norm(x, found(layer, "weight"), found(layer, "bias"), 2, plain, &y));
    expect_same(layer, x, y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_group_norm_create(ctx, 2, 4, options, &layer));
    refill(layer, "weight", 4);
    refill(layer, "bias", 5);
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), 8);
    expect_ok(kdst_group_norm(x, found(layer, "weight"), found(layer, "bias"), 2, plain, &y));
    expect_same(layer, x, y);
    kdst_layer_release(layer);
    expect_ok(kdst_options_set_int(options, "affine", 0));
    expect_ok(kdst_layer_group_norm_create(ctx, 4, 4, options, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 0);
    expect_ok(kdst_group_norm(x, NULL, NULL, 4, plain, &y));
    expect_same(layer, x, y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(plain);
    kdst_options_release(options);
}
END_TEST

/* A variance floor far above the variance, on [N, C], [N, C, L] and [N, C, H, W]. */
START_TEST(batch_norm_with_a_large_eps)
{
    enum { N = 3, C = 2, S = 4 };
    kdst_options *options = with(NULL, 0, real_type(_i % 2));
    kdst_layer *layer = NULL;
    const int64_t shapes[3][4] = {{N, C}, {N, C, S}, {N, C, 2, 2}}, s = _i / 2 == 0 ? 1 : S;
    const double eps = 128;
    kdst_tensor *x = filled(real_type(_i % 2), 2 + _i / 2, shapes[_i / 2], 1), *y = NULL;
    expect_ok(kdst_options_set_float(options, "eps", eps));
    expect_ok(kdst_layer_batch_norm_create(ctx, C, options, &layer));
    expect_ok(kdst_layer_run(layer, x, &y));
    double *v = doubles(x), expected[N * C * S];
    for (int c = 0; c < C; c++) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < N * s; i++)
            mean += v[(i / s * C + c) * s + i % s] / (double)(N * s);
        for (int64_t i = 0; i < N * s; i++)
            var += pow(v[(i / s * C + c) * s + i % s] - mean, 2) / (double)(N * s);
        for (int64_t i = 0; i < N * s; i++)
            expected[(i / s * C + c) * s + i % s] = (v[(i / s * C + c) * s + i % s] - mean) / sqrt(var + eps);
    }
    expect_close(y, expected);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(pools_and_resampling)
{
    kdst_layer *layer = NULL;
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 1, 2, 3), (double[]){1, 2, 3, 4, 5, 6}), *y = NULL;
    kdst_options *ceil_mode = with("ceil_mode", 1, F32), *size = with("size", 4, F32);
    expect_ok(kdst_layer_max_pool2d_create(ctx, ceil_mode, &layer));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_shape(y, SHAPE(1, 1, 1, 2));
    expect_close(y, (double[]){5, 6});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_avg_pool2d_create(ctx, ceil_mode, &layer));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_close(y, (double[]){3, 4.5});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_adaptive_avg_pool2d_create(ctx, 1, 2, &layer));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_close(y, (double[]){3, 4});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_upsample2d_create(ctx, size, &layer));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_shape(y, SHAPE(1, 1, 4, 4));
    expect_close(y, (double[]){1, 1, 2, 3, 1, 1, 2, 3, 4, 4, 5, 6, 4, 4, 5, 6});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    kdst_options_release(size);
    kdst_options_release(ceil_mode);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(bad_input)
{
    kdst_layer *none = NULL, *layer = NULL;
    kdst_options *groups = with("groups", 4, F32), *extra = with("output_padding", 1, F32), *scale = with(NULL, 0, F32);
    kdst_tensor *x = filled(F32, SHAPE(2, 6, 3), 1), *y = NULL;
    expect_failure(
        kdst_layer_conv2d_create(ctx, 6, 8, groups, &none), KDST_STATUS_INVALID_ARGUMENT,
        "conv2d: in_channels is 6, which cannot be cut into 4 groups");
    ck_assert_ptr_null(none);
    expect_failure(
        kdst_layer_conv2d_create(ctx, 8, 6, groups, &none), KDST_STATUS_INVALID_ARGUMENT, "out_channels is 6, which");
    expect_failure(
        kdst_layer_conv_transpose2d_create(ctx, 8, 6, groups, &none), KDST_STATUS_INVALID_ARGUMENT,
        "conv_transpose2d: out_channels is 6, which");
    expect_failure(
        kdst_layer_conv_transpose2d_create(ctx, 0, 6, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "in_channels is 0");
    expect_failure(
        kdst_layer_conv_transpose2d_create(ctx, 1, 1, extra, &none), KDST_STATUS_INVALID_ARGUMENT,
        "output_padding is 1, allowed is less than stride or dilation, 1");
    expect_failure(
        kdst_layer_layer_norm_create(ctx, 0, NULL, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "layer_norm: rank is 0");
    expect_failure(
        kdst_layer_layer_norm_create(ctx, 2, NULL, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "shape is NULL");
    expect_failure(
        kdst_layer_layer_norm_create(ctx, 2, (int64_t[]){3, 0}, NULL, &none), KDST_STATUS_INVALID_ARGUMENT,
        "shape[1] is 0");
    expect_failure(
        kdst_layer_group_norm_create(ctx, 4, 6, NULL, &none), KDST_STATUS_INVALID_ARGUMENT,
        "group_norm: channels is 6, which cannot be cut into 4 groups");
    expect_failure(kdst_layer_group_norm_create(ctx, 0, 6, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "groups is 0");
    expect_failure(kdst_layer_upsample2d_create(ctx, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "none of size");
    expect_failure(
        kdst_layer_adaptive_avg_pool2d_create(ctx, 0, 2, &none), KDST_STATUS_INVALID_ARGUMENT, "size is 0 by 2");
    ck_assert_ptr_null(none);
    expect_ok(kdst_layer_layer_norm_create(ctx, 1, (int64_t[]){4}, NULL, &layer));
    expect_failure(
        kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE, "layer_norm: input is [2, 6, 3], layer expects last axes [4]");
    kdst_layer_release(layer);
    expect_ok(kdst_layer_group_norm_create(ctx, 1, 4, NULL, &layer));
    expect_failure(
        kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE, "group_norm: input is [2, 6, 3], layer expects [N, 4, ...]");
    kdst_layer_release(layer);
    expect_ok(kdst_layer_conv_transpose2d_create(ctx, 4, 4, NULL, &layer));
    expect_failure(
        kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE,
        "conv_transpose2d: input is [2, 6, 3], layer expects [N, 4, H, W]");
    kdst_layer_release(layer);
    kdst_tensor_release(x);
    kdst_options *all[] = {groups, extra, scale};
    for (int i = 0; i < 3; i++)
        kdst_options_release(all[i]);
}
END_TEST

/* Makes one layer of each kind and runs them one after the other. */
static kdst_status make_and_run(kdst_context *in, void *arg)
{
    kdst_layer *layers[6] = {NULL};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_options *const *options = arg;
    kdst_status status = kdst_tensor_create(in, F32, SHAPE(2, 4, 5, 5), &x);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_value(x, 1);
    if (status == KDST_STATUS_OK) status = kdst_layer_conv2d_create(in, 4, 4, options[0], &layers[0]);
    if (status == KDST_STATUS_OK) status = kdst_layer_conv_transpose2d_create(in, 4, 6, NULL, &layers[1]);
    if (status == KDST_STATUS_OK) status = kdst_layer_group_norm_create(in, 3, 6, NULL, &layers[2]);
    if (status == KDST_STATUS_OK) status = kdst_layer_upsample2d_create(in, options[1], &layers[3]);
    if (status == KDST_STATUS_OK) status = kdst_layer_adaptive_avg_pool2d_create(in, 2, 3, &layers[4]);
    if (status == KDST_STATUS_OK) status = kdst_layer_layer_norm_create(in, 1, (int64_t[]){3}, NULL, &layers[5]);
    for (int i = 0; i < 6 && status == KDST_STATUS_OK; i++) {
        status = kdst_layer_run(layers[i], x, &y);
        if (status == KDST_STATUS_OK) {
            kdst_tensor_release(x);
            x = y;
        }
    }
    kdst_tensor_release(x);
    for (int i = 0; i < 6; i++)
        kdst_layer_release(layers[i]);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *threads = with("threads", 1, F32), *options[] = {with("groups", 4, F32), with("size", 7, F32)};
    ck_assert_int_gt(each_allocation_fails(threads, make_and_run, options), 40);
    kdst_options_release(threads);
    kdst_options_release(options[0]);
    kdst_options_release(options[1]);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, conv2d_with_groups_and_dilation, 0, 2);
    tcase_add_loop_test(tests, conv_transpose2d, 0, 2);
    tcase_add_loop_test(tests, norms, 0, 2);
    tcase_add_loop_test(tests, batch_norm_with_a_large_eps, 0, 6);
    tcase_add_loop_test(tests, pools_and_resampling, 0, 2);
    tcase_add_test(tests, bad_input);
    tcase_add_test(tests, memory_runs_out);
}

int main(void)
{
    return run_suite("image layers", build);
}
