/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of convolutions with dilation and groups and of the pooling modes. */
#include "cases.h"

/* p: stride, padding, dilation, groups */
static kdst_status conv2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "stride", c->p, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "padding", c->p + 2, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "dilation", c->p + 4, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "groups", c->p[6]);
    if (status == KDST_STATUS_OK) status = kdst_conv2d(in[0], in[1], in[2], options, out);
    kdst_options_release(options);
    return status;
}

/* p: kernel, stride, padding, 1: zeros of the padding do not count; in ceil mode */
static kdst_status pool(
    const gradient_case *c, kdst_status (*fn)(kdst_tensor *, const kdst_options *, kdst_tensor **), kdst_tensor *x,
    kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "kernel", c->p, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "stride", c->p + 2, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "padding", c->p + 4, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "ceil_mode", 1);
    if (status == KDST_STATUS_OK && c->p[6]) status = kdst_options_set_int(options, "count_include_pad", 0);
    if (status == KDST_STATUS_OK) status = fn(x, options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status max_pool2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return pool(c, kdst_max_pool2d, in[0], out);
}

static kdst_status avg_pool2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return pool(c, kdst_avg_pool2d, in[0], out);
}

static kdst_status
adaptive_avg_pool2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_adaptive_avg_pool2d(in[0], c->p[0], c->p[1], out);
}

/* clang-format off */
const gradient_case conv_cases[] = {
    {"conv2d", "dilated", conv2d, "...", {S4(2, 3, 7, 8), S4(2, 3, 3, 3), S1(2)}, {1, 1, 2, 2, 2, 2, 1}},
    {"conv2d", "dilated, uneven", conv2d, "..0", {S4(1, 2, 9, 7), S4(3, 2, 3, 2), S0}, {2, 3, 3, 1, 3, 2, 1}},
    {"conv2d", "dilated beyond the map", conv2d, "...", {S4(1, 2, 7, 3), S4(3, 2, 3, 3), S1(3)}, {1, 1, 5, 5, 5, 5, 1}},
    {"conv2d", "two groups", conv2d, "...", {S4(2, 6, 5, 4), S4(4, 3, 3, 3), S1(4)}, {1, 1, 1, 1, 1, 1, 2}},
    {"conv2d", "nine groups, stride 2", conv2d, "..0", {S4(1, 18, 5, 5), S4(9, 2, 3, 3), S0}, {2, 2, 1, 1, 1, 1, 9}},
    {"conv2d", "groups, dilated", conv2d, "...", {S4(1, 4, 6, 7), S4(6, 2, 3, 3), S1(6)}, {1, 2, 2, 2, 2, 2, 2}},
    {"conv2d", "depthwise", conv2d, "...", {S4(2, 5, 5, 7), S4(5, 1, 3, 3), S1(5)}, {1, 1, 1, 1, 1, 1, 5}},
    {"conv2d", "depthwise, stride 2", conv2d, "..0", {S4(2, 3, 6, 7), S4(3, 1, 3, 3), S0}, {2, 2, 1, 1, 1, 1, 3}},
    {"conv2d", "depthwise, two for each", conv2d, "...", {S4(1, 3, 4, 5), S4(6, 1, 3, 3), S1(6)}, {1, 1, 1, 1, 1, 1, 3}},
    {"conv2d", "depthwise, tiny map", conv2d, "..0", {S4(3, 4, 2, 2), S4(4, 1, 3, 3), S0}, {2, 2, 1, 1, 1, 1, 4}},
    {"conv2d", "depthwise, dilated, uneven", conv2d, "..0", {S4(1, 2, 9, 8), S4(2, 1, 5, 2), S0}, {1, 3, 2, 1, 2, 3, 2}},
    {"conv2d", "depthwise, views", conv2d, "stt", {S4(5, 2, 4, 4), S4(3, 1, 3, 2), S1(2)}, {1, 1, 1, 1, 1, 1, 2}},
    {"max_pool2d", "ceil mode", max_pool2d, ".", {S4(2, 2, 6, 7)}, {3, 3, 2, 2, 0, 0, 0}},
    {"max_pool2d", "ceil mode, padding", max_pool2d, ".", {S4(1, 3, 6, 5)}, {2, 3, 2, 2, 1, 1, 0}},
    {"avg_pool2d", "ceil mode", avg_pool2d, ".", {S4(2, 2, 6, 7)}, {3, 3, 2, 2, 0, 0, 0}},
    {"avg_pool2d", "ceil mode, padding", avg_pool2d, ".", {S4(1, 3, 6, 5)}, {3, 3, 2, 2, 1, 1, 0}},
    {"avg_pool2d", "padding does not count", avg_pool2d, ".", {S4(1, 3, 6, 5)}, {3, 2, 2, 3, 1, 1, 1}},
    {"adaptive_avg_pool2d", "one", adaptive_avg_pool2d, ".", {S4(2, 3, 5, 7)}, {1, 1}},
    {"adaptive_avg_pool2d", "overlap", adaptive_avg_pool2d, ".", {S4(2, 3, 7, 5)}, {3, 4}},
    {"adaptive_avg_pool2d", "larger", adaptive_avg_pool2d, ".", {S4(1, 2, 3, 4)}, {5, 7}},
    {"adaptive_avg_pool2d", "views", adaptive_avg_pool2d, "t", {S4(4, 2, 5, 2)}, {2, 3}},
};
/* clang-format on */
const int conv_case_count = (int)(sizeof conv_cases / sizeof *conv_cases);
