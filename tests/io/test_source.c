/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files: plain and gzip, in any portions; cut, corrupt, missing and unreadable ones. */
#include "io/file.h"

#include "failures/each_allocation.h"
#include "support.h"
#include "support/run.h"

#include <sys/stat.h>

#if KDST_HAVE_ZLIB
#  include <zlib.h>
#endif

enum { BYTES = 300000 };

static unsigned char *data;

static void setup_data(void)
{
    setup();
    data = malloc(BYTES);
    ck_assert_ptr_nonnull(data);
    uint32_t state = 1;
    for (size_t i = 0; i < BYTES; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (unsigned char)(i < BYTES / 2 ? state >> 24 : i / 1000); /* half of it compresses */
    }
}

static void teardown_data(void)
{
    free(data);
    teardown();
}

static kdst__source *open_file(const char *name)
{
    kdst__source *source;
    kdst_status status = kdst__source_open(ctx, "test", path_of(name), &source);
    ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
    return source;
}

/* Reads the file in portions and compares; the end must come after `bytes`. */
static void reads_back(const char *name, size_t bytes, size_t portion)
{
    static char path[512]; /* must outlive the source */
    kdst__source *source;
    strcpy(path, path_of(name));
    ck_assert_int_eq(kdst__source_open(ctx, "test", path, &source), 0);
    unsigned char *copy = malloc(portion);
    ck_assert_ptr_nonnull(copy);
    for (size_t at = 0; at < bytes;) {
        size_t n = bytes - at < portion ? bytes - at : portion;
        ck_assert_int_eq(kdst__source_can_have(source, "what follows", bytes - at), 0);
        ck_assert_msg(kdst__source_read(source, "data", copy, n) == 0, "%s", kdst_context_message(ctx));
        ck_assert_mem_eq(copy, data + at, n);
        at += n;
    }
    size_t got = 99;
    ck_assert_int_eq(kdst__source_expect_end(source), 0);
    ck_assert_int_eq(kdst__source_read_some(source, copy, 1, &got), 0);
    ck_assert_uint_eq(got, 0);
    free(copy);
    kdst__source_close(source);
}

static const size_t portions[] = {1, 7, 4096, 65535, 65536, 65537, 100000, BYTES};

START_TEST(plain_in_any_portions)
{
    static const size_t sizes[] = {0, 1, 2, 65535, 65536, 65537, 131072, BYTES};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        write_file(path_of("plain"), data, sizes[k]);
        for (size_t i = k < 5 ? 0 : 2; i < sizeof portions / sizeof *portions; i++)
            reads_back("plain", sizes[k], portions[i]);
    }
}
END_TEST

START_TEST(plain_that_is_too_short)
{
    unsigned char copy[64];
    char path[512];
    size_t got;
    write_file(path_of("short"), data, 20);
    strcpy(path, path_of("short"));
    kdst__source *source;
    ck_assert_int_eq(kdst__source_open(ctx, "test", path, &source), 0);
    ck_assert_int_eq(kdst__source_read(source, "its header", copy, 8), 0);
    ck_assert_int_eq(kdst__source_can_have(source, "its data", 12), 0);
    failed_with(
        kdst__source_can_have(source, "its data", 13), KDST_STATUS_FORMAT,
        "its data would take 13 bytes, the file has 12 left");
    failed_with(kdst__source_can_have(source, "its data", UINT64_MAX), KDST_STATUS_FORMAT, "18446744073709551615");
    failed_with(kdst__source_expect_end(source), KDST_STATUS_FORMAT, "goes on");
    failed_with(
        kdst__source_read(source, "its data", copy, 16), KDST_STATUS_FORMAT, "after 11 of 16 bytes of its data");
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), path));
    ck_assert_int_eq(kdst__source_read_some(source, copy, 16, &got), 0);
    ck_assert_uint_eq(got, 0);
    kdst__source_close(source);
    kdst__source_close(NULL);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    kdst__source *source = (kdst__source *)data;
    failed_with(kdst__source_open(ctx, "test", path_of("nothing"), &source), KDST_STATUS_NOT_FOUND, "test: ");
    ck_assert_ptr_null(source);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "/nothing: No such file"));
    failed_with(kdst__source_open(ctx, "test", "", &source), KDST_STATUS_NOT_FOUND, "No such file");
    write_file(path_of("file"), "x", 1);
    failed_with(kdst__source_open(ctx, "test", path_of("file/below"), &source), KDST_STATUS_NOT_FOUND, "file/below");
    failed_with(kdst__source_open(ctx, "test", folder, &source), KDST_STATUS_IO, "is a folder");
    failed_with(kdst__source_open(ctx, "test", "/dev/zero", &source), KDST_STATUS_IO, "no regular file");
    ck_assert_int_eq(mkfifo(path_of("pipe"), 0600), 0);
    failed_with(kdst__source_open(ctx, "test", path_of("pipe"), &source), KDST_STATUS_IO, "no regular file");
    failed_with(kdst__source_open(ctx, "test", path_of("a\nb\x1b[1m"), &source), KDST_STATUS_NOT_FOUND, "/a?b?[1m");
    ck_assert_ptr_null(source);
}
END_TEST

