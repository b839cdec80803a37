/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file, or a part of one, once from front to end, plain or packed (see file.h).
 *
 * Small reads go through a buffer of 64 KiB, large ones of a plain file straight into the caller's memory.
 */
#include "io/file.h"

#include "core/format.h"
#include "io/crc32.h"
#include "io/gzip.h"
#include "io/reason.h"
#include "io/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 65536 };

struct kdst__source {
    kdst_context *ctx;
    const char *function, *path;
    int fd;
    uint64_t size, fetched; /* of the file, as it was when opened, or of the part; read so far */
    uint64_t given;         /* to the caller, of a part */
    const kdst__part *part; /* NULL: the whole file */
    kdst__gzip *gzip;       /* NULL: plain */
    kdst__crc32 crc;        /* of what was given of a part */
    size_t at, filled;      /* in the buffer */
    unsigned char buffer[BUFFER];
};

kdst_status kdst__source_fail(kdst__source *source, kdst_status status, const char *format, ...)
{
    char text[KDST__MESSAGE_BYTES], path[KDST__SHOWN_TEXT];
    va_list arguments;
    va_start(arguments, format);
    kdst__format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    kdst__text_shown(source->path, path);
    if (source->part == NULL || source->part->name == NULL)
        return kdst__fail(source->ctx, status, "%s: %s: %s", source->function, path, text);
    char name[KDST__SHOWN_TEXT];
    kdst__text_shown(source->part->name, name);
    return kdst__fail(source->ctx, status, "%s: %s: %s: %s", source->function, path, name, text);
}

static kdst_status fail_system(kdst__source *source, int number)
{
    char text[KDST__REASON_TEXT];
    kdst_status status = number == ENOENT || number == ENOTDIR ? KDST_STATUS_NOT_FOUND : KDST_STATUS_IO;
    return kdst__source_fail(source, status, "%s", kdst__reason(number, text));
}

/* Up to `bytes` from the file, fewer only at its end. */
static kdst_status fetch(kdst__source *source, unsigned char *out, size_t bytes, size_t *got)
{
    const size_t most = (size_t)1 << 30; /* in one call of the system */
    *got = 0;
    if (source->part != NULL && bytes > source->size - source->fetched)
        bytes = (size_t)(source->size - source->fetched);
    while (*got < bytes) {
        size_t wanted = bytes - *got < most ? bytes - *got : most;
        ssize_t n = read(source->fd, out + *got, wanted);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            char text[KDST__REASON_TEXT];
            return kdst__source_fail(source, KDST_STATUS_IO, "%s", kdst__reason(errno, text));
        }
        if (n == 0) break;
        *got += (size_t)n;
        source->fetched += (uint64_t)n;
    }
    return KDST_STATUS_OK;
}

static kdst_status fill(kdst__source *source)
{
    source->at = 0;
    return fetch(source, source->buffer, BUFFER, &source->filled);
}

static kdst_status open_file(kdst__source *source)
{
    struct stat info;
    /* Without O_NONBLOCK a named pipe would make open wait. */
    do
        source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (source->fd < 0 && errno == EINTR);
    if (source->fd < 0 || fstat(source->fd, &info) != 0) return fail_system(source, errno);
    if (!S_ISREG(info.st_mode))
        return kdst__source_fail(source, KDST_STATUS_IO, S_ISDIR(info.st_mode) ? "is a folder" : "is no regular file");
    source->size = (uint64_t)info.st_size;
    return KDST_STATUS_OK;
}

static kdst_status start_unpacking(kdst__source *source, bool bare)
{
    kdst_status status = kdst__gzip_create(kdst__context_memory(source->ctx), bare, &source->gzip);
    if (status == KDST_STATUS_UNSUPPORTED)
        return kdst__source_fail(
            source, status, "is compressed with %s, which this build cannot read", bare ? "deflate" : "gzip");
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(source->ctx, source->function);
}

static kdst_status detect_gzip(kdst__source *source)
{
    kdst_status status = fill(source);
    if (status != KDST_STATUS_OK || source->filled < 2 || source->buffer[0] != 0x1f || source->buffer[1] != 0x8b)
        return status;
    return start_unpacking(source, false);
}

static kdst_status enter_part(kdst__source *source)
{
    const kdst__part *part = source->part;
    if (part->offset > source->size || part->bytes > source->size - part->offset)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "%llu bytes from byte %llu on, the file has %llu",
            (unsigned long long)part->bytes, (unsigned long long)part->offset, (unsigned long long)source->size);
    if (lseek(source->fd, (off_t)part->offset, SEEK_SET) < 0) return fail_system(source, errno);
    source->size = part->bytes;
    kdst__crc32_start(&source->crc);
    return part->deflated ? start_unpacking(source, true) : KDST_STATUS_OK;
}

static kdst_status open_source(
    kdst_context *ctx, const char *function, const char *path, bool may_be_gzip, const kdst__part *part,
    kdst__source **out)
{
    *out = NULL;
    kdst__source *source = kdst__alloc(kdst__context_memory(ctx), sizeof *source);
    if (source == NULL) return kdst__fail_memory(ctx, function);
    source->ctx = ctx;
    source->function = function;
    source->path = path;
    source->fd = -1;
    source->size = source->fetched = source->given = 0;
    source->part = part;
    source->gzip = NULL;
    source->at = source->filled = 0;
    kdst_status status = open_file(source);
    if (status == KDST_STATUS_OK && may_be_gzip) status = detect_gzip(source);
    if (status == KDST_STATUS_OK && part != NULL) status = enter_part(source);
    if (status == KDST_STATUS_OK)
        *out = source;
    else
        kdst__source_close(source);
    return status;
}

