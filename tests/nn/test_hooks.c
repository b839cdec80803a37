/* SPDX-License-Identifier: Apache-2.0 */
/* Layers by path, hooks that read, replace, fail and remove themselves, and outputs that are kept. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

#include <stdbool.h>

typedef struct seen {
    int calls, destroyed;
    kdst_hook *hook;     /* borrowed: removed by `remove_self` */
    kdst_layer *again;   /* run from within */
    kdst_layer *release; /* given up from within */
    double factor;       /* != 0: output times this */
    kdst_status status;  /* returned */
    const char *kind;
    int64_t size;
} seen;

static void count_destroy(void *user_data)
{
    ((seen *)user_data)->destroyed++;
}

static kdst_status watch(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    seen *s = user_data;
    ck_assert_int_eq(index, 0);
    s->calls++;
    s->kind = kdst_layer_get_kind(layer);
    s->size = kdst_tensor_get_size(output, -1);
    if (s->again != NULL) {
        kdst_tensor *y = NULL;
        kdst_status status = kdst_layer_run(s->again, output, &y);
        kdst_tensor_release(y);
        if (status != KDST_STATUS_OK) return status;
    }
    if (s->release != NULL) kdst_layer_release(s->release);
    if (s->hook != NULL) expect_ok(kdst_hook_remove(s->hook));
    if (s->factor != 0) {
        kdst_tensor *factor = NULL;
        kdst_context *own = kdst_tensor_get_context(output);
        kdst_status status = kdst_tensor_create(own, kdst_tensor_get_dtype(output), 0, NULL, &factor);
        if (status == KDST_STATUS_OK) status = kdst_tensor_set_value(factor, s->factor);
        if (status == KDST_STATUS_OK) status = kdst_mul(output, factor, out);
        kdst_tensor_release(factor);
        if (status != KDST_STATUS_OK) return status;
    }
    return s->status;
}

/* fc1 [3, 4], relu without a name, "block" with "fc2" [2, 3] in it. */
static kdst_status make(kdst_context *in, kdst_dtype dtype, kdst_layer **out)
{
    kdst_layer *net = NULL, *block = NULL, *fc1 = NULL, *fc2 = NULL, *relu = NULL;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_string(options, "dtype", dtype == F32 ? "float32" : "float64");
    if (!status) status = kdst_layer_sequential_create(in, &net);
    if (!status) status = kdst_layer_sequential_create(in, &block);
    if (!status) status = kdst_layer_linear_create(in, 4, 3, options, &fc1);
    if (!status) status = kdst_layer_linear_create(in, 3, 2, options, &fc2);
    if (!status) status = kdst_layer_activation_create(in, "relu", &relu);
    if (!status) status = kdst_layer_add(net, "fc1", fc1);
    if (!status) status = kdst_layer_add(net, "", relu);
    if (!status) status = kdst_layer_add(block, "fc2", fc2);
    if (!status) status = kdst_layer_add(net, "block", block);
    kdst_options_release(options);
    kdst_layer_release(relu);
    kdst_layer_release(fc2);
    kdst_layer_release(fc1);
    kdst_layer_release(block);
    if (status) {
        kdst_layer_release(net);
        net = NULL;
    }
    *out = net;
    return status;
}

static kdst_layer *network(kdst_dtype dtype)
{
    kdst_layer *net = NULL;
    expect_ok(make(ctx, dtype, &net));
    return net;
}

static kdst_layer *child(kdst_layer *net, const char *path)
{
    kdst_layer *found = NULL;
    expect_ok(kdst_layer_find_child(net, path, &found));
    return found;
}

static kdst_tensor *run(kdst_layer *net, kdst_tensor *x)
{
    kdst_tensor *y = NULL;
    expect_ok(kdst_layer_run(net, x, &y));
    return y;
}

