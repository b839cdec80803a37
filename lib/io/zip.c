/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of zip archives (see zip.h).
 *
 *     end record       50 4b 05 06, in the last 22 bytes but for a comment: entries, bytes and offset of the directory
 *     zip64 locator    50 4b 06 07, 20 bytes before it where a number does not fit: offset of the zip64 end record
 *     directory entry  50 4b 01 02, 46 bytes, then name, extra fields, comment
 *     local header     50 4b 03 04, 30 bytes, then name, extra fields, data
 *
 * The directory is believed, the local header only gives the beginning of the data. Every number is compared with the
 * size of the file before memory is taken.
 */
#include "io/zip.h"

#include <string.h>

enum { END = 22, LOCATOR = 20, END64 = 56, ENTRY = 46, LOCAL = 30, LONGEST_COMMENT = 65535 };

/* Where the directory lies. */
typedef struct directory {
    uint64_t entries, bytes, offset;
} directory;

static bool is(const unsigned char *p, unsigned third, unsigned fourth)
{
    return p[0] == 'P' && p[1] == 'K' && p[2] == third && p[3] == fourth;
}

/* Reads a piece of the file into memory of the caller's. */
static kdst_status
read_piece(kdst_context *ctx, const char *function, const char *path, uint64_t offset, void *out, size_t bytes)
{
    kdst__source *source = NULL;
    const kdst__part part = {.offset = offset, .bytes = bytes};
    kdst_status status = kdst__source_open_part(ctx, function, path, &part, &source);
    if (!status) status = kdst__source_read(source, "the archive", out, bytes);
    kdst__source_close(source);
    return status;
}

/* ---- the directory ---- */

/* The last end record whose comment reaches to the end of the file. */
static const unsigned char *find_end(const unsigned char *tail, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;)
        if (bytes - i >= END && is(tail + i, 5, 6) && kdst__zip_get16(tail + i + 20) == bytes - i - END)
            return tail + i;
    return NULL;
}

/* `tail` are the last bytes of the file, `end` the end record in them, at `at` of the file. */
static kdst_status find_directory(
    kdst__source *file, const unsigned char *tail, const unsigned char *end, uint64_t at, directory *d,
    uint64_t *offset64)
{
    d->entries = kdst__zip_get16(end + 10);
    d->bytes = kdst__zip_get32(end + 12);
    d->offset = kdst__zip_get32(end + 16);
    *offset64 = UINT64_MAX;
    bool large = d->entries == UINT16_MAX || d->bytes == UINT32_MAX || d->offset == UINT32_MAX;
    if (large && end - tail >= LOCATOR && is(end - LOCATOR, 6, 7)) {
        *offset64 = kdst__zip_get64(end - LOCATOR + 8);
        if (at < LOCATOR + END64 || *offset64 > at - LOCATOR - END64)
            return kdst__source_fail(file, KDST_STATUS_FORMAT, "the zip64 end record lies behind the end");
        return KDST_STATUS_OK;
    }
    if (kdst__zip_get16(end + 4) || kdst__zip_get16(end + 6))
        return kdst__source_fail(file, KDST_STATUS_UNSUPPORTED, "is one of several parts of an archive");
    return KDST_STATUS_OK;
}

static kdst_status check_directory(kdst__source *file, const directory *d, uint64_t at)
{
    if (d->offset > at || d->bytes > at - d->offset)
        return kdst__source_fail(
            file, KDST_STATUS_FORMAT, "the directory would take %llu bytes from byte %llu on, the archive has %llu",
            (unsigned long long)d->bytes, (unsigned long long)d->offset, (unsigned long long)at);
    if (d->entries > d->bytes / ENTRY)
        return kdst__source_fail(
            file, KDST_STATUS_FORMAT, "%llu members in a directory of %llu bytes", (unsigned long long)d->entries,
            (unsigned long long)d->bytes);
    return KDST_STATUS_OK;
}

