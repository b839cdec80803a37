/* SPDX-License-Identifier: Apache-2.0 */
/* Images that a loader encodes over time: the same spikes however they are loaded, and what is refused. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

static double element(const void *data, kdst_dtype dtype, int64_t i)
{
    return dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static kdst_options *set_real(kdst_options *o, const char *name, double value)
{
    ck_assert_int_eq(kdst_options_set_float(o, name, value), 0);
    return o;
}

enum { N = 11, BATCH = 4, IMAGE = 2 * 3 * 5, STEPS = 6, ROOM = N * IMAGE * STEPS };

/* Whole epochs as samples one behind another [N, STEPS, IMAGE], whatever the order and the layout. */
static void take_samples(kdst_loader *l, int first, int wide, double *out)
{
    kdst_tensor *x = NULL, *y = NULL;
    for (;;) {
        ck_assert_int_eq(kdst_loader_next(l, &x, &y), 0);
        if (!x) return;
        int64_t size = kdst_tensor_get_count(y);
        ck_assert_int_eq(kdst_tensor_get_rank(x), 5);
        ck_assert_int_eq(kdst_tensor_get_size(x, first ? 0 : 1), STEPS);
        ck_assert_int_eq(kdst_tensor_get_size(x, first ? 1 : 0), size);
        void *data = copy_of(x, NULL);
        int32_t *numbers = copy_of(y, NULL);
        for (int64_t i = 0; i < size; i++)
            for (int64_t t = 0; t < STEPS; t++)
                for (int64_t e = 0; e < IMAGE; e++)
                    out[(numbers[i] * STEPS + t) * IMAGE + e] = element(
                        data, wide ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32,
                        ((first ? t * size + i : i * STEPS + t) * IMAGE + e));
        free(numbers);
        free(data);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
}

static const char *const codes[] = {"static", "poisson", "latency"};

/* The same spikes of a sample with and without the thread, for 1 and 3 threads, either layout and type, shuffled and not; poisson gives
 * others in the next epoch. The mirrored pixels are what is encoded. */
START_TEST(test_loaders)
{
    static double wanted[2][ROOM], got[ROOM], plain[N * IMAGE];
    for (int round = 0; round < 16; round++) {
        kdst_context *c = new_context(1 + round % 2 * 2);
        int first = round / 4 % 2, wide = round / 8 % 2;
        kdst_dataset *d = make_noise(c, KDST_DTYPE_UINT8, N, 2, 3, 5, N);
        kdst_options *o = set_int(set_int(new_options(), "prefetch", round / 2 % 2 * 2), "flip", 1);
        set_text(set_int(set_int(o, "shuffle", round % 3 == 0), "steps", STEPS), "encoding", codes[_i]);
        if (!first) set_text(o, "time", "second");
        if (wide) set_text(o, "dtype", "float64");
        kdst_loader *l = NULL;
        ck_assert_msg(kdst_loader_create(d, BATCH, o, &l) == 0, "%s", kdst_context_message(c));
        for (int e = 0; e < 2; e++) {
            ck_assert_int_eq(kdst_loader_set_epoch(l, e), 0);
            take_samples(l, first, wide, round ? got : wanted[e]);
            int same = 0; /* pixels in float32 and float64; spikes are whole numbers */
            for (int i = 0; i < ROOM; i++)
                same += !round || fabs(got[i] - wanted[e][i]) <= 1e-7;
            ck_assert_int_eq(same, ROOM);
        }
        kdst_loader_release(l);
        kdst_options_release(o);
        kdst_dataset_release(d);
        ck_assert_int_eq(kdst_context_live_count(c), 0);
        kdst_context_release(c);
    }
    if (_i == 1) ck_assert(memcmp(wanted[0], wanted[1], sizeof wanted[0]));
    /* against the function on the batch as it is without the encoding */
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, N, 2, 3, 5, N);
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL, *z = NULL;
    kdst_options *o = set_int(new_options(), "flip", 1);
    ok(kdst_loader_create(d, N, o, &l));
    ok(kdst_loader_next(l, &x, &y));
    float *pixels = copy_of(x, NULL);
    for (int i = 0; i < N * IMAGE; i++)
        plain[i] = pixels[i];
    free(pixels);
    double ones = 0, expected = 0;
    if (_i != 1) ok(_i ? kdst_encoding_latency(x, STEPS, NULL, &z) : kdst_encoding_static(x, STEPS, &z));
    float *made = z ? copy_of(z, NULL) : NULL;
    for (int i = 0; i < N; i++)
        for (int t = 0; t < STEPS; t++)
            for (int e = 0; e < IMAGE; e++) {
                double s = wanted[0][(i * STEPS + t) * IMAGE + e];
                if (made) ck_assert_double_eq(s, made[(t * N + i) * IMAGE + e]);
                ck_assert(made || s == 0 || s == 1);
                ones += s;
                expected += plain[i * IMAGE + e];
            }
    if (_i == 1) ck_assert_double_le(fabs(ones - expected), 5 * sqrt(ROOM / 4.0));
    free(made);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* A pixel out of range fails in its batch; static takes it. Options that do not go together. */
START_TEST(test_loaders_refused)
{
    static const double mean = 0.5;
    for (int prefetch = 0; prefetch <= 2; prefetch += 2)
        for (int k = 0; k < 3; k++) {
            kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, N, 2, 3, 5, N);
            kdst_loader *l = NULL;
            kdst_tensor *x = NULL, *y = NULL;
            kdst_options *o = set_text(set_reals(new_options(), "mean", &mean, 1), "encoding", codes[k]);
            ok(kdst_loader_create(d, BATCH, set_int(o, "prefetch", prefetch), &l));
            if (k == 0) {
                ok(kdst_loader_next(l, &x, &y));
            } else {
                refused(kdst_loader_next(l, &x, &y), KDST_STATUS_INVALID_ARGUMENT, "loader_next: sample 0: element ");
                ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "the encoding takes [0, 1]"));
                ck_assert(!x && !y && kdst_loader_get_position(l) == 0);
            }
            kdst_tensor_release(y);
            kdst_tensor_release(x);
            kdst_loader_release(l);
            kdst_options_release(o);
            kdst_dataset_release(d);
        }
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, N, 2, 3, 5, N);
    kdst_loader *l = NULL;
    kdst_options *o = set_text(set_real(new_options(), "cutmix", 1), "encoding", "poisson");
    refused(
        kdst_loader_create(d, BATCH, o, &l), KDST_STATUS_INVALID_ARGUMENT, "mixup and cutmix are for single images");
    kdst_options_release(o);
    o = set_real(set_text(set_text(new_options(), "encoding", "latency"), "latency", "logarithmic"), "threshold", 0);
    refused(kdst_loader_create(d, BATCH, o, &l), KDST_STATUS_INVALID_ARGUMENT, "loader_create: the threshold is 0");
    kdst_options_release(o);
    o = set_int(new_options(), "steps", 0);
    refused(kdst_loader_create(d, BATCH, o, &l), KDST_STATUS_INVALID_ARGUMENT, "steps is 0");
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* ---- memory ---- */

static kdst_status work(kdst_context *c, void *arg)
{
    const int prefetch = 2 * *(int *)arg;
    const int64_t shape[] = {3, 2, 3, 5};
    kdst_tensor *images = NULL, *labels = NULL, *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_options *o = set_text(set_int(new_options(), "prefetch", prefetch), "encoding", codes[1 + *(int *)arg]);
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_FLOAT32, 4, shape, &images);
    if (!status) status = kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &labels);
    if (!status) status = kdst_dataset_create(c, images, labels, 1, &d);
    if (!status) status = kdst_loader_create(d, 2, o, &l);
    if (!status) status = kdst_loader_next(l, &x, &y);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_dataset_release(d);
    kdst_tensor_release(labels);
    kdst_tensor_release(images);
    kdst_options_release(o);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, work, &_i), 8);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data encoding loader");
    TCase *all = tcase_create("loaders");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_loaders, 0, 3);
    tcase_add_test(all, test_loaders_refused);
    tcase_add_loop_test(all, test_allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
