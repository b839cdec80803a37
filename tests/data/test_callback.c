/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets by callback: who is called where and when, failures of the function, and its user data's end. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>
#include <pthread.h>

enum { N = 37, PIXELS = 2 * 3 * 4 };

/* What a function knows; pixel k of sample i is (i * 7 + k * 3) % 251. */
typedef struct source {
    pthread_t thread;
    kdst_dtype dtype;
    int64_t calls, last;
    int64_t fails_at;   /* sample, or -1 */
    kdst_status status; /* with which */
    int64_t bad_pixel;  /* sample with a NaN, or -1 */
    int destroyed;
    kdst_loader *loader; /* is asked from within, expected to refuse */
    kdst_context *ctx;
} source;

static int value_of(int64_t sample, int64_t k)
{
    return (int)((sample * 7 + k * 3) % 251);
}

static kdst_status give(void *user_data, int64_t sample, void *pixels)
{
    source *s = user_data;
    ck_assert(pthread_equal(pthread_self(), s->thread));
    s->calls++;
    s->last = sample;
    if (sample == s->fails_at) return s->status;
    for (int64_t k = 0; k < PIXELS; k++)
        if (s->dtype == KDST_DTYPE_UINT8)
            ((uint8_t *)pixels)[k] = (uint8_t)value_of(sample, k);
        else if (s->dtype == KDST_DTYPE_FLOAT32)
            ((float *)pixels)[k] = sample == s->bad_pixel && k == 5 ? NAN : (float)value_of(sample, k) / 255;
        else
            ((double *)pixels)[k] = sample == s->bad_pixel && k == 5 ? INFINITY : value_of(sample, k) / 255.0;
    if (s->loader) {
        kdst_tensor *x = NULL, *y = NULL;
        ck_assert_int_eq(kdst_loader_next(s->loader, &x, &y), KDST_STATUS_STATE);
        ck_assert_int_eq(kdst_loader_set_epoch(s->loader, 0), KDST_STATUS_STATE);
        ck_assert_int_eq(kdst_loader_set_position(s->loader, 0), KDST_STATUS_STATE);
    }
    return KDST_STATUS_OK;
}

static void end(void *user_data)
{
    ((source *)user_data)->destroyed++;
}

static kdst_status make(kdst_context *c, source *s, kdst_dtype dtype, kdst_dataset **out)
{
    const int64_t shape[] = {2, 3, 4}, count[] = {N};
    int32_t labels[N];
    kdst_tensor *y = NULL;
    *s = (source){.thread = pthread_self(), .dtype = dtype, .fails_at = -1, .bad_pixel = -1, .ctx = c};
    for (int i = 0; i < N; i++)
        labels[i] = i % 5;
    kdst_status status = kdst_tensor_create_from(c, KDST_DTYPE_INT32, 1, count, labels, &y);
    if (status) return status;
    status = kdst_dataset_create_callback(c, y, 0, dtype, shape, give, s, end, out);
    kdst_tensor_release(y);
    return status;
}

