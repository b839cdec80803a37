/* SPDX-License-Identifier: Apache-2.0 */
/* IDX files: what is read is what was written, plain and compressed; every damage is noticed. */
#include "idx_pair.h"

#include "failures/each_allocation.h"
#include "support/run.h"

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
    TCase *all = tcase_create("idx");
    tcase_add_checked_fixture(all, set_up, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_reads);
    tcase_add_test(all, test_reads_channels);
    tcase_add_test(all, test_reads_many);
#if KDST_HAVE_ZLIB
    tcase_add_test(all, test_gzip);
    tcase_add_test(all, test_gzip_claims);
#endif
    tcase_add_test(all, test_allocations);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
