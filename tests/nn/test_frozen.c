/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen networks give what the networks give in evaluation mode, for any batch, in any context and on several threads at once. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#define CLOSE32 2e-6 /* of the largest: folded weights are rounded once more */
#define CLOSE64 1e-13

/* Statistics, scales and biases other than those of a new network. */
static void unsettle(kdst_layer *net)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(net); i++) {
        const char *name = NULL;
        kdst_tensor *t = NULL;
        expect_ok(kdst_layer_get_state(net, i, &name, &t, NULL));
        if (strstr(name, "running_var") != NULL) expect_ok(kdst_tensor_set_uniform(t, 0.5, 2));
        if (strstr(name, "running_mean") != NULL || strstr(name, "bias") != NULL)
            expect_ok(kdst_tensor_set_uniform(t, -0.5, 0.5));
        if (strstr(name, "weight") != NULL && kdst_tensor_get_rank(t) == 1)
            expect_ok(kdst_tensor_set_uniform(t, 0.5, 1.5));
    }
}

static kdst_layer *model(const char *name, kdst_dtype dtype)
{
    kdst_options *options = NULL;
    kdst_layer *net = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "dtype", dtype == F32 ? "float32" : "float64"));
    expect_ok(kdst_model_create(ctx, name, options, &net));
    unsettle(net);
    kdst_options_release(options);
    return net;
}

static kdst_frozen *freeze(kdst_layer *net, int64_t rank, const int64_t *shape)
{
    kdst_frozen *frozen = NULL;
    expect_ok(kdst_frozen_create(net, 1, NULL, &rank, shape, NULL, &frozen));
    return frozen;
}

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

/* Which networks: residual, pre-activated, with slices and padding, depthwise, concatenated, with biases in front of norms. */
static const struct {
    const char *name;
    int64_t channels, side;
} networks[] = {
    {"lenet", 1, 28},   {"cnn", 3, 32}, {"resnet20", 3, 32},          {"resnet18", 3, 32},
    {"wrn16_1", 3, 32}, {"mlp", 1, 28}, {"mobilenetv2_cifar", 3, 32}, {"shufflenetv2_cifar", 3, 32},

};
enum { NETWORKS = sizeof networks / sizeof *networks };

START_TEST(as_in_evaluation)
{
    kdst_dtype dtype = real_type(_i % 2);
    int64_t channels = networks[_i / 2].channels, side = networks[_i / 2].side;
    kdst_layer *net = model(networks[_i / 2].name, dtype);
    kdst_frozen *frozen = freeze(net, SHAPE(2, channels, side, side));
    expect_ok(kdst_layer_set_training(net, 0));
    for (int64_t batch = 1; batch <= 3; batch++) {
        kdst_tensor *x = filled(dtype, SHAPE(batch, channels, side, side), 5), *y = NULL, *expected = NULL;
        double *before = doubles(x);
        expect_ok(kdst_layer_run(net, x, &expected));
        expect_ok(kdst_frozen_run(frozen, x, &y));
        expect_equal(expected, y, dtype == F32 ? CLOSE32 : CLOSE64);
        ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 0);
        double *after = doubles(x);
        ck_assert(memcmp(before, after, (size_t)kdst_tensor_get_count(x) * sizeof *after) == 0);
        free(after);
        free(before);
        kdst_tensor_release(expected);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    kdst_frozen_release(frozen);
    kdst_layer_release(net);
}
END_TEST

/* Weights are the frozen network's own; the network may go. */
START_TEST(weights_stay)
{
    kdst_layer *net = model("lenet", F32);
    kdst_frozen *frozen = freeze(net, SHAPE(1, 1, 28, 28));
    kdst_tensor *x = filled(F32, SHAPE(1, 1, 28, 28), 3), *before = NULL, *after = NULL, *weight = NULL;
    expect_ok(kdst_frozen_run(frozen, x, &before));
    expect_ok(kdst_layer_find(net, "fc2.weight", &weight));
    expect_ok(kdst_tensor_set_value(weight, 0));
    kdst_layer_release(net);
    expect_ok(kdst_frozen_run(frozen, x, &after));
    expect_equal(before, after, 0);
    kdst_tensor_release(after);
    kdst_tensor_release(before);
    kdst_tensor_release(x);
    kdst_frozen_retain(frozen);
    kdst_frozen_release(frozen);
    kdst_frozen_release(frozen);
}
END_TEST

