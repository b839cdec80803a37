/* SPDX-License-Identifier: Apache-2.0 */
/* Groups by pattern, freezing by pattern: what decay is left, what moves; failures and bad input. */
#include "autograd/support.h"
#include "failures/each_allocation.h"

/* conv -> bn -> fc: "conv.weight" "conv.bias" "bn.weight" "bn.bias" (and three buffers) "fc.weight" "fc.bias" */
static kdst_status make_net(kdst_context *in, kdst_layer **out)
{
    kdst_layer *net = NULL, *parts[3] = {NULL};
    static const char *const names[] = {"conv", "bn", "fc"};
    kdst_status status = kdst_layer_sequential_create(in, &net);
    if (!status) status = kdst_layer_linear_create(in, 3, 4, NULL, &parts[0]);
    if (!status) status = kdst_layer_batch_norm_create(in, 4, NULL, &parts[1]);
    if (!status) status = kdst_layer_linear_create(in, 4, 2, NULL, &parts[2]);
    for (int i = 0; i < 3 && !status; i++)
        status = kdst_layer_add(net, names[i], parts[i]);
    for (int i = 0; i < 3; i++)
        kdst_layer_release(parts[i]);
    if (status) {
        kdst_layer_release(net);
        return status;
    }
    *out = net;
    return KDST_STATUS_OK;
}

static kdst_layer *net(void)
{
    kdst_layer *made = NULL;
    expect_ok(make_net(ctx, &made));
    return made;
}

static kdst_options *options_with(const char *key, double value, const char *no_decay)
{
    kdst_options *o = NULL;
    expect_ok(kdst_options_create(&o));
    if (key != NULL) expect_ok(kdst_options_set_float(o, key, value));
    if (no_decay != NULL) expect_ok(kdst_options_set_string(o, "no_decay", no_decay));
    return o;
}

/* Gradient 0 everywhere. */
static void clear_to_zero(kdst_layer *layer)
{
    kdst_tensor *t = NULL, *zero = NULL, *sum = NULL;
    int32_t is_parameter = 0;
    for (int64_t i = 0; i < kdst_layer_get_state_count(layer); i++) {
        expect_ok(kdst_layer_get_state(layer, i, NULL, &t, &is_parameter));
        if (!is_parameter || !kdst_tensor_get_requires_grad(t)) continue;
        expect_ok(kdst_tensor_clear_grad(t));
        expect_ok(kdst_sub(t, t, &zero));
        expect_ok(kdst_sum(zero, NULL, 0, 0, &sum));
        expect_ok(kdst_backward(sum, NULL, NULL));
        kdst_tensor_release(sum);
        kdst_tensor_release(zero);
    }
}

/* With gradient 0 a step of SGD leaves (1 - rate factor decay) of a weight: what the group says is what is left. */
static void expect_left(kdst_layer *layer, const char *name, double share)
{
    kdst_tensor *t = NULL;
    double *values;
    expect_ok(kdst_layer_find(layer, name, &t));
    values = doubles(t);
    ck_assert_msg(fabs(values[0] - share) < 1e-6, "%s is %g, expected %g", name, values[0], share);
    free(values);
}

static void fill_all(kdst_layer *layer)
{
    kdst_tensor *t = NULL;
    int32_t is_parameter = 0;
    for (int64_t i = 0; i < kdst_layer_get_state_count(layer); i++) {
        expect_ok(kdst_layer_get_state(layer, i, NULL, &t, &is_parameter));
        if (is_parameter) expect_ok(kdst_tensor_set_value(t, 1));
    }
}

static kdst_optimizer *decaying(void)
{
    kdst_options *o = options_with("weight_decay", 0.5, NULL);
    kdst_optimizer *made = NULL;
    expect_ok(kdst_options_set_float(o, "learning_rate", 0.1));
    expect_ok(kdst_optimizer_sgd_create(ctx, o, &made));
    kdst_options_release(o);
    return made;
}

