/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: counts, names and their order, shapes under every option, initialisation, bad input. */
#include "autograd/support.h"

#include <stdbool.h>
#include <stdio.h>

static kdst_layer *model(const char *name, kdst_options *options)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_model_create(ctx, name, options, &layer));
    return layer;
}

static kdst_options *ints(const char *const *names, const int64_t *values, int count)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    for (int i = 0; i < count; i++)
        expect_ok(kdst_options_set_int(options, names[i], values[i]));
    return options;
}

static const char *const norm_parts[] = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};

/* Walks the state in order, comparing names. */
static void expect_next(kdst_layer *layer, int64_t *index, const char *prefix, const char *part)
{
    char expected[128];
    const char *name = NULL;
    ck_assert_int_lt(snprintf(expected, sizeof expected, "%s.%s", prefix, part), (int)sizeof expected);
    expect_ok(kdst_layer_get_state(layer, (*index)++, &name, NULL, NULL));
    ck_assert_str_eq(name, expected);
}

static void expect_conv_norm(kdst_layer *layer, int64_t *index, const char *conv, const char *norm)
{
    expect_next(layer, index, conv, "weight");
    for (int i = 0; i < 5; i++)
        expect_next(layer, index, norm, norm_parts[i]);
}

/* resnet20, resnet18 with official names, resnet18 with pytorch's. */
START_TEST(residual_names)
{
    const int stages = _i == 0 ? 3 : 4, blocks = _i == 0 ? 3 : 2;
    const char *shortcut = _i == 1 ? "shortcut" : "downsample";
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "names", _i == 2 ? "pytorch" : "official"));
    kdst_layer *layer = model(_i == 0 ? "resnet20" : "resnet18", options);
    int64_t index = 0;
    char a[64], b[64];
    expect_conv_norm(layer, &index, "conv1", "bn1");
    for (int s = 1; s <= stages; s++)
        for (int k = 0; k < blocks; k++) {
            for (int i = 1; i <= 2; i++) {
                snprintf(a, sizeof a, "layer%d.%d.conv%d", s, k, i);
                snprintf(b, sizeof b, "layer%d.%d.bn%d", s, k, i);
                expect_conv_norm(layer, &index, a, b);
            }
            snprintf(a, sizeof a, "layer%d.%d.%s.0", s, k, shortcut);
            snprintf(b, sizeof b, "layer%d.%d.%s.1", s, k, shortcut);
            if (_i > 0 && s > 1 && k == 0)
                expect_conv_norm(layer, &index, a, b);
        }
    expect_next(layer, &index, _i == 1 ? "linear" : "fc", "weight");
    expect_next(layer, &index, _i == 1 ? "linear" : "fc", "bias");
    ck_assert_int_eq(index, kdst_layer_get_state_count(layer));
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* Every network on one image gives [N, classes] for its own image size, and slim ones of other channels and types do. Networks on sentences
 * and with several outputs have no such size, and tests of their own. */
START_TEST(shapes)
{
    const char *name = kdst_model_get_name(_i / 2);
    const int64_t side = kdst_model_get_image_size(_i / 2), channels = _i % 2 ? 2 : kdst_model_get_channels(_i / 2);
    const char *const keys[] = {"classes", "channels"};
    if (side == 0) return;
    kdst_options *options = ints(keys, (int64_t[]){7, _i % 2 ? 2 : 0}, 2);
    expect_ok(kdst_options_set_float(options, "width", 0.03));
    expect_ok(kdst_options_set_string(options, "dtype", _i % 2 ? "float64" : "float32"));
    expect_ok(kdst_options_set_string(options, "names", _i % 2 ? "pytorch" : "official"));
    ck_assert_int_ge(side, 28);
    ck_assert_int_ge(kdst_model_get_channels(_i / 2), 1);
    kdst_layer *layer = model(name, options);
    kdst_tensor *x = filled(real_type(_i % 2), SHAPE(2, channels, side, side), 1), *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_shape(y, SHAPE(2, 7));
    ck_assert_int_eq(kdst_tensor_get_dtype(y), real_type(_i % 2));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* Another image size, where the last maps are flattened, not averaged. */
START_TEST(image_sizes)
{
    static const char *const names[] = {"mlp", "lenet", "lenet5", "cnn", "alexnet_cifar", "resnet20", "resnet18"};
    const char *const keys[] = {"classes", "channels", "image_size"};
    kdst_options *options = ints(keys, (int64_t[]){7, 2, 45}, 3);
    expect_ok(kdst_options_set_float(options, "width", 0.05));
    kdst_layer *layer = model(names[_i], options);
    kdst_tensor *x = filled(F32, SHAPE(3, 2, 45, 45), 1), *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_shape(y, SHAPE(3, 7));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(width_rounds_up)
{
    kdst_options *options = NULL;
    kdst_tensor *t = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "width", 0.3));
    kdst_layer *layer = model("lenet", options);
    expect_ok(kdst_layer_find(layer, "conv1.weight", &t));
    expect_shape(t, SHAPE(10, 1, 5, 5));
    expect_ok(kdst_layer_find(layer, "conv2.weight", &t));
    expect_shape(t, SHAPE(20, 10, 5, 5));
    expect_ok(kdst_layer_find(layer, "fc1.weight", &t));
    expect_shape(t, SHAPE(308, 20 * 49));
    expect_ok(kdst_layer_find(layer, "fc2.weight", &t));
    expect_shape(t, SHAPE(10, 308));
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(mlp_takes_rows_too)
{
    kdst_layer *layer = model("mlp", NULL);
    kdst_tensor *x = filled(F32, SHAPE(2, 784), 1), *image = NULL, *y = NULL, *z = NULL;
    expect_ok(kdst_reshape(x, SHAPE(2, 1, 28, 28), &image));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_ok(kdst_layer_run(layer, image, &z));
    double *v = doubles(y);
    expect_close(z, v);
    free(v);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(image);
    kdst_tensor_release(x);
    x = filled(F32, SHAPE(2, 1, 20, 20), 1);
    expect_failure(kdst_layer_run(layer, x, &y), KDST_STATUS_SHAPE, "linear: input has 400 features, layer expects 784");
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

static void moments(kdst_layer *layer, const char *name, double *mean, double *deviation, double *largest)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_layer_find(layer, name, &t));
    double *v = doubles(t), sum = 0, squares = 0;
    int64_t count = kdst_tensor_get_count(t);
    *largest = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += v[i];
        squares += v[i] * v[i];
        *largest = fmax(*largest, fabs(v[i]));
    }
    *mean = sum / (double)count;
    *deviation = sqrt(squares / (double)count - *mean * *mean);
    free(v);
}

