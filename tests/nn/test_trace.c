/* SPDX-License-Identifier: Apache-2.0 */
/* Traces: the graph of a network against what its layers say, with nothing computed, allocated or changed. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

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

static int64_t macs(kdst_trace *trace, int64_t op)
{
    int64_t out = -1;
    expect_ok(kdst_trace_get_macs(trace, op, &out));
    return out;
}

/* Every operation of lenet: name, layer, shape of the result, multiply-adds. */
START_TEST(graph)
{
    static const struct {
        const char *name, *path, *kind, *weight;
        int64_t rank, shape[4], macs;
    } expected[] = {
        {"conv2d", "conv1", "conv2d", "conv1.weight", 4, {2, 32, 28, 28}, 2 * 28 * 28 * 32 * 25},
        {"relu", "", "relu", NULL, 4, {2, 32, 28, 28}, 0},
        {"max_pool2d", "", "max_pool2d", NULL, 4, {2, 32, 14, 14}, 0},
        {"conv2d", "conv2", "conv2d", "conv2.weight", 4, {2, 64, 14, 14}, 2 * 14 * 14 * 64 * 25 * 32},
        {"relu", "", "relu", NULL, 4, {2, 64, 14, 14}, 0},
        {"max_pool2d", "", "max_pool2d", NULL, 4, {2, 64, 7, 7}, 0},
        {"reshape", "", "flatten", NULL, 2, {2, 3136}, 0},
        {"linear", "fc1", "linear", "fc1.weight", 2, {2, 1024}, 2 * 3136 * 1024},
        {"relu", "", "relu", NULL, 2, {2, 1024}, 0},
        {"linear", "fc2", "linear", "fc2.weight", 2, {2, 10}, 2 * 10240},
    };
    enum { OPS = sizeof expected / sizeof *expected };
    kdst_layer *net = model("lenet");
    kdst_trace *trace = traced(net, SHAPE(2, 1, 28, 28));
    const char *name, *path, *kind, *state;
    int64_t inputs, output, value, rank, shape[8], op, last = kdst_trace_get_input(trace, 0), total = 0;
    kdst_dtype dtype;
    kdst_value_role role;
    ck_assert_int_eq(kdst_trace_get_op_count(trace), OPS);
    ck_assert_int_eq(kdst_trace_get_value_count(trace), 1 + OPS + 8);
    ck_assert_int_eq(kdst_trace_get_input_count(trace), 1);
    ck_assert_int_eq(kdst_trace_get_output_count(trace), 1);
    for (int64_t i = 0; i < OPS; i++) {
        expect_ok(kdst_trace_get_op(trace, i, &name, &path, &kind, &inputs, &output));
        ck_assert_str_eq(name, expected[i].name);
        ck_assert_str_eq(path, expected[i].path);
        ck_assert_str_eq(kind, expected[i].kind);
        ck_assert_int_eq(inputs, expected[i].weight != NULL ? 3 : 1);
        expect_ok(kdst_trace_get_op_input(trace, i, 0, &value));
        ck_assert_int_eq(value, last);
        expect_ok(kdst_trace_get_value(trace, output, &dtype, &rank, shape, &role, &state, &op));
        ck_assert(dtype == F32 && role == KDST_VALUE_RESULT && state == NULL && op == i);
        ck_assert_int_eq(rank, expected[i].rank);
        for (int64_t k = 0; k < rank; k++)
            ck_assert_int_eq(shape[k], expected[i].shape[k]);
        ck_assert_int_eq(macs(trace, i), expected[i].macs);
        total += expected[i].macs;
        if (expected[i].weight != NULL) {
            kdst_tensor *tensor = NULL, *own = NULL;
            expect_ok(kdst_trace_get_op_input(trace, i, 1, &value));
            expect_ok(kdst_trace_get_value(trace, value, NULL, NULL, NULL, &role, &state, &op));
            ck_assert_str_eq(state, expected[i].weight);
            ck_assert(role == KDST_VALUE_PARAMETER && op == -1);
            expect_ok(kdst_trace_get_tensor(trace, value, &tensor));
            expect_ok(kdst_layer_find(net, state, &own));
            ck_assert_ptr_eq(tensor, own);
        }
        last = output;
    }
    ck_assert_int_eq(kdst_trace_get_output(trace, 0), last);
    ck_assert_int_eq(macs(trace, -1), total);
    ck_assert_int_eq(total, 2 * INT64_C(13883904));
    kdst_trace_retain(trace);
    kdst_trace_release(trace);
    kdst_layer_release(net); /* the trace lives on */
    expect_ok(kdst_trace_get_op(trace, 0, &name, &path, NULL, NULL, NULL));
    ck_assert_str_eq(path, "conv1");
    kdst_trace_release(trace);
}
END_TEST

