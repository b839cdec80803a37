/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: entries, trainable parameters, multiply-adds and the ends of the state against the published figures.
 *
 * With an argument, as the slow suite gives it, those of more than LARGE parameters too.
 */
#include "autograd/support.h"

#include <stdbool.h>

static const struct {
    const char *name;
    int64_t classes, entries, parameters, macs; /* for one image; 0: not published */
    const char *first, *last;
} published[] = {
    {"mlp", 10, 6, 478410, 477600, "fc1.weight", "fc3.bias"},
    {"lenet", 10, 8, 3274634, 13883904, "conv1.weight", "fc2.bias"},
    {"lenet5", 10, 10, 61706, 416520, "conv1.weight", "fc3.bias"},
    {"cnn", 100, 30, 369124, 10596864, "conv1.weight", "fc2.bias"},
    {"alexnet_cifar", 100, 12, 2495396, 14980096, "features.0.weight", "classifier.bias"},
    {"resnet18", 10, 122, 11173962, 0, "conv1.weight", "linear.bias"},
    {"resnet18", 100, 122, 11220132, 555468800, "conv1.weight", "linear.bias"},
    {"resnet34", 100, 218, 21328292, 1159448576, "conv1.weight", "linear.bias"},
    {"resnet50", 100, 320, 23705252, 1298014208, "conv1.weight", "linear.bias"},
    {"resnet101", 100, 626, 42697380, 2510168064, "conv1.weight", "linear.bias"},
    {"resnet152", 100, 932, 58341028, 3722321920, "conv1.weight", "linear.bias"},
    {"resnet20", 10, 116, 269722, 0, "conv1.weight", "fc.bias"},
    {"resnet20", 100, 116, 275572, 40556800, "conv1.weight", "fc.bias"},
    {"resnet32", 10, 188, 464154, 0, "conv1.weight", "fc.bias"},
    {"resnet32", 100, 188, 470004, 68868352, "conv1.weight", "fc.bias"},
    {"resnet44", 10, 260, 658586, 0, "conv1.weight", "fc.bias"},
    {"resnet44", 100, 260, 664436, 97179904, "conv1.weight", "fc.bias"},
    {"resnet56", 10, 332, 853018, 0, "conv1.weight", "fc.bias"},
    {"resnet56", 100, 332, 858868, 125491456, "conv1.weight", "fc.bias"},
    {"resnet110", 10, 656, 1727962, 0, "conv1.weight", "fc.bias"},
    {"resnet110", 100, 656, 1733812, 252893440, "conv1.weight", "fc.bias"},
    {"resnet20_proj", 10, 128, 272474, 0, "conv1.weight", "fc.bias"},
    {"resnet20_proj", 100, 128, 278324, 40818944, "conv1.weight", "fc.bias"},
    {"resnet32_proj", 10, 200, 466906, 0, "conv1.weight", "fc.bias"},
    {"resnet44_proj", 10, 272, 661338, 0, "conv1.weight", "fc.bias"},
    {"resnet56_proj", 10, 344, 855770, 0, "conv1.weight", "fc.bias"},
    {"resnet56_proj", 100, 344, 861620, 125753600, "conv1.weight", "fc.bias"},
    {"resnet110_proj", 10, 668, 1730714, 0, "conv1.weight", "fc.bias"},
    {"wrn16_1", 100, 82, 180916, 26663168, "conv1.weight", "fc.bias"},
    {"wrn16_2", 100, 83, 703284, 101118464, "conv1.weight", "fc.bias"},
    {"wrn16_4", 100, 83, 2772020, 392635392, "conv1.weight", "fc.bias"},
    {"wrn16_8", 100, 83, 11007540, 1548191744, "conv1.weight", "fc.bias"},
    {"wrn28_10", 100, 155, 36536884, 5243386368, "conv1.weight", "fc.bias"},
    {"wrn40_1", 100, 226, 569780, 83286272, "conv1.weight", "fc.bias"},
    {"wrn40_2", 100, 227, 2255156, 327610880, "conv1.weight", "fc.bias"},
    {"wrn40_4", 100, 227, 8972340, 1298605056, "conv1.weight", "fc.bias"},
    {"resnet18_imagenet", 1000, 122, 11689512, 1814073344, "conv1.weight", "fc.bias"},
    {"resnet18_imagenet", 365, 122, 11363757, 0, "conv1.weight", "fc.bias"},
    {"resnet34_imagenet", 1000, 218, 21797672, 3663761408, "conv1.weight", "fc.bias"},
    {"resnet50_imagenet", 1000, 320, 25557032, 4089184256, "conv1.weight", "fc.bias"},
    {"resnet101_imagenet", 1000, 626, 44549160, 7801405440, "conv1.weight", "fc.bias"},
    {"resnext29_8x64d", 100, 188, 34518948, 5387358208, "conv_1_3x3.weight", "classifier.bias"},
    {"densenet121_cifar", 100, 722, 7048548, 888442880, "conv1.weight", "linear.bias"},
    {"densenet169_cifar", 100, 1010, 12643172, 1059949056, "conv1.weight", "linear.bias"},
    {"densenet201_cifar", 100, 1202, 18277220, 1364061696, "conv1.weight", "linear.bias"},
    {"densenet161_cifar", 100, 962, 26681188, 2467749504, "conv1.weight", "linear.bias"},
    {"mobilenetv2_cifar", 100, 373, 2369380, 64947264, "pre.0.weight", "conv2.bias"},
    {"shufflenetv2_cifar", 100, 394, 1360896, 43675520, "pre.0.weight", "fc.bias"},
    {"googlenet_cifar", 100, 450, 6258500, 1521848320, "prelayer.0.weight", "linear.bias"},
    {"vgg19_bn", 100, 118, 139990948, 518078464, "features.0.weight", "classifier.6.bias"},
    {"vgg19", 100, 38, 139979940, 518078464, "features.0.weight", "classifier.6.bias"},
    {"alexnet", 365, 16, 58499245, 711587520, "features.0.weight", "classifier.6.bias"},
    {"vgg16", 365, 32, 135755949, 15467663360, "features.0.weight", "classifier.6.bias"},
    {"densenet121", 1000, 727, 7978856, 2834161664, "features.conv0.weight", "classifier.bias"},
    {"densenet169", 1000, 1015, 14149480, 3359843328, "features.conv0.weight", "classifier.bias"},
    {"densenet201", 1000, 1207, 20013928, 4291365888, "features.conv0.weight", "classifier.bias"},
    {"densenet161", 1000, 967, 28681000, 7727907072, "features.conv0.weight", "classifier.bias"},
    {"densenet161", 365, 967, 27278285, 0, "features.conv0.weight", "classifier.bias"},
    {"googlenet", 1000, 344, 6624904, 1498376192, "conv1.conv.weight", "fc.bias"},
    {"adashare_resnet18_backbone", 0, 120, 11176512, 9856548864, "conv1.weight", "ds.3.1.num_batches_tracked"},
    {"adashare_resnet34_backbone", 0, 216, 21284672, 18528804864, "conv1.weight", "ds.3.1.num_batches_tracked"},
};
enum { COUNT = sizeof published / sizeof *published, LARGE = 12000000 };

static bool all_sizes;

static int64_t macs_of(kdst_layer *layer, const char *name)
{
    const kdst_dtype dtype = KDST_DTYPE_FLOAT32;
    const int64_t rank = 4;
    kdst_trace *trace = NULL;
    int64_t sum = 0, i = 0;
    while (strcmp(kdst_model_get_name(i), name) != 0)
        i++;
    const int64_t side = kdst_model_get_image_size(i), shape[4] = {1, kdst_model_get_channels(i), side, side};
    expect_ok(kdst_trace_create(layer, 1, &dtype, &rank, shape, NULL, &trace));
    for (int64_t op = 0; op < kdst_trace_get_op_count(trace); op++) {
        int64_t macs = 0;
        expect_ok(kdst_trace_get_macs(trace, op, &macs));
        sum += macs;
    }
    kdst_trace_release(trace);
    return sum;
}

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
    if (published[_i].macs > 0)
        ck_assert_int_eq(macs_of(layer, published[_i].name), published[_i].macs);
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
