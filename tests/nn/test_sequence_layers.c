/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of embedding and LSTM: names, initial values, layers and directions against chains of operations, bad input, memory. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

#include <stdio.h>

static kdst_options *options_of(const char *names, const int64_t *values)
{
    kdst_options *options = NULL;
    char name[2] = {0};
    expect_ok(kdst_options_create(&options));
    for (int i = 0; names[i]; i++) {
        static const char *const all[] = {"num_layers", "bidirectional", "bias", "padding_index"};
        name[0] = names[i];
        expect_ok(kdst_options_set_int(options, all[strtol(name, NULL, 10)], values[i]));
    }
    expect_ok(kdst_options_set_string(options, "dtype", "float64"));
    return options;
}

static kdst_layer *lstm_of(int64_t features, int64_t hidden, int64_t layers, int64_t both, const char *result)
{
    kdst_layer *layer = NULL;
    kdst_options *options = options_of("01", (int64_t[]){layers, both});
    expect_ok(kdst_options_set_string(options, "result", result));
    expect_ok(kdst_layer_lstm_create(ctx, features, hidden, options, &layer));
    kdst_options_release(options);
    return layer;
}

START_TEST(embedding_layer)
{
    kdst_options *options = options_of("3", (int64_t[]){1});
    kdst_layer *layer = NULL;
    kdst_tensor *weight = NULL, *y = NULL, *grad, *tokens = from_labels(4, (int32_t[]){1, 4, 1, 2});
    expect_ok(kdst_layer_embedding_create(ctx, 500, 40, options, &layer));
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), 20000);
    expect_ok(kdst_layer_find(layer, "weight", &weight));
    double *w = doubles(weight), sum = 0, squares = 0;
    for (int64_t i = 0; i < 20000; i++) {
        sum += w[i];
        squares += w[i] * w[i];
    }
    for (int64_t i = 40; i < 80; i++)
        ck_assert_double_eq(w[i], 0);
    ck_assert_double_le(fabs(sum / 20000), 0.03); /* four standard deviations of the mean */
    ck_assert_double_le(fabs(squares / 20000 - 1), 0.04);
    expect_ok(kdst_layer_run(layer, tokens, &y));
    expect_shape(y, SHAPE(4, 40));
    kdst_tensor *dy = filled(F64, SHAPE(4, 40), 1);
    expect_ok(kdst_backward(y, dy, NULL));
    grad = grad_of(weight);
    double *g = doubles(grad), *d = doubles(dy);
    for (int64_t i = 0; i < 40; i++) {
        ck_assert_double_eq(g[40 + i], 0);
        ck_assert_double_eq(g[160 + i], d[40 + i]);
        ck_assert_double_eq(g[80 + i], d[120 + i]);
    }
    free(d);
    free(g);
    free(w);
    kdst_tensor_release(grad);
    kdst_tensor_release(dy);
    kdst_tensor_release(y);
    kdst_tensor_release(tokens);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

START_TEST(lstm_names_and_start)
{
    static const char *const names[] = {
        "weight_ih_l0",         "weight_hh_l0",         "bias_ih_l0",         "bias_hh_l0",
        "weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse", "bias_hh_l0_reverse",
        "weight_ih_l1",         "weight_hh_l1",         "bias_ih_l1",         "bias_hh_l1",
        "weight_ih_l1_reverse", "weight_hh_l1_reverse", "bias_ih_l1_reverse", "bias_hh_l1_reverse"};
    kdst_layer *layer = lstm_of(3, 4, 2, 1, "all");
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 16);
    ck_assert_int_eq(kdst_layer_get_input_count(layer), 1);
    ck_assert_int_eq(kdst_layer_get_output_count(layer), 3);
    for (int i = 0; i < 16; i++) {
        const char *name = NULL;
        kdst_tensor *tensor = NULL;
        int32_t is_parameter = 0;
        expect_ok(kdst_layer_get_state(layer, i, &name, &tensor, &is_parameter));
        ck_assert_str_eq(name, names[i]);
        ck_assert_int_eq(is_parameter, 1);
        if (i % 4 == 0) expect_shape(tensor, SHAPE(16, i < 8 ? 3 : 8));
        double *values = doubles(tensor), largest = 0;
        for (int64_t k = 0; k < kdst_tensor_get_count(tensor); k++)
            largest = fmax(largest, fabs(values[k]));
        ck_assert(largest > 0.2 && largest <= 0.5); /* 1 / sqrt(4) */
        free(values);
    }
    kdst_layer_release(layer);
}
END_TEST

