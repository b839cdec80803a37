/* SPDX-License-Identifier: Apache-2.0 */
/* IDX files: what is read is what was written, and every broken file is refused. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

enum { N = 5, H = 3, W = 4, ROOM = 65536 };

/* A file in memory. */
typedef struct bytes {
    uint8_t data[ROOM];
    size_t size;
} bytes;

static bytes images, labels; /* a correct pair: [5, 3, 4] and [5] */

static void put_header(bytes *b, uint8_t type, int axes, const uint32_t *sizes)
{
    const uint8_t magic[] = {0, 0, type, (uint8_t)axes};
    memcpy(b->data, magic, 4);
    for (int i = 0; i < axes; i++)
        for (int k = 0; k < 4; k++)
            b->data[4 + 4 * i + k] = (uint8_t)(sizes[i] >> (24 - 8 * k));
    b->size = 4 + 4 * (size_t)axes;
}

static void put_noise(bytes *b, size_t count, uint32_t below)
{
    uint32_t state = 3;
    for (size_t i = 0; i < count; i++)
        b->data[b->size++] = (uint8_t)(next_random(&state) % below);
}

static void set_up(void)
{
    setup();
    put_header(&images, 8, 3, (const uint32_t[]){N, H, W});
    put_noise(&images, N * H * W, 256);
    put_header(&labels, 8, 1, (const uint32_t[]){N});
    put_noise(&labels, N, 10);
    labels.data[8] = 9;
}

/* Loads the pair as it stands in memory. */
static kdst_status load(const kdst_options *o, kdst_dataset **out)
{
    char x[PATH_BYTES], y[PATH_BYTES];
    write_file("images", images.data, images.size);
    write_file("labels", labels.data, labels.size);
    return kdst_dataset_load_idx(ctx, path_of("images", x), path_of("labels", y), o, out);
}

/* What was read equals what stands in memory, behind the headers. */
static void check_content(kdst_dataset *d, const int64_t *shape, int64_t count)
{
    kdst_tensor *x = NULL, *y = NULL;
    size_t size;
    ok(kdst_dataset_get_images(d, &x));
    ok(kdst_dataset_get_labels(d, &y));
    ck_assert_int_eq(kdst_tensor_get_dtype(x), KDST_DTYPE_UINT8);
    ck_assert_int_eq(kdst_tensor_get_dtype(y), KDST_DTYPE_INT32);
    ck_assert_int_eq(kdst_dataset_get_count(d), count);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kdst_tensor_get_size(x, i + 1), shape[i]);
    uint8_t *pixels = copy_of(x, &size);
    ck_assert_mem_eq(pixels, images.data + images.size - size, size);
    int32_t *numbers = copy_of(y, NULL);
    for (int64_t i = 0; i < count; i++)
        ck_assert_int_eq(numbers[i], labels.data[8 + i]);
    free(numbers);
    free(pixels);
}

START_TEST(test_reads)
{
    kdst_dataset *d = NULL;
    ok(load(NULL, &d));
    check_content(d, (const int64_t[]){1, H, W}, N);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 10);
    kdst_dataset_release(d);
}
END_TEST

START_TEST(test_reads_channels)
{
    kdst_dataset *d = NULL;
    kdst_options *o = set_int(new_options(), "classes", 65536);
    put_header(&images, 8, 4, (const uint32_t[]){N, 2, H, W});
    put_noise(&images, N * 2 * H * W, 256);
    ok(load(o, &d));
    check_content(d, (const int64_t[]){2, H, W}, N);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 65536);
    kdst_dataset_release(d);
    kdst_options_release(o);
}
END_TEST

/* More labels than are converted at once, and every value a label can have. */
START_TEST(test_reads_many)
{
    enum { MANY = 9001 };
    kdst_dataset *d = NULL;
    put_header(&images, 8, 3, (const uint32_t[]){MANY, 1, 1});
    put_noise(&images, MANY, 256);
    put_header(&labels, 8, 1, (const uint32_t[]){MANY});
    for (int i = 0; i < MANY; i++)
        labels.data[labels.size++] = (uint8_t)(i % 256);
    ok(load(NULL, &d));
    check_content(d, (const int64_t[]){1, 1, 1}, MANY);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 256);
    kdst_dataset_release(d);
}
END_TEST

/* Each file cut at each byte, and one byte too long. */
START_TEST(test_wrong_length)
{
    bytes *files[] = {&images, &labels};
    for (int f = 0; f < 2; f++) {
        size_t whole = files[f]->size;
        for (size_t size = 0; size <= whole + 1; size++) {
            kdst_dataset *d = (kdst_dataset *)&d;
            if (size == whole) continue;
            files[f]->size = size;
            refused(load(NULL, &d), KDST_STATUS_FORMAT, f ? "/labels: " : "/images: ");
            ck_assert_ptr_null(d);
        }
        files[f]->size = whole;
    }
}
END_TEST

