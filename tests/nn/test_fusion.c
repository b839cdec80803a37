/* SPDX-License-Identifier: Apache-2.0 */
/* Containers run layers together, in blocked channels, and results that are needed late are made again: a training step of a network in
 * float32 agrees with the same in float64, which does none of this but the sums; and with itself when every layer's output is
 * asked for, so that nothing is run together.
 */
#include "autograd/support.h"

/* Of the length of the difference; a ReLU that rounding switches, in one of up to a hundred layers, is all that it leaves room for. */
#define BOUND 5e-2

static const char *const models[] = {"lenet", "resnet20", "resnet18", "mobilenetv2_cifar", "shufflenetv2_cifar",
                                      "densenet121_cifar"};
enum { MODELS = sizeof models / sizeof *models };

static kdst_layer *model_of(const char *name, const char *dtype)
{
    kdst_options *options = NULL;
    kdst_layer *model = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "dtype", dtype));
    if (strcmp(name, "lenet") != 0 && strcmp(name, "resnet20") != 0)
        expect_ok(kdst_options_set_float(options, "width", 0.3)); /* no multiples of a vector */
    expect_ok(kdst_model_create(ctx, name, options, &model));
    kdst_options_release(options);
    return model;
}

static void copy_values(kdst_layer *to, kdst_layer *from)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(from); i++) {
        const char *name = NULL;
        kdst_tensor *source = NULL, *destination = NULL, *typed = NULL;
        expect_ok(kdst_layer_get_state(from, i, &name, &source, NULL));
        expect_ok(kdst_layer_find(to, name, &destination));
        expect_ok(kdst_tensor_copy(source, kdst_tensor_get_dtype(destination), &typed));
        double *values = doubles(typed);
        int64_t count = kdst_tensor_get_count(typed);
        void *data = NULL;
        expect_ok(kdst_tensor_map(destination, KDST_MAP_WRITE, &data));
        for (int64_t k = 0; k < count; k++)
            if (kdst_tensor_get_dtype(destination) == F64)
                ((double *)data)[k] = values[k];
            else if (kdst_tensor_get_dtype(destination) == F32)
                ((float *)data)[k] = (float)values[k];
            else
                ((int32_t *)data)[k] = (int32_t)values[k];
        expect_ok(kdst_tensor_unmap(destination));
        free(values);
        kdst_tensor_release(typed);
    }
}

static void keep_all(kdst_layer *model)
{
    for (int64_t i = 0; i < kdst_layer_get_child_count(model); i++) {
        kdst_layer *layer = NULL;
        expect_ok(kdst_layer_get_child(model, i, NULL, &layer));
        expect_ok(kdst_layer_keep_output(layer, 1));
    }
}

/* Logits of a training pass, and the gradients of their sum with different weights. */
static kdst_tensor *step(kdst_layer *model, const char *name, kdst_dtype dtype)
{
    const int gray = strcmp(name, "lenet") == 0;
    kdst_tensor *x = filled(dtype, SHAPE(3, gray ? 1 : 3, gray ? 28 : 32, gray ? 28 : 32), 7), *logits = NULL;
    expect_ok(kdst_layer_run(model, x, &logits));
    kdst_tensor *dy = filled(dtype, SHAPE(3, 10), 8);
    expect_ok(kdst_backward(logits, dy, NULL));
    kdst_tensor_release(dy);
    kdst_tensor_release(x);
    return logits;
}

static void agree(kdst_tensor *t, kdst_tensor *expected, double floor, const char *what)
{
    double *a = doubles(t), *b = doubles(expected), length = floor * floor, apart = 0;
    for (int64_t i = 0; i < kdst_tensor_get_count(t); i++) {
        length += b[i] * b[i];
        apart += (a[i] - b[i]) * (a[i] - b[i]);
    }
    ck_assert_msg(
        apart <= BOUND * BOUND * length, "%s: the difference is %g long, the whole %g", what, sqrt(apart), sqrt(length));
    free(a);
    free(b);
}

static void agree_states(kdst_layer *model, kdst_layer *expected)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(model); i++) {
        const char *name = NULL;
        kdst_tensor *t = NULL, *other = NULL, *grad = NULL, *other_grad = NULL;
        expect_ok(kdst_layer_get_state(model, i, &name, &t, NULL));
        expect_ok(kdst_layer_find(expected, name, &other));
        agree(t, other, 1e-3, name);
        kdst_status status = kdst_tensor_get_grad(t, &grad);
        ck_assert_int_eq(status, kdst_tensor_get_grad(other, &other_grad));
        /* behind a batch norm a bias has no gradient but rounding */
        if (status == KDST_STATUS_OK) agree(grad, other_grad, 1e-2, name);
        kdst_tensor_release(grad);
        kdst_tensor_release(other_grad);
    }
}

START_TEST(float64_agrees)
{
    kdst_layer *one = model_of(models[_i], "float32"), *two = model_of(models[_i], "float64");
    copy_values(two, one);
    kdst_tensor *y = step(one, models[_i], F32), *expected = step(two, models[_i], F64);
    agree(y, expected, 0, "logits");
    agree_states(one, two);
    kdst_tensor_release(y);
    kdst_tensor_release(expected);
    kdst_layer_release(one);
    kdst_layer_release(two);
}
END_TEST

START_TEST(kept_outputs_agree)
{
    kdst_layer *one = model_of(models[_i], "float32"), *two = model_of(models[_i], "float32");
    copy_values(two, one);
    keep_all(two);
    kdst_tensor *y = step(one, models[_i], F32), *expected = step(two, models[_i], F32);
    agree(y, expected, 0, "logits");
    agree_states(one, two);
    kdst_tensor_release(y);
    kdst_tensor_release(expected);
    kdst_layer_release(one);
    kdst_layer_release(two);
}
END_TEST

static void build(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, float64_agrees, 0, MODELS);
    tcase_add_loop_test(tests, kept_outputs_agree, 0, MODELS);
}

int main(void)
{
    return run_suite("fusion", build);
}
