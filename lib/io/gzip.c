/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking of gzip data (see gzip.h): RFC 1952, any number of members one after the other. zlib checks each member's
 * checksum.
 */
#include "io/gzip.h"

#if KDST_HAVE_ZLIB

#  include <zlib.h>

#  define GZIP_BITS (15 + 16) /* largest window, gzip's header and trailer only */
#  define BARE_BITS (-15)     /* largest window, neither */

struct kdst__gzip {
    kdst__memory *memory;
    z_stream stream;
    bool bare, ended;
    bool inside; /* a member */
};

/* Each block begins with its size, which zfree does not tell. */
static voidpf allocate(voidpf opaque, uInt items, uInt size)
{
    size_t bytes;
    if (kdst__mul_overflows(items, size, &bytes) || kdst__add_overflows(bytes, KDST__ALIGNMENT, &bytes)) return Z_NULL;
    char *block = kdst__alloc(opaque, bytes);
    if (block == NULL) return Z_NULL;
    *(size_t *)(void *)block = bytes;
    return block + KDST__ALIGNMENT;
}

static void deallocate(voidpf opaque, voidpf pointer)
{
    void *block = (char *)pointer - KDST__ALIGNMENT;
    kdst__free(opaque, block, *(size_t *)block);
}

kdst_status kdst__gzip_create(kdst__memory *memory, bool bare, kdst__gzip **out)
{
    *out = NULL;
    kdst__gzip *gzip = kdst__alloc_zero(memory, sizeof *gzip);
    if (gzip == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    gzip->memory = memory;
    gzip->bare = gzip->inside = bare; /* bare data begin at once */
    gzip->stream.zalloc = allocate;
    gzip->stream.zfree = deallocate;
    gzip->stream.opaque = memory;
    int result = inflateInit2(&gzip->stream, bare ? BARE_BITS : GZIP_BITS);
    if (result != Z_OK) {
        kdst__free(memory, gzip, sizeof *gzip);
        return result == Z_MEM_ERROR ? KDST_STATUS_OUT_OF_MEMORY : KDST_STATUS_UNSUPPORTED;
    }
    *out = gzip;
    return KDST_STATUS_OK;
}

void kdst__gzip_destroy(kdst__gzip *gzip)
{
    if (gzip == NULL) return;
    inflateEnd(&gzip->stream);
    kdst__free(gzip->memory, gzip, sizeof *gzip);
}

kdst__gzip_result
kdst__gzip_run(kdst__gzip *gzip, const unsigned char **in, size_t *in_bytes, unsigned char **out, size_t *out_bytes)
{
    const size_t most = (size_t)1 << 30; /* zlib counts in unsigned int */
    z_stream *z = &gzip->stream;
    int result = Z_OK;
    if (gzip->ended && *in_bytes > 0) return KDST__GZIP_CORRUPT;
    while (*in_bytes > 0 && *out_bytes > 0 && result == Z_OK) {
        size_t given = *in_bytes < most ? *in_bytes : most, room = *out_bytes < most ? *out_bytes : most;
        z->next_in = (Bytef *)(uintptr_t)*in;
        z->avail_in = (uInt)given;
        z->next_out = *out;
        z->avail_out = (uInt)room;
        gzip->inside = true;
        result = inflate(z, Z_NO_FLUSH);
        *in_bytes -= given - z->avail_in;
        *in += given - z->avail_in;
        *out_bytes -= room - z->avail_out;
        *out += room - z->avail_out;
        if (result == Z_STREAM_END) {
            gzip->inside = false;
            gzip->ended = gzip->bare;
            if (gzip->ended) return *in_bytes == 0 ? KDST__GZIP_OK : KDST__GZIP_CORRUPT;
            result = inflateReset(z);
        }
    }
    if (result == Z_OK) return KDST__GZIP_OK;
    return result == Z_MEM_ERROR ? KDST__GZIP_MEMORY : KDST__GZIP_CORRUPT;
}

bool kdst__gzip_complete(const kdst__gzip *gzip)
{
    return !gzip->inside;
}

const char *kdst__gzip_reason(const kdst__gzip *gzip)
{
    if (gzip->ended) return "more data behind their end";
    return gzip->stream.msg != NULL ? gzip->stream.msg : "no valid data";
}

#else

kdst_status kdst__gzip_create(kdst__memory *memory, bool bare, kdst__gzip **out)
{
    (void)memory, (void)bare;
    *out = NULL;
    return KDST_STATUS_UNSUPPORTED;
}

void kdst__gzip_destroy(kdst__gzip *gzip)
{
    (void)gzip;
}

kdst__gzip_result
kdst__gzip_run(kdst__gzip *gzip, const unsigned char **in, size_t *in_bytes, unsigned char **out, size_t *out_bytes)
{
    (void)gzip, (void)in, (void)in_bytes, (void)out, (void)out_bytes;
    return KDST__GZIP_CORRUPT;
}

bool kdst__gzip_complete(const kdst__gzip *gzip)
{
    (void)gzip;
    return true;
}

const char *kdst__gzip_reason(const kdst__gzip *gzip)
{
    (void)gzip;
    return "";
}

#endif
