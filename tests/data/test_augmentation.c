/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentations: the same through a loader in any order as alone, what is refused, and the n-th allocation failing. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { N = 37, C = 3, H = 9, W = 7, OH = 6, OW = 8 };

/* Every kind of step; the result is [C, OH, OW]. */
static kdst_status add_all(kdst_augmentation *a)
{
    kdst_options *crop = set_int(new_options(), "padding", 2),
                 *size = set_int(set_int(new_options(), "height", OH), "width", OW);
    kdst_options *jitter = new_options(),
                 *normalize = set_reals(new_options(), "mean", (const double[]){0.1, 0.2, 0.3}, 3);
    ck_assert_int_eq(kdst_options_set_float(jitter, "brightness", 0.3), 0);
    ck_assert_int_eq(kdst_options_set_float(jitter, "contrast", 0.3), 0);
    kdst_status status = kdst_augmentation_add_crop(a, crop);
    if (!status) status = kdst_augmentation_add_flip(a, NULL);
    if (!status) status = kdst_augmentation_add_rotation(a, 20, NULL);
    if (!status) status = kdst_augmentation_add_resized_crop(a, size);
    if (!status) status = kdst_augmentation_add_jitter(a, jitter);
    if (!status) status = kdst_augmentation_add_normalize(a, normalize);
    if (!status) status = kdst_augmentation_add_erasing(a, NULL);
    if (!status) status = kdst_augmentation_add_cutout(a, 2, NULL);
    kdst_options_release(normalize);
    kdst_options_release(jitter);
    kdst_options_release(size);
    kdst_options_release(crop);
    return status;
}

/* Every combination of pixel and batch type, threads and prefetching: the bits of kdst_augmentation_run. */
START_TEST(test_loader)
{
    static const kdst_dtype types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};
    kdst_dtype type = types[_i % 3];
    int wide = type == KDST_DTYPE_FLOAT64;
    for (int round = 0; round < 4; round++) {
        kdst_context *c = new_context(round < 2 ? 1 : 3);
        kdst_dataset *d = make_noise(c, type, N, C, H, W, N);
        kdst_augmentation *a = NULL;
        kdst_loader *l = NULL;
        kdst_tensor *x = NULL, *y = NULL, *all = NULL, *want = NULL;
        kdst_options *o = set_int(set_int(set_int(new_options(), "seed", 4), "shuffle", 1), "prefetch", round % 2 * 3);
        set_text(o, "dtype", wide ? "float64" : "float32");
        ck_assert_int_eq(kdst_augmentation_create(c, &a), 0);
        ck_assert_int_eq(add_all(a), 0);
        ck_assert_int_eq(kdst_loader_create_with(d, 20, a, NULL, o, &l), 0);
        ck_assert_int_eq(kdst_dataset_get_images(d, &all), 0);
        ck_assert_int_eq(kdst_augmentation_run(a, all, 4, 3, 0, &want), 0);
        kdst_augmentation_release(a);
        ck_assert_int_eq(kdst_loader_set_epoch(l, 3), 0);
        int64_t size = C * OH * OW * (wide ? 8 : 4), shape[3], seen = 0;
        ck_assert_int_eq(kdst_loader_get_shape(l, shape), 0);
        ck_assert(shape[0] == C && shape[1] == OH && shape[2] == OW);
        char *wanted = copy_of(want, NULL);
        for (;;) {
            ck_assert_int_eq(kdst_loader_next(l, &x, &y), 0);
            if (!x) break;
            char *got = copy_of(x, NULL);
            int32_t *numbers = copy_of(y, NULL);
            for (int64_t i = 0; i < kdst_tensor_get_size(x, 0); i++, seen++)
                ck_assert_mem_eq(got + i * size, wanted + numbers[i] * size, (size_t)size);
            free(numbers);
            free(got);
            kdst_tensor_release(y);
            kdst_tensor_release(x);
        }
        ck_assert_int_eq(seen, N);
        free(wanted);
        kdst_tensor_release(want);
        kdst_options_release(o);
        kdst_loader_release(l);
        kdst_dataset_release(d);
        ck_assert_int_eq(kdst_context_live_count(c), 0);
        kdst_context_release(c);
    }
}
END_TEST

/* The loader's options are steps: a crop, a mirror and a normalisation of the augmentation's own draw otherwise, but a
 * normalisation alone gives the same bits, before or after a step that does nothing. */
