/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets from npy files: layouts, types of pixels and labels, and what is refused. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { N = 3, C = 2, H = 4, W = 5, COUNT = N * C * H * W };

static char image_path[PATH_BYTES], label_path[PATH_BYTES];

/* An npy file of version 1.0, row-major. */
static void write_npy(const char *name, const char *descr, const char *shape, const void *data, size_t bytes)
{
    char file[4096] = "\x93NUMPY\x01";
    int used =
        snprintf(file + 10, sizeof file - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
    size_t head = (10 + (size_t)used + 1 + 63) / 64 * 64;
    memset(file + 10 + used, ' ', head - 10 - (size_t)used);
    file[head - 1] = '\n';
    file[8] = (char)((head - 10) & 255);
    file[9] = (char)((head - 10) >> 8);
    memcpy(file + head, data, bytes);
    write_file(name, file, head + bytes);
}

static void set_up(void)
{
    uint8_t pixels[COUNT];
    const uint8_t labels[N] = {2, 0, 1};
    setup();
    for (int i = 0; i < COUNT; i++)
        pixels[i] = (uint8_t)(255 - i);
    path_of("images.npy", image_path);
    path_of("labels.npy", label_path);
    write_npy("images.npy", "|u1", "3, 2, 4, 5", pixels, COUNT);
    write_npy("labels.npy", "|u1", "3,", labels, N);
}

static kdst_status load(const kdst_options *o, kdst_dataset **out)
{
    return kdst_dataset_load_npy(ctx, image_path, label_path, o, out);
}

/* Shape and type; the caller gets the elements. */
static void *loaded(kdst_dataset *d, kdst_dtype dtype, int64_t c, int64_t h, int64_t w)
{
    kdst_tensor *x = NULL;
    int64_t shape[3];
    ok(kdst_dataset_get_images(d, &x));
    ok(kdst_dataset_get_shape(d, shape));
    ck_assert_int_eq(kdst_tensor_get_dtype(x), dtype);
    ck_assert(shape[0] == c && shape[1] == h && shape[2] == w);
    return copy_of(x, NULL);
}

START_TEST(test_nchw)
{
    kdst_dataset *d = NULL;
    ok(load(NULL, &d));
    uint8_t *x = loaded(d, KDST_DTYPE_UINT8, C, H, W);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(x[i], 255 - i);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 3);
    free(x);
    kdst_dataset_release(d);
}
END_TEST

/* The same file taken as [3, 2, 4, 5] = [N, H, W, C]. */
START_TEST(test_nhwc)
{
    kdst_options *o = set_int(set_text(new_options(), "layout", "nhwc"), "classes", 7);
    kdst_dataset *d = NULL;
    ok(load(o, &d));
    uint8_t *x = loaded(d, KDST_DTYPE_UINT8, 5, 2, 4);
    for (int n = 0; n < 3; n++)
        for (int c = 0; c < 5; c++)
            for (int h = 0; h < 2; h++)
                for (int w = 0; w < 4; w++)
                    ck_assert_int_eq(x[((n * 5 + c) * 2 + h) * 4 + w], 255 - (((n * 2 + h) * 4 + w) * 5 + c));
    ck_assert_int_eq(kdst_dataset_get_classes(d), 7);
    free(x);
    kdst_dataset_release(d);
    kdst_options_release(o);
}
END_TEST

START_TEST(test_without_channels)
{
    uint8_t pixels[N * H * W];
    kdst_options *o = set_text(new_options(), "layout", _i ? "nhwc" : "nchw");
    kdst_dataset *d = NULL;
    for (int i = 0; i < N * H * W; i++)
        pixels[i] = (uint8_t)(3 * i);
    write_npy("images.npy", "|u1", "3, 4, 5", pixels, sizeof pixels);
    ok(load(o, &d));
    uint8_t *x = loaded(d, KDST_DTYPE_UINT8, 1, H, W);
    ck_assert_mem_eq(x, pixels, sizeof pixels);
    free(x);
    kdst_dataset_release(d);
    kdst_options_release(o);
}
END_TEST

/* Everything but uint8 becomes float32, unscaled. */
START_TEST(test_pixel_types)
{
    static const float wanted[] = {-3, 0, 1, 2.5f, 250, 7};
    const double doubles[] = {-3, 0, 1, 2.5, 250, 7};
    const int16_t shorts[] = {-3, 0, 1, 2, 250, 7};
    const int64_t longs[] = {-3, 0, 1, 2, 250, 7};
    const uint8_t bools[] = {0, 0, 1, 1, 1, 1};
    const struct {
        const char *descr;
        const void *data;
        size_t size;
    } files[] = {{"<f4", wanted, 4}, {"<f8", doubles, 8}, {"<i2", shorts, 2}, {"<i8", longs, 8}, {"|b1", bools, 1}};
    for (int f = 0; f < 5; f++) {
        kdst_dataset *d = NULL;
        write_npy("images.npy", files[f].descr, "3, 1, 2", files[f].data, 6 * files[f].size);
        ok(load(NULL, &d));
        float *x = loaded(d, KDST_DTYPE_FLOAT32, 1, 1, 2);
        for (int i = 0; i < 6; i++)
            ck_assert_float_eq(x[i], f < 2 ? wanted[i] : f < 4 ? truncf(wanted[i]) : (float)bools[i]);
        free(x);
        kdst_dataset_release(d);
    }
}
END_TEST

