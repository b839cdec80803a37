/* SPDX-License-Identifier: Apache-2.0 */
/* Layers without children: each forward against its formula, its options, its state and bad input; in both types. */
#include "autograd/support.h"

static kdst_options *with_dtype(kdst_dtype dtype)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "dtype", dtype == F32 ? "float32" : "float64"));
    return options;
}

static kdst_tensor *run(kdst_layer *layer, kdst_tensor *x)
{
    kdst_tensor *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    return y;
}

/* Replaces a tensor of the state by repeatable numbers and gives them as doubles. */
static double *refill(kdst_layer *layer, const char *name, int seed, double offset)
{
    kdst_tensor *t = NULL, *values = NULL;
    expect_ok(kdst_layer_find(layer, name, &t));
    int64_t count = kdst_tensor_get_count(t), shape[8];
    for (int64_t i = 0; i < kdst_tensor_get_rank(t); i++)
        shape[i] = kdst_tensor_get_size(t, i);
    double *v = malloc((size_t)count * sizeof *v);
    for (int64_t i = 0; i < count; i++)
        v[i] = (double)(float)(number(i, seed) + offset);
    values = from_doubles(F64, kdst_tensor_get_rank(t), shape, v);
    expect_ok(kdst_tensor_set(t, values));
    kdst_tensor_release(values);
    return v;
}

