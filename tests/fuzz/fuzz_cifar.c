/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target of the CIFAR reader. The first byte chooses the kind of records and whether the file is read once or twice; the
 * rest is the file. */
#include "dataset_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"cifar10", "cifar100", "cifar100_coarse"};
    char path[MEMORY_PATH];
    if (size < 1) return 0;
    const char *paths[] = {path, path};
    kdst_context *ctx = fuzz_context();
    kdst_options *options = NULL;
    if (kdst_options_create(&options) || kdst_options_set_string(options, "kind", kinds[data[0] % 3])) abort();
    int file = memory_file(data + 1, size - 1, path);
    kdst_dataset *d = NULL;
    kdst_status status = kdst_dataset_load_cifar(ctx, paths, 1 + data[0] / 3 % 2, options, &d);
    check_dataset(ctx, status, d);
    close(file);
    kdst_options_release(options);
    return 0;
}
