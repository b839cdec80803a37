/* SPDX-License-Identifier: Apache-2.0 */
/* npz files: what is written is read again, every field of an archive wrong, allocations failing. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <stdint.h>

enum { ROOM = 4096, LOCAL = 30, ENTRY = 46, END = 22 };

static const float reals[] = {1, 2, 3, 4, 5, 6};
static const int32_t wholes[] = {7, -8, 9};

/* Two members, "weights" float32 [2, 3] and "counts" int32 [3]. */
static void save_two(const char *path)
{
    const int64_t shape[] = {2, 3}, three[] = {3};
    static const char *const names[] = {"weights", "counts"};
    kdst_tensor *tensors[] = {
        tensor_of(KDST_DTYPE_FLOAT32, 2, shape, reals), tensor_of(KDST_DTYPE_INT32, 1, three, wholes)};
    ck_assert_msg(kdst_npz_save(ctx, path, names, tensors, 2) == 0, "%s", kdst_context_message(ctx));
    kdst_tensor_release(tensors[1]);
    kdst_tensor_release(tensors[0]);
}

static size_t read_whole(const char *path, unsigned char out[ROOM])
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t bytes = fread(out, 1, ROOM, f);
    fclose(f);
    return bytes;
}

static void write_whole(const char *path, const unsigned char *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
}

static void check_two(kdst_npz *npz)
{
    kdst_tensor *t = NULL;
    float x[6];
    int32_t y[3];
    ck_assert_int_eq(kdst_npz_get_count(npz), 2);
    ck_assert_str_eq(kdst_npz_get_name(npz, 0), "weights");
    ck_assert_str_eq(kdst_npz_get_name(npz, 1), "counts");
    ck_assert_msg(kdst_npz_load(npz, "weights", NULL, &t) == 0, "%s", kdst_context_message(ctx));
    ck_assert(kdst_tensor_get_rank(t) == 2 && kdst_tensor_get_size(t, 0) == 2);
    ck_assert_int_eq(kdst_tensor_get_data(t, x, sizeof x), 0);
    ck_assert_mem_eq(x, reals, sizeof x);
    kdst_tensor_release(t);
    ck_assert_msg(kdst_npz_load(npz, "counts.npy", NULL, &t) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_tensor_get_data(t, y, sizeof y), 0);
    ck_assert_mem_eq(y, wholes, sizeof y);
    kdst_tensor_release(t);
}

START_TEST(test_round_trip)
{
    kdst_npz *npz = NULL;
    kdst_tensor *t = NULL;
    kdst_options *o = NULL;
    const char *path = path_of("two.npz");
    save_two(path);
    ck_assert_int_eq(kdst_npz_open(ctx, path, &npz), 0);
    check_two(npz);
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "dtype", "float64"), 0);
    ck_assert_int_eq(kdst_npz_load(npz, "counts", o, &t), 0);
    ck_assert_int_eq(kdst_tensor_get_dtype(t), KDST_DTYPE_FLOAT64);
    kdst_tensor_release(t);
    kdst_options_release(o);
    kdst_npz_retain(npz);
    kdst_npz_release(npz);
    ck_assert_ptr_null(kdst_npz_get_name(npz, 2));
    ck_assert_ptr_null(kdst_npz_get_name(npz, -1));
    kdst_npz_release(npz);
    ck_assert_ptr_null(kdst_npz_get_name(NULL, 0));
    ck_assert_int_eq(kdst_npz_get_count(NULL), 0);
    kdst_npz_retain(NULL);
    kdst_npz_release(NULL);
}
END_TEST

/* An archive of nothing, a comment behind the end, and bytes before the archive's first member that nobody needs. */
START_TEST(test_odd_but_right)
{
    unsigned char data[ROOM];
    kdst_npz *npz = NULL;
    const char *path = path_of("odd.npz");
    ck_assert_int_eq(kdst_npz_save(ctx, path, NULL, NULL, 0), 0);
    ck_assert_uint_eq(read_whole(path, data), END);
    ck_assert_int_eq(kdst_npz_open(ctx, path, &npz), 0);
    ck_assert_int_eq(kdst_npz_get_count(npz), 0);
    kdst_npz_release(npz);
    save_two(path);
    size_t bytes = read_whole(path, data);
    memcpy(data + bytes, "comment with PK\5\6", 17);
    data[bytes - 2] = 17;
    write_whole(path, data, bytes + 17);
    ck_assert_msg(kdst_npz_open(ctx, path, &npz) == 0, "%s", kdst_context_message(ctx));
    check_two(npz);
    kdst_npz_release(npz);
}
END_TEST