START_TEST(initialisation)
{
    double mean, deviation, largest;
    kdst_layer *lenet = model("lenet", NULL), *resnet20 = model("resnet20", NULL), *resnet18 = model("resnet18", NULL);
    /* Uniform in +-1/sqrt(fan_in): deviation bound / sqrt(3). */
    const double bound = 1 / sqrt(32 * 25);
    moments(lenet, "conv2.weight", &mean, &deviation, &largest);
    ck_assert_double_lt(fabs(deviation / (bound / sqrt(3)) - 1), 0.02);
    ck_assert_double_le(largest, bound);
    ck_assert_double_gt(largest, 0.99 * bound);
    moments(lenet, "fc1.bias", &mean, &deviation, &largest);
    ck_assert_double_le(largest, 1 / sqrt(3136));
    ck_assert_double_gt(largest, 0.98 / sqrt(3136));
    moments(resnet18, "layer2.0.shortcut.0.weight", &mean, &deviation, &largest);
    ck_assert_double_le(largest, 1.0 / 8);
    /* Normal, deviation sqrt(2 / fan_in). */
    moments(resnet20, "layer3.1.conv1.weight", &mean, &deviation, &largest);
    ck_assert_double_lt(fabs(deviation / sqrt(2.0 / (64 * 9)) - 1), 0.02);
    ck_assert_double_gt(largest, 3.5 * deviation);
    ck_assert_double_lt(fabs(mean), 4 * deviation / sqrt(64 * 64 * 9));
    moments(resnet20, "bn1.weight", &mean, &deviation, &largest);
    ck_assert(mean == 1 && deviation == 0);
    moments(resnet20, "bn1.running_mean", &mean, &deviation, &largest);
    ck_assert(largest == 0);
    moments(resnet20, "fc.weight", &mean, &deviation, &largest);
    ck_assert_double_le(largest, 1.0 / 8);
    kdst_layer_release(resnet18);
    kdst_layer_release(resnet20);
    kdst_layer_release(lenet);
}
END_TEST

static kdst_options *text(const char *name, const char *value)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, name, value));
    return options;
}

static kdst_options *rate(double dropout)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "dropout", dropout));
    return options;
}

/* Two runs in training mode differ by their dropout alone. */
static bool runs_differ(const char *name, const kdst_options *options)
{
    kdst_layer *layer = NULL;
    kdst_tensor *x = filled(F32, SHAPE(2, 3, 32, 32), 1), *y = NULL, *z = NULL;
    expect_ok(kdst_model_create(ctx, name, options, &layer));
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_ok(kdst_layer_run(layer, x, &z));
    double *a = doubles(y), *b = doubles(z);
    bool differ = memcmp(a, b, 20 * sizeof *a) != 0;
    free(b);
    free(a);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    return differ;
}

