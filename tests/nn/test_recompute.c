/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that are computed again in the backward pass: the same logits, gradients, statistics and random streams as without, to the bit, in
 * less memory; and what happens where that cannot be.
 */
#include "autograd/support.h"
#include "failures/each_allocation.h"
#include "nn/recompute_net.h"

static kdst_layer *net_of(kdst_dtype dtype)
{
    kdst_layer *net = NULL;
    expect_ok(kdst_context_set_seed(ctx, 3));
    expect_ok(make_net(ctx, dtype, &net));
    return net;
}

/* Which layers are recomputed: the blocks; the chain of them; both; everything that there is. */
enum { EACH, ALL, NESTED, EVERYTHING, WAYS };

static kdst_status recompute(kdst_layer *net, int way)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < kdst_layer_get_child_count(net); i++) {
        kdst_layer *layer = NULL;
        const char *path = NULL;
        TRY(kdst_layer_get_child(net, i, &path, &layer));
        int block = !status && strcmp(kdst_layer_get_kind(layer), "residual") == 0;
        int chain = !status && strcmp(path, "blocks") == 0;
        if (way == EVERYTHING || (block && way != ALL) || (chain && way != EACH))
            TRY(kdst_layer_set_recompute(layer, 1));
    }
    return status;
}

static kdst_status run_step(kdst_layer *net, kdst_tensor *x, kdst_tensor *dy, kdst_tensor **out)
{
    kdst_status status = kdst_layer_run(net, x, out);
    TRY(kdst_backward(*out, dy, NULL));
    return status;
}

static kdst_tensor *images(kdst_dtype dtype)
{
    return filled(dtype, SHAPE(BATCH, 3, SIDE, SIDE), 7);
}

/* Logits of one step, and the most memory that it took. */
static kdst_tensor *step(kdst_layer *net, kdst_dtype dtype, int64_t *out_peak)
{
    kdst_tensor *x = images(dtype), *dy = filled(dtype, SHAPE(BATCH, CLASSES), 8), *logits = NULL;
    int64_t before = 0;
    expect_ok(kdst_context_set_seed(ctx, 5));
    expect_ok(kdst_context_clear_memory_peak(ctx));
    expect_ok(kdst_context_get_memory(ctx, &before, NULL));
    expect_ok(run_step(net, x, dy, &logits));
    expect_ok(kdst_context_get_memory(ctx, NULL, out_peak));
    *out_peak -= before;
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    return logits;
}

/* Of a number, relative to 1 and above: 0 but where layers that would run together are parted, so that sums round differently. */
static double rounding;

static void expect_same(kdst_tensor *a, kdst_tensor *b, const char *what)
{
    double *one = doubles(a), *two = doubles(b);
    ck_assert_int_eq(kdst_tensor_get_count(a), kdst_tensor_get_count(b));
    for (int64_t i = 0; i < kdst_tensor_get_count(a); i++)
        ck_assert_msg(
            fabs(one[i] - two[i]) <= rounding * fmax(1, fabs(one[i])), "%s, element %lld: %.17g, %.17g", what,
            (long long)i, one[i], two[i]);
    free(one);
    free(two);
}

static void expect_same_states(kdst_layer *a, kdst_layer *b)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(a); i++) {
        const char *name = NULL;
        kdst_tensor *one = NULL, *two = NULL, *grad = NULL, *other = NULL;
        int32_t is_parameter = 0;
        expect_ok(kdst_layer_get_state(a, i, &name, &one, &is_parameter));
        expect_ok(kdst_layer_get_state(b, i, NULL, &two, NULL));
        expect_same(one, two, name);
        ck_assert_int_eq(kdst_tensor_get_grad(one, &grad) == KDST_STATUS_OK, is_parameter);
        ck_assert_int_eq(kdst_tensor_get_grad(two, &other) == KDST_STATUS_OK, is_parameter);
        if (is_parameter) expect_same(grad, other, name);
        kdst_tensor_release(grad);
        kdst_tensor_release(other);
    }
}