/* numpy.savez_compressed wrote it; the sizes of the second one are in a zip64 field. */
START_TEST(test_deflated)
{
    static const char *const files[] = {"valid-deflated.npz", "valid-zip64.npz"};
    char path[512];
    kdst_npz *npz = NULL;
    kdst_tensor *t = NULL;
    double x[200];
    snprintf(path, sizeof path, "%s/fuzz/corpus/npz/%s", KDST_TEST_SOURCE_DIR, files[_i]);
    ck_assert_msg(kdst_npz_open(ctx, path, &npz) == 0, "%s", kdst_context_message(ctx));
    kdst_status status = kdst_npz_load(npz, "ramp", NULL, &t);
    if (status == KDST_STATUS_UNSUPPORTED) { /* a build without zlib */
        ck_assert_ptr_null(t);
        kdst_npz_release(npz);
        return;
    }
    ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_tensor_get_data(t, x, sizeof x), 0);
    for (int i = 0; i < 200; i++)
        ck_assert_double_eq(x[i], i);
    kdst_tensor_release(t);
    kdst_npz_release(npz);
}
END_TEST

/* One byte of the archive changed; the bytes are counted from the beginning of a part. */
typedef struct wrong {
    char part; /* l local header, d directory entry, e end, x data */
    int at;
    unsigned char value;
    kdst_status status;
    const char *text;
} wrong;

static const wrong wrongs[] = {
    {'l', 0, 'Q', KDST_STATUS_FORMAT, "two.npz: weights: its local header is none"},
    {'l', 27, 255, KDST_STATUS_FORMAT, "bytes from byte"},
    {'x', 130, 1, KDST_STATUS_FORMAT, "weights: the checksum is"},
    {'x', 1, 'M', KDST_STATUS_FORMAT, "weights: "},
    {'d', 0, 'Q', KDST_STATUS_FORMAT, "entry 0 of the directory is none"},
    {'d', 8, 1, KDST_STATUS_UNSUPPORTED, "weights: is encrypted"},
    {'d', 10, 12, KDST_STATUS_UNSUPPORTED, "is compressed by method 12, known are 0 and 8"},
    {'d', 16, 1, KDST_STATUS_FORMAT, "the directory says"},
    {'d', 20, 1, KDST_STATUS_FORMAT, "is stored in"},
    {'d', 23, 1, KDST_STATUS_FORMAT, "would take"},
    {'d', 28, 255, KDST_STATUS_FORMAT, "entry 0 of the directory is none"},
    {'d', 29, 255, KDST_STATUS_FORMAT, "entry 0 of the directory is none"},
    {'d', 30, 2, KDST_STATUS_FORMAT, "entry 1 of the directory is none"},
    {'d', 45, 255, KDST_STATUS_FORMAT, "the file has"},
    {'d', 47, 0, KDST_STATUS_FORMAT, "entry 0 of the directory is none"},
    {'e', 0, 'Q', KDST_STATUS_FORMAT, "is no zip archive: it has no end record"},
    {'e', 4, 1, KDST_STATUS_UNSUPPORTED, "one of several parts"},
    {'e', 10, 9, KDST_STATUS_FORMAT, "9 members in a directory of"},
    {'e', 15, 255, KDST_STATUS_FORMAT, "the directory would take"},
    {'e', 19, 255, KDST_STATUS_FORMAT, "the directory would take"},
    {'e', 20, 1, KDST_STATUS_FORMAT, "it has no end record"},
};
enum { WRONGS = sizeof wrongs / sizeof *wrongs };

