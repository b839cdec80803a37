/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on sentences: published figures, names, the equations from operations, what padding and order may be, bad input. */
#include "autograd/support.h"

#include "failures/each_allocation.h"

static kdst_status create_small(kdst_context *in, const char *name, kdst_layer **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "vocabulary", 9);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "embedding", 5);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "hidden", 4);
    if (status == KDST_STATUS_OK) status = kdst_options_set_string(options, "dtype", "float64");
    if (status == KDST_STATUS_OK) status = kdst_model_create(in, name, options, out);
    kdst_options_release(options);
    return status;
}

static kdst_layer *small(const char *name)
{
    kdst_layer *layer = NULL;
    expect_ok(create_small(ctx, name, &layer));
    return layer;
}

static const struct {
    const char *name;
    int64_t entries, beside_table; /* parameters besides the 300 V of the table */
} published[] = {{"nli_bowman", 14, 3772419}, {"nli_minimal", 12, 1669635}, {"sentiment", 9, 1692773}};

START_TEST(figures)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "vocabulary", 50));
    expect_ok(kdst_model_create(ctx, published[_i].name, options, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), published[_i].entries);
    ck_assert_int_eq(kdst_layer_get_parameter_count(layer), 300 * 50 + published[_i].beside_table);
    ck_assert_int_eq(kdst_layer_get_input_count(layer), _i < 2 ? 4 : 2);
    ck_assert_int_eq(kdst_layer_get_output_count(layer), 1);
    kdst_layer_release(layer);
    kdst_options_release(options);
}
END_TEST

static const char *const encoder_names[] = {
    "encoder.emb.weight", "encoder.rnn.weight_ih_l0", "encoder.rnn.weight_hh_l0", "encoder.rnn.bias_ih_l0",
    "encoder.rnn.bias_hh_l0"};
static const char *const rest_names[3][9] = {
    {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked", "mlp.0.weight",
     "mlp.0.bias", "mlp.3.weight", "mlp.3.bias"},
    {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked", "mlp.weight", "mlp.bias"},
    {"mlp.0.weight", "mlp.0.bias", "mlp.3.weight", "mlp.3.bias"}};

START_TEST(names)
{
    kdst_layer *layer = small(published[_i].name);
    for (int64_t i = 0; i < published[_i].entries; i++) {
        const char *name = NULL;
        expect_ok(kdst_layer_get_state(layer, i, &name, NULL, NULL));
        ck_assert_str_eq(name, i < 5 ? encoder_names[i] : rest_names[_i][i - 5]);
    }
    kdst_layer_release(layer);
}
END_TEST

static kdst_tensor *find(kdst_layer *layer, const char *name)
{
    kdst_tensor *tensor = NULL;
    expect_ok(kdst_layer_find(layer, name, &tensor));
    return tensor;
}

static kdst_tensor *tokens_of(int64_t t, int64_t n, const int32_t *values)
{
    kdst_tensor *tensor = NULL;
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 2, (int64_t[]){t, n}, values, &tensor));
    return tensor;
}

/* The last h of an encoder from operations. */
static kdst_tensor *encode(kdst_layer *layer, kdst_tensor *tokens, kdst_tensor *lengths)
{
    kdst_tensor *x = NULL, *h = NULL;
    expect_ok(kdst_embedding(find(layer, encoder_names[0]), tokens, NULL, &x));
    expect_ok(kdst_lstm(
        x, lengths, NULL, NULL, find(layer, encoder_names[1]), find(layer, encoder_names[2]),
        find(layer, encoder_names[3]), find(layer, encoder_names[4]), NULL, NULL, &h, NULL));
    kdst_tensor_release(x);
    return h;
}

/* y = linear(x, name.weight, name.bias), and the relu of it where that is wanted; lets go of x. */
static kdst_tensor *linear(kdst_layer *layer, kdst_tensor *x, const char *weight, const char *bias, int with_relu)
{
    kdst_tensor *y = NULL, *z = NULL;
    expect_ok(kdst_linear(x, find(layer, weight), find(layer, bias), &y));
    kdst_tensor_release(x);
    if (!with_relu) return y;
    expect_ok(kdst_relu(y, &z));
    kdst_tensor_release(y);
    return z;
}

