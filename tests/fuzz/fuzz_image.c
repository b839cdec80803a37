/* SPDX-License-Identifier: Apache-2.0 */
/* PNG and JPEG files, as grey and in colours, and resized. */
#include "target.h"

#include "data/resize.h"
#include "io/image.h"

#include <stdlib.h>

enum { SIZE = 8 };

/* Every pixel is looked at, so that a sanitizer sees what was never written. */
static unsigned sum_of(const uint8_t *pixels, int64_t count)
{
    unsigned sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum = sum * 31 + pixels[i];
    return sum;
}

static void load(kdst__memory *memory, const char *path, int64_t channels)
{
    kdst__image image;
    kdst__failure failure = {0};
    uint8_t square[3 * SIZE * SIZE];
    volatile unsigned sum = 0;
    kdst_status status = kdst__image_read(memory, path, channels, &image, &failure);
    fuzz_promise(status == failure.status && !status == !!image.pixels, "an image with success alone");
    fuzz_promise(!status || *failure.text, "a text with a failure");
    int known = status == KDST_STATUS_OK || status == KDST_STATUS_FORMAT || status == KDST_STATUS_UNSUPPORTED ||
        status == KDST_STATUS_OUT_OF_MEMORY;
    fuzz_promise(known, kdst_status_name(status));
    fuzz_accepted += !status;
    if (status) return;
    fuzz_promise(image.channels == channels && image.height > 0 && image.width > 0, "the wanted channels");
    sum = sum_of(image.pixels, image.height * image.width * channels);
    fuzz_promise(kdst__resize(memory, &image, SIZE, square), "memory to resize");
    sum = sum + sum_of(square, channels * SIZE * SIZE);
    kdst__image_destroy(memory, &image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static kdst__memory *memory;
    if (!memory) {
        memory = kdst__memory_create(NULL, NULL, NULL);
        fuzz_promise(memory != NULL, "memory");
        kdst__memory_set_limit(memory, 512 << 20);
    }
    const char *path = fuzz_file(0, data, bytes);
    load(memory, path, 1);
    load(memory, path, 3);
    fuzz_promise(!kdst__memory_used(memory), "nothing left");
    return 0;
}

/* Checksums of PNG chunks fit again. */
static uint32_t checksum(const uint8_t *data, size_t bytes)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

void fuzz_repair(uint8_t *data, size_t bytes)
{
    for (size_t at = 8; bytes > 8 && data[0] == 0x89 && bytes - at >= 12;) {
        size_t length = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        if (length > bytes - at - 12) return;
        uint32_t crc = checksum(data + at + 4, length + 4);
        for (int k = 0; k < 4; k++)
            data[at + 8 + length + (size_t)k] = (uint8_t)(crc >> (24 - 8 * k));
        at += 12 + length;
    }
}
