/* SPDX-License-Identifier: Apache-2.0 */
/* A small file whole, on any thread: failures go into a struct, nothing touches a handle. */
#ifndef KDST_IO_CONTENTS_H
#define KDST_IO_CONTENTS_H

#include "core/memory.h"
#include "io/failure.h"

#include <stdint.h>

typedef struct kdst__contents {
    unsigned char *data; /* NULL: no byte */
    size_t bytes;
} kdst__contents;

/* A regular file of at most `limit` bytes. NOT_FOUND, IO, FORMAT (more bytes), OUT_OF_MEMORY; the text is without the path. A failed one
 * may be destroyed. */
kdst_status
kdst__contents_read(kdst__memory *memory, const char *path, int64_t limit, kdst__contents *out, kdst__failure *failure);
void kdst__contents_destroy(kdst__memory *memory, kdst__contents *contents);

#endif
