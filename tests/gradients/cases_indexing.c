/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of what puts tensors together, picks elements and moves axes, and of products of many matrices. */
#include "cases.h"

/* p[0]: axis; p[1]: how often all inputs are repeated (0: once). */
typedef kdst_status (*join_fn)(kdst_tensor *const *, int64_t, int64_t, kdst_tensor **);

static kdst_status join(const gradient_case *c, join_fn fn, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_tensor *all[64];
    int64_t inputs = 0, count = 0;
    while (c->views[inputs] != '\0')
        inputs++;
    for (int64_t r = 0; r < (c->p[1] ? c->p[1] : 1); r++)
        for (int64_t i = 0; i < inputs; i++)
            all[count++] = in[i];
    return fn(all, count, c->p[0], out);
}

static kdst_status concat(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return join(c, kdst_concat, in, out);
}

static kdst_status stack(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return join(c, kdst_stack, in, out);
}

/* p: axis, number of indices; the indices are i i mod the axis' size, so some repeat and some are left out. */
static kdst_status index_select(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    int32_t values[64];
    kdst_tensor *indices = NULL;
    for (int64_t i = 0; i < c->p[1]; i++)
        values[i] = (int32_t)(i * i % kdst_tensor_get_size(in[0], c->p[0]));
    kdst_status status = kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &c->p[1], values, &indices);
    if (status == KDST_STATUS_OK) status = kdst_index_select(in[0], c->p[0], indices, out);
    kdst_tensor_release(indices);
    return status;
}

/* p[0]: axis; p[1..]: shape of the indices, whose rank is the input's; they are i i mod the axis' size. */
static kdst_status gather(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    int32_t values[512];
    kdst_tensor *indices = NULL;
    int64_t rank = kdst_tensor_get_rank(in[0]), count = 1;
    for (int64_t i = 0; i < rank; i++)
        count *= c->p[1 + i];
    for (int64_t i = 0; i < count; i++)
        values[i] = (int32_t)(i * i % kdst_tensor_get_size(in[0], c->p[0]));
    kdst_status status = kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, rank, c->p + 1, values, &indices);
    if (status == KDST_STATUS_OK) status = kdst_gather(in[0], c->p[0], indices, out);
    kdst_tensor_release(indices);
    return status;
}

/* p: the axes. */
static kdst_status permute(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_permute(in[0], c->p, kdst_tensor_get_rank(in[0]), out);
}

/* p[0]: axis. */
static kdst_status squeeze(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_squeeze(in[0], c->p[0], out);
}

static kdst_status unsqueeze(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_unsqueeze(in[0], c->p[0], out);
}

static kdst_status flip(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_flip(in[0], c->p[0], out);
}

/* p[0]: rank; p[1..]: shape. */
static kdst_status broadcast_to(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_broadcast_to(in[0], c->p[0], c->p + 1, out);
}