/* Loop: types, then ways. */
START_TEST(same_bits)
{
    kdst_dtype dtype = real_type(_i % 2);
    kdst_layer *plain = net_of(dtype), *net = net_of(dtype);
    int64_t most = 0, less = 0;
    uint64_t stream = 0, other = 0;
    expect_ok(recompute(net, _i / 2));
    rounding = dtype == F32 && _i / 2 == EVERYTHING ? 1e-2 : 0;
    for (int i = 0; i < 2; i++) { /* the second pass adds to the gradients */
        kdst_tensor *y = step(plain, dtype, &most);
        expect_ok(kdst_context_get_random(ctx, NULL, &stream));
        kdst_tensor *again = step(net, dtype, &less);
        expect_ok(kdst_context_get_random(ctx, NULL, &other));
        expect_same(y, again, "logits");
        ck_assert_uint_eq(stream, other);
        kdst_tensor_release(again);
        kdst_tensor_release(y);
    }
    expect_same_states(plain, net);
    if (_i / 2 == EACH || _i / 2 == NESTED)
        ck_assert_msg(less < 0.75 * (double)most, "%lld bytes, without %lld", (long long)less, (long long)most);
    kdst_layer_release(net);
    kdst_layer_release(plain);
}
END_TEST

/* The gradient of the input is one of the results, and adds to what else reads the input. */
START_TEST(input_gradient)
{
    kdst_tensor *grads[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        kdst_layer *net = net_of(F64);
        kdst_tensor *x = images(F64), *y = NULL, *sum = NULL, *rest = NULL, *both = NULL;
        expect_ok(kdst_context_set_seed(ctx, 5));
        expect_ok(kdst_tensor_set_requires_grad(x, 1));
        expect_ok(kdst_layer_set_trainable(net, 0));
        expect_ok(kdst_layer_set_recompute(net, i));
        expect_ok(kdst_layer_run(net, x, &y));
        expect_ok(kdst_sum(y, NULL, 0, 0, &sum));
        expect_ok(kdst_sum(x, NULL, 0, 0, &rest));
        expect_ok(kdst_add(sum, rest, &both));
        expect_ok(kdst_backward(both, NULL, NULL));
        grads[i] = grad_of(x);
        kdst_tensor_release(both);
        kdst_tensor_release(rest);
        kdst_tensor_release(sum);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        kdst_layer_release(net);
    }
    expect_same(grads[0], grads[1], "gradient");
    kdst_tensor_release(grads[0]);
    kdst_tensor_release(grads[1]);
}
END_TEST

/* What gives its input back, and what nothing flows through. */
START_TEST(identities)
{
    kdst_layer *empty = NULL, *net = net_of(F32);
    kdst_tensor *x = images(F32), *y = NULL, *z = NULL, *dy = filled(F32, SHAPE(BATCH, 3, SIDE, SIDE), 9);
    expect_ok(kdst_layer_sequential_create(ctx, &empty));
    expect_ok(kdst_layer_set_recompute(empty, 1));
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_layer_run(empty, x, &y));
    expect_ok(kdst_layer_run(empty, y, &z));
    expect_ok(kdst_backward(z, dy, NULL));
    kdst_tensor *grad = grad_of(x);
    expect_same(grad, dy, "gradient");
    kdst_tensor_release(grad);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    expect_ok(kdst_tensor_set_requires_grad(x, 0));
    expect_ok(kdst_layer_set_trainable(net, 0));
    expect_ok(kdst_layer_set_recompute(net, 1));
    expect_ok(kdst_layer_run(net, x, &y));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(y), 0);
    kdst_tensor_release(y);
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    kdst_layer_release(empty);
}
END_TEST

/* A second pass over a retained record adds the same again. */
START_TEST(retained)
{
    kdst_layer *net = net_of(F64);
    kdst_tensor *x = images(F64), *dy = filled(F64, SHAPE(BATCH, CLASSES), 8), *y = NULL, *weight = NULL;
    kdst_options *o = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "retain", 1));
    expect_ok(recompute(net, NESTED));
    expect_ok(kdst_layer_run(net, x, &y));
    expect_ok(kdst_layer_find(net, "blocks.2.0.weight", &weight));
    expect_ok(kdst_backward(y, dy, o));
    kdst_tensor *grad = grad_of(weight);
    double *once = doubles(grad);
    expect_ok(kdst_backward(y, dy, NULL));
    double *twice = doubles(grad);
    for (int64_t i = 0; i < kdst_tensor_get_count(grad); i++)
        ck_assert_double_eq(2 * once[i], twice[i]);
    expect_failure(kdst_backward(y, dy, NULL), KDST_STATUS_STATE, "used up");
    free(twice);
    free(once);
    kdst_tensor_release(grad);
    kdst_options_release(o);
    kdst_tensor_release(y);
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    kdst_layer_release(net);
}
END_TEST