START_TEST(linear)
{
    enum { N = 3, I = 5, O = 4 };
    kdst_options *options = with_dtype(real_type(_i));
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_linear_create(ctx, I, O, options, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 2);
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), I * O + O);
    double *w = refill(layer, "weight", 1, 0), *b = refill(layer, "bias", 2, 0), expected[N * O];
    kdst_tensor *x = filled(real_type(_i), SHAPE(N, I), 3), *y = run(layer, x);
    double *v = doubles(x);
    for (int n = 0; n < N; n++)
        for (int o = 0; o < O; o++) {
            expected[n * O + o] = b[o];
            for (int i = 0; i < I; i++)
                expected[n * O + o] += v[n * I + i] * w[o * I + i];
        }
    expect_shape(y, SHAPE(N, O));
    expect_close(y, expected);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    free(v);
    free(b);
    free(w);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(linear_without_bias_is_frozen_on_request)
{
    kdst_options *options = with_dtype(F64);
    kdst_layer *layer = NULL;
    expect_ok(kdst_options_set_int(options, "bias", 0));
    expect_ok(kdst_options_set_string(options, "init", "ones"));
    expect_ok(kdst_layer_linear_create(ctx, 3, 2, options, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 1);
    expect_ok(kdst_layer_set_trainable(layer, 0));
    kdst_tensor *x = from_doubles(F64, SHAPE(1, 3), (double[]){1, 2, 4}), *y = run(layer, x);
    expect_close(y, (double[]){7, 7});
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 0);
    kdst_tensor_release(y);
    expect_ok(kdst_layer_set_trainable(layer, 1));
    y = run(layer, x);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(conv2d)
{
    enum { N = 2, I = 3, O = 2, H = 7, W = 5, KH = 3, KW = 2, SH = 2, SW = 1, PH = 1, PW = 1 };
    enum { OH = (H + 2 * PH - KH) / SH + 1, OW = (W + 2 * PW - KW) / SW + 1 };
    kdst_options *options = with_dtype(real_type(_i));
    expect_ok(kdst_options_set_ints(options, "kernel", (int64_t[]){KH, KW}, 2));
    expect_ok(kdst_options_set_ints(options, "stride", (int64_t[]){SH, SW}, 2));
    expect_ok(kdst_options_set_int(options, "padding", 1));
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_conv2d_create(ctx, I, O, options, &layer));
    double *w = refill(layer, "weight", 1, 0), *b = refill(layer, "bias", 2, 0), expected[N * O * OH * OW];
    kdst_tensor *x = filled(real_type(_i), SHAPE(N, I, H, W), 3), *y = run(layer, x);
    double *v = doubles(x);
    for (int n = 0; n < N; n++)
        for (int o = 0; o < O; o++)
            for (int r = 0; r < OH; r++)
                for (int c = 0; c < OW; c++) {
                    double sum = b[o];
                    for (int i = 0; i < I; i++)
                        for (int k = 0; k < KH * KW; k++) {
                            int h = r * SH + k / KW - PH, q = c * SW + k % KW - PW;
                            if (h >= 0 && h < H && q >= 0 && q < W)
                                sum += v[((n * I + i) * H + h) * W + q] * w[(o * I + i) * KH * KW + k];
                        }
                    expected[((n * O + o) * OH + r) * OW + c] = sum;
                }
    expect_shape(y, SHAPE(N, O, OH, OW));
    expect_close(y, expected);
    free(v);
    free(b);
    free(w);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* [N, C, H, W] for loop indices 0 and 1, [N, C] for 2 and 3. */
START_TEST(batch_norm)
{
    enum { N = 4, C = 3 };
    const int plane = _i < 2 ? 6 : 1;
    const kdst_dtype dtype = real_type(_i % 2);
    const double eps = 0.01, momentum = 0.3;
    kdst_options *options = with_dtype(dtype);
    expect_ok(kdst_options_set_float(options, "eps", eps));
    expect_ok(kdst_options_set_float(options, "momentum", momentum));
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_batch_norm_create(ctx, C, options, &layer));
    double *g = refill(layer, "weight", 1, 1.5), *b = refill(layer, "bias", 2, 0);
    kdst_tensor *x = plane == 6 ? filled(dtype, SHAPE(N, C, 2, 3), 3) : filled(dtype, SHAPE(N, C), 3);
    kdst_tensor *y = run(layer, x), *mean = NULL, *var = NULL, *count = NULL;
    double *v = doubles(x), expected[N * C * 6], running_mean[C], running_var[C], value;
    for (int c = 0; c < C; c++) {
        double m = 0, s = 0;
        const int values = N * plane;
        for (int i = 0; i < values; i++)
            m += v[(i / plane * C + c) * plane + i % plane] / values;
        for (int i = 0; i < values; i++)
            s += pow(v[(i / plane * C + c) * plane + i % plane] - m, 2) / values;
        for (int i = 0; i < values; i++) {
            int at = (i / plane * C + c) * plane + i % plane;
            expected[at] = (v[at] - m) / sqrt(s + eps) * g[c] + b[c];
        }
        running_mean[c] = momentum * m;
        running_var[c] = (1 - momentum) + momentum * s * values / (values - 1);
    }
    expect_close(y, expected);
    expect_ok(kdst_layer_find(layer, "running_mean", &mean));
    expect_ok(kdst_layer_find(layer, "running_var", &var));
    expect_ok(kdst_layer_find(layer, "num_batches_tracked", &count));
    expect_close(mean, running_mean);
    expect_close(var, running_var);
    expect_ok(kdst_tensor_get_value(count, &value));
    ck_assert_double_eq(value, 1);
    ck_assert_int_eq(kdst_tensor_get_dtype(count), KDST_DTYPE_INT32);
    kdst_tensor_release(y);

    expect_ok(kdst_layer_set_training(layer, 0));
    y = run(layer, x);
    for (int i = 0; i < N * C * plane; i++) {
        int c = i / plane % C;
        expected[i] = (v[i] - running_mean[c]) / sqrt(running_var[c] + eps) * g[c] + b[c];
    }
    expect_close(y, expected);
    expect_close(mean, running_mean);
    expect_ok(kdst_tensor_get_value(count, &value));
    ck_assert_double_eq(value, 1);
    free(v);
    free(b);
    free(g);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(batch_norm_counter_saturates)
{
    kdst_options *options = with_dtype(F64);
    kdst_layer *layer = NULL;
    kdst_tensor *count = NULL;
    double value;
    expect_ok(kdst_options_set_int(options, "affine", 0));
    expect_ok(kdst_layer_batch_norm_create(ctx, 2, options, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 3);
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), 0);
    expect_ok(kdst_layer_find(layer, "num_batches_tracked", &count));
    expect_ok(kdst_tensor_set_value(count, INT32_MAX - 1));
    kdst_tensor *x = filled(F64, SHAPE(3, 2), 1);
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(run(layer, x));
    expect_ok(kdst_tensor_get_value(count, &value));
    ck_assert_double_eq(value, INT32_MAX);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(pooling)
{
    const double values[] = {1, 5, 2, 0, -1, 3, 7, 4, 0, 2, -6, 8};
    kdst_layer *layer = NULL;
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 1, 3, 4), values), *y;
    expect_ok(kdst_layer_max_pool2d_create(ctx, NULL, &layer));
    y = run(layer, x);
    expect_shape(y, SHAPE(1, 1, 1, 2));
    expect_close(y, (double[]){5, 7});
    kdst_tensor_release(y);
    kdst_layer_release(layer);

    kdst_options *options = options_ints("kernel", (int64_t[]){3, 2}, 2);
    expect_ok(kdst_options_set_int(options, "stride", 1));
    expect_ok(kdst_layer_avg_pool2d_create(ctx, options, &layer));
    y = run(layer, x);
    expect_shape(y, SHAPE(1, 1, 1, 3));
    expect_close(y, (double[]){10.0 / 6, 13.0 / 6, 15.0 / 6});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_options_set_int(options, "padding", 2));
    expect_failure(
        kdst_layer_max_pool2d_create(ctx, options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "max_pool2d: padding is 2, allowed is half the kernel of 3");
    ck_assert_ptr_null(layer);
    kdst_options_release(options);

    expect_ok(kdst_layer_global_avg_pool2d_create(ctx, &layer));
    y = run(layer, x);
    expect_shape(y, SHAPE(1, 1));
    expect_close(y, (double[]){25.0 / 12});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(dropout)
{
    enum { COUNT = 4000 };
    kdst_layer *layer = NULL;
    kdst_tensor *x = NULL, *y;
    expect_ok(kdst_tensor_create(ctx, real_type(_i), SHAPE(COUNT), &x));
    expect_ok(kdst_tensor_set_value(x, 3));
    expect_ok(kdst_layer_dropout_create(ctx, 0.25, &layer));
    y = run(layer, x);
    double *v = doubles(y);
    int zeros = 0;
    for (int i = 0; i < COUNT; i++) {
        zeros += v[i] == 0;
        ck_assert(v[i] == 0 || fabs(v[i] - 4) < 1e-6);
    }
    ck_assert_int_gt(zeros, COUNT / 4 - 150); /* 5 standard deviations are 137 */
    ck_assert_int_lt(zeros, COUNT / 4 + 150);
    free(v);
    kdst_tensor_release(y);
    expect_ok(kdst_layer_set_training(layer, 0));
    y = run(layer, x);
    v = doubles(y);
    for (int i = 0; i < COUNT; i++)
        ck_assert_double_eq(v[i], 3);
    free(v);
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_failure(kdst_layer_dropout_create(ctx, 1, &layer), KDST_STATUS_INVALID_ARGUMENT, "dropout: rate is 1, allowed is [0, 1)");
    expect_failure(kdst_layer_dropout_create(ctx, NAN, &layer), KDST_STATUS_INVALID_ARGUMENT, "dropout: rate is");
    kdst_tensor_release(x);
}
END_TEST

START_TEST(activation_and_flatten)
{
    kdst_layer *layer = NULL;
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(1, 3), (double[]){-1, 0, 2}), *y;
    const double sum = exp(-1) + 1 + exp(2);
    expect_ok(kdst_layer_activation_create(ctx, "relu", &layer));
    y = run(layer, x);
    expect_close(y, (double[]){0, 0, 2});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_activation_create(ctx, "softmax", &layer));
    y = run(layer, x);
    expect_close(y, (double[]){exp(-1) / sum, 1 / sum, exp(2) / sum});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_activation_create(ctx, "log_softmax", &layer));
    y = run(layer, x);
    expect_close(y, (double[]){-1 - log(sum), -log(sum), 2 - log(sum)});
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    kdst_tensor_release(x);
    expect_failure(
        kdst_layer_activation_create(ctx, "rellu", &layer), KDST_STATUS_INVALID_ARGUMENT, "activation: kind is \"rellu\"");

    expect_ok(kdst_layer_flatten_create(ctx, &layer));
    x = filled(real_type(_i), SHAPE(2, 3, 1, 4), 5);
    y = run(layer, x);
    expect_shape(y, SHAPE(2, 12));
    double *v = doubles(x);
    expect_close(y, v);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    x = filled(real_type(_i), SHAPE(0, 3, 2), 5);
    y = run(layer, x);
    expect_shape(y, SHAPE(0, 6));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    x = filled(real_type(_i), SHAPE(3), 5);
    expect_failure(kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE, "flatten: input is [3]");
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(shortcut)
{
    enum { H = 3, W = 5 };
    kdst_layer *layer = NULL;
    kdst_tensor *y, *x = filled(real_type(_i), SHAPE(1, 2, H, W), 5);
    double *v = doubles(x), expected[5 * 2 * 3] = {0};
    /* 2 to 5 channels: one zero channel in front, two behind; rows 0, 2 and columns 0, 2, 4. */
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < 6; i++)
            expected[(c + 1) * 6 + i] = v[c * H * W + i / 3 * 2 * W + i % 3 * 2];
    expect_ok(kdst_layer_shortcut_create(ctx, 2, 5, 2, &layer));
    y = run(layer, x);
    expect_shape(y, SHAPE(1, 5, 2, 3));
    expect_close(y, expected);
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_shortcut_create(ctx, 2, 2, 1, &layer));
    y = run(layer, x);
    expect_close(y, v);
    kdst_tensor_release(y);
    kdst_layer_release(layer);
    expect_ok(kdst_layer_shortcut_create(ctx, 3, 4, 2, &layer));
    expect_failure(kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE, "shortcut: input is [1, 2, 3, 5], layer expects [N, 3, H, W]");
    kdst_layer_release(layer);
    expect_failure(
        kdst_layer_shortcut_create(ctx, 4, 2, 2, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "shortcut: out_channels is 2, allowed is in_channels, 4, and more");
    free(v);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(bad_input)
{
    kdst_layer *linear = NULL, *conv = NULL, *norm = NULL, *none = NULL;
    kdst_tensor *y = NULL;
    expect_failure(kdst_layer_linear_create(ctx, 0, 2, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "linear: in_features is 0");
    expect_failure(kdst_layer_conv2d_create(ctx, 1, -2, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "conv2d: out_channels is -2");
    expect_failure(kdst_layer_batch_norm_create(ctx, 0, NULL, &none), KDST_STATUS_INVALID_ARGUMENT, "batch_norm: channels is 0");
    kdst_options *options = options_ints("kernl", (int64_t[]){3, 3}, 2);
    expect_failure(kdst_layer_conv2d_create(ctx, 1, 1, options, &none), KDST_STATUS_INVALID_ARGUMENT, "kernel");
    kdst_options_release(options);
    options = options_ints("kernel", (int64_t[]){0, 3}, 2);
    expect_failure(kdst_layer_conv2d_create(ctx, 1, 1, options, &none), KDST_STATUS_INVALID_ARGUMENT, "kernel");
    kdst_options_release(options);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(kdst_layer_linear_create(NULL, 1, 1, NULL, &none), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_layer_flatten_create(ctx, NULL), KDST_STATUS_INVALID_ARGUMENT, "flatten: out is NULL");

    expect_ok(kdst_layer_linear_create(ctx, 4, 2, NULL, &linear));
    expect_ok(kdst_layer_conv2d_create(ctx, 16, 2, NULL, &conv));
    expect_ok(kdst_layer_batch_norm_create(ctx, 4, NULL, &norm));
    kdst_tensor *flat = filled(F32, SHAPE(2, 3), 1), *image = filled(F32, SHAPE(2, 3, 4, 4), 1), *wide = filled(F64, SHAPE(2, 4), 1);
    expect_failure(kdst_layer_run(linear, flat, &y), KDST_STATUS_SHAPE, "linear: input has 3 features, layer expects 4");
    expect_failure(kdst_layer_run(linear, image, &y), KDST_STATUS_SHAPE, "linear: input is [2, 3, 4, 4], layer expects [N, 4]");
    expect_failure(kdst_layer_run(linear, wide, &y), KDST_STATUS_DTYPE, "linear");
    expect_failure(kdst_layer_run(conv, image, &y), KDST_STATUS_SHAPE, "conv2d: input has 3 channels, layer expects 16");
    expect_failure(kdst_layer_run(conv, flat, &y), KDST_STATUS_SHAPE, "conv2d: input is [2, 3], layer expects [N, 16, H, W]");
    expect_failure(kdst_layer_run(norm, flat, &y), KDST_STATUS_SHAPE, "batch_norm: input has 3 channels, layer expects 4");
    expect_failure(kdst_layer_run(norm, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "layer_run: x is NULL");
    expect_failure(kdst_layer_run(norm, flat, NULL), KDST_STATUS_INVALID_ARGUMENT, "layer_run: out is NULL");
    ck_assert_ptr_null(y);
    expect_failure(kdst_layer_set_training(norm, 2), KDST_STATUS_INVALID_ARGUMENT, "training is 2, allowed are 0 and 1");
    expect_failure(kdst_layer_set_trainable(norm, -1), KDST_STATUS_INVALID_ARGUMENT, "trainable is -1, allowed are 0 and 1");
    kdst_context *other = context_with_threads(1);
    kdst_tensor *foreign = filled_in(other, F32, SHAPE(2, 4), 1);
    expect_failure(kdst_layer_run(linear, foreign, &y), KDST_STATUS_INVALID_ARGUMENT, "another context");
    kdst_tensor_release(foreign);
    kdst_context_release(other);
    kdst_tensor_release(wide);
    kdst_tensor_release(image);
    kdst_tensor_release(flat);
    kdst_layer_release(norm);
    kdst_layer_release(conv);
    kdst_layer_release(linear);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, linear, 0, 2);
    tcase_add_test(tests, linear_without_bias_is_frozen_on_request);
    tcase_add_loop_test(tests, conv2d, 0, 2);
    tcase_add_loop_test(tests, batch_norm, 0, 4);
    tcase_add_test(tests, batch_norm_counter_saturates);
    tcase_add_loop_test(tests, pooling, 0, 2);
    tcase_add_loop_test(tests, dropout, 0, 2);
    tcase_add_loop_test(tests, activation_and_flatten, 0, 2);
    tcase_add_loop_test(tests, shortcut, 0, 2);
    tcase_add_test(tests, bad_input);
}

int main(void)
{
    return run_suite("layers", build);
}
