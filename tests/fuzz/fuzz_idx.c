/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of IDX files, plain and gzip: the length of the first in two bytes, high byte first, then both files. */
#include "dataset_check.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 2) return 0;
    size_t length = (size_t)data[0] << 8 | data[1], rest = bytes - 2;
    if (length > rest) length = rest;
    const char *images = fuzz_file(0, data + 2, length), *labels = fuzz_file(1, data + 2 + length, rest - length);
    kdst_dataset *d = NULL;
    kdst_status status = kdst_dataset_load_idx(fuzz_context(), images, labels, NULL, &d);
    check_dataset(status, d);
    return 0;
}

/* Of a plain pair: the labels are as many as the first axis of the images says, and the rest is the images' file. */
void fuzz_repair(uint8_t *data, size_t bytes)
{
    static const uint8_t head[] = {0, 0, 8, 1};
    if (bytes < 2 + 8 + 8 || data[2] == 0x1f) return;
    size_t count = (size_t)data[8] << 8 | data[9], rest = bytes - 2;
    data[6] = data[7] = 0;
    if (count + 8 > rest - 8) return;
    size_t length = rest - count - 8;
    if (length > 0xffff) return;
    data[0] = (uint8_t)(length >> 8);
    data[1] = (uint8_t)length;
    memcpy(data + 2 + length, head, sizeof head);
    memcpy(data + 2 + length + 4, data + 2 + 4, 4);
}