/* Two axes; p[0]: index of the mode, p[1..4]: before and after. */
static kdst_status pad_axes(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    static const char *const modes[] = {"constant", "reflect", "replicate", "circular"};
    kdst_options *options = NULL;
    (void)ctx;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_string(options, "mode", modes[c->p[0]]);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "value", 3);
    if (status == KDST_STATUS_OK) status = kdst_pad_axes(in[0], c->p + 1, c->p + 3, 2, options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status matmul(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_matmul(in[0], in[1], out);
}

/* clang-format off */
const gradient_case gradient_cases_indexing[] = {
    {"concat", "one", concat, ".", {S2(3, 5)}, {0}},
    {"concat", "rows", concat, "..", {S2(3, 5), S2(2, 5)}, {0}},
    {"concat", "columns", concat, "...", {S2(3, 5), S2(3, 1), S2(3, 17)}, {1}},
    {"concat", "channels", concat, "..", {S4(2, 3, 2, 5), S4(2, 4, 2, 5)}, {-3}},
    {"concat", "empty one", concat, "...", {S2(2, 3), S2(2, 0), S2(2, 4)}, {1}},
    {"concat", "views", concat, "ts", {S2(5, 3), S2(9, 5)}, {0}},
    {"concat", "twelve", concat, "....", {S2(2, 1), S2(2, 3), S2(2, 2), S2(2, 1)}, {1, 3}},
    {"stack", "scalars", stack, "...", {S0, S0, S0}, {0}},
    {"stack", "first", stack, "..", {S2(3, 5), S2(3, 5)}, {0}},
    {"stack", "middle", stack, "...", {S3(2, 3, 4), S3(2, 3, 4), S3(2, 3, 4)}, {1}},
    {"stack", "last", stack, "..", {S2(3, 17), S2(3, 17)}, {-1}},
    {"stack", "views", stack, "ts", {S2(4, 3), S2(7, 4)}, {1}},
    {"stack", "thirty", stack, "...", {S1(5), S1(5), S1(5)}, {0, 10}},
    {"index_select", "rows", index_select, ".", {S2(7, 5)}, {0, 11}},
    {"index_select", "columns", index_select, ".", {S2(3, 17)}, {-1, 9}},
    {"index_select", "middle", index_select, ".", {S3(2, 5, 3)}, {1, 8}},
    {"index_select", "wide", index_select, ".", {S2(4, 300)}, {0, 6}},
    {"index_select", "vector", index_select, ".", {S1(9)}, {0, 20}},
    {"index_select", "views", index_select, "s", {S2(9, 3)}, {0, 7}},
    {"index_select", "transposed", index_select, "t", {S2(5, 4)}, {1, 7}},
    {"gather", "rows", gather, ".", {S2(4, 5)}, {0, 7, 5}},
    {"gather", "columns", gather, ".", {S2(4, 5)}, {-1, 4, 9}},
    {"gather", "one a row", gather, ".", {S2(17, 3)}, {1, 17, 1}},
    {"gather", "shorter", gather, ".", {S3(4, 3, 5)}, {1, 2, 6, 3}},
    {"gather", "vector", gather, ".", {S1(7)}, {0, 20}},
    {"gather", "views", gather, "t", {S3(4, 3, 2)}, {2, 2, 3, 9}},
    {"permute", "three axes", permute, ".", {S3(2, 3, 5)}, {2, 0, 1}},
    {"permute", "four axes", permute, ".", {S4(2, 3, 1, 5)}, {0, -1, 1, 2}},
    {"permute", "scalar", permute, ".", {S0}, {0}},
    {"permute", "views", permute, "s", {S3(5, 3, 4)}, {1, 2, 0}},
    {"squeeze", "first", squeeze, ".", {S3(1, 3, 5)}, {0}},
    {"squeeze", "last", squeeze, "t", {S3(1, 3, 5)}, {-1}},
    {"unsqueeze", "scalar", unsqueeze, ".", {S0}, {0}},
    {"unsqueeze", "middle", unsqueeze, "t", {S2(3, 5)}, {1}},
    {"flip", "first", flip, ".", {S2(3, 5)}, {0}},
    {"flip", "last", flip, "t", {S3(2, 3, 17)}, {-1}},
    {"broadcast_to", "scalar", broadcast_to, ".", {S0}, {2, 3, 5}},
    {"broadcast_to", "column", broadcast_to, ".", {S2(3, 1)}, {3, 2, 3, 7}},
    {"broadcast_to", "kept", broadcast_to, "t", {S2(3, 4)}, {2, -1, -1}},
    {"broadcast_to", "channel", broadcast_to, "s", {S4(5, 3, 1, 1)}, {4, 2, 3, 2, 4}},
    {"pad", "with a value", pad_axes, ".", {S2(3, 5)}, {0, 1, 2, 0, 3}},
    {"index_select", "reflected padding", pad_axes, ".", {S2(4, 5)}, {1, 3, 2, 1, 4}},
    {"index_select", "replicated padding", pad_axes, "t", {S2(4, 3)}, {2, 5, 0, 0, 2}},
    {"index_select", "circular padding", pad_axes, ".", {S2(4, 3)}, {3, 4, 1, 2, 3}},
    {"matmul", "vectors", matmul, "..", {S1(7), S1(7)}, {0}},
    {"matmul", "row", matmul, "..", {S1(3), S2(3, 5)}, {0}},
    {"matmul", "column", matmul, "..", {S3(2, 3, 5), S1(5)}, {0}},
    {"matmul", "batch", matmul, "..", {S3(4, 3, 5), S3(4, 5, 2)}, {0}},
    {"matmul", "shared right", matmul, "..", {S4(2, 3, 2, 5), S2(5, 3)}, {0}},
    {"matmul", "shared left", matmul, "..", {S2(3, 5), S3(4, 5, 2)}, {0}},
    {"matmul", "both stretched", matmul, "..", {S4(2, 1, 3, 2), S4(1, 3, 2, 5)}, {0}},
    {"matmul", "batch of views", matmul, "ts", {S3(4, 3, 2), S3(5, 4, 3)}, {0}},
};
/* clang-format on */
const int gradient_case_count_indexing = (int)(sizeof gradient_cases_indexing / sizeof *gradient_cases_indexing);
