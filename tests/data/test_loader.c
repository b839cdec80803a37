/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders: going to any position, batches of the caller's own, what is refused, and the n-th allocation failing. */
#include "epochs.h"

#include "failures/each_allocation.h"
#include "support/run.h"

/* An epoch entered at any batch, by a loader that stood anywhere, goes on as the whole one. */
START_TEST(test_resume)
{
    static float wanted[EPOCHS][WHOLE], got[WHOLE];
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, BATCH, augmented(_i));
    int64_t batches = kdst_loader_get_batches(l);
    for (int e = 0; e < EPOCHS; e++) {
        ok(kdst_loader_set_epoch(l, e));
        take_epoch(ctx, l, wanted[e]);
    }
    for (int e = EPOCHS - 1; e >= 0; e--)
        for (int64_t b = 0; b <= batches; b++) {
            int64_t before = b * BATCH < N ? b * BATCH : N;
            float *at = got;
            ok(kdst_loader_set_epoch(l, e));
            ok(kdst_loader_set_position(l, b));
            ck_assert_int_eq(kdst_loader_get_epoch(l), e);
            ck_assert_int_eq(kdst_loader_get_position(l), b);
            ck_assert_int_eq(take_epoch(ctx, l, got), N - before);
            ck_assert_mem_eq(got, wanted[e] + before * (PIXELS + 1), (size_t)(N - before) * (PIXELS + 1) * sizeof *got);
            /* back within the epoch, and forward over batches that are ready */
            ok(kdst_loader_set_position(l, 1));
            take(ctx, l, &at);
            ok(kdst_loader_set_position(l, 3));
            at = got;
            take(ctx, l, &at);
            ck_assert_mem_eq(got, wanted[e] + 3 * BATCH * (PIXELS + 1), BATCH * (PIXELS + 1) * sizeof *got);
        }
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST

/* A batch is the caller's own: writing to it and keeping it change no other. */
START_TEST(test_batches_are_apart)
{
    static float wanted[WHOLE], got[WHOLE];
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, BATCH, augmented(_i));
    kdst_tensor *x[8], *y[8];
    take_epoch(ctx, l, wanted);
    ok(kdst_loader_set_epoch(l, 0));
    for (int b = 0; b < 7; b++) {
        ok(kdst_loader_next(l, &x[b], &y[b]));
        ok(kdst_tensor_set_value(x[b], b));
        ok(kdst_tensor_set_value(y[b], b));
    }
    for (int b = 0; b < 7; b++) {
        float *pixels = copy_of(x[b], NULL);
        for (int64_t i = 0; i < kdst_tensor_get_count(x[b]); i++)
            ck_assert_float_eq(pixels[i], (float)b);
        free(pixels);
        kdst_tensor_release(x[b]);
        kdst_tensor_release(y[b]);
    }
    ok(kdst_loader_set_epoch(l, 0));
    take_epoch(ctx, l, got);
    ck_assert_mem_eq(got, wanted, sizeof got);
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_getters)
{
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = new_loader(d, BATCH, NULL);
    ck_assert_ptr_eq(kdst_loader_get_dataset(l), d);
    kdst_dataset_release(d); /* the loader holds it */
    ck_assert_int_eq(kdst_dataset_get_count(kdst_loader_get_dataset(l)), N);
    ck_assert_int_eq(kdst_loader_get_epoch(l), 0);
    kdst_loader_retain(l);
    kdst_loader_release(l);
    ck_assert_int_eq(kdst_loader_get_batches(l), 7);
    kdst_loader_release(l);
    ck_assert_ptr_null(kdst_loader_get_dataset(NULL));
    ck_assert_int_eq(kdst_loader_get_batches(NULL), 0);
    ck_assert_int_eq(kdst_loader_get_epoch(NULL), 0);
    ck_assert_int_eq(kdst_loader_get_position(NULL), 0);
    kdst_loader_retain(NULL);
    kdst_loader_release(NULL);
}
END_TEST

static void refuse(kdst_dataset *d, int64_t batch, kdst_options *o, const char *text)
{
    kdst_loader *l = (kdst_loader *)&l;
    refused(kdst_loader_create(d, batch, o, &l), KDST_STATUS_INVALID_ARGUMENT, text);
    ck_assert_ptr_null(l);
    kdst_options_release(o);
}

