/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX nodes of convolutions, pooling and batch normalisation.
 *
 * Where windows reach over the end of the padded image, as in ceil mode, the padding behind is made as long as they need, so that no
 * runtime's reading of ceil_mode matters: a maximum does not see padding. Adaptive means with windows of unequal size are products with
 * matrices of 1 / size: y = A x B^T.
 */
#include "io/onnx.h"

static int64_t number(const kdst__onnx *w, int64_t op, const char *name, int64_t i, int64_t otherwise)
{
    return kdst__trace_int(w->trace, op, name, i, otherwise);
}

static void pair(kdst__onnx *w, int64_t op, const char *name, const char *attribute, int64_t otherwise)
{
    const int64_t values[2] = {number(w, op, name, 0, otherwise), number(w, op, name, 1, otherwise)};
    kdst__onnx_ints(w, attribute, values, 2);
}

static kdst_status conv(kdst__onnx *w, int64_t op, const char *type)
{
    const int64_t v = number(w, op, "padding", 0, 0), h = number(w, op, "padding", 1, 0), pads[4] = {v, h, v, h};
    const kdst__graph_value *weight = kdst__trace_input(w->trace, op, 1);
    if (number(w, op, "activation", 0, 0) != 0) return kdst__onnx_refuse(w, op, "its activation is not a node of its own");
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_input(w, op, 1);
    if (kdst__trace_input(w->trace, op, 2) != NULL) kdst__onnx_op_input(w, op, 2);
    kdst__onnx_op_output(w, op);
    kdst__onnx_ints(w, "kernel_shape", weight->shape + 2, 2);
    pair(w, op, "stride", "strides", 1);
    kdst__onnx_ints(w, "pads", pads, 4);
    pair(w, op, "dilation", "dilations", 1);
    kdst__onnx_int(w, "group", number(w, op, "groups", 0, 1));
    if (type[4] != '\0') pair(w, op, "output_padding", "output_padding", 0); /* ConvTranspose */
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

static kdst_status pool(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0), *y = kdst__trace_output(w->trace, op);
    int64_t pads[4];
    bool over = false, mean = type[0] == 'A';
    for (int32_t i = 0; i < 2; i++) {
        int64_t padding = number(w, op, "padding", i, 0), kernel = number(w, op, "kernel", i, 1);
        int64_t reach = (y->shape[2 + i] - 1) * number(w, op, "stride", i, kernel) + kernel - x->shape[2 + i] - padding;
        over |= reach > padding;
        pads[i] = padding;
        pads[2 + i] = reach > padding ? reach : padding;
    }
    if (mean && over)
        return kdst__onnx_refuse(w, op, "windows leave the padded image, and runtimes differ in their means");
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_output(w, op);
    pair(w, op, "kernel", "kernel_shape", 1);
    pair(w, op, "stride", "strides", 1);
    kdst__onnx_ints(w, "pads", pads, 4);
    if (mean) kdst__onnx_int(w, "count_include_pad", number(w, op, "count_include_pad", 0, 1));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

static kdst_status global_pool(kdst__onnx *w, int64_t op, const char *type)
{
    static const int64_t axes[2] = {2, 3};
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_output(w, op);
    kdst__onnx_ints(w, "axes", axes, 2);
    kdst__onnx_int(w, "keepdims", 0);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

/* Matrix of means of `size` parts of n elements: [size, n], or [n, size]. */
static const char *
mean_matrix(kdst__onnx *w, kdst_dtype dtype, int64_t size, int64_t n, bool turned, char text[KDST__ONNX_NAME])
{
    const int64_t shape[2] = {turned ? n : size, turned ? size : n};
    size_t bytes;
    text[0] = '\0';
    if (kdst__mul_overflows((size_t)(size * n), sizeof(double), &bytes)) bytes = SIZE_MAX;
    double *values = kdst__alloc_zero(kdst__onnx_memory(w), bytes);
    if (values == NULL) {
        w->graph.failed = true;
        return text;
    }
    for (int64_t i = 0; i < size; i++) {
        int64_t begin = i * n / size, end = ((i + 1) * n + size - 1) / size;
        for (int64_t k = begin; k < end; k++)
            values[turned ? k * size + i : i * n + k] = 1 / (double)(end - begin);
    }
    kdst__onnx_constant(w, dtype, 2, shape, values, text);
    kdst__free(kdst__onnx_memory(w), values, bytes);
    return text;
}

static kdst_status adaptive_pool(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0), *y = kdst__trace_output(w->trace, op);
    char rows[KDST__ONNX_NAME], columns[KDST__ONNX_NAME], input[KDST__ONNX_NAME], half[KDST__ONNX_NAME];
    if (y->shape[2] == 0 || y->shape[3] == 0) return kdst__onnx_refuse(w, op, "an image without pixels");
    if (x->shape[2] % y->shape[2] == 0 && x->shape[3] % y->shape[3] == 0) {
        const int64_t kernel[2] = {x->shape[2] / y->shape[2], x->shape[3] / y->shape[3]};
        kdst__onnx_begin(w, type);
        kdst__onnx_op_input(w, op, 0);
        kdst__onnx_op_output(w, op);
        kdst__onnx_ints(w, "kernel_shape", kernel, 2);
        kdst__onnx_ints(w, "strides", kernel, 2);
        kdst__onnx_end(w, op);
        return KDST_STATUS_OK;
    }
    int64_t value = w->trace->graph.inputs[w->trace->graph.ops[op].first_input];
    mean_matrix(w, x->dtype, y->shape[2], x->shape[2], false, rows);
    mean_matrix(w, x->dtype, y->shape[3], x->shape[3], true, columns);
    kdst__onnx_node(w, op, "MatMul", rows, kdst__onnx_value_name(w, value, input), NULL, half);
    kdst__onnx_node(w, op, "MatMul", half, columns, NULL, NULL);
    return KDST_STATUS_OK;
}

/* [C] of ones or zeros, where gamma or beta is not given. */
static void filled_input(kdst__onnx *w, int64_t op, int32_t i, char text[KDST__ONNX_NAME])
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0);
    text[0] = '\0';
    if (kdst__trace_input(w->trace, op, i) != NULL) return;
    size_t bytes = (size_t)x->shape[1] * sizeof(double);
    double *values = kdst__alloc(kdst__onnx_memory(w), bytes);
    for (int64_t k = 0; k < x->shape[1] && values != NULL; k++)
        values[k] = i == 1;
    if (values == NULL)
        w->graph.failed = true;
    else
        kdst__onnx_constant(w, x->dtype, 1, &x->shape[1], values, text);
    kdst__free(kdst__onnx_memory(w), values, bytes);
}

