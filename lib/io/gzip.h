/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking of gzip and of bare deflate data through zlib, which gets its memory from the context. */
#ifndef KDST_IO_GZIP_H
#define KDST_IO_GZIP_H

#include "core/context.h"

#define KDST__GZIP_RATIO 1032  /* deflate: 258 bytes from two bits */
#define KDST__GZIP_SLACK 65536 /* more than zlib keeps back between two calls */

typedef struct kdst__gzip kdst__gzip;

typedef enum kdst__gzip_result {
    KDST__GZIP_OK,
    KDST__GZIP_CORRUPT, /* kdst__gzip_reason says how */
    KDST__GZIP_MEMORY
} kdst__gzip_result;

/* `bare`: deflate data without header and trailer, which end once. UNSUPPORTED in a build without zlib, OUT_OF_MEMORY; no
 * message is set. */
kdst_status kdst__gzip_create(kdst__memory *memory, bool bare, kdst__gzip **out);
void kdst__gzip_destroy(kdst__gzip *gzip); /* nullable */
/* Takes input and gives output, moving both pointers, until one of them is used up. Members may follow each other. */
kdst__gzip_result
kdst__gzip_run(kdst__gzip *gzip, const unsigned char **in, size_t *in_bytes, unsigned char **out, size_t *out_bytes);
/* No member has begun that has not ended; bare data have ended. */
bool kdst__gzip_complete(const kdst__gzip *gzip);
const char *kdst__gzip_reason(const kdst__gzip *gzip);

#endif
