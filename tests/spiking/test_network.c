/* SPDX-License-Identifier: Apache-2.0 */
/* Networks from the notation of the papers: names and sizes of their layers, the same numbers as the layers one by one, what is refused. */
#include "../autograd/support.h"
#include "given.h"

static kdst_neuron *neuron_of(const char *text)
{
    kdst_options *options = given(text);
    kdst_neuron *neuron = NULL;
    expect_ok(kdst_neuron_create(ctx, options, &neuron));
    kdst_options_release(options);
    return neuron;
}

/* `paddings` of the convolutions beside the other options; count 0: none. */
static kdst_status make(
    const char *architecture, kdst_neuron *neuron, const char *text, int64_t count, const int64_t *paddings,
    kdst_layer **out)
{
    kdst_options *options = given(text);
    if (count) expect_ok(kdst_options_set_ints(options, "padding", paddings, count));
    kdst_status status = kdst_spiking_network_create(ctx, architecture, neuron, options, out);
    kdst_options_release(options);
    return status;
}

static kdst_layer *network(const char *architecture, kdst_neuron *neuron, const char *text)
{
    kdst_layer *net = NULL;
    expect_ok(make(architecture, neuron, text, 0, NULL, &net));
    return net;
}

static void expect_weight(kdst_layer *net, const char *name, int64_t rank, const int64_t *shape)
{
    kdst_tensor *weight = NULL;
    expect_ok(kdst_layer_find(net, name, &weight));
    expect_shape(weight, rank, shape);
}

/* Paths of the layers directly in the network, joined by spaces. */
static void expect_names(kdst_layer *net, const char *expected)
{
    char got[512] = "";
    for (int64_t i = 1; i < kdst_layer_get_child_count(net); i++) {
        const char *path = NULL;
        kdst_layer *child = NULL;
        expect_ok(kdst_layer_get_child(net, i, &path, &child));
        if (!strcmp(kdst_layer_get_kind(child), "conv2d") || !strcmp(kdst_layer_get_kind(child), "linear")) continue;
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", path);
    }
    ck_assert_str_eq(got, expected);
}

/* ---- names and sizes ---- */

START_TEST(test_names)
{
    static const struct {
        const char *architecture, *options, *names;
    } cases[] = {
        {"10", "", "output"},
        {"400-400-10", "", "hidden_1 hidden_2 output"},
        {"15C5-P2-40C5-P2-300-10", "", "conv_1 pooling_1 conv_2 pooling_2 hidden_1 output"},
        {"4C3-4C3-P2-8-10", "dropout=0.5 input=sequence",
         "input conv_1 dropout_1 conv_2 pooling_1 dropout_2 hidden_1 dropout_3 output"},
        {"4C3-10C1", "", "conv_1 output"},
    };
    kdst_neuron *neuron = neuron_of("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kdst_layer *net = network(cases[i].architecture, neuron, cases[i].options);
        expect_names(net, cases[i].names);
        kdst_layer_release(net);
    }
    kdst_neuron_release(neuron);
}
END_TEST

START_TEST(test_sizes)
{
    kdst_neuron *neuron = neuron_of("");
    kdst_layer *net = network("15C5-P2-40C5-P2-300-10", neuron, "");
    expect_weight(net, "conv_1.weight", SHAPE(15, 1, 5, 5));
    expect_weight(net, "conv_2.weight", SHAPE(40, 15, 5, 5));
    expect_weight(net, "hidden_1.weight", SHAPE(300, 640));
    expect_weight(net, "output.weight", SHAPE(10, 300));
    kdst_layer_release(net);
    net = network("96C3-256C3-P2-384C3-P2-8-10", neuron, "channels=3 image_size=32 padding=1");
    expect_weight(net, "conv_2.weight", SHAPE(256, 96, 3, 3));
    expect_weight(net, "hidden_1.weight", SHAPE(8, 384 * 64));
    kdst_layer_release(net);
    kdst_neuron_release(neuron);
}
END_TEST

/* The network of N-MNIST pads its first convolution alone. */
START_TEST(test_paddings)
{
    const int64_t paddings[] = {1, 0, 2};
    kdst_neuron *neuron = neuron_of("");
    kdst_layer *net = NULL;
    expect_ok(make("12C5-P2-64C5-P2-10", neuron, "channels=2 image_size=34", 2, paddings, &net));
    expect_weight(net, "output.weight", SHAPE(10, 2304));
    kdst_layer_release(net);
    expect_ok(make("2C3-2C3-3C3", neuron, "image_size=6", 3, paddings, &net));
    kdst_tensor *x = filled(F32, SHAPE(2, 1, 6, 6), 1), *y = NULL;
    expect_ok(kdst_layer_run(net, x, &y));
    expect_shape(y, SHAPE(5, 2, 3, 6, 6)); /* 6 + 2 - 2, 6 - 2, 4 + 4 - 2 */
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(net);
    expect_failure(
        make("2C3-10", neuron, "", 2, paddings, &net), KDST_STATUS_INVALID_ARGUMENT,
        "padding has 2 numbers for 1 convolutions");
    ck_assert_ptr_null(net);
    expect_failure(
        make("2C3-2C3-2C3-2C3-10", neuron, "", 3, paddings, &net), KDST_STATUS_INVALID_ARGUMENT,
        "padding has 3 numbers for 4 convolutions");
    kdst_neuron_release(neuron);
}
END_TEST