START_TEST(test_shorthand)
{
    static const double mean[] = {0.1, 0.2, 0.3}, deviation[] = {2, 3, 4};
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, N, C, H, W, N);
    kdst_augmentation *a = NULL;
    kdst_loader *l[3] = {NULL};
    float *got[3];
    kdst_options *o = set_reals(set_reals(new_options(), "mean", mean, 3), "deviation", deviation, 3);
    ok(kdst_augmentation_create(ctx, &a));
    ok(kdst_loader_create(d, N, o, &l[0]));
    ok(kdst_augmentation_add_rotation(a, 0, NULL));
    ok(kdst_loader_create_with(d, N, a, NULL, o, &l[1]));
    ok(kdst_augmentation_add_normalize(a, o));
    ok(kdst_loader_create_with(d, N, a, NULL, NULL, &l[2]));
    for (int i = 0; i < 3; i++) {
        kdst_tensor *x = NULL, *y = NULL;
        ok(kdst_loader_next(l[i], &x, &y));
        got[i] = copy_of(x, NULL);
        if (i) ck_assert_mem_eq(got[0], got[i], N * C * H * W * sizeof(float));
        kdst_tensor_release(x);
        kdst_tensor_release(y);
        kdst_loader_release(l[i]);
    }
    for (int i = 0; i < 3; i++)
        free(got[i]);
    kdst_augmentation_release(a);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

static void refuse(
    kdst_augmentation *a, kdst_status (*add)(kdst_augmentation *, const kdst_options *), kdst_options *o,
    const char *text)
{
    refused(add(a, o), KDST_STATUS_INVALID_ARGUMENT, text);
    kdst_options_release(o);
}

