/* SPDX-License-Identifier: Apache-2.0 */
/* Embedding and LSTM against plain loops: shapes, lengths, directions, what padding may hold, bad input. */
#include "support.h"

/* ---- embedding ---- */

static kdst_tensor *tokens_of(int64_t rank, const int64_t *shape, const int32_t *values)
{
    kdst_tensor *t = NULL;
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, rank, shape, values, &t));
    return t;
}

START_TEST(embedding_rows)
{
    static const int32_t values[] = {4, 0, 4, 2, 1, 4};
    kdst_tensor *weight = filled(real_type(_i), SHAPE(5, 3), 1), *y = NULL;
    double *w = doubles(weight), expected[18];
    for (int i = 0; i < 18; i++)
        expected[i] = w[values[i / 3] * 3 + i % 3];
    for (int scatter = 0; scatter < 2; scatter++) {
        kdst_tensor *tokens = tokens_of(SHAPE(2, 3), values);
        if (scatter) weight = scattered(weight);
        expect_ok(kdst_embedding(weight, tokens, NULL, &y));
        expect_shape(y, SHAPE(2, 3, 3));
        expect_close(y, expected);
        kdst_tensor_release(y);
        kdst_tensor_release(tokens);
    }
    kdst_tensor *one = tokens_of(0, NULL, values);
    expect_ok(kdst_embedding(weight, one, NULL, &y));
    expect_shape(y, SHAPE(3));
    expect_close(y, w + 12);
    kdst_tensor_release(y);
    kdst_tensor_release(one);
    kdst_tensor_release(weight);
    free(w);
}
END_TEST

/* Repeated tokens add up; the padding row keeps what it has. */
START_TEST(embedding_gradient)
{
    static const int32_t values[] = {4, 0, 4, 2, 1, 4};
    static const double dy_values[] = {1, 2, 4, 8, 16, 32};
    static const double without[] = {2, 16, 8, 0, 37}, with[] = {2, 16, 8, 0, 0};
    const int64_t padding = 4;
    for (int pass = 0; pass < 2; pass++) {
        kdst_tensor *weight = filled(real_type(_i), SHAPE(5, 1), 1), *y = NULL, *grad;
        kdst_tensor *tokens = tokens_of(SHAPE(6), values), *dy = from_doubles(real_type(_i), SHAPE(6, 1), dy_values);
        kdst_options *options = NULL;
        expect_ok(kdst_options_create(&options));
        if (pass) expect_ok(kdst_options_set_int(options, "padding_index", padding));
        expect_ok(kdst_tensor_set_requires_grad(weight, 1));
        expect_ok(kdst_embedding(weight, tokens, options, &y));
        expect_ok(kdst_backward(y, dy, NULL));
        grad = grad_of(weight);
        expect_close(grad, pass ? with : without);
        kdst_tensor_release(grad);
        kdst_tensor_release(y);
        kdst_tensor_release(dy);
        kdst_tensor_release(tokens);
        kdst_tensor_release(weight);
        kdst_options_release(options);
    }
}
END_TEST

