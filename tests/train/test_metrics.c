/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics against figures worked out by hand, and bad input. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

static kdst_context *ctx;
static void set_up(void) { ctx = make_context(1); }
static void tear_down(void)
{
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

static kdst_tensor *logits_of(kdst_dtype dtype, int64_t n, int64_t k, const double *values)
{
    const int64_t shape[] = {n, k};
    kdst_tensor *wide = NULL, *out = NULL;
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 2, shape, values, &wide), 0);
    ck_assert_int_eq(kdst_tensor_copy(wide, dtype, &out), 0);
    kdst_tensor_release(wide);
    return out;
}

static kdst_tensor *labels_of(int64_t n, const int32_t *values)
{
    kdst_tensor *out = NULL;
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &n, values, &out), 0);
    return out;
}

static double get(kdst_metrics *m, const char *key)
{
    double value = -1;
    ck_assert_int_eq(kdst_metrics_get(m, key, &value), 0);
    return value;
}

/* Rows are logs of probabilities, so every figure can be worked out by hand. */
static const double probabilities[4][3] = {{0.7, 0.2, 0.1}, {0.1, 0.6, 0.3}, {0.25, 0.25, 0.5}, {0.8, 0.1, 0.1}};
static const int32_t truth[4] = {0, 2, 2, 0};

START_TEST(by_hand)
{
    kdst_dtype dtype = _i ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    double tolerance = _i ? 1e-12 : 1e-6, values[12];
    kdst_metrics *m = NULL;
    kdst_options *o = NULL;
    for (int i = 0; i < 12; i++) values[i] = log(probabilities[i / 3][i % 3]);
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "bins", 2), 0);
    ck_assert_int_eq(kdst_metrics_create(ctx, 3, o, &m), 0);
    ck_assert(isnan(get(m, "accuracy")) && get(m, "count") == 0);
    kdst_tensor *z = logits_of(dtype, 4, 3, values), *y = labels_of(4, truth);
    ck_assert_int_eq(kdst_metrics_add(m, z, y), 0);
    ck_assert_double_eq(get(m, "count"), 4);
    ck_assert_double_eq(get(m, "accuracy"), 0.75);
    ck_assert_double_eq(get(m, "top5"), 1);
    ck_assert_double_eq_tol(get(m, "nll"), -(log(0.7) + log(0.3) + log(0.5) + log(0.8)) / 4, tolerance);
    double brier = (0.09 + 0.04 + 0.01) + (0.01 + 0.36 + 0.49) + (0.0625 + 0.0625 + 0.25) + (0.04 + 0.01 + 0.01);
    ck_assert_double_eq_tol(get(m, "brier"), brier / 4, tolerance);
    /* 0.5 lies in bin (0, 0.5]; 0.7, 0.6 and 0.8 in (0.5, 1]: accuracy 2/3 against confidence 0.7. Rounding may lift 0.5 over the edge. */
    double split = fabs(1 - 0.5) / 4 + fabs(2 - 2.1) / 4, joined = fabs(3 - 2.6) / 4;
    ck_assert(fabs(get(m, "ece") - split) < tolerance || fabs(get(m, "ece") - joined) < tolerance);
    kdst_tensor *confusion = NULL, *reliability = NULL;
    int32_t cells[9];
    double bins[6];
    ck_assert_int_eq(kdst_metrics_get_confusion(m, &confusion), 0);
    ck_assert_int_eq(kdst_tensor_get_data(confusion, cells, sizeof cells), 0);
    static const int32_t wanted[9] = {2, 0, 0, 0, 0, 0, 0, 1, 1};
    for (int i = 0; i < 9; i++) ck_assert_int_eq(cells[i], wanted[i]);
    ck_assert_int_eq(kdst_metrics_get_reliability(m, &reliability), 0);
    ck_assert_int_eq(kdst_tensor_get_data(reliability, bins, sizeof bins), 0);
    ck_assert_double_eq(bins[0] + bins[3], 4);
    ck_assert_int_eq(kdst_metrics_reset(m), 0);
    ck_assert_double_eq(get(m, "count"), 0);
    kdst_tensor_release(reliability);
    kdst_tensor_release(confusion);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_options_release(o);
    kdst_metrics_release(m);
}
END_TEST

