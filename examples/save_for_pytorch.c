/* SPDX-License-Identifier: Apache-2.0 */
/* Save here, load in PyTorch: a model's state as a safetensors file, under PyTorch's names.
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
 *     logits of a grey image: -0.0111 0.0150 0.0104 -0.0173 -0.0430 -0.0034 0.0083 0.0095 0.0235 0.0033
 *
 * and examples/load_in_pytorch.py, which needs nothing but PyTorch, computes the same logits from the file.
 */
#include <kdst/kdst.h>

#include <stdio.h>

static kdst_status print_state(kdst_layer *model)
{
    for (int64_t i = 0; i < kdst_layer_get_state_count(model); i++) {
        const char *name = NULL;
        kdst_tensor *tensor = NULL;
        kdst_status status = kdst_layer_get_state(model, i, &name, &tensor, NULL);
        if (status) return status;
        printf("%-14s [", name);
        for (int64_t axis = 0; axis < kdst_tensor_get_rank(tensor); axis++)
            printf("%s%lld", axis ? ", " : "", (long long)kdst_tensor_get_size(tensor, axis));
        printf("]\n");
    }
    return KDST_STATUS_OK;
}

static kdst_status print_logits(kdst_context *ctx, kdst_layer *model)
{
    const int64_t shape[4] = {1, 1, 28, 28};
    kdst_tensor *image = NULL, *logits = NULL;
    float value[10];
    kdst_status status = kdst_tensor_create(ctx, KDST_DTYPE_FLOAT32, 4, shape, &image);
    if (!status) status = kdst_tensor_set_value(image, 0.5);
    if (!status) status = kdst_layer_run(model, image, &logits);
    if (!status) status = kdst_tensor_get_data(logits, value, sizeof value);
    if (!status) {
        printf("logits of a grey image:");
        for (int i = 0; i < 10; i++)
            printf(" %.4f", value[i]);
        printf("\n");
    }
    kdst_tensor_release(logits);
    kdst_tensor_release(image);
    return status;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "lenet.safetensors";
    kdst_context *ctx = NULL;
    kdst_layer *model = NULL;

    kdst_status status = kdst_context_create(NULL, &ctx);
    if (!status) status = kdst_model_create(ctx, "lenet", NULL, &model);
    if (!status) status = kdst_layer_set_training(model, 0); /* for use, not for training */
    if (!status) status = print_state(model);
    if (!status) status = print_logits(ctx, model);
    if (!status) status = kdst_layer_save(model, path);
    if (status) fprintf(stderr, "%s: %s\n", kdst_status_name(status), kdst_context_message(ctx));

    kdst_layer_release(model);
    kdst_context_release(ctx);
    return status != KDST_STATUS_OK;
}