/* A parameter that is written to, or a mode that changes, in between. */
START_TEST(changed)
{
    kdst_layer *net = net_of(F32);
    kdst_tensor *x = images(F32), *dy = filled(F32, SHAPE(BATCH, CLASSES), 8), *y = NULL, *weight = NULL, *grad = NULL;
    expect_ok(recompute(net, EACH));
    expect_ok(kdst_layer_find(net, "blocks.2.4.weight", &weight));
    expect_ok(kdst_layer_run(net, x, &y));
    expect_ok(kdst_tensor_set_value(weight, 0.01));
    expect_failure(kdst_backward(y, dy, NULL), KDST_STATUS_STATE, "was changed");
    kdst_tensor_release(y);
    expect_ok(kdst_layer_run(net, x, &y));
    expect_ok(kdst_layer_set_training(net, 0));
    expect_failure(kdst_backward(y, dy, NULL), KDST_STATUS_STATE, "was changed");
    kdst_tensor_release(y);
    ck_assert_int_eq(kdst_tensor_get_grad(weight, &grad), KDST_STATUS_NOT_FOUND);
    expect_ok(kdst_layer_run(net, x, &y)); /* in evaluation mode */
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor_release(y);
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    kdst_layer_release(net);
}
END_TEST

static kdst_status count_runs(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    (void)layer, (void)index, (void)out;
    ++*(int *)user_data;
    return kdst_tensor_get_requires_grad(output) ? KDST_STATUS_OK : KDST_STATUS_STATE;
}

/* A hook or a kept output inside sees what is recorded, once. */
START_TEST(looked_into)
{
    kdst_layer *plain = net_of(F32), *net = net_of(F32), *inside = NULL;
    kdst_tensor *kept = NULL;
    int64_t peak = 0;
    int runs = 0;
    expect_ok(recompute(net, NESTED));
    expect_ok(kdst_layer_find_child(net, "blocks.1.3", &inside));
    expect_ok(kdst_layer_add_hook(inside, count_runs, &runs, NULL, NULL));
    expect_ok(kdst_layer_find_child(net, "blocks.4", &inside)); /* itself recomputed: its own output is recorded */
    expect_ok(kdst_layer_keep_output(inside, 1));
    kdst_tensor_release(step(plain, F32, &peak));
    kdst_tensor_release(step(net, F32, &peak));
    ck_assert_int_eq(runs, 1);
    expect_same_states(plain, net);
    expect_ok(kdst_layer_get_output(inside, 0, &kept));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(kept), 1);
    kdst_tensor_release(kept);
    kdst_layer_release(net);
    kdst_layer_release(plain);
}
END_TEST

/* A trace shows the same operations. */
START_TEST(traces)
{
    const kdst_dtype dtype = F32;
    const int64_t rank = 4, shape[] = {BATCH, 3, SIDE, SIDE};
    int64_t counts[2];
    for (int i = 0; i < 2; i++) {
        kdst_layer *net = net_of(F32);
        kdst_trace *trace = NULL;
        if (i == 1) expect_ok(recompute(net, EVERYTHING));
        expect_ok(kdst_trace_create(net, 1, &dtype, &rank, shape, NULL, &trace));
        counts[i] = kdst_trace_get_op_count(trace);
        kdst_trace_release(trace);
        kdst_layer_release(net);
    }
    ck_assert_int_eq(counts[0], counts[1]);
    ck_assert_int_gt(counts[0], 6 * BLOCKS);
}
END_TEST

/* Several inputs: one an int32, and an inner part that sees both. */
static kdst_status scale(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)count, (void)training;
    kdst_tensor *product = NULL;
    kdst_status status = kdst_mul(inputs[0], inputs[1], &product);
    TRY(kdst_mul(product, product, out));
    kdst_tensor_release(product);
    return status;
}

