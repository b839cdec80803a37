/* SPDX-License-Identifier: Apache-2.0 */
/* Writing of npz files: members stored, each with its checksum before its data, then the directory (see zip.c). */
#include "io/crc32.h"
#include "io/npy_header.h"
#include "io/serial.h"
#include "io/text.h"

#include <kdst/npz.h>

#include <string.h>

enum { LOCAL = 30, ENTRY = 46, END = 22, LONGEST_NAME = 1000, MOST = 65534, VERSION = 20, UTF8 = 1 << 11 };

/* 1 January 1980, midnight, the first date of zip: the same tensors make the same bytes. */
enum { DATE = 1 << 5 | 1 };

static const char function[] = "npz_save";

typedef struct member {
    const char *name;
    const kdst_tensor *tensor;
    uint64_t offset, size;
    uint32_t crc32;
} member;

static void put(unsigned char **at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*at)++ = (unsigned char)(value >> 8 * i);
}

/* What local header and directory entry share, from the version that is needed to the length of extra fields. */
static void put_shared(unsigned char **at, const member *m)
{
    put(at, VERSION, 2);
    put(at, UTF8, 2);
    put(at, 0, 4); /* stored; midnight */
    put(at, DATE, 2);
    put(at, m->crc32, 4);
    put(at, m->size, 4);
    put(at, m->size, 4);
    put(at, strlen(m->name) + 4, 2);
    put(at, 0, 2);
}

static kdst_status write_name(kdst__sink *sink, const char *name)
{
    kdst_status status = kdst__sink_write(sink, name, strlen(name));
    return status ? status : kdst__sink_write(sink, ".npy", 4);
}

/* ---- members ---- */

/* Runs over header and elements; without a sink it only takes the checksum and the size. */
static kdst_status run(member *m, kdst__sink *sink)
{
    char header[KDST__NPY_WRITTEN];
    kdst__serial serial;
    kdst__crc32 crc;
    size_t bytes = kdst__npy_write_header(m->tensor, header);
    const void *data = header;
    kdst_status status = KDST_STATUS_OK;
    kdst__crc32_start(&crc);
    m->size = 0;
    kdst__serial_start(&serial, m->tensor);
    do {
        if (sink)
            status = kdst__sink_write(sink, data, bytes);
        else
            kdst__crc32_add(&crc, data, bytes);
        m->size += bytes;
    } while (!status && kdst__serial_next(&serial, &data, &bytes));
    if (!sink) m->crc32 = kdst__crc32_value(&crc);
    return status;
}

static kdst_status write_member(kdst__sink *sink, member *m)
{
    unsigned char local[LOCAL], *at = local;
    put(&at, 0x04034b50, 4);
    put_shared(&at, m);
    kdst_status status = kdst__sink_write(sink, local, LOCAL);
    if (!status) status = write_name(sink, m->name);
    return status ? status : run(m, sink);
}

static kdst_status write_entry(kdst__sink *sink, const member *m)
{
    unsigned char entry[ENTRY], *at = entry;
    put(&at, 0x02014b50, 4);
    put(&at, VERSION, 2);
    put_shared(&at, m);
    put(&at, 0, 2 + 2 + 2); /* no comment, first disk, binary */
    put(&at, 0, 4);
    put(&at, m->offset, 4);
    kdst_status status = kdst__sink_write(sink, entry, ENTRY);
    return status ? status : write_name(sink, m->name);
}

/* ---- the archive ---- */

/* Checksums, and where everything will lie; UNSUPPORTED when a number needs more than 32 bits. */
static kdst_status lay_out(kdst_context *ctx, member *members, int64_t count, uint64_t *directory, uint64_t *end)
{
    uint64_t at = 0, entries = 0;
    for (int64_t i = 0; i < count; i++) {
        member *m = &members[i];
        m->offset = at;
        run(m, NULL);
        at += LOCAL + strlen(m->name) + 4 + m->size;
        entries += ENTRY + strlen(m->name) + 4;
        if (at + entries >= UINT32_MAX)
            return kdst__fail(
                ctx, KDST_STATUS_UNSUPPORTED, "%s: %lld tensors take more than 4 GiB", function, (long long)i + 1);
    }
    *directory = at;
    *end = at + entries;
    return KDST_STATUS_OK;
}

static kdst_status write_all(kdst__sink *sink, member *members, int64_t count, uint64_t directory, uint64_t end)
{
    unsigned char record[END], *at = record;
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count && !status; i++)
        status = write_member(sink, &members[i]);
    for (int64_t i = 0; i < count && !status; i++)
        status = write_entry(sink, &members[i]);
    put(&at, 0x06054b50, 4);
    put(&at, 0, 4);
    put(&at, (uint64_t)count, 2);
    put(&at, (uint64_t)count, 2);
    put(&at, end - directory, 4);
    put(&at, directory, 4);
    put(&at, 0, 2);
    return status ? status : kdst__sink_write(sink, record, END);
}

static kdst_status check_member(kdst_context *ctx, const char *const *names, kdst_tensor *const *tensors, int64_t i)
{
    if (!names[i] || !tensors[i])
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s %lld is NULL", function, names[i] ? "tensor" : "name",
            (long long)i);
    if (tensors[i]->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: tensor %lld belongs to another context", function, (long long)i);
    size_t bytes = strlen(names[i]);
    if (bytes < 1 || bytes > LONGEST_NAME || !kdst__utf8_valid(names[i], bytes))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: name %lld has %zu bytes, allowed are 1 to %d of UTF-8", function,
            (long long)i, bytes, LONGEST_NAME);
    for (int64_t k = 0; k < i; k++)
        if (!strcmp(names[k], names[i]))
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: names %lld and %lld are the same", function, (long long)k,
                (long long)i);
    return KDST_STATUS_OK;
}

static kdst_status save(kdst_context *ctx, const char *path, member *members, int64_t count)
{
    kdst__sink *sink;
    uint64_t directory = 0, end = 0;
    kdst_status status = lay_out(ctx, members, count, &directory, &end);
    if (!status) status = kdst__sink_open(ctx, function, path, &sink);
    if (status) return status;
    status = write_all(sink, members, count, directory, end);
    if (!status) return kdst__sink_commit(sink);
    kdst__sink_abandon(sink);
    return status;
}

kdst_status
kdst_npz_save(kdst_context *ctx, const char *path, const char *const *names, kdst_tensor *const *tensors, int64_t count)
{
    kdst_status status = KDST_STATUS_OK;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!path || (count > 0 && (!names || !tensors)))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function,
            !path        ? "path"
                : !names ? "names"
                         : "tensors");
    if (count < 0 || count > MOST)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %lld, allowed is 0 to %d", function, (long long)count,
            MOST);
    for (int64_t i = 0; i < count && !status; i++)
        status = check_member(ctx, names, tensors, i);
    if (status) return status;
    size_t bytes = (size_t)count * sizeof(member);
    member *members = kdst__alloc(kdst__context_memory(ctx), bytes);
    if (!members) return kdst__fail_memory(ctx, function);
    for (int64_t i = 0; i < count; i++)
        members[i] = (member){.name = names[i], .tensor = tensors[i]};
    status = save(ctx, path, members, count);
    kdst__free(kdst__context_memory(ctx), members, bytes);
    return status;
}