/* ---- values that are read twice, given out, or passed through ---- */

/* out: a + relu(a) with a = x + x; a; x; the parameter. Nothing of it may be done in place but the last sum. */
static kdst_status tangle(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    kdst_tensor *a = NULL, *r = NULL;
    (void)layer, (void)count, (void)training;
    kdst_status status = kdst_add(inputs[0], inputs[0], &a);
    if (!status) status = kdst_relu(a, &r);
    if (!status) status = kdst_add(r, a, &out[0]);
    if (!status) kdst_tensor_retain(out[1] = a);
    if (!status) kdst_tensor_retain(out[2] = inputs[0]);
    if (!status) kdst_tensor_retain(out[3] = user_data);
    kdst_tensor_release(r);
    kdst_tensor_release(a);
    return status;
}

START_TEST(several_readers)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_frozen *frozen = NULL, *shared = NULL;
    kdst_tensor *x = filled(F32, SHAPE(3, 4), 1), *p = filled(F32, SHAPE(2), 2), *y[5], *z[5];
    int64_t count = 0;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "outputs", 4));
    expect_ok(kdst_layer_custom_create(ctx, "tangle", tangle, p, NULL, options, &layer));
    expect_ok(kdst_frozen_create(layer, 1, NULL, &(int64_t){2}, (int64_t[]){3, 4}, NULL, &frozen));
    expect_ok(kdst_layer_run_many(layer, &x, 1, z, 5, NULL));
    expect_ok(kdst_frozen_run_many(frozen, &x, 1, y, 5, &count));
    ck_assert(count == 4 && y[4] == NULL);
    for (int i = 0; i < 4; i++) {
        expect_equal(z[i], y[i], 0);
        kdst_tensor_release(z[i]);
        kdst_tensor_release(y[i]);
    }
    expect_failure(kdst_frozen_run(frozen, x, y), KDST_STATUS_INVALID_ARGUMENT, "1 inputs and 4 outputs");
    expect_failure(kdst_frozen_run_many(frozen, &x, 1, y, 3, &count), KDST_STATUS_INVALID_ARGUMENT, "capacity is 3");
    expect_ok(kdst_frozen_share(frozen, ctx, &shared));
    kdst_frozen_release(frozen);
    expect_ok(kdst_frozen_run_many(shared, &x, 1, y, 5, NULL));
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(y[i]);
    kdst_frozen_release(shared);
    kdst_layer_release(layer);
    kdst_tensor_release(p);
    kdst_tensor_release(x);
    kdst_options_release(options);
}
END_TEST

static kdst_status conv(kdst_tensor *x, kdst_tensor *w, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_int(options, "padding", 1);
    if (!status) status = kdst_conv2d(x, w, NULL, options, out);
    kdst_options_release(options);
    return status;
}

/* Sums of convolutions: with the network's input, which is not blocked, either way round; of two convolutions; of one that
 * two sums read. */
static kdst_status
sums(void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    kdst_tensor *w = user_data, *x = inputs[0], *a = NULL, *b = NULL, *c = NULL, *s = NULL, *r = NULL;
    (void)layer, (void)count, (void)training;
    kdst_status status = conv(x, w, &a);
    if (!status) status = kdst_add(a, x, &s);
    if (!status) status = kdst_relu(s, &r);
    if (!status) status = conv(r, w, &b);
    if (!status) status = conv(b, w, &c);
    if (!status) status = kdst_add(c, b, &out[0]);
    if (!status) status = kdst_add(x, c, &out[1]);
    kdst_tensor_release(c);
    if (!status) status = conv(r, w, &c);
    if (!status) status = kdst_add(r, c, &out[2]);
    if (!status) kdst_tensor_retain(out[3] = r);
    kdst_tensor *const all[] = {a, b, c, s, r};
    for (int i = 0; i < 5; i++)
        kdst_tensor_release(all[i]);
    return status;
}

