/* SPDX-License-Identifier: Apache-2.0 */
/* npy files made in memory from a header's text. */
#ifndef KDST_TESTS_IO_NPY_FILE_H
#define KDST_TESTS_IO_NPY_FILE_H

#include "support.h"

/* An npy file in memory. */
static unsigned char file[70000];
static size_t file_bytes;

static inline void start_file(int version, const char *text, size_t text_bytes)
{
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    size_t head = version == 1 ? 10 : 12;
    for (size_t i = 8; i < head; i++)
        file[i] = (unsigned char)(text_bytes >> 8 * (i - 8));
    memcpy(file + head, text, text_bytes);
    file_bytes = head + text_bytes;
}

static inline void add_data(const void *data, size_t bytes)
{
    memcpy(file + file_bytes, data, bytes);
    file_bytes += bytes;
}

static inline void
make_file(int version, const char *descr, const char *fortran, const char *shape, const void *data, size_t bytes)
{
    char text[256];
    int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, fortran, shape);
    start_file(version, text, (size_t)n);
    if (bytes) add_data(data, bytes);
}

static inline kdst_status load_as(const char *dtype, kdst_tensor **out)
{
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    if (dtype) ck_assert_int_eq(kdst_options_set_string(o, "dtype", dtype), 0);
    write_file(path_of("file.npy"), file, file_bytes);
    kdst_status status = kdst_npy_load(ctx, path_of("file.npy"), dtype ? o : NULL, out);
    kdst_options_release(o);
    return status;
}

static inline void refuses(kdst_status want, const char *text)
{
    kdst_tensor *t = (kdst_tensor *)file;
    failed_with(load_as(NULL, &t), want, text);
    ck_assert_ptr_null(t);
}

#endif