START_TEST(paths)
{
    static const char *const expected[][2] = {
        {"", "sequential"}, {"fc1", "linear"}, {"", "relu"}, {"block", "sequential"}, {"block.fc2", "linear"}};
    kdst_layer *net = network(F32), *found = NULL, *late = NULL;
    const char *path = NULL;
    ck_assert_int_eq(kdst_layer_get_child_count(net), 5);
    ck_assert_int_eq(kdst_layer_get_child_count(NULL), 0);
    ck_assert_ptr_null(kdst_layer_get_kind(NULL));
    for (int64_t i = 0; i < 5; i++) {
        expect_ok(kdst_layer_get_child(net, i, &path, &found));
        ck_assert_str_eq(path, expected[i][0]);
        ck_assert_str_eq(kdst_layer_get_kind(found), expected[i][1]);
    }
    ck_assert_ptr_eq(child(net, ""), net);
    ck_assert_ptr_eq(child(net, "block.fc2"), child(child(net, "block"), "fc2"));
    expect_failure(kdst_layer_get_child(net, 5, &path, &found), KDST_STATUS_NOT_FOUND, "index is 5, the tree has 5");
    ck_assert(path == NULL && found == NULL);
    expect_failure(kdst_layer_get_child(net, -1, NULL, NULL), KDST_STATUS_NOT_FOUND, "index is -1");
    expect_failure(
        kdst_layer_find_child(net, "blok.fc2", &found), KDST_STATUS_NOT_FOUND, "did you mean \"block.fc2\"?");
    expect_failure(
        kdst_layer_find_child(child(net, "fc1"), "x", &found), KDST_STATUS_NOT_FOUND, "none in here has a name");
    expect_failure(kdst_layer_find_child(net, NULL, &found), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    expect_failure(kdst_layer_find_child(net, "fc1", NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    /* the table is renewed */
    expect_ok(kdst_layer_flatten_create(ctx, &late));
    expect_ok(kdst_layer_add(child(net, "block"), "late", late));
    ck_assert_ptr_eq(child(net, "block.late"), late);
    kdst_layer_release(late);
    kdst_layer_release(net);
}
END_TEST

START_TEST(reading)
{
    kdst_layer *net = network(real_type(_i));
    kdst_tensor *x = filled(real_type(_i), SHAPE(5, 4), 1);
    seen first = {0}, second = {0};
    kdst_hook *hook = NULL;
    expect_ok(kdst_layer_add_hook(child(net, "fc1"), watch, &first, count_destroy, &hook));
    expect_ok(kdst_layer_add_hook(child(net, "block"), watch, &second, count_destroy, NULL));
    kdst_tensor_release(run(net, x));
    ck_assert(first.calls == 1 && first.size == 3 && strcmp(first.kind, "linear") == 0);
    ck_assert(second.calls == 1 && second.size == 2 && strcmp(second.kind, "sequential") == 0);
    expect_ok(kdst_hook_remove(hook));
    ck_assert_int_eq(first.destroyed, 1);
    expect_ok(kdst_hook_remove(hook));
    kdst_tensor_release(run(net, x));
    ck_assert(first.calls == 1 && second.calls == 2 && second.destroyed == 0);
    kdst_hook_retain(hook);
    kdst_hook_release(hook);
    kdst_hook_release(hook);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    ck_assert(first.destroyed == 1 && second.destroyed == 1);
}
END_TEST

/* What a hook gives goes on, in order, and gradients flow through it: with the factor 3 and then 2 in front of the last layer. */
START_TEST(replacing)
{
    kdst_dtype dtype = real_type(_i);
    kdst_layer *net = network(dtype);
    kdst_tensor *x = filled(dtype, SHAPE(5, 4), 1);
    seen thrice = {.factor = 3}, twice = {.factor = 2};
    kdst_hook *hook = NULL;
    kdst_tensor *weight = NULL, *total = NULL, *grad = NULL;
    expect_ok(kdst_layer_find(net, "fc1.weight", &weight));
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            expect_ok(kdst_layer_add_hook(net, watch, &thrice, NULL, NULL));
            expect_ok(kdst_layer_add_hook(net, watch, &twice, NULL, &hook));
        }
        kdst_tensor *y = run(net, x);
        double *now = doubles(y);
        static double before[10], grads[12];
        if (pass == 0)
            memcpy(before, now, sizeof before);
        else
            for (int i = 0; i < 10; i++)
                ck_assert_double_eq_tol(now[i], 6 * before[i], 1e-6);
        expect_ok(kdst_sum(y, NULL, 0, 0, &total));
        expect_ok(kdst_backward(total, NULL, NULL));
        grad = grad_of(weight);
        double *g = doubles(grad);
        double largest = 0;
        for (int i = 0; i < 12; i++) {
            if (pass == 1) ck_assert_double_eq_tol(g[i], 6 * grads[i], 1e-5);
            grads[i] = g[i];
            largest = fmax(largest, fabs(g[i]));
        }
        ck_assert(largest > 0.01);
        free(g);
        free(now);
        kdst_tensor_release(grad);
        kdst_tensor_release(total);
        kdst_tensor_release(y);
        expect_ok(kdst_layer_clear_grads(net));
    }
    kdst_hook_release(hook);
    kdst_tensor_release(x);
    kdst_layer_release(net);
}
END_TEST

static kdst_status
with_message(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    kdst_tensor *wrong = NULL;
    (void)user_data, (void)layer, (void)index, (void)out;
    return kdst_softmax(output, 7, &wrong);
}

static kdst_status foreign(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)layer, (void)index, (void)output;
    return kdst_tensor_create(user_data, F32, 0, NULL, out);
}

