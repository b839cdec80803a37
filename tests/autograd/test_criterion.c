/* SPDX-License-Identifier: Apache-2.0 */
/* Loss functions against their formulas in long double, every reduction and option; what is not finite; bad input. */
#include "support.h"

#include <stdbool.h>

enum { MEAN, SUM, NONE, BATCH_MEAN };
static const char *const reductions[] = {"mean", "sum", "none", "batchmean"};

static kdst_options *reduced(int reduction)
{
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "reduction", reductions[reduction]));
    return options;
}

static void release_all(kdst_tensor **all, int count)
{
    for (int i = 0; i < count; i++)
        kdst_tensor_release(all[i]);
}

/* ---- pairs ---- */

enum { L1, MSE, HUBER, SMOOTH, SMOOTH_ZERO, BCE, KL, KL_LOG, KINDS };

static long double logistic_log(long double x) /* log s(x) */
{
    return x < 0 ? x - log1pl(expl(x)) : -log1pl(expl(-x));
}

static long double term(int kind, long double x, long double t, long double w, long double v)
{
    long double d = fabsl(x - t);
    switch (kind) {
    case L1:
    case SMOOTH_ZERO:
        return d;
    case MSE:
        return d * d;
    case HUBER:
        return d < 0.5L ? d * d / 2 : 0.5L * (d - 0.25L);
    case SMOOTH:
        return d < 0.5L ? d * d / 2 / 0.5L : d - 0.25L;
    case BCE:
        return w * (-v * t * logistic_log(x) - (1 - t) * logistic_log(-x));
    case KL:
        return t == 0 ? 0 : t * (logl(t) - x);
    default:
        return expl(t) * (t - x);
    }
}

static kdst_status run_pair(
    int kind, kdst_tensor *x, kdst_tensor *t, kdst_tensor *w, kdst_tensor *v, kdst_options *options, kdst_tensor **y)
{
    if (kind == L1) return kdst_l1_loss(x, t, options, y);
    if (kind == MSE) return kdst_mse_loss(x, t, options, y);
    if (kind == BCE) return kdst_bce_with_logits(x, t, w, v, options, y);
    if (kind == HUBER) {
        expect_ok(kdst_options_set_float(options, "delta", 0.5));
        return kdst_huber_loss(x, t, options, y);
    }
    if (kind == SMOOTH || kind == SMOOTH_ZERO) {
        expect_ok(kdst_options_set_float(options, "beta", kind == SMOOTH ? 0.5 : 0));
        return kdst_smooth_l1_loss(x, t, options, y);
    }
    expect_ok(kdst_options_set_int(options, "log_target", kind == KL_LOG));
    return kdst_kl_div(x, t, options, y);
}

/* Targets: some equal to x; probabilities, some of them 0, where they are to be. */
static kdst_tensor *targets(int kind, kdst_tensor *x, kdst_dtype dtype, int64_t rank, const int64_t *shape)
{
    kdst_tensor *t = filled(dtype, rank, shape, 2), *made;
    double *v = doubles(t), *vx = doubles(x);
    for (int64_t i = 0; i < kdst_tensor_get_count(t); i++)
        v[i] = kind == BCE || kind == KL ? (i % 5 == 0 ? 0 : fabs(v[i])) : i % 5 == 0 ? vx[i] : v[i];
    made = from_doubles(dtype, rank, shape, v);
    free(v);
    free(vx);
    kdst_tensor_release(t);
    return made;
}

