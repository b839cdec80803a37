/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file once from front to end, plain or gzip (see file.h).
 *
 * Small reads go through a buffer of 64 KiB, large ones of a plain file straight into the caller's memory.
 */
#include "io/file.h"

#include "core/format.h"
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
    uint64_t size, fetched; /* of the file, as it was when opened; read so far */
    kdst__gzip *gzip;       /* NULL: plain */
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
    return kdst__fail(source->ctx, status, "%s: %s: %s", source->function, kdst__text_shown(source->path, path), text);
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

static kdst_status detect_gzip(kdst__source *source)
{
    kdst_status status = fill(source);
    if (status != KDST_STATUS_OK || source->filled < 2 || source->buffer[0] != 0x1f || source->buffer[1] != 0x8b)
        return status;
    status = kdst__gzip_create(kdst__context_memory(source->ctx), &source->gzip);
    if (status == KDST_STATUS_UNSUPPORTED)
        return kdst__source_fail(source, status, "is compressed with gzip, which this build cannot read");
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(source->ctx, source->function);
}

static kdst_status
open_source(kdst_context *ctx, const char *function, const char *path, bool may_be_gzip, kdst__source **out)
{
    *out = NULL;
    kdst__source *source = kdst__alloc(kdst__context_memory(ctx), sizeof *source);
    if (source == NULL) return kdst__fail_memory(ctx, function);
    source->ctx = ctx;
    source->function = function;
    source->path = path;
    source->fd = -1;
    source->size = source->fetched = 0;
    source->gzip = NULL;
    source->at = source->filled = 0;
    kdst_status status = open_file(source);
    if (status == KDST_STATUS_OK && may_be_gzip) status = detect_gzip(source);
    if (status == KDST_STATUS_OK)
        *out = source;
    else
        kdst__source_close(source);
    return status;
}

kdst_status kdst__source_open(kdst_context *ctx, const char *function, const char *path, kdst__source **out)
{
    return open_source(ctx, function, path, true, out);
}

kdst_status kdst__source_open_plain(kdst_context *ctx, const char *function, const char *path, kdst__source **out)
{
    return open_source(ctx, function, path, false, out);
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
                return kdst__source_fail(source, KDST_STATUS_FORMAT, "the gzip data end too early");
            if (source->filled == 0) break;
        }
        const unsigned char *in = source->buffer + source->at;
        size_t left = source->filled - source->at;
        kdst__gzip_result result = kdst__gzip_run(source->gzip, &in, &left, &out, &room);
        source->at = source->filled - left;
        if (result == KDST__GZIP_MEMORY) return kdst__fail_memory(source->ctx, source->function);
        if (result == KDST__GZIP_CORRUPT)
            return kdst__source_fail(
                source, KDST_STATUS_FORMAT, "the gzip data are corrupt (%s)", kdst__gzip_reason(source->gzip));
    }
    *got = bytes - room;
    return KDST_STATUS_OK;
}

kdst_status kdst__source_read_some(kdst__source *source, void *out, size_t bytes, size_t *out_read)
{
    *out_read = 0;
    return source->gzip != NULL ? read_gzip(source, out, bytes, out_read) : read_plain(source, out, bytes, out_read);
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
    if (bytes <= left) return KDST_STATUS_OK;
    return kdst__source_fail(
        source, KDST_STATUS_FORMAT, "%s would take %llu bytes, the file has %s%llu left", what,
        (unsigned long long)bytes, source->gzip != NULL ? "at most " : "", (unsigned long long)left);
}

kdst_status kdst__source_expect_end(kdst__source *source)
{
    char byte;
    size_t got;
    kdst_status status = kdst__source_read_some(source, &byte, 1, &got);
    if (status != KDST_STATUS_OK || got == 0) return status;
    return kdst__source_fail(source, KDST_STATUS_FORMAT, "the file goes on after its end");
}

void kdst__source_close(kdst__source *source)
{
    if (source == NULL) return;
    kdst__gzip_destroy(source->gzip);
    if (source->fd >= 0) close(source->fd);
    kdst__free(kdst__context_memory(source->ctx), source, sizeof *source);
}