static kdst_status
locate(kdst_context *ctx, const char *function, const char *path, kdst__source *file, unsigned char *tail, directory *d)
{
    uint64_t size = kdst__source_size(file), offset64;
    size_t bytes = size < END + LONGEST_COMMENT + LOCATOR ? (size_t)size : END + LONGEST_COMMENT + LOCATOR;
    unsigned char record[END64];
    kdst_status status = read_piece(ctx, function, path, size - bytes, tail, bytes);
    if (status) return status;
    const unsigned char *end = find_end(tail, bytes);
    if (!end) return kdst__source_fail(file, KDST_STATUS_FORMAT, "is no zip archive: it has no end record");
    uint64_t at = size - bytes + (uint64_t)(end - tail);
    status = find_directory(file, tail, end, at, d, &offset64);
    if (!status && offset64 != UINT64_MAX) {
        status = read_piece(ctx, function, path, offset64, record, sizeof record);
        if (!status && !is(record, 6, 6))
            status = kdst__source_fail(file, KDST_STATUS_FORMAT, "the zip64 end record is none");
        if (status) return status;
        d->entries = kdst__zip_get64(record + 32);
        d->bytes = kdst__zip_get64(record + 40);
        d->offset = kdst__zip_get64(record + 48);
        at = offset64;
    }
    return status ? status : check_directory(file, d, at);
}

/* Numbers that did not fit into 32 bits stand in the extra field 1, in this order. */
static bool read_extra(const unsigned char *extra, size_t bytes, kdst__zip_member *m)
{
    uint64_t *const numbers[] = {&m->size, &m->packed, &m->header};
    while (bytes >= 4) {
        size_t length = kdst__zip_get16(extra + 2);
        if (length > bytes - 4) return false;
        const unsigned char *at = extra + 4, *end = at + length;
        for (int i = 0; i < 3 && kdst__zip_get16(extra) == 1; i++) {
            if (*numbers[i] != UINT32_MAX) continue;
            if (end - at < 8) return false;
            *numbers[i] = kdst__zip_get64(at);
            at += 8;
        }
        extra += 4 + length;
        bytes -= 4 + length;
    }
    return true;
}

/* One entry of `left` bytes; returns its bytes, 0 when it is none. The name is copied to `name`. */
static size_t read_entry(const unsigned char *p, size_t left, kdst__zip_member *m, char *name)
{
    if (left < ENTRY || !is(p, 1, 2)) return 0;
    size_t name_bytes = kdst__zip_get16(p + 28), extra = kdst__zip_get16(p + 30), comment = kdst__zip_get16(p + 32);
    size_t whole = ENTRY + name_bytes + extra + comment;
    if (whole > left || memchr(p + ENTRY, 0, name_bytes)) return 0;
    *m = (kdst__zip_member){
        .name = name,
        .flags = (uint16_t)kdst__zip_get16(p + 8),
        .method = (uint16_t)kdst__zip_get16(p + 10),
        .crc32 = kdst__zip_get32(p + 16),
        .packed = kdst__zip_get32(p + 20),
        .size = kdst__zip_get32(p + 24),
        .header = kdst__zip_get32(p + 42)};
    memcpy(name, p + ENTRY, name_bytes);
    name[name_bytes] = '\0';
    return read_extra(p + ENTRY + name_bytes, extra, m) ? whole : 0;
}

static kdst_status read_entries(kdst__source *file, const unsigned char *p, size_t bytes, kdst__zip *zip)
{
    char *name = zip->names;
    for (int64_t i = 0; i < zip->count; i++) {
        size_t used = read_entry(p, bytes, &zip->members[i], name);
        if (!used)
            return kdst__source_fail(file, KDST_STATUS_FORMAT, "entry %lld of the directory is none", (long long)i);
        name += strlen(name) + 1;
        p += used;
        bytes -= used;
    }
    return KDST_STATUS_OK;
}