START_TEST(embedding_refuses)
{
    static const int32_t high[] = {0, 1, 5, 2}, low[] = {0, -1, 0, 0};
    kdst_tensor *weight = filled(F32, SHAPE(5, 3), 1), *vector = filled(F32, SHAPE(5), 1), *y = NULL;
    kdst_tensor *a = tokens_of(SHAPE(2, 2), high), *b = tokens_of(SHAPE(4), low);
    kdst_tensor *deep = tokens_of(SHAPE(1, 1, 1, 1, 1, 1, 1, 1), high);
    kdst_options *options = NULL;
    const int64_t padding = 5;
    expect_failure(
        kdst_embedding(weight, a, NULL, &y), KDST_STATUS_INVALID_ARGUMENT,
        "embedding: index 5 at position [1, 0], allowed is 0 to 4");
    expect_failure(
        kdst_embedding(weight, b, NULL, &y), KDST_STATUS_INVALID_ARGUMENT,
        "embedding: index -1 at position 1, allowed is 0 to 4");
    expect_failure(kdst_embedding(weight, weight, NULL, &y), KDST_STATUS_DTYPE, "expected int32");
    expect_failure(kdst_embedding(vector, b, NULL, &y), KDST_STATUS_SHAPE, "weight is [5], expected rank 2");
    expect_failure(kdst_embedding(weight, deep, NULL, &y), KDST_STATUS_SHAPE, "allowed is a rank of at most 7");
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "padding_index", padding));
    expect_failure(
        kdst_embedding(weight, a, options, &y), KDST_STATUS_INVALID_ARGUMENT,
        "embedding: padding_index is 5, weight has 5 rows");
    ck_assert_ptr_null(y);
    ck_assert_int_eq(kdst_embedding(NULL, a, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(options);
    kdst_tensor_release(deep);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_tensor_release(vector);
    kdst_tensor_release(weight);
}
END_TEST

/* ---- lstm ---- */

enum { X, H0, C0, W_IH, W_HH, B_IH, B_HH, TENSORS };

typedef struct lstm {
    int64_t t, n, d, h;
    int reverse;
    int32_t *lengths; /* NULL: all t */
    kdst_tensor *in[TENSORS];
    double *values[TENSORS]; /* NULL where there is none */
    double *y, *last_h, *last_c;
} lstm;

static double sigmoid(double a)
{
    return 1 / (1 + exp(-a));
}

/* In front of the function: row `row` of the gates. */
static double gate(const lstm *l, int64_t row, const double *x, const double *h)
{
    double a = (l->values[B_IH] ? l->values[B_IH][row] : 0) + (l->values[B_HH] ? l->values[B_HH][row] : 0);
    for (int64_t i = 0; i < l->d; i++)
        a += l->values[W_IH][row * l->d + i] * x[i];
    for (int64_t i = 0; i < l->h; i++)
        a += l->values[W_HH][row * l->h + i] * h[i];
    return a;
}

/* One sequence, by the equations. */
static void sequence(lstm *l, int64_t n)
{
    int64_t length = l->lengths ? l->lengths[n] : l->t;
    double *h = calloc((size_t)l->h, sizeof *h), *next = calloc((size_t)l->h, sizeof *h);
    double *c = calloc((size_t)l->h, sizeof *c);
    for (int64_t k = 0; k < l->h; k++) {
        h[k] = l->values[H0] ? l->values[H0][n * l->h + k] : 0;
        c[k] = l->values[C0] ? l->values[C0][n * l->h + k] : 0;
    }
    for (int64_t s = 0; s < length; s++) {
        int64_t t = l->reverse ? length - 1 - s : s;
        const double *x = l->values[X] + (t * l->n + n) * l->d;
        for (int64_t k = 0; k < l->h; k++) {
            double i = sigmoid(gate(l, k, x, h)), f = sigmoid(gate(l, l->h + k, x, h));
            double g = tanh(gate(l, 2 * l->h + k, x, h)), o = sigmoid(gate(l, 3 * l->h + k, x, h));
            c[k] = f * c[k] + i * g;
            next[k] = o * tanh(c[k]);
        }
        memcpy(h, next, (size_t)l->h * sizeof *h);
        memcpy(l->y + (t * l->n + n) * l->h, h, (size_t)l->h * sizeof *h);
    }
    memcpy(l->last_h + n * l->h, h, (size_t)l->h * sizeof *h);
    memcpy(l->last_c + n * l->h, c, (size_t)l->h * sizeof *c);
    free(c);
    free(next);
    free(h);
}

/* What stands behind a sequence becomes NaN, and must not be seen. */
static kdst_tensor *spoilt(const lstm *l, kdst_dtype dtype, const double *x)
{
    size_t count = (size_t)(l->t * l->n * l->d);
    double *values = malloc(count * sizeof *values + 1);
    memcpy(values, x, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        if ((int64_t)i / (l->n * l->d) >= l->lengths[(int64_t)i / l->d % l->n]) values[i] = NAN;
    kdst_tensor *t = from_doubles(dtype, SHAPE(l->t, l->n, l->d), values);
    free(values);
    return t;
}

/* with: bit 0 states, bit 1 biases, bit 2 lengths, bit 3 reverse, bit 4 views. */
static lstm make(kdst_dtype dtype, int64_t t, int64_t n, int64_t d, int64_t h, int with)
{
    lstm l = {.t = t, .n = n, .d = d, .h = h, .reverse = with >> 3 & 1};
    l.in[X] = filled(dtype, SHAPE(t, n, d), 1);
    l.in[W_IH] = filled(dtype, SHAPE(4 * h, d), 2);
    l.in[W_HH] = filled(dtype, SHAPE(4 * h, h), 3);
    for (int i = 0; i < 2 && (with & 1); i++)
        l.in[H0 + i] = filled(dtype, SHAPE(n, h), 4 + i);
    for (int i = 0; i < 2 && (with & 2); i++)
        l.in[B_IH + i] = filled(dtype, SHAPE(4 * h), 6 + i);
    for (int i = 0; i < TENSORS; i++)
        if (l.in[i]) l.values[i] = doubles(l.in[i]);
    if (with & 4) {
        l.lengths = calloc((size_t)n + 1, sizeof *l.lengths);
        for (int64_t i = 0; i < n; i++)
            l.lengths[i] = (int32_t)(1 + (5 * i + 2) % t);
        kdst_tensor_release(l.in[X]);
        l.in[X] = spoilt(&l, dtype, l.values[X]);
    }
    for (int i = 0; i < TENSORS && (with & 16); i++)
        if (l.in[i]) l.in[i] = scattered(l.in[i]);
    l.y = calloc((size_t)(t * n * h) + 1, sizeof *l.y);
    l.last_h = calloc((size_t)(n * h) + 1, sizeof *l.last_h);
    l.last_c = calloc((size_t)(n * h) + 1, sizeof *l.last_c);
    for (int64_t i = 0; i < n; i++)
        sequence(&l, i);
    return l;
}

static void drop(lstm *l)
{
    for (int i = 0; i < TENSORS; i++) {
        kdst_tensor_release(l->in[i]);
        free(l->values[i]);
    }
    free(l->lengths);
    free(l->y);
    free(l->last_h);
    free(l->last_c);
}

static kdst_status run(lstm *l, kdst_tensor **y, kdst_tensor **h, kdst_tensor **c)
{
    kdst_options *options = NULL;
    kdst_tensor *lengths = l->lengths ? from_labels(l->n, l->lengths) : NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_int(options, "reverse", l->reverse));
    kdst_status status = kdst_lstm(
        l->in[X], lengths, l->in[H0], l->in[C0], l->in[W_IH], l->in[W_HH], l->in[B_IH], l->in[B_HH], options, y, h, c);
    kdst_options_release(options);
    kdst_tensor_release(lengths);
    return status;
}

/* T, N, D, H */
static const int64_t sizes[][4] = {{1, 1, 1, 1},  {3, 2, 5, 4},    {2, 3, 1, 15}, {4, 5, 3, 16},
                                   {7, 6, 4, 17}, {5, 11, 33, 40}, {3, 1, 2, 7},  {2, 4, 0, 3}};
#define SIZES ((int)(sizeof sizes / sizeof *sizes))

START_TEST(lstm_values)
{
    for (int s = 0; s < SIZES; s++)
        for (int with = 0; with < 32; with++) {
            lstm l = make(real_type(_i), sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3], with);
            kdst_tensor *y = NULL, *h = NULL, *c = NULL, *alone = NULL;
            expect_ok(run(&l, &y, &h, &c));
            expect_shape(y, SHAPE(l.t, l.n, l.h));
            expect_shape(h, SHAPE(l.n, l.h));
            expect_close(y, l.y);
            expect_close(h, l.last_h);
            expect_close(c, l.last_c);
            expect_ok(run(&l, NULL, &alone, NULL));
            expect_close(alone, l.last_h);
            kdst_tensor_release(alone);
            kdst_tensor_release(c);
            kdst_tensor_release(h);
            kdst_tensor_release(y);
            drop(&l);
        }
}
END_TEST