START_TEST(test_wrong)
{
    const wrong *w = &wrongs[_i];
    unsigned char data[ROOM];
    kdst_npz *npz = NULL;
    kdst_tensor *t = NULL;
    const char *path = path_of("two.npz");
    save_two(path);
    size_t bytes = read_whole(path, data), end = bytes - END, directory = data[end + 16] | (size_t)data[end + 17] << 8;
    size_t from = w->part == 'l' ? 0
        : w->part == 'x'         ? LOCAL + strlen("weights.npy")
        : w->part == 'd'         ? directory
                                 : end;
    data[from + (size_t)w->at] = w->value;
    write_whole(path, data, bytes);
    kdst_status status = kdst_npz_open(ctx, path, &npz);
    ck_assert(!status == !!npz);
    if (!status) {
        status = kdst_npz_load(npz, kdst_npz_get_name(npz, 0), NULL, &t);
        ck_assert_ptr_null(t);
    }
    failed_with(status, w->status, w->text);
    kdst_npz_release(npz);
}
END_TEST

/* Cut anywhere, it is no archive any more; no cut crashes. */
START_TEST(test_cut)
{
    unsigned char data[ROOM];
    const char *path = path_of("cut.npz");
    save_two(path);
    size_t bytes = read_whole(path, data);
    for (size_t n = 0; n < bytes; n++) {
        kdst_npz *npz = NULL;
        write_whole(path, data, n);
        failed_with(kdst_npz_open(ctx, path, &npz), KDST_STATUS_FORMAT, "is no zip archive");
        ck_assert_ptr_null(npz);
    }
}
END_TEST