/* ---- numbers ---- */

static kdst_tensor *run(kdst_layer *layer, kdst_tensor *x)
{
    kdst_tensor *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    kdst_tensor_release(x);
    return y;
}

static void expect_same(kdst_tensor *a, kdst_tensor *b)
{
    int64_t count = 1;
    double *x = doubles(a), *y = doubles(b);
    ck_assert_int_eq(kdst_tensor_get_rank(a), kdst_tensor_get_rank(b));
    for (int64_t i = 0; i < kdst_tensor_get_rank(a); i++) {
        ck_assert_int_eq(kdst_tensor_get_size(a, i), kdst_tensor_get_size(b, i));
        count *= kdst_tensor_get_size(a, i);
    }
    for (int64_t i = 0; i < count; i++)
        ck_assert_msg(x[i] == y[i], "element %lld is %.17g, not %.17g", (long long)i, x[i], y[i]);
    free(x);
    free(y);
}

/* Made by hand: a synapse, the layers, the pooling. */
static kdst_tensor *by_hand(kdst_layer *net, kdst_neuron *neuron, kdst_tensor *x)
{
    kdst_options *conv = given("kernel=3 padding=1 dtype=float64"), *f64 = given("dtype=float64");
    kdst_options *pool = given("theta=0.7"), *tau = given("tau_s=4");
    kdst_layer *layers[4] = {NULL};
    kdst_tensor *y = NULL, *weight = NULL, *own = NULL;
    static const char *const names[] = {"conv_1.weight", NULL, "hidden_1.weight", "output.weight"};
    expect_ok(kdst_layer_spiking_conv2d_create(ctx, 2, 3, neuron, conv, &layers[0]));
    expect_ok(kdst_layer_spiking_pool2d_create(ctx, pool, &layers[1]));
    expect_ok(kdst_layer_spiking_linear_create(ctx, 27, 8, neuron, f64, &layers[2]));
    expect_ok(kdst_layer_spiking_linear_create(ctx, 8, 4, neuron, f64, &layers[3]));
    expect_ok(kdst_synapse(x, tau, &y));
    for (int i = 0; i < 4; i++) {
        if (names[i]) {
            expect_ok(kdst_layer_find(net, names[i], &weight));
            expect_ok(kdst_layer_find(layers[i], "weight", &own));
            expect_ok(kdst_tensor_set(own, weight));
        }
        y = run(layers[i], y);
        kdst_layer_release(layers[i]);
    }
    kdst_options_release(tau);
    kdst_options_release(pool);
    kdst_options_release(f64);
    kdst_options_release(conv);
    return y;
}

START_TEST(test_is_its_layers)
{
    static const char options[] =
        "channels=2 image_size=6 padding=1 theta=0.7 weight_scale=3 linear_scale=2 dtype=float64 dropout=0.4 ";
    char text[256];
    kdst_neuron *neuron = neuron_of("tau_m=5 tau_s=4 threshold=0.3");
    kdst_tensor *still = filled(F64, SHAPE(2, 2, 6, 6), 3), *x = NULL;
    expect_ok(kdst_broadcast_to(still, SHAPE(7, 2, 2, 6, 6), &x));
    snprintf(text, sizeof text, "%s input=sequence", options);
    kdst_layer *net = network("3C3-P2-8-4", neuron, text);
    expect_ok(kdst_layer_set_training(net, 0)); /* dropout does nothing then */
    kdst_tensor *wanted = by_hand(net, neuron, x), *got = NULL;
    expect_ok(kdst_layer_run(net, x, &got));
    expect_same(got, wanted);

    /* the same image at every step, said by one: the same up to rounding, so with the same spikes here */
    snprintf(text, sizeof text, "%s steps=7", options);
    kdst_layer *constant = network("3C3-P2-8-4", neuron, text);
    kdst_tensor *again = NULL;
    expect_ok(kdst_layer_copy_state(constant, net));
    expect_ok(kdst_layer_set_training(constant, 0));
    expect_ok(kdst_layer_run(constant, still, &again));
    expect_same(again, wanted);
    double *values = doubles(again), spikes = 0;
    for (int i = 0; i < 7 * 2 * 4; i++)
        spikes += values[i];
    free(values);
    ck_assert(spikes > 0);
    kdst_tensor_release(again);
    kdst_tensor_release(got);
    kdst_tensor_release(wanted);
    kdst_tensor_release(x);
    kdst_tensor_release(still);
    kdst_layer_release(constant);
    kdst_layer_release(net);
    kdst_neuron_release(neuron);
}
END_TEST

