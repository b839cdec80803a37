/* SPDX-License-Identifier: Apache-2.0 */
/* Save here, load in PyTorch: a model's state as safetensors, under PyTorch's names.
 *
 *     build/examples/save_for_pytorch /tmp/lenet.safetensors
 *
 * prints
 *
 *     conv1.weight   [32, 1, 5, 5]
 *     conv1.bias     [32]
 *     conv2.weight   [64, 32, 5, 5]
 *     conv2.bias     [64]
 *     fc1.weight     [1024, 3136]
 *     fc1.bias       [1024]
 *     fc2.weight     [10, 1024]
 *     fc2.bias       [10]
 *     saved, and read back into a second model
 *
 * In Python, with the safetensors package:
 *
 *     from safetensors.torch import load_file
 *     model.load_state_dict(load_file("/tmp/lenet.safetensors"))
 *
 * or without it: the file is 8 bytes of header length, a JSON header (name, dtype, shape, offsets) and the plain
 * little-endian data.
 */
#include <kdst/kdst.h>

#include <stdio.h>

static kdst_status print_state(kdst_layer *model)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < kdst_layer_get_state_count(model) && !status; i++) {
        const char *name = NULL;
        kdst_tensor *tensor = NULL;
        status = kdst_layer_get_state(model, i, &name, &tensor, NULL);
        if (status) return status;
        printf("%-14s [", name);
        for (int64_t axis = 0; axis < kdst_tensor_get_rank(tensor); axis++)
            printf("%s%lld", axis ? ", " : "", (long long)kdst_tensor_get_size(tensor, axis));
        printf("]\n");
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "lenet.safetensors";
    kdst_context *ctx = NULL;
    kdst_layer *model = NULL, *copy = NULL;

    kdst_status status = kdst_context_create(NULL, &ctx);
    if (!status) status = kdst_model_create(ctx, "lenet", NULL, &model);
    if (!status) status = print_state(model);
    if (!status) status = kdst_layer_save(model, path);

    if (!status) status = kdst_model_create(ctx, "lenet", NULL, &copy);
    if (!status) status = kdst_layer_load(copy, path, NULL);
    if (!status) printf("saved, and read back into a second model\n");
    else fprintf(stderr, "%s: %s\n", kdst_status_name(status), kdst_context_message(ctx));

    kdst_layer_release(copy);
    kdst_layer_release(model);
    kdst_context_release(ctx);
    return status != KDST_STATUS_OK;
}