START_TEST(test_wrong_options)
{
    static const double values[] = {1, 0, -1, 2};
    kdst_dataset *d = make_data(ctx);
    refuse(d, 0, NULL, "batch is 0");
    refuse(d, -5, NULL, "batch is -5");
    refuse(d, N + 1, set_int(new_options(), "drop_last", 1), "batch is 54, 53 samples make no whole one");
    refuse(d, 1, set_reals(new_options(), "deviation", values + 1, 1), "deviation is 0, allowed is (0, inf)");
    refuse(d, 1, set_reals(new_options(), "deviation", values, 3), "deviation is 0");
    refuse(d, 1, set_reals(new_options(), "deviation", values + 2, 1), "deviation is -1");
    refuse(d, 1, set_reals(new_options(), "mean", values, 2), "mean has 2 values, expected is 1 or one for each of 3");
    refuse(d, 1, set_reals(new_options(), "mean", values, 4), "mean has 4 values");
    refuse(d, 1, set_reals(new_options(), "deviation", (const double[]){1, 1}, 2), "deviation has 2 values");
    refuse(d, 1, set_int(new_options(), "seed", -1), "seed is -1");
    refuse(d, 1, set_int(new_options(), "shuffle", 2), "shuffle is 2");
    refuse(d, 1, set_int(new_options(), "flip", 2), "flip is 2");
    refuse(d, 1, set_int(new_options(), "crop_padding", 1025), "crop_padding is 1025");
    refuse(d, 1, set_int(new_options(), "prefetch", 65), "prefetch is 65");
    refuse(d, 1, set_text(new_options(), "dtype", "uint8"), "dtype");
    refuse(d, 1, set_int(new_options(), "croppadding", 1), "crop_padding");
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_arguments)
{
    kdst_dataset *d = make_data(ctx);
    kdst_loader *l = NULL;
    kdst_tensor *x = (kdst_tensor *)d, *y = x;
    ck_assert_int_eq(kdst_loader_create(NULL, 1, NULL, &l), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_loader_create(d, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_loader_next(NULL, &x, &y), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert(!x && !y);
    ck_assert_int_eq(kdst_loader_set_epoch(NULL, 0), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_loader_set_position(NULL, 0), KDST_STATUS_INVALID_ARGUMENT);
    ok(kdst_loader_create(d, BATCH, NULL, &l));
    ok(kdst_loader_set_position(l, 2));
    x = y = (kdst_tensor *)d;
    refused(kdst_loader_next(l, NULL, &y), KDST_STATUS_INVALID_ARGUMENT, "out_images is NULL");
    refused(kdst_loader_next(l, &x, NULL), KDST_STATUS_INVALID_ARGUMENT, "out_labels is NULL");
    ck_assert(!x && !y);
    refused(kdst_loader_set_epoch(l, -1), KDST_STATUS_INVALID_ARGUMENT, "epoch is -1");
    refused(kdst_loader_set_position(l, -1), KDST_STATUS_INVALID_ARGUMENT, "batch is -1, allowed is 0 to 7");
    refused(kdst_loader_set_position(l, 8), KDST_STATUS_INVALID_ARGUMENT, "batch is 8");
    ck_assert_int_eq(kdst_loader_get_position(l), 2); /* a refusal moves nothing */
    ok(kdst_loader_set_epoch(l, INT64_MAX));
    ok(kdst_loader_next(l, &x, &y));
    kdst_tensor_release(x);
    kdst_tensor_release(y);
    kdst_loader_release(l);
    kdst_dataset_release(d);
}
END_TEST
/* Two epochs; a batch that failed is the next one again. `arg` is the prefetch depth. */
static kdst_status load_in(kdst_context *c, void *arg)
{
    kdst_options *o = set_int(augmented(*(int *)arg), "drop_last", 0);
    const int64_t shape[] = {11, 1, 3, 3};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_UINT8, 4, shape, &x);
    if (!status) status = kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &y);
    if (!status) status = kdst_dataset_create(c, x, y, 0, &d);
    if (!status) status = kdst_loader_create(d, 4, o, &l);
    ck_assert(!status == !!l);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    for (int b = 0; b < 6 && !status; b++) {
        if (b == 3) ck_assert_int_eq(kdst_loader_set_epoch(l, 1), 0);
        status = kdst_loader_next(l, &x, &y);
        ck_assert_int_eq(kdst_loader_get_position(l), b % 3 + !status);
        if (status) {
            ck_assert(!x && !y);
            if ((status = kdst_loader_next(l, &x, &y))) break; /* memory is out for good */
        }
        ck_assert_int_eq(kdst_tensor_get_size(x, 0), b % 3 == 2 ? 3 : 4);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    kdst_loader_release(l);
    kdst_dataset_release(d);
    kdst_options_release(o);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, load_in, &_i), 10);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data loader");
    TCase *all = tcase_create("loader");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_resume, 0, 4);
    tcase_add_loop_test(all, test_batches_are_apart, 0, 4);
    tcase_add_test(all, test_getters);
    tcase_add_test(all, test_wrong_options);
    tcase_add_test(all, test_arguments);
    tcase_add_loop_test(all, test_allocations, 0, 3);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
