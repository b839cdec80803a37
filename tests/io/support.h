/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test, whole files in and out of memory, and a context without threads. */
#ifndef KDST_TESTS_IO_SUPPORT_H
#define KDST_TESTS_IO_SUPPORT_H

#include <kdst/kdst.h>

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* First failure of a sequence of calls. */
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    if (!status) status = (call);                                                                                      \
  } while (0)

static char folder[64];
static kdst_context *ctx;

static inline const char *path_of(const char *name)
{
    static char paths[4][512]; /* so that two can stand in one call */
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/kdst-io-XXXXXX", parent && strlen(parent) < 40 ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* The folder is flat. Returns how many files it had. */
static inline int empty_folder(void)
{
    int count = 0;
    DIR *listing = opendir(folder);
    ck_assert_ptr_nonnull(listing);
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        count++;
        if (unlink(path_of(entry->d_name))) ck_assert_int_eq(rmdir(path_of(entry->d_name)), 0);
    }
    closedir(listing);
    return count;
}

static inline int count_files(void)
{
    int count = 0;
    DIR *listing = opendir(folder);
    ck_assert_ptr_nonnull(listing);
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2;
}

static inline void remove_folder(void)
{
    empty_folder();
    ck_assert_int_eq(rmdir(folder), 0);
}

static inline void make_context(void)
{
    kdst_options *options = NULL;
    ck_assert_int_eq(kdst_options_create(&options), 0);
    ck_assert_int_eq(kdst_options_set_int(options, "threads", 1), 0);
    ck_assert_int_eq(kdst_context_create(options, &ctx), 0);
    kdst_options_release(options);
}

static inline void release_context(void)
{
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
}

static inline void setup(void)
{
    make_folder();
    make_context();
}

static inline void teardown(void)
{
    release_context();
    remove_folder();
}

/* A new file: some file systems sync one that is written anew. */
static inline void write_file(const char *path, const void *data, size_t bytes)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, bytes, file), bytes);
    ck_assert_int_eq(fclose(file), 0);
}

/* New memory with a zero behind it. */
static inline unsigned char *read_file(const char *path, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *out_bytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = calloc(1, *out_bytes + 1);
    ck_assert(data && fread(data, 1, *out_bytes, file) == *out_bytes);
    fclose(file);
    return data;
}

static inline void file_is(const char *path, const void *data, size_t bytes)
{
    size_t found;
    unsigned char *have = read_file(path, &found);
    ck_assert_uint_eq(found, bytes);
    ck_assert(!bytes || !memcmp(have, data, bytes));
    free(have);
}

/* The last call failed with `status` and a message that has `text` in it. */
static inline void failed_with(kdst_status have, kdst_status want, const char *text)
{
    ck_assert_msg(
        have == want, "status %s instead of %s: %s", kdst_status_name(have), kdst_status_name(want),
        kdst_context_message(ctx));
    ck_assert_msg(
        strstr(kdst_context_message(ctx), text) != NULL, "no \"%s\" in \"%s\"", text, kdst_context_message(ctx));
}

static inline kdst_tensor *tensor_of(kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data)
{
    kdst_tensor *tensor = NULL;
    ck_assert_msg(
        kdst_tensor_create_from(ctx, dtype, rank, shape, data, &tensor) == 0, "%s", kdst_context_message(ctx));
    return tensor;
}

/* Type, shape and bytes. */
static inline void same_tensor(kdst_tensor *have, kdst_tensor *want)
{
    ck_assert_int_eq(kdst_tensor_get_dtype(have), kdst_tensor_get_dtype(want));
    ck_assert_int_eq(kdst_tensor_get_rank(have), kdst_tensor_get_rank(want));
    for (int64_t i = 0; i < kdst_tensor_get_rank(have); i++)
        ck_assert_int_eq(kdst_tensor_get_size(have, i), kdst_tensor_get_size(want, i));
    int64_t bytes = kdst_tensor_get_count(have) * kdst_dtype_get_size(kdst_tensor_get_dtype(have));
    void *a = malloc((size_t)bytes + 1), *b = malloc((size_t)bytes + 1);
    ck_assert(a && b);
    ck_assert_int_eq(kdst_tensor_get_data(have, a, bytes), 0);
    ck_assert_int_eq(kdst_tensor_get_data(want, b, bytes), 0);
    ck_assert(!memcmp(a, b, (size_t)bytes));
    free(a);
    free(b);
}

#endif
