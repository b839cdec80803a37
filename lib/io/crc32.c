/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 (see crc32.h). The tables are made anew for each checksum: 2048 steps, nothing beside the megabytes that
 * follow.
 *
 * table[k][b] is the remainder of byte b followed by k zero bytes, so eight look-ups advance by eight bytes at once.
 */
#include "io/crc32.h"

void kdst__crc32_start(kdst__crc32 *crc)
{
    crc->state = ~(uint32_t)0;
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t r = b;
        for (int bit = 0; bit < 8; bit++)
            r = (r >> 1) ^ ((r & 1) != 0 ? 0xedb88320u : 0);
        crc->table[0][b] = r;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++) {
            uint32_t r = crc->table[k - 1][b];
            crc->table[k][b] = (r >> 8) ^ crc->table[0][r & 0xff];
        }
}

static uint32_t read_u32(const unsigned char *s)
{
    return (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}

void kdst__crc32_add(kdst__crc32 *crc, const void *data, size_t bytes)
{
    const unsigned char *s = data;
    uint32_t state = crc->state;
    for (; bytes >= 8; bytes -= 8, s += 8) {
        uint32_t a = state ^ read_u32(s), b = read_u32(s + 4);
        state = crc->table[7][a & 0xff] ^ crc->table[6][(a >> 8) & 0xff] ^ crc->table[5][(a >> 16) & 0xff] ^
            crc->table[4][a >> 24] ^ crc->table[3][b & 0xff] ^ crc->table[2][(b >> 8) & 0xff] ^
            crc->table[1][(b >> 16) & 0xff] ^ crc->table[0][b >> 24];
    }
    for (; bytes > 0; bytes--, s++)
        state = (state >> 8) ^ crc->table[0][(state ^ *s) & 0xff];
    crc->state = state;
}