START_TEST(several_inputs)
{
    kdst_tensor *grads[2][2];
    for (int i = 0; i < 2; i++) {
        kdst_layer *layer = NULL;
        kdst_options *o = NULL;
        kdst_tensor *in[] = {filled(F64, SHAPE(3, 4), 1), filled(F64, SHAPE(4), 2)}, *y = NULL;
        kdst_tensor *dy = filled(F64, SHAPE(3, 4), 3);
        expect_ok(kdst_options_create(&o));
        expect_ok(kdst_options_set_int(o, "inputs", 2));
        expect_ok(kdst_layer_custom_create(ctx, "scale", scale, NULL, NULL, o, &layer));
        expect_ok(kdst_layer_set_recompute(layer, i));
        ck_assert_int_eq(kdst_layer_get_recompute(layer), i);
        for (int k = 0; k < 2; k++)
            expect_ok(kdst_tensor_set_requires_grad(in[k], 1));
        expect_ok(kdst_layer_run_many(layer, in, 2, &y, 1, NULL));
        expect_ok(kdst_backward(y, dy, NULL));
        for (int k = 0; k < 2; k++) {
            grads[i][k] = grad_of(in[k]);
            kdst_tensor_release(in[k]);
        }
        kdst_tensor_release(dy);
        kdst_tensor_release(y);
        kdst_options_release(o);
        kdst_layer_release(layer);
    }
    for (int k = 0; k < 2; k++) {
        expect_same(grads[0][k], grads[1][k], "gradient");
        kdst_tensor_release(grads[0][k]);
        kdst_tensor_release(grads[1][k]);
    }
}
END_TEST

START_TEST(refusals)
{
    kdst_layer *net = net_of(F32);
    expect_failure(kdst_layer_set_recompute(net, 2), KDST_STATUS_INVALID_ARGUMENT, "recompute is 2");
    ck_assert_int_eq(kdst_layer_set_recompute(NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_layer_get_recompute(NULL), 0);
    kdst_layer_release(net);
}
END_TEST

/* ---- estimate and limits ---- */

static const struct {
    const char *model;
    int64_t shape[4];
} nets[] = {{"mlp", {16, 1, 28, 28}},    {"mlp", {128, 1, 28, 28}},    {"lenet", {8, 1, 28, 28}},
            {"lenet", {64, 1, 28, 28}},  {"resnet20", {8, 3, 32, 32}}, {"resnet20", {32, 3, 32, 32}},
            {"resnet18", {4, 3, 32, 32}}};

/* The context's peak in a step with momentum against the sum of the estimate. */
START_TEST(estimate)
{
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    kdst_tensor *x = filled(F32, 4, nets[_i].shape, 7), *dy = filled(F32, SHAPE(nets[_i].shape[0], 10), 8), *y = NULL;
    kdst_optimizer *optimizer = NULL;
    kdst_options *o = NULL;
    const kdst_dtype dtype = F32;
    const int64_t rank = 4;
    int64_t parts[4], peak = 0, sum = 0, before = 0;
    expect_ok(kdst_context_get_memory(ctx, &before, NULL));
    before -= kdst_tensor_get_count(x) * 4;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_model_create(ctx, nets[_i].model, NULL, &net));
    expect_ok(kdst_options_set_int(o, "training", 1));
    expect_ok(kdst_trace_create(net, 1, &dtype, &rank, nets[_i].shape, o, &trace));
    expect_ok(kdst_trace_get_memory(trace, 1, &parts[0], &parts[1], &parts[2], &parts[3]));
    expect_failure(
        kdst_trace_get_memory(trace, 9, NULL, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "states is 9");
    ck_assert_int_eq(kdst_trace_get_memory(NULL, 1, NULL, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(parts[1], parts[2]);
    kdst_trace_release(trace);
    kdst_options_release(o);
    o = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_float(o, "momentum", 0.9));
    expect_ok(kdst_optimizer_sgd_create(ctx, o, &optimizer));
    expect_ok(kdst_optimizer_add_layer(optimizer, net));
    for (int i = 0; i < 2; i++) { /* the optimiser's tensors come with its first step */
        expect_ok(kdst_optimizer_clear_grads(optimizer));
        expect_ok(kdst_context_clear_memory_peak(ctx));
        expect_ok(run_step(net, x, dy, &y));
        expect_ok(kdst_optimizer_run(optimizer));
        expect_ok(kdst_context_get_memory(ctx, NULL, &peak));
        kdst_tensor_release(y);
    }
    for (int i = 0; i < 4; i++)
        sum += parts[i];
    peak -= before;
    ck_assert_msg(
        (double)sum > 0.75 * (double)peak && (double)sum < 1.25 * (double)peak, "%s: %lld bytes, the estimate is %lld",
        nets[_i].model, (long long)peak, (long long)sum);
    kdst_optimizer_release(optimizer);
    kdst_options_release(o);
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    kdst_layer_release(net);
}
END_TEST

/* One step on a context of its own; `limit` 0: none. */
static kdst_status step_within(int64_t limit, int way, int64_t *out_peak)
{
    kdst_options *o = NULL;
    kdst_layer *net = NULL;
    kdst_tensor *y = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "threads", 1));
    expect_ok(kdst_options_set_int(o, "memory_limit", limit));
    kdst_context *in = context_of(o);
    kdst_tensor *x = filled_in(in, F32, SHAPE(8 * BATCH, 3, SIDE, SIDE), 7);
    kdst_tensor *dy = filled_in(in, F32, SHAPE(8 * BATCH, CLASSES), 8);
    kdst_status status = make_net(in, F32, &net);
    if (way >= 0) TRY(recompute(net, way));
    TRY(kdst_context_clear_memory_peak(in));
    TRY(run_step(net, x, dy, &y));
    if (out_peak) expect_ok(kdst_context_get_memory(in, NULL, out_peak));
    kdst_tensor_release(y);
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    ck_assert_int_eq(kdst_context_live_count(in), 0);
    kdst_context_release(in);
    return status;
}

