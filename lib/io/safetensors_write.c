/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a state as a safetensors file.
 *
 * The header lists the tensors in the order of being set. Their bytes follow by falling element size, and the header is
 * padded to a multiple of 8, so every tensor is aligned in the file. The checksum stands in front of what it is of: the
 * tensors are gone through twice.
 */
#include "io/serial.h"
#include "io/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const int64_t sizes[] = {8, 4, 1};
enum { SIZES = 3 };

/* A text under construction; without memory it is only measured. */
typedef struct builder {
    char *text;
    size_t bytes;
} builder;

static void add(builder *b, const char *text, size_t bytes)
{
    if (b->text != NULL) memcpy(b->text + b->bytes, text, bytes);
    b->bytes += bytes;
}

static void add_text(builder *b, const char *text)
{
    add(b, text, strlen(text));
}

/* In quotation marks. */
static void add_quoted(builder *b, const char *text)
{
    add(b, "\"", 1);
    for (; *text != '\0'; text++) {
        char escaped[8];
        if (*text == '"' || *text == '\\') add(b, "\\", 1);
        if ((unsigned char)*text < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*text);
            add_text(b, escaped);
        } else {
            add(b, text, 1);
        }
    }
    add(b, "\"", 1);
}

static void add_tensor(builder *b, const char *name, const kdst_tensor *t, int64_t begin)
{
    static const char *const types[] = {"", "F32", "F64", "I32", "U8", "BOOL"};
    char text[96];
    add(b, ",", 1);
    add_quoted(b, name);
    add_text(b, ":{\"dtype\":\"");
    add_text(b, types[t->dtype]);
    add_text(b, "\",\"shape\":[");
    for (int32_t i = 0; i < t->rank; i++) {
        snprintf(text, sizeof text, "%s%" PRId64, i > 0 ? "," : "", t->shape[i]);
        add_text(b, text);
    }
    int64_t end = begin + kdst__tensor_count(t) * kdst_dtype_get_size(t->dtype);
    snprintf(text, sizeof text, "],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", begin, end);
    add_text(b, text);
}

static void add_header(builder *b, const kdst_state *state, uint32_t checksum)
{
    int64_t at[9] = {0}; /* where the next tensor of an element size goes */
    char text[64];
    for (int64_t i = 0; i < state->tensors.count; i++) {
        const kdst_tensor *t = state->tensors.entries[i].value;
        int64_t size = kdst_dtype_get_size(t->dtype), bytes = kdst__tensor_count(t) * size;
        for (int k = 0; k < SIZES; k++)
            at[sizes[k]] += size > sizes[k] ? bytes : 0;
    }
    snprintf(
        text, sizeof text, "{\"" KDST__STATE_METADATA "\":{\"" KDST__STATE_CHECKSUM "\":\"%08x\"", (unsigned)checksum);
    add_text(b, text);
    for (int64_t i = 0; i < state->texts.count; i++) {
        add(b, ",", 1);
        add_quoted(b, state->texts.entries[i].name);
        add(b, ":", 1);
        add_quoted(b, state->texts.entries[i].value);
    }
    add(b, "}", 1);
    for (int64_t i = 0; i < state->tensors.count; i++) {
        const kdst_tensor *t = state->tensors.entries[i].value;
        int64_t size = kdst_dtype_get_size(t->dtype);
        add_tensor(b, state->tensors.entries[i].name, t, at[size]);
        at[size] += kdst__tensor_count(t) * size;
    }
    add(b, "}", 1);
    while (b->bytes % 8 != 0)
        add(b, " ", 1);
}

/* Goes through all bytes in the order of the file, into the sink or, without one, the checksum. */
static kdst_status go_through(const kdst_state *state, kdst__sink *sink, kdst__crc32 *crc)
{
    kdst_status status = KDST_STATUS_OK;
    for (int k = 0; k < SIZES; k++)
        for (int64_t i = 0; i < state->tensors.count && status == KDST_STATUS_OK; i++) {
            const kdst_tensor *t = state->tensors.entries[i].value;
            kdst__serial serial;
            const void *data;
            size_t bytes;
            if (kdst_dtype_get_size(t->dtype) != sizes[k]) continue;
            kdst__serial_start(&serial, t);
            while (status == KDST_STATUS_OK && kdst__serial_next(&serial, &data, &bytes))
                if (sink != NULL)
                    status = kdst__sink_write(sink, data, bytes);
                else
                    kdst__crc32_add(crc, data, bytes);
        }
    return status;
}

static kdst_status write_header(const kdst_state *state, const char *function, kdst__sink *sink, uint32_t checksum)
{
    kdst__memory *memory = kdst__context_memory(state->base.ctx);
    builder b = {NULL, 0};
    unsigned char head[8];
    add_header(&b, state, checksum);
    size_t bytes = b.bytes;
    b = (builder){kdst__alloc(memory, bytes), 0};
    if (b.text == NULL) return kdst__fail_memory(state->base.ctx, function);
    add_header(&b, state, checksum);
    for (int i = 0; i < 8; i++)
        head[i] = (unsigned char)((uint64_t)bytes >> 8 * i);
    kdst_status status = kdst__sink_write(sink, head, sizeof head);
    if (status == KDST_STATUS_OK) status = kdst__sink_write(sink, b.text, bytes);
    kdst__free(memory, b.text, bytes);
    return status;
}

kdst_status kdst__state_write(kdst_state *state, const char *function, const char *path)
{
    kdst__crc32 crc;
    kdst__sink *sink;
    kdst_status status = kdst__sink_open(state->base.ctx, function, path, &sink);
    if (status != KDST_STATUS_OK) return status;
    kdst__crc32_start(&crc);
    status = go_through(state, NULL, &crc);
    if (status == KDST_STATUS_OK) status = write_header(state, function, sink, kdst__crc32_value(&crc));
    if (status == KDST_STATUS_OK) status = go_through(state, sink, NULL);
    if (status == KDST_STATUS_OK) return kdst__sink_commit(sink);
    kdst__sink_abandon(sink);
    return status;
}

kdst_status kdst_state_save(kdst_state *state, const char *path)
{
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    if (path == NULL) return kdst__fail(state->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "state_save: path is NULL");
    return kdst__state_write(state, "state_save", path);
}
