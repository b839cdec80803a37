/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: entries, trainable parameters and the ends of the state against the published figures.
 *
 * With an argument, as the slow suite gives it, those of more than LARGE parameters too.
 */
#include "autograd/support.h"

#include <stdbool.h>

static const struct {
    const char *name;
    int64_t classes, entries, parameters;
    const char *first, *last;
} published[] = {
    {"mlp", 10, 6, 478410, "fc1.weight", "fc3.bias"},
    {"lenet", 10, 8, 3274634, "conv1.weight", "fc2.bias"},
    {"lenet5", 10, 10, 61706, "conv1.weight", "fc3.bias"},
    {"cnn", 100, 30, 369124, "conv1.weight", "fc2.bias"},
    {"alexnet_cifar", 100, 12, 2495396, "features.0.weight", "classifier.bias"},
    {"resnet18", 10, 122, 11173962, "conv1.weight", "linear.bias"},
    {"resnet18", 100, 122, 11220132, "conv1.weight", "linear.bias"},
    {"resnet34", 100, 218, 21328292, "conv1.weight", "linear.bias"},
    {"resnet50", 100, 320, 23705252, "conv1.weight", "linear.bias"},
    {"resnet101", 100, 626, 42697380, "conv1.weight", "linear.bias"},
    {"resnet152", 100, 932, 58341028, "conv1.weight", "linear.bias"},
    {"resnet20", 10, 116, 269722, "conv1.weight", "fc.bias"},
    {"resnet20", 100, 116, 275572, "conv1.weight", "fc.bias"},
    {"resnet32", 10, 188, 464154, "conv1.weight", "fc.bias"},
    {"resnet32", 100, 188, 470004, "conv1.weight", "fc.bias"},
    {"resnet44", 10, 260, 658586, "conv1.weight", "fc.bias"},
    {"resnet44", 100, 260, 664436, "conv1.weight", "fc.bias"},
    {"resnet56", 10, 332, 853018, "conv1.weight", "fc.bias"},
    {"resnet56", 100, 332, 858868, "conv1.weight", "fc.bias"},
    {"resnet110", 10, 656, 1727962, "conv1.weight", "fc.bias"},
    {"resnet110", 100, 656, 1733812, "conv1.weight", "fc.bias"},
    {"resnet20_proj", 10, 128, 272474, "conv1.weight", "fc.bias"},
    {"resnet20_proj", 100, 128, 278324, "conv1.weight", "fc.bias"},
    {"resnet32_proj", 10, 200, 466906, "conv1.weight", "fc.bias"},
    {"resnet44_proj", 10, 272, 661338, "conv1.weight", "fc.bias"},
    {"resnet56_proj", 10, 344, 855770, "conv1.weight", "fc.bias"},
    {"resnet56_proj", 100, 344, 861620, "conv1.weight", "fc.bias"},
    {"resnet110_proj", 10, 668, 1730714, "conv1.weight", "fc.bias"},
    {"wrn16_1", 100, 82, 180916, "conv1.weight", "fc.bias"},
    {"wrn16_2", 100, 83, 703284, "conv1.weight", "fc.bias"},
    {"wrn16_4", 100, 83, 2772020, "conv1.weight", "fc.bias"},
    {"wrn16_8", 100, 83, 11007540, "conv1.weight", "fc.bias"},
    {"wrn28_10", 100, 155, 36536884, "conv1.weight", "fc.bias"},
    {"wrn40_1", 100, 226, 569780, "conv1.weight", "fc.bias"},
    {"wrn40_2", 100, 227, 2255156, "conv1.weight", "fc.bias"},
    {"wrn40_4", 100, 227, 8972340, "conv1.weight", "fc.bias"},
    {"resnet18_imagenet", 1000, 122, 11689512, "conv1.weight", "fc.bias"},
    {"resnet18_imagenet", 365, 122, 11363757, "conv1.weight", "fc.bias"},
    {"resnet34_imagenet", 1000, 218, 21797672, "conv1.weight", "fc.bias"},
    {"resnet50_imagenet", 1000, 320, 25557032, "conv1.weight", "fc.bias"},
    {"resnet101_imagenet", 1000, 626, 44549160, "conv1.weight", "fc.bias"},
    {"resnext29_8x64d", 100, 188, 34518948, "conv_1_3x3.weight", "classifier.bias"},
    {"densenet121_cifar", 100, 722, 7048548, "conv1.weight", "linear.bias"},
    {"densenet169_cifar", 100, 1010, 12643172, "conv1.weight", "linear.bias"},
    {"densenet201_cifar", 100, 1202, 18277220, "conv1.weight", "linear.bias"},
    {"densenet161_cifar", 100, 962, 26681188, "conv1.weight", "linear.bias"},
    {"mobilenetv2_cifar", 100, 373, 2369380, "pre.0.weight", "conv2.bias"},
    {"shufflenetv2_cifar", 100, 394, 1360896, "pre.0.weight", "fc.bias"},
    {"googlenet_cifar", 100, 450, 6258500, "prelayer.0.weight", "linear.bias"},
    {"vgg19_bn", 100, 118, 139990948, "features.0.weight", "classifier.6.bias"},
    {"vgg19", 100, 38, 139979940, "features.0.weight", "classifier.6.bias"},
    {"alexnet", 365, 16, 58499245, "features.0.weight", "classifier.6.bias"},
    {"vgg16", 365, 32, 135755949, "features.0.weight", "classifier.6.bias"},
    {"densenet121", 1000, 727, 7978856, "features.conv0.weight", "classifier.bias"},
    {"densenet169", 1000, 1015, 14149480, "features.conv0.weight", "classifier.bias"},
    {"densenet201", 1000, 1207, 20013928, "features.conv0.weight", "classifier.bias"},
    {"densenet161", 1000, 967, 28681000, "features.conv0.weight", "classifier.bias"},
    {"densenet161", 365, 967, 27278285, "features.conv0.weight", "classifier.bias"},
    {"googlenet", 1000, 344, 6624904, "conv1.conv.weight", "fc.bias"},
    {"adashare_resnet18_backbone", 0, 120, 11176512, "conv1.weight", "ds.3.1.num_batches_tracked"},
    {"adashare_resnet34_backbone", 0, 216, 21284672, "conv1.weight", "ds.3.1.num_batches_tracked"},
};
enum { COUNT = sizeof published / sizeof *published, LARGE = 12000000 };

