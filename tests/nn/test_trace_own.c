/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of layers and operations of the caller's, whose callbacks meet tensors without elements. */
#include "autograd/support.h"

#include <stdbool.h>

static kdst_layer *model(const char *name)
{
    kdst_layer *net = NULL;
    expect_ok(kdst_model_create(ctx, name, NULL, &net));
    return net;
}

static kdst_trace *traced(kdst_layer *net, int64_t rank, const int64_t *shape)
{
    kdst_trace *trace = NULL;
    expect_ok(kdst_trace_create(net, 1, NULL, &rank, shape, NULL, &trace));
    return trace;
}

/* ---- layers and operations of the caller's ---- */

typedef struct own {
    kdst_operation *operation; /* run by the layer */
    bool reads, traces;
    int64_t rank;
} own;

static kdst_status halve(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_tensor_copy(inputs[0], 0, out);
}

static kdst_status halve_shape(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_dtype *out_dtype, int64_t *out_rank,
    int64_t *out_shape)
{
    own *o = user_data;
    (void)count;
    ck_assert_int_eq(*out_dtype, kdst_tensor_get_dtype(inputs[0]));
    *out_rank = o->rank;
    out_shape[0] = kdst_tensor_get_size(inputs[0], 0) / 2;
    return KDST_STATUS_OK;
}

/* a + b, detached, through the operation of the caller's, and a constant. */
static kdst_status forward(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    own *o = user_data;
    kdst_tensor *sum = NULL, *cut = NULL, *constant = NULL, *half = NULL;
    double value[3];
    kdst_trace *inner = NULL;
    kdst_status status = kdst_add(inputs[0], inputs[count - 1], &sum);
    (void)training;
    if (!status && o->reads) status = kdst_tensor_get_data(sum, value, sizeof value);
    if (!status && o->traces) status = kdst_trace_create(layer, 1, NULL, &(int64_t){0}, NULL, NULL, &inner);
    if (!status) status = kdst_detach(sum, &cut);
    if (!status && o->operation != NULL) {
        status = kdst_operation_run(o->operation, &cut, 1, &half);
        kdst_tensor_release(cut);
        cut = half;
    }
    if (!status) status = kdst_tensor_create(kdst_tensor_get_context(sum), F32, 0, NULL, &constant);
    if (!status) status = kdst_mul(cut, constant, &out[0]);
    if (!status) kdst_tensor_retain(out[1] = sum);
    kdst_tensor_release(constant);
    kdst_tensor_release(cut);
    kdst_tensor_release(sum);
    return status;
}

START_TEST(of_the_callers)
{
    own o = {.rank = 1};
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_trace *trace = NULL;
    const int64_t ranks[] = {1, 1}, shapes[] = {6, 6};
    int64_t value, rank, shape[8], inputs;
    kdst_value_role role;
    const char *name = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "inputs", 2));
    expect_ok(kdst_options_set_int(options, "outputs", 2));
    expect_ok(kdst_layer_custom_create(ctx, "own", forward, &o, NULL, options, &layer));
    expect_ok(kdst_trace_create(layer, 2, NULL, ranks, shapes, NULL, &trace));
    ck_assert_int_eq(kdst_trace_get_op_count(trace), 2);
    ck_assert_int_eq(kdst_trace_get_output_count(trace), 2);
    expect_ok(kdst_trace_get_op_input(trace, 1, 0, &value)); /* through detach */
    ck_assert_int_eq(value, kdst_trace_get_output(trace, 1));
    expect_ok(kdst_trace_get_op_input(trace, 1, 1, &value));
    expect_ok(kdst_trace_get_value(trace, value, NULL, &rank, NULL, &role, &name, NULL));
    ck_assert(rank == 0 && role == KDST_VALUE_CONSTANT && name == NULL);
    kdst_trace_release(trace);

    expect_ok(kdst_operation_create(ctx, "halve", halve, NULL, &o, NULL, &o.operation));
    expect_failure(
        kdst_trace_create(layer, 2, NULL, ranks, shapes, NULL, &trace), KDST_STATUS_UNSUPPORTED,
        "halve: has no shape rule");
    ck_assert_ptr_null(trace);
    expect_ok(kdst_operation_set_shape(o.operation, halve_shape));
    expect_ok(kdst_trace_create(layer, 2, NULL, ranks, shapes, NULL, &trace));
    expect_ok(kdst_trace_get_op(trace, 1, &name, NULL, NULL, &inputs, &value));
    ck_assert_str_eq(name, "halve");
    ck_assert_int_eq(inputs, 1);
    expect_ok(kdst_trace_get_value(trace, value, NULL, &rank, shape, NULL, NULL, NULL));
    ck_assert(rank == 1 && shape[0] == 3);
    kdst_operation_release(o.operation); /* the trace holds it */
    expect_ok(kdst_trace_get_op(trace, 1, &name, NULL, NULL, NULL, NULL));
    ck_assert_str_eq(name, "halve");
    o.rank = 9;
    expect_failure(
        kdst_trace_create(layer, 2, NULL, ranks, shapes, NULL, &(kdst_trace *){NULL}), KDST_STATUS_CALLBACK,
        "gave rank 9");
    kdst_trace_release(trace);
    o.operation = NULL;
    o.reads = true;
    expect_failure(
        kdst_trace_create(layer, 2, NULL, ranks, shapes, NULL, &trace), KDST_STATUS_STATE,
        "tensor_get_data: the tensor has a shape but no elements");
    o.reads = false;
    o.traces = true;
    expect_failure(
        kdst_trace_create(layer, 2, NULL, ranks, shapes, NULL, &trace), KDST_STATUS_STATE, "a trace is being made");
    /* and the context computes again */
    o.traces = false;
    kdst_tensor *x = filled(F32, SHAPE(6), 1), *both[] = {x, x}, *y[2];
    expect_ok(kdst_layer_run_many(layer, both, 2, y, 2, NULL));
    double *values = doubles(y[1]);
    ck_assert_double_eq_tol(values[3], 2 * (float)number(3, 1), 1e-6);
    free(values);
    kdst_tensor_release(y[1]);
    kdst_tensor_release(y[0]);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* What reads or writes elements refuses those of a trace. */