START_TEST(test_refused)
{
    static const double pairs[] = {0.5, 0.25, 0};
    kdst_augmentation *a = NULL;
    ck_assert_int_eq(kdst_augmentation_create(NULL, &a), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_augmentation_create(ctx, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ok(kdst_augmentation_create(ctx, &a));
    refuse(a, kdst_augmentation_add_crop, set_int(new_options(), "padding", 1025), "padding is 1025");
    refuse(a, kdst_augmentation_add_flip, set_text(new_options(), "axis", "diagonal"), "axis");
    refuse(a, kdst_augmentation_add_flip, set_int(new_options(), "probability", 2), "probability is 2");
    refuse(a, kdst_augmentation_add_jitter, set_int(new_options(), "brightness", -1), "brightness is -1");
    refuse(a, kdst_augmentation_add_resized_crop, set_reals(new_options(), "scale", pairs, 1), "scale has 1 value");
    refuse(
        a, kdst_augmentation_add_erasing, set_reals(new_options(), "scale", pairs, 2),
        "scale is 0.5 0.25, the lower one comes first");
    refuse(a, kdst_augmentation_add_erasing, set_reals(new_options(), "ratio", pairs + 1, 2), "ratio is 0");
    refuse(a, kdst_augmentation_add_normalize, set_reals(new_options(), "deviation", pairs + 2, 1), "deviation is 0");
    refused(
        kdst_augmentation_add_rotation(a, 181, NULL), KDST_STATUS_INVALID_ARGUMENT,
        "degrees is 181, allowed is [0, 180]");
    refused(kdst_augmentation_add_rotation(a, NAN, NULL), KDST_STATUS_INVALID_ARGUMENT, "degrees is");
    refused(kdst_augmentation_add_cutout(a, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "size is 0, allowed is 1 to 65536");
    ck_assert_int_eq(kdst_augmentation_get_count(a), 0);
    ck_assert_int_eq(kdst_augmentation_get_count(NULL), 0);
    for (int i = 0; i < 64; i++)
        ok(kdst_augmentation_add_flip(a, NULL));
    refused(kdst_augmentation_add_flip(a, NULL), KDST_STATUS_STATE, "the augmentation has 64 steps");
    kdst_augmentation_release(a);
    kdst_augmentation_retain(NULL);
    kdst_augmentation_release(NULL);
    ck_assert_int_eq(kdst_augmentation_add_crop(NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_augmentation_add_rotation(NULL, 1, NULL), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_misfit)
{
    kdst_dataset *d = make_noise(ctx, KDST_DTYPE_UINT8, 4, C, H, W, 2);
    kdst_augmentation *a = NULL;
    kdst_context *other = new_context(1);
    kdst_tensor *x = NULL, *out = (kdst_tensor *)d, *labels = NULL;
    kdst_loader *l = (kdst_loader *)d;
    ok(kdst_dataset_get_images(d, &x));
    ok(kdst_dataset_get_labels(d, &labels));
    ok(kdst_augmentation_create(ctx, &a));
    refused(kdst_augmentation_run(a, NULL, 0, 0, 0, &out), KDST_STATUS_INVALID_ARGUMENT, "images is NULL");
    ck_assert_ptr_null(out);
    refused(kdst_augmentation_run(a, x, 0, 0, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(kdst_augmentation_run(a, x, 0, -1, 0, &out), KDST_STATUS_INVALID_ARGUMENT, "epoch is -1 and first 0");
    refused(kdst_augmentation_run(a, x, 0, 0, -2, &out), KDST_STATUS_INVALID_ARGUMENT, "first -2");
    refused(
        kdst_augmentation_run(a, x, 0, 0, INT64_MAX, &out), KDST_STATUS_INVALID_ARGUMENT,
        "first is 9223372036854775807, allowed with");
    refused(kdst_augmentation_run(a, labels, 0, 0, 0, &out), KDST_STATUS_DTYPE, "images are int32");
    kdst_options *o = set_int(new_options(), "height", H + 5);
    set_int(o, "padding", 2);
    ok(kdst_augmentation_add_crop(a, o));
    refused(
        kdst_augmentation_run(a, x, 0, 0, 0, &out), KDST_STATUS_SHAPE,
        "a crop to 14 x 7 of an image of 9 x 7 with padding 2");
    refused(
        kdst_loader_create_with(d, 2, a, NULL, NULL, &l), KDST_STATUS_SHAPE, "loader_create_with: a crop to 14 x 7");
    ck_assert_ptr_null(l);
    kdst_augmentation_release(a);
    ok(kdst_augmentation_create(ctx, &a));
    kdst_options *n = set_reals(new_options(), "mean", (const double[]){1, 2}, 2);
    ok(kdst_augmentation_add_normalize(a, n));
    refused(
        kdst_augmentation_run(a, x, 0, 0, 0, &out), KDST_STATUS_INVALID_ARGUMENT,
        "mean has 2 values, expected is 1 or one for each of 3");
    kdst_augmentation *foreign = NULL;
    ck_assert_int_eq(kdst_augmentation_create(other, &foreign), 0);
    refused(kdst_loader_create_with(d, 2, foreign, NULL, NULL, &l), KDST_STATUS_INVALID_ARGUMENT, "another context");
    ck_assert_int_eq(kdst_augmentation_run(foreign, x, 0, 0, 0, &out), KDST_STATUS_INVALID_ARGUMENT);
    kdst_augmentation_release(foreign);
    kdst_context_release(other);
    kdst_augmentation_release(a);
    kdst_options_release(n);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* `arg` is the prefetch depth. */
static kdst_status work_in(kdst_context *c, void *arg)
{
    const int64_t shape[] = {7, C, H, W};
    kdst_options *o = set_int(set_int(set_int(new_options(), "prefetch", *(int *)arg), "mixup", 1), "shuffle", 1);
    kdst_tensor *x = NULL, *y = NULL, *z = NULL;
    kdst_dataset *d = NULL;
    kdst_augmentation *a = NULL;
    kdst_loader *l = NULL;
    double weight;
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_UINT8, 4, shape, &x);
    if (!status) status = kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &y);
    if (!status) status = kdst_dataset_create(c, x, y, 0, &d);
    if (!status) status = kdst_augmentation_create(c, &a);
    if (!status) status = add_all(a);
    if (!status) status = kdst_augmentation_run(a, x, 0, 0, 0, &z);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    if (!status) status = kdst_loader_create_with(d, 4, a, NULL, o, &l);
    ck_assert(!status == !!l);
    for (int b = 0; b < 2 && !status; b++) {
        status = kdst_loader_next_mixed(l, &x, &y, &z, &weight);
        ck_assert(!status == !!x && !status == !!z);
        kdst_tensor_release(z);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    kdst_loader_release(l);
    kdst_augmentation_release(a);
    kdst_dataset_release(d);
    kdst_options_release(o);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, work_in, &_i), 15);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data augmentation");
    TCase *all = tcase_create("augmentation");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_loader, 0, 3);
    tcase_add_test(all, test_shorthand);
    tcase_add_test(all, test_refused);
    tcase_add_test(all, test_misfit);
    tcase_add_loop_test(all, test_allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
