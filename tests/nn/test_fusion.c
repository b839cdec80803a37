/* SPDX-License-Identifier: Apache-2.0 */
/* Containers run layers together, in blocked channels, and results that are needed late are made again: a training step of a network in
 * float32 agrees with the same in float64, which does none of this but the sums; and with itself when every layer's output is
 * asked for, so that nothing is run together.
 */
#include "autograd/support.h"

/* Of the length of the difference; a ReLU that rounding switches, in one of up to a hundred layers, is all that it leaves room for. */
#define BOUND 5e-2

static const char *const models[] = {
    "lenet", "resnet20", "resnet18", "mobilenetv2_cifar", "shufflenetv2_cifar", "densenet121_cifar"};
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
        apart <= BOUND * BOUND * length, "%s: the difference is %g long, the whole %g", what, sqrt(apart),
        sqrt(length));
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

/* ---- layers of the caller's own in between ---- */

static kdst_layer *conv_of(int64_t in, int64_t out)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_conv2d_create(ctx, in, out, NULL, &layer));
    return layer;
}

static kdst_layer *own(kdst_layer_forward_fn forward, void *user_data, int64_t outputs)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "outputs", outputs));
    expect_ok(kdst_layer_custom_create(ctx, "own", forward, user_data, NULL, options, &layer));
    kdst_options_release(options);
    return layer;
}

static kdst_layer *chain(kdst_layer *const *layers, int count)
{
    kdst_layer *all = NULL;
    expect_ok(kdst_layer_sequential_create(ctx, &all));
    for (int i = 0; i < count; i++) {
        expect_ok(kdst_layer_add(all, NULL, layers[i]));
        kdst_layer_release(layers[i]);
    }
    return all;
}

static kdst_layer *layer_of(const char *kind)
{
    kdst_layer *layer = NULL;
    if (strcmp(kind, "batch_norm") == 0)
        expect_ok(kdst_layer_batch_norm_create(ctx, 16, NULL, &layer));
    else
        expect_ok(kdst_layer_activation_create(ctx, kind, &layer));
    return layer;
}

static kdst_status forward_twice(
    void *user_data, kdst_layer *layer, kdst_tensor *const *x, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)user_data, (void)layer, (void)count, (void)training;
    kdst_tensor_retain(out[0] = x[0]);
    kdst_tensor_retain(out[1] = x[0]);
    return KDST_STATUS_OK;
}

START_TEST(two_inputs_are_refused)
{
    const char *behind = _i ? "relu" : "batch_norm";
    kdst_layer *all = chain((kdst_layer *[]){own(forward_twice, NULL, 2), conv_of(3, 16), layer_of(behind)}, 3);
    kdst_tensor *x = filled(F32, SHAPE(2, 3, 6, 6), 1), *y = NULL;
    expect_failure(kdst_layer_run(all, x, &y), KDST_STATUS_INVALID_ARGUMENT, "got 2 inputs, the conv2d expects 1");
    kdst_tensor_release(x);
    kdst_layer_release(all);
}
END_TEST

static kdst_status
forward_adding(void *to, kdst_layer *layer, kdst_tensor *const *x, int64_t count, int32_t training, kdst_tensor **out)
{
    (void)layer, (void)count, (void)training;
    kdst_layer *more = layer_of("sigmoid");
    kdst_status status = kdst_layer_add(*(kdst_layer **)to, NULL, more);
    kdst_layer_release(more);
    kdst_tensor_retain(out[0] = x[0]);
    return status;
}

START_TEST(a_layer_that_is_added_meanwhile)
{
    kdst_layer *body = NULL, *all = NULL;
    kdst_tensor *x = filled(F32, SHAPE(2, 16, 6, 6), 1), *y = NULL;
    body = chain((kdst_layer *[]){own(forward_adding, &body, 1), layer_of("batch_norm")}, 2);
    expect_ok(kdst_layer_residual_create(ctx, body, NULL, NULL, &all));
    expect_failure(kdst_layer_run(all, x, &y), KDST_STATUS_STATE, "was changed");
    kdst_tensor_release(x);
    kdst_layer_release(body);
    kdst_layer_release(all);
}
END_TEST

/* What the layers below hold on to. */
typedef struct held {
    kdst_layer *conv;
    kdst_tensor *norm; /* result of a batch norm with ReLU */
    kdst_tensor *side; /* something else that is made from it */
} held;