START_TEST(test_pairs)
{
    static const int64_t shapes[][3] = {{1, 1, 1}, {2, 3, 5}, {3, 17, 2}, {1, 1, 300}, {33, 7, 9}};
    for (int kind = 0; kind < KINDS; kind++)
        for (int s = 0; s < 5; s++)
            for (int reduction = 0; reduction < (kind == KL || kind == KL_LOG ? 4 : 3); reduction++) {
                const int64_t *shape = shapes[s];
                kdst_tensor *x = filled(real_type(_i), 3, shape, 1), *t = targets(kind, x, real_type(_i), 3, shape);
                kdst_tensor *w = s % 2 ? filled(real_type(_i), 1, shape + 2, 3) : NULL;
                kdst_tensor *v = s > 1 ? filled(real_type(_i), SHAPE(shape[1], 1), 4) : NULL, *y = NULL;
                int64_t count = shape[0] * shape[1] * shape[2];
                double *vx = doubles(x), *vt = doubles(t), *vw = w ? doubles(w) : NULL, *vv = v ? doubles(v) : NULL;
                double *expected = malloc((size_t)count * 8);
                long double sum = 0;
                for (int64_t i = 0; i < count; i++) {
                    long double each =
                        term(kind, vx[i], vt[i], vw ? vw[i % shape[2]] : 1, vv ? vv[i / shape[2] % shape[1]] : 1);
                    expected[i] = (double)each;
                    sum += each;
                }
                if (reduction != NONE)
                    expected[0] = (double)(sum / (reduction == MEAN ? count : reduction == SUM ? 1 : shape[0]));
                if (s == 2) x = scattered(x);
                if (s == 4) t = scattered(t);
                kdst_options *options = reduced(reduction);
                expect_ok(run_pair(kind, x, t, w, v, options, &y));
                expect_shape(y, reduction == NONE ? 3 : 0, shape);
                expect_close(y, expected);
                double *all[] = {vx, vt, vw, vv, expected};
                for (int i = 0; i < 5; i++)
                    free(all[i]);
                kdst_options_release(options);
                release_all((kdst_tensor *[]){x, t, w, v, y}, 5);
            }
}
END_TEST

/* The terms are taken in double: a mean of numbers that float32 would add up to something else. */
START_TEST(test_mean_in_double)
{
    enum { N = 300000 };
    double *values = malloc(N * sizeof *values);
    for (int i = 0; i < N; i++)
        values[i] = 0.1;
    kdst_tensor *x = from_doubles(F32, SHAPE(N), values), *t = NULL, *y = NULL;
    expect_ok(kdst_tensor_create(ctx, F32, 1, (int64_t[]){N}, &t));
    expect_ok(kdst_l1_loss(x, t, NULL, &y));
    double *v = doubles(y);
    ck_assert_double_eq(v[0], (double)0.1f);
    free(v);
    free(values);
    release_all((kdst_tensor *[]){x, t, y}, 3);
}
END_TEST

/* Gradients at the kinks: 0 where input and target are equal, and where a probability is 0. */
START_TEST(test_kinks)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(3), (double[]){1, 2, -3}), *y = NULL, *t = NULL, *dx, *dt;
    t = from_doubles(real_type(_i), SHAPE(3), (double[]){1, 1, -1});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    kdst_options *options = reduced(SUM);
    expect_ok(kdst_l1_loss(x, t, options, &y));
    expect_ok(kdst_backward(y, NULL, NULL));
    dx = grad_of(x);
    expect_close(dx, (double[]){0, 1, -1});
    release_all((kdst_tensor *[]){dx, y, t}, 3);
    t = from_doubles(real_type(_i), SHAPE(3), (double[]){0, 1, 0.5});
    expect_ok(kdst_tensor_set_requires_grad(t, 1));
    expect_ok(kdst_kl_div(x, t, options, &y));
    expect_close(y, (double[]){-2 + 0.5 * (log(0.5) + 3)});
    expect_ok(kdst_backward(y, NULL, NULL));
    dt = grad_of(t);
    expect_close(dt, (double[]){0, 1 - 2, log(0.5) + 1 + 3});
    kdst_options_release(options);
    release_all((kdst_tensor *[]){dt, y, t, x}, 4);
}
END_TEST

/* Logits far from 0 neither overflow nor lose their value. */
START_TEST(test_huge_logits)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(4), (double[]){1e4, -1e4, 1e4, -1e4}), *y = NULL;
    kdst_tensor *t = from_doubles(real_type(_i), SHAPE(4), (double[]){1, 0, 0, 1});
    kdst_options *options = reduced(NONE);
    expect_ok(kdst_bce_with_logits(x, t, NULL, NULL, options, &y));
    expect_close(y, (double[]){0, 0, 1e4, 1e4});
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, t, y}, 3);
}
END_TEST