START_TEST(dropout_is_optional)
{
    kdst_options *none = rate(0), *some = rate(0.3), *standard = rate(-1), *wrong = rate(-0.5);
    kdst_layer *layer = NULL;
    ck_assert(runs_differ("cnn", NULL));
    ck_assert(runs_differ("cnn", standard));
    ck_assert(!runs_differ("cnn", none));
    ck_assert(!runs_differ("wrn16_1", NULL));
    ck_assert(runs_differ("wrn16_1", some));
    ck_assert(!runs_differ("resnet20", none));
    expect_failure(
        kdst_model_create(ctx, "resnet20", some, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: dropout is 0.3, but resnet20 has no dropout");
    expect_failure(
        kdst_model_create(ctx, "cnn", wrong, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: dropout is -0.5, allowed are [0, 1) and -1");
    kdst_options_release(wrong);
    kdst_options_release(standard);
    kdst_options_release(some);
    kdst_options_release(none);
}
END_TEST

START_TEST(same_seed_same_network)
{
    kdst_tensor *a = NULL, *b = NULL, *c = NULL;
    expect_ok(kdst_context_set_seed(ctx, 11));
    kdst_layer *first = model("mlp", NULL), *second = model("mlp", NULL);
    expect_ok(kdst_context_set_seed(ctx, 11));
    kdst_layer *again = model("mlp", NULL);
    expect_ok(kdst_layer_find(first, "fc2.weight", &a));
    expect_ok(kdst_layer_find(again, "fc2.weight", &b));
    expect_ok(kdst_layer_find(second, "fc2.weight", &c));
    double *va = doubles(a), *vb = doubles(b), *vc = doubles(c);
    ck_assert_mem_eq(va, vb, 160000 * sizeof *va);
    ck_assert_mem_ne(va, vc, 160000 * sizeof *va);
    free(vc);
    free(vb);
    free(va);
    kdst_layer_release(again);
    kdst_layer_release(second);
    kdst_layer_release(first);
}
END_TEST

START_TEST(bad_input)
{
    kdst_layer *layer = NULL;
    kdst_options *options = NULL;
    expect_failure(
        kdst_model_create(ctx, "resnet80", NULL, &layer), KDST_STATUS_NOT_FOUND,
        "model_create: no network \"resnet80\", did you mean \"resnet");
    expect_failure(kdst_model_create(ctx, NULL, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT, "name is NULL");
    options = ints((const char *[]){"image_size"}, (int64_t[]){3}, 1);
    expect_failure(
        kdst_model_create(ctx, "lenet", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "image_size is too small for lenet: a window of 2 meets a map of 1");
    kdst_options_release(options);
    options = ints((const char *[]){"classes"}, (int64_t[]){0}, 1);
    expect_failure(kdst_model_create(ctx, "mlp", options, &layer), KDST_STATUS_INVALID_ARGUMENT, "classes is 0");
    kdst_options_release(options);
    options = ints((const char *[]){"clases"}, (int64_t[]){5}, 1);
    expect_failure(kdst_model_create(ctx, "mlp", options, &layer), KDST_STATUS_INVALID_ARGUMENT, "classes");
    kdst_options_release(options);
    options = ints((const char *[]){"width"}, (int64_t[]){0}, 1);
    expect_failure(kdst_model_create(ctx, "mlp", options, &layer), KDST_STATUS_INVALID_ARGUMENT, "width");
    kdst_options_release(options);
    options = text("eps", "clean");
    expect_failure(
        kdst_model_create(ctx, "resnet20", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: eps is \"clean\", but resnet20 has one eps for all");
    kdst_options_release(options);
    ck_assert_ptr_null(layer);
    ck_assert_int_eq(kdst_model_create(NULL, "mlp", NULL, &layer), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(list)
{
    const int64_t count = kdst_model_count();
    ck_assert_int_ge(count, 4);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(kdst_model_get_name(i));
        ck_assert_ptr_nonnull(kdst_model_get_help(i));
        for (int64_t k = 0; k < i; k++)
            ck_assert_str_ne(kdst_model_get_name(i), kdst_model_get_name(k));
    }
    ck_assert_int_eq(kdst_model_get_channels(count), 0);
    ck_assert_int_eq(kdst_model_get_image_size(-1), 0);
    ck_assert_ptr_null(kdst_model_get_name(kdst_model_count()));
    ck_assert_ptr_null(kdst_model_get_name(-1));
    ck_assert_ptr_null(kdst_model_get_help(kdst_model_count()));
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, residual_names, 0, 3);
    tcase_add_loop_test(tests, shapes, 0, 2 * (int)kdst_model_count());
    tcase_add_loop_test(tests, image_sizes, 0, 7);
    tcase_add_test(tests, dropout_is_optional);
    tcase_add_test(tests, width_rounds_up);
    tcase_add_test(tests, mlp_takes_rows_too);
    tcase_add_test(tests, initialisation);
    tcase_add_test(tests, same_seed_same_network);
    tcase_add_test(tests, bad_input);
    tcase_add_test(tests, list);
}

int main(void)
{
    return run_suite("models", build);
}
