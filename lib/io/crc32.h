/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 as in gzip and PNG (ISO 3309, polynomial edb88320 reflected), eight bytes at a time. */
#ifndef KDST_IO_CRC32_H
#define KDST_IO_CRC32_H

#include <stddef.h>
#include <stdint.h>

typedef struct kdst__crc32 {
    uint32_t state;
    uint32_t table[8][256];
} kdst__crc32;

void kdst__crc32_start(kdst__crc32 *crc);
void kdst__crc32_add(kdst__crc32 *crc, const void *data, size_t bytes);
static inline uint32_t kdst__crc32_value(const kdst__crc32 *crc)
{
    return ~crc->state;
}

#endif
