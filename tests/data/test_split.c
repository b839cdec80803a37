/* SPDX-License-Identifier: Apache-2.0 */
/* Splits: balanced, disjoint, complete, in order, decided by seed and labels alone. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

enum { N = 97 };

/* Classes of very different sizes; the image of sample i is the number i. */
static kdst_dataset *numbered(kdst_context *c, const int32_t *labels, kdst_dtype dtype)
{
    double wide[N];
    float narrow[N];
    uint8_t bytes[N];
    const int64_t shape[] = {N, 1, 1, 1};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    for (int i = 0; i < N; i++)
        bytes[i] = (uint8_t)i, narrow[i] = (float)i, wide[i] = i;
    const void *pixels = dtype == KDST_DTYPE_UINT8 ? (void *)bytes
        : dtype == KDST_DTYPE_FLOAT32              ? (void *)narrow
                                                   : wide;
    ck_assert_int_eq(kdst_tensor_create_from(c, dtype, 4, shape, pixels, &x), 0);
    ck_assert_int_eq(kdst_tensor_create_from(c, KDST_DTYPE_INT32, 1, shape, labels, &y), 0);
    ck_assert_int_eq(kdst_dataset_create(c, x, y, 0, &d), 0);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return d;
}

static void uneven(int32_t labels[N])
{
    for (int i = 0; i < N; i++)
        labels[i] = i % 7 ? (i * i) % 11 % 5 : 6; /* no sample of class 5 */
}

/* Numbers of the samples of a part; checks that labels went with their images and that order was kept. */
static int64_t read_part(kdst_dataset *d, const int32_t *labels, kdst_dtype dtype, int out[N])
{
    kdst_tensor *x = NULL, *y = NULL;
    ok(kdst_dataset_get_images(d, &x));
    ok(kdst_dataset_get_labels(d, &y));
    ck_assert_int_eq(kdst_tensor_get_dtype(x), dtype);
    void *pixels = copy_of(x, NULL);
    int32_t *numbers = copy_of(y, NULL);
    for (int64_t i = 0; i < kdst_dataset_get_count(d); i++) {
        out[i] = dtype == KDST_DTYPE_UINT8 ? ((uint8_t *)pixels)[i]
            : dtype == KDST_DTYPE_FLOAT32  ? (int)((float *)pixels)[i]
                                           : (int)((double *)pixels)[i];
        ck_assert_int_eq(numbers[i], labels[out[i]]);
        if (i) ck_assert_int_gt(out[i], out[i - 1]);
    }
    free(numbers);
    free(pixels);
    return kdst_dataset_get_count(d);
}

/* Every count: floor or ceil of each class, nothing twice, nothing lost. */
START_TEST(test_balance)
{
    static const kdst_dtype types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};
    int32_t labels[N];
    uneven(labels);
    kdst_dataset *d = numbered(ctx, labels, types[_i]);
    for (int64_t count = 1; count < N; count++) {
        kdst_dataset *parts[2];
        int samples[N], of_class[7] = {0}, in_first[7] = {0}, seen[N] = {0};
        ok(kdst_dataset_create_split(d, count, (uint64_t)count, &parts[0], &parts[1]));
        for (int p = 0; p < 2; p++) {
            int64_t n = read_part(parts[p], labels, types[_i], samples);
            ck_assert_int_eq(n, p ? N - count : count);
            ck_assert_int_eq(kdst_dataset_get_classes(parts[p]), 7);
            for (int64_t i = 0; i < n; i++) {
                seen[samples[i]]++;
                of_class[labels[samples[i]]]++;
                if (!p) in_first[labels[samples[i]]]++;
            }
            kdst_dataset_release(parts[p]);
        }
        for (int i = 0; i < N; i++)
            ck_assert_int_eq(seen[i], 1);
        for (int k = 0; k < 7; k++) {
            int64_t floor = count * of_class[k] / N, rest = count * of_class[k] % N;
            ck_assert(in_first[k] == floor || (rest && in_first[k] == floor + 1));
        }
    }
    kdst_dataset_release(d);
}
END_TEST

/* Of 10, 20 and 30 samples of 60 a part of 7 has shares 1 1/6, 2 1/3, 3 1/2: the last gets the sample that is left. */
START_TEST(test_largest_fraction)
{
    enum { M = 60 };
    int32_t labels[M];
    uint8_t pixels[M] = {0};
    const int64_t shape[] = {M, 1, 1, 1};
    int in_first[3] = {0};
    for (int i = 0; i < M; i++)
        labels[i] = i < 10 ? 0 : i < 30 ? 1 : 2;
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL, *first = NULL, *second = NULL;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 4, shape, pixels, &x));
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, labels, &y));
    ok(kdst_dataset_create(ctx, x, y, 0, &d));
    ok(kdst_dataset_create_split(d, 7, 1, &first, &second));
    kdst_tensor_release(y);
    ok(kdst_dataset_get_labels(first, &y));
    int32_t *got = copy_of(y, NULL);
    for (int i = 0; i < 7; i++)
        in_first[got[i]]++;
    ck_assert(in_first[0] == 1 && in_first[1] == 2 && in_first[2] == 4);
    free(got);
    kdst_dataset_release(second);
    kdst_dataset_release(first);
    kdst_dataset_release(d);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_seed)
{
    enum { COUNT = 40, SEEDS = 8 };
    int32_t labels[N];
    int samples[SEEDS][N], again[N], distinct = 0;
    uneven(labels);
    kdst_dataset *d = numbered(ctx, labels, KDST_DTYPE_UINT8), *first = NULL, *second = NULL;
    for (int s = 0; s < SEEDS; s++) {
        uint64_t seed = s % 2 ? (uint64_t)s << 60 : (uint64_t)s;
        for (int round = 0; round < 2; round++) {
            ok(kdst_dataset_create_split(d, COUNT, seed, &first, &second));
            read_part(first, labels, KDST_DTYPE_UINT8, round ? again : samples[s]);
            kdst_dataset_release(first);
            kdst_dataset_release(second);
        }
        ck_assert_mem_eq(samples[s], again, COUNT * sizeof(int));
        for (int other = 0; other < s; other++)
            distinct += !!memcmp(samples[s], samples[other], COUNT * sizeof(int));
    }
    ck_assert_int_eq(distinct, SEEDS * (SEEDS - 1) / 2);
    kdst_dataset_release(d);
}
END_TEST