#if KDST_HAVE_ZLIB

static void append_gzip(const char *path, const char *mode, const unsigned char *bytes, size_t count)
{
    gzFile file = gzopen(path, mode);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)count), (int)count);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

START_TEST(gzip_in_any_portions)
{
    for (int level = 0; level <= 9; level += 3) {
        char mode[] = {'w', 'b', (char)('0' + level), '\0'};
        append_gzip(path_of("packed"), mode, data, BYTES);
        for (size_t i = level ? 2 : 0; i < sizeof portions / sizeof *portions; i++)
            reads_back("packed", BYTES, portions[i]);
    }
    append_gzip(path_of("packed"), "wb", data, 0);
    reads_back("packed", 0, 1);
}
END_TEST

START_TEST(members_follow_each_other)
{
    size_t at = 0;
    for (size_t n = 1; at + n < BYTES; at += n, n *= 3)
        append_gzip(path_of("members"), at ? "ab" : "wb", data + at, n);
    append_gzip(path_of("members"), "ab", data, 0);
    append_gzip(path_of("members"), "ab", data + at, BYTES - at);
    for (size_t i = 1; i < sizeof portions / sizeof *portions; i++)
        reads_back("members", BYTES, portions[i]);
}
END_TEST

/* Reads a file that was made from PART bytes at `part` to its end; the first failure. What is read without one must be
 * those. */
enum { PART = 3000 };

static kdst_status read_part(const char *path, const unsigned char *part)
{
    unsigned char copy[PART + 1], rest[4096];
    kdst__source *source;
    size_t got = 0, more = sizeof rest;
    kdst_status status = kdst__source_open(ctx, "test", path, &source);
    TRY(kdst__source_read_some(source, copy, sizeof copy, &got));
    while (!status && more == sizeof rest)
        status = kdst__source_read_some(source, rest, sizeof rest, &more);
    if (!status) ck_assert_msg(got == PART && !memcmp(copy, part, PART), "%zu bytes of other data are read", got);
    kdst__source_close(source);
    return status;
}

START_TEST(cut_gzip)
{
    size_t bytes;
    const unsigned char *part = data + BYTES / 2 - 500;
    append_gzip(path_of("whole"), "wb", part, PART);
    unsigned char *packed = read_file(path_of("whole"), &bytes);
    for (size_t n = 2; n < bytes; n++) {
        write_file(path_of("cut"), packed, n);
        failed_with(read_part(path_of("cut"), part), KDST_STATUS_FORMAT, "too early");
    }
    free(packed);
}
END_TEST

START_TEST(corrupt_gzip)
{
    size_t bytes, missed = 0;
    const unsigned char *part = data + BYTES / 2 - 500;
    append_gzip(path_of("whole"), "wb", part, PART);
    unsigned char *packed = read_file(path_of("whole"), &bytes);
    for (size_t at = 2; at < bytes; at++) {
        packed[at] ^= 0x10;
        write_file(path_of("corrupt"), packed, bytes);
        kdst_status status = read_part(path_of("corrupt"), part);
        ck_assert(status == KDST_STATUS_OK || status == KDST_STATUS_FORMAT);
        missed += status == KDST_STATUS_OK;
        packed[at] ^= 0x10;
    }
    /* Some bits say nothing about the data: time and system in the header, lengths of unused codes, padding. */
    ck_assert_uint_lt(missed, bytes / 20);
    /* what follows the last member must be another one */
    packed = realloc(packed, bytes + 1);
    for (int tail = 0; tail < 256; tail += 5) {
        packed[bytes] = (unsigned char)tail;
        write_file(path_of("tail"), packed, bytes + 1);
        ck_assert_int_eq(read_part(path_of("tail"), part), KDST_STATUS_FORMAT);
    }
    free(packed);
}
END_TEST