START_TEST(sums_of_convolutions)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_frozen *frozen = NULL;
    kdst_dtype dtype = real_type(_i);
    kdst_tensor *w = filled(dtype, SHAPE(18, 18, 3, 3), 2), *y[4], *z[4];
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "outputs", 4));
    expect_ok(kdst_layer_custom_create(ctx, "sums", sums, w, NULL, options, &layer));
    expect_ok(kdst_frozen_create(layer, 1, &dtype, &(int64_t){4}, (int64_t[]){1, 18, 7, 6}, NULL, &frozen));
    for (int64_t batch = 1; batch <= 3; batch++) {
        kdst_tensor *x = filled(dtype, SHAPE(batch, 18, 7, 6), 1);
        expect_ok(kdst_layer_run_many(layer, &x, 1, z, 4, NULL));
        expect_ok(kdst_frozen_run_many(frozen, &x, 1, y, 4, NULL));
        for (int i = 0; i < 4; i++) {
            expect_equal(z[i], y[i], dtype == F32 ? CLOSE32 : CLOSE64);
            kdst_tensor_release(z[i]);
            kdst_tensor_release(y[i]);
        }
        kdst_tensor_release(x);
    }
    kdst_frozen_release(frozen);
    kdst_layer_release(layer);
    kdst_tensor_release(w);
    kdst_options_release(options);
}
END_TEST

/* ---- sharing ---- */

typedef struct part {
    pthread_t thread;
    kdst_frozen *frozen; /* of another context, in use there */
    int64_t threads;
    float out[20];
} part;

static const int64_t two_images[] = {2, 3, 32, 32};

static void run_shared(kdst_context *own, kdst_frozen *frozen, float out[20])
{
    kdst_tensor *x = filled_in(own, F32, 4, two_images, 9), *y = NULL;
    ck_assert_int_eq(kdst_frozen_run(frozen, x, &y), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_tensor_get_data(y, out, 80), KDST_STATUS_OK);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}

static void *run_part(void *arg)
{
    part *p = arg;
    kdst_frozen *shared = NULL;
    kdst_context *own = context_with_threads(p->threads);
    ck_assert_int_eq(kdst_frozen_share(p->frozen, own, &shared), KDST_STATUS_OK);
    for (int i = 0; i < 3; i++)
        run_shared(own, shared, p->out);
    kdst_frozen_release(shared);
    kdst_context_release(own);
    return NULL;
}

START_TEST(on_threads)
{
    enum { PARTS = 4 };
    static part parts[PARTS];
    kdst_layer *net = model("resnet20", F32);
    kdst_frozen *frozen = freeze(net, 4, two_images);
    float expected[20];
    for (int i = 0; i < PARTS; i++) {
        parts[i].frozen = frozen;
        parts[i].threads = 1 + i % 2;
        ck_assert_int_eq(pthread_create(&parts[i].thread, NULL, run_part, &parts[i]), 0);
    }
    run_shared(ctx, frozen, expected); /* meanwhile */
    for (int i = 0; i < PARTS; i++)
        pthread_join(parts[i].thread, NULL);
    for (int i = 0; i < PARTS; i++)
        ck_assert(memcmp(parts[i].out, expected, sizeof expected) == 0);
    kdst_frozen_release(frozen);
    kdst_layer_release(net);
}
END_TEST

/* The context that made it goes first; the weights stay until the last share goes, on another thread too. */
static void *drop(void *frozen)
{
    kdst_frozen_release(frozen);
    return NULL;
}

