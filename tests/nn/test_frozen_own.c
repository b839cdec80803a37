/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen networks and traces against layers of the caller's: results on the weights, networks without operations, and calls from
 * within a trace. */
#include "autograd/support.h"

static void expect_equal(kdst_tensor *a, kdst_tensor *b, double tolerance)
{
    double *x = doubles(a), *y = doubles(b), largest = 0, worst = 0;
    int64_t count = kdst_tensor_get_count(a);
    ck_assert_int_eq(count, kdst_tensor_get_count(b));
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(x[i]));
        worst = fmax(worst, fabs(x[i] - y[i]));
    }
    ck_assert(largest > 1e-3);
    ck_assert_msg(worst <= tolerance * largest, "differs by %g of the largest", worst / largest);
    free(y);
    free(x);
}

static kdst_frozen *freeze(kdst_layer *net, int64_t rank, const int64_t *shape)
{
    kdst_frozen *frozen = NULL;
    expect_ok(kdst_frozen_create(net, 1, NULL, &rank, shape, NULL, &frozen));
    return frozen;
}

/* Gives the weight of a linear layer in one row, whatever the input. */
static kdst_status run_weight(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    kdst_tensor *weight = NULL;
    (void)layer, (void)inputs, (void)count, (void)training;
    kdst_status status = kdst_layer_find(user_data, "weight", &weight);
    return status ? status : kdst_reshape(weight, 1, (int64_t[]){-1}, out);
}

/* Who writes to a result does not write to the weights, which others read. */
START_TEST(views_of_weights)
{
    kdst_layer *linear = NULL, *layer = NULL;
    kdst_tensor *x = filled(F32, SHAPE(2), 1), *y = NULL, *again = NULL;
    float before[6], after[6];
    expect_ok(kdst_layer_linear_create(ctx, 3, 2, NULL, &linear));
    expect_ok(kdst_layer_custom_create(ctx, "own", run_weight, linear, NULL, NULL, &layer));
    kdst_frozen *frozen = freeze(layer, SHAPE(2));
    expect_ok(kdst_frozen_run(frozen, x, &y));
    expect_ok(kdst_tensor_get_data(y, before, sizeof before));
    expect_ok(kdst_tensor_set_value(y, 77));
    expect_ok(kdst_frozen_run(frozen, x, &again));
    expect_ok(kdst_tensor_get_data(again, after, sizeof after));
    ck_assert(memcmp(before, after, sizeof before) == 0);
    kdst_tensor_release(again);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_frozen_release(frozen);
    kdst_layer_release(layer);
    kdst_layer_release(linear);
}
END_TEST

/* A network without operations, of a batch that cannot grow. */
START_TEST(nothing_to_do)
{
    const kdst_dtype dtype = KDST_DTYPE_UINT8;
    const int64_t rank = 1, shape[] = {INT64_MAX};
    kdst_layer *empty = NULL;
    kdst_frozen *frozen = NULL;
    kdst_tensor *y = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &empty));
    kdst_status status = kdst_frozen_create(empty, 1, &dtype, &rank, shape, NULL, &frozen);
    ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_SHAPE);
    kdst_frozen_release(frozen);
    frozen = freeze(empty, SHAPE(3));
    kdst_tensor *x = filled(F32, SHAPE(5), 1);
    expect_ok(kdst_frozen_run(frozen, x, &y));
    expect_equal(x, y, 0);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_frozen_release(frozen);
    kdst_layer_release(empty);
}
END_TEST

static kdst_status run_frozen(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)layer, (void)count, (void)training;
    return kdst_frozen_run(user_data, inputs[0], out);
}

/* A layer of the caller's that runs a frozen network runs, but has no trace. */
START_TEST(inside_a_trace)
{
    kdst_layer *net = NULL, *relu = NULL, *layer = NULL;
    kdst_trace *trace = NULL;
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *y = NULL, *z = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 3, 2, NULL, &net));
    expect_ok(kdst_layer_activation_create(ctx, "relu", &relu));
    kdst_layer *both = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &both));
    expect_ok(kdst_layer_add(both, NULL, net));
    expect_ok(kdst_layer_add(both, NULL, relu));
    kdst_frozen *frozen = freeze(both, SHAPE(2, 3));
    expect_ok(kdst_layer_custom_create(ctx, "own", run_frozen, frozen, NULL, NULL, &layer));
    expect_failure(
        kdst_trace_create(layer, 1, NULL, &(int64_t){2}, (int64_t[]){2, 3}, NULL, &trace), KDST_STATUS_STATE,
        "frozen_run: a trace is being made");
    ck_assert_ptr_null(trace);
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_ok(kdst_frozen_run(frozen, x, &z));
    expect_equal(y, z, 0);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_frozen_release(frozen);
    kdst_layer_release(both);
    kdst_layer_release(relu);
    kdst_layer_release(net);
}
END_TEST

static kdst_status copy(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_tensor_copy(inputs[0], 0, out);
}

static kdst_status copy_backward(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs)
{
    kdst_tensor *same = NULL;
    (void)user_data, (void)inputs, (void)count, (void)y;
    kdst_status status = kdst_mul_scalar(dy, 1, &same);
    if (!status) status = kdst_tensor_set(d_inputs[0], same);
    kdst_tensor_release(same);
    return status;
}

/* A backward pass within the forward pass of a layer. */
static kdst_status run_backward(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)layer, (void)count, (void)training;
    kdst_status status = kdst_backward(user_data, NULL, NULL);
    return status ? status : kdst_relu(inputs[0], out);
}

START_TEST(backward_inside_a_trace)
{
    kdst_operation *operation = NULL;
    kdst_tensor *x = filled(F32, SHAPE(1), 1), *y = NULL, *z = NULL, *grad = NULL;
    kdst_layer *layer = NULL;
    kdst_trace *trace = NULL;
    expect_ok(kdst_operation_create(ctx, "copy", copy, copy_backward, NULL, NULL, &operation));
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_operation_run(operation, &x, 1, &y));
    expect_ok(kdst_layer_custom_create(ctx, "own", run_backward, y, NULL, NULL, &layer));
    expect_failure(
        kdst_trace_create(layer, 1, NULL, &(int64_t){1}, (int64_t[]){3}, NULL, &trace), KDST_STATUS_STATE,
        "backward: a trace is being made");
    ck_assert_ptr_null(trace);
    expect_failure(kdst_tensor_get_grad(x, &grad), KDST_STATUS_NOT_FOUND, "");
    expect_ok(kdst_layer_run(layer, x, &z));
    expect_ok(kdst_tensor_get_grad(x, &grad));
    kdst_tensor_release(grad);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_operation_release(operation);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, views_of_weights);
    tcase_add_test(tests, nothing_to_do);
    tcase_add_test(tests, inside_a_trace);
    tcase_add_test(tests, backward_inside_a_trace);
}

int main(void)
{
    return run_suite("frozen_own", build);
}