START_TEST(test_empty_pairs)
{
    kdst_tensor *x = filled(F32, SHAPE(2, 0), 1), *t = filled(F32, SHAPE(2, 0), 2), *y = NULL;
    kdst_options *sum = reduced(SUM), *none = reduced(NONE);
    expect_ok(kdst_mse_loss(x, t, sum, &y));
    expect_close(y, (double[]){0});
    kdst_tensor_release(y);
    expect_ok(kdst_mse_loss(x, t, none, &y));
    expect_shape(y, SHAPE(2, 0));
    kdst_tensor_release(y);
    expect_failure(kdst_mse_loss(x, t, NULL, &y), KDST_STATUS_SHAPE, "mse_loss: input is [2, 0]: nothing has no mean");
    kdst_options_release(sum);
    kdst_options_release(none);
    release_all((kdst_tensor *[]){x, t}, 2);
}
END_TEST

START_TEST(test_bad_pairs)
{
    static kdst_status (*const functions[])(kdst_tensor *, kdst_tensor *, const kdst_options *, kdst_tensor **) = {
        kdst_l1_loss, kdst_mse_loss, kdst_huber_loss, kdst_smooth_l1_loss, kdst_kl_div};
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *t = filled(F32, SHAPE(2, 1), 2), *wide = filled(F64, SHAPE(2, 3), 3),
                *labels = from_labels(2, (int32_t[]){0, 1}), *y = x;
    kdst_options *options = NULL, *batch = reduced(BATCH_MEAN);
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "reduction", "median"));
    for (int i = 0; i < 5; i++) {
        expect_failure(
            functions[i](x, t, NULL, &y), KDST_STATUS_SHAPE,
            ": input is [2, 3], target is [2, 1]: expected the same shape");
        ck_assert_ptr_null(y);
        expect_failure(functions[i](x, wide, NULL, &y), KDST_STATUS_DTYPE, "float64");
        expect_failure(functions[i](labels, labels, NULL, &y), KDST_STATUS_DTYPE, "int32");
        expect_failure(functions[i](x, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "target is NULL");
        expect_failure(functions[i](x, x, options, &y), KDST_STATUS_INVALID_ARGUMENT, "median");
        expect_failure(functions[i](x, x, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
        ck_assert_int_eq(functions[i](NULL, x, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
        if (i < 4) expect_failure(functions[i](x, x, batch, &y), KDST_STATUS_INVALID_ARGUMENT, "batchmean");
    }
    kdst_tensor *scalar = filled(F32, 0, NULL, 4), *none = filled(F32, SHAPE(0, 2), 5);
    expect_failure(kdst_kl_div(scalar, scalar, batch, &y), KDST_STATUS_SHAPE, "rank 0");
    expect_failure(kdst_kl_div(none, none, batch, &y), KDST_STATUS_SHAPE, "nothing has no mean");
    expect_ok(kdst_options_set_string(options, "reduction", "mean"));
    expect_ok(kdst_options_set_float(options, "delta", 0));
    expect_failure(kdst_huber_loss(x, x, options, &y), KDST_STATUS_INVALID_ARGUMENT, "huber_loss: delta is 0");
    expect_failure(
        kdst_bce_with_logits(x, x, labels, NULL, NULL, &y), KDST_STATUS_DTYPE, "bce_with_logits: weight is int32");
    kdst_tensor *two = filled(F32, SHAPE(2), 6), *deep = filled(F32, SHAPE(1, 2, 3), 7);
    expect_failure(
        kdst_bce_with_logits(x, x, NULL, two, NULL, &y), KDST_STATUS_SHAPE,
        "positive_weight is [2], which does not stretch to the input's [2, 3]");
    expect_failure(kdst_bce_with_logits(x, x, deep, NULL, NULL, &y), KDST_STATUS_SHAPE, "weight is [1, 2, 3]");
    kdst_options_release(batch);
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, t, wide, labels, scalar, none, two, deep}, 8);
}
END_TEST

/* Weights are constants, also those that ask for a gradient. */
START_TEST(test_weights_have_no_gradient)
{
    kdst_tensor *x = filled(F64, SHAPE(2, 3), 1), *w = filled(F64, SHAPE(3), 2), *y = NULL, *grad = NULL;
    kdst_tensor *labels = from_labels(2, (int32_t[]){0, 2});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_tensor_set_requires_grad(w, 1));
    for (int i = 0; i < 2; i++) {
        expect_ok(i == 0 ? kdst_bce_with_logits(x, x, w, w, NULL, &y) : kdst_nll_loss(x, labels, w, NULL, &y));
        expect_ok(kdst_backward(y, NULL, NULL));
        ck_assert_int_ne(kdst_tensor_get_grad(w, &grad), KDST_STATUS_OK);
        kdst_tensor_release(y);
    }
    release_all((kdst_tensor *[]){x, w, labels}, 3);
}
END_TEST

/* ---- classes ---- */

typedef struct classes {
    int64_t outer, k, inner;
    int32_t labels[2000];
    double *logs; /* [outer, k, inner] log-probabilities */
    const double *weight;
    double smoothing;
    int32_t ignore;
} classes;

/* Values of the rows; returns the sum of the weights. */
static long double naive_rows(const classes *c, long double *rows)
{
    long double total = 0;
    for (int64_t r = 0; r < c->outer * c->inner; r++) {
        const double *row = c->logs + r / c->inner * c->k * c->inner + r % c->inner;
        int32_t y = c->labels[r];
        rows[r] = 0;
        if (y == c->ignore) continue;
        long double w = c->weight ? c->weight[y] : 1;
        total += w;
        rows[r] = -(1 - c->smoothing) * w * row[y * c->inner];
        for (int64_t k = 0; k < c->k; k++)
            rows[r] -= c->smoothing / (double)c->k * (c->weight ? c->weight[k] : 1) * row[k * c->inner];
    }
    return total;
}

static double *log_softmax(kdst_tensor *x, int64_t axis)
{
    kdst_tensor *wide = NULL, *logs = NULL;
    expect_ok(kdst_tensor_copy(x, F64, &wide));
    expect_ok(kdst_log_softmax(wide, axis, &logs));
    double *v = doubles(logs);
    release_all((kdst_tensor *[]){wide, logs}, 2);
    return v;
}

/* One shape, every option; `logits`: cross-entropy, else negative log-likelihood of x as it is. */
static void check_classes(kdst_dtype dtype, int64_t rank, const int64_t *shape, bool logits, int options_bits)
{
    int64_t axis = rank > 1, row_shape[4], own = 0;
    classes c = {1, shape[axis], 1, {0}, NULL, NULL, 0, -100};
    for (int64_t i = 0; i < rank; i++) {
        if (i == axis) continue;
        *(i < axis ? &c.outer : &c.inner) *= shape[i];
        row_shape[own++] = shape[i];
    }
    kdst_tensor *x = filled(dtype, rank, shape, 1), *w = options_bits & 1 ? filled(dtype, SHAPE(c.k), 2) : NULL;
    kdst_tensor *labels = NULL, *y = NULL;
    double *weight = w ? doubles(w) : NULL;
    long double *rows = malloc((size_t)(c.outer * c.inner) * sizeof *rows);
    c.weight = weight;
    c.ignore = options_bits & 2 ? (int32_t)(c.k - 1) : -100;
    c.smoothing = logits && (options_bits & 4) ? 0.25 : 0;
    c.logs = logits ? log_softmax(x, axis) : doubles(x);
    for (int64_t i = 0; i < c.outer * c.inner; i++)
        c.labels[i] = (int32_t)(i * i % c.k);
    long double total = naive_rows(&c, rows), sum = 0;
    for (int64_t i = 0; i < c.outer * c.inner; i++)
        sum += rows[i];
    expect_ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, own, row_shape, c.labels, &labels));
    for (int reduction = MEAN; reduction <= NONE; reduction++) {
        kdst_options *options = reduced(reduction);
        double *expected = malloc((size_t)(c.outer * c.inner) * 8);
        for (int64_t i = 0; i < c.outer * c.inner; i++)
            expected[i] = (double)rows[i];
        if (reduction != NONE) expected[0] = (double)(reduction == MEAN ? sum / total : sum);
        if (options_bits & 2) expect_ok(kdst_options_set_int(options, "ignore_index", c.ignore));
        if (c.smoothing > 0) expect_ok(kdst_options_set_float(options, "label_smoothing", c.smoothing));
        if (total != 0 || reduction != MEAN) {
            expect_ok(
                logits ? kdst_cross_entropy_loss(x, labels, w, options, &y) : kdst_nll_loss(x, labels, w, options, &y));
            expect_shape(y, reduction == NONE ? own : 0, row_shape);
            expect_close(y, expected);
            kdst_tensor_release(y);
        }
        free(expected);
        kdst_options_release(options);
    }
    free(rows);
    free(weight);
    free(c.logs);
    release_all((kdst_tensor *[]){x, w, labels}, 3);
}

