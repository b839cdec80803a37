/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers: several steps against PyTorch's numbers and against the formulas; state, failures, bad input. */
#include "autograd/support.h"

enum { COUNT = 3, STEPS = 4 };
static const double start[COUNT] = {0.5, -1.25, 2.0};
static const double gradients[STEPS][COUNT] = {
    {0.1, -0.2, 0.3}, {-0.4, 0.5, 0.6}, {0.7, 0.05, -0.8}, {0.01, 0.02, 0.03}};

/* Weights after the four steps: torch.optim of PyTorch 1.13 in float64. */
static const struct {
    const char *kind;
    struct {
        const char *key;
        double value;
    } options[6];
    double expected[COUNT];
} torch[] = {
    {"sgd", {{"learning_rate", 0.1}}, {0.459, -1.287, 1.987}},
    {"sgd", {{"weight_decay", 0.05}}, {0.4491750015625, -1.2619616282812498, 1.9479452549999998}},
    {"sgd", {{"momentum", 0.9}, {"weight_decay", 0.05}}, {0.41760103281250005, -1.27202129390625, 1.795518555}},
    {"sgd", {{"momentum", 0.9}, {"dampening", 0.3}}, {0.44769000000000003, -1.2841199999999997, 1.88731}},
    {"sgd",
     {{"momentum", 0.9}, {"nesterov", 1}, {"weight_decay", 0.05}},
     {0.3752995477689063, -1.2819346486897032, 1.7668479726104998}},
    {"adam", {{"learning_rate", 0.01}}, {0.4895007171337481, -1.251901624432749, 1.980370373834762}},
    {"adam",
     {{"learning_rate", 0.02}, {"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-3}, {"weight_decay", 0.1}},
     {0.47212482066935313, -1.2319706844716218, 1.9496211773326961}},
    {"adam",
     {{"learning_rate", 0.02}, {"beta1", 0.8}, {"beta2", 0.5}, {"amsgrad", 1}},
     {0.47987979138376124, -1.2505799843306746, 1.9642818641627553}},
    {"adamw", {{"learning_rate", 0.001}}, {0.4989300941339368, -1.2501401803541103, 1.997957087782667}},
    {"adamw",
     {{"learning_rate", 0.05}, {"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-3}, {"weight_decay", 0.3}},
     {0.4186792828950473, -1.1913336178566447, 1.7943532895512886}},
    {"adamw",
     {{"learning_rate", 0.05}, {"beta2", 0.5}, {"weight_decay", 0.1}, {"amsgrad", 1}},
     {0.44142742616038694, -1.2238022373061954, 1.8675547745939287}},
    {"rmsprop", {{"learning_rate", 0.01}}, {0.40952245753043115, -1.2559444761061076, 1.8843901327548862}},
    {"rmsprop",
     {{"learning_rate", 0.02}, {"alpha", 0.9}, {"eps", 1e-3}, {"weight_decay", 0.1}, {"momentum", 0.8}},
     {0.3534186339014439, -1.154396839776383, 1.7350767831808231}},
    {"rmsprop",
     {{"learning_rate", 0.02}, {"alpha", 0.8}, {"centered", 1}},
     {0.4549940351483863, -1.2510437339918352, 1.9348346405169374}},
    {"rmsprop",
     {{"learning_rate", 0.02}, {"alpha", 0.8}, {"centered", 1}, {"momentum", 0.5}, {"weight_decay", 0.05}},
     {0.4204580306210794, -1.2205627700247785, 1.8622085390231462}},
};
enum { CASES = sizeof torch / sizeof *torch };

static kdst_status create(const char *kind, const kdst_options *options, kdst_optimizer **out)
{
    if (strcmp(kind, "sgd") == 0) return kdst_optimizer_sgd_create(ctx, options, out);
    if (strcmp(kind, "adam") == 0) return kdst_optimizer_adam_create(ctx, options, out);
    if (strcmp(kind, "adamw") == 0) return kdst_optimizer_adamw_create(ctx, options, out);
    return kdst_optimizer_rmsprop_create(ctx, options, out);
}

static kdst_optimizer *optimizer(int number)
{
    kdst_options *options = NULL;
    kdst_optimizer *made = NULL;
    expect_ok(kdst_options_create(&options));
    for (int i = 0; i < 6 && torch[number].options[i].key != NULL; i++) {
        const char *key = torch[number].options[i].key;
        if (strcmp(key, "nesterov") == 0 || strcmp(key, "amsgrad") == 0 || strcmp(key, "centered") == 0)
            expect_ok(kdst_options_set_int(options, key, 1));
        else
            expect_ok(kdst_options_set_float(options, key, torch[number].options[i].value));
    }
    expect_ok(create(torch[number].kind, options, &made));
    kdst_options_release(options);
    return made;
}

static kdst_tensor *leaf(kdst_dtype dtype, int64_t count, const double *values)
{
    kdst_tensor *t = from_doubles(dtype, 1, &count, values);
    expect_ok(kdst_tensor_set_requires_grad(t, 1));
    return t;
}

/* Gives w exactly the gradient g: the derivative of w . g. */
static void set_grad(kdst_tensor *w, const double *g)
{
    int64_t count = kdst_tensor_get_count(w);
    kdst_tensor *direction = from_doubles(kdst_tensor_get_dtype(w), 1, &count, g), *product = NULL, *sum = NULL;
    expect_ok(kdst_tensor_clear_grad(w));
    expect_ok(kdst_mul(w, direction, &product));
    expect_ok(kdst_sum(product, NULL, 0, 0, &sum));
    expect_ok(kdst_backward(sum, NULL, NULL));
    kdst_tensor_release(sum);
    kdst_tensor_release(product);
    kdst_tensor_release(direction);
}

/* Loop: case and type. */
START_TEST(as_pytorch)
{
    kdst_optimizer *opt = optimizer(_i / 2);
    kdst_tensor *w = leaf(real_type(_i % 2), COUNT, start);
    expect_ok(kdst_optimizer_add_tensor(opt, "w", w));
    for (int s = 0; s < STEPS; s++) {
        set_grad(w, gradients[s]);
        expect_ok(kdst_optimizer_run(opt));
    }
    expect_close(w, torch[_i / 2].expected);
    ck_assert_int_eq(kdst_optimizer_get_steps(opt), STEPS);
    kdst_tensor_release(w);
    kdst_optimizer_release(opt);
}
END_TEST

/* A tensor larger than one piece of work, against the formula element by element. */
START_TEST(adam_by_formula)
{
    enum { MANY = 5003 };
    double *w = malloc(MANY * sizeof *w), *m = calloc(MANY, sizeof *m), *v = calloc(MANY, sizeof *v),
           *g = malloc(MANY * sizeof *g);
    for (int i = 0; i < MANY; i++)
        w[i] = number(i, 1);
    kdst_optimizer *opt = optimizer(6);
    kdst_tensor *t = leaf(F64, MANY, w);
    expect_ok(kdst_optimizer_add_tensor(opt, "t", t));
    for (int s = 1; s <= 5; s++) {
        for (int i = 0; i < MANY; i++) {
            g[i] = number(i, 10 + s);
            double d = g[i] + 0.1 * w[i];
            m[i] = 0.8 * m[i] + 0.2 * d;
            v[i] = 0.95 * v[i] + 0.05 * d * d;
            w[i] -= 0.02 / (1 - pow(0.8, s)) * m[i] / (sqrt(v[i]) / sqrt(1 - pow(0.95, s)) + 1e-3);
        }
        set_grad(t, g);
        expect_ok(kdst_optimizer_run(opt));
    }
    expect_close(t, w);
    free(g);
    free(v);
    free(m);
    free(w);
    kdst_tensor_release(t);
    kdst_optimizer_release(opt);
}
END_TEST

/* Moving the state into a second optimiser after two steps must change nothing: what a resumed run does. */
START_TEST(state_travels)
{
    kdst_optimizer *first = optimizer(_i), *second = optimizer(_i);
    kdst_tensor *w = leaf(F64, COUNT, start), *copy = NULL;
    expect_ok(kdst_optimizer_add_tensor(first, "w", w));
    for (int s = 0; s < 2; s++) {
        set_grad(w, gradients[s]);
        expect_ok(kdst_optimizer_run(first));
    }
    expect_ok(kdst_tensor_copy(w, 0, &copy));
    expect_ok(kdst_tensor_set_requires_grad(copy, 1));
    expect_ok(kdst_optimizer_add_tensor(second, "w", copy));
    int64_t count = kdst_optimizer_get_state_count(first);
    ck_assert_int_eq(kdst_optimizer_get_state_count(second), count);
    for (int64_t i = 0; i < count; i++) {
        const char *name = NULL, *other = NULL;
        kdst_tensor *from = NULL, *to = NULL;
        expect_ok(kdst_optimizer_get_state(first, i, &name, &from));
        expect_ok(kdst_optimizer_get_state(second, i, &other, &to));
        ck_assert_str_eq(name, other);
        expect_ok(kdst_tensor_set(to, from));
    }
    expect_ok(kdst_optimizer_set_steps(second, kdst_optimizer_get_steps(first)));
    for (int s = 2; s < STEPS; s++) {
        set_grad(w, gradients[s]);
        set_grad(copy, gradients[s]);
        expect_ok(kdst_optimizer_run(first));
        expect_ok(kdst_optimizer_run(second));
    }
    double a[COUNT], b[COUNT];
    expect_ok(kdst_tensor_get_data(w, a, sizeof a));
    expect_ok(kdst_tensor_get_data(copy, b, sizeof b));
    ck_assert_mem_eq(a, b, sizeof a);
    expect_close(copy, torch[_i].expected);
    ck_assert_int_eq(kdst_optimizer_get_steps(second), STEPS);
    kdst_tensor_release(copy);
    kdst_tensor_release(w);
    kdst_optimizer_release(second);
    kdst_optimizer_release(first);
}
END_TEST

/* A file may hold any number of steps; the last one stays. */
START_TEST(steps_saturate)
{
    kdst_optimizer *o = optimizer(0);
    expect_failure(kdst_optimizer_set_steps(o, -1), KDST_STATUS_INVALID_ARGUMENT, "steps is -1");
    expect_ok(kdst_optimizer_set_steps(o, INT64_MAX - 1));
    for (int i = 0; i < 2; i++) {
        expect_ok(kdst_optimizer_run(o));
        ck_assert_int_eq(kdst_optimizer_get_steps(o), INT64_MAX);
    }
    kdst_optimizer_release(o);
}
END_TEST

START_TEST(state_names)
{
    const char *name = NULL;
    kdst_tensor *t = NULL, *w = leaf(F64, COUNT, start);
    kdst_optimizer *plain = optimizer(0), *momentum = optimizer(2), *adam = optimizer(5);
    expect_ok(kdst_optimizer_add_tensor(plain, "w", w));
    expect_ok(kdst_optimizer_add_tensor(momentum, "fc1.weight", w));
    expect_ok(kdst_optimizer_add_tensor(adam, "fc1.weight", w));
    ck_assert_int_eq(kdst_optimizer_get_state_count(plain), 0);
    ck_assert_int_eq(kdst_optimizer_get_state_count(momentum), 2);
    ck_assert_int_eq(kdst_optimizer_get_state_count(adam), 3);
    expect_ok(kdst_optimizer_get_state(momentum, 0, &name, &t));
    ck_assert_str_eq(name, "fc1.weight.momentum");
    expect_close(t, (double[]){0, 0, 0});
    expect_ok(kdst_optimizer_get_state(momentum, 1, &name, &t));
    ck_assert_str_eq(name, "fc1.weight.updates");
    ck_assert_int_eq(kdst_tensor_get_dtype(t), KDST_DTYPE_INT32);
    static const char *const names[] = {"fc1.weight.first_moment", "fc1.weight.second_moment", "fc1.weight.updates"};
    for (int i = 0; i < 3; i++) {
        expect_ok(kdst_optimizer_get_state(adam, i, &name, NULL));
        ck_assert_str_eq(name, names[i]);
    }
    expect_failure(
        kdst_optimizer_get_state(plain, 0, &name, &t), KDST_STATUS_NOT_FOUND, "index is 0, the state has 0 tensors");
    kdst_optimizer_release(adam);
    kdst_optimizer_release(momentum);
    kdst_optimizer_release(plain);
    static const char *const most[] = {"w.first_moment", "w.second_moment", "w.largest_moment", "w.updates"};
    static const char *const rms[] = {"w.mean_square", "w.mean_gradient", "w.momentum", "w.updates"};
    for (int k = 0; k < 2; k++) {
        kdst_optimizer *o = optimizer(k ? CASES - 1 : 7);
        expect_ok(kdst_optimizer_add_tensor(o, "w", w));
        ck_assert_int_eq(kdst_optimizer_get_state_count(o), 4);
        for (int i = 0; i < 4; i++) {
            expect_ok(kdst_optimizer_get_state(o, i, &name, NULL));
            ck_assert_str_eq(name, k ? rms[i] : most[i]);
        }
        kdst_optimizer_release(o);
    }
    kdst_tensor_release(w);
}
END_TEST

/* A tensor without a gradient keeps its value, and its counter does not move. */
START_TEST(only_gradients_update)
{
    kdst_optimizer *opt = optimizer(3);
    kdst_tensor *a = leaf(F64, COUNT, start), *b = leaf(F64, COUNT, start), *t = NULL;
    double value;
    expect_ok(kdst_optimizer_add_tensor(opt, "a", a));
    expect_ok(kdst_optimizer_add_tensor(opt, "b", b));
    set_grad(a, gradients[0]);
    expect_ok(kdst_optimizer_run(opt));
    expect_close(b, start);
    expect_ok(kdst_optimizer_get_state(opt, 3, NULL, &t));
    expect_ok(kdst_tensor_get_value(t, &value));
    ck_assert_double_eq(value, 0);
    expect_ok(kdst_optimizer_clear_grads(opt));
    for (int s = 0; s < STEPS; s++) {
        set_grad(b, gradients[s]);
        expect_ok(kdst_optimizer_run(opt));
    }
    expect_close(b, torch[3].expected);
    ck_assert_int_eq(kdst_optimizer_get_steps(opt), STEPS + 1);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_optimizer_release(opt);
}
END_TEST

START_TEST(gradient_that_is_not_finite_stops_everything)
{
    const double bad[2][COUNT] = {{1, NAN, 1}, {1, 1, -INFINITY}};
    kdst_optimizer *opt = optimizer(_i);
    kdst_tensor *a = leaf(F64, COUNT, start), *b = leaf(F64, COUNT, start);
    expect_ok(kdst_optimizer_add_tensor(opt, "a", a));
    expect_ok(kdst_optimizer_add_tensor(opt, "layer1.0.conv1.weight", b));
    set_grad(a, gradients[0]);
    for (int i = 0; i < 2; i++) {
        set_grad(b, bad[i]);
        expect_failure(kdst_optimizer_run(opt), KDST_STATUS_STATE, "\"layer1.0.conv1.weight\": gradient is not finite");
        expect_close(a, start);
        expect_close(b, start);
    }
    ck_assert_int_eq(kdst_optimizer_get_steps(opt), 0);
    expect_ok(kdst_tensor_clear_grad(b));
    expect_ok(kdst_optimizer_run(opt));
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_optimizer_release(opt);
}
END_TEST

START_TEST(learning_rate)
{
    kdst_options *rates = NULL;
    kdst_optimizer *opt = optimizer(0), *none = NULL;
    kdst_tensor *w = leaf(F64, COUNT, start);
    double rate = 0;
    expect_ok(kdst_optimizer_get_learning_rate(opt, &rate));
    ck_assert_double_eq(rate, 0.1);
    expect_ok(kdst_optimizer_set_learning_rate(opt, 2));
    expect_ok(kdst_optimizer_add_tensor(opt, "w", w));
    set_grad(w, gradients[0]);
    expect_ok(kdst_optimizer_run(opt));
    expect_close(w, (double[]){0.3, -0.85, 1.4});
    expect_failure(
        kdst_optimizer_set_learning_rate(opt, -1), KDST_STATUS_INVALID_ARGUMENT,
        "learning_rate is -1, allowed is [0, inf)");
    ck_assert_int_eq(kdst_options_create(&rates), 0);
    ck_assert_int_eq(kdst_options_set_float(rates, "learning_rate", -1), 0);
    expect_failure(
        kdst_optimizer_adamw_create(ctx, rates, &none), KDST_STATUS_INVALID_ARGUMENT,
        "learning_rate is -1, allowed is [0, inf)");
    kdst_options_release(rates);
    expect_failure(kdst_optimizer_set_learning_rate(opt, NAN), KDST_STATUS_INVALID_ARGUMENT, "learning_rate is");
    expect_failure(kdst_optimizer_set_steps(opt, -1), KDST_STATUS_INVALID_ARGUMENT, "steps is -1");
    kdst_tensor_release(w);
    kdst_optimizer_release(opt);
}
END_TEST

START_TEST(add_layer_is_all_or_nothing)
{
    kdst_layer *layer = NULL;
    kdst_optimizer *opt = optimizer(2);
    kdst_tensor *bias = NULL, *w = leaf(F64, COUNT, start), *labels = from_labels(2, (int32_t[]){0, 1}), *turned = NULL;
    expect_ok(kdst_layer_linear_create(ctx, 2, 3, NULL, &layer));
    expect_ok(kdst_layer_find(layer, "bias", &bias));
    expect_ok(kdst_optimizer_add_tensor(opt, "other", bias));
    expect_failure(
        kdst_optimizer_add_layer(opt, layer), KDST_STATUS_INVALID_ARGUMENT, "\"bias\" was added before, as \"other\"");
    ck_assert_int_eq(kdst_optimizer_get_state_count(opt), 2);
    kdst_optimizer_release(opt);
    opt = optimizer(2);
    expect_ok(kdst_optimizer_add_layer(opt, layer));
    ck_assert_int_eq(kdst_optimizer_get_state_count(opt), 4);
    expect_failure(
        kdst_optimizer_add_tensor(opt, "bias", w), KDST_STATUS_INVALID_ARGUMENT, "\"bias\" was added before");
    expect_failure(kdst_optimizer_add_tensor(opt, "", w), KDST_STATUS_INVALID_ARGUMENT, "name is empty");
    expect_failure(kdst_optimizer_add_tensor(opt, "labels", labels), KDST_STATUS_DTYPE, "\"labels\" is int32");
    expect_failure(kdst_optimizer_add_tensor(opt, "x", NULL), KDST_STATUS_INVALID_ARGUMENT, "tensor is NULL");
    expect_failure(kdst_optimizer_add_layer(opt, NULL), KDST_STATUS_INVALID_ARGUMENT, "layer is NULL");
    kdst_tensor *square = filled(F64, SHAPE(2, 3), 1);
    expect_ok(kdst_transpose(square, 0, 1, &turned));
    expect_failure(
        kdst_optimizer_add_tensor(opt, "turned", turned), KDST_STATUS_INVALID_ARGUMENT, "\"turned\" is not contiguous");
    kdst_tensor_release(turned);
    expect_ok(kdst_relu(w, &turned));
    expect_failure(
        kdst_optimizer_add_tensor(opt, "made", turned), KDST_STATUS_INVALID_ARGUMENT,
        "\"made\" is the result of a recorded operation");
    kdst_tensor_release(turned);
    kdst_tensor_release(square);
    kdst_tensor_release(labels);
    kdst_tensor_release(w);
    kdst_layer_release(layer);
    kdst_optimizer_release(opt);
}
END_TEST

START_TEST(bad_options)
{
    kdst_options *options = NULL;
    kdst_optimizer *opt = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "nesterov", 1));
    expect_failure(
        kdst_optimizer_sgd_create(ctx, options, &opt), KDST_STATUS_INVALID_ARGUMENT, "nesterov is 1, momentum is 0");
    expect_ok(kdst_options_set_float(options, "momentum", 0.9));
    expect_ok(kdst_options_set_float(options, "dampening", 0.5));
    expect_failure(
        kdst_optimizer_sgd_create(ctx, options, &opt), KDST_STATUS_INVALID_ARGUMENT, "nesterov is 1, dampening is 0.5");
    kdst_options_release(options);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "beta1", 1));
    expect_failure(kdst_optimizer_adam_create(ctx, options, &opt), KDST_STATUS_INVALID_ARGUMENT, "beta1");
    kdst_options_release(options);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "learning_rte", 1));
    expect_failure(kdst_optimizer_adam_create(ctx, options, &opt), KDST_STATUS_INVALID_ARGUMENT, "learning_rate");
    kdst_options_release(options);
    ck_assert_ptr_null(opt);
    expect_failure(kdst_optimizer_sgd_create(ctx, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "sgd: out is NULL");
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, as_pytorch, 0, 2 * CASES);
    tcase_add_test(tests, adam_by_formula);
    tcase_add_loop_test(tests, state_travels, 0, CASES);
    tcase_add_test(tests, steps_saturate);
    tcase_add_test(tests, state_names);
    tcase_add_test(tests, only_gradients_update);
    tcase_add_loop_test(tests, gradient_that_is_not_finite_stops_everything, 0, CASES);
    tcase_add_test(tests, learning_rate);
    tcase_add_test(tests, add_layer_is_all_or_nothing);
    tcase_add_test(tests, bad_options);
}

int main(void)
{
    return run_suite("optimizer", build);
}
