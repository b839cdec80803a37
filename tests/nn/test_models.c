/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: names and their order, shapes under every option, what only some have, bad input. */
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

/* Every network on one image gives [N, classes] for its own image size, and slim ones of other channels, types and names do; a backbone gives
 * a map. Networks on sentences and with several outputs have no such size, and tests of their own. */
START_TEST(shapes)
{
    const char *name = kdst_model_get_name(_i / 2);
    const int64_t side = kdst_model_get_image_size(_i / 2), channels = _i % 2 ? 2 : kdst_model_get_channels(_i / 2);
    if (side == 0) return;
    const bool map = strstr(name, "backbone") != NULL;
    const char *const keys[] = {"channels", "classes"};
    kdst_options *options = ints(keys, (int64_t[]){_i % 2 ? 2 : 0, 7}, map ? 1 : 2);
    expect_ok(kdst_options_set_float(options, "width", _i % 2 ? 0.03 : 0.07));
    expect_ok(kdst_options_set_string(options, "dtype", _i % 2 ? "float64" : "float32"));
    expect_ok(kdst_options_set_string(options, "names", _i % 2 ? "pytorch" : "official"));
    ck_assert_int_ge(side, 28);
    ck_assert_int_ge(kdst_model_get_channels(_i / 2), 1);
    kdst_layer *layer = model(name, options);
    kdst_tensor *x = filled(real_type(_i % 2), SHAPE(2, channels, side, side), 1), *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    if (map)
        expect_shape(y, SHAPE(2, _i % 2 ? 16 : 36, 29, 29));
    else
        expect_shape(y, SHAPE(2, 7));
    ck_assert_int_eq(kdst_tensor_get_dtype(y), real_type(_i % 2));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* Groups and halves stay whole: a slim resnext has as many channels in each of its 8 groups, a slim shufflenet even widths. */
START_TEST(slim_groups)
{
    kdst_options *options = NULL;
    kdst_tensor *t = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "width", 0.33));
    kdst_layer *next = model("resnext29_8x64d", options), *shuffle = model("shufflenetv2_cifar", options);
    /* 512 * 0.33 = 168.96 in 8 groups: 22 each. */
    expect_ok(kdst_layer_find(next, "stage_1.stage_1_bottleneck_1.conv_conv.weight", &t));
    expect_shape(t, SHAPE(176, 22, 3, 3));
    expect_ok(kdst_layer_find(next, "stage_1.stage_1_bottleneck_1.conv_expand.weight", &t));
    expect_shape(t, SHAPE(85, 176, 1, 1));
    /* 58 * 0.33 = 19.14 in each half. */
    expect_ok(kdst_layer_find(shuffle, "stage2.0.shortcut.2.weight", &t));
    expect_shape(t, SHAPE(20, 8, 1, 1));
    expect_ok(kdst_layer_find(shuffle, "stage2.1.residual.3.weight", &t));
    expect_shape(t, SHAPE(20, 1, 3, 3));
    expect_ok(kdst_layer_find(shuffle, "stage3.0.residual.0.weight", &t));
    expect_shape(t, SHAPE(40, 40, 1, 1));
    kdst_layer_release(shuffle);
    kdst_layer_release(next);
    kdst_options_release(options);
}
END_TEST

/* A map of any size, from images that need not be square. */
START_TEST(backbone)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "width", 0.05));
    kdst_layer *layer = model("adashare_resnet18_backbone", options);
    kdst_tensor *x = filled(F32, SHAPE(1, 3, 208, 40), 1), *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_shape(y, SHAPE(1, 26, 27, 6));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

/* torchvision's names of densenet in place of the origin's, the stem too. */
START_TEST(densenet_names)
{
    static const char *const own[] = {
        "conv1.weight", "features.dense_block_layer_0.bottle_neck_layer_5.bottle_neck.5.weight",
        "features.transition_layer_2.down_sample.1.weight", "features.dense_block3.bottle_neck_layer_15.bottle_neck.0.weight",
        "features.bn.running_var", "linear.bias"};
    static const char *const torch[] = {
        "features.conv0.weight", "features.denseblock1.denselayer6.conv2.weight", "features.transition3.conv.weight",
        "features.denseblock4.denselayer16.norm1.weight", "features.norm5.running_var", "classifier.bias"};
    kdst_options *options = NULL;
    kdst_tensor *t = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "width", 0.03));
    kdst_layer *official = model("densenet121_cifar", options);
    expect_ok(kdst_options_set_string(options, "names", "pytorch"));
    kdst_layer *other = model("densenet121_cifar", options);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        expect_ok(kdst_layer_find(official, own[i], &t));
        expect_ok(kdst_layer_find(other, torch[i], &t));
    }
    kdst_layer_release(other);
    kdst_layer_release(official);
    kdst_options_release(options);
}
END_TEST

/* Another image size, where the last maps are flattened, not averaged. */
START_TEST(image_sizes)
{
    static const char *const names[] = {"mlp", "lenet", "lenet5", "cnn", "alexnet_cifar", "resnet20",
                                        "resnet18", "vgg16", "mobilenetv2_cifar"};
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

/* The odd eps flattens one batch norm of a block: another answer, the same state. */
START_TEST(eps_is_optional)
{
    kdst_options *clean = text("eps", "clean"), *official = text("eps", "official");
    kdst_layer *a = NULL, *b = NULL;
    kdst_tensor *x = filled(F32, SHAPE(1, 3, 32, 32), 1), *y = NULL, *z = NULL;
    expect_ok(kdst_options_set_float(clean, "width", 0.1));
    expect_ok(kdst_options_set_float(official, "width", 0.1));
    expect_ok(kdst_model_create(ctx, "googlenet_cifar", clean, &a));
    expect_ok(kdst_model_create(ctx, "googlenet_cifar", official, &b));
    expect_ok(kdst_layer_copy_state(a, b));
    expect_ok(kdst_layer_set_training(a, 0));
    expect_ok(kdst_layer_set_training(b, 0));
    expect_ok(kdst_layer_run(a, x, &y));
    expect_ok(kdst_layer_run(b, x, &z));
    double *v = doubles(y), *w = doubles(z);
    ck_assert_mem_ne(v, w, 10 * sizeof *v);
    free(w);
    free(v);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(b);
    kdst_layer_release(a);
    kdst_options_release(official);
    kdst_options_release(clean);
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
    options = ints((const char *[]){"image_size"}, (int64_t[]){62}, 1);
    expect_failure(
        kdst_model_create(ctx, "alexnet", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "image_size is too small for alexnet: a window of 3 meets a map of 2 with padding 0");
    kdst_options_release(options);
    options = ints((const char *[]){"classes"}, (int64_t[]){10}, 1);
    expect_failure(
        kdst_model_create(ctx, "adashare_resnet18_backbone", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "classes is 10, but adashare_resnet18_backbone gives features");
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
    tcase_add_loop_test(tests, image_sizes, 0, 9);
    tcase_add_test(tests, slim_groups);
    tcase_add_test(tests, backbone);
    tcase_add_test(tests, densenet_names);
    tcase_add_test(tests, dropout_is_optional);
    tcase_add_test(tests, eps_is_optional);
    tcase_add_test(tests, width_rounds_up);
    tcase_add_test(tests, mlp_takes_rows_too);
    tcase_add_test(tests, bad_input);
    tcase_add_test(tests, list);
}

int main(void)
{
    return run_suite("models", build);
}
