/* SPDX-License-Identifier: Apache-2.0 */
/* npy files from the inside: the header, and a whole tensor (npy.c). */
#ifndef KDST_IO_NPY_HEADER_H
#define KDST_IO_NPY_HEADER_H

#include "io/element.h"
#include "io/file.h"

#define KDST__NPY_LONGEST 16384 /* bytes of a header's text that are read */
#define KDST__NPY_WRITTEN 320   /* most bytes that are written: 8 sizes of up to 19 digits */

typedef struct kdst__npy_header {
    kdst__element element;
    bool big_endian, column_major;
    int64_t rank, shape[KDST__MAX_RANK];
} kdst__npy_header;

/* Reads from the beginning of the file to the first element. */
kdst_status kdst__npy_read_header(kdst__source *source, kdst__npy_header *out);
/* The tensor of a file at its beginning, to its end; dtype 0: the file's own. *out is set on failure too: release it. */
kdst_status kdst__npy_read_tensor(
    kdst_context *ctx, const char *function, kdst__source *source, kdst_dtype dtype, kdst_tensor **out);
/* The option dtype of schema "npy.load". */
kdst_status kdst__npy_parse(kdst_context *ctx, const char *function, const kdst_options *options, kdst_dtype *out);
/* Version 1.0, row-major, little-endian; returns the bytes, a multiple of 64. */
size_t kdst__npy_write_header(const kdst_tensor *tensor, char out[KDST__NPY_WRITTEN]);

#endif