START_TEST(test_classes)
{
    for (int bits = 0; bits < 8; bits++)
        for (int logits = 0; logits < 2; logits++) {
            check_classes(real_type(_i), SHAPE(7, 10), logits, bits);
            check_classes(real_type(_i), SHAPE(1, 1), logits, bits);
            check_classes(real_type(_i), SHAPE(129, 100), logits, bits);
            check_classes(real_type(_i), SHAPE(5), logits, bits);
            check_classes(real_type(_i), SHAPE(3, 5, 4), logits, bits);
            check_classes(real_type(_i), SHAPE(2, 7, 17, 19), logits, bits);
        }
}
END_TEST

/* The general loss without its options is the plain one. */
START_TEST(test_agrees_with_cross_entropy)
{
    kdst_tensor *x = filled(real_type(_i), SHAPE(37, 11), 1), *plain = NULL, *general = NULL, *dx = NULL;
    int32_t values[37];
    for (int i = 0; i < 37; i++)
        values[i] = i * 5 % 11;
    kdst_tensor *labels = from_labels(37, values);
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_cross_entropy(x, labels, &plain));
    expect_ok(kdst_cross_entropy_loss(x, labels, NULL, NULL, &general));
    double *value = doubles(plain);
    expect_close(general, value);
    expect_ok(kdst_backward(plain, NULL, NULL));
    dx = grad_of(x);
    double *gradient = doubles(dx);
    kdst_tensor_release(dx);
    expect_ok(kdst_tensor_clear_grad(x));
    expect_ok(kdst_backward(general, NULL, NULL));
    dx = grad_of(x);
    expect_close(dx, gradient);
    free(value);
    free(gradient);
    release_all((kdst_tensor *[]){x, labels, plain, general, dx}, 5);
}
END_TEST

