/* SPDX-License-Identifier: Apache-2.0 */
/* zip archives (PKWARE APPNOTE 6.3): the central directory, members stored or deflated, zip64. */
#ifndef KDST_IO_ZIP_H
#define KDST_IO_ZIP_H

#include "io/file.h"

typedef struct kdst__zip_member {
    const char *name; /* without NUL inside */
    uint64_t header;  /* where its local header lies */
    uint64_t packed, size;
    uint32_t crc32;
    uint16_t method, flags;
} kdst__zip_member;

typedef struct kdst__zip {
    kdst__zip_member *members; /* [count], in the order of the directory */
    int64_t count;
    char *names; /* what the names point into */
    size_t names_bytes;
    uint64_t end; /* where the directory begins: no member reaches further */
} kdst__zip;

/* Reads the directory; FORMAT, IO, NOT_FOUND, UNSUPPORTED (several disks), OUT_OF_MEMORY. A failed one may be destroyed. */
kdst_status kdst__zip_read(kdst_context *ctx, const char *function, const char *path, kdst__zip *out);
void kdst__zip_destroy(kdst__memory *memory, kdst__zip *zip);
/* Finds the data of a member: `part` for kdst__source_open_part. UNSUPPORTED for encrypted ones and other methods. */
kdst_status kdst__zip_find(
    kdst_context *ctx, const char *function, const char *path, const kdst__zip *zip, int64_t member, kdst__part *part);

/* Little-endian numbers. */
static inline uint32_t kdst__zip_get16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}
static inline uint32_t kdst__zip_get32(const unsigned char *p)
{
    return kdst__zip_get16(p) | kdst__zip_get16(p + 2) << 16;
}
static inline uint64_t kdst__zip_get64(const unsigned char *p)
{
    return kdst__zip_get32(p) | (uint64_t)kdst__zip_get32(p + 4) << 32;
}

#endif
