/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with several inputs and outputs, and layers by callback: counts, failures, modes, state, lifetime. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

/* (x, y) -> (x + y, x y, training); what else the callback does is the test's. */
typedef struct pair {
    kdst_status (*instead)(struct pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out);
    int destroyed, training;
    kdst_layer *victim; /* released or added to while the callback runs */
} pair;

static kdst_status forward(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    pair *p = user_data;
    p->training = training;
    if (p->instead != NULL) return p->instead(p, layer, inputs, out);
    ck_assert_int_eq(count, 2);
    kdst_status status = kdst_add(inputs[0], inputs[1], &out[0]);
    return status == KDST_STATUS_OK ? kdst_mul(inputs[0], inputs[1], &out[1]) : status;
}

static void destroy(void *user_data)
{
    ((pair *)user_data)->destroyed++;
}

static kdst_status make(kdst_context *in, pair *p, int64_t inputs, int64_t outputs, kdst_layer **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "inputs", inputs);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "outputs", outputs);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_custom_create(in, "pair", forward, p, destroy, options, out);
    else
        destroy(p);
    kdst_options_release(options);
    return status;
}

static kdst_layer *custom(pair *p, int64_t inputs, int64_t outputs)
{
    kdst_layer *layer = NULL;
    expect_ok(make(ctx, p, inputs, outputs, &layer));
    return layer;
}

static kdst_tensor *scalar(double value)
{
    return from_doubles(F64, 0, NULL, &value);
}

static void expect_value(kdst_tensor *t, double expected)
{
    double value = NAN;
    expect_ok(kdst_tensor_get_value(t, &value));
    ck_assert_double_eq(value, expected);
}

static kdst_layer *sequential(kdst_layer *first, kdst_layer *second)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &layer));
    expect_ok(kdst_layer_add(layer, NULL, first));
    expect_ok(kdst_layer_add(layer, NULL, second));
    kdst_layer_release(first);
    kdst_layer_release(second);
    return layer;
}

/* ---- what comes out ---- */

START_TEST(outputs_and_gradients)
{
    pair p = {0};
    kdst_layer *layer = custom(&p, 2, 2);
    kdst_tensor *in[2] = {scalar(3), scalar(5)}, *out[4], *sum = NULL, *grad;
    int64_t count = 0;
    ck_assert_int_eq(kdst_layer_get_input_count(layer), 2);
    ck_assert_int_eq(kdst_layer_get_output_count(layer), 2);
    expect_ok(kdst_tensor_set_requires_grad(in[0], 1));
    out[2] = out[3] = in[0];
    expect_ok(kdst_layer_run_many(layer, in, 2, out, 4, &count));
    ck_assert_int_eq(count, 2);
    ck_assert_ptr_null(out[2]);
    ck_assert_ptr_null(out[3]);
    expect_value(out[0], 8);
    expect_value(out[1], 15);
    expect_ok(kdst_add(out[0], out[1], &sum));
    expect_ok(kdst_backward(sum, NULL, NULL));
    grad = grad_of(in[0]);
    expect_value(grad, 6);
    kdst_tensor_release(grad);
    kdst_tensor_release(sum);
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(in[i]);
        kdst_tensor_release(out[i]);
    }
    kdst_layer_release(layer);
    ck_assert_int_eq(p.destroyed, 1);
}
END_TEST