static void held_release(held *h)
{
    kdst_tensor_release(h->side);
    kdst_tensor_release(h->norm);
    h->side = h->norm = NULL;
}

/* The norm of a convolution, or the one that is there. */
static kdst_status forward_norm(
    void *user_data, kdst_layer *layer, kdst_tensor *const *x, int64_t count, int32_t training, kdst_tensor **out)
{
    held *h = user_data;
    kdst_options *relu = NULL;
    kdst_tensor *y = NULL;
    (void)layer, (void)count, (void)training;
    if (!h->norm) {
        expect_ok(kdst_options_create(&relu));
        expect_ok(kdst_options_set_string(relu, "activation", "relu"));
        expect_ok(kdst_layer_run(h->conv, x[0], &y));
        expect_ok(kdst_batch_norm(y, NULL, NULL, NULL, NULL, relu, &h->norm));
        kdst_tensor_release(y);
        kdst_options_release(relu);
    }
    kdst_tensor_retain(out[0] = h->norm);
    return KDST_STATUS_OK;
}

/* A result that a layer holds on to is there, whether the convolution behind it fails or is not recorded. */
START_TEST(what_is_held_stays)
{
    held h = {conv_of(3, 16), NULL, NULL};
    kdst_layer *all = chain((kdst_layer *[]){own(forward_norm, &h, 1), conv_of(_i ? 16 : 17, 16)}, 2);
    kdst_tensor *x = filled(F32, SHAPE(2, 3, 8, 8), 1), *y = NULL;
    if (_i) {
        kdst_tensor *out = NULL;
        expect_ok(forward_norm(&h, NULL, &x, 1, 1, &out));
        kdst_tensor_release(out);
        expect_ok(kdst_no_grad_begin(ctx));
        expect_ok(kdst_layer_run(all, x, &y));
        expect_ok(kdst_no_grad_end(ctx));
    } else {
        expect_failure(kdst_layer_run(all, x, &y), KDST_STATUS_SHAPE, "layer expects 17");
    }
    double *values = doubles(h.norm), sum = 0;
    for (int64_t i = 0; i < kdst_tensor_get_count(h.norm); i++)
        sum += values[i];
    ck_assert(sum > 0);
    free(values);
    held_release(&h);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(h.conv);
    kdst_layer_release(all);
}
END_TEST

/* Gives the norm away, but for what is added up from it. */
static kdst_status forward_side(
    void *user_data, kdst_layer *layer, kdst_tensor *const *x, int64_t count, int32_t training, kdst_tensor **out)
{
    held *h = user_data;
    kdst_status status = forward_norm(h, layer, x, count, training, out);
    expect_ok(kdst_add(out[0], out[0], &h->side));
    kdst_tensor_release(h->norm);
    h->norm = NULL;
    return status;
}

/* A pass from elsewhere has used up the record that would make the convolution's input again. */
START_TEST(what_makes_it_again_is_used_up)
{
    held h = {conv_of(3, 16), NULL, NULL};
    kdst_layer *all = chain((kdst_layer *[]){own(forward_side, &h, 1), conv_of(16, 16)}, 2);
    kdst_tensor *x = filled(F32, SHAPE(2, 3, 8, 8), 1), *y = NULL, *dy = NULL, *d_side = NULL;
    expect_ok(kdst_layer_run(all, x, &y));
    expect_ok(kdst_tensor_copy(y, F32, &dy));
    expect_ok(kdst_tensor_copy(h.side, F32, &d_side));
    expect_ok(kdst_backward(h.side, d_side, NULL));
    expect_failure(kdst_backward(y, dy, NULL), KDST_STATUS_STATE, "the record of batch_norm is used up");
    held_release(&h);
    kdst_tensor_release(d_side);
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(h.conv);
    kdst_layer_release(all);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, two_inputs_are_refused, 0, 2);
    tcase_add_test(tests, a_layer_that_is_added_meanwhile);
    tcase_add_loop_test(tests, what_is_held_stays, 0, 2);
    tcase_add_test(tests, what_makes_it_again_is_used_up);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, float64_agrees, 0, MODELS);
    tcase_add_loop_test(tests, kept_outputs_agree, 0, MODELS);
}

int main(void)
{
    return run_suite("fusion", build);
}
