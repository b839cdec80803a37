/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples an epoch takes: class-balanced and by weights. Pixels hold the number of the sample. */
#include "support.h"

#include "support/run.h"

#include <math.h>

enum { N = 100 };

/* Labels 0, 3 and 7 with 70, 20 and 10 samples. */
static int32_t label_of(int64_t i)
{
    return i % 10 < 7 ? 0 : i % 10 < 9 ? 3 : 7;
}

static kdst_dataset *make(kdst_context *c)
{
    const int64_t shape[] = {N, 1, 1, 1};
    float numbers[N];
    int32_t labels[N];
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    for (int i = 0; i < N; i++) {
        numbers[i] = (float)i;
        labels[i] = label_of(i);
    }
    ok(kdst_tensor_create_from(c, KDST_DTYPE_FLOAT32, 4, shape, numbers, &x));
    ok(kdst_tensor_create_from(c, KDST_DTYPE_INT32, 1, shape, labels, &y));
    ok(kdst_dataset_create(c, x, y, 9, &d));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return d;
}

/* Numbers of the samples of an epoch, in order. */
static void take(kdst_loader *l, int64_t epoch, int out[N])
{
    kdst_tensor *x = NULL, *y = NULL;
    int n = 0;
    ok(kdst_loader_set_epoch(l, epoch));
    for (ok(kdst_loader_next(l, &x, &y)); x; ok(kdst_loader_next(l, &x, &y))) {
        float *numbers = copy_of(x, NULL);
        int32_t *labels = copy_of(y, NULL);
        for (int64_t i = 0; i < kdst_tensor_get_size(x, 0); i++) {
            out[n++] = (int)numbers[i];
            ck_assert_int_eq(labels[i], label_of((int)numbers[i]));
        }
        free(labels);
        free(numbers);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    ck_assert_int_eq(n, N);
}

START_TEST(test_balanced)
{
    int order[N], again[N], extra[3] = {0}, first[N] = {0};
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL;
    kdst_options *o = set_int(set_text(new_options(), "sampler", "balanced"), "prefetch", 2 * _i);
    ok(kdst_loader_create(d, 7, o, &l));
    for (int e = 0; e < 60; e++) {
        int count[10] = {0}, each[N] = {0};
        take(l, e, order);
        for (int i = 0; i < N; i++) {
            count[label_of(order[i])]++;
            each[order[i]]++;
            if (i < 7) first[order[i]]++;
        }
        const int labels[] = {0, 3, 7}, sizes[] = {70, 20, 10};
        for (int k = 0; k < 3; k++) {
            ck_assert(count[labels[k]] == 33 || count[labels[k]] == 34);
            extra[k] += count[labels[k]] == 34;
            for (int i = 0; i < N; i++)
                if (label_of(i) == labels[k])
                    ck_assert(each[i] == count[labels[k]] / sizes[k] || each[i] == count[labels[k]] / sizes[k] + 1);
        }
        take(l, e, again);
        ck_assert_mem_eq(order, again, sizeof order);
    }
    ck_assert_int_eq(extra[0] + extra[1] + extra[2], 60); /* one class an epoch, each 20 +- 4 times */
    for (int k = 0; k < 3; k++)
        ck_assert(extra[k] > 5 && extra[k] < 40);
    int heads = 0;
    for (int i = 0; i < N; i++)
        heads += label_of(i) == 7 ? first[i] : 0;
    ck_assert(heads > 90 && heads < 190); /* a third of 420: shuffled over classes */
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_weights)
{
    enum { EPOCHS = 300 };
    double weights[N], sum = 0, chi = 0;
    int order[N], count[N] = {0};
    const int64_t shape[] = {N};
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL;
    kdst_tensor *w = NULL;
    for (int i = 0; i < N; i++)
        sum += weights[i] = i % 4 == 0 || i == N - 1 ? 0 : i % 5 + 1;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, shape, weights, &w));
    kdst_options *o = set_int(new_options(), "prefetch", 2 * _i);
    ok(kdst_loader_create_with(d, 9, NULL, w, o, &l));
    kdst_tensor_release(w);
    for (int e = 0; e < EPOCHS; e++) {
        take(l, e, order);
        for (int i = 0; i < N; i++)
            count[order[i]]++;
    }
    for (int i = 0; i < N; i++) {
        double share = EPOCHS * N * weights[i] / sum;
        if (weights[i] == 0)
            ck_assert_int_eq(count[i], 0);
        else
            chi += (count[i] - share) * (count[i] - share) / share;
    }
    ck_assert_msg(chi < 150, "chi-squared is %g", chi); /* of 73 degrees of freedom: above once in a million */
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_names)
{
    static const char *const names[] = {"sequential", "shuffle"};
    int order[N], other[N];
    kdst_dataset *d = make(ctx);
    for (int i = 0; i < 2; i++) {
        kdst_loader *a = NULL, *b = NULL;
        kdst_options *o = set_text(new_options(), "sampler", names[i]), *p = set_int(new_options(), "shuffle", i);
        ok(kdst_loader_create(d, 8, set_int(o, "shuffle", !i), &a)); /* the sampler decides */
        ok(kdst_loader_create(d, 8, p, &b));
        take(a, 1, order);
        take(b, 1, other);
        ck_assert_mem_eq(order, other, sizeof order);
        ck_assert(i == (order[0] != 0 || order[1] != 1));
        kdst_options_release(p);
        kdst_options_release(o);
        kdst_loader_release(b);
        kdst_loader_release(a);
    }
    kdst_dataset_release(d);
}
END_TEST