/* All ignored: NaN, gradient 0; an impossible class (-inf) costs nothing where it is not the label. */
START_TEST(test_unusual_rows)
{
    kdst_tensor *x = from_doubles(real_type(_i), SHAPE(2, 3), (double[]){1, -INFINITY, 1, 0, 0, 0}), *y = NULL;
    kdst_tensor *ignored = from_labels(2, (int32_t[]){-100, -100}), *labels = from_labels(2, (int32_t[]){0, 1});
    expect_ok(kdst_tensor_set_requires_grad(x, 1));
    expect_ok(kdst_cross_entropy_loss(x, ignored, NULL, NULL, &y));
    double *v = doubles(y);
    ck_assert(isnan(v[0]));
    free(v);
    expect_ok(kdst_backward(y, NULL, NULL));
    kdst_tensor *dx = grad_of(x);
    expect_close(dx, (double[]){0, 0, 0, 0, 0, 0});
    release_all((kdst_tensor *[]){dx, y}, 2);
    expect_ok(kdst_tensor_clear_grad(x));
    expect_ok(kdst_cross_entropy_loss(x, labels, NULL, NULL, &y));
    expect_close(y, (double[]){(log(2) + log(3)) / 2});
    expect_ok(kdst_backward(y, NULL, NULL));
    dx = grad_of(x);
    expect_close(dx, (double[]){-0.25, 0, 0.25, 1. / 6, -1. / 3, 1. / 6});
    release_all((kdst_tensor *[]){dx, y, x, ignored, labels}, 5);
}
END_TEST