/* Loop: which parameters have no decay. */
START_TEST(no_decay)
{
    static const struct {
        const char *choice;
        double weight, bias, norm_weight, norm_bias;
    } cases[] = {
        {"none", 0.95, 0.95, 0.95, 0.95},
        {"biases", 0.95, 1, 0.95, 1},
        {"norms", 0.95, 0.95, 1, 1},
        {"biases_and_norms", 0.95, 1, 1, 1}};
    kdst_layer *layer = net();
    kdst_optimizer *opt = decaying();
    kdst_options *o = options_with(NULL, 0, cases[_i].choice);
    int64_t count = 0;
    expect_ok(kdst_optimizer_add_group(opt, layer, "*", o, &count));
    ck_assert_int_eq(count, 6);
    fill_all(layer);
    clear_to_zero(layer);
    expect_ok(kdst_optimizer_run(opt));
    expect_left(layer, "conv.weight", cases[_i].weight);
    expect_left(layer, "fc.weight", cases[_i].weight);
    expect_left(layer, "conv.bias", cases[_i].bias);
    expect_left(layer, "bn.weight", cases[_i].norm_weight);
    expect_left(layer, "bn.bias", cases[_i].norm_bias);
    kdst_options_release(o);
    kdst_optimizer_release(opt);
    kdst_layer_release(layer);
}
END_TEST

