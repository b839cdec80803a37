/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX nodes of element-wise operations, products, softmax and reductions. */
#include "io/onnx.h"

#include <math.h>
#include <string.h>

/* The same inputs, one output, no attributes. */
static kdst_status plain(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    for (int32_t i = 0; i < w->trace->graph.ops[op].count; i++)
        kdst__onnx_op_input(w, op, i);
    kdst__onnx_op_output(w, op);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

static const char *first_input(const kdst__onnx *w, int64_t op, char text[KDST__ONNX_NAME])
{
    return kdst__onnx_value_name(w, w->trace->graph.inputs[w->trace->graph.ops[op].first_input], text);
}

static const char *scalar(kdst__onnx *w, int64_t op, double value, char text[KDST__ONNX_NAME])
{
    return kdst__onnx_constant(w, kdst__trace_input(w->trace, op, 0)->dtype, 0, NULL, &value, text);
}

/* x with a number: add_scalar, mul_scalar, pow. */
static kdst_status with_number(kdst__onnx *w, int64_t op, const char *type)
{
    char x[KDST__ONNX_NAME], number[KDST__ONNX_NAME];
    double value = kdst__trace_float(w->trace, op, strcmp(type, "Pow") == 0 ? "exponent" : "scalar", 0);
    kdst__onnx_node(w, op, type, first_input(w, op, x), scalar(w, op, value, number), NULL, NULL);
    return KDST_STATUS_OK;
}

static kdst_status square(kdst__onnx *w, int64_t op, const char *type)
{
    char x[KDST__ONNX_NAME];
    const char *name = first_input(w, op, x);
    kdst__onnx_node(w, op, type, name, name, NULL, NULL);
    return KDST_STATUS_OK;
}

/* clamp; relu6 is the one to [0, 6]. */
static kdst_status clip(kdst__onnx *w, int64_t op, const char *type)
{
    char x[KDST__ONNX_NAME], low[KDST__ONNX_NAME], high[KDST__ONNX_NAME];
    bool relu6 = strcmp(w->trace->graph.ops[op].op->name, "relu6") == 0;
    scalar(w, op, relu6 ? 0 : kdst__trace_float(w->trace, op, "min", -INFINITY), low);
    scalar(w, op, relu6 ? 6 : kdst__trace_float(w->trace, op, "max", INFINITY), high);
    kdst__onnx_node(w, op, type, first_input(w, op, x), low, high, NULL);
    return KDST_STATUS_OK;
}

/* leaky_relu and elu: one attribute called alpha. */
static kdst_status with_alpha(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_output(w, op);
    kdst__onnx_float(w, "alpha", kdst__trace_float(w->trace, op, strcmp(type, "Elu") == 0 ? "alpha" : "slope", 0));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

/* log(1 / (1 + e^-x)) = -softplus(-x) */
static kdst_status log_sigmoid(kdst__onnx *w, int64_t op, const char *type)
{
    char x[KDST__ONNX_NAME], a[KDST__ONNX_NAME], b[KDST__ONNX_NAME];
    (void)type;
    kdst__onnx_node(w, op, "Neg", first_input(w, op, x), NULL, NULL, a);
    kdst__onnx_node(w, op, "Softplus", a, NULL, NULL, b);
    kdst__onnx_node(w, op, "Neg", b, NULL, NULL, NULL);
    return KDST_STATUS_OK;
}

/* softplus(beta x) / beta; above the threshold x itself is the same to rounding. */
static kdst_status softplus(kdst__onnx *w, int64_t op, const char *type)
{
    char x[KDST__ONNX_NAME], number[KDST__ONNX_NAME], a[KDST__ONNX_NAME], b[KDST__ONNX_NAME];
    double beta = kdst__trace_float(w->trace, op, "beta", 1);
    scalar(w, op, beta, number);
    kdst__onnx_node(w, op, "Mul", first_input(w, op, x), number, NULL, a);
    kdst__onnx_node(w, op, type, a, NULL, NULL, b);
    kdst__onnx_node(w, op, "Div", b, number, NULL, NULL);
    return KDST_STATUS_OK;
}

static kdst_status silu(kdst__onnx *w, int64_t op, const char *type)
{
    char x[KDST__ONNX_NAME], a[KDST__ONNX_NAME];
    const char *name = first_input(w, op, x);
    (void)type;
    kdst__onnx_node(w, op, "Sigmoid", name, NULL, NULL, a);
    kdst__onnx_node(w, op, "Mul", name, a, NULL, NULL);
    return KDST_STATUS_OK;
}

/* x (1 + t) / 2 with t = erf(x / sqrt 2), or tanh(sqrt(2 / pi) (x + 0.044715 x^3)). */
static kdst_status gelu(kdst__onnx *w, int64_t op, const char *type)
{
    char own[KDST__ONNX_NAME], c[6][KDST__ONNX_NAME], v[6][KDST__ONNX_NAME];
    const char *x = first_input(w, op, own);
    (void)type;
    scalar(w, op, 0.5, c[0]);
    scalar(w, op, 1, c[1]);
    if (kdst__trace_int(w->trace, op, "approximate", 0, 0) == 0) {
        kdst__onnx_node(w, op, "Mul", x, scalar(w, op, sqrt(0.5), c[2]), NULL, v[0]);
        kdst__onnx_node(w, op, "Erf", v[0], NULL, NULL, v[1]);
    } else {
        kdst__onnx_node(w, op, "Mul", x, x, NULL, v[2]);
        kdst__onnx_node(w, op, "Mul", v[2], scalar(w, op, 0.044715, c[2]), NULL, v[3]);
        kdst__onnx_node(w, op, "Add", v[3], c[1], NULL, v[4]);
        kdst__onnx_node(w, op, "Mul", v[4], x, NULL, v[5]);
        kdst__onnx_node(w, op, "Mul", v[5], scalar(w, op, sqrt(2 / acos(-1)), c[3]), NULL, v[0]);
        kdst__onnx_node(w, op, "Tanh", v[0], NULL, NULL, v[1]);
    }
    kdst__onnx_node(w, op, "Add", v[1], c[1], NULL, v[2]);
    kdst__onnx_node(w, op, "Mul", v[2], c[0], NULL, v[3]);
    kdst__onnx_node(w, op, "Mul", v[3], x, NULL, NULL);
    return KDST_STATUS_OK;
}

/* x weight^T + bias */
static kdst_status linear(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_input(w, op, 1);
    if (kdst__trace_input(w->trace, op, 2) != NULL) kdst__onnx_op_input(w, op, 2);
    kdst__onnx_op_output(w, op);
    kdst__onnx_int(w, "transB", 1);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

static kdst_status softmax(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_output(w, op);
    kdst__onnx_int(w, "axis", kdst__trace_int(w->trace, op, "axis", 0, -1));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

/* sum and mean over the axes of the attribute. */
static kdst_status reduce(kdst__onnx *w, int64_t op, const char *type)
{
    int64_t axes[KDST__MAX_RANK];
    int32_t count = 0;
    char text[KDST__ONNX_NAME];
    while (count < KDST__MAX_RANK && (axes[count] = kdst__trace_int(w->trace, op, "axes", count, -1)) >= 0)
        count++;
    bool sum = strcmp(type, "ReduceSum") == 0; /* whose axes are an input from version 13 on */
    const char *list = sum && count > 0 ? kdst__onnx_constant_ints(w, axes, count, text) : NULL;
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    if (list != NULL) kdst__onnx_input(w, list);
    kdst__onnx_op_output(w, op);
    if (!sum && count > 0) kdst__onnx_ints(w, "axes", axes, count);
    kdst__onnx_int(w, "keepdims", kdst__trace_int(w->trace, op, "keep", 0, 0));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

const kdst__onnx_row kdst__onnx_rows[] = {
    {"add", plain, "Add"},
    {"sub", plain, "Sub"},
    {"mul", plain, "Mul"},
    {"div", plain, "Div"},
    {"minimum", plain, "Min"},
    {"maximum", plain, "Max"},
    {"matmul", plain, "MatMul"},
    {"linear", linear, "Gemm"},
    {"relu", plain, "Relu"},
    {"relu6", clip, "Clip"},
    {"clamp", clip, "Clip"},
    {"sigmoid", plain, "Sigmoid"},
    {"tanh", plain, "Tanh"},
    {"exp", plain, "Exp"},
    {"log", plain, "Log"},
    {"sqrt", plain, "Sqrt"},
    {"abs", plain, "Abs"},
    {"sign", plain, "Sign"},
    {"neg", plain, "Neg"},
    {"reciprocal", plain, "Reciprocal"},
    {"square", square, "Mul"},
    {"add_scalar", with_number, "Add"},
    {"mul_scalar", with_number, "Mul"},
    {"pow", with_number, "Pow"},
    {"pow_tensor", plain, "Pow"},
    {"leaky_relu", with_alpha, "LeakyRelu"},
    {"elu", with_alpha, "Elu"},
    {"softplus", softplus, "Softplus"},
    {"log_sigmoid", log_sigmoid, NULL},
    {"silu", silu, NULL},
    {"gelu", gelu, NULL},
    {"softmax", softmax, "Softmax"},
    {"log_softmax", softmax, "LogSoftmax"},
    {"sum", reduce, "ReduceSum"},
    {"mean", reduce, "ReduceMean"},
    {NULL, NULL, NULL},
};