START_TEST(test_label_types)
{
    static const char *const descr[] = {"|u1", "|i1", "<u2", ">i2", "<i4", ">i4", "<u8", "<i8"};
    for (int f = 0; f < 8; f++) {
        int size = descr[f][2] - '0', big = descr[f][0] == '>';
        uint8_t bytes[N * 8] = {0};
        kdst_dataset *d = NULL;
        kdst_tensor *y = NULL;
        for (int i = 0; i < N; i++)
            bytes[i * size + (big ? size - 1 : 0)] = (uint8_t)(10 * i + 1);
        write_npy("labels.npy", descr[f], "3,", bytes, (size_t)(N * size));
        ok(load(NULL, &d));
        ok(kdst_dataset_get_labels(d, &y));
        ck_assert_int_eq(kdst_tensor_get_dtype(y), KDST_DTYPE_INT32);
        int32_t *numbers = copy_of(y, NULL);
        for (int i = 0; i < N; i++)
            ck_assert_int_eq(numbers[i], 10 * i + 1);
        ck_assert_int_eq(kdst_dataset_get_classes(d), 22);
        free(numbers);
        kdst_dataset_release(d);
    }
}
END_TEST

START_TEST(test_wrong_content)
{
    static const float reals[] = {0, 1, 2, 3, NAN, 5};
    static const double large[] = {0, 0, 0, 0, 0, 1e300};
    static const int64_t labels[] = {0, -1, 2}, huge[] = {0, INT64_C(1) << 40, 0};
    kdst_dataset *d = NULL;
    kdst_options *o = set_int(new_options(), "classes", 2);
    refused(load(o, &d), KDST_STATUS_INVALID_ARGUMENT, "the label of sample 0 is 2, allowed are 0 to 1");
    kdst_options_release(o);
    write_npy("labels.npy", "<f4", "3,", reals, 12);
    refused(load(NULL, &d), KDST_STATUS_DTYPE, "labels are float32, expected integers");
    write_npy("labels.npy", "|b1", "3,", reals, 3);
    refused(load(NULL, &d), KDST_STATUS_DTYPE, "labels are bool, expected integers");
    write_npy("labels.npy", "<i8", "3,", labels, 24);
    refused(load(NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "the label of sample 1 is -1");
    write_npy("labels.npy", "<i8", "3,", huge, 24);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "labels.npy");
    write_npy("labels.npy", "<i8", "3, 1", labels, 24);
    refused(load(NULL, &d), KDST_STATUS_SHAPE, "labels [3, 1]");
    write_npy("labels.npy", "<i8", "1,", labels, 8);
    refused(load(NULL, &d), KDST_STATUS_SHAPE, "labels [1]");
    write_npy("images.npy", "<f4", "1, 2, 3", reals, sizeof reals);
    refused(load(NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "pixel 4 of sample 0 is not finite");
    write_npy("images.npy", "<f8", "1, 2, 3", large, sizeof large);
    refused(load(NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "pixel 5 of sample 0 is not finite");
    write_npy("images.npy", "<f4", "2, 3", reals, sizeof reals);
    refused(load(NULL, &d), KDST_STATUS_SHAPE, "images are [2, 3]");
    write_npy("images.npy", "<f4", "1, 2, 3", reals, sizeof reals - 1);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "images.npy");
    write_npy("images.npy", "<c8", "1, 1, 3", reals, sizeof reals);
    refused(load(NULL, &d), KDST_STATUS_UNSUPPORTED, "images.npy");
    write_npy("images.npy", "<f4", "0, 2, 3", reals, 0);
    write_npy("labels.npy", "<i8", "0,", labels, 0);
    refused(load(NULL, &d), KDST_STATUS_SHAPE, "no sample");
    ck_assert_ptr_null(d);
}
END_TEST

START_TEST(test_arguments)
{
    kdst_dataset *d = NULL;
    kdst_options *o = set_text(new_options(), "layout", "chwn");
    ck_assert_int_eq(kdst_dataset_load_npy(NULL, image_path, label_path, NULL, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_load_npy(ctx, NULL, label_path, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "images is NULL");
    refused(kdst_dataset_load_npy(ctx, image_path, NULL, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "labels is NULL");
    refused(load(NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(load(o, &d), KDST_STATUS_INVALID_ARGUMENT, "chwn");
    unlink(image_path);
    refused(load(NULL, &d), KDST_STATUS_NOT_FOUND, "images.npy");
    unlink(label_path);
    refused(load(NULL, &d), KDST_STATUS_NOT_FOUND, "labels.npy");
    kdst_options_release(o);
}
END_TEST

/* Through a change of type and of layout. */
static kdst_status load_in(kdst_context *c, void *arg)
{
    kdst_dataset *d = NULL;
    kdst_status status = kdst_dataset_load_npy(c, image_path, label_path, arg, &d);
    ck_assert(status ? !d : kdst_dataset_get_count(d) == N);
    kdst_dataset_release(d);
    return status;
}

START_TEST(test_allocations)
{
    static const double pixels[COUNT] = {1};
    kdst_options *threads = set_int(new_options(), "threads", 1), *o = set_text(new_options(), "layout", "nhwc");
    write_npy("images.npy", "<f8", "3, 2, 4, 5", pixels, sizeof pixels);
    ck_assert_int_ge(each_allocation_fails(threads, load_in, o), 8);
    kdst_options_release(o);
    kdst_options_release(threads);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data npy");
    TCase *all = tcase_create("npy");
    tcase_add_checked_fixture(all, set_up, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, test_nchw);
    tcase_add_test(all, test_nhwc);
    tcase_add_loop_test(all, test_without_channels, 0, 2);
    tcase_add_test(all, test_pixel_types);
    tcase_add_test(all, test_label_types);
    tcase_add_test(all, test_wrong_content);
    tcase_add_test(all, test_arguments);
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