kdst_status kdst__source_open(kdst_context *ctx, const char *function, const char *path, kdst__source **out)
{
    return open_source(ctx, function, path, true, NULL, out);
}

kdst_status kdst__source_open_plain(kdst_context *ctx, const char *function, const char *path, kdst__source **out)
{
    return open_source(ctx, function, path, false, NULL, out);
}

kdst_status kdst__source_open_part(
    kdst_context *ctx, const char *function, const char *path, const kdst__part *part, kdst__source **out)
{
    return open_source(ctx, function, path, false, part, out);
}

uint64_t kdst__source_size(const kdst__source *source)
{
    return source->size;
}

static kdst_status read_plain(kdst__source *source, unsigned char *out, size_t bytes, size_t *got)
{
    size_t buffered = source->filled - source->at;
    if (buffered == 0 && bytes < BUFFER) {
        kdst_status status = fill(source);
        if (status != KDST_STATUS_OK) return status;
        buffered = source->filled;
    }
    size_t taken = buffered < bytes ? buffered : bytes;
    memcpy(out, source->buffer + source->at, taken);
    source->at += taken;
    *got = taken;
    if (taken == bytes) return KDST_STATUS_OK;
    size_t more = 0;
    kdst_status status = fetch(source, out + taken, bytes - taken, &more);
    *got += more;
    return status;
}

static kdst_status read_gzip(kdst__source *source, unsigned char *out, size_t bytes, size_t *got)
{
    size_t room = bytes;
    while (room > 0) {
        if (source->at == source->filled) {
            kdst_status status = fill(source);
            if (status != KDST_STATUS_OK) return status;
            if (source->filled == 0 && !kdst__gzip_complete(source->gzip))
                return kdst__source_fail(source, KDST_STATUS_FORMAT, "the compressed data end too early");
            if (source->filled == 0) break;
        }
        const unsigned char *in = source->buffer + source->at;
        size_t left = source->filled - source->at;
        kdst__gzip_result result = kdst__gzip_run(source->gzip, &in, &left, &out, &room);
        source->at = source->filled - left;
        if (result == KDST__GZIP_MEMORY) return kdst__fail_memory(source->ctx, source->function);
        if (result == KDST__GZIP_CORRUPT)
            return kdst__source_fail(
                source, KDST_STATUS_FORMAT, "the compressed data are corrupt (%s)", kdst__gzip_reason(source->gzip));
    }
    *got = bytes - room;
    return KDST_STATUS_OK;
}

kdst_status kdst__source_read_some(kdst__source *source, void *out, size_t bytes, size_t *out_read)
{
    *out_read = 0;
    kdst_status status =
        source->gzip != NULL ? read_gzip(source, out, bytes, out_read) : read_plain(source, out, bytes, out_read);
    if (source->part == NULL || status != KDST_STATUS_OK) return status;
    kdst__crc32_add(&source->crc, out, *out_read);
    source->given += *out_read;
    return status;
}

kdst_status kdst__source_read(kdst__source *source, const char *what, void *out, size_t bytes)
{
    size_t got;
    kdst_status status = kdst__source_read_some(source, out, bytes, &got);
    if (status != KDST_STATUS_OK || got == bytes) return status;
    return kdst__source_fail(
        source, KDST_STATUS_FORMAT, "the file ends after %zu of %zu bytes of %s", got, bytes, what);
}

kdst_status kdst__source_can_have(kdst__source *source, const char *what, uint64_t bytes)
{
    uint64_t left = source->filled - source->at;
    if (source->size > source->fetched) left += source->size - source->fetched;
    if (source->gzip != NULL &&
        (__builtin_mul_overflow(left, (uint64_t)KDST__GZIP_RATIO, &left) ||
         __builtin_add_overflow(left, (uint64_t)KDST__GZIP_SLACK, &left)))
        left = UINT64_MAX;
    if (source->part != NULL && source->part->checked) {
        uint64_t declared = source->part->size < source->given ? 0 : source->part->size - source->given;
        if (declared < left) left = declared;
    }
    if (bytes <= left) return KDST_STATUS_OK;
    return kdst__source_fail(
        source, KDST_STATUS_FORMAT, "%s would take %llu bytes, the file has %s%llu left", what,
        (unsigned long long)bytes, source->gzip != NULL ? "at most " : "", (unsigned long long)left);
}

static kdst_status check_part(kdst__source *source)
{
    const kdst__part *part = source->part;
    if (part == NULL || !part->checked) return KDST_STATUS_OK;
    if (source->given != part->size)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "has %llu bytes, the directory says %llu", (unsigned long long)source->given,
            (unsigned long long)part->size);
    if (kdst__crc32_value(&source->crc) == part->crc32) return KDST_STATUS_OK;
    return kdst__source_fail(
        source, KDST_STATUS_FORMAT, "the checksum is %08x, the directory says %08x", kdst__crc32_value(&source->crc),
        part->crc32);
}

kdst_status kdst__source_expect_end(kdst__source *source)
{
    char byte;
    size_t got;
    kdst_status status = kdst__source_read_some(source, &byte, 1, &got);
    if (status == KDST_STATUS_OK && got == 0) return check_part(source);
    if (status != KDST_STATUS_OK) return status;
    return kdst__source_fail(source, KDST_STATUS_FORMAT, "the file goes on after its end");
}

void kdst__source_close(kdst__source *source)
{
    if (source == NULL) return;
    kdst__gzip_destroy(source->gzip);
    if (source->fd >= 0) close(source->fd);
    kdst__free(kdst__context_memory(source->ctx), source, sizeof *source);
}
