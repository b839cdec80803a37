/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of AdaShare: published figures, the order of the state, heads as sums of their branches, logits, bad input, memory. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

#include <stdio.h>

static kdst_status create(kdst_context *in, const char *name, const int64_t *tasks, int64_t count, kdst_layer **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "tasks", tasks, count);
    if (status == KDST_STATUS_OK) status = kdst_model_create(in, name, options, out);
    kdst_options_release(options);
    return status;
}

static const struct {
    const char *name;
    int64_t tasks[3], count, blocks, parameters, backbone_entries;
} published[] = {
    {"adashare_resnet18", {40, 3}, 2, 8, 57506572, 120}, {"adashare_resnet34", {40, 3, 1}, 3, 16, 90695760, 216}};

static void expect_name(kdst_layer *layer, int64_t index, const char *format, int a, int b, const char *part)
{
    char expected[96];
    const char *name = NULL;
    snprintf(expected, sizeof expected, format, a, b, part);
    expect_ok(kdst_layer_get_state(layer, index, &name, NULL, NULL));
    ck_assert_str_eq(name, expected);
}

/* Logits, backbone, heads. */
START_TEST(figures_and_order)
{
    static const char *const parts[] = {"conv1.weight", "conv1.bias",   "conv2.weight",
                                        "conv2.bias",   "conv3.weight", "conv3.bias"};
    kdst_layer *layer = NULL;
    kdst_tensor *logits = NULL;
    int64_t count = published[_i].count, index = 0;
    expect_ok(create(ctx, published[_i].name, published[_i].tasks, count, &layer));
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), published[_i].parameters);
    ck_assert_int_eq(kdst_layer_get_output_count(layer), count);
    ck_assert_int_eq(kdst_layer_get_state_count(layer), count * (1 + 24) + published[_i].backbone_entries);
    for (; index < count; index++) {
        const char *name = NULL;
        char expected[32];
        snprintf(expected, sizeof expected, "task%d_logits", (int)index + 1);
        expect_ok(kdst_layer_get_state(layer, index, &name, &logits, NULL));
        ck_assert_str_eq(name, expected);
        expect_shape(logits, SHAPE(published[_i].blocks, 2));
        double *values = doubles(logits);
        for (int64_t k = 0; k < 2 * published[_i].blocks; k++)
            ck_assert_double_eq(values[k], 0.5);
        free(values);
    }
    expect_name(layer, index, "backbone.conv1.%.0d%.0d%s", 0, 0, "weight");
    expect_name(layer, index + 6, "backbone.blocks.%d.%d.%s", 0, 0, "conv1.weight");
    index += published[_i].backbone_entries;
    expect_name(layer, index - 1, "backbone.ds.%d.%d.%s", 3, 1, "num_batches_tracked");
    for (int t = 0; t < count; t++)
        for (int b = 0; b < 4; b++)
            for (int k = 0; k < 6; k++)
                expect_name(layer, index++, "task%d_fc1_c%d.%s", t + 1, b, parts[k]);
    kdst_layer_release(layer);
}
END_TEST

static kdst_tensor *run_at(kdst_layer *layer, const char *path, kdst_tensor *x)
{
    kdst_layer *part = NULL;
    kdst_tensor *y = NULL;
    expect_ok(kdst_layer_find_child(layer, path, &part));
    expect_ok(kdst_layer_run(part, x, &y));
    return y;
}

/* Each output is the sum of four branches on the backbone's map, whose side is that of the stem and its pool, rounded up, at stride 8. */
START_TEST(heads_are_sums)
{
    kdst_layer *layer = NULL;
    kdst_tensor *x = filled(F32, SHAPE(1, 3, 64, 40), 1), *out[2], *features, *sum, *next = NULL;
    int64_t count = 0;
    expect_ok(create(ctx, "adashare_resnet18", (int64_t[]){5, 2}, 2, &layer));
    expect_ok(kdst_layer_set_training(layer, 0));
    expect_ok(kdst_no_grad_begin(ctx));
    expect_ok(kdst_layer_run_many(layer, &x, 1, out, 2, &count));
    ck_assert_int_eq(count, 2);
    expect_shape(out[0], SHAPE(1, 5, 9, 6));
    expect_shape(out[1], SHAPE(1, 2, 9, 6));
    features = run_at(layer, "backbone", x);
    expect_shape(features, SHAPE(1, 512, 9, 6));
    for (int t = 0; t < 2; t++) {
        char path[32];
        sum = NULL;
        for (int b = 0; b < 4; b++) {
            snprintf(path, sizeof path, "task%d_fc1_c%d", t + 1, b);
            kdst_tensor *branch = run_at(layer, path, features);
            if (sum != NULL) {
                expect_ok(kdst_add(sum, branch, &next));
                kdst_tensor_release(sum);
                kdst_tensor_release(branch);
                sum = next;
            } else {
                sum = branch;
            }
        }
        double *values = doubles(sum);
        expect_close(out[t], values);
        free(values);
        kdst_tensor_release(sum);
        kdst_tensor_release(out[t]);
    }
    expect_failure(
        kdst_layer_run(layer, x, &next), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: the adashare gives 2 outputs, and one is taken");
    expect_ok(kdst_no_grad_end(ctx));
    kdst_tensor_release(features);
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(refused)
{
    kdst_layer *layer = NULL;
    kdst_options *options = NULL;
    int64_t many[17];
    for (int i = 0; i < 17; i++)
        many[i] = 2;
    expect_failure(
        kdst_model_create(ctx, "adashare_resnet18", NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: tasks is empty, adashare_resnet18 needs the outputs of 1 to 16 tasks");
    expect_failure(create(ctx, "adashare_resnet18", many, 17, &layer), KDST_STATUS_INVALID_ARGUMENT, "tasks");
    many[1] = 0;
    expect_failure(create(ctx, "adashare_resnet18", many, 2, &layer), KDST_STATUS_INVALID_ARGUMENT, "tasks");
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "classes", 3));
    expect_failure(
        kdst_model_create(ctx, "adashare_resnet18", options, &layer), KDST_STATUS_INVALID_ARGUMENT, "classes");
    ck_assert_ptr_null(layer);
    kdst_options_release(options);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *layer = NULL;
    (void)arg;
    kdst_status status = create(in, "adashare_resnet18", (int64_t[]){2}, 1, &layer);
    kdst_layer_release(layer);
    return status;
}

/* Some of the several hundred: each of them makes all that stands in front of it. */
START_TEST(allocations)
{
    int64_t runs = 0;
    for (int64_t n = 1; each_allocation_run(NULL, work, NULL, n, 1); n += 1 + n / 2)
        runs++;
    ck_assert_int_gt(runs, 10);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, figures_and_order, 0, 2);
    tcase_add_test(tests, heads_are_sums);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, allocations);
}

int main(void)
{
    return run_suite("adashare", build);
}