static kdst_status touch_everything(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    kdst_tensor *x = inputs[0], *other = NULL;
    double buffer[4] = {0};
    void *data = NULL;
    kdst_layer *held = NULL;
    kdst_state *state = NULL;
    (void)layer, (void)count, (void)training;
    expect_ok(kdst_tensor_create(ctx, F64, SHAPE(4), &other));
    kdst_tensor *copy = NULL;
    expect_failure(kdst_tensor_map(x, KDST_MAP_READ, &data), KDST_STATUS_STATE, "tensor_map");
    expect_failure(kdst_tensor_get_data(x, buffer, 32), KDST_STATUS_STATE, "tensor_get_data");
    expect_failure(kdst_tensor_set_data(x, buffer, 32), KDST_STATUS_STATE, "tensor_set_data");
    expect_failure(kdst_tensor_set(x, other), KDST_STATUS_STATE, "tensor_set");
    expect_failure(kdst_tensor_set(other, x), KDST_STATUS_STATE, "tensor_set");
    expect_failure(kdst_tensor_copy(x, 0, &copy), KDST_STATUS_STATE, "tensor_copy");
    expect_failure(kdst_tensor_set_value(x, 1), KDST_STATUS_STATE, "tensor_set_value");
    expect_failure(kdst_tensor_set_uniform(x, 0, 1), KDST_STATUS_STATE, "tensor_set_uniform");
    expect_failure(kdst_tensor_set_normal(x, 0, 1), KDST_STATUS_STATE, "tensor_set_normal");
    expect_failure(kdst_npy_save(x, "nowhere.npy"), KDST_STATUS_STATE, "npy_save");
    kdst_status status = kdst_tensor_get_dlpack(x, &data);
    ck_assert(status == KDST_STATUS_STATE || status == KDST_STATUS_UNSUPPORTED);
    expect_failure(kdst_tensor_init(x, "ones", NULL), KDST_STATUS_STATE, "tensor_init");
    expect_failure(kdst_layer_parameter_create(ctx, "p", x, 0, &held), KDST_STATUS_STATE, "parameter");
    expect_ok(kdst_state_create(ctx, &state));
    expect_failure(kdst_state_set(state, "t", x), KDST_STATUS_STATE, "state_set");
    kdst_state_release(state);
    kdst_tensor_release(other);
    kdst_tensor_retain(*(kdst_tensor **)user_data = x); /* for use after the trace */
    kdst_tensor_retain(out[0] = x);
    return KDST_STATUS_OK;
}

START_TEST(no_elements)
{
    kdst_tensor *escaped = NULL, *y = NULL;
    kdst_layer *layer = NULL;
    kdst_trace *trace = NULL;
    kdst_dtype dtype = F64;
    expect_ok(kdst_layer_custom_create(ctx, "touch", touch_everything, &escaped, NULL, NULL, &layer));
    expect_ok(kdst_trace_create(layer, 1, &dtype, &(int64_t){1}, &(int64_t){4}, NULL, &trace));
    kdst_trace_release(trace);
    expect_failure(kdst_relu(escaped, &y), KDST_STATUS_STATE, "relu: the tensor has a shape but no elements");
    kdst_tensor_release(escaped);
    kdst_layer_release(layer);
}
END_TEST

static kdst_status never(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)index, (void)output, (void)out;
    ck_abort_msg("a hook was called");
    return KDST_STATUS_OK;
}

START_TEST(hooks_rest)
{
    kdst_layer *net = model("mlp"), *fc1 = NULL;
    kdst_tensor *x = filled(F32, SHAPE(1, 784), 1), *y = NULL, *kept = NULL, *again = NULL;
    expect_ok(kdst_layer_find_child(net, "fc1", &fc1));
    expect_ok(kdst_layer_keep_output(fc1, 1));
    expect_ok(kdst_layer_run(net, x, &y));
    expect_ok(kdst_layer_get_output(fc1, 0, &kept));
    expect_ok(kdst_layer_add_hook(fc1, never, NULL, NULL, NULL));
    kdst_trace_release(traced(net, SHAPE(1, 784)));
    expect_ok(kdst_layer_get_output(fc1, 0, &again));
    ck_assert_ptr_eq(kept, again);
    kdst_tensor_release(again);
    kdst_tensor_release(kept);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(net);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, of_the_callers);
    tcase_add_test(tests, no_elements);
    tcase_add_test(tests, hooks_rest);
}

int main(void)
{
    return run_suite("trace_own", build);
}