START_TEST(test_bad_classes)
{
    static kdst_status (*const functions[])(
        kdst_tensor *, kdst_tensor *, kdst_tensor *, const kdst_options *,
        kdst_tensor **) = {kdst_nll_loss, kdst_cross_entropy_loss};
    kdst_tensor *x = filled(F32, SHAPE(2, 3), 1), *image = filled(F32, SHAPE(2, 3, 2, 2), 2),
                *w = filled(F32, SHAPE(2), 3);
    kdst_tensor *wide = filled(F64, SHAPE(3), 4), *none = filled(F32, SHAPE(0, 3), 5),
                *no_class = filled(F32, SHAPE(2, 0), 6);
    kdst_tensor *good = from_labels(2, (int32_t[]){0, 2}), *high = from_labels(2, (int32_t[]){0, 3}), *y = x;
    kdst_tensor *low = from_labels(2, (int32_t[]){-1, 0}), *empty = from_labels(0, (int32_t[]){0}), *pixels = NULL;
    kdst_tensor *scalar = filled(F32, 0, NULL, 7);
    kdst_options *options = NULL;
    expect_ok(kdst_options_create(&options));
    expect_ok(kdst_options_set_string(options, "reduction", "batchmean"));
    expect_ok(kdst_tensor_create_from(
        ctx, KDST_DTYPE_INT32, 3, (int64_t[]){2, 2, 2}, (int32_t[]){0, 1, 2, 0, 1, 7, 0, 0}, &pixels));
    for (int i = 0; i < 2; i++) {
        y = x;
        expect_failure(
            functions[i](x, high, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT,
            "loss: label 3 at [1], allowed is 0 to 2, and -100 for what is ignored");
        ck_assert_ptr_null(y);
        expect_failure(functions[i](x, low, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "label -1 at [0]");
        expect_failure(
            functions[i](image, pixels, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "label 7 at [1, 0, 1]");
        expect_failure(
            functions[i](image, good, NULL, NULL, &y), KDST_STATUS_SHAPE, "input is [2, 3, 2, 2], labels are [2]");
        expect_failure(functions[i](scalar, good, NULL, NULL, &y), KDST_STATUS_SHAPE, "input is []");
        expect_failure(
            functions[i](x, good, w, NULL, &y), KDST_STATUS_SHAPE, "weight is [2], input is [2, 3]: expected [3]");
        expect_failure(functions[i](x, good, wide, NULL, &y), KDST_STATUS_DTYPE, "float64");
        expect_failure(functions[i](x, x, NULL, NULL, &y), KDST_STATUS_DTYPE, ": labels is float32, expected int32");
        expect_failure(functions[i](none, empty, NULL, NULL, &y), KDST_STATUS_SHAPE, "nothing has no mean");
        expect_failure(functions[i](no_class, good, NULL, NULL, &y), KDST_STATUS_SHAPE, "there are no classes");
        expect_failure(functions[i](x, NULL, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "labels is NULL");
        expect_failure(functions[i](x, good, NULL, options, &y), KDST_STATUS_INVALID_ARGUMENT, "batchmean");
        expect_failure(functions[i](x, good, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
        ck_assert_int_eq(functions[i](NULL, good, NULL, NULL, &y), KDST_STATUS_INVALID_ARGUMENT);
    }
    expect_ok(kdst_options_set_string(options, "reduction", "mean"));
    expect_ok(kdst_options_set_float(options, "label_smoothing", 1.5));
    expect_failure(
        kdst_cross_entropy_loss(x, good, NULL, options, &y), KDST_STATUS_INVALID_ARGUMENT, "label_smoothing is 1.5");
    expect_failure(kdst_nll_loss(x, good, NULL, options, &y), KDST_STATUS_INVALID_ARGUMENT, "label_smoothing");
    kdst_options_release(options);
    release_all((kdst_tensor *[]){x, image, w, wide, none, no_class, good, high, low, empty, pixels, scalar}, 12);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_pairs, 0, 2);
    tcase_add_test(tests, test_mean_in_double);
    tcase_add_loop_test(tests, test_kinks, 0, 2);
    tcase_add_loop_test(tests, test_huge_logits, 0, 2);
    tcase_add_test(tests, test_empty_pairs);
    tcase_add_test(tests, test_bad_pairs);
    tcase_add_test(tests, test_weights_have_no_gradient);
    tcase_add_loop_test(tests, test_classes, 0, 2);
    tcase_add_loop_test(tests, test_agrees_with_cross_entropy, 0, 2);
    tcase_add_loop_test(tests, test_unusual_rows, 0, 2);
    tcase_add_test(tests, test_bad_classes);
}

int main(void)
{
    return run_suite("criterion", build);
}
