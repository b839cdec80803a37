/* SPDX-License-Identifier: Apache-2.0 */
/* npy files, plain and gzip, in their own type and in the others. */
#include "target.h"

#include <stdlib.h>
#include <string.h>

static void load(const char *path, const char *dtype)
{
    kdst_context *ctx = fuzz_context();
    kdst_options *options = NULL;
    kdst_tensor *tensor = NULL;
    fuzz_promise(!kdst_options_create(&options) && !kdst_options_set_string(options, "dtype", dtype), "options");
    kdst_status status = kdst_npy_load(ctx, path, options, &tensor);
    fuzz_check_status(status);
    fuzz_promise(!status == !!tensor, "a tensor with success alone");
    if (tensor) {
        int64_t bytes = kdst_tensor_get_count(tensor) * kdst_dtype_get_size(kdst_tensor_get_dtype(tensor));
        void *copy = malloc((size_t)bytes + 1);
        fuzz_promise(copy && !kdst_tensor_get_data(tensor, copy, bytes), "the tensor's data");
        if (kdst_tensor_get_dtype(tensor) == KDST_DTYPE_BOOL)
            for (int64_t i = 0; i < bytes; i++)
                fuzz_promise(((unsigned char *)copy)[i] < 2, "bool is 0 or 1");
        free(copy);
    }
    kdst_tensor_release(tensor);
    kdst_options_release(options);
    fuzz_promise(!kdst_context_live_count(ctx), "nothing left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const dtypes[] = {"native", "float32", "float64", "int32", "uint8", "bool"};
    const char *path = fuzz_file(0, data, bytes);
    for (int i = 0; i < 6; i++)
        load(path, dtypes[i]);
    return 0;
}

/* The header's length reaches to the line feed behind its last brace. */
void fuzz_repair(uint8_t *data, size_t bytes)
{
    size_t head = bytes > 6 && data[6] == 1 ? 10 : 12, end = 0;
    for (size_t i = head; i < bytes && i < 4096; i++)
        if (data[i] == '}') end = i + 1;
    if (end < head) return;
    while (end < bytes && data[end] != '\n')
        end++;
    end += end < bytes;
    for (size_t i = 8; i < head; i++)
        data[i] = (uint8_t)((end - head) >> 8 * (i - 8));
}
