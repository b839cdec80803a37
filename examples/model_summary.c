/* SPDX-License-Identifier: Apache-2.0 */
/* A network by name as a table, a drawing and an ONNX file: readers of its trace, for which nothing is computed.
 *
 *     build/examples/model_summary /tmp lenet5
 *
 * writes lenet5.svg and lenet5.onnx there and prints
 *
 *     layer  operation             result                      parameters       multiply-adds
 *            input                 [1, 1, 28, 28]
 *     conv1  conv2d                [1, 6, 28, 28]                     156             117,600
 *            relu                  [1, 6, 28, 28]
 *            max_pool2d            [1, 6, 14, 14]
 *     conv2  conv2d                [1, 16, 10, 10]                  2,416             240,000
 *            relu                  [1, 16, 10, 10]
 *            max_pool2d            [1, 16, 5, 5]
 *            reshape               [1, 400]
 *     fc1    linear                [1, 120]                        48,120              48,000
 *            relu                  [1, 120]
 *     fc2    linear                [1, 84]                         10,164              10,080
 *            relu                  [1, 84]
 *     fc3    linear                [1, 10]                            850                 840
 *     parameters     61,706
 *     multiply-adds  416,520
 *     state          246,824 bytes
 *     activations    61,544 bytes
 */
#include <kdst/kdst.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Height, width and channels that the network is made for. */
static kdst_status input_shape(const char *name, int64_t shape[4])
{
    for (int64_t i = 0; i < kdst_model_count(); i++) {
        if (strcmp(name, kdst_model_get_name(i)) != 0) continue;
        int64_t side = kdst_model_get_image_size(i) > 0 ? kdst_model_get_image_size(i) : 224;
        const int64_t own[4] = {1, kdst_model_get_channels(i), side, side};
        memcpy(shape, own, sizeof own);
    }
    return KDST_STATUS_OK;
}

static kdst_status print_summary(kdst_trace *trace)
{
    int64_t bytes = 0;
    kdst_status status = kdst_trace_get_summary(trace, NULL, 0, &bytes);
    char *text = malloc((size_t)bytes + 1);
    if (!text) return KDST_STATUS_OUT_OF_MEMORY;
    if (!status) status = kdst_trace_get_summary(trace, text, bytes, NULL);
    if (!status) fputs(text, stdout);
    free(text);
    return status;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".", *name = argc > 2 ? argv[2] : "lenet5";
    const int64_t rank = 4;
    int64_t shape[4] = {0};
    char path[4096];
    kdst_context *ctx = NULL;
    kdst_layer *net = NULL;
    kdst_trace *trace = NULL;
    kdst_status status = kdst_context_create(NULL, &ctx);
    if (!status) status = kdst_model_create(ctx, name, NULL, &net);
    if (!status) status = input_shape(name, shape);
    if (!status) status = kdst_trace_create(net, 1, NULL, &rank, shape, NULL, &trace);
    snprintf(path, sizeof path, "%s/%s.svg", folder, name);
    if (!status) status = kdst_trace_save_svg(trace, path);
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    if (!status) status = kdst_onnx_save(net, 1, NULL, &rank, shape, path, NULL);
    if (!status) status = print_summary(trace);
    if (status) fprintf(stderr, "%s: %s\n", kdst_status_name(status), ctx ? kdst_context_message(ctx) : "no context");
    kdst_trace_release(trace);
    kdst_layer_release(net);
    kdst_context_release(ctx);
    return status != KDST_STATUS_OK;
}