/* Rate, decay and prefix of each group; the rest; nothing is added by halves. */
START_TEST(groups)
{
    kdst_layer *layer = net(), *second = net();
    kdst_optimizer *opt = decaying();
    kdst_options *fast = options_with("rate_factor", 4, NULL), *steady = options_with("weight_decay", 0.25, NULL);
    kdst_options *rest = NULL, *prefixed = NULL;
    int64_t count = -1;
    expect_ok(kdst_optimizer_add_group(opt, layer, "fc.*", fast, &count));
    ck_assert_int_eq(count, 2);
    expect_ok(kdst_optimizer_add_group(opt, layer, "b?.weight|conv.b*", steady, &count));
    ck_assert_int_eq(count, 2);
    expect_failure(
        kdst_optimizer_add_group(opt, layer, "*", NULL, &count), KDST_STATUS_STATE,
        "\"conv.bias\" is in the optimizer already, as \"conv.bias\"");
    ck_assert_int_eq(count, 0);
    expect_ok(kdst_options_create(&rest));
    expect_ok(kdst_options_set_int(rest, "rest", 1));
    expect_ok(kdst_optimizer_add_group(
        opt, layer, "*", rest, &count)); /* conv.weight and bn.bias: the failure added nothing */
    ck_assert_int_eq(count, 2);
    expect_ok(kdst_optimizer_add_group(opt, layer, "*", rest, &count));
    ck_assert_int_eq(count, 0);
    fill_all(layer);
    clear_to_zero(layer);
    expect_ok(kdst_optimizer_run(opt));
    expect_left(layer, "fc.weight", 1 - 0.4 * 0.5);
    expect_left(layer, "fc.bias", 1 - 0.4 * 0.5);
    expect_left(layer, "bn.weight", 1 - 0.1 * 0.25);
    expect_left(layer, "conv.bias", 1 - 0.1 * 0.25);
    expect_left(layer, "conv.weight", 1 - 0.1 * 0.5);
    expect_left(layer, "bn.bias", 1 - 0.1 * 0.5);
    /* the same names once more */
    expect_failure(
        kdst_optimizer_add_group(opt, second, "fc.*", NULL, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "\"fc.weight\" was added before");
    expect_ok(kdst_options_create(&prefixed));
    expect_ok(kdst_options_set_string(prefixed, "prefix", "second."));
    expect_ok(kdst_optimizer_add_group(opt, second, "*", prefixed, &count));
    ck_assert_int_eq(count, 6);
    kdst_tensor *w = NULL;
    expect_ok(kdst_layer_find(second, "fc.weight", &w));
    expect_failure(
        kdst_optimizer_add_tensor(opt, "w", w), KDST_STATUS_INVALID_ARGUMENT,
        "\"w\" was added before, as \"second.fc.weight\"");
    kdst_options_release(prefixed);
    kdst_options_release(rest);
    kdst_options_release(steady);
    kdst_options_release(fast);
    kdst_optimizer_release(opt);
    kdst_layer_release(second);
    kdst_layer_release(layer);
}
END_TEST

/* torch.optim.SGD of PyTorch 1.13, momentum 0.9, rate 0.1, weight_decay 0.05; the second group has rate 0.5 and no decay. */
START_TEST(as_pytorch)
{
    static const double gradients[4][3] = {{0.1, -0.2, 0.3}, {-0.4, 0.5, 0.6}, {0.7, 0.05, -0.8}, {0.01, 0.02, 0.03}};
    kdst_layer *layer = NULL;
    kdst_optimizer *opt = NULL;
    kdst_tensor *t[2] = {NULL};
    kdst_options *o = options_with("momentum", 0.9, NULL);
    expect_ok(kdst_options_set_float(o, "weight_decay", 0.05));
    expect_ok(kdst_optimizer_sgd_create(ctx, o, &opt));
    kdst_options_release(o);
    expect_ok(kdst_options_create(&o));
    expect_ok(kdst_options_set_string(o, "dtype", "float64"));
    expect_ok(kdst_layer_linear_create(ctx, 1, 3, o, &layer));
    kdst_options_release(o);
    o = options_with("rate_factor", 5, "biases");
    expect_ok(kdst_optimizer_add_group(opt, layer, "bias", o, NULL));
    expect_ok(kdst_optimizer_add_group(opt, layer, "weight", NULL, NULL));
    kdst_options_release(o);
    expect_ok(kdst_layer_find(layer, "weight", &t[0]));
    expect_ok(kdst_layer_find(layer, "bias", &t[1]));
    for (int i = 0; i < 2; i++)
        expect_ok(kdst_tensor_set_data(t[i], (double[]){0.5, -1.25, 2.0}, 3 * sizeof(double)));
    for (int s = 0; s < 4; s++) {
        expect_ok(kdst_optimizer_clear_grads(opt));
        for (int i = 0; i < 2; i++) {
            const int64_t shape[2] = {3, 1};
            kdst_tensor *g = from_doubles(F64, 2 - i, shape, gradients[s]), *product = NULL, *sum = NULL;
            expect_ok(kdst_mul(t[i], g, &product));
            expect_ok(kdst_sum(product, NULL, 0, 0, &sum));
            expect_ok(kdst_backward(sum, NULL, NULL));
            kdst_tensor_release(sum);
            kdst_tensor_release(product);
            kdst_tensor_release(g);
        }
        expect_ok(kdst_optimizer_run(opt));
    }
    expect_close(t[0], (double[]){0.41760103281250005, -1.27202129390625, 1.795518555});
    expect_close(t[1], (double[]){0.20005000000000003, -1.6410999999999998, 1.41615});
    kdst_optimizer_release(opt);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(bad_groups)
{
    kdst_layer *layer = net();
    kdst_optimizer *opt = decaying();
    kdst_options *o = options_with("weight_decay", -0.5, NULL);
    expect_failure(
        kdst_optimizer_add_group(opt, layer, "head.*", NULL, NULL), KDST_STATUS_NOT_FOUND,
        "no parameter of the layer matches \"head.*\"");
    expect_failure(
        kdst_optimizer_add_group(opt, layer, "bn.running*", NULL, NULL), KDST_STATUS_NOT_FOUND,
        "matches \"bn.running*\"");
    expect_failure(kdst_optimizer_add_group(opt, layer, "bn", NULL, NULL), KDST_STATUS_NOT_FOUND, "matches \"bn\"");
    static const char *const empty[] = {"", "|", "a|", "|a", "a||b"};
    for (int i = 0; i < 5; i++)
        expect_failure(
            kdst_optimizer_add_group(opt, layer, empty[i], NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "empty");
    expect_failure(
        kdst_optimizer_add_group(opt, layer, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "pattern is NULL");
    expect_failure(kdst_optimizer_add_group(opt, NULL, "*", NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "layer is NULL");
    expect_failure(
        kdst_optimizer_add_group(opt, layer, "*", o, NULL), KDST_STATUS_INVALID_ARGUMENT, "weight_decay is -0.5");
    kdst_options_release(o);
    ck_assert_int_eq(kdst_optimizer_add_group(NULL, layer, "*", NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    o = options_with(NULL, 0, "all");
    expect_failure(kdst_optimizer_add_group(opt, layer, "*", o, NULL), KDST_STATUS_INVALID_ARGUMENT, "no_decay");
    kdst_options_release(o);
    kdst_optimizer_release(opt);
    kdst_layer_release(layer);
}
END_TEST

/* Stars take as much as they must; '?' is one character of UTF-8. */
START_TEST(patterns)
{
    static const struct {
        const char *pattern;
        int64_t count;
    } cases[] = {{"*", 6},         {"*.bias", 3},  {"*bias", 3},    {"c*v.*", 2},         {"*n*.*e*t", 2},
                 {"**", 6},        {"??.bias", 2}, {"???.bias", 0}, {"*.weight|bn.*", 4}, {"bn.bias|bn.bias", 1},
                 {"*.bia", 0},     {"?*", 6},      {"*?.?????", 0}, {"*.????", 3},        {"fc.weight*", 1},
                 {"fc.weight?", 0}};
    kdst_layer *layer = net();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t count = 0;
        kdst_status status = kdst_layer_set_trainable_matching(layer, cases[i].pattern, 1, &count);
        ck_assert_msg(count == cases[i].count, "\"%s\" matches %d", cases[i].pattern, (int)count);
        ck_assert_int_eq(status, count ? KDST_STATUS_OK : KDST_STATUS_NOT_FOUND);
    }
    kdst_layer *outer = NULL;
    int64_t count = 0;
    expect_ok(kdst_layer_sequential_create(ctx, &outer));
    expect_ok(kdst_layer_add(outer, "\xc3\xa9", layer));
    expect_ok(kdst_layer_set_trainable_matching(outer, "?.conv.*", 1, &count));
    ck_assert_int_eq(count, 2);
    expect_failure(kdst_layer_set_trainable_matching(outer, "??.conv.*", 1, &count), KDST_STATUS_NOT_FOUND, "conv");
    kdst_layer_release(outer);
    kdst_layer_release(layer);
}
END_TEST

/* Frozen parameters get no gradient and an old one does not count. */
START_TEST(freezing)
{
    kdst_layer *layer = net();
    kdst_optimizer *opt = decaying();
    int64_t count = 0;
    double norm = 0;
    expect_ok(kdst_optimizer_add_layer(opt, layer));
    fill_all(layer);
    clear_to_zero(layer);
    expect_ok(kdst_layer_set_trainable_matching(layer, "conv.*|bn.*", 0, &count));
    ck_assert_int_eq(count, 4);
    expect_ok(kdst_optimizer_run(opt)); /* the gradients of before are still there */
    expect_left(layer, "conv.weight", 1);
    expect_left(layer, "bn.bias", 1);
    expect_left(layer, "fc.weight", 0.95);
    expect_ok(kdst_optimizer_clear_grads(opt));
    kdst_tensor *x = filled(F32, SHAPE(5, 3), 1), *y = NULL, *sum = NULL, *w = NULL, *g = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_ok(kdst_sum(y, NULL, 0, 0, &sum));
    expect_ok(kdst_backward(sum, NULL, NULL));
    expect_ok(kdst_layer_find(layer, "conv.weight", &w));
    expect_failure(kdst_tensor_get_grad(w, &g), KDST_STATUS_NOT_FOUND, "no gradient");
    expect_ok(kdst_layer_find(layer, "fc.bias", &w));
    expect_ok(kdst_tensor_get_grad(w, &g));
    kdst_tensor_release(g);
    expect_ok(kdst_optimizer_clip_norm(opt, INFINITY, NULL, &norm));
    ck_assert(norm > 0);
    expect_ok(kdst_layer_set_trainable_matching(layer, "conv.weight", 1, &count));
    expect_failure(
        kdst_layer_set_trainable_matching(layer, "*", 2, NULL), KDST_STATUS_INVALID_ARGUMENT, "trainable is 2");
    expect_failure(
        kdst_layer_set_trainable_matching(layer, "nothing", 0, &count), KDST_STATUS_NOT_FOUND,
        "no parameter of the layer");
    ck_assert_int_eq(kdst_layer_set_trainable_matching(NULL, "*", 0, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_tensor_release(sum);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_optimizer_release(opt);
    kdst_layer_release(layer);
}
END_TEST

/* A fixed batch norm normalises by its running statistics and keeps them, in training mode. */
START_TEST(fixed_statistics)
{
    kdst_layer *layer = net();
    kdst_tensor *x = filled(F32, SHAPE(5, 3), 1), *training = NULL, *fixed = NULL, *moving = NULL, *mean = NULL,
                *tracked = NULL;
    int64_t count = 0;
    expect_failure(
        kdst_layer_set_statistics_fixed_matching(layer, "fc|conv", 1, &count), KDST_STATUS_NOT_FOUND,
        "no batch norm of the layer");
    expect_failure(
        kdst_layer_set_statistics_fixed_matching(layer, "*", 3, &count), KDST_STATUS_INVALID_ARGUMENT, "fixed is 3");
    expect_ok(kdst_layer_set_statistics_fixed_matching(layer, "bn", 1, &count));
    ck_assert_int_eq(count, 1);
    expect_ok(kdst_layer_set_training(layer, 1));
    expect_ok(kdst_layer_run(layer, x, &fixed));
    expect_ok(kdst_layer_find(layer, "bn.running_mean", &mean));
    expect_close(mean, (double[]){0, 0, 0, 0});
    expect_ok(kdst_layer_find(layer, "bn.num_batches_tracked", &tracked));
    expect_close(tracked, (double[]){0});
    expect_ok(kdst_layer_set_training(layer, 0));
    expect_ok(kdst_layer_run(layer, x, &training));
    double *wanted = doubles(training);
    expect_close(fixed, wanted);
    expect_ok(kdst_layer_set_training(layer, 1));
    expect_ok(kdst_layer_set_statistics_fixed_matching(layer, "*", 0, &count));
    expect_ok(kdst_layer_run(layer, x, &moving));
    expect_close(tracked, (double[]){1});
    free(wanted);
    kdst_tensor_release(moving);
    kdst_tensor_release(training);
    kdst_tensor_release(fixed);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

/* ---- failing allocations ---- */

static kdst_status use_groups(kdst_context *in, void *arg)
{
    kdst_layer *layer = NULL;
    kdst_optimizer *opt = NULL;
    (void)arg;
    kdst_status status = make_net(in, &layer);
    if (!status) status = kdst_optimizer_adamw_create(in, NULL, &opt);
    if (!status) status = kdst_layer_set_statistics_fixed_matching(layer, "bn", 1, NULL);
    if (!status) status = kdst_layer_set_trainable_matching(layer, "conv.*", 0, NULL);
    if (!status) status = kdst_optimizer_add_group(opt, layer, "fc.*", NULL, NULL);
    if (!status) status = kdst_optimizer_add_group(opt, layer, "conv.*|bn.*", NULL, NULL);
    kdst_optimizer_release(opt);
    kdst_layer_release(layer);
    return status;
}

START_TEST(failing_allocations)
{
    ck_assert_int_gt(each_allocation_fails(NULL, use_groups, NULL), 15);
}
END_TEST

/* Between contexts: the values arrive, types are converted, and the message is the destination's. */
START_TEST(state_between_contexts)
{
    kdst_context *other = context_with_threads(1);
    kdst_layer *here = net(), *there = NULL, *narrow = NULL;
    kdst_tensor *from = NULL, *to = NULL;
    expect_ok(make_net(other, &there));
    expect_ok(kdst_layer_find(there, "conv.weight", &from));
    expect_ok(kdst_layer_find(here, "conv.weight", &to));
    expect_ok(kdst_tensor_set_value(from, 0.125));
    expect_ok(kdst_layer_copy_state(here, there));
    double *values = doubles(to);
    for (int64_t i = 0; i < kdst_tensor_get_count(to); i++)
        ck_assert_double_eq(values[i], 0.125);
    free(values);
    expect_ok(kdst_layer_linear_create(other, 3, 4, NULL, &narrow));
    expect_failure(kdst_layer_copy_state(here, narrow), KDST_STATUS_NOT_FOUND, "source: no entry \"conv.weight\"");
    kdst_layer_release(narrow);
    kdst_layer_release(there);
    kdst_layer_release(here);
    ck_assert_int_eq(kdst_context_live_count(other), 0);
    kdst_context_release(other);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, no_decay, 0, 4);
    tcase_add_test(tests, groups);
    tcase_add_test(tests, as_pytorch);
    tcase_add_test(tests, bad_groups);
    tcase_add_test(tests, patterns);
    tcase_add_test(tests, freezing);
    tcase_add_test(tests, fixed_statistics);
    tcase_add_test(tests, failing_allocations);
    tcase_add_test(tests, state_between_contexts);
}

int main(void)
{
    return run_suite("optimizer groups", build);
}