/* z = [u, v, u - v, u v] or u v, normalised with running statistics of 0 and 1. */
static kdst_tensor *combine(kdst_layer *layer, kdst_tensor *u, kdst_tensor *v, int bowman)
{
    kdst_tensor *parts[4] = {u, v, NULL, NULL}, *z = NULL, *y = NULL;
    kdst_options *options = NULL;
    expect_ok(kdst_sub(u, v, &parts[2]));
    expect_ok(kdst_mul(u, v, &parts[3]));
    expect_ok(kdst_concat(bowman ? parts : parts + 3, bowman ? 4 : 1, 1, &z));
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "training", 0));
    expect_ok(kdst_batch_norm(
        z, find(layer, "bn.weight"), find(layer, "bn.bias"), find(layer, "bn.running_mean"),
        find(layer, "bn.running_var"), options, &y));
    kdst_options_release(options);
    kdst_tensor_release(z);
    kdst_tensor_release(parts[3]);
    kdst_tensor_release(parts[2]);
    return y;
}

static const int32_t first[] = {2, 8, 5, 3, 4, 6, 1, 7, 7, 1, 1, 2}, second[] = {5, 5, 2, 1, 3, 1};

/* The evaluation of every network against operations: sentences of other lengths in the pair, lengths not sorted. */
START_TEST(equations)
{
    kdst_layer *layer = small(published[_i].name);
    kdst_tensor *in[4] = {
        tokens_of(4, 3, first), from_labels(3, (int32_t[]){2, 3, 4}), tokens_of(2, 3, second),
        from_labels(3, (int32_t[]){1, 2, 1})};
    kdst_tensor *u = encode(layer, in[0], in[1]), *v = encode(layer, in[2], in[3]), *want, *got = NULL;
    expect_ok(kdst_layer_set_training(layer, 0));
    expect_ok(kdst_layer_run_many(layer, in, _i < 2 ? 4 : 2, &got, 1, NULL));
    if (_i < 2) {
        want = combine(layer, u, v, _i == 0);
        kdst_tensor_release(u);
    } else {
        want = u;
    }
    if (_i == 1) {
        want = linear(layer, want, "mlp.weight", "mlp.bias", 0);
    } else {
        want = linear(layer, want, "mlp.0.weight", "mlp.0.bias", 1);
        want = linear(layer, want, "mlp.3.weight", "mlp.3.bias", 0);
    }
    if (_i < 2)
        expect_shape(got, SHAPE(3, 3));
    else
        expect_shape(got, SHAPE(3));
    double *values = doubles(want);
    expect_close(got, values);
    free(values);
    kdst_tensor_release(v);
    kdst_tensor_release(want);
    kdst_tensor_release(got);
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(in[i]);
    kdst_layer_release(layer);
}
END_TEST

