/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of Protocol Buffers (see protobuf.h): a field is the varint number << 3 | type and its value; type 0 is a varint, 2 a
 * varint length and bytes, 5 four bytes, little-endian. */
#include "io/protobuf.h"

#include <string.h>

enum { VARINT = 0, DELIMITED = 2, FOUR_BYTES = 5 };

size_t kdst__proto_write_varint(uint64_t value, unsigned char out[KDST__PROTO_VARINT])
{
    size_t n = 0;
    for (; value >= 128; value >>= 7)
        out[n++] = (unsigned char)(value | 128);
    out[n++] = (unsigned char)value;
    return n;
}

static void append(kdst__proto *p, const void *data, size_t bytes)
{
    size_t needed;
    if (p->failed) return;
    if (kdst__add_overflows(p->size, bytes, &needed)) {
        p->failed = true;
        return;
    }
    if (needed > p->capacity) {
        size_t capacity = needed < SIZE_MAX / 2 ? 2 * needed + 64 : needed;
        unsigned char *grown = kdst__realloc(p->memory, p->data, p->capacity, capacity);
        if (grown == NULL) {
            p->failed = true;
            return;
        }
        p->data = grown;
        p->capacity = capacity;
    }
    if (bytes > 0) memcpy(p->data + p->size, data, bytes);
    p->size = needed;
}

static void append_varint(kdst__proto *p, uint64_t value)
{
    unsigned char text[KDST__PROTO_VARINT];
    append(p, text, kdst__proto_write_varint(value, text));
}

static void append_tag(kdst__proto *p, uint32_t field, uint32_t type)
{
    append_varint(p, (uint64_t)field << 3 | type);
}

void kdst__proto_int(kdst__proto *p, uint32_t field, int64_t value)
{
    append_tag(p, field, VARINT);
    append_varint(p, (uint64_t)value);
}

void kdst__proto_float(kdst__proto *p, uint32_t field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const unsigned char bytes[] = {
        (unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
    append_tag(p, field, FOUR_BYTES);
    append(p, bytes, sizeof bytes);
}

void kdst__proto_begin(kdst__proto *p, uint32_t field, uint64_t bytes)
{
    append_tag(p, field, DELIMITED);
    append_varint(p, bytes);
}

void kdst__proto_bytes(kdst__proto *p, uint32_t field, const void *data, size_t bytes)
{
    kdst__proto_begin(p, field, bytes);
    append(p, data, bytes);
}

void kdst__proto_text(kdst__proto *p, uint32_t field, const char *text)
{
    kdst__proto_bytes(p, field, text, strlen(text));
}

void kdst__proto_message(kdst__proto *p, uint32_t field, kdst__proto *message)
{
    kdst__proto_bytes(p, field, message->data, message->size);
    p->failed |= message->failed;
    message->size = 0;
}

void kdst__proto_release(kdst__proto *p)
{
    kdst__free(p->memory, p->data, p->capacity);
    p->data = NULL;
    p->size = p->capacity = 0;
}