START_TEST(cell_values)
{
    for (int s = 0; s < SIZES; s++)
        for (int with = 0; with < 4; with++) {
            lstm l = make(real_type(_i), 1, sizes[s][1], sizes[s][2], sizes[s][3], with);
            kdst_tensor *x = NULL, *h = NULL, *c = NULL;
            const int64_t shape[2] = {l.n, l.d};
            expect_ok(kdst_reshape(l.in[X], 2, shape, &x));
            expect_ok(kdst_lstm_cell(x, l.in[H0], l.in[C0], l.in[W_IH], l.in[W_HH], l.in[B_IH], l.in[B_HH], &h, &c));
            expect_shape(h, SHAPE(l.n, l.h));
            expect_close(h, l.last_h);
            expect_close(c, l.last_c);
            kdst_tensor_release(c);
            kdst_tensor_release(h);
            kdst_tensor_release(x);
            drop(&l);
        }
}
END_TEST

/* Padding that holds NaN gets a gradient of 0 and spoils no other. */
START_TEST(padding_never_enters)
{
    lstm l = make(real_type(_i), 5, 7, 3, 4, 1 | 2 | 4);
    kdst_tensor *y = NULL, *h = NULL, *sum = NULL, *grad;
    for (int i = 0; i < TENSORS; i++)
        expect_ok(kdst_tensor_set_requires_grad(l.in[i], 1));
    expect_ok(run(&l, &y, &h, NULL));
    expect_ok(kdst_sum(y, NULL, 0, 0, &sum));
    expect_ok(kdst_backward(sum, NULL, NULL));
    for (int i = 0; i < TENSORS; i++) {
        grad = grad_of(l.in[i]);
        double *values = doubles(grad);
        for (int64_t k = 0; k < kdst_tensor_get_count(grad); k++) {
            ck_assert(isfinite(values[k]));
            if (i == X && k / (l.n * l.d) >= l.lengths[k / l.d % l.n]) ck_assert_double_eq(values[k], 0);
        }
        free(values);
        kdst_tensor_release(grad);
    }
    kdst_tensor_release(sum);
    kdst_tensor_release(h);
    kdst_tensor_release(y);
    drop(&l);
}
END_TEST

