/* SPDX-License-Identifier: Apache-2.0 */
/* The header of an npy file. */
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
/* Version 1.0, row-major, little-endian; returns the bytes, a multiple of 64. */
size_t kdst__npy_write_header(const kdst_tensor *tensor, char out[KDST__NPY_WRITTEN]);

#endif