static void
refuse(kdst_dataset *d, kdst_dtype dtype, const void *values, int64_t count, kdst_status status, const char *text)
{
    kdst_tensor *w = NULL;
    kdst_loader *l = (kdst_loader *)d;
    ok(kdst_tensor_create_from(ctx, dtype, 1, &count, values, &w));
    refused(kdst_loader_create_with(d, 1, NULL, w, NULL, &l), status, text);
    ck_assert_ptr_null(l);
    kdst_tensor_release(w);
}

START_TEST(test_refused)
{
    double weights[N] = {0};
    kdst_dataset *d = make(ctx);
    kdst_loader *l = NULL;
    kdst_tensor *w = NULL;
    const int64_t shape[] = {N};
    refuse(d, KDST_DTYPE_FLOAT64, weights, N, KDST_STATUS_INVALID_ARGUMENT, "the weights add up to 0");
    refuse(d, KDST_DTYPE_FLOAT64, weights, N - 1, KDST_STATUS_SHAPE, "weights are [99], expected [100]");
    refuse(d, KDST_DTYPE_INT32, weights, N, KDST_STATUS_DTYPE, "weights are int32");
    weights[5] = -1;
    refuse(d, KDST_DTYPE_FLOAT64, weights, N, KDST_STATUS_INVALID_ARGUMENT, "weight 5 is -1");
    weights[5] = NAN;
    refuse(d, KDST_DTYPE_FLOAT64, weights, N, KDST_STATUS_INVALID_ARGUMENT, "weight 5 is");
    weights[5] = weights[6] = 1e308;
    weights[7] = 1e308;
    refuse(d, KDST_DTYPE_FLOAT64, weights, N, KDST_STATUS_INVALID_ARGUMENT, "the weights add up to inf");
    weights[6] = weights[7] = 0;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, shape, weights, &w));
    kdst_options *o = set_text(new_options(), "sampler", "balanced");
    refused(
        kdst_loader_create_with(d, 1, NULL, w, o, &l), KDST_STATUS_INVALID_ARGUMENT, "sampler is given beside weights");
    refused(kdst_loader_create_with(d, 1, NULL, w, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_loader_create_with(NULL, 1, NULL, w, NULL, &l), KDST_STATUS_INVALID_ARGUMENT);
    kdst_options_release(o);
    kdst_tensor_release(w);
    kdst_dataset_release(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data sampler");
    TCase *all = tcase_create("sampler");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, test_balanced, 0, 2);
    tcase_add_loop_test(all, test_weights, 0, 2);
    tcase_add_test(all, test_names);
    tcase_add_test(all, test_refused);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
