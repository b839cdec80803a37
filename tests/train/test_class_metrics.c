/* SPDX-License-Identifier: Apache-2.0 */
/* Figures by class, the option top, and metrics without a confusion matrix, against the definitions. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { N = 500, K = 7 };

static kdst_context *ctx;

static void set_up(void)
{
    ctx = make_context(1);
}

static void tear_down(void)
{
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

static kdst_options *options_of(int64_t top, const char *confusion)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    if (top) ck_assert_int_eq(kdst_options_set_int(o, "top", top), 0);
    if (confusion) ck_assert_int_eq(kdst_options_set_string(o, "confusion", confusion), 0);
    return o;
}

static double get(kdst_metrics *m, const char *key)
{
    double value = -1;
    ck_assert_msg(kdst_metrics_get(m, key, &value) == 0, "%s", kdst_context_message(ctx));
    return value;
}

/* Logits whose largest one is at predictions[i]; the others fall with the distance from it. */
static void add_all(kdst_metrics *m, int64_t n, int64_t k, const int32_t *predictions, const int32_t *labels)
{
    double *z = malloc((size_t)(n * k) * sizeof *z);
    const int64_t shape[] = {n, k};
    kdst_tensor *x = NULL, *y = NULL;
    for (int64_t i = 0; i < n * k; i++)
        z[i] = -fabs((double)(i % k) - predictions[i / k] - 0.25);
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 2, shape, z, &x), 0);
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, labels, &y), 0);
    ck_assert_msg(kdst_metrics_add(m, x, y) == 0, "%s", kdst_context_message(ctx));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    free(z);
}

/* Class 5 occurs neither as a label nor as a prediction, class 6 as a prediction alone, class 4 as a label alone. */
static void make_classes(int32_t predictions[N], int32_t labels[N])
{
    uint32_t state = 4;
    for (int i = 0; i < N; i++) {
        state = state * 1664525u + 1013904223u;
        labels[i] = (int32_t)((state >> 24) % 5);
        int32_t other = (int32_t)((state >> 16 & 255) % 5);
        predictions[i] = state >> 8 & 1 ? labels[i] : other;
        if (predictions[i] == 4) predictions[i] = 6;
    }
}

START_TEST(by_class)
{
    int32_t predictions[N], labels[N];
    double table[K][4], macro[3] = {0}, weighted = 0, recall = 0;
    int occurring = 0, labelled = 0;
    kdst_metrics *m = NULL;
    kdst_tensor *t = NULL;
    kdst_options *o = options_of(0, _i ? "no" : NULL);
    make_classes(predictions, labels);
    ck_assert_int_eq(kdst_metrics_create(ctx, K, o, &m), 0);
    ck_assert(isnan(get(m, "macro_f1")) && isnan(get(m, "weighted_f1")) && isnan(get(m, "balanced_accuracy")));
    add_all(m, N, K, predictions, labels);
    ck_assert_int_eq(kdst_metrics_get_classes(m, &t), 0);
    ck_assert_int_eq(kdst_tensor_get_data(t, table, sizeof table), 0);
    for (int k = 0; k < K; k++) {
        double hits = 0, predicted = 0, labels_of = 0;
        for (int i = 0; i < N; i++) {
            hits += predictions[i] == k && labels[i] == k;
            predicted += predictions[i] == k;
            labels_of += labels[i] == k;
        }
        double p = predicted ? hits / predicted : 0, r = labels_of ? hits / labels_of : 0;
        double f = p + r > 0 ? 2 * p * r / (p + r) : 0, want[] = {p, r, f, labels_of};
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol(table[k][i], want[i], 1e-12);
        macro[0] += p;
        macro[1] += r;
        macro[2] += f;
        weighted += labels_of * f / N;
        occurring += predicted > 0 || labels_of > 0;
        labelled += labels_of > 0;
        recall += r;
    }
    ck_assert(occurring == 6 && labelled == 5);
    ck_assert_double_eq_tol(get(m, "macro_precision"), macro[0] / 6, 1e-12);
    ck_assert_double_eq_tol(get(m, "macro_recall"), macro[1] / 6, 1e-12);
    ck_assert_double_eq_tol(get(m, "macro_f1"), macro[2] / 6, 1e-12);
    ck_assert_double_eq_tol(get(m, "weighted_f1"), weighted, 1e-12);
    ck_assert_double_eq_tol(get(m, "balanced_accuracy"), recall / 5, 1e-12);
    ck_assert_int_eq(kdst_metrics_reset(m), 0);
    ck_assert(isnan(get(m, "macro_f1")));
    kdst_tensor_release(t);
    kdst_metrics_release(m);
    kdst_options_release(o);
}
END_TEST

