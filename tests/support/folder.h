/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test, and whole files in and out of memory. */
#ifndef KDST_TESTS_FOLDER_H
#define KDST_TESTS_FOLDER_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

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

#endif
