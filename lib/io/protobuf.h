/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in the wire format of Protocol Buffers, built in memory: varints, 32-bit numbers and length-delimited fields.
 *
 * A failure of memory is remembered, so that a message is built without looking at each step; ask `failed` at the end.
 */
#ifndef KDST_IO_PROTOBUF_H
#define KDST_IO_PROTOBUF_H

#include "core/memory.h"

#include <stdbool.h>

#define KDST__PROTO_VARINT 10 /* most bytes of a varint */

typedef struct kdst__proto {
    kdst__memory *memory;
    unsigned char *data;
    size_t size, capacity;
    bool failed;
} kdst__proto;

/* Bytes of a varint, and the varint itself. */
size_t kdst__proto_write_varint(uint64_t value, unsigned char out[KDST__PROTO_VARINT]);

void kdst__proto_int(kdst__proto *p, uint32_t field, int64_t value);
void kdst__proto_float(kdst__proto *p, uint32_t field, float value);
void kdst__proto_bytes(kdst__proto *p, uint32_t field, const void *data, size_t bytes);
void kdst__proto_text(kdst__proto *p, uint32_t field, const char *text);
/* Appends `message` as a field and empties it. */
void kdst__proto_message(kdst__proto *p, uint32_t field, kdst__proto *message);
/* The beginning of a length-delimited field whose bytes come from elsewhere. */
void kdst__proto_begin(kdst__proto *p, uint32_t field, uint64_t bytes);
void kdst__proto_release(kdst__proto *p);

#endif