START_TEST(test_wrong_magic)
{
    static const uint8_t types[] = {0x09, 0x0b, 0x0c, 0x0d, 0x0e};
    bytes *files[] = {&images, &labels};
    for (int f = 0; f < 2; f++) {
        kdst_dataset *d = NULL;
        for (int byte = 0; byte < 3; byte++) {
            uint8_t old = files[f]->data[byte];
            files[f]->data[byte] = 1;
            refused(load(NULL, &d), KDST_STATUS_FORMAT, "no IDX file");
            files[f]->data[byte] = old;
        }
        for (size_t i = 0; i < sizeof types; i++) {
            files[f]->data[2] = types[i];
            refused(load(NULL, &d), KDST_STATUS_UNSUPPORTED, "only unsigned bytes");
        }
        files[f]->data[2] = 8;
        ck_assert_ptr_null(d);
    }
}
END_TEST

START_TEST(test_wrong_axes)
{
    kdst_dataset *d = NULL;
    for (uint8_t axes = 0; axes < 7; axes++) {
        images.data[3] = axes;
        if (axes == 3) continue;
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "/images: ");
    }
    images.data[3] = 3;
    for (uint8_t axes = 0; axes < 7; axes++) {
        labels.data[3] = axes;
        if (axes == 1) continue;
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "/labels: ");
    }
    put_header(&labels, 8, 2, (const uint32_t[]){N, 1});
    put_noise(&labels, N, 10);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "the file has 2 axes, labels have 1");
    put_header(&images, 8, 2, (const uint32_t[]){N, W});
    put_noise(&images, N * W, 256);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "the file has 2 axes, images have 3 or 4");
}
END_TEST

/* Nothing is allocated on the word of a header. */
START_TEST(test_claims)
{
    static const uint32_t claims[][4] = {
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {N, 1 << 16, 1 << 16, 1 << 16},
        {N, 1, 1 << 15, 1 << 15},
        {N, 2, H, W},
    };
    kdst_dataset *d = NULL;
    int64_t now, before, after;
    ok(load(NULL, &d));
    kdst_dataset_release(d);
    ok(kdst_context_get_memory(ctx, &now, &before));
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        put_header(&images, 8, 4, claims[i]);
        put_noise(&images, N * H * W, 256);
        put_header(&labels, 8, 1, claims[i]);
        put_noise(&labels, N, 10);
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "bytes");
        ck_assert_ptr_null(d);
    }
    ok(kdst_context_get_memory(ctx, &now, &after));
    ck_assert_int_le(after, before + 4096);
}
END_TEST

START_TEST(test_zero_sizes)
{
    kdst_dataset *d = NULL;
    for (int axis = 0; axis < 3; axis++) {
        uint32_t sizes[] = {N, H, W};
        sizes[axis] = 0;
        put_header(&images, 8, 3, sizes);
        refused(load(NULL, &d), KDST_STATUS_FORMAT, "is 0");
    }
    put_header(&images, 8, 3, (const uint32_t[]){0, H, W});
    put_header(&labels, 8, 1, (const uint32_t[]){0});
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "the size of axis 0 is 0");
}
END_TEST

START_TEST(test_disagree)
{
    kdst_dataset *d = NULL;
    put_header(&labels, 8, 1, (const uint32_t[]){N + 1});
    put_noise(&labels, N + 1, 10);
    refused(load(NULL, &d), KDST_STATUS_FORMAT, "6 labels for 5 images");
}
END_TEST

START_TEST(test_label_range)
{
    kdst_dataset *d = NULL;
    kdst_options *o = set_int(new_options(), "classes", 9);
    refused(load(o, &d), KDST_STATUS_INVALID_ARGUMENT, "the label of sample 0 is 9, allowed are 0 to 8");
    ck_assert_ptr_null(d);
    set_int(o, "classes", 65537);
    refused(load(o, &d), KDST_STATUS_INVALID_ARGUMENT, "classes is 65537");
    kdst_options_release(o);
}
END_TEST