static kdst_status same(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)index;
    *out = output;
    return KDST_STATUS_OK;
}

static kdst_status
leaves_scope(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)index, (void)out;
    return kdst_no_grad_begin(kdst_tensor_get_context(output));
}

START_TEST(failing)
{
    kdst_layer *net = network(F32);
    kdst_tensor *x = filled(F32, SHAPE(5, 4), 1), *y = x;
    kdst_context *other = context_with_threads(1);
    seen s = {.status = KDST_STATUS_STATE, .factor = 2}, after = {0};
    kdst_hook *hook = NULL;
    expect_ok(kdst_layer_add_hook(child(net, "fc1"), watch, &s, NULL, &hook));
    expect_ok(kdst_layer_add_hook(child(net, "fc1"), watch, &after, NULL, NULL));
    expect_failure(kdst_layer_run(net, x, &y), KDST_STATUS_STATE, "hook");
    ck_assert_ptr_null(y);
    ck_assert(s.calls == 1 && after.calls == 0);
    s.status = 12345;
    expect_failure(kdst_layer_run(net, x, &y), KDST_STATUS_CALLBACK, "hook");
    expect_ok(kdst_hook_remove(hook));
    kdst_hook_release(hook);
    expect_ok(kdst_layer_add_hook(net, with_message, NULL, NULL, &hook));
    expect_failure(kdst_layer_run(net, x, &y), KDST_STATUS_INVALID_ARGUMENT, "softmax: axis is 7");
    expect_ok(kdst_hook_remove(hook));
    kdst_hook_release(hook);
    expect_ok(kdst_layer_add_hook(net, foreign, other, NULL, &hook));
    expect_failure(kdst_layer_run(net, x, &y), KDST_STATUS_CALLBACK, "a tensor of another context");
    expect_ok(kdst_hook_remove(hook));
    kdst_hook_release(hook);
    expect_ok(kdst_layer_add_hook(net, same, NULL, NULL, NULL));
    expect_ok(kdst_layer_add_hook(net, leaves_scope, NULL, NULL, NULL));
    kdst_tensor_release(run(net, x));
    y = run(net, x);
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 1);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    ck_assert_int_eq(kdst_context_live_count(other), 0);
    kdst_context_release(other);
}
END_TEST

START_TEST(from_within)
{
    kdst_layer *net = network(F32);
    kdst_tensor *x = filled(F32, SHAPE(5, 4), 1), *square = filled(F32, SHAPE(3, 3), 2), *y = NULL;
    kdst_layer *relu = NULL;
    seen once = {0}, again = {0}, gone = {0};
    /* removes itself: its neighbour is called nevertheless */
    expect_ok(kdst_layer_add_hook(net, watch, &once, count_destroy, &once.hook));
    expect_ok(kdst_layer_add_hook(net, watch, &again, count_destroy, NULL));
    kdst_tensor_release(run(net, x));
    ck_assert(once.calls == 1 && once.destroyed == 1 && again.calls == 1);
    kdst_hook_release(once.hook);
    kdst_tensor_release(run(net, x));
    ck_assert(once.calls == 1 && again.calls == 2);
    /* runs its own layer */
    expect_ok(kdst_layer_activation_create(ctx, "relu", &relu));
    again.again = relu;
    expect_ok(kdst_layer_add_hook(relu, watch, &again, NULL, NULL));
    again.calls = 0;
    kdst_tensor_release(run(relu, square));
    ck_assert_int_eq(again.calls, 1);
    again.again = NULL;
    kdst_layer_release(relu);
    /* releases the network that runs */
    gone.release = net;
    expect_ok(kdst_layer_add_hook(child(net, "block.fc2"), watch, &gone, count_destroy, NULL));
    expect_ok(kdst_layer_run(net, x, &y));
    ck_assert(gone.destroyed == 1 && again.destroyed == 1);
    kdst_tensor_release(y);
    kdst_tensor_release(square);
    kdst_tensor_release(x);
}
END_TEST