static kdst_tensor *parameter(kdst_layer *layer, const char *stem, int64_t l, int reverse)
{
    char name[64];
    kdst_tensor *tensor = NULL;
    snprintf(name, sizeof name, "%s_l%d%s", stem, (int)l, reverse ? "_reverse" : "");
    expect_ok(kdst_layer_find(layer, name, &tensor));
    return tensor;
}

/* Element i of the first axis. */
static kdst_tensor *at(kdst_tensor *t, int64_t i)
{
    kdst_tensor *one = NULL, *flat = NULL;
    const int64_t shape[2] = {kdst_tensor_get_size(t, 1), kdst_tensor_get_size(t, 2)};
    expect_ok(kdst_slice(t, 0, i, i + 1, 1, &one));
    expect_ok(kdst_reshape(one, 2, shape, &flat));
    kdst_tensor_release(one);
    return flat;
}

static void expect_same(kdst_tensor *got, kdst_tensor *want)
{
    double *values = doubles(want);
    expect_close(got, values);
    free(values);
}

/* The layer is the chain of its operations, with lengths and first states. */
START_TEST(layers_and_directions)
{
    kdst_layer *layer = lstm_of(3, 4, 2, 1, "all"), *last = lstm_of(3, 4, 2, 1, "last");
    kdst_tensor *lengths = from_labels(3, (int32_t[]){2, 5, 1}), *out[3], *final = NULL, *both = NULL;
    kdst_tensor *in[4] = {
        filled(F64, SHAPE(5, 3, 3), 1), lengths, filled(F64, SHAPE(4, 3, 4), 2), filled(F64, SHAPE(4, 3, 4), 3)};
    kdst_tensor *x = in[0], *h[2] = {NULL, NULL};
    kdst_tensor_retain(x);
    expect_ok(kdst_layer_run_many(layer, in, 4, out, 3, NULL));
    expect_shape(out[0], SHAPE(5, 3, 8));
    expect_shape(out[1], SHAPE(4, 3, 4));
    for (int64_t l = 0; l < 2; l++) {
        kdst_tensor *y[2] = {NULL, NULL};
        for (int d = 0; d < 2; d++) {
            kdst_options *options = NULL;
            expect_ok(kdst_options_create(&options));
            expect_ok(kdst_options_set_int(options, "reverse", d));
            kdst_tensor *h0 = at(in[2], 2 * l + d), *c0 = at(in[3], 2 * l + d), *c = NULL, *want;
            expect_ok(kdst_lstm(
                x, lengths, h0, c0, parameter(layer, "weight_ih", l, d), parameter(layer, "weight_hh", l, d),
                parameter(layer, "bias_ih", l, d), parameter(layer, "bias_hh", l, d), options, &y[d], &h[d], &c));
            want = at(out[1], 2 * l + d);
            expect_same(h[d], want);
            kdst_tensor_release(want);
            want = at(out[2], 2 * l + d);
            expect_same(c, want);
            kdst_tensor_release(want);
            kdst_tensor_release(c);
            kdst_tensor_release(c0);
            kdst_tensor_release(h0);
            kdst_options_release(options);
            if (l == 0) kdst_tensor_release(h[d]);
        }
        kdst_tensor_release(x);
        expect_ok(kdst_concat(y, 2, 2, &x));
        kdst_tensor_release(y[0]);
        kdst_tensor_release(y[1]);
    }
    expect_same(out[0], x);
    expect_ok(kdst_layer_copy_state(last, layer));
    expect_ok(kdst_layer_run_many(last, in, 4, &final, 1, NULL));
    expect_shape(final, SHAPE(3, 8));
    expect_ok(kdst_concat(h, 2, 1, &both));
    expect_same(final, both);
    kdst_tensor_release(final);
    expect_ok(kdst_layer_run(last, in[0], &final)); /* all steps, states 0 */
    kdst_tensor_release(final);
    kdst_tensor_release(both);
    kdst_tensor_release(h[0]);
    kdst_tensor_release(h[1]);
    kdst_tensor_release(x);
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(out[i]);
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(in[i]);
    kdst_layer_release(last);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(dropout_between_layers)
{
    kdst_layer *layer = NULL;
    kdst_options *options = options_of("0", (int64_t[]){2});
    kdst_tensor *x = filled(F64, SHAPE(3, 2, 4), 1), *a = NULL, *b = NULL;
    expect_ok(kdst_options_set_float(options, "dropout", 0.5));
    expect_ok(kdst_options_set_string(options, "result", "sequence"));
    expect_ok(kdst_layer_lstm_create(ctx, 4, 8, options, &layer));
    for (int training = 1; training >= 0; training--) {
        expect_ok(kdst_layer_set_training(layer, training));
        expect_ok(kdst_layer_run(layer, x, &a));
        expect_ok(kdst_layer_run(layer, x, &b));
        double *va = doubles(a), *vb = doubles(b);
        ck_assert_int_eq(memcmp(va, vb, 48 * sizeof *va) != 0, training);
        free(va);
        free(vb);
        kdst_tensor_release(a);
        kdst_tensor_release(b);
    }
    kdst_tensor_release(x);
    kdst_options_release(options);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(refused)
{
    kdst_layer *layer = NULL, *lstm = lstm_of(3, 4, 1, 0, "all");
    kdst_options *options = options_of("3", (int64_t[]){5});
    kdst_tensor *x = filled(F64, SHAPE(5, 2, 3), 1), *narrow = filled(F64, SHAPE(5, 2, 4), 1), *out[3];
    kdst_tensor *state = filled(F64, SHAPE(2, 4), 1), *in[5] = {narrow, NULL, state};
    expect_failure(
        kdst_layer_embedding_create(ctx, 0, 3, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "embedding: vocabulary is 0, allowed is 1 and more");
    expect_failure(
        kdst_layer_embedding_create(ctx, 5, 3, options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "embedding: padding_index is 5, vocabulary is 5");
    expect_failure(
        kdst_layer_lstm_create(ctx, 3, 0, NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "lstm: hidden is 0, allowed is 1 and more");
    expect_failure(
        kdst_layer_lstm_create(ctx, 3, INT64_MAX / 4, NULL, &layer), KDST_STATUS_SHAPE, "which is too large");
    ck_assert_ptr_null(layer);
    expect_failure(
        kdst_layer_run(lstm, x, out), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: the lstm gives 3 outputs, and one is taken");
    expect_failure(
        kdst_layer_run_many(lstm, in, 4, out, 3, NULL), KDST_STATUS_SHAPE,
        "lstm: input is [5, 2, 4], layer expects [T, N, 3]");
    in[0] = x;
    expect_failure(
        kdst_layer_run_many(lstm, in, 4, out, 3, NULL), KDST_STATUS_SHAPE,
        "lstm: h0 is [2, 4], layer expects [1, 2, 4]");
    expect_failure(
        kdst_layer_run_many(lstm, in, 5, out, 3, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "layer_run: got 5 inputs, the lstm expects 1 to 4");
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(out[i]);
    kdst_tensor_release(state);
    kdst_tensor_release(narrow);
    kdst_tensor_release(x);
    kdst_options_release(options);
    kdst_layer_release(lstm);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *embedding = NULL, *lstm = NULL;
    kdst_options *options = NULL;
    kdst_tensor *tokens = NULL, *x = NULL, *out[3] = {NULL, NULL, NULL};
    const int64_t shape[2] = {3, 2};
    (void)arg;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "num_layers", 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "bidirectional", 1);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "dropout", 0.5);
    if (status == KDST_STATUS_OK) status = kdst_layer_embedding_create(in, 5, 3, NULL, &embedding);
    if (status == KDST_STATUS_OK) status = kdst_layer_lstm_create(in, 3, 2, options, &lstm);
    if (status == KDST_STATUS_OK) status = kdst_tensor_create(in, KDST_DTYPE_INT32, 2, shape, &tokens);
    if (status == KDST_STATUS_OK) status = kdst_layer_run(embedding, tokens, &x);
    if (status == KDST_STATUS_OK) status = kdst_layer_run_many(lstm, &x, 1, out, 3, NULL);
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(out[i]);
    kdst_tensor_release(x);
    kdst_tensor_release(tokens);
    kdst_layer_release(lstm);
    kdst_layer_release(embedding);
    kdst_options_release(options);
    return status;
}

START_TEST(every_allocation)
{
    ck_assert_int_gt(each_allocation_fails(NULL, work, NULL), 40);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, embedding_layer);
    tcase_add_test(tests, lstm_names_and_start);
    tcase_add_test(tests, layers_and_directions);
    tcase_add_test(tests, dropout_between_layers);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, every_allocation);
}

int main(void)
{
    return run_suite("sequence_layers", build);
}