static kdst_status batch_norm(kdst__onnx *w, int64_t op, const char *type)
{
    char gamma[KDST__ONNX_NAME], beta[KDST__ONNX_NAME];
    if (number(w, op, "training", 0, 0) != 0) return kdst__onnx_refuse(w, op, "it takes the statistics of the batch");
    if (number(w, op, "activation", 0, 0) != 0 || kdst__trace_input(w->trace, op, 5) != NULL)
        return kdst__onnx_refuse(w, op, "its sum or activation is not a node of its own");
    filled_input(w, op, 1, gamma);
    filled_input(w, op, 2, beta);
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    if (gamma[0] != '\0')
        kdst__onnx_input(w, gamma);
    else
        kdst__onnx_op_input(w, op, 1);
    if (beta[0] != '\0')
        kdst__onnx_input(w, beta);
    else
        kdst__onnx_op_input(w, op, 2);
    kdst__onnx_op_input(w, op, 3);
    kdst__onnx_op_input(w, op, 4);
    kdst__onnx_op_output(w, op);
    kdst__onnx_float(w, "epsilon", kdst__trace_float(w->trace, op, "eps", 1e-5));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

const kdst__onnx_row kdst__onnx_rows_windows[] = {
    {"conv2d", conv, "Conv"},
    {"conv_transpose2d", conv, "ConvTranspose"},
    {"max_pool2d", pool, "MaxPool"},
    {"avg_pool2d", pool, "AveragePool"},
    {"adaptive_avg_pool2d", adaptive_pool, "AveragePool"},
    {"global_avg_pool2d", global_pool, "ReduceMean"},
    {"batch_norm", batch_norm, "BatchNormalization"},
    {NULL, NULL, NULL},
};