START_TEST(outlives_its_context)
{
    kdst_context *first = context_with_threads(1), *kept = ctx;
    kdst_frozen *frozen = NULL, *shared = NULL, *again = NULL;
    pthread_t thread;
    float a[20], b[20];
    ctx = first;
    kdst_layer *net = model("resnet20", F32);
    frozen = freeze(net, 4, two_images);
    run_shared(first, frozen, a);
    ctx = kept;
    expect_ok(kdst_frozen_share(frozen, ctx, &shared));
    kdst_layer_release(net);
    kdst_frozen_release(frozen);
    kdst_context_release(first);
    run_shared(ctx, shared, b);
    ck_assert(memcmp(a, b, sizeof a) == 0);
    kdst_context *third = context_with_threads(1);
    ck_assert_int_eq(kdst_frozen_share(shared, third, &again), KDST_STATUS_OK);
    kdst_frozen_release(shared);
    run_shared(third, again, b);
    ck_assert(memcmp(a, b, sizeof a) == 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, drop, again), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(kdst_context_live_count(third), 0);
    kdst_context_release(third);
}
END_TEST

static kdst_status copy(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_tensor_copy(inputs[0], 0, out);
}

static kdst_status
same_shape(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_dtype *dtype, int64_t *rank, int64_t *shape)
{
    (void)user_data, (void)count, (void)dtype;
    *rank = 1;
    shape[0] = kdst_tensor_get_size(inputs[0], 0);
    return KDST_STATUS_OK;
}

static kdst_status run_own(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)layer, (void)training;
    return kdst_operation_run(user_data, inputs, count, out);
}

START_TEST(own_operation)
{
    kdst_operation *operation = NULL;
    kdst_layer *layer = NULL;
    kdst_frozen *shared = NULL;
    kdst_context *other = context_with_threads(1);
    expect_ok(kdst_operation_create(ctx, "copy", copy, NULL, NULL, NULL, &operation));
    expect_ok(kdst_operation_set_shape(operation, same_shape));
    expect_ok(kdst_layer_custom_create(ctx, "own", run_own, operation, NULL, NULL, &layer));
    kdst_frozen *frozen = freeze(layer, SHAPE(3));
    kdst_layer_release(layer);
    kdst_operation_release(operation);
    kdst_tensor *x = filled(F32, SHAPE(5), 1), *y = NULL;
    expect_ok(kdst_frozen_run(frozen, x, &y));
    expect_equal(x, y, 0);
    ck_assert_int_eq(kdst_frozen_share(frozen, other, &shared), KDST_STATUS_UNSUPPORTED);
    ck_assert_ptr_null(shared);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(other), "by callback"));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_frozen_release(frozen);
    kdst_context_release(other);
}
END_TEST

