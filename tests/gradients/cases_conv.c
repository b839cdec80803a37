/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of convolutions with dilation and groups, transposed ones, pooling modes, norms and resampling. */
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

/* p: stride, padding, output_padding, groups, dilation */
static kdst_status
conv_transpose2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "stride", c->p, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "padding", c->p + 2, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "output_padding", c->p + 4, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "groups", c->p[6]);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "dilation", c->p[7]);
    if (status == KDST_STATUS_OK) status = kdst_conv_transpose2d(in[0], in[1], in[2], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status batch_norm(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_batch_norm(in[0], in[1], in[2], NULL, NULL, NULL, out);
}

/* p[0]: axes */
static kdst_status layer_norm(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_layer_norm(in[0], in[1], in[2], c->p[0], NULL, out);
}

/* p[0]: groups; p[1]: eps in hundredths, 0: as it is */
static kdst_status group_norm(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK && c->p[1] > 0) status = kdst_options_set_float(options, "eps", (double)c->p[1] / 100);
    if (status == KDST_STATUS_OK) status = kdst_group_norm(in[0], in[1], in[2], c->p[0], options, out);
    kdst_options_release(options);
    return status;
}

/* p: height, width; 0 nearest, 1 bilinear, 2 bilinear with aligned corners; scale in tenths instead of a size */
static kdst_status upsample2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK && c->p[3] == 0) status = kdst_options_set_ints(options, "size", c->p, 2);
    if (status == KDST_STATUS_OK && c->p[3] != 0)
        status = kdst_options_set_float(options, "scale", (double)c->p[3] / 10);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_string(options, "mode", c->p[2] == 0 ? "nearest" : "bilinear");
    if (status == KDST_STATUS_OK && c->p[2] == 2) status = kdst_options_set_int(options, "align_corners", 1);
    if (status == KDST_STATUS_OK) status = kdst_upsample2d(in[0], options, out);
    kdst_options_release(options);
    return status;
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
    {"conv_transpose2d", "one", conv_transpose2d, "...", {S4(1, 1, 1, 1), S4(1, 1, 1, 1), S1(1)}, {1, 1, 0, 0, 0, 0, 1, 1}},
    {"conv_transpose2d", "3 by 3", conv_transpose2d, "...", {S4(2, 3, 4, 5), S4(3, 5, 3, 3), S1(5)}, {1, 1, 1, 1, 0, 0, 1, 1}},
    {"conv_transpose2d", "stride 2, longer", conv_transpose2d, "...", {S4(2, 3, 3, 4), S4(3, 2, 3, 3), S1(2)}, {2, 2, 1, 1, 1, 0, 1, 1}},
    {"conv_transpose2d", "uneven, dilated", conv_transpose2d, "..0", {S4(1, 2, 3, 4), S4(2, 3, 2, 3), S0}, {3, 1, 0, 2, 2, 1, 1, 2}},
    {"conv_transpose2d", "groups", conv_transpose2d, "...", {S4(1, 4, 3, 4), S4(4, 3, 3, 2), S1(6)}, {2, 1, 1, 0, 0, 0, 2, 1}},
    {"conv_transpose2d", "depthwise", conv_transpose2d, "...", {S4(2, 3, 3, 4), S4(3, 1, 4, 4), S1(3)}, {2, 2, 1, 1, 0, 0, 3, 1}},
    {"conv_transpose2d", "views", conv_transpose2d, "sts", {S4(5, 2, 3, 3), S4(3, 2, 3, 2), S1(5)}, {1, 1, 0, 0, 0, 0, 1, 1}},
    {"batch_norm", "sequences", batch_norm, "...", {S3(3, 4, 5), S1(4), S1(4)}, {1}},
    {"layer_norm", "rows", layer_norm, "...", {S2(3, 7), S1(7), S1(7)}, {1}},
    {"layer_norm", "w + 1", layer_norm, "...", {S3(2, 2, 17), S1(17), S1(17)}, {1}},
    {"layer_norm", "two axes", layer_norm, "...", {S3(3, 4, 5), S2(4, 5), S2(4, 5)}, {2}},
    {"layer_norm", "all axes", layer_norm, "...", {S2(4, 5), S2(4, 5), S2(4, 5)}, {2}},
    {"layer_norm", "plain", layer_norm, ".00", {S2(3, 33), S0, S0}, {1}},
    {"layer_norm", "gamma alone", layer_norm, "..0", {S2(3, 9), S1(9), S0}, {1}},
    {"layer_norm", "beta alone", layer_norm, ".0.", {S2(3, 9), S0, S1(9)}, {1}},
    {"layer_norm", "views", layer_norm, "tss", {S2(5, 3), S1(11), S1(11)}, {1}},
    {"group_norm", "images", group_norm, "...", {S4(2, 6, 3, 4), S1(6), S1(6)}, {3, 0}},
    {"group_norm", "one group", group_norm, "...", {S4(2, 3, 2, 5), S1(3), S1(3)}, {1, 0}},
    {"group_norm", "instances", group_norm, "...", {S4(2, 3, 3, 5), S1(3), S1(3)}, {3, 0}},
    {"group_norm", "features", group_norm, "...", {S2(3, 12), S1(12), S1(12)}, {2, 0}},
    {"group_norm", "sequences, plain", group_norm, ".00", {S3(2, 4, 17), S0, S0}, {2, 0}},
    {"group_norm", "large eps", group_norm, "..0", {S3(2, 4, 7), S1(4), S0}, {2, 6400}},
    {"group_norm", "views", group_norm, "ts.", {S3(3, 4, 2), S1(9), S1(4)}, {2, 0}},
    {"upsample2d", "nearest", upsample2d, ".", {S4(2, 2, 3, 4)}, {7, 6, 0, 0}},
    {"upsample2d", "nearest, smaller", upsample2d, ".", {S4(1, 3, 5, 7)}, {2, 3, 0, 0}},
    {"upsample2d", "nearest, scale", upsample2d, ".", {S4(1, 2, 3, 5)}, {0, 0, 0, 25}},
    {"upsample2d", "bilinear", upsample2d, ".", {S4(2, 2, 3, 4)}, {7, 6, 1, 0}},
    {"upsample2d", "bilinear, smaller", upsample2d, ".", {S4(1, 2, 6, 7)}, {4, 3, 1, 0}},
    {"upsample2d", "bilinear, scale", upsample2d, ".", {S4(1, 2, 3, 5)}, {0, 0, 1, 17}},
    {"upsample2d", "aligned corners", upsample2d, ".", {S4(2, 2, 3, 4)}, {5, 9, 2, 0}},
    {"upsample2d", "to one", upsample2d, ".", {S4(1, 2, 3, 4)}, {1, 1, 2, 0}},
    {"upsample2d", "from one", upsample2d, ".", {S4(2, 2, 1, 1)}, {3, 2, 1, 0}},
    {"upsample2d", "views", upsample2d, "t", {S4(4, 2, 3, 1)}, {5, 6, 1, 0}},
};
/* clang-format on */
const int conv_case_count = (int)(sizeof conv_cases / sizeof *conv_cases);