/* The same batches as of the same pixels in memory, on the calling thread alone, whatever the options are. */
START_TEST(test_as_in_memory)
{
    static const kdst_dtype types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};
    kdst_dtype type = types[_i];
    kdst_context *c = new_context(3);
    const int64_t shape[] = {N, 2, 3, 4};
    char pixels[N * PIXELS * 8];
    source s, t;
    kdst_dataset *by_call = NULL, *in_memory = NULL, *first = NULL, *second = NULL;
    kdst_tensor *images = NULL, *labels = NULL;
    ck_assert_int_eq(make(c, &s, type, &by_call), 0);
    t = s;
    for (int64_t i = 0; i < N; i++)
        ck_assert_int_eq(give(&t, i, pixels + (size_t)(i * PIXELS * kdst_dtype_get_size(type))), 0);
    ck_assert_int_eq(kdst_dataset_get_labels(by_call, &labels), 0);
    ck_assert_int_eq(kdst_tensor_create_from(c, type, 4, shape, pixels, &images), 0);
    ck_assert_int_eq(kdst_dataset_create(c, images, labels, 0, &in_memory), 0);
    kdst_options *o = set_int(set_int(set_int(new_options(), "shuffle", 1), "flip", 1), "prefetch", 4);
    ck_assert_int_eq(kdst_options_set_float(o, "mixup", 1), 0);
    kdst_loader *a = NULL, *b = NULL;
    ck_assert_int_eq(kdst_loader_create(by_call, 10, o, &a), 0);
    ck_assert_int_eq(kdst_loader_create(in_memory, 10, o, &b), 0);
    for (int batch = 0; batch < 4; batch++) {
        kdst_tensor *x[2], *y[2], *z[2];
        double w[2];
        size_t bytes;
        ck_assert_int_eq(kdst_loader_next_mixed(a, &x[0], &y[0], &z[0], &w[0]), 0);
        ck_assert_int_eq(kdst_loader_next_mixed(b, &x[1], &y[1], &z[1], &w[1]), 0);
        float *got = copy_of(x[0], &bytes), *want = copy_of(x[1], NULL);
        ck_assert_mem_eq(got, want, bytes);
        ck_assert_double_eq(w[0], w[1]);
        free(want);
        free(got);
        for (int i = 0; i < 2; i++) {
            kdst_tensor_release(x[i]);
            kdst_tensor_release(y[i]);
            kdst_tensor_release(z[i]);
        }
    }
    ck_assert_int_eq(s.calls, N);
    double mean[2][2], deviation[2][2];
    ck_assert_int_eq(kdst_dataset_get_statistics(by_call, mean[0], deviation[0], 2), 0);
    ck_assert_int_eq(kdst_dataset_get_statistics(in_memory, mean[1], deviation[1], 2), 0);
    ck_assert_mem_eq(mean[0], mean[1], sizeof mean[0]);
    ck_assert_mem_eq(deviation[0], deviation[1], sizeof deviation[0]);
    ck_assert_int_eq(kdst_dataset_create_split(by_call, 10, 3, &first, &second), 0);
    kdst_loader_release(a);
    kdst_loader_release(b);
    kdst_dataset_release(by_call);
    kdst_dataset_release(in_memory);
    kdst_dataset_release(second);
    kdst_tensor *one = NULL;
    ck_assert_int_eq(s.destroyed, 0); /* a part still needs it */
    ck_assert_int_eq(kdst_dataset_get_image(first, 9, &one), 0);
    kdst_tensor_release(one);
    kdst_dataset_release(first);
    ck_assert_int_eq(s.destroyed, 1);
    kdst_options_release(o);
    kdst_tensor_release(images);
    ck_assert_int_eq(kdst_context_live_count(c), 0);
    kdst_context_release(c);
}
END_TEST

/* Its status and message stop the batch, which is the next one again. */
START_TEST(test_failures)
{
    source s;
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    ok(make(ctx, &s, KDST_DTYPE_FLOAT32, &d));
    ok(kdst_loader_create(d, 10, NULL, &l));
    s.fails_at = 4;
    s.status = KDST_STATUS_IO;
    refused(kdst_loader_next(l, &x, &y), KDST_STATUS_IO, "loader_next: sample 4: ");
    ck_assert(!x && !y && kdst_loader_get_position(l) == 0 && s.last == 4);
    s.status = 12345;
    refused(kdst_loader_next(l, &x, &y), KDST_STATUS_CALLBACK, "sample 4: ");
    refused(kdst_dataset_get_image(d, 4, &x), KDST_STATUS_CALLBACK, "dataset_get_image: sample 4: ");
    s.fails_at = -1;
    s.bad_pixel = 6;
    refused(
        kdst_loader_next(l, &x, &y), KDST_STATUS_CALLBACK,
        "sample 6: the function gave a pixel, number 5, that is not finite");
    s.bad_pixel = -1;
    ok(kdst_loader_next(l, &x, &y));
    ck_assert_int_eq(kdst_loader_get_position(l), 1);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    s.loader = l;
    ok(kdst_loader_next(l, &x, &y));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_dataset_release(d);
    ck_assert_int_eq(s.destroyed, 1);
}
END_TEST