START_TEST(gzip_claims)
{
    char path[512];
    kdst__source *source;
    append_gzip(path_of("zeros"), "wb9", memset(data, 0, BYTES), BYTES);
    strcpy(path, path_of("zeros"));
    ck_assert_int_eq(kdst__source_open(ctx, "test", path, &source), 0);
    ck_assert_int_eq(kdst__source_can_have(source, "its data", BYTES), 0);
    failed_with(kdst__source_can_have(source, "its data", 2 * BYTES), KDST_STATUS_FORMAT, "at most");
    failed_with(kdst__source_can_have(source, "its data", UINT64_MAX), KDST_STATUS_FORMAT, "18446744073709551615");
    kdst__source_close(source);
}
END_TEST

static kdst_status read_some(kdst_context *own, void *path)
{
    unsigned char copy[1000];
    kdst__source *source;
    size_t got = 0;
    kdst_status status = kdst__source_open(own, "test", path, &source);
    TRY(kdst__source_read(source, "data", copy, sizeof copy));
    TRY(kdst__source_read_some(source, copy, sizeof copy, &got));
    if (!status) ck_assert_uint_eq(got, sizeof copy);
    kdst__source_close(source);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *o = NULL;
    char path[512];
    append_gzip(path_of("packed"), "wb", data, BYTES);
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    int64_t packed = each_allocation_fails(o, read_some, strcpy(path, path_of("packed")));
    write_file(path_of("plain"), data, BYTES);
    int64_t plain = each_allocation_fails(o, read_some, strcpy(path, path_of("plain")));
    ck_assert_int_gt(packed, plain); /* zlib's memory is the context's */
    kdst_options_release(o);
}
END_TEST

#else

START_TEST(gzip_is_refused)
{
    kdst__source *source;
    write_file(path_of("packed"), "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
    failed_with(kdst__source_open(ctx, "test", path_of("packed"), &source), KDST_STATUS_UNSUPPORTED, "gzip");
    ck_assert_ptr_null(source);
}
END_TEST

#endif

START_TEST(plain_reading_does_not_look_for_gzip)
{
    unsigned char copy[4];
    char path[512];
    kdst__source *source;
    write_file(path_of("raw"), "\x1f\x8b\x08\x00", 4);
    strcpy(path, path_of("raw"));
    ck_assert_int_eq(kdst__source_open_plain(ctx, "test", path, &source), 0);
    ck_assert_int_eq(kdst__source_can_have(source, "it", 4), 0);
    failed_with(kdst__source_can_have(source, "it", 5), KDST_STATUS_FORMAT, "has 4 left");
    ck_assert_int_eq(kdst__source_read(source, "it", copy, 4), 0);
    ck_assert_mem_eq(copy, "\x1f\x8b\x08", 3);
    ck_assert_int_eq(kdst__source_expect_end(source), 0);
    kdst__source_close(source);
    /* one byte of gzip's two is none */
    write_file(path_of("raw"), "\x1f", 1);
    source = open_file("raw");
    ck_assert_int_eq(kdst__source_read(source, "it", copy, 1), 0);
    kdst__source_close(source);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *plain = tcase_create("plain"), *packed = tcase_create("gzip");
    tcase_set_timeout(plain, 120);
    tcase_set_timeout(packed, 240);
    tcase_add_checked_fixture(plain, setup_data, teardown_data);
    tcase_add_checked_fixture(packed, setup_data, teardown_data);
    tcase_add_test(plain, plain_in_any_portions);
    tcase_add_test(plain, plain_that_is_too_short);
    tcase_add_test(plain, files_that_cannot_be_read);
    tcase_add_test(plain, plain_reading_does_not_look_for_gzip);
#if KDST_HAVE_ZLIB
    tcase_add_test(packed, gzip_in_any_portions);
    tcase_add_test(packed, members_follow_each_other);
    tcase_add_test(packed, cut_gzip);
    tcase_add_test(packed, corrupt_gzip);
    tcase_add_test(packed, gzip_claims);
    tcase_add_test(packed, memory_runs_out);
#else
    tcase_add_test(packed, gzip_is_refused);
#endif
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, packed);
    return run_suite(suite);
}