static double largest(kdst_layer *net, const char *name)
{
    kdst_tensor *weight = NULL;
    double most = 0;
    expect_ok(kdst_layer_find(net, name, &weight));
    double *values = doubles(weight);
    int64_t count = 1;
    for (int64_t i = 0; i < kdst_tensor_get_rank(weight); i++)
        count *= kdst_tensor_get_size(weight, i);
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(values[i]));
    free(values);
    return most;
}

START_TEST(test_scales)
{
    kdst_neuron *neuron = neuron_of("");
    kdst_layer *net[2];
    for (int i = 0; i < 2; i++) {
        expect_ok(kdst_context_set_seed(ctx, 7));
        net[i] = network("4C3-10", neuron, i ? "weight_scale=5.0 linear_scale=3.0 dtype=float64" : "dtype=float64");
    }
    ck_assert_double_eq_tol(largest(net[1], "conv_1.weight"), 5 * largest(net[0], "conv_1.weight"), 1e-12);
    ck_assert_double_eq_tol(largest(net[1], "output.weight"), 3 * largest(net[0], "output.weight"), 1e-12);
    ck_assert_double_le(largest(net[0], "conv_1.weight"), 1.0 / 3);
    kdst_layer_release(net[1]);
    kdst_layer_release(net[0]);
    kdst_neuron_release(neuron);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(test_bad_notation)
{
    static const struct {
        const char *architecture, *options, *message;
    } cases[] = {
        {"", "", "\"\" is not nCk, Pk or n at character 1"},
        {"400-", "", "at character 5"},
        {"-10", "", "at character 1"},
        {"400--10", "", "at character 5"},
        {"0-10", "", "at character 1"},
        {"4C-10", "", "at character 1"},
        {"4C0-10", "", "at character 1"},
        {"4c3-10", "", "at character 2"},
        {"P", "", "at character 1"},
        {"4C3-P0-10", "", "at character 5"},
        {"10 ", "", "at character 3"},
        {"99999999999999999999-10", "", "at character 1"},
        {"P2-10", "", "P2 does not fit in front of all neurons"},
        {"4C3-P27-10", "", "P27 does not fit into what is left of the image"},
        {"4C29-10", "", "4C29 does not fit into what is left of the image"},
        {"8-4C3-10", "", "4C3 does not fit behind a fully connected layer"},
        {"8-P2-10", "", "P2 does not fit into what is left of the image"},
        {"10", "padding=-1", "padding is -1"},
        {"10", "dropout=1.0", "dropout is 1"},
        {"10", "input=spikes", "input is \"spikes\""},
        {"10", "stepps=3", "steps"},
    };
    kdst_neuron *neuron = neuron_of("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kdst_layer *net = (kdst_layer *)neuron;
        expect_failure(
            make(cases[i].architecture, neuron, cases[i].options, 0, NULL, &net), KDST_STATUS_INVALID_ARGUMENT,
            cases[i].message);
        ck_assert_ptr_null(net);
    }
    kdst_neuron_release(neuron);
}
END_TEST

START_TEST(test_bad_arguments)
{
    kdst_neuron *neuron = neuron_of(""), *foreign = NULL;
    kdst_context *other = context_with_threads(1);
    kdst_layer *net = NULL;
    expect_ok(kdst_neuron_create(other, NULL, &foreign));
    ck_assert_int_eq(kdst_spiking_network_create(NULL, "10", neuron, NULL, &net), KDST_STATUS_INVALID_ARGUMENT);
    expect_failure(
        kdst_spiking_network_create(ctx, NULL, neuron, NULL, &net), KDST_STATUS_INVALID_ARGUMENT,
        "architecture is NULL");
    expect_failure(
        kdst_spiking_network_create(ctx, "10", NULL, NULL, &net), KDST_STATUS_INVALID_ARGUMENT, "neuron is NULL");
    expect_failure(
        kdst_spiking_network_create(ctx, "10", foreign, NULL, &net), KDST_STATUS_INVALID_ARGUMENT,
        "neuron belongs to another context");
    expect_failure(
        kdst_spiking_network_create(ctx, "10", neuron, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    kdst_neuron_release(foreign);
    kdst_context_release(other);
    kdst_neuron_release(neuron);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_sizes);
    tcase_add_test(tests, test_paddings);
    tcase_add_test(tests, test_is_its_layers);
    tcase_add_test(tests, test_scales);
    tcase_add_test(tests, test_bad_notation);
    tcase_add_test(tests, test_bad_arguments);
}

int main(void)
{
    return run_suite("spiking network", build);
}