/* d/dx of sum(relu output), kept, equals that of the same layers run by hand; and it stays no longer than said. */
START_TEST(keeping)
{
    kdst_dtype dtype = real_type(_i);
    kdst_layer *net = network(dtype), *fc1 = child(net, "fc1"), *relu = NULL;
    kdst_tensor *x = filled(dtype, SHAPE(5, 4), 1), *y = NULL, *kept = NULL, *total = NULL, *hidden = NULL,
                *by_hand = NULL;
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_layer_get_child(net, 2, NULL, &relu));
    expect_failure(kdst_layer_get_output(relu, 0, &kept), KDST_STATUS_STATE, "the relu does not keep its output");
    expect_ok(kdst_layer_keep_output(relu, 1));
    expect_ok(kdst_layer_keep_output(relu, 1));
    expect_failure(kdst_layer_get_output(relu, 0, &kept), KDST_STATUS_NOT_FOUND, "has not run");
    y = run(net, x);
    expect_ok(kdst_layer_get_output(relu, 0, &kept));
    expect_ok(kdst_sum(kept, NULL, 0, 0, &total));
    expect_ok(kdst_backward(total, NULL, NULL));
    kdst_tensor *grad = grad_of(x);
    double *g = doubles(grad), *values = doubles(kept);
    kdst_tensor_release(grad);
    kdst_tensor_release(total);
    kdst_tensor_release(kept);
    kdst_tensor_release(y);
    expect_ok(kdst_tensor_clear_grad(x));
    hidden = run(fc1, x);
    expect_ok(kdst_relu(hidden, &by_hand));
    expect_close(by_hand, values);
    expect_ok(kdst_sum(by_hand, NULL, 0, 0, &total));
    expect_ok(kdst_backward(total, NULL, NULL));
    grad = grad_of(x);
    expect_close(grad, g);
    expect_ok(kdst_tensor_clear_grad(x));
    kdst_tensor_release(grad);
    kdst_tensor_release(total);
    kdst_tensor_release(by_hand);
    kdst_tensor_release(hidden);
    int64_t with = kdst_context_live_count(ctx);
    expect_ok(kdst_layer_clear_outputs(net));
    ck_assert_int_lt(kdst_context_live_count(ctx), with);
    expect_failure(kdst_layer_get_output(relu, 0, &kept), KDST_STATUS_NOT_FOUND, "has not run");
    ck_assert_ptr_null(kept);
    /* a run that fails leaves nothing of the run before */
    kdst_tensor_release(run(net, x));
    kdst_tensor *wrong = filled(dtype, SHAPE(5, 3), 1);
    expect_failure(kdst_layer_run(net, wrong, &y), KDST_STATUS_SHAPE, "linear: input has 3 features");
    expect_failure(kdst_layer_get_output(relu, 0, &kept), KDST_STATUS_NOT_FOUND, "has not run");
    kdst_tensor_release(run(net, x));
    expect_ok(kdst_layer_keep_output(relu, 0));
    expect_failure(kdst_layer_get_output(relu, 0, &kept), KDST_STATUS_STATE, "does not keep");
    expect_failure(kdst_layer_keep_output(relu, 2), KDST_STATUS_INVALID_ARGUMENT, "keep is 2");
    expect_ok(kdst_layer_keep_output(relu, 1));
    kdst_tensor_release(run(net, x));
    expect_failure(kdst_layer_get_output(relu, 1, &kept), KDST_STATUS_INVALID_ARGUMENT, "index is 1, the relu has 1");
    expect_failure(kdst_layer_get_output(relu, -1, &kept), KDST_STATUS_INVALID_ARGUMENT, "index is -1");
    expect_failure(kdst_layer_get_output(relu, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    free(values);
    free(g);
    kdst_tensor_release(wrong);
    kdst_tensor_release(x);
    kdst_layer_release(net);
}
END_TEST

/* Gives its input and twice its input. */
static kdst_status
both(void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)count, (void)training;
    kdst_tensor_retain(out[0] = inputs[0]);
    return kdst_add(inputs[0], inputs[0], &out[1]);
}