/* The j nearest classes of the prediction are the j largest logits. */
START_TEST(top)
{
    const int32_t predictions[] = {3, 3, 3, 3, 3, 3, 3}, labels[] = {0, 1, 2, 3, 4, 5, 6};
    static const int64_t tops[] = {1, 2, 3, 4, 5, 6, 7, 100000};
    for (int i = 0; i < 8; i++) {
        kdst_metrics *m = NULL;
        kdst_options *o = options_of(tops[i], NULL);
        ck_assert_int_eq(kdst_metrics_create(ctx, K, o, &m), 0);
        add_all(m, K, K, predictions, labels);
        ck_assert_double_eq_tol(get(m, "top"), (tops[i] < K ? tops[i] : K) / 7.0, 1e-12);
        ck_assert_double_eq_tol(get(m, "top5"), 5 / 7.0, 1e-12);
        kdst_metrics_release(m);
        kdst_options_release(o);
    }
}
END_TEST

START_TEST(without_matrix)
{
    enum { MANY = 100000 };
    const int32_t labels[] = {99999, 7};
    kdst_metrics *m = NULL, *none = NULL;
    kdst_tensor *t = (kdst_tensor *)&m;
    kdst_options *o = options_of(0, "no"), *wrong = options_of(0, "maybe");
    ck_assert_int_eq(kdst_metrics_create(ctx, MANY, NULL, &m), 0); /* a matrix would take 80 GB */
    add_all(m, 2, MANY, labels, labels);
    ck_assert_double_eq(get(m, "accuracy"), 1);
    ck_assert_double_eq(get(m, "macro_f1"), 1);
    ck_assert_int_eq(kdst_metrics_get_confusion(m, &t), KDST_STATUS_STATE);
    ck_assert_ptr_null(t);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "no matrix is kept of 100000 classes"));
    ck_assert_int_eq(kdst_metrics_create(ctx, K, o, &none), 0);
    ck_assert_int_eq(kdst_metrics_get_confusion(none, &t), KDST_STATUS_STATE);
    kdst_metrics_release(none);
    ck_assert_int_eq(kdst_metrics_create(ctx, K, wrong, &none), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(kdst_metrics_get_classes(NULL, &t), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_metrics_get_classes(m, NULL), KDST_STATUS_INVALID_ARGUMENT);
    kdst_metrics_release(m);
    kdst_options_release(wrong);
    kdst_options_release(o);
}
END_TEST

static kdst_status work(kdst_context *c, void *arg)
{
    kdst_metrics *m = NULL;
    kdst_tensor *t = NULL;
    kdst_options *o = options_of(3, *(int *)arg ? "yes" : "no");
    kdst_status status = kdst_metrics_create(c, K, o, &m);
    TRY(kdst_metrics_get_classes(m, &t));
    kdst_tensor_release(t);
    kdst_metrics_release(m);
    kdst_options_release(o);
    return status;
}

START_TEST(allocations)
{
    ck_assert_int_ge(each_allocation_fails(NULL, work, &_i), 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train class metrics");
    TCase *all = tcase_create("classes");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, by_class, 0, 2);
    tcase_add_test(all, top);
    tcase_add_test(all, without_matrix);
    tcase_add_loop_test(all, allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