START_TEST(attributes)
{
    kdst_layer *net = model("resnet20");
    kdst_trace *trace = traced(net, SHAPE(1, 3, 32, 32));
    int64_t two[2] = {0}, one = 0, count = 0;
    double eps = 0;
    char text[8];
    kdst_option_type type = 0;
    const char *name = NULL;
    bool stride2 = false, sampled = false, padded = false, joined = false, normed = false;
    for (int64_t i = 0; i < kdst_trace_get_op_count(trace); i++) {
        const char *op = NULL;
        expect_ok(kdst_trace_get_op(trace, i, &op, NULL, NULL, NULL, NULL));
        if (strcmp(op, "conv2d") == 0) {
            expect_ok(kdst_trace_get_attribute_ints(trace, i, "stride", two, 2));
            stride2 |= two[0] == 2 && two[1] == 2;
            expect_ok(kdst_trace_get_attribute_ints(trace, i, "padding", two, 2));
            ck_assert(two[0] == 1 && two[1] == 1);
        } else if (strcmp(op, "avg_pool2d") == 0) {
            expect_ok(kdst_trace_get_attribute_ints(trace, i, "stride", two, 2));
            sampled |= two[0] == 2 && two[1] == 2;
        } else if (strcmp(op, "pad") == 0) {
            expect_ok(kdst_trace_get_attribute_ints(trace, i, "before", &one, 1));
            padded |= one == 8;
        } else if (strcmp(op, "batch_norm") == 0) {
            expect_ok(kdst_trace_get_attribute_floats(trace, i, "eps", &eps, 1));
            expect_ok(kdst_trace_get_attribute_ints(trace, i, "training", &one, 1));
            normed |= eps == 1e-5 && one == 0;
        }
        joined |= strcmp(op, "add") == 0;
    }
    ck_assert(stride2 && sampled && padded && joined && normed);
    expect_ok(kdst_trace_get_attribute(trace, 0, 0, &name, &type, &count));
    ck_assert_str_eq(name, "stride");
    ck_assert(type == KDST_OPTION_INTS && count == 2);
    expect_failure(kdst_trace_get_attribute(trace, 0, 99, &name, NULL, NULL), KDST_STATUS_NOT_FOUND, "index is 99");
    ck_assert_ptr_null(name);
    expect_failure(
        kdst_trace_get_attribute_ints(trace, 0, "stride", two, 1), KDST_STATUS_INVALID_ARGUMENT, "capacity is 1");
    expect_failure(
        kdst_trace_get_attribute_ints(trace, 0, "strode", two, 2), KDST_STATUS_NOT_FOUND, "no attribute \"strode\"");
    expect_failure(kdst_trace_get_attribute_floats(trace, 0, "stride", &eps, 2), KDST_STATUS_DTYPE, "\"stride\"");
    expect_failure(
        kdst_trace_get_attribute_text(trace, 0, "stride", text, 8), KDST_STATUS_DTYPE,
        "\"stride\" is a list of whole numbers, asked for is one of a list of texts or a text");
    expect_failure(kdst_trace_get_attribute_ints(trace, 0, NULL, two, 2), KDST_STATUS_INVALID_ARGUMENT, "name is NULL");
    kdst_trace_release(trace);
    kdst_layer_release(net);
}
END_TEST

/* For one image, as the architectures' tables say. */
START_TEST(multiply_adds)
{
    static const struct {
        const char *name;
        int64_t classes, shape[4], macs;
    } expected[] = {
        {"mlp", 10, {1, 1, 28, 28}, 477600},
        {"lenet", 10, {1, 1, 28, 28}, 13883904},
        {"lenet5", 10, {1, 1, 28, 28}, 416520},
        {"cnn", 100, {1, 3, 32, 32}, 10596864},
        {"alexnet_cifar", 100, {1, 3, 32, 32}, 14980096},
        {"resnet18", 100, {1, 3, 32, 32}, 555468800},
        {"resnet50", 100, {1, 3, 32, 32}, 1298014208},
        {"resnet20", 100, {1, 3, 32, 32}, 40556800},
        {"resnet110", 100, {1, 3, 32, 32}, 252893440},
        {"resnet56_proj", 100, {1, 3, 32, 32}, 125753600},
        {"wrn16_2", 100, {1, 3, 32, 32}, 101118464},
        {"wrn40_2", 100, {1, 3, 32, 32}, 327610880},
        {"densenet121_cifar", 100, {1, 3, 32, 32}, 888442880},
        {"mobilenetv2_cifar", 100, {1, 3, 32, 32}, 64947264},
        {"shufflenetv2_cifar", 100, {1, 3, 32, 32}, 43675520},
        {"googlenet_cifar", 100, {1, 3, 32, 32}, 1521848320},
        {"alexnet", 365, {1, 3, 224, 224}, 711587520},
        {"resnet18_imagenet", 1000, {1, 3, 224, 224}, 1814073344},
        {"googlenet", 1000, {1, 3, 224, 224}, 1498376192},
        {"densenet121", 1000, {1, 3, 224, 224}, INT64_C(2834161664)},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        kdst_options *options = NULL;
        kdst_layer *net = NULL;
        expect_ok(kdst_options_create(&options));
        expect_ok(kdst_options_set_int(options, "classes", expected[i].classes));
        expect_ok(kdst_model_create(ctx, expected[i].name, options, &net));
        kdst_trace *trace = traced(net, 4, expected[i].shape);
        ck_assert_int_eq(macs(trace, -1), expected[i].macs);
        kdst_trace_release(trace);
        kdst_layer_release(net);
        kdst_options_release(options);
    }
}
END_TEST