START_TEST(test_refused)
{
    const int64_t shape[] = {2, 3, 4}, none[] = {2, 0, 4}, huge[] = {INT64_MAX, INT64_MAX, 2}, count[] = {2},
                  empty[] = {0};
    const int32_t labels[] = {0, 3}, below[] = {0, -3};
    const double reals[] = {0, 1};
    source s = {0};
    kdst_dataset *d = (kdst_dataset *)ctx;
    kdst_tensor *y = NULL, *z = NULL, *f = NULL, *e = NULL;
    int expected = 0;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, count, labels, &y));
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, count, below, &z));
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, count, reals, &f));
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, empty, labels, &e));
    const struct {
        kdst_tensor *labels;
        int64_t classes;
        kdst_dtype dtype;
        const int64_t *shape;
        kdst_image_fn fn;
        kdst_status status;
        const char *text;
    } cases[] = {
        {NULL, 0, KDST_DTYPE_UINT8, shape, give, KDST_STATUS_INVALID_ARGUMENT, "labels is NULL"},
        {y, 0, KDST_DTYPE_UINT8, NULL, give, KDST_STATUS_INVALID_ARGUMENT, "shape is NULL"},
        {y, 0, KDST_DTYPE_UINT8, shape, NULL, KDST_STATUS_INVALID_ARGUMENT, "fn is NULL"},
        {z, 0, KDST_DTYPE_UINT8, shape, give, KDST_STATUS_INVALID_ARGUMENT, "the label of sample 1 is -3"},
        {y, 3, KDST_DTYPE_UINT8, shape, give, KDST_STATUS_INVALID_ARGUMENT, "the label of sample 1 is 3"},
        {y, -1, KDST_DTYPE_UINT8, shape, give, KDST_STATUS_INVALID_ARGUMENT, "classes is -1"},
        {f, 0, KDST_DTYPE_UINT8, shape, give, KDST_STATUS_DTYPE, "labels are float64"},
        {e, 0, KDST_DTYPE_UINT8, shape, give, KDST_STATUS_SHAPE, "labels are [0]"},
        {y, 0, KDST_DTYPE_INT32, shape, give, KDST_STATUS_DTYPE, "dtype is 3"},
        {y, 0, KDST_DTYPE_UINT8, none, give, KDST_STATUS_SHAPE, "shape is [2, 0, 4]"},
        {y, 0, KDST_DTYPE_UINT8, huge, give, KDST_STATUS_SHAPE, "that can be counted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(
            kdst_dataset_create_callback(
                ctx, cases[i].labels, cases[i].classes, cases[i].dtype, cases[i].shape, cases[i].fn, &s, end, &d),
            cases[i].status, cases[i].text);
        ck_assert_ptr_null(d);
        ck_assert_int_eq(s.destroyed, ++expected);
    }
    refused(
        kdst_dataset_create_callback(ctx, y, 0, KDST_DTYPE_UINT8, shape, give, &s, end, NULL),
        KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(
        kdst_dataset_create_callback(NULL, y, 0, KDST_DTYPE_UINT8, shape, give, &s, end, &d),
        KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(s.destroyed, expected + 2);
    ok(kdst_dataset_create_callback(ctx, y, 0, KDST_DTYPE_UINT8, shape, give, NULL, NULL, &d));
    kdst_dataset_release(d);
    kdst_tensor_release(e);
    kdst_tensor_release(f);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
}
END_TEST

/* The function drops the last references to the loader and the data set that ask it. */
static kdst_dataset *dropped_dataset;
static kdst_loader *dropped_loader;
static kdst_status drop(void *user_data, int64_t sample, void *pixels)
{
    (void)user_data, (void)sample;
    memset(pixels, 1, PIXELS);
    kdst_loader_release(dropped_loader);
    kdst_dataset_release(dropped_dataset);
    dropped_loader = NULL;
    dropped_dataset = NULL;
    return KDST_STATUS_OK;
}

START_TEST(test_dropped)
{
    const int64_t shape[] = {2, 3, 4}, count[] = {2};
    const int32_t labels[] = {0, 3};
    source s = {0};
    kdst_tensor *y = NULL, *x = NULL, *z = NULL;
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, count, labels, &y));
    ok(kdst_dataset_create_callback(ctx, y, 0, KDST_DTYPE_UINT8, shape, drop, &s, end, &dropped_dataset));
    kdst_tensor_release(y);
    ok(kdst_loader_create(dropped_dataset, 2, NULL, &dropped_loader));
    ok(kdst_loader_next(dropped_loader, &x, &z));
    ck_assert_int_eq(kdst_tensor_get_size(x, 0), 2);
    kdst_tensor_release(x);
    kdst_tensor_release(z);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    ck_assert_int_eq(s.destroyed, 1);
}
END_TEST

static kdst_status work(kdst_context *c, void *arg)
{
    source *s = arg;
    kdst_dataset *d = NULL, *part = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    const int64_t samples[] = {3, 1, 3};
    kdst_status status = make(c, s, KDST_DTYPE_FLOAT32, &d);
    int made = !status || s->destroyed; /* the labels may have failed before */
    if (!status) status = kdst_dataset_create_subset(d, samples, 3, &part);
    if (!status) status = kdst_loader_create(part, 2, NULL, &l);
    if (!status) status = kdst_loader_next(l, &x, &y);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_dataset_release(part);
    kdst_dataset_release(d);
    ck_assert_int_eq(s->destroyed, made);
    return status;
}

START_TEST(test_allocations)
{
    source s;
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, work, &s), 8);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data callback");
    TCase *all = tcase_create("callback");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, test_as_in_memory, 0, 3);
    tcase_add_test(all, test_failures);
    tcase_add_test(all, test_refused);
    tcase_add_test(all, test_dropped);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