static bool all_sizes;

START_TEST(counts)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    const char *first = NULL, *last = NULL;
    if (published[_i].parameters > LARGE && !all_sizes) return;
    expect_ok(kdst_options_create(&options));
    if (published[_i].classes > 0)
        expect_ok(kdst_options_set_int(options, "classes", published[_i].classes));
    expect_ok(kdst_model_create(ctx, published[_i].name, options, &layer));
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

/* The widths of shufflenetv2_cifar have tables of their own. */
START_TEST(ratios)
{
    static const char *const ratios[] = {"x0.5", "x1", "x1.5", "x2"};
    static const int64_t parameters[] = {448268, 1360896, 2584716, 5550976};
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "classes", 100));
    expect_ok(kdst_options_set_string(options, "ratio", ratios[_i]));
    expect_ok(kdst_model_create(ctx, "shufflenetv2_cifar", options, &layer));
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), parameters[_i]);
    kdst_layer_release(layer);
    expect_ok(kdst_options_set_string(options, "ratio", "x0.5"));
    expect_failure(
        kdst_model_create(ctx, "resnet20", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: ratio is \"x0.5\", but resnet20 has one table of widths");
    kdst_options_release(options);
}
END_TEST

/* A network on one image that is added to the list is added here. */
START_TEST(all_are_here)
{
    for (int64_t i = 0; i < kdst_model_count(); i++) {
        bool found = kdst_model_get_image_size(i) == 0;
        for (int k = 0; k < COUNT && !found; k++)
            found = strcmp(published[k].name, kdst_model_get_name(i)) == 0;
        ck_assert_msg(found, "%s has no published figures", kdst_model_get_name(i));
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, counts, 0, COUNT);
    tcase_add_loop_test(tests, ratios, 0, 4);
    tcase_add_test(tests, all_are_here);
}

int main(int argc, char **argv)
{
    (void)argv;
    all_sizes = argc > 1;
    return run_suite("model counts", build);
}