START_TEST(refused)
{
    kdst_layer *net = model("lenet", F32);
    kdst_frozen *frozen = freeze(net, SHAPE(2, 1, 28, 28)), *none = frozen;
    kdst_tensor *small = filled(F32, SHAPE(2, 1, 27, 28), 1), *wide = filled(F64, SHAPE(2, 1, 28, 28), 1), *y = small;
    kdst_options *options = options_ints("batch_axis", (int64_t[]){4}, 1);
    const int64_t rank = 4, shape[] = {2, 1, 28, 28};
    expect_failure(
        kdst_frozen_run(frozen, small, &y), KDST_STATUS_SHAPE,
        "is [2, 1, 27, 28], the network was made for [2, 1, 28, 28], apart from the batch");
    ck_assert_ptr_null(y);
    expect_failure(kdst_frozen_run(frozen, wide, &y), KDST_STATUS_DTYPE, "input 0 is float64");
    expect_failure(kdst_frozen_run(frozen, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "input 0 is NULL");
    expect_failure(kdst_frozen_run(frozen, wide, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    expect_failure(kdst_frozen_run_many(frozen, &wide, 0, &y, 1, NULL), KDST_STATUS_INVALID_ARGUMENT, "got 0 inputs");
    expect_failure(
        kdst_frozen_create(net, 1, NULL, &rank, shape, options, &none), KDST_STATUS_INVALID_ARGUMENT,
        "batch_axis of input 0 is 4");
    ck_assert_ptr_null(none);
    expect_failure(
        kdst_frozen_create(net, 1, NULL, &rank, (int64_t[]){2, 3, 28, 28}, NULL, &none), KDST_STATUS_SHAPE,
        "3 channels");
    expect_failure(kdst_frozen_create(net, 1, NULL, &rank, shape, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out");
    expect_failure(kdst_frozen_share(NULL, ctx, &none), KDST_STATUS_INVALID_ARGUMENT, "frozen is NULL");
    ck_assert_int_eq(kdst_frozen_share(frozen, NULL, &none), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_frozen_run(NULL, wide, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_frozen_create(NULL, 1, NULL, &rank, shape, NULL, &none), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    /* without a batch of its own a network takes its one shape */
    options = options_ints("batch_axis", (int64_t[]){-1}, 1);
    expect_ok(kdst_frozen_create(net, 1, NULL, &rank, shape, options, &none));
    kdst_tensor *three = filled(F32, SHAPE(3, 1, 28, 28), 1);
    expect_failure(kdst_frozen_run(none, three, &y), KDST_STATUS_SHAPE, "made for [2, 1, 28, 28]");
    kdst_frozen_release(none);
    kdst_frozen_release(NULL);
    kdst_options_release(options);
    kdst_tensor_release(three);
    kdst_tensor_release(wide);
    kdst_tensor_release(small);
    kdst_frozen_release(frozen);
    kdst_layer_release(net);
}
END_TEST

/* conv, batch norm, relu, flatten, linear. */
static kdst_status make(kdst_context *in, kdst_layer **out)
{
    kdst_layer *parts[5] = {NULL};
    kdst_status status = kdst_layer_sequential_create(in, out);
    if (!status) status = kdst_layer_conv2d_create(in, 1, 2, NULL, &parts[0]);
    if (!status) status = kdst_layer_batch_norm_create(in, 2, NULL, &parts[1]);
    if (!status) status = kdst_layer_activation_create(in, "relu", &parts[2]);
    if (!status) status = kdst_layer_flatten_create(in, &parts[3]);
    if (!status) status = kdst_layer_linear_create(in, 8, 2, NULL, &parts[4]);
    for (int i = 0; i < 5; i++) {
        if (!status) status = kdst_layer_add(*out, NULL, parts[i]);
        kdst_layer_release(parts[i]);
    }
    return status;
}

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *net = NULL;
    kdst_frozen *frozen = NULL, *shared = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    const int64_t rank = 4, shape[] = {1, 1, 4, 4};
    (void)arg;
    kdst_status status = make(in, &net);
    if (!status) status = kdst_frozen_create(net, 1, NULL, &rank, shape, NULL, &frozen);
    if (!status) status = kdst_frozen_share(frozen, in, &shared);
    if (!status) status = kdst_tensor_create(in, F32, 4, shape, &x);
    if (!status) status = kdst_frozen_run(shared, x, &y);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_frozen_release(shared);
    kdst_frozen_release(frozen);
    kdst_layer_release(net);
    return status;
}

START_TEST(allocations)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "threads", 1));
    ck_assert_int_gt(each_allocation_fails(options, work, NULL), 100);
    kdst_options_release(options);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, as_in_evaluation, 0, 2 * NETWORKS);
    tcase_add_test(tests, weights_stay);
    tcase_add_test(tests, several_readers);
    tcase_add_loop_test(tests, sums_of_convolutions, 0, 2);
    tcase_add_test(tests, on_threads);
    tcase_add_test(tests, outlives_its_context);
    tcase_add_test(tests, own_operation);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, allocations);
}

int main(void)
{
    return run_suite("frozen", build);
}