START_TEST(top5_and_large_logits)
{
    double row[7] = {800, 799, 798, 797, 796, 795, -800};
    const int32_t fifth = 4, sixth = 5;
    kdst_metrics *m = NULL;
    ck_assert_int_eq(kdst_metrics_create(ctx, 7, NULL, &m), 0);
    kdst_tensor *z = logits_of(KDST_DTYPE_FLOAT32, 1, 7, row), *a = labels_of(1, &fifth), *b = labels_of(1, &sixth);
    ck_assert_int_eq(kdst_metrics_add(m, z, a), 0);
    ck_assert_double_eq(get(m, "top5"), 1);
    ck_assert_int_eq(kdst_metrics_add(m, z, b), 0);
    ck_assert_double_eq(get(m, "top5"), 0.5);
    ck_assert(isfinite(get(m, "nll")));
    kdst_tensor_release(z);
    kdst_tensor_release(a);
    kdst_tensor_release(b);
    kdst_metrics_release(m);
}
END_TEST

START_TEST(bad_input)
{
    double good[6] = {1, 2, 3, 4, 5, 6}, nan_row[6] = {1, 2, 3, 4, NAN, 6};
    const int32_t fine[2] = {0, 2}, low[2] = {0, -1}, high[2] = {3, 0};
    kdst_metrics *m = NULL;
    double value;
    ck_assert_int_eq(kdst_metrics_create(ctx, 0, NULL, &m), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(kdst_metrics_create(ctx, 3, NULL, &m), 0);
    kdst_tensor *z = logits_of(KDST_DTYPE_FLOAT32, 2, 3, good), *bad = logits_of(KDST_DTYPE_FLOAT32, 2, 3, nan_row);
    kdst_tensor *y = labels_of(2, fine), *l = labels_of(2, low), *h = labels_of(2, high), *one = labels_of(1, fine);
    ck_assert_int_eq(kdst_metrics_add(m, z, l), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_context_message(ctx), "metrics_add: label -1 at row 1, allowed is 0 to 2");
    ck_assert_int_eq(kdst_metrics_add(m, z, h), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_metrics_add(m, bad, y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_metrics_add(m, z, one), KDST_STATUS_SHAPE);
    ck_assert_int_eq(kdst_metrics_add(m, y, y), KDST_STATUS_DTYPE);
    ck_assert_int_eq(kdst_metrics_add(m, z, z), KDST_STATUS_DTYPE);
    ck_assert_int_eq(kdst_metrics_add(m, NULL, y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_double_eq(get(m, "count"), 0);
    ck_assert_int_eq(kdst_metrics_get(m, "f1", &value), KDST_STATUS_NOT_FOUND);
    kdst_tensor *all[] = {z, bad, y, l, h, one};
    for (int i = 0; i < 6; i++) kdst_tensor_release(all[i]);
    kdst_metrics_release(m);
}
END_TEST

START_TEST(over_a_loader)
{
    setup s;
    kdst_metrics *m = NULL;
    ck_assert_int_eq(make_setup(ctx, 1, &s), 0);
    ck_assert_int_eq(kdst_metrics_create(ctx, CLASSES, NULL, &m), 0);
    uint64_t before = fingerprint(&s);
    for (int pass = 1; pass <= 2; pass++) {
        ck_assert_int_eq(kdst_metrics_add_loader(m, s.model, s.validation), 0);
        ck_assert_double_eq(get(m, "count"), 30 * pass);
    }
    ck_assert(fingerprint(&s) == before); /* no running statistics moved */
    ck_assert_int_eq(kdst_layer_get_training(s.model), 1);
    ck_assert_int_eq(kdst_metrics_add_loader(m, NULL, s.validation), KDST_STATUS_INVALID_ARGUMENT);
    kdst_metrics_release(m);
    free_setup(&s);
}
END_TEST

/* A constant added to every logit, exactly, changes no figure, however large it is beside them. */
START_TEST(shifted_logits)
{
    static const double shifts[] = {0, 0x1p30, -0x1p40, 0x1p50};
    const int32_t labels[2] = {1, 3};
    double values[8] = {3, 2, 2, 5, 1, 1, 1, 1}, sum = exp(3) + 2 * exp(2) + exp(5);
    kdst_metrics *m = NULL;
    for (int i = 0; i < 8; i++) values[i] += shifts[_i];
    ck_assert_int_eq(kdst_metrics_create(ctx, 4, NULL, &m), 0);
    kdst_tensor *z = logits_of(KDST_DTYPE_FLOAT64, 2, 4, values), *y = labels_of(2, labels);
    ck_assert_int_eq(kdst_metrics_add(m, z, y), 0);
    ck_assert_double_eq_tol(get(m, "nll"), (log(sum) - 2 + log(4)) / 2, 1e-14);
    ck_assert_double_eq_tol(get(m, "ece"), (exp(5) / sum + 0.25) / 2, 1e-14);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_metrics_release(m);
}
END_TEST

/* Of equal logits the smaller class comes first: among the largest five, and as the prediction. */
START_TEST(equal_logits)
{
    static const double rows[2][7] = {{1, 1, 1, 1, 1, 1, 1}, {2, 1, 1, 1, 1, 1, 3}};
    static const int in_top[2][7] = {{1, 1, 1, 1, 1, 0, 0}, {1, 1, 1, 1, 0, 0, 1}}, predicted[2] = {0, 6};
    kdst_metrics *m = NULL;
    const int32_t label = _i % 7;
    const double *row = rows[_i / 7];
    ck_assert_int_eq(kdst_metrics_create(ctx, 7, NULL, &m), 0);
    kdst_tensor *z = logits_of(KDST_DTYPE_FLOAT32, 1, 7, row), *y = labels_of(1, &label);
    ck_assert_int_eq(kdst_metrics_add(m, z, y), 0);
    ck_assert_double_eq(get(m, "top5"), in_top[_i / 7][label]);
    ck_assert_double_eq(get(m, "accuracy"), label == predicted[_i / 7]);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_metrics_release(m);
}
END_TEST

/* K equal logits have confidence 1 / K, exactly on an edge when `bins` is a multiple of K: that is the lower bin's. */
START_TEST(edges_of_bins)
{
    static const struct { int64_t classes, bins, row; } edges[] = {
        {1, 1, 0}, {1, 15, 14}, {2, 2, 0}, {2, 4, 1}, {2, 1000, 499}, {4, 4, 0}, {4, 100, 24}, {2, 3, 1}};
    const int64_t classes = edges[_i].classes, bins = edges[_i].bins;
    const double zeros[4] = {0};
    const int32_t label = 0;
    double rows[3000];
    kdst_metrics *m = NULL;
    kdst_options *o = NULL;
    kdst_tensor *reliability = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "bins", bins), 0);
    ck_assert_int_eq(kdst_metrics_create(ctx, classes, o, &m), 0);
    kdst_tensor *z = logits_of(KDST_DTYPE_FLOAT64, 1, classes, zeros), *y = labels_of(1, &label);
    ck_assert_int_eq(kdst_metrics_add(m, z, y), 0);
    ck_assert_int_eq(kdst_metrics_get_reliability(m, &reliability), 0);
    ck_assert_int_eq(kdst_tensor_get_data(reliability, rows, bins * 3 * (int64_t)sizeof *rows), 0);
    for (int64_t b = 0; b < bins; b++) ck_assert_double_eq(rows[3 * b], b == edges[_i].row);
    ck_assert_double_eq(rows[3 * edges[_i].row + 1], 1.0 / (double)classes);
    ck_assert_double_eq(rows[3 * edges[_i].row + 2], 1);
    kdst_tensor_release(reliability);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_options_release(o);
    kdst_metrics_release(m);
}
END_TEST

enum { ROWS = 300, WIDE = 10, BINS = 15 };

/* Softmax of each row, as the formula has it. */
static void probabilities_of(const double *z, double *p)
{
    for (int b = 0; b < ROWS; b++) {
        double sum = 0;
        for (int k = 0; k < WIDE; k++) sum += exp(z[b * WIDE + k]);
        for (int k = 0; k < WIDE; k++) p[b * WIDE + k] = exp(z[b * WIDE + k]) / sum;
    }
}

/* ECE = sum over bins of n_b / n |accuracy_b - confidence_b|, bin b holding confidences in (b, b + 1] / BINS. */
static double calibration_of(const double *p, const int32_t *labels)
{
    double error = 0;
    for (int bin = 0; bin < BINS; bin++) {
        double hits = 0, confidence = 0;
        for (int b = 0; b < ROWS; b++) {
            int top = 0;
            for (int k = 1; k < WIDE; k++)
                if (p[b * WIDE + k] > p[b * WIDE + top]) top = k;
            double c = p[b * WIDE + top];
            if (!(c > (double)bin / BINS && c <= (double)(bin + 1) / BINS)) continue;
            hits += top == labels[b];
            confidence += c;
        }
        error += fabs(hits - confidence) / ROWS;
    }
    return error;
}

/* Logits are multiples of 1/64 and so the same in both types; sums differ in their rounding alone. */
START_TEST(by_the_formulas)
{
    static double z[ROWS * WIDE], p[ROWS * WIDE];
    int32_t labels[ROWS];
    double nll = 0, brier = 0;
    uint32_t state = 7;
    kdst_metrics *m = NULL;
    for (int i = 0; i < ROWS * WIDE; i++) {
        state = state * 1664525u + 1013904223u;
        z[i] = ((double)(state >> 24) - 128) / 64;
        if (i % WIDE == 0) labels[i / WIDE] = (int32_t)((state >> 16) % WIDE);
        z[i] += i % WIDE == labels[i / WIDE] ? 2 : 0;
    }
    probabilities_of(z, p);
    for (int i = 0; i < ROWS * WIDE; i++) {
        int own = i % WIDE == labels[i / WIDE];
        brier += (p[i] - own) * (p[i] - own);
        if (own) nll -= log(p[i]);
    }
    ck_assert_int_eq(kdst_metrics_create(ctx, WIDE, NULL, &m), 0);
    kdst_tensor *logits = logits_of(_i ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32, ROWS, WIDE, z);
    kdst_tensor *y = labels_of(ROWS, labels);
    ck_assert_int_eq(kdst_metrics_add(m, logits, y), 0);
    ck_assert_double_eq_tol(get(m, "nll"), nll / ROWS, 1e-13);
    ck_assert_double_eq_tol(get(m, "brier"), brier / ROWS, 1e-13);
    ck_assert_double_eq_tol(get(m, "ece"), calibration_of(p, labels), 1e-13);
    ck_assert_double_gt(get(m, "ece"), 0.01);
    kdst_tensor_release(logits);
    kdst_tensor_release(y);
    kdst_metrics_release(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *values = tcase_create("values"), *failing = tcase_create("failing");
    tcase_add_checked_fixture(values, set_up, tear_down);
    tcase_add_checked_fixture(failing, set_up, tear_down);
    tcase_add_loop_test(values, by_hand, 0, 2);
    tcase_add_test(values, top5_and_large_logits);
    tcase_add_loop_test(values, equal_logits, 0, 14);
    tcase_add_loop_test(values, edges_of_bins, 0, 8);
    tcase_add_loop_test(values, by_the_formulas, 0, 2);
    tcase_add_loop_test(values, shifted_logits, 0, 4);
    tcase_add_test(values, over_a_loader);
    tcase_add_test(failing, bad_input);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, failing);
    return run_suite(suite);
}