/* Within a class every sample is as likely as another. */
START_TEST(test_uniform)
{
    enum { RUNS = 400 };
    int32_t labels[N];
    int samples[N], hits[N] = {0};
    for (int i = 0; i < N; i++)
        labels[i] = i % 2;
    kdst_dataset *d = numbered(ctx, labels, KDST_DTYPE_UINT8), *first = NULL, *second = NULL;
    for (int run = 0; run < RUNS; run++) {
        ok(kdst_dataset_create_split(d, N / 2, (uint64_t)run, &first, &second));
        int64_t n = read_part(first, labels, KDST_DTYPE_UINT8, samples);
        for (int64_t i = 0; i < n; i++)
            hits[samples[i]]++;
        kdst_dataset_release(first);
        kdst_dataset_release(second);
    }
    /* 200 are expected, with a deviation of 10; five deviations are met once in 20,000 such tests */
    for (int i = 0; i < N; i++)
        ck_assert_msg(abs(hits[i] - RUNS / 2) < 50, "sample %d: %d of %d", i, hits[i], RUNS);
    kdst_dataset_release(d);
}
END_TEST

/* The largest label that fits decides nothing about memory or time. */
START_TEST(test_huge_labels)
{
    int32_t labels[N];
    int samples[N];
    int64_t now, before, after;
    for (int i = 0; i < N; i++)
        labels[i] = INT32_MAX - 37 * i;
    kdst_dataset *d = numbered(ctx, labels, KDST_DTYPE_UINT8), *first = NULL, *second = NULL;
    ok(kdst_context_get_memory(ctx, &now, &before));
    ok(kdst_dataset_create_split(d, 1, 0, &first, &second));
    ok(kdst_context_get_memory(ctx, &now, &after));
    ck_assert_int_lt(after - before, 1 << 20);
    ck_assert_int_eq(read_part(first, labels, KDST_DTYPE_UINT8, samples), 1);
    ck_assert_int_eq(samples[0], N - 1); /* equal fractions: the smallest label */
    kdst_dataset_release(first);
    kdst_dataset_release(second);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_arguments)
{
    int32_t labels[N] = {0};
    kdst_dataset *d = numbered(ctx, labels, KDST_DTYPE_UINT8), *a = d, *b = d;
    ck_assert_int_eq(kdst_dataset_create_split(NULL, 1, 0, &a, &b), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert(!a && !b);
    static const int64_t counts[] = {0, -1, N, N + 1, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        a = b = d;
        refused(kdst_dataset_create_split(d, counts[i], 0, &a, &b), KDST_STATUS_INVALID_ARGUMENT, "allowed is 1 to 96");
        ck_assert(!a && !b);
    }
    a = b = d;
    refused(kdst_dataset_create_split(d, 1, 0, NULL, &b), KDST_STATUS_INVALID_ARGUMENT, "out_first is NULL");
    refused(kdst_dataset_create_split(d, 1, 0, &a, NULL), KDST_STATUS_INVALID_ARGUMENT, "out_second is NULL");
    ck_assert(!a && !b);
    kdst_dataset_release(d);
}
END_TEST

static kdst_status split_in(kdst_context *c, void *arg)
{
    const int64_t shape[] = {6, 1, 1, 1};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL, *first = NULL, *second = NULL;
    (void)arg;
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_FLOAT64, 4, shape, &x);
    if (!status) status = kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &y);
    if (!status) status = kdst_dataset_create(c, x, y, 0, &d);
    if (!status) status = kdst_dataset_create_split(d, 2, 0, &first, &second);
    ck_assert(status ? !first && !second : kdst_dataset_get_count(second) == 4);
    kdst_dataset_release(second);
    kdst_dataset_release(first);
    kdst_dataset_release(d);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, split_in, NULL), 5);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data split");
    TCase *all = tcase_create("split");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, test_balance, 0, 3);
    tcase_add_test(all, test_largest_fraction);
    tcase_add_test(all, test_seed);
    tcase_add_test(all, test_uniform);
    tcase_add_test(all, test_huge_labels);
    tcase_add_test(all, test_arguments);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
