/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of images by class, filled from the corpus of the image readers. */
#ifndef KDST_TESTS_DATA_TREE_H
#define KDST_TESTS_DATA_TREE_H

#include "support.h"

#include <ftw.h>
#include <sys/stat.h>

static inline void add_class(const char *name)
{
    char path[PATH_BYTES];
    ck_assert_int_eq(mkdir(path_of(name, path), 0777), 0);
}

static inline void *read_corpus(const char *name, size_t *bytes)
{
    char path[PATH_BYTES];
    static unsigned char data[1 << 16];
    snprintf(path, sizeof path, "%s/fuzz/corpus/image/%s", KDST_TEST_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    *bytes = fread(data, 1, sizeof data, f);
    fclose(f);
    return data;
}

/* Copies a file of the corpus to "class/name". */
static inline void add_image(const char *to, const char *from)
{
    size_t bytes;
    void *data = read_corpus(from, &bytes);
    write_file(to, data, bytes);
}

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type;
    return walk->level ? remove(path) : 0;
}

static inline void tree_teardown(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    teardown();
}

#endif
