/* SPDX-License-Identifier: Apache-2.0 */
/* CIFAR batches: every kind of record, several files in their order, and what is refused. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

enum { PIXELS = 3072, FILES = 3, MOST = 4 };

static const char *const kinds[] = {"cifar10", "cifar100", "cifar100_coarse"};
static const int label_bytes[] = {1, 2, 2}, used[] = {0, 1, 0}, classes[] = {10, 100, 20};
static const int records[FILES] = {3, 1, MOST};

static uint8_t content[FILES][MOST * (PIXELS + 2)];
static char names[FILES][PATH_BYTES];
static const char *paths[FILES];

static size_t record_size(int kind)
{
    return (size_t)label_bytes[kind] + PIXELS;
}

static size_t file_size(int kind, int file)
{
    return (size_t)records[file] * record_size(kind);
}

static void make_content(int kind)
{
    uint32_t state = 9;
    for (int f = 0; f < FILES; f++) {
        for (size_t i = 0; i < file_size(kind, f); i++)
            content[f][i] = (uint8_t)(next_random(&state) >> 8);
        for (int r = 0; r < records[f]; r++) {
            uint8_t *label = content[f] + (size_t)r * record_size(kind);
            label[0] = (uint8_t)(next_random(&state) % (kind ? 20 : 10));
            if (kind) label[1] = (uint8_t)(next_random(&state) % 100);
        }
        snprintf(names[f], PATH_BYTES, "%s/batch%d", folder, f);
        paths[f] = names[f];
    }
}

static void write_content(int kind)
{
    char name[16];
    for (int f = 0; f < FILES; f++) {
        snprintf(name, sizeof name, "batch%d", f);
        write_file(name, content[f], file_size(kind, f));
    }
}

static kdst_status load(int kind, int64_t count, kdst_dataset **out)
{
    kdst_options *o = set_text(new_options(), "kind", kinds[kind]);
    kdst_status status = kdst_dataset_load_cifar(ctx, paths, count, kind ? o : NULL, out);
    kdst_options_release(o);
    return status;
}

static void check_content(int kind, int files, kdst_dataset *d)
{
    kdst_tensor *x = NULL, *y = NULL;
    ok(kdst_dataset_get_images(d, &x));
    ok(kdst_dataset_get_labels(d, &y));
    uint8_t *pixels = copy_of(x, NULL), *at = pixels;
    int32_t *labels = copy_of(y, NULL), *label = labels;
    int64_t total = 0;
    for (int f = 0; f < files; f++) {
        for (int r = 0; r < records[f]; r++, at += PIXELS) {
            const uint8_t *record = content[f] + (size_t)r * record_size(kind);
            ck_assert_int_eq(*label++, record[used[kind]]);
            ck_assert_mem_eq(at, record + label_bytes[kind], PIXELS);
        }
        total += records[f];
    }
    ck_assert_int_eq(kdst_dataset_get_count(d), total);
    ck_assert_int_eq(kdst_dataset_get_classes(d), classes[kind]);
    ck_assert_int_eq(kdst_tensor_get_dtype(x), KDST_DTYPE_UINT8);
    ck_assert_int_eq(kdst_tensor_get_count(x), total * PIXELS);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kdst_tensor_get_size(x, i + 1), i ? 32 : 3);
    free(labels);
    free(pixels);
}

START_TEST(test_reads)
{
    make_content(_i);
    write_content(_i);
    for (int files = 1; files <= FILES; files++) {
        kdst_dataset *d = NULL;
        ok(load(_i, files, &d));
        check_content(_i, files, d);
        kdst_dataset_release(d);
    }
}
END_TEST

/* Cut anywhere but between two records, a file is refused; cut there it is shorter. */
START_TEST(test_truncated)
{
    kdst_dataset *d = NULL;
    make_content(_i);
    for (size_t size = 0; size < 2 * record_size(_i); size++) {
        size_t inside = size % record_size(_i);
        if ((size && !inside) || (inside > 8 && inside < PIXELS - 4 && inside % 97)) continue;
        write_file("batch0", content[0], size);
        refused(load(_i, 1, &d), KDST_STATUS_FORMAT, size ? "the file ends after " : "the file is empty");
        ck_assert_ptr_null(d);
    }
    write_file("batch0", content[0], file_size(_i, 0) + 1);
    refused(load(_i, 1, &d), KDST_STATUS_FORMAT, "of record 3");
}
END_TEST