/* `block` [d->bytes] is scratch. */
static kdst_status read_directory(
    kdst_context *ctx, const char *function, const char *path, kdst__source *file, const directory *d,
    unsigned char *block, kdst__zip *out)
{
    kdst__memory *memory = kdst__context_memory(ctx);
    kdst_status status = read_piece(ctx, function, path, d->offset, block, (size_t)d->bytes);
    if (status) return status;
    out->count = (int64_t)d->entries;
    out->end = d->offset;
    out->names_bytes = (size_t)d->bytes; /* an entry has more bytes than its name with its end */
    out->members = kdst__alloc(memory, (size_t)d->entries * sizeof *out->members);
    out->names = kdst__alloc(memory, out->names_bytes);
    if (!out->members || !out->names) return kdst__fail_memory(ctx, function);
    return read_entries(file, block, (size_t)d->bytes, out);
}

kdst_status kdst__zip_read(kdst_context *ctx, const char *function, const char *path, kdst__zip *out)
{
    kdst__memory *memory = kdst__context_memory(ctx);
    const size_t most = END + LONGEST_COMMENT + LOCATOR;
    kdst__source *file = NULL;
    directory d = {0};
    *out = (kdst__zip){0};
    kdst_status status = kdst__source_open_plain(ctx, function, path, &file);
    if (status) return status;
    unsigned char *tail = kdst__alloc(memory, most), *block = NULL;
    status = tail ? locate(ctx, function, path, file, tail, &d) : kdst__fail_memory(ctx, function);
    kdst__free(memory, tail, most);
    if (!status) {
        block = kdst__alloc(memory, (size_t)d.bytes);
        status = block ? read_directory(ctx, function, path, file, &d, block, out) : kdst__fail_memory(ctx, function);
        kdst__free(memory, block, (size_t)d.bytes);
    }
    kdst__source_close(file);
    return status;
}

void kdst__zip_destroy(kdst__memory *memory, kdst__zip *zip)
{
    kdst__free(memory, zip->names, zip->names_bytes);
    kdst__free(memory, zip->members, (size_t)zip->count * sizeof *zip->members);
}

/* ---- a member ---- */

kdst_status kdst__zip_find(
    kdst_context *ctx, const char *function, const char *path, const kdst__zip *zip, int64_t member, kdst__part *part)
{
    const kdst__zip_member *m = &zip->members[member];
    unsigned char local[LOCAL];
    kdst__source *source = NULL;
    *part = (kdst__part){.name = m->name, .offset = m->header, .bytes = LOCAL};
    kdst_status status = kdst__source_open_part(ctx, function, path, part, &source);
    if (!status) status = kdst__source_read(source, "its local header", local, LOCAL);
    if (status) goto end;
    uint64_t begin = m->header + LOCAL + kdst__zip_get16(local + 26) + kdst__zip_get16(local + 28);
    if (!is(local, 3, 4))
        status = kdst__source_fail(source, KDST_STATUS_FORMAT, "its local header is none");
    else if ((m->flags & 1) || (m->method != 0 && m->method != 8))
        status = kdst__source_fail(
            source, KDST_STATUS_UNSUPPORTED,
            m->flags & 1 ? "is encrypted" : "is compressed by method %d, known are 0 and 8", m->method);
    else if (begin > zip->end || m->packed > zip->end - begin)
        status = kdst__source_fail(
            source, KDST_STATUS_FORMAT, "would take %llu bytes from byte %llu on, the members end at %llu",
            (unsigned long long)m->packed, (unsigned long long)begin, (unsigned long long)zip->end);
    else if (m->method == 0 && m->packed != m->size)
        status = kdst__source_fail(
            source, KDST_STATUS_FORMAT, "is stored in %llu bytes and has %llu", (unsigned long long)m->packed,
            (unsigned long long)m->size);
    *part = (kdst__part){m->name, begin, m->packed, m->method == 8, true, m->size, m->crc32};
end:
    kdst__source_close(source);
    return status;
}
