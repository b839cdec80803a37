/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of operations that do several things in one pass: convolution and batch norm with a sum and a ReLU or ReLU6. */
#include "cases.h"

static kdst_status with_activation(const char *kind, kdst_options **out)
{
    kdst_status status = kdst_options_create(out);
    return status == KDST_STATUS_OK ? kdst_options_set_string(*out, "activation", kind) : status;
}

/* p: stride, padding, 1: relu6 instead of relu */
static kdst_status conv2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = with_activation(c->p[4] ? "relu6" : "relu", &options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "stride", c->p, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "padding", c->p + 2, 2);
    if (status == KDST_STATUS_OK) status = kdst_conv2d(in[0], in[1], in[2], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status linear_relu(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c, (void)ctx;
    return kdst_linear_relu(in[0], in[1], in[2], out);
}

/* Inputs: x, gamma, beta, addend. */
static kdst_status batch_norm_relu(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c, (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = with_activation("relu", &options);
    if (status == KDST_STATUS_OK) status = kdst_batch_norm_add(in[0], in[1], in[2], NULL, NULL, in[3], options, out);
    kdst_options_release(options);
    return status;
}

/* gamma is twenty times as large, so that some results are above 6. */
static kdst_status
batch_norm_relu6(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c, (void)ctx;
    kdst_options *options = NULL;
    kdst_tensor *gamma = NULL;
    kdst_status status = with_activation("relu6", &options);
    if (status == KDST_STATUS_OK) status = kdst_mul_scalar(in[1], 20, &gamma);
    if (status == KDST_STATUS_OK) status = kdst_batch_norm_add(in[0], gamma, in[2], NULL, NULL, in[3], options, out);
    kdst_tensor_release(gamma);
    kdst_options_release(options);
    return status;
}

static kdst_status batch_norm_add(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c, (void)ctx;
    return kdst_batch_norm_add(in[0], in[1], in[2], NULL, NULL, in[3], NULL, out);
}

/* clang-format off */
const gradient_case fused_cases[] = {
    {"conv2d_relu", "3 by 3", conv2d, "...", {S4(2, 3, 5, 4), S4(5, 3, 3, 3), S1(5)}, {1, 1, 1, 1}},
    {"conv2d_relu", "stride 2", conv2d, "..0", {S4(2, 2, 7, 5), S4(3, 2, 3, 3), S0}, {2, 2, 1, 1}},
    {"conv2d_relu", "17 channels", conv2d, "...", {S4(1, 3, 4, 4), S4(17, 3, 1, 1), S1(17)}, {1, 1, 0, 0}},
    {"linear_relu", "rows", linear_relu, "...", {S2(4, 5), S2(7, 5), S1(7)}, {0}},
    {"linear_relu", "plain", linear_relu, "..0", {S2(3, 2), S2(5, 2), S0}, {0}},
    {"linear_relu", "views", linear_relu, "ts.", {S2(6, 3), S2(9, 6), S1(4)}, {0}},
    {"conv2d_relu", "relu6", conv2d, "...", {S4(2, 30, 5, 4), S4(5, 30, 3, 3), S1(5)}, {1, 1, 1, 1, 1}},
    {"batch_norm_relu", "rows", batch_norm_relu, "...0", {S2(7, 5), S1(5), S1(5), S0}, {0}},
    {"batch_norm_relu", "images", batch_norm_relu, "....", {S4(3, 2, 3, 5), S1(2), S1(2), S4(3, 2, 3, 5)}, {0}},
    {"batch_norm_relu", "plain", batch_norm_relu, ".00.", {S4(2, 3, 2, 4), S0, S0, S4(2, 3, 2, 4)}, {0}},
    {"batch_norm_relu", "relu6", batch_norm_relu6, "....", {S4(3, 2, 3, 5), S1(2), S1(2), S4(3, 2, 3, 5)}, {0}},
    {"batch_norm_relu", "relu6 alone", batch_norm_relu6, "...0", {S4(3, 2, 3, 5), S1(2), S1(2), S0}, {0}},
    {"batch_norm", "sum", batch_norm_add, "....", {S4(2, 3, 2, 4), S1(3), S1(3), S4(2, 3, 2, 4)}, {0}},
    {"batch_norm", "sum of rows", batch_norm_add, "...t", {S2(6, 4), S1(4), S1(4), S2(4, 6)}, {0}},
};
/* clang-format on */
const int fused_case_count = (int)(sizeof fused_cases / sizeof *fused_cases);
