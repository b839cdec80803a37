/* SPDX-License-Identifier: Apache-2.0 */
/* parallel, channel_shuffle, channel_slice: values and gradients against their formulas, names, modes, bad input, failures. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

static kdst_options *text(const char *name, const char *value)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, name, value));
    return options;
}

static kdst_layer *parallel(kdst_options *options)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_parallel_create(ctx, options, &layer));
    return layer;
}

static void add(kdst_layer *container, const char *name, kdst_layer *child)
{
    expect_ok(kdst_layer_add(container, name, child));
    kdst_layer_release(child);
}

static kdst_layer *identity(void)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &layer));
    return layer;
}

static kdst_layer *slice(int64_t start, int64_t count)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_channel_slice_create(ctx, start, count, &layer));
    return layer;
}

/* y = layer(x); the gradient of sum(y * y) is left in x. */
static kdst_tensor *run_and_back(kdst_layer *layer, kdst_tensor *x)
{
    kdst_tensor *y = NULL, *squares = NULL, *sum = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_ok(kdst_mul(y, y, &squares));
    expect_ok(kdst_sum(squares, NULL, 0, 0, &sum));
    expect_ok(kdst_backward(sum, NULL, NULL));
    kdst_tensor_release(sum);
    kdst_tensor_release(squares);
    return y;
}

static void expect_grad(kdst_tensor *x, const double *expected)
{
    kdst_tensor *grad = grad_of(x);
    expect_close(grad, expected);
    kdst_tensor_release(grad);
}

/* Channels [1, 3) and all of [2, 3, 2, 2], in both orders: the gradient of a channel that came twice is twice as large. */
START_TEST(concat)
{
    const int reversed = _i / 2;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "reversed", reversed));
    kdst_layer *layer = parallel(options);
    add(layer, NULL, slice(1, 2));
    add(layer, NULL, identity());
    kdst_tensor *x = filled(real_type(_i % 2), SHAPE(2, 3, 2, 2), 1), *y = run_and_back(layer, x);
    double *v = doubles(x), expected[2 * 5 * 4], slopes[2 * 3 * 4];
    static const int from[2][5] = {{1, 2, 0, 1, 2}, {0, 1, 2, 1, 2}};
    for (int n = 0; n < 2; n++)
        for (int p = 0; p < 4; p++) {
            for (int c = 0; c < 5; c++)
                expected[(n * 5 + c) * 4 + p] = v[(n * 3 + from[reversed][c]) * 4 + p];
            for (int c = 0; c < 3; c++)
                slopes[(n * 3 + c) * 4 + p] = (c > 0 ? 4 : 2) * v[(n * 3 + c) * 4 + p];
        }
    expect_shape(y, SHAPE(2, 5, 2, 2));
    expect_close(y, expected);
    expect_grad(x, slopes);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* x + x + x, and rows behind each other along axis 0. */
START_TEST(sum_and_axis)
{
    kdst_options *sum = text("join", "sum"), *rows = NULL;
    expect_ok(kdst_options_create(&rows));
    expect_ok(kdst_options_set_int(rows, "axis", -2));
    kdst_layer *added = parallel(sum), *stacked = parallel(rows);
    for (int i = 0; i < 3; i++)
        add(added, NULL, identity());
    for (int i = 0; i < 2; i++)
        add(stacked, NULL, identity());
    kdst_tensor *x = filled(real_type(_i), SHAPE(2, 3), 1), *y = run_and_back(added, x), *z = NULL;
    double *v = doubles(x), expected[12], slopes[6];
    for (int i = 0; i < 6; i++) {
        expected[i] = 3 * v[i];
        slopes[i] = 18 * v[i];
    }
    expect_close(y, expected);
    expect_grad(x, slopes);
    expect_ok(kdst_layer_run(stacked, x, &z));
    expect_shape(z, SHAPE(4, 3));
    for (int i = 0; i < 12; i++)
        expected[i] = v[i % 6];
    expect_close(z, expected);
    free(v);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(stacked);
    kdst_layer_release(added);
    kdst_options_release(rows);
    kdst_options_release(sum);
}
END_TEST