static kdst_status
negate_second(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)layer;
    *(int64_t *)user_data += 1 + index;
    return index == 1 ? kdst_sub(output, output, out) : KDST_STATUS_OK;
}

START_TEST(several_outputs)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    kdst_tensor *x = filled(F32, SHAPE(3), 1), *y[2], *kept[2];
    int64_t sum = 0;
    const double zeros[3] = {0};
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "outputs", 2));
    expect_ok(kdst_layer_custom_create(ctx, "both", both, NULL, NULL, options, &layer));
    expect_ok(kdst_layer_add_hook(layer, negate_second, &sum, NULL, NULL));
    expect_ok(kdst_layer_keep_output(layer, 1));
    expect_ok(kdst_layer_run_many(layer, &x, 1, y, 2, NULL));
    ck_assert_int_eq(sum, 3);
    for (int i = 0; i < 2; i++) {
        expect_ok(kdst_layer_get_output(layer, i, &kept[i]));
        ck_assert_ptr_eq(kept[i], y[i]);
    }
    ck_assert_ptr_eq(y[0], x);
    expect_close(y[1], zeros);
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(kept[i]);
        kdst_tensor_release(y[i]);
    }
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(refused)
{
    kdst_layer *net = network(F32);
    seen s = {0};
    kdst_hook *hook = (kdst_hook *)net;
    expect_failure(
        kdst_layer_add_hook(net, NULL, &s, count_destroy, &hook), KDST_STATUS_INVALID_ARGUMENT, "fn is NULL");
    ck_assert(hook == NULL && s.destroyed == 1);
    ck_assert_int_eq(kdst_layer_add_hook(NULL, watch, &s, count_destroy, &hook), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(s.destroyed, 2);
    ck_assert_int_eq(kdst_hook_remove(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_keep_output(NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_get_output(NULL, 0, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_clear_outputs(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_find_child(NULL, "", NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_get_child(NULL, 0, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_hook_retain(NULL);
    kdst_hook_release(NULL);
    kdst_layer_release(net);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    seen *s = arg;
    kdst_layer *net = NULL, *fc2 = NULL;
    kdst_tensor *x = NULL, *y = NULL, *kept = NULL;
    int before = s->destroyed;
    bool registered = false;
    kdst_status status = make(in, F32, &net);
    if (!status) status = kdst_layer_find_child(net, "block.fc2", &fc2);
    if (!status) {
        registered = true;
        status = kdst_layer_add_hook(fc2, watch, s, count_destroy, NULL);
    }
    if (!status) status = kdst_layer_keep_output(fc2, 1);
    if (!status) status = kdst_tensor_create(in, F32, SHAPE(2, 4), &x);
    if (!status) status = kdst_layer_run(net, x, &y);
    if (!status) status = kdst_layer_get_output(fc2, 0, &kept);
    if (!status) ck_assert_ptr_eq(kept, y);
    kdst_tensor_release(kept);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    ck_assert_int_eq(s->destroyed, before + registered);
    return status;
}

START_TEST(allocations)
{
    seen s = {.factor = 2};
    ck_assert_int_gt(each_allocation_fails(NULL, work, &s), 20);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, paths);
    tcase_add_loop_test(tests, reading, 0, 2);
    tcase_add_loop_test(tests, replacing, 0, 2);
    tcase_add_test(tests, failing);
    tcase_add_test(tests, from_within);
    tcase_add_loop_test(tests, keeping, 0, 2);
    tcase_add_test(tests, several_outputs);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, allocations);
}

int main(void)
{
    return run_suite("hooks", build);
}