START_TEST(limit)
{
    int64_t most = 0, less = 0;
    ck_assert_int_eq(step_within(0, -1, &most), KDST_STATUS_OK);
    ck_assert_int_eq(step_within(0, EACH, &less), KDST_STATUS_OK);
    int64_t between = (most + less) / 2;
    ck_assert_int_lt(less, between);
    ck_assert_int_eq(step_within(between, -1, NULL), KDST_STATUS_OUT_OF_MEMORY);
    ck_assert_int_eq(step_within(between, EACH, NULL), KDST_STATUS_OK);
}
END_TEST

static kdst_status step_anywhere(kdst_context *in, void *arg)
{
    kdst_layer *net = NULL;
    kdst_tensor *x = NULL, *y = NULL, *dy = NULL;
    (void)arg;
    kdst_status status = make_net(in, F32, &net);
    TRY(recompute(net, NESTED));
    TRY(kdst_tensor_create(in, F32, SHAPE(2, 3, 4, 4), &x));
    TRY(kdst_tensor_create(in, F32, SHAPE(2, CLASSES), &dy));
    TRY(kdst_tensor_set_value(dy, 1));
    TRY(kdst_layer_run(net, x, &y));
    if (!status && (status = kdst_backward(y, dy, NULL)))
        for (int64_t i = 0; i < kdst_layer_get_state_count(net); i++) {
            kdst_tensor *t = NULL;
            if (kdst_layer_get_state(net, i, NULL, &t, NULL) != KDST_STATUS_OK) break;
            kdst_tensor *grad = NULL; /* none has come */
            ck_assert_int_eq(kdst_tensor_get_grad(t, &grad), KDST_STATUS_NOT_FOUND);
        }
    /* reading the state may have replaced the message */
    if (status) ck_assert_int_eq(kdst_context_set_message(in, "the step failed"), KDST_STATUS_OK);
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    return status;
}

START_TEST(allocations)
{
    kdst_options *o = NULL;
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_int(o, "threads", 1));
    ck_assert_int_gt(each_allocation_fails(o, step_anywhere, NULL), 50);
    kdst_options_release(o);
}
END_TEST

static void build(TCase *tests)
{
    tcase_set_timeout(tests, 240);
    tcase_add_loop_test(tests, same_bits, 0, 2 * WAYS);
    tcase_add_test(tests, input_gradient);
    tcase_add_test(tests, identities);
    tcase_add_test(tests, retained);
    tcase_add_test(tests, changed);
    tcase_add_test(tests, looked_into);
    tcase_add_test(tests, traces);
    tcase_add_test(tests, several_inputs);
    tcase_add_test(tests, refusals);
    tcase_add_loop_test(tests, estimate, 0, (int)(sizeof nets / sizeof *nets));
    tcase_add_test(tests, limit);
    tcase_add_test(tests, allocations);
}

int main(void)
{
    return run_suite("recompute", build);
}
