/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors files made in memory from a header's text. */
#ifndef KDST_TESTS_IO_SAFETENSORS_FILE_H
#define KDST_TESTS_IO_SAFETENSORS_FILE_H

#include "support.h"

/* A file in memory, from a header as text. */
static unsigned char file[200000];
static size_t file_bytes;

static inline void make_file(const char *header, const void *data, size_t bytes)
{
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)n >> 8 * i);
    memcpy(file + 8, header, n);
    if (bytes) memcpy(file + 8 + n, data, bytes);
    file_bytes = 8 + n + bytes;
}

static inline kdst_status load(kdst_state **out)
{
    write_file(path_of("file"), file, file_bytes);
    return kdst_state_load(ctx, path_of("file"), out);
}

static inline void refuses(kdst_status want, const char *text)
{
    kdst_state *s = (kdst_state *)file;
    failed_with(load(&s), want, text);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
}

#endif