START_TEST(test_arguments)
{
    char x[PATH_BYTES], none[PATH_BYTES];
    kdst_dataset *d = NULL;
    write_file("images", images.data, images.size);
    path_of("images", x);
    path_of("none", none);
    ck_assert_int_eq(kdst_dataset_load_idx(NULL, x, x, NULL, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(kdst_dataset_load_idx(ctx, NULL, x, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "images is NULL");
    refused(kdst_dataset_load_idx(ctx, x, NULL, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "labels is NULL");
    refused(kdst_dataset_load_idx(ctx, x, x, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    refused(kdst_dataset_load_idx(ctx, none, x, NULL, &d), KDST_STATUS_NOT_FOUND, "none");
    refused(kdst_dataset_load_idx(ctx, x, none, NULL, &d), KDST_STATUS_NOT_FOUND, "none");
    refused(kdst_dataset_load_idx(ctx, folder, x, NULL, &d), KDST_STATUS_IO, folder);
    kdst_options *o = set_int(new_options(), "clases", 3);
    refused(kdst_dataset_load_idx(ctx, x, x, o, &d), KDST_STATUS_INVALID_ARGUMENT, "classes");
    kdst_options_release(o);
}
END_TEST

#if KDST_HAVE_ZLIB
static bytes packed;

static kdst_status load_gzip(kdst_dataset **out)
{
    char x[PATH_BYTES], y[PATH_BYTES];
    write_file("images.gz", packed.data, packed.size);
    write_gzip("labels.gz", labels.data, labels.size);
    return kdst_dataset_load_idx(ctx, path_of("images.gz", x), path_of("labels.gz", y), NULL, out);
}

/* A flipped bit is noticed, or it stands where gzip keeps nothing of the content (time, system). */
START_TEST(test_gzip)
{
    kdst_dataset *d = NULL;
    packed.size = compress_gzip(images.data, images.size, packed.data, ROOM);
    ok(load_gzip(&d));
    check_content(d, (const int64_t[]){1, H, W}, N);
    kdst_dataset_release(d);
    size_t whole = packed.size;
    for (packed.size = 0; packed.size < whole; packed.size++)
        refused(load_gzip(&d), KDST_STATUS_FORMAT, "/images.gz: ");
    int harmless = 0;
    for (size_t i = 0; i < 8 * whole; i++) {
        packed.data[i / 8] ^= (uint8_t)(1 << i % 8);
        kdst_status status = load_gzip(&d);
        /* the element type may be hit as well, which is looked at before the end of the file shows the damage */
        ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_FORMAT || status == KDST_STATUS_UNSUPPORTED);
        if (!status) check_content(d, (const int64_t[]){1, H, W}, N);
        harmless += !status;
        kdst_dataset_release(d);
        packed.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    /* time, level and system, the flag of text, and the bits that fill the last byte */
    ck_assert_int_le(harmless, 8 * 6 + 1 + 7);
}
END_TEST

/* A few bytes of gzip cannot hold what their header claims. */
START_TEST(test_gzip_claims)
{
    kdst_dataset *d = NULL;
    put_header(&images, 8, 3, (const uint32_t[]){N, 1 << 16, 1 << 12});
    packed.size = compress_gzip(images.data, images.size, packed.data, ROOM);
    refused(load_gzip(&d), KDST_STATUS_FORMAT, "/images.gz: ");
}
END_TEST
#endif

static kdst_status load_in(kdst_context *c, void *arg)
{
    char x[PATH_BYTES], y[PATH_BYTES];
    kdst_dataset *d = NULL;
    (void)arg;
    kdst_status status = kdst_dataset_load_idx(c, path_of("images", x), path_of("labels", y), NULL, &d);
    ck_assert(status ? !d : kdst_dataset_get_count(d) == N);
    kdst_dataset_release(d);
    return status;
}

START_TEST(test_allocations)
{
    kdst_dataset *d = NULL;
    ok(load(NULL, &d));
    kdst_dataset_release(d);
    kdst_options *o = set_int(new_options(), "threads", 1);
    ck_assert_int_ge(each_allocation_fails(o, load_in, NULL), 5);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data idx");
    TCase *reads = tcase_create("reads"), *refuses = tcase_create("refuses");
    TCase *cases[] = {reads, refuses};
    tcase_add_test(reads, test_reads);
    tcase_add_test(reads, test_reads_channels);
    tcase_add_test(reads, test_reads_many);
    tcase_add_test(refuses, test_wrong_length);
    tcase_add_test(refuses, test_wrong_magic);
    tcase_add_test(refuses, test_wrong_axes);
    tcase_add_test(refuses, test_claims);
    tcase_add_test(refuses, test_zero_sizes);
    tcase_add_test(refuses, test_disagree);
    tcase_add_test(refuses, test_label_range);
    tcase_add_test(refuses, test_arguments);
#if KDST_HAVE_ZLIB
    tcase_add_test(reads, test_gzip);
    tcase_add_test(refuses, test_gzip_claims);
#endif
    tcase_add_test(refuses, test_allocations);
    for (int i = 0; i < 2; i++) {
        tcase_add_checked_fixture(cases[i], set_up, teardown);
        tcase_set_timeout(cases[i], 120);
        suite_add_tcase(suite, cases[i]);
    }
    return run_suite(suite);
}
