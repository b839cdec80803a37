/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the IDX reader. The input is the length of the first file in two bytes, high byte first, then both files. */
#include "dataset_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char images[MEMORY_PATH], labels[MEMORY_PATH];
    if (size < 2) return 0;
    size_t length = (size_t)data[0] << 8 | data[1], rest = size - 2;
    if (length > rest) length = rest;
    kdst_context *ctx = fuzz_context();
    int first = memory_file(data + 2, length, images), second = memory_file(data + 2 + length, rest - length, labels);
    kdst_dataset *d = NULL;
    kdst_status status = kdst_dataset_load_idx(ctx, images, labels, NULL, &d);
    check_dataset(ctx, status, d);
    close(second);
    close(first);
    return 0;
}