/* Two sentences of seven tokens: 1,662,976 a token, and what follows the encoder. */
START_TEST(multiply_adds_of_sentences)
{
    static const struct {
        const char *name;
        int64_t macs;
    } expected[] = {{"nli_bowman", 14 * 1662976 + 2100224}, {"nli_minimal", 14 * 1662976 + 1536}};
    const int64_t ranks[] = {2, 1, 2, 1}, shapes[] = {7, 1, 1, 7, 1, 1};
    const kdst_dtype dtypes[] = {KDST_DTYPE_INT32, KDST_DTYPE_INT32, KDST_DTYPE_INT32, KDST_DTYPE_INT32};
    kdst_options *options = NULL;
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "vocabulary", 50));
    expect_ok(kdst_model_create(ctx, expected[_i].name, options, &net));
    expect_ok(kdst_trace_create(net, 4, dtypes, ranks, shapes, NULL, &trace));
    ck_assert_int_eq(macs(trace, -1), expected[_i].macs);
    kdst_trace_release(trace);
    kdst_layer_release(net);
    kdst_options_release(options);
}
END_TEST

/* A batch of 16 million images is traced within the memory of the network, and nothing of it moves, in training mode either. */
START_TEST(changes_nothing)
{
    kdst_options *options = NULL;
    kdst_layer *net = model("resnet20"), *head = NULL, *all = NULL;
    kdst_trace *trace = NULL;
    const int64_t rank = 4, shape[] = {1 << 24, 3, 32, 32};
    int64_t before = 0, after = 0;
    uint64_t seed[2], stream[2];
    expect_ok(kdst_layer_sequential_create(ctx, &all));
    expect_ok(kdst_layer_dropout_create(ctx, 0.5, &head));
    expect_ok(kdst_layer_add(all, "net", net));
    expect_ok(kdst_layer_add(all, "head", head));
    expect_ok(kdst_context_get_random(ctx, &seed[0], &stream[0]));
    int64_t count = kdst_layer_get_state_count(all);
    double **values = calloc((size_t)count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        kdst_tensor *t = NULL;
        expect_ok(kdst_layer_get_state(all, i, NULL, &t, NULL));
        values[i] = doubles(t);
    }
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "training", 1));
    expect_ok(kdst_context_get_memory(ctx, &before, NULL));
    expect_ok(kdst_trace_create(all, 1, NULL, &rank, shape, options, &trace));
    expect_ok(kdst_context_get_memory(ctx, &after, NULL));
    ck_assert_int_lt(after - before, 1 << 20);
    const char *last = NULL;
    expect_ok(kdst_trace_get_op(trace, kdst_trace_get_op_count(trace) - 1, &last, NULL, NULL, NULL, NULL));
    ck_assert_str_eq(last, "dropout");
    kdst_trace_release(trace);
    for (int64_t i = 0; i < count; i++) {
        kdst_tensor *t = NULL;
        expect_ok(kdst_layer_get_state(all, i, NULL, &t, NULL));
        double *now = doubles(t);
        ck_assert(memcmp(now, values[i], (size_t)kdst_tensor_get_count(t) * sizeof *now) == 0);
        free(now);
        free(values[i]);
    }
    free(values);
    expect_ok(kdst_context_get_random(ctx, &seed[1], &stream[1]));
    ck_assert(seed[0] == seed[1] && stream[0] == stream[1]);
    ck_assert_int_eq(kdst_layer_get_training(all), 1);
    trace = traced(all, rank, shape);
    expect_ok(kdst_trace_get_op(trace, kdst_trace_get_op_count(trace) - 1, &last, NULL, NULL, NULL, NULL));
    ck_assert_str_eq(last, "linear");
    kdst_trace_release(trace);
    kdst_options_release(options);
    kdst_layer_release(head);
    kdst_layer_release(net);
    kdst_layer_release(all);
}
END_TEST