START_TEST(test_label_range)
{
    kdst_dataset *d = NULL;
    make_content(_i);
    for (int byte = 0; byte < label_bytes[_i]; byte++) {
        uint8_t *label = content[2] + 2 * record_size(_i) + byte, old = *label;
        int limit = !_i ? 10 : byte ? 100 : 20;
        char text[64];
        *label = (uint8_t)(limit - 1);
        write_content(_i);
        ok(load(_i, FILES, &d));
        kdst_dataset_release(d);
        *label = (uint8_t)limit;
        write_content(_i);
        snprintf(text, sizeof text, "label %d of record 2, allowed are 0 to %d", limit, limit - 1);
        refused(load(_i, FILES, &d), KDST_STATUS_FORMAT, text);
        ck_assert_ptr_null(d);
        *label = old;
    }
}
END_TEST

START_TEST(test_arguments)
{
    kdst_dataset *d = NULL;
    make_content(0);
    write_content(0);
    ck_assert_int_eq(kdst_dataset_load_cifar(NULL, paths, 1, NULL, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_load_cifar(ctx, NULL, 1, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "paths is NULL");
    refused(kdst_dataset_load_cifar(ctx, paths, 1, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(kdst_dataset_load_cifar(ctx, paths, 0, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "count is 0");
    refused(kdst_dataset_load_cifar(ctx, paths, -3, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "count is -3");
    refused(kdst_dataset_load_cifar(ctx, paths, INT64_MAX, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "count is");
    paths[1] = NULL;
    refused(kdst_dataset_load_cifar(ctx, paths, 3, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "path 1 is NULL");
    paths[1] = strcat(names[1], "_none");
    refused(kdst_dataset_load_cifar(ctx, paths, 3, NULL, &d), KDST_STATUS_NOT_FOUND, "batch1_none");
    kdst_options *o = set_text(new_options(), "kind", "cifar20");
    refused(kdst_dataset_load_cifar(ctx, paths, 1, o, &d), KDST_STATUS_INVALID_ARGUMENT, "cifar20");
    kdst_options_release(o);
    /* records of 3073 bytes are none of 3074 */
    refused(load(1, 1, &d), KDST_STATUS_FORMAT, "of record 2");
}
END_TEST

#if KDST_HAVE_ZLIB
/* Plain and compressed files mix; cut anywhere a compressed one is refused. */
START_TEST(test_gzip)
{
    static uint8_t packed[2 * sizeof content[0]];
    kdst_dataset *d = NULL;
    make_content(_i);
    write_content(_i);
    size_t size = compress_gzip(content[1], file_size(_i, 1), packed, sizeof packed);
    write_file("batch1", packed, size);
    ok(load(_i, FILES, &d));
    check_content(_i, FILES, d);
    kdst_dataset_release(d);
    for (size_t cut = 2; cut < size; cut += cut < 40 || cut > size - 40 ? 1 : 53) {
        write_file("batch1", packed, cut);
        refused(load(_i, FILES, &d), KDST_STATUS_FORMAT, "batch1: ");
    }
    packed[size / 2] ^= 0x10;
    write_file("batch1", packed, size);
    refused(load(_i, FILES, &d), KDST_STATUS_FORMAT, "batch1: ");
    write_gzip("batch1", content[1], file_size(_i, 1) - 1);
    refused(load(_i, FILES, &d), KDST_STATUS_FORMAT, "of record 0");
}
END_TEST
#endif

static kdst_status load_in(kdst_context *c, void *arg)
{
    kdst_dataset *d = NULL;
    (void)arg;
    kdst_status status = kdst_dataset_load_cifar(c, paths, FILES, NULL, &d);
    ck_assert(status ? !d : kdst_dataset_get_count(d) == 8);
    kdst_dataset_release(d);
    return status;
}

START_TEST(test_allocations)
{
    make_content(0);
    write_content(0);
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, load_in, NULL), 5);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data cifar");
    TCase *all = tcase_create("cifar");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, test_reads, 0, 3);
    tcase_add_loop_test(all, test_truncated, 0, 3);
    tcase_add_loop_test(all, test_label_range, 0, 3);
    tcase_add_test(all, test_arguments);
#if KDST_HAVE_ZLIB
    tcase_add_loop_test(all, test_gzip, 0, 3);
#endif
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
