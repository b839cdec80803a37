/* SPDX-License-Identifier: Apache-2.0 */
/* CIFAR batches, plain and gzip: the first byte chooses the kind of records and whether the file, which is the rest, is
 * read once or twice.
 */
#include "dataset_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const kinds[] = {"cifar10", "cifar100", "cifar100_coarse"};
    if (bytes < 1) return 0;
    const char *path = fuzz_file(0, data + 1, bytes - 1), *const paths[] = {path, path};
    kdst_options *options = NULL;
    kdst_dataset *d = NULL;
    fuzz_promise(
        !kdst_options_create(&options) && !kdst_options_set_string(options, "kind", kinds[data[0] % 3]), "options");
    kdst_status status = kdst_dataset_load_cifar(fuzz_context(), paths, 1 + data[0] / 3 % 2, options, &d);
    kdst_options_release(options);
    check_dataset(status, d);
    return 0;
}