START_TEST(refused)
{
    kdst_layer *net = model("lenet");
    kdst_trace *trace = (kdst_trace *)net;
    const int64_t rank = 4, shape[] = {2, 3, 28, 28}, large[] = {INT64_MAX / 4, 1, 28, 28},
                  negative[] = {-1, 1, 28, 28};
    kdst_dtype dtype = F64;
    expect_failure(
        kdst_trace_create(net, 1, NULL, &rank, shape, NULL, &trace), KDST_STATUS_SHAPE,
        "conv2d: input has 3 channels, layer expects 1");
    ck_assert_ptr_null(trace);
    expect_failure(kdst_trace_create(net, 1, NULL, &rank, large, NULL, &trace), KDST_STATUS_SHAPE, "too large");
    expect_failure(kdst_trace_create(net, 1, NULL, &rank, negative, NULL, &trace), KDST_STATUS_SHAPE, "is -1");
    expect_failure(
        kdst_trace_create(net, 1, &dtype, &rank, (int64_t[]){1, 1, 28, 28}, NULL, &trace), KDST_STATUS_DTYPE, "conv2d");
    expect_failure(
        kdst_trace_create(net, 2, NULL, (int64_t[]){1, 1}, (int64_t[]){1, 1}, NULL, &trace),
        KDST_STATUS_INVALID_ARGUMENT, "got 2 inputs");
    expect_failure(kdst_trace_create(net, 0, NULL, &rank, shape, NULL, &trace), KDST_STATUS_INVALID_ARGUMENT, "is 0");
    expect_failure(kdst_trace_create(net, 9, NULL, &rank, shape, NULL, &trace), KDST_STATUS_INVALID_ARGUMENT, "is 9");
    expect_failure(
        kdst_trace_create(net, 1, NULL, &(int64_t){9}, shape, NULL, &trace), KDST_STATUS_SHAPE, "input 0 is 9");
    expect_failure(kdst_trace_create(net, 1, NULL, NULL, shape, NULL, &trace), KDST_STATUS_INVALID_ARGUMENT, "ranks");
    expect_failure(kdst_trace_create(net, 1, NULL, &rank, NULL, NULL, &trace), KDST_STATUS_INVALID_ARGUMENT, "shapes");
    expect_failure(kdst_trace_create(net, 1, NULL, &rank, shape, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out");
    kdst_layer_release(net);
    net = model("mlp");
    trace = traced(net, SHAPE(1, 784));
    int64_t n = 0;
    expect_failure(kdst_trace_get_op(trace, 99, NULL, NULL, NULL, NULL, &n), KDST_STATUS_NOT_FOUND, "op is 99");
    expect_failure(kdst_trace_get_op_input(trace, 0, 3, &n), KDST_STATUS_NOT_FOUND, "index is 3, the linear has 3");
    expect_failure(kdst_trace_get_op_input(trace, 0, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out_value");
    expect_failure(
        kdst_trace_get_value(trace, -1, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND, "value is -1");
    expect_failure(
        kdst_trace_get_tensor(trace, kdst_trace_get_output(trace, 0), &(kdst_tensor *){NULL}), KDST_STATUS_NOT_FOUND,
        "is a result");
    expect_failure(kdst_trace_get_macs(trace, 99, &n), KDST_STATUS_NOT_FOUND, "op is 99");
    ck_assert_int_eq(kdst_trace_get_input(trace, 1), -1);
    ck_assert_int_eq(kdst_trace_get_output(trace, -1), -1);
    ck_assert_int_eq(kdst_trace_get_op_count(NULL), 0);
    ck_assert_int_eq(kdst_trace_create(NULL, 1, NULL, &rank, shape, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_trace_get_op(NULL, 0, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_operation_set_shape(NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_trace_release(NULL);
    kdst_trace_release(trace);
    kdst_layer_release(net);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    const int64_t rank = 4, shape[] = {1, 1, 28, 28};
    (void)arg;
    kdst_status status = kdst_model_create(in, "lenet", NULL, &net);
    if (!status) status = kdst_trace_create(net, 1, NULL, &rank, shape, NULL, &trace);
    ck_assert(status == KDST_STATUS_OK || trace == NULL);
    kdst_trace_release(trace);
    kdst_layer_release(net);
    return status;
}

START_TEST(allocations)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "threads", 1));
    ck_assert_int_gt(each_allocation_fails(options, work, NULL), 60);
    kdst_options_release(options);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, graph);
    tcase_add_test(tests, attributes);
    tcase_add_test(tests, multiply_adds);
    tcase_add_loop_test(tests, multiply_adds_of_sentences, 0, 2);
    tcase_add_test(tests, changes_nothing);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, allocations);
}

int main(void)
{
    return run_suite("trace", build);
}
