/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: the distribution of their first weights, and that a seed brings them back. */
#include "autograd/support.h"

static kdst_layer *model(const char *name, kdst_options *options)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_model_create(ctx, name, options, &layer));
    return layer;
}

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

/* The kinds of the other families. */
START_TEST(initialisation_of_families)
{
    static const struct {
        const char *model, *entry;
        double width, deviation, largest; /* largest 0: no bound */
    } rows[] = {
        {"wrn16_2", "block3.layer.1.conv2.weight", 1, 0.041666666666666664, 0}, /* sqrt(2 / (9 * 128)) */
        {"wrn16_2", "fc.bias", 1, 0, 0},
        {"resnext29_8x64d", "stage_1.stage_1_bottleneck_1.conv_conv.weight", 0.25, 0.041666666666666664, 0},
        {"resnext29_8x64d", "classifier.weight", 0.25, 0.08838834764831845, 0}, /* sqrt(2 / 256) */
        {"resnet20_proj", "layer2.0.downsample.0.weight", 1, 0.25, 0},
        {"vgg19", "features.0.bias", 0.25, 0, 0},
        {"vgg19", "classifier.3.weight", 0.1, 0.01, 0},
        {"vgg19", "classifier.3.bias", 0.1, 0, 0},
        {"resnet18_imagenet", "fc.weight", 0.5, 0.08838834764831845, 0},
        {"densenet121", "features.denseblock1.denselayer1.conv1.weight", 1, 0.17677669529663687, 0},
        {"densenet121", "classifier.bias", 0.25, 0, 0},
        {"googlenet", "conv3.conv.weight", 1, 0.0087962566103423978, 0.02}, /* what is left of 0.01 between +-2 deviations */
        {"googlenet", "fc.weight", 1, 0.0087962566103423978, 0.02},
        {"adashare_resnet18_backbone", "blocks.1.1.conv2.weight", 1, 0.01, 0},
    };
    double mean, deviation, largest;
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_float(options, "width", rows[_i].width));
    kdst_layer *layer = model(rows[_i].model, options);
    moments(layer, rows[_i].entry, &mean, &deviation, &largest);
    if (rows[_i].deviation == 0)
        ck_assert(mean == 0 && deviation == 0);
    else
        ck_assert_double_lt(fabs(deviation / rows[_i].deviation - 1), 0.06);
    if (rows[_i].largest > 0)
        ck_assert_double_le(largest, rows[_i].largest * (1 + 1e-7));
    kdst_layer_release(layer);
    kdst_options_release(options);
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

static void build(TCase *tests)
{
    tcase_add_test(tests, initialisation);
    tcase_add_loop_test(tests, initialisation_of_families, 0, 14);
    tcase_add_test(tests, same_seed_same_network);
}

int main(void)
{
    return run_suite("model init", build);
}