/* Forward and all gradients have the same bits for any number of threads. */
START_TEST(threads_do_not_matter)
{
    static const int64_t shapes[TENSORS][3] = {{6, 37, 19}, {37, 70}, {37, 70}, {280, 19}, {280, 70}, {280}, {280}};
    static const int64_t ranks[TENSORS] = {3, 2, 2, 2, 2, 1, 1};
    const int64_t n = 37;
    double *first[TENSORS + 1] = {NULL};
    for (int pass = 0; pass < 2; pass++) {
        kdst_context *in = context_with_threads(pass ? 3 : 1);
        kdst_tensor *t[TENSORS], *lengths = NULL, *y = NULL, *c = NULL, *dy, *all[TENSORS + 1];
        int32_t values[37];
        for (int64_t i = 0; i < n; i++)
            values[i] = (int32_t)(1 + (5 * i) % 6);
        for (int i = 0; i < TENSORS; i++) {
            t[i] = filled_in(in, real_type(_i), ranks[i], shapes[i], i);
            ck_assert_int_eq(kdst_tensor_set_requires_grad(t[i], 1), KDST_STATUS_OK);
        }
        ck_assert_int_eq(kdst_tensor_create_from(in, KDST_DTYPE_INT32, 1, &n, values, &lengths), KDST_STATUS_OK);
        ck_assert_int_eq(
            kdst_lstm(t[X], lengths, t[H0], t[C0], t[W_IH], t[W_HH], t[B_IH], t[B_HH], NULL, &y, NULL, &c),
            KDST_STATUS_OK);
        dy = filled_in(in, real_type(_i), SHAPE(6, 37, 70), 9);
        ck_assert_int_eq(kdst_backward(y, dy, NULL), KDST_STATUS_OK);
        for (int i = 0; i <= TENSORS; i++) {
            if (i < TENSORS)
                all[i] = grad_of(t[i]);
            else
                all[i] = c;
            double *now = doubles(all[i]);
            if (pass) {
                ck_assert_mem_eq(now, first[i], (size_t)kdst_tensor_get_count(all[i]) * sizeof *now);
                free(first[i]);
                free(now);
            } else {
                first[i] = now;
            }
            kdst_tensor_release(all[i]);
        }
        kdst_tensor_release(dy);
        kdst_tensor_release(y);
        kdst_tensor_release(lengths);
        for (int i = 0; i < TENSORS; i++)
            kdst_tensor_release(t[i]);
        kdst_context_release(in);
    }
}
END_TEST

