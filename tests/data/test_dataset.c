/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets from tensors: every pixel type, any strides, and what is refused. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { N = 4, C = 2, H = 3, W = 5, COUNT = N * C * H * W };

static const kdst_dtype pixel_types[] = {KDST_DTYPE_UINT8, KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64};
static const int64_t shape[] = {N, C, H, W};

static kdst_tensor *new_tensor(kdst_dtype dtype, int64_t rank, const int64_t *sizes, const void *data)
{
    kdst_tensor *t = NULL;
    ok(kdst_tensor_create_from(ctx, dtype, rank, sizes, data, &t));
    return t;
}

static kdst_tensor *new_images(kdst_dtype dtype)
{
    kdst_tensor *t = NULL;
    ok(kdst_tensor_create(ctx, dtype, 4, shape, &t));
    return t;
}

static kdst_tensor *new_labels(int32_t a, int32_t b, int32_t c, int32_t d)
{
    const int32_t numbers[] = {a, b, c, d};
    return new_tensor(KDST_DTYPE_INT32, 1, shape, numbers);
}

/* Creates, wants the status and text, and releases the tensors. */
static void refuse(kdst_tensor *x, kdst_tensor *y, int64_t classes, kdst_status status, const char *text)
{
    kdst_dataset *d = (kdst_dataset *)&d;
    refused(kdst_dataset_create(ctx, x, y, classes, &d), status, text);
    ck_assert_ptr_null(d);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}

