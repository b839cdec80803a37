/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as files hold them: more types than tensors have, either byte order. */
#ifndef KDST_IO_ELEMENT_H
#define KDST_IO_ELEMENT_H

#include "io/crc32.h"
#include "io/file.h"
#include "tensor/tensor.h"

typedef int32_t kdst__element;

enum {
    KDST__ELEMENT_BOOL = 1, /* any byte but 0 is true */
    KDST__ELEMENT_I8,
    KDST__ELEMENT_I16,
    KDST__ELEMENT_I32,
    KDST__ELEMENT_I64,
    KDST__ELEMENT_U8,
    KDST__ELEMENT_U16,
    KDST__ELEMENT_U32,
    KDST__ELEMENT_U64,
    KDST__ELEMENT_F16,
    KDST__ELEMENT_BF16,
    KDST__ELEMENT_F32,
    KDST__ELEMENT_F64
};

#define KDST__HOST_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

size_t kdst__element_size(kdst__element element);
/* The tensor type that holds it: itself, int32 for the other integers, float32 for the short floats. */
kdst_dtype kdst__element_native(kdst__element element);

/* A run of elements within a file. */
typedef struct kdst__element_run {
    kdst__element element;
    bool big_endian;
    kdst_dtype dtype; /* wanted */
    const char *what; /* for messages: "its data", or a tensor's name */
    uint64_t first;   /* number of the first element, for messages */
    kdst__crc32 *crc; /* nullable: of the file's bytes */
} kdst__element_run;

/* Reads `count` elements into `out`, an array of run->dtype. To an integer type values are truncated; FORMAT where one
 * does not fit or is NaN. */
kdst_status kdst__element_read(kdst__source *source, const kdst__element_run *run, void *out, uint64_t count);

/* Shape from a file: FORMAT when the elements, in the file or in memory, are too many to count; else their number. */
kdst_status
kdst__element_count(kdst__source *source, const char *what, int64_t rank, const int64_t *shape, uint64_t *out_count);

#endif
