/* SPDX-License-Identifier: Apache-2.0 */
/* npz files: the directory, and every member of it. */
#include "target.h"

#include <stdlib.h>
#include <string.h>

static void load(kdst_npz *npz, const char *name)
{
    kdst_tensor *tensor = NULL;
    kdst_status status = kdst_npz_load(npz, name, NULL, &tensor);
    fuzz_check_status(status);
    fuzz_promise(!status == !!tensor, "a tensor with success alone");
    if (tensor) {
        int64_t bytes = kdst_tensor_get_count(tensor) * kdst_dtype_get_size(kdst_tensor_get_dtype(tensor));
        void *copy = malloc((size_t)bytes + 1);
        fuzz_promise(copy && !kdst_tensor_get_data(tensor, copy, bytes), "the tensor's data");
        free(copy);
    }
    kdst_tensor_release(tensor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    kdst_npz *npz = NULL;
    kdst_status status = kdst_npz_open(fuzz_context(), fuzz_file(0, data, bytes), &npz);
    fuzz_check_status(status);
    fuzz_promise(!status == !!npz, "an archive with success alone");
    fuzz_accepted -= !status; /* its members count */
    for (int64_t i = 0; i < kdst_npz_get_count(npz) && i < 20; i++) {
        const char *name = kdst_npz_get_name(npz, i);
        fuzz_promise(name != NULL, "a name for each member");
        load(npz, name);
    }
    kdst_npz_release(npz);
    fuzz_promise(!kdst_context_live_count(fuzz_context()), "nothing left");
    return 0;
}

/* The end record says again where the directory lies: the first entry up to the end record. */
void fuzz_repair(uint8_t *data, size_t bytes)
{
    size_t end = bytes < 22 ? 0 : bytes - 22, first = 0;
    if (!end || memcmp(data + end, "PK\5\6", 4)) return;
    while (first < end && memcmp(data + first, "PK\1\2", 4))
        first++;
    for (size_t i = 0; i < 4; i++) {
        data[end + 12 + i] = (uint8_t)((end - first) >> 8 * i);
        data[end + 16 + i] = (uint8_t)(first >> 8 * i);
    }
    data[end + 20] = data[end + 21] = 0;
}