/* A sequential passes all outputs on, takes what its first child takes and gives what its last gives. */
START_TEST(sequential_chains)
{
    pair p = {0}, q = {0};
    kdst_layer *layer = sequential(custom(&p, 2, 2), custom(&q, 2, 2)), *relu = NULL;
    kdst_tensor *in[2] = {scalar(3), scalar(5)}, *out[2], *one = NULL;
    ck_assert_int_eq(kdst_layer_get_input_count(layer), 2);
    ck_assert_int_eq(kdst_layer_get_output_count(layer), 2);
    expect_ok(kdst_layer_run_many(layer, in, 2, out, 2, NULL));
    expect_value(out[0], 8 + 15);
    expect_value(out[1], 8 * 15);
    expect_failure(
        kdst_layer_run(layer, in[0], &one), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: the sequential expects 2 inputs, and gets one; layer_run_many takes several");
    expect_ok(kdst_layer_activation_create(ctx, "relu", &relu));
    expect_ok(kdst_layer_add(layer, "relu", relu));
    ck_assert_int_eq(kdst_layer_get_output_count(layer), 1);
    expect_failure(
        kdst_layer_run_many(layer, in, 2, &one, 1, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: got 2 inputs, the relu expects 1");
    ck_assert_ptr_null(one);
    /* one input and output, through either function */
    expect_ok(kdst_layer_run_many(relu, in, 1, &one, 1, NULL));
    expect_value(one, 3);
    kdst_tensor_release(one);
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(in[i]);
        kdst_tensor_release(out[i]);
    }
    kdst_layer_release(relu);
    kdst_layer_release(layer);
    ck_assert_int_eq(p.destroyed + q.destroyed, 2);
}
END_TEST

START_TEST(wrong_numbers)
{
    pair p = {0};
    kdst_layer *layer = custom(&p, 2, 2);
    kdst_context *other = context_with_threads(1);
    kdst_tensor *in[3] = {scalar(3), scalar(5), NULL}, *out[2];
    int64_t count = 7;
    expect_failure(
        kdst_layer_run_many(layer, in, 1, out, 2, &count), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: got 1 inputs, the custom expects 2");
    ck_assert_int_eq(count, 0);
    ck_assert_ptr_null(out[0]);
    expect_failure(
        kdst_layer_run_many(layer, in, 3, out, 2, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "got 3 inputs, the custom expects 2");
    expect_failure(
        kdst_layer_run_many(layer, in + 1, 2, out, 2, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: input 1 of the custom is NULL");
    expect_failure(
        kdst_layer_run_many(layer, in, -1, out, 2, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "count is -1, allowed is 0 and more");
    expect_failure(kdst_layer_run_many(layer, NULL, 2, out, 2, NULL), KDST_STATUS_INVALID_ARGUMENT, "inputs is NULL");
    expect_failure(kdst_layer_run_many(layer, in, 2, NULL, 2, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(
        kdst_layer_run_many(layer, in, 2, out, 1, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run_many: capacity is 1, the custom gives 2 outputs");
    in[2] = filled_in(other, F64, 0, NULL, 1);
    expect_failure(
        kdst_layer_run_many(layer, in + 1, 2, out, 2, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "input 1 of the custom belongs to another context");
    ck_assert_int_eq(kdst_layer_run_many(NULL, in, 2, out, 2, &count), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_get_input_count(NULL) + kdst_layer_get_output_count(NULL), 0);
    kdst_layer_release(layer);
    layer = custom(&p, 1, 2);
    expect_failure(
        kdst_layer_run(layer, in[0], out), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: the custom gives 2 outputs, and one is taken; layer_run_many takes several");
    kdst_layer_release(layer);
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(in[i]);
    kdst_context_release(other);
}
END_TEST

/* ---- layers by callback ---- */

static kdst_status first_only(pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out)
{
    (void)p, (void)layer;
    kdst_tensor_retain(out[0] = inputs[0]);
    return KDST_STATUS_OK;
}

static kdst_status refuses(pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out)
{
    (void)p, (void)layer;
    kdst_tensor_retain(out[1] = inputs[0]);
    return KDST_STATUS_UNSUPPORTED;
}

static kdst_status opens_scope(pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out)
{
    kdst_status status = kdst_no_grad_begin(p->victim == NULL ? NULL : ctx);
    (void)layer;
    kdst_tensor_retain(out[0] = inputs[0]);
    return status;
}

static kdst_status lets_go(pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out)
{
    (void)layer;
    kdst_layer_release(p->victim);
    p->victim = NULL;
    return kdst_add(inputs[0], inputs[0], out);
}

START_TEST(failing_callbacks)
{
    pair p = {.instead = first_only};
    kdst_layer *layer = custom(&p, 2, 2);
    kdst_tensor *in[2] = {scalar(3), scalar(5)}, *out[2];
    expect_failure(
        kdst_layer_run_many(layer, in, 2, out, 2, NULL), KDST_STATUS_CALLBACK,
        "pair: forward returned no tensor as output 1");
    ck_assert_ptr_null(out[0]);
    p.instead = refuses;
    expect_failure(
        kdst_layer_run_many(layer, in, 2, out, 2, NULL), KDST_STATUS_UNSUPPORTED,
        "pair: the callback returned UNSUPPORTED");
    ck_assert_ptr_null(out[1]);
    kdst_layer_release(layer);
    ck_assert_int_eq(p.destroyed, 1);
    kdst_tensor_release(in[0]);
    kdst_tensor_release(in[1]);
}
END_TEST

START_TEST(identity_modes_and_scopes)
{
    pair p = {.instead = first_only};
    kdst_layer *layer = custom(&p, 1, 1);
    kdst_tensor *x = scalar(3), *y = NULL, *z = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    ck_assert_ptr_eq(x, y);
    ck_assert_int_eq(p.training, 1);
    kdst_tensor_release(y);
    expect_ok(kdst_layer_set_training(layer, 0));
    expect_ok(kdst_layer_run(layer, x, &y));
    ck_assert_int_eq(p.training, 0);
    kdst_tensor_release(y);
    /* a scope that the callback leaves open ends with it */
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    p.instead = opens_scope;
    p.victim = layer;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_ok(kdst_add(y, y, &z));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(z), 1);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    /* the last reference goes while it runs */
    p.instead = lets_go;
    p.victim = layer;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_value(y, 6);
    ck_assert_int_eq(p.destroyed, 1);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

static kdst_status three(pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out)
{
    (void)p, (void)layer;
    for (int i = 0; i < 3; i++)
        kdst_tensor_retain(out[i] = inputs[0]);
    return KDST_STATUS_OK;
}

static pair late = {.instead = three};

static kdst_status adds_outputs(pair *p, kdst_layer *layer, kdst_tensor *const *inputs, kdst_tensor **out)
{
    kdst_layer *added = custom(&late, 1, 3);
    kdst_status status = kdst_layer_add(p->victim, NULL, added);
    (void)layer;
    kdst_layer_release(added);
    kdst_tensor_retain(out[0] = inputs[0]);
    return status;
}

/* A layer that is added while the container runs must not write more outputs than the caller has room for. */
START_TEST(additions_while_running)
{
    pair p = {.instead = adds_outputs}, q = {.instead = first_only}, r = {.instead = adds_outputs};
    kdst_layer *layer = sequential(custom(&p, 1, 1), custom(&q, 1, 1)), *inner = NULL, *outer;
    kdst_tensor *x = scalar(3), *out = NULL;
    p.victim = layer;
    expect_failure(
        kdst_layer_run(layer, x, &out), KDST_STATUS_STATE, "its outputs have become 3 while it ran, they were 1");
    ck_assert_ptr_null(out);
    expect_ok(kdst_layer_sequential_create(ctx, &inner));
    r.victim = inner;
    outer = sequential(custom(&r, 1, 1), inner);
    expect_failure(
        kdst_layer_run(outer, x, &out), KDST_STATUS_STATE, "its outputs have become 3 while it ran, they were 1");
    kdst_layer_release(outer);
    kdst_layer_release(layer);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(state_of_own_layers)
{
    pair p = {0};
    kdst_layer *layer = custom(&p, 2, 2), *linear = NULL, *scale = NULL, *refused = NULL;
    kdst_tensor *t = scalar(2), *found = NULL, *out = NULL;
    const int64_t three_units = 3;
    kdst_tensor *whole = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 2, 3, NULL, &linear));
    expect_ok(kdst_layer_parameter_create(ctx, "scale", t, 1, &scale));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(t), 1);
    ck_assert_int_eq(kdst_layer_get_input_count(scale), 0);
    expect_ok(kdst_layer_run_many(scale, NULL, 0, &out, 1, NULL));
    ck_assert_ptr_eq(out, t);
    kdst_tensor_release(out);
    expect_ok(kdst_layer_add(layer, "", scale));
    expect_ok(kdst_layer_add(layer, "fc", linear));
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), 1 + 6 + 3);
    expect_ok(kdst_layer_find(layer, "scale", &found));
    ck_assert_ptr_eq(found, t);
    expect_ok(kdst_layer_find(layer, "fc.bias", &found));
    expect_ok(kdst_layer_set_training(layer, 0));
    ck_assert_int_eq(kdst_layer_get_training(linear), 0);
    expect_ok(kdst_tensor_create(ctx, KDST_DTYPE_INT32, 1, &three_units, &whole));
    expect_failure(
        kdst_layer_parameter_create(ctx, "a.b", t, 1, &refused), KDST_STATUS_INVALID_ARGUMENT,
        "name \"a.b\" has 3 bytes");
    expect_failure(kdst_layer_parameter_create(ctx, "", t, 1, &refused), KDST_STATUS_INVALID_ARGUMENT, "has 0 bytes");
    expect_failure(
        kdst_layer_parameter_create(ctx, "a", t, 2, &refused), KDST_STATUS_INVALID_ARGUMENT, "is_parameter is 2");
    expect_failure(kdst_layer_parameter_create(ctx, "a", whole, 1, &refused), KDST_STATUS_DTYPE, "parameter: tensor is int32");
    expect_failure(
        kdst_layer_parameter_create(ctx, "a", NULL, 1, &refused), KDST_STATUS_INVALID_ARGUMENT, "tensor is NULL");
    expect_ok(kdst_layer_parameter_create(ctx, "a", whole, 0, &refused));
    kdst_layer_release(refused);
    kdst_tensor_release(whole);
    kdst_tensor_release(t);
    kdst_layer_release(scale);
    kdst_layer_release(linear);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(refused_creation)
{
    pair p = {0};
    kdst_layer *layer = NULL;
    expect_failure(make(ctx, &p, 9, 1, &layer), KDST_STATUS_INVALID_ARGUMENT, "custom: inputs is 9");
    expect_failure(make(ctx, &p, 1, 0, &layer), KDST_STATUS_INVALID_ARGUMENT, "custom: outputs is 0");
    expect_failure(
        kdst_layer_custom_create(ctx, NULL, forward, &p, destroy, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "name is NULL");
    expect_failure(
        kdst_layer_custom_create(ctx, "pair", NULL, &p, destroy, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "forward is NULL");
    ck_assert_int_eq(
        kdst_layer_custom_create(NULL, "pair", forward, &p, destroy, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(layer);
    ck_assert_int_eq(p.destroyed, 5);
}
END_TEST

/* ---- memory ---- */

static kdst_status work(kdst_context *in, void *arg)
{
    pair p = {0};
    kdst_layer *layer = NULL, *outer = NULL, *held = NULL;
    kdst_tensor *x[2] = {NULL, NULL}, *out[2] = {NULL, NULL};
    (void)arg;
    kdst_status status = make(in, &p, 2, 2, &layer);
    for (int i = 0; i < 2 && status == KDST_STATUS_OK; i++)
        status = kdst_tensor_create(in, F32, 0, NULL, &x[i]);
    if (status == KDST_STATUS_OK) status = kdst_layer_sequential_create(in, &outer);
    if (status == KDST_STATUS_OK) status = kdst_layer_add(outer, NULL, layer);
    if (status == KDST_STATUS_OK) status = kdst_layer_parameter_create(in, "scale", x[0], 1, &held);
    if (status == KDST_STATUS_OK) status = kdst_layer_add(layer, "", held);
    if (status == KDST_STATUS_OK) status = kdst_layer_run_many(outer, x, 2, out, 2, NULL);
    for (int i = 0; i < 2; i++) {
        if (status != KDST_STATUS_OK) ck_assert_ptr_null(out[i]);
        kdst_tensor_release(out[i]);
        kdst_tensor_release(x[i]);
    }
    kdst_layer_release(held);
    kdst_layer_release(outer);
    kdst_layer_release(layer);
    ck_assert_int_eq(p.destroyed, 1);
    return status;
}

START_TEST(every_allocation)
{
    ck_assert_int_gt(each_allocation_fails(NULL, work, NULL), 10);
}
END_TEST

static void build(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, outputs_and_gradients);
    tcase_add_test(tests, sequential_chains);
    tcase_add_test(tests, wrong_numbers);
    tcase_add_test(tests, failing_callbacks);
    tcase_add_test(tests, identity_modes_and_scopes);
    tcase_add_test(tests, additions_while_running);
    tcase_add_test(tests, state_of_own_layers);
    tcase_add_test(tests, refused_creation);
    tcase_add_test(tests, every_allocation);
}

int main(void)
{
    return run_suite("layer_run", build);
}