START_TEST(lstm_refuses)
{
    lstm l = make(F64, 3, 2, 5, 4, 1 | 2);
    kdst_tensor *y = NULL, *h = NULL, *c = NULL, *kept, *other;
    static const struct {
        int which;
        int64_t rank, shape[3];
        const char *text;
    } wrong[] = {
        {X, 2, {3, 2}, "lstm: x is [3, 2], expected [T, N, D] with at least one step"},
        {X, 3, {0, 2, 5}, "x is [0, 2, 5], expected [T, N, D] with at least one step"},
        {X, 3, {3, 2, 6}, "lstm: w_ih is [16, 5], expected [16, 6]"},
        {X, 3, {3, 1, 5}, "lstm: h0 is [2, 4], expected [1, 4]"},
        {W_IH, 2, {15, 5}, "lstm: w_ih is [15, 5], expected [16, 5]"},
        {W_IH, 1, {80}, "lstm: w_ih is [80], expected [16, 5]"},
        {W_HH, 2, {16, 5}, "lstm: w_hh is [16, 5], expected [4H, H]"},
        {W_HH, 2, {0, 0}, "lstm: w_hh is [0, 0], expected [4H, H] with H of at least 1"},
        {B_IH, 1, {4}, "lstm: b_ih is [4], expected [16]"},
        {B_HH, 2, {16, 1}, "lstm: b_hh is [16, 1], expected [16]"},
        {H0, 2, {4, 2}, "lstm: h0 is [4, 2], expected [2, 4]"},
        {C0, 2, {2, 5}, "lstm: c0 is [2, 5], expected [2, 4]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kept = l.in[wrong[i].which];
        l.in[wrong[i].which] = filled(F64, wrong[i].rank, wrong[i].shape, 1);
        expect_failure(run(&l, &y, &h, &c), KDST_STATUS_SHAPE, wrong[i].text);
        ck_assert_ptr_null(y);
        kdst_tensor_release(l.in[wrong[i].which]);
        l.in[wrong[i].which] = kept;
    }
    kept = l.in[W_HH];
    l.in[W_HH] = other = filled(F32, SHAPE(16, 4), 1);
    expect_failure(run(&l, &y, &h, &c), KDST_STATUS_DTYPE, "float32");
    l.in[W_HH] = NULL;
    expect_failure(run(&l, &y, &h, &c), KDST_STATUS_INVALID_ARGUMENT, "lstm: w_hh is NULL");
    l.in[W_HH] = kept;
    expect_failure(run(&l, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out, out_h and out_c are NULL");
    l.lengths = malloc(2 * sizeof *l.lengths);
    l.lengths[0] = 3;
    l.lengths[1] = 4;
    expect_failure(
        run(&l, &y, &h, &c), KDST_STATUS_INVALID_ARGUMENT, "lstm: length of sequence 1 is 4, allowed is 1 to 3");
    l.lengths[1] = 0;
    expect_failure(
        run(&l, &y, &h, &c), KDST_STATUS_INVALID_ARGUMENT, "lstm: length of sequence 1 is 0, allowed is 1 to 3");
    expect_failure(
        kdst_lstm(l.in[X], other, NULL, NULL, l.in[W_IH], l.in[W_HH], NULL, NULL, NULL, &y, &h, &c), KDST_STATUS_DTYPE,
        "expected int32");
    expect_failure(
        kdst_lstm_cell(l.in[X], NULL, NULL, l.in[W_IH], l.in[W_HH], NULL, NULL, &h, &c), KDST_STATUS_SHAPE,
        "lstm_cell: x is [3, 2, 5], expected [N, D]");
    kdst_tensor_release(other);
    drop(&l);
}
END_TEST

/* An empty batch is legal. */
START_TEST(no_sequences)
{
    lstm l = make(F32, 3, 0, 2, 4, 2);
    kdst_tensor *y = NULL, *h = NULL;
    expect_ok(kdst_tensor_set_requires_grad(l.in[W_HH], 1));
    expect_ok(run(&l, &y, &h, NULL));
    expect_shape(y, SHAPE(3, 0, 4));
    expect_shape(h, SHAPE(0, 4));
    kdst_tensor *dy = filled(F32, SHAPE(3, 0, 4), 1);
    expect_ok(kdst_backward(y, dy, NULL));
    kdst_tensor_release(dy);
    kdst_tensor_release(h);
    kdst_tensor_release(y);
    drop(&l);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, embedding_rows, 0, 2);
    tcase_add_loop_test(tests, embedding_gradient, 0, 2);
    tcase_add_test(tests, embedding_refuses);
    tcase_add_loop_test(tests, lstm_values, 0, 2);
    tcase_add_loop_test(tests, cell_values, 0, 2);
    tcase_add_loop_test(tests, padding_never_enters, 0, 2);
    tcase_add_loop_test(tests, threads_do_not_matter, 0, 2);
    tcase_add_test(tests, lstm_refuses);
    tcase_add_test(tests, no_sequences);
}

int main(void)
{
    return run_suite("sequence", build);
}
