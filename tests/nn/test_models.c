/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: counts, names and their order, shapes under every option, initialisation, bad input. */
#include "autograd/support.h"

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

/* Entries and parameters published for the architectures with 10 and 100 classes. */
static const struct {
    const char *name;
    int64_t classes, entries, parameters;
    const char *first, *last;
} published[] = {
    {"mlp", 10, 6, 478410, "fc1.weight", "fc3.bias"},
    {"lenet", 10, 8, 3274634, "conv1.weight", "fc2.bias"},
    {"resnet20", 10, 116, 269722, "conv1.weight", "fc.bias"},
    {"resnet20", 100, 116, 275572, "conv1.weight", "fc.bias"},
    {"resnet18", 10, 122, 11173962, "conv1.weight", "linear.bias"},
    {"resnet18", 100, 122, 11220132, "conv1.weight", "linear.bias"},
};

START_TEST(counts)
{
    kdst_options *options = ints((const char *[]){"classes"}, &published[_i].classes, 1);
    kdst_layer *layer = model(published[_i].name, options);
    const char *first = NULL, *last = NULL;
    ck_assert_int_eq(kdst_layer_get_state_count(layer), published[_i].entries);
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), published[_i].parameters);
    expect_ok(kdst_layer_get_state(layer, 0, &first, NULL, NULL));
    expect_ok(kdst_layer_get_state(layer, published[_i].entries - 1, &last, NULL, NULL));
    ck_assert_str_eq(first, published[_i].first);
    ck_assert_str_eq(last, published[_i].last);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

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

START_TEST(shapes)
{
    static const char *const names[] = {"mlp", "lenet", "resnet20", "resnet18"};
    const char *const keys[] = {"classes", "channels", "image_size"};
    kdst_options *options = ints(keys, (int64_t[]){7, 2, 13}, 3);
    expect_ok(kdst_options_set_float(options, "width", 0.05));
    expect_ok(kdst_options_set_string(options, "dtype", "float64"));
    kdst_layer *layer = model(names[_i], options);
    kdst_tensor *x = filled(F64, SHAPE(3, 2, 13, 13), 1), *y = NULL;
    expect_ok(kdst_layer_run(layer, x, &y));
    expect_shape(y, SHAPE(3, 7));
    ck_assert_int_eq(kdst_tensor_get_dtype(y), F64);
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
    ck_assert_ptr_null(layer);
    ck_assert_int_eq(kdst_model_create(NULL, "mlp", NULL, &layer), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(list)
{
    ck_assert_int_ge(kdst_model_count(), 4);
    for (int64_t i = 0; i < kdst_model_count(); i++) {
        ck_assert_ptr_nonnull(kdst_model_get_name(i));
        ck_assert_ptr_nonnull(kdst_model_get_help(i));
        kdst_layer_release(model(kdst_model_get_name(i), NULL));
    }
    ck_assert_ptr_null(kdst_model_get_name(kdst_model_count()));
    ck_assert_ptr_null(kdst_model_get_name(-1));
    ck_assert_ptr_null(kdst_model_get_help(kdst_model_count()));
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, counts, 0, (int)(sizeof published / sizeof *published));
    tcase_add_loop_test(tests, residual_names, 0, 3);
    tcase_add_loop_test(tests, shapes, 0, 4);
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