START_TEST(test_arguments)
{
    const int64_t three[] = {3};
    kdst_npz *npz = (kdst_npz *)ctx;
    kdst_tensor *t = tensor_of(KDST_DTYPE_INT32, 1, three, wholes), *out = t;
    const char *names[] = {"a", "a", NULL, "", "\xff"}, *path = path_of("two.npz");
    kdst_tensor *const tensors[] = {t, t}, *const none[] = {NULL};
    failed_with(kdst_npz_open(ctx, NULL, &npz), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    ck_assert_ptr_null(npz);
    failed_with(kdst_npz_open(ctx, path, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    failed_with(kdst_npz_open(ctx, path, &npz), KDST_STATUS_NOT_FOUND, "two.npz");
    ck_assert_int_eq(kdst_npz_open(NULL, path, &npz), KDST_STATUS_INVALID_ARGUMENT);
    failed_with(
        kdst_npz_save(ctx, path, names, tensors, 2), KDST_STATUS_INVALID_ARGUMENT, "names 0 and 1 are the same");
    failed_with(kdst_npz_save(ctx, path, names + 2, tensors, 1), KDST_STATUS_INVALID_ARGUMENT, "name 0 is NULL");
    failed_with(kdst_npz_save(ctx, path, names + 3, tensors, 1), KDST_STATUS_INVALID_ARGUMENT, "name 0 has 0 bytes");
    failed_with(kdst_npz_save(ctx, path, names + 4, tensors, 1), KDST_STATUS_INVALID_ARGUMENT, "of UTF-8");
    failed_with(kdst_npz_save(ctx, path, names, none, 1), KDST_STATUS_INVALID_ARGUMENT, "tensor 0 is NULL");
    failed_with(kdst_npz_save(ctx, path, names, tensors, -1), KDST_STATUS_INVALID_ARGUMENT, "count is -1");
    failed_with(kdst_npz_save(ctx, path, NULL, tensors, 1), KDST_STATUS_INVALID_ARGUMENT, "names is NULL");
    failed_with(kdst_npz_save(ctx, NULL, names, tensors, 1), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    ck_assert_int_eq(kdst_npz_save(NULL, path, names, tensors, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(count_files(), 0);
    failed_with(kdst_npz_save(ctx, path_of("no/such"), names, tensors, 1), KDST_STATUS_IO, "no/such");
    save_two(path);
    ck_assert_int_eq(kdst_npz_open(ctx, path, &npz), 0);
    failed_with(kdst_npz_load(npz, "bias", NULL, &out), KDST_STATUS_NOT_FOUND, "no member \"bias\" among 2");
    ck_assert_ptr_null(out);
    failed_with(kdst_npz_load(npz, NULL, NULL, &out), KDST_STATUS_INVALID_ARGUMENT, "name is NULL");
    failed_with(kdst_npz_load(npz, "counts", NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_npz_load(NULL, "counts", NULL, &out), KDST_STATUS_INVALID_ARGUMENT);
    unlink(path);
    failed_with(kdst_npz_load(npz, "counts", NULL, &out), KDST_STATUS_NOT_FOUND, "two.npz");
    kdst_npz_release(npz);
    kdst_tensor_release(t);
}
END_TEST

static kdst_status save_and_load(kdst_context *c, void *arg)
{
    static const char *const names[] = {"images", "labels"};
    const int64_t shape[] = {2, 3, 2, 2};
    const char *path = arg;
    kdst_tensor *tensors[2] = {NULL}, *t = NULL;
    kdst_npz *npz = NULL;
    kdst_dataset *d = NULL;
    kdst_status status = kdst_tensor_create(c, KDST_DTYPE_FLOAT32, 4, shape, &tensors[0]);
    TRY(kdst_tensor_create(c, KDST_DTYPE_INT32, 1, shape, &tensors[1]));
    TRY(kdst_npz_save(c, path, names, tensors, 2));
    TRY(kdst_npz_open(c, path, &npz));
    TRY(kdst_npz_load(npz, "labels", NULL, &t));
    TRY(kdst_dataset_load_npz(c, path, NULL, &d));
    ck_assert(!status == !!d);
    kdst_dataset_release(d);
    kdst_tensor_release(t);
    kdst_npz_release(npz);
    kdst_tensor_release(tensors[1]);
    kdst_tensor_release(tensors[0]);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_ge(each_allocation_fails(o, save_and_load, (void *)(uintptr_t)path_of("new.npz")), 20);
    kdst_options_release(o);
}
END_TEST

START_TEST(test_dataset)
{
    static const char *const names[] = {"x", "y"};
    const int64_t shape[] = {3, 2, 2, 1}, three[] = {3};
    static const int32_t labels[] = {0, 4, 1}, below[] = {0, -1, 1};
    static const uint8_t pixels[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const char *path = path_of("data.npz");
    kdst_dataset *d = NULL;
    kdst_options *o = NULL;
    kdst_tensor *image = NULL,
                *tensors[] = {
                    tensor_of(KDST_DTYPE_UINT8, 4, shape, pixels), tensor_of(KDST_DTYPE_INT32, 1, three, labels)};
    uint8_t got[4];
    int64_t size[3];
    ck_assert_int_eq(kdst_npz_save(ctx, path, names, tensors, 2), 0);
    failed_with(kdst_dataset_load_npz(ctx, path, NULL, &d), KDST_STATUS_NOT_FOUND, "no member \"labels\"");
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "images", "x"), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "labels", "y"), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "layout", "nhwc"), 0);
    ck_assert_msg(kdst_dataset_load_npz(ctx, path, o, &d) == 0, "%s", kdst_context_message(ctx));
    ck_assert(kdst_dataset_get_count(d) == 3 && kdst_dataset_get_classes(d) == 5);
    ck_assert_int_eq(kdst_dataset_get_shape(d, size), 0);
    ck_assert(size[0] == 1 && size[1] == 2 && size[2] == 2);
    ck_assert_int_eq(kdst_dataset_get_image(d, 1, &image), 0);
    ck_assert_int_eq(kdst_tensor_get_data(image, got, sizeof got), 0);
    ck_assert_mem_eq(got, pixels + 4, 4);
    kdst_tensor_release(image);
    kdst_dataset_release(d);
    kdst_tensor_release(tensors[1]);
    tensors[1] = tensor_of(KDST_DTYPE_INT32, 1, three, below);
    ck_assert_int_eq(kdst_npz_save(ctx, path, names, tensors, 2), 0);
    failed_with(kdst_dataset_load_npz(ctx, path, o, &d), KDST_STATUS_INVALID_ARGUMENT, "the label of sample 1 is -1");
    ck_assert_ptr_null(d);
    failed_with(kdst_dataset_load_npz(ctx, NULL, o, &d), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    kdst_options_release(o);
    kdst_tensor_release(tensors[1]);
    kdst_tensor_release(tensors[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io npz");
    TCase *all = tcase_create("npz");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_round_trip);
    tcase_add_test(all, test_odd_but_right);
    tcase_add_loop_test(all, test_deflated, 0, 2);
    tcase_add_loop_test(all, test_wrong, 0, WRONGS);
    tcase_add_test(all, test_cut);
    tcase_add_test(all, test_arguments);
    tcase_add_test(all, test_allocations);
    tcase_add_test(all, test_dataset);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