START_TEST(names_and_modes)
{
    kdst_layer *layer = parallel(NULL), *norm = NULL, *wrapped = identity();
    const char *name = NULL;
    expect_ok(kdst_layer_set_training(layer, 0));
    expect_ok(kdst_layer_batch_norm_create(ctx, 2, NULL, &norm));
    add(wrapped, "norm", norm);
    add(layer, "", identity());
    add(layer, "", wrapped);
    ck_assert_int_eq(kdst_layer_get_training(wrapped), 0);
    expect_ok(kdst_layer_get_state(layer, 0, &name, NULL, NULL));
    ck_assert_str_eq(name, "norm.weight");
    kdst_layer_release(layer);
}
END_TEST

START_TEST(shuffle)
{
    static const int64_t groups[] = {1, 2, 3, 6};
    const int64_t g = groups[_i / 2], c = 6;
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_channel_shuffle_create(ctx, g, &layer));
    kdst_tensor *x = filled(real_type(_i % 2), SHAPE(2, 6, 1, 3), 1), *y = run_and_back(layer, x);
    double *v = doubles(x), expected[36], slopes[36];
    for (int64_t n = 0; n < 2; n++)
        for (int64_t j = 0; j < c / g; j++)
            for (int64_t k = 0; k < g; k++)
                for (int64_t p = 0; p < 3; p++)
                    expected[(n * c + j * g + k) * 3 + p] = v[(n * c + k * (c / g) + j) * 3 + p];
    for (int i = 0; i < 36; i++)
        slopes[i] = 2 * v[i];
    expect_shape(y, SHAPE(2, 6, 1, 3));
    expect_close(y, expected);
    expect_grad(x, slopes);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(slices)
{
    kdst_layer *layer = slice(2, 2);
    kdst_tensor *x = filled(real_type(_i), SHAPE(2, 5), 1), *y = run_and_back(layer, x);
    double *v = doubles(x);
    const double slopes[10] = {0, 0, 2 * v[2], 2 * v[3], 0, 0, 0, 2 * v[7], 2 * v[8], 0};
    expect_shape(y, SHAPE(2, 2));
    expect_close(y, (double[]){v[2], v[3], v[7], v[8]});
    expect_grad(x, slopes);
    free(v);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(bad_input)
{
    kdst_layer *layer = NULL, *empty = parallel(NULL), *joined = parallel(NULL);
    kdst_options *sum = text("join", "sum"), *product = text("join", "product"), *axis = NULL;
    kdst_layer *added = parallel(sum);
    kdst_tensor *x = filled(F32, SHAPE(2, 4, 3), 1), *y = NULL, *scalar = filled(F32, SHAPE(4), 1);
    expect_failure(kdst_layer_run(empty, x, &y), KDST_STATUS_STATE, "parallel: there are no children to run");
    add(added, NULL, identity());
    add(added, NULL, slice(0, 2));
    expect_failure(kdst_layer_run(added, x, &y), KDST_STATUS_SHAPE, "parallel: one child gives [2, 4, 3], another [2, 2, 3]");
    add(joined, NULL, slice(0, 2));
    add(joined, NULL, slice(3, 2));
    expect_failure(kdst_layer_run(joined, x, &y), KDST_STATUS_SHAPE, "channel_slice: input is [2, 4, 3], layer expects");
    expect_failure(kdst_layer_run(joined, scalar, &y), KDST_STATUS_SHAPE, "channel_slice: input is [4]");
    ck_assert_ptr_null(y);
    expect_failure(kdst_layer_parallel_create(ctx, product, &layer), KDST_STATUS_INVALID_ARGUMENT, "join is \"product\"");
    expect_ok(kdst_options_create(&axis));
    expect_ok(kdst_options_set_int(axis, "axis", 3));
    kdst_layer *deep = parallel(axis);
    add(deep, NULL, identity());
    expect_failure(kdst_layer_run(deep, x, &y), KDST_STATUS_INVALID_ARGUMENT, "axis");
    expect_failure(
        kdst_layer_channel_shuffle_create(ctx, 0, &layer), KDST_STATUS_INVALID_ARGUMENT, "channel_shuffle: groups is 0");
    expect_failure(
        kdst_layer_channel_slice_create(ctx, -1, 2, &layer), KDST_STATUS_INVALID_ARGUMENT, "channel_slice: start is -1");
    expect_failure(
        kdst_layer_channel_slice_create(ctx, 1, 0, &layer), KDST_STATUS_INVALID_ARGUMENT, "channel_slice: count is 0");
    expect_failure(
        kdst_layer_channel_slice_create(ctx, INT64_MAX, 1, &layer), KDST_STATUS_INVALID_ARGUMENT, "are too large");
    ck_assert_ptr_null(layer);
    expect_ok(kdst_layer_channel_shuffle_create(ctx, 3, &layer));
    expect_failure(
        kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE,
        "channel_shuffle: input is [2, 4, 3], layer expects [N, C, …] with C in 3 groups");
    expect_failure(kdst_layer_run(layer, scalar, &y), KDST_STATUS_SHAPE, "channel_shuffle: input is [4]");
    kdst_layer_release(layer);
    ck_assert_int_eq(kdst_layer_parallel_create(NULL, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_channel_shuffle_create(NULL, 1, &layer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_channel_slice_create(NULL, 0, 1, &layer), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(kdst_layer_parallel_create(ctx, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    kdst_layer_release(deep);
    kdst_tensor_release(scalar);
    kdst_tensor_release(x);
    kdst_layer_release(added);
    kdst_layer_release(joined);
    kdst_layer_release(empty);
    kdst_options_release(axis);
    kdst_options_release(product);
    kdst_options_release(sum);
}
END_TEST

/* A dense layer with a shuffle: made, run and differentiated. */
static kdst_status dense_layer(kdst_context *in, void *arg)
{
    kdst_layer *layer = NULL, *children[3] = {NULL};
    kdst_tensor *x = NULL, *y = NULL, *sum = NULL;
    const int64_t shape[3] = {2, 4, 3};
    kdst_status status = kdst_layer_parallel_create(in, arg, &layer);
    if (!status) status = kdst_layer_sequential_create(in, &children[0]);
    if (!status) status = kdst_layer_channel_shuffle_create(in, 2, &children[1]);
    if (!status) status = kdst_layer_channel_slice_create(in, 0, 4, &children[2]);
    for (int i = 0; i < 3 && !status; i++)
        status = kdst_layer_add(layer, NULL, children[i]);
    if (!status) status = kdst_tensor_create(in, F64, 3, shape, &x);
    if (!status) status = kdst_tensor_set_value(x, 1);
    if (!status) status = kdst_tensor_set_requires_grad(x, 1);
    if (!status) status = kdst_layer_run(layer, x, &y);
    if (!status) status = kdst_sum(y, NULL, 0, 0, &sum);
    if (!status) status = kdst_backward(sum, NULL, NULL);
    kdst_tensor_release(sum);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    for (int i = 0; i < 3; i++)
        kdst_layer_release(children[i]);
    kdst_layer_release(layer);
    return status;
}

START_TEST(each_allocation_may_fail)
{
    kdst_options *options = text("join", _i == 0 ? "concat" : "sum"), *threads = NULL;
    expect_ok(kdst_options_create(&threads));
    expect_ok(kdst_options_set_int(threads, "threads", 1));
    ck_assert_int_gt(each_allocation_fails(threads, dense_layer, options), 20);
    kdst_options_release(threads);
    kdst_options_release(options);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, concat, 0, 4);
    tcase_add_loop_test(tests, sum_and_axis, 0, 2);
    tcase_add_test(tests, names_and_modes);
    tcase_add_loop_test(tests, shuffle, 0, 8);
    tcase_add_loop_test(tests, slices, 0, 2);
    tcase_add_test(tests, bad_input);
    tcase_add_loop_test(tests, each_allocation_may_fail, 0, 2);
}

int main(void)
{
    return run_suite("parallel", build);
}