/* Tokens behind a sentence do not matter, and the padding's row gets no gradient even where it is a real token. */
START_TEST(padding)
{
    kdst_layer *layer = small("nli_bowman");
    static const int32_t other[] = {2, 8, 5, 3, 4, 6, 1, 7, 7, 4, 5, 2};
    kdst_tensor *in[4] = {
        tokens_of(4, 3, first), from_labels(3, (int32_t[]){3, 3, 4}), tokens_of(2, 3, second),
        from_labels(3, (int32_t[]){1, 1, 2})};
    kdst_tensor *a = NULL, *b = NULL, *sum = NULL, *grad, *kept = in[0];
    expect_ok(kdst_layer_set_training(layer, 0));
    expect_ok(kdst_layer_run_many(layer, in, 4, &a, 1, NULL));
    in[0] = tokens_of(4, 3, other);
    expect_ok(kdst_layer_run_many(layer, in, 4, &b, 1, NULL));
    double *values = doubles(a);
    expect_close(b, values);
    free(values);
    expect_ok(kdst_sum(a, NULL, 0, 0, &sum));
    expect_ok(kdst_backward(sum, NULL, NULL));
    grad = grad_of(find(layer, "encoder.emb.weight"));
    double *g = doubles(grad), largest = 0;
    for (int i = 0; i < 45; i++) {
        if (i / 5 == 1) ck_assert_double_eq(g[i], 0);
        largest = fmax(largest, fabs(g[i]));
    }
    ck_assert(largest > 0);
    free(g);
    kdst_tensor_release(grad);
    kdst_tensor_release(sum);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_tensor_release(kept);
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(in[i]);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(refused_inputs)
{
    kdst_layer *layer = small("nli_minimal");
    kdst_tensor *good[4] = {
        tokens_of(4, 3, first), from_labels(3, (int32_t[]){2, 3, 4}), tokens_of(2, 3, second),
        from_labels(3, (int32_t[]){1, 2, 1})};
    kdst_tensor *two[2] = {tokens_of(2, 2, second), from_labels(2, (int32_t[]){1, 2})}, *in[4], *y = NULL;
    kdst_tensor *high = tokens_of(2, 3, (int32_t[]){1, 2, 3, 4, 9, 0}), *zero = from_labels(3, (int32_t[]){1, 0, 1});
    const struct {
        int which;
        kdst_tensor *tensor;
        kdst_status status;
        const char *text;
    } wrong[] = {
        {2, high, KDST_STATUS_INVALID_ARGUMENT, "embedding: index 9 at position [1, 1], allowed is 0 to 8"},
        {3, zero, KDST_STATUS_INVALID_ARGUMENT, "lstm: length of sequence 1 is 0, allowed is 1 to 2"},
        {3, good[1], KDST_STATUS_INVALID_ARGUMENT, "lstm: length of sequence 1 is 3, allowed is 1 to 2"},
        {2, good[3], KDST_STATUS_SHAPE, "text_encoder: tokens is [3], lengths is [3]: layer expects [T, N] and [N]"},
        {1, two[1], KDST_STATUS_SHAPE, "tokens is [4, 3], lengths is [2]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(in, good, sizeof in);
        in[wrong[i].which] = wrong[i].tensor;
        expect_failure(kdst_layer_run_many(layer, in, 4, &y, 1, NULL), wrong[i].status, wrong[i].text);
        ck_assert_ptr_null(y);
    }
    memcpy(in, good, sizeof in);
    in[2] = two[0];
    in[3] = two[1];
    expect_failure(
        kdst_layer_run_many(layer, in, 4, &y, 1, NULL), KDST_STATUS_SHAPE,
        "pair_product: the first sentences give [3, 4], the second [2, 4]");
    expect_failure(
        kdst_layer_run(layer, good[0], &y), KDST_STATUS_INVALID_ARGUMENT,
        "the sequential expects 4 inputs, and gets one");
    kdst_tensor_release(zero);
    kdst_tensor_release(high);
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(good[i]);
    for (int i = 0; i < 2; i++)
        kdst_tensor_release(two[i]);
    kdst_layer_release(layer);
}
END_TEST

START_TEST(refused_options)
{
    kdst_options *options = NULL;
    kdst_layer *layer = NULL;
    expect_failure(
        kdst_model_create(ctx, "nli_bowman", NULL, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: vocabulary is 0, nli_bowman needs at least 2 tokens, of which 1 is the padding");
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "vocabulary", 50));
    expect_ok(kdst_options_set_int(options, "mlp", 7));
    expect_failure(
        kdst_model_create(ctx, "nli_minimal", options, &layer), KDST_STATUS_INVALID_ARGUMENT,
        "model_create: mlp is 7, but nli_minimal has no hidden units there");
    expect_ok(kdst_options_set_float(options, "dropout", -0.5));
    expect_failure(
        kdst_model_create(ctx, "nli_bowman", options, &layer), KDST_STATUS_INVALID_ARGUMENT, "dropout is -0.5");
    expect_ok(kdst_options_set_int(options, "image_size", 32));
    expect_failure(kdst_model_create(ctx, "nli_bowman", options, &layer), KDST_STATUS_INVALID_ARGUMENT, "image_size");
    ck_assert_ptr_null(layer);
    kdst_options_release(options);
}
END_TEST

static kdst_status work(kdst_context *in, void *arg)
{
    kdst_layer *layer = NULL;
    kdst_tensor *t[4] = {NULL, NULL, NULL, NULL}, *y = NULL;
    static const int32_t lengths[] = {2, 4, 1};
    kdst_status status = create_small(in, arg, &layer);
    for (int i = 0; i < 2; i++) {
        if (status == KDST_STATUS_OK)
            status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, 2, (int64_t[]){4, 3}, first, &t[2 * i]);
        if (status == KDST_STATUS_OK)
            status = kdst_tensor_create_from(in, KDST_DTYPE_INT32, 1, (int64_t[]){3}, lengths, &t[2 * i + 1]);
    }
    if (status == KDST_STATUS_OK)
        status = kdst_layer_run_many(layer, t, kdst_layer_get_input_count(layer), &y, 1, NULL);
    kdst_tensor_release(y);
    for (int i = 0; i < 4; i++)
        kdst_tensor_release(t[i]);
    kdst_layer_release(layer);
    return status;
}

START_TEST(every_allocation)
{
    ck_assert_int_gt(each_allocation_fails(NULL, work, (void *)published[_i].name), 40);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, figures, 0, 3);
    tcase_add_loop_test(tests, names, 0, 3);
    tcase_add_loop_test(tests, equations, 0, 3);
    tcase_add_test(tests, padding);
    tcase_add_test(tests, refused_inputs);
    tcase_add_test(tests, refused_options);
    tcase_add_loop_test(tests, every_allocation, 0, 3);
}

int main(void)
{
    return run_suite("text_models", build);
}