START_TEST(test_getters)
{
    kdst_tensor *x = new_images(pixel_types[_i]), *y = new_labels(0, 2, 1, 2), *t = NULL;
    kdst_dataset *d = NULL;
    int64_t sizes[3];
    ok(kdst_dataset_create(ctx, x, y, 0, &d));
    kdst_tensor_release(x);
    kdst_tensor_release(y);
    ck_assert_int_eq(kdst_dataset_get_count(d), N);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 3);
    ok(kdst_dataset_get_shape(d, sizes));
    ck_assert(sizes[0] == C && sizes[1] == H && sizes[2] == W);
    ok(kdst_dataset_get_images(d, &t));
    ck_assert_ptr_eq(t, x); /* retained, not copied */
    ok(kdst_dataset_get_labels(d, &t));
    ck_assert_ptr_eq(t, y);
    kdst_dataset_retain(d);
    kdst_dataset_release(d);
    ck_assert_int_eq(kdst_dataset_get_count(d), N);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_classes)
{
    kdst_tensor *x = new_images(KDST_DTYPE_UINT8), *y = new_labels(0, 2, 1, 2), *huge = new_labels(0, INT32_MAX, 1, 2);
    static const int64_t given[] = {3, 4, INT64_MAX};
    kdst_dataset *d = NULL;
    for (int i = 0; i < 3; i++) {
        ok(kdst_dataset_create(ctx, x, y, given[i], &d));
        ck_assert_int_eq(kdst_dataset_get_classes(d), given[i]);
        kdst_dataset_release(d);
    }
    ok(kdst_dataset_create(ctx, x, huge, 0, &d));
    ck_assert_int_eq(kdst_dataset_get_classes(d), INT64_C(1) << 31);
    kdst_dataset_release(d);
    kdst_tensor_release(huge);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* Images that lie as [H, W, N, C] and every second label come out row-major. */
START_TEST(test_strides)
{
    static double pixels[COUNT];
    static int32_t numbers[2 * N];
    static const int64_t image_strides[] = {C, 1, W * N * C, N * C}, label_stride[] = {2};
    for (int i = 0; i < COUNT; i++)
        pixels[i] = i;
    for (int i = 0; i < 2 * N; i++)
        numbers[i] = i;
    kdst_tensor *x = NULL, *y = NULL, *t = NULL;
    kdst_dataset *d = NULL;
    ok(kdst_tensor_create_foreign(ctx, KDST_DTYPE_FLOAT64, 4, shape, image_strides, pixels, NULL, NULL, &x));
    ok(kdst_tensor_create_foreign(ctx, KDST_DTYPE_INT32, 1, shape, label_stride, numbers, NULL, NULL, &y));
    ok(kdst_dataset_create(ctx, x, y, 0, &d));
    ok(kdst_dataset_get_images(d, &t));
    double *got = copy_of(t, NULL);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++)
            for (int h = 0; h < H; h++)
                for (int w = 0; w < W; w++)
                    ck_assert_double_eq(got[((n * C + c) * H + h) * W + w], pixels[((h * W + w) * N + n) * C + c]);
    free(got);
    ok(kdst_dataset_get_labels(d, &t));
    int32_t *label = copy_of(t, NULL);
    for (int n = 0; n < N; n++)
        ck_assert_int_eq(label[n], 2 * n);
    free(label);
    kdst_dataset_release(d);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

START_TEST(test_wrong_labels)
{
    refuse(
        new_images(KDST_DTYPE_UINT8), new_labels(0, 1, -1, 0), 0, KDST_STATUS_INVALID_ARGUMENT,
        "the label of sample 2 is -1, which is negative");
    refuse(
        new_images(KDST_DTYPE_UINT8), new_labels(0, 1, 2, 3), 3, KDST_STATUS_INVALID_ARGUMENT,
        "the label of sample 3 is 3, allowed are 0 to 2");
    refuse(new_images(KDST_DTYPE_UINT8), new_labels(0, 0, 0, 0), -1, KDST_STATUS_INVALID_ARGUMENT, "classes is -1");
    refuse(new_images(KDST_DTYPE_UINT8), new_images(KDST_DTYPE_INT32), 0, KDST_STATUS_SHAPE, "labels [4, 2, 3, 5]");
    const uint8_t bytes[N] = {0};
    refuse(
        new_images(KDST_DTYPE_UINT8), new_tensor(KDST_DTYPE_UINT8, 1, shape, bytes), 0, KDST_STATUS_DTYPE,
        "labels are uint8");
}
END_TEST

START_TEST(test_wrong_shapes)
{
    static const int64_t few[] = {N - 1}, none[] = {0, C, H, W}, flat[] = {N, H, W}, thin[] = {N, C, H, 0};
    const int32_t numbers[N] = {0};
    kdst_tensor *x = NULL;
    refuse(
        new_images(KDST_DTYPE_UINT8), new_tensor(KDST_DTYPE_INT32, 1, few, numbers), 0, KDST_STATUS_SHAPE,
        "images are [4, 2, 3, 5] and labels [3]");
    ok(kdst_tensor_create(ctx, KDST_DTYPE_UINT8, 4, none, &x));
    refuse(x, new_tensor(KDST_DTYPE_INT32, 1, none, NULL), 0, KDST_STATUS_SHAPE, "no sample");
    ok(kdst_tensor_create(ctx, KDST_DTYPE_UINT8, 3, flat, &x));
    refuse(x, new_labels(0, 0, 0, 0), 0, KDST_STATUS_SHAPE, "images are [4, 3, 5]");
    ok(kdst_tensor_create(ctx, KDST_DTYPE_FLOAT32, 4, thin, &x));
    refuse(x, new_labels(0, 0, 0, 0), 0, KDST_STATUS_SHAPE, "no pixel");
    refuse(new_images(KDST_DTYPE_INT32), new_labels(0, 0, 0, 0), 0, KDST_STATUS_DTYPE, "images are int32");
    refuse(new_images(KDST_DTYPE_BOOL), new_labels(0, 0, 0, 0), 0, KDST_STATUS_DTYPE, "images are bool");
}
END_TEST

/* Each pixel in turn is no finite number. */
START_TEST(test_not_finite)
{
    static const double wrong[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < COUNT; i++) {
        char text[64];
        double wide[COUNT] = {0};
        float narrow[COUNT] = {0};
        wide[i] = wrong[i % 3];
        narrow[i] = (float)wrong[i % 3];
        snprintf(text, sizeof text, "pixel %d of sample %d is not finite", i % (C * H * W), i / (C * H * W));
        refuse(
            new_tensor(KDST_DTYPE_FLOAT64, 4, shape, wide), new_labels(0, 0, 0, 0), 0, KDST_STATUS_INVALID_ARGUMENT,
            text);
        refuse(
            new_tensor(KDST_DTYPE_FLOAT32, 4, shape, narrow), new_labels(0, 0, 0, 0), 0, KDST_STATUS_INVALID_ARGUMENT,
            text);
    }
}
END_TEST

START_TEST(test_arguments)
{
    kdst_context *other = new_context(1);
    kdst_tensor *x = new_images(KDST_DTYPE_UINT8), *y = new_labels(0, 1, 2, 3), *t = x, *foreign = NULL;
    kdst_dataset *d = NULL;
    int64_t sizes[3];
    ck_assert_int_eq(kdst_dataset_create(NULL, x, y, 0, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_create(ctx, NULL, y, 0, &d), KDST_STATUS_INVALID_ARGUMENT, "images is NULL");
    refused(kdst_dataset_create(ctx, x, NULL, 0, &d), KDST_STATUS_INVALID_ARGUMENT, "labels is NULL");
    refused(kdst_dataset_create(ctx, x, y, 0, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_tensor_create(other, KDST_DTYPE_UINT8, 4, shape, &foreign), 0);
    refused(kdst_dataset_create(ctx, foreign, y, 0, &d), KDST_STATUS_INVALID_ARGUMENT, "images belong to another");
    refused(kdst_dataset_create(ctx, x, foreign, 0, &d), KDST_STATUS_INVALID_ARGUMENT, "labels belong to another");
    kdst_tensor_release(foreign);
    kdst_context_release(other);
    ck_assert_int_eq(kdst_dataset_get_shape(NULL, sizes), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_dataset_get_images(NULL, &t), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(kdst_dataset_get_labels(NULL, &t), KDST_STATUS_INVALID_ARGUMENT);
    ok(kdst_dataset_create(ctx, x, y, 0, &d));
    refused(kdst_dataset_get_shape(d, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(kdst_dataset_get_images(d, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(kdst_dataset_get_labels(d, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_dataset_get_count(NULL), 0);
    ck_assert_int_eq(kdst_dataset_get_classes(NULL), 0);
    kdst_dataset_retain(NULL);
    kdst_dataset_release(NULL);
    kdst_dataset_release(d);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
}
END_TEST

/* From mirrored images, so that the copy's allocations fail, too. */
static kdst_status create_in(kdst_context *c, void *arg)
{
    static float pixels[COUNT];
    static const int64_t mirrored[] = {C * H * W, H * W, W, -1};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    (void)arg;
    kdst_status status =
        kdst_tensor_create_foreign(c, KDST_DTYPE_FLOAT32, 4, shape, mirrored, pixels + W - 1, NULL, NULL, &x);
    if (!status) status = kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &y);
    if (!status) status = kdst_dataset_create(c, x, y, 0, &d);
    ck_assert(status ? !d : kdst_dataset_get_count(d) == N);
    kdst_dataset_release(d);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, create_in, NULL), 5);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data dataset");
    TCase *all = tcase_create("dataset");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, test_getters, 0, 3);
    tcase_add_test(all, test_classes);
    tcase_add_test(all, test_strides);
    tcase_add_test(all, test_wrong_labels);
    tcase_add_test(all, test_wrong_shapes);
    tcase_add_test(all, test_not_finite);
    tcase_add_test(all, test_arguments);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
