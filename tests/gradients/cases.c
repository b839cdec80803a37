/* SPDX-License-Identifier: Apache-2.0 */
/* The table of gradient cases: sizes are 1, primes, and one less and more than the vector widths 4, 8 and 16. */
#include "cases.h"

static kdst_status add(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_add(in[0], in[1], out);
}

static kdst_status sub(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_sub(in[0], in[1], out);
}

static kdst_status mul(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_mul(in[0], in[1], out);
}

static kdst_status div(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_div(in[0], in[1], out);
}

static kdst_status matmul(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_matmul(in[0], in[1], out);
}

static kdst_status relu(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_relu(in[0], out);
}

static kdst_status
global_avg_pool2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_global_avg_pool2d(in[0], out);
}

static kdst_status linear(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_linear(in[0], in[1], in[2], out);
}

static kdst_status conv2d(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "stride", c->p, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "padding", c->p + 2, 2);
    if (status == KDST_STATUS_OK) status = kdst_conv2d(in[0], in[1], in[2], options, out);
    kdst_options_release(options);
    return status;
}

typedef kdst_status (*pool_fn)(kdst_tensor *, const kdst_options *, kdst_tensor **);

static kdst_status pool(const gradient_case *c, pool_fn fn, kdst_tensor *x, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "kernel", c->p, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "stride", c->p + 2, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "padding", c->p + 4, 2);
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

/* p[0]: training. Evaluation uses fixed statistics that differ from channel to channel. */
static kdst_status batch_norm(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_tensor *mean = NULL, *var = NULL;
    int64_t channels = kdst_tensor_get_size(in[0], 1);
    kdst_dtype dtype = kdst_tensor_get_dtype(in[0]);
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "training", c->p[0]);
    if (status == KDST_STATUS_OK && c->p[0] == 0)
        status = kdst_tensor_create(ctx, KDST_DTYPE_FLOAT64, 1, &channels, &mean);
    if (status == KDST_STATUS_OK && c->p[0] == 0) {
        void *data = NULL;
        status = kdst_tensor_map(mean, KDST_MAP_WRITE, &data);
        for (int64_t i = 0; status == KDST_STATUS_OK && i < channels; i++)
            ((double *)data)[i] = 0.5 + 0.25 * (double)(i % 5);
        if (status == KDST_STATUS_OK) status = kdst_tensor_unmap(mean);
        kdst_tensor *typed = NULL;
        if (status == KDST_STATUS_OK) status = kdst_tensor_copy(mean, dtype, &typed);
        kdst_tensor_release(mean);
        mean = typed;
        if (status == KDST_STATUS_OK) status = kdst_tensor_copy(mean, 0, &var);
    }
    if (status == KDST_STATUS_OK) status = kdst_batch_norm(in[0], in[1], in[2], mean, var, options, out);
    kdst_tensor_release(var);
    kdst_tensor_release(mean);
    kdst_options_release(options);
    return status;
}

static kdst_status softmax(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_softmax(in[0], c->p[0], out);
}

static kdst_status log_softmax(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_log_softmax(in[0], c->p[0], out);
}

/* The mask is the same at every call: the streams start anew. p[0]: rate in percent. */
static kdst_status dropout(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_status status = kdst_context_set_seed(ctx, 7);
    return status != KDST_STATUS_OK ? status : kdst_dropout(in[0], (double)c->p[0] / 100, out);
}

/* p: count, keep, axes */
static kdst_status sum(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_sum(in[0], c->p + 2, c->p[0], (int32_t)c->p[1], out);
}

static kdst_status mean(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_mean(in[0], c->p + 2, c->p[0], (int32_t)c->p[1], out);
}

static kdst_status cross_entropy(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    int64_t n = kdst_tensor_get_size(in[0], 0), k = kdst_tensor_get_size(in[0], 1);
    kdst_tensor *labels = NULL;
    void *data = NULL;
    kdst_status status = kdst_tensor_create(ctx, KDST_DTYPE_INT32, 1, &n, &labels);
    if (status == KDST_STATUS_OK) status = kdst_tensor_map(labels, KDST_MAP_WRITE, &data);
    for (int64_t i = 0; status == KDST_STATUS_OK && i < n; i++)
        ((int32_t *)data)[i] = (int32_t)((i * 7 + 1) % k);
    if (status == KDST_STATUS_OK) status = kdst_tensor_unmap(labels);
    if (status == KDST_STATUS_OK) status = kdst_cross_entropy(in[0], labels, out);
    kdst_tensor_release(labels);
    return status;
}

/* p: rank, shape */
static kdst_status reshape(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_reshape(in[0], c->p[0], c->p + 1, out);
}

static kdst_status transpose(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_transpose(in[0], c->p[0], c->p[1], out);
}

static kdst_status channel_shuffle(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_channel_shuffle(in[0], c->p[0], out);
}

static kdst_status channel_slice(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_channel_slice(in[0], c->p[0], c->p[1], out);
}

static kdst_status slice(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_slice(in[0], c->p[0], c->p[1], c->p[2], c->p[3], out);
}

static kdst_status pad(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_pad(in[0], c->p[0], c->p[1], c->p[2], out);
}

/* An operation by callback: y = a^2 b, made and taken apart by other operations. */
static kdst_status cube_forward(void *user_data, kdst_tensor *const *in, int64_t count, kdst_tensor **out)
{
    (void)user_data;
    (void)count;
    kdst_tensor *square = NULL;
    kdst_status status = kdst_mul(in[0], in[0], &square);
    if (status == KDST_STATUS_OK) status = kdst_mul(square, in[1], out);
    kdst_tensor_release(square);
    return status;
}

/* d += product of the four (b is 2, or a tensor) */
static kdst_status add_product(kdst_tensor *d, kdst_tensor *a, kdst_tensor *b, kdst_tensor *dy, int twice)
{
    kdst_tensor *ab = NULL, *product = NULL, *total = NULL, *doubled = NULL;
    kdst_status status = kdst_mul(a, b, &ab);
    if (status == KDST_STATUS_OK) status = kdst_mul(ab, dy, &product);
    if (status == KDST_STATUS_OK) status = kdst_add(d, product, &total);
    if (status == KDST_STATUS_OK && twice) status = kdst_add(total, product, &doubled);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set(d, twice ? doubled : total);
    kdst_tensor_release(doubled);
    kdst_tensor_release(total);
    kdst_tensor_release(product);
    kdst_tensor_release(ab);
    return status;
}

static kdst_status cube_backward(
    void *user_data, kdst_tensor *const *in, int64_t count, kdst_tensor *y, kdst_tensor *dy, kdst_tensor *const *d_in)
{
    (void)user_data;
    (void)count;
    (void)y;
    kdst_status status = KDST_STATUS_OK;
    if (d_in[0] != NULL) status = add_product(d_in[0], in[0], in[1], dy, 1);
    if (status == KDST_STATUS_OK && d_in[1] != NULL) status = add_product(d_in[1], in[0], in[0], dy, 0);
    return status;
}

static kdst_status custom(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    kdst_operation *operation = NULL;
    kdst_status status =
        kdst_operation_create(ctx, "square_times", cube_forward, cube_backward, NULL, NULL, &operation);
    if (status == KDST_STATUS_OK) status = kdst_operation_run(operation, in, 2, out);
    kdst_operation_release(operation);
    return status;
}

/* clang-format off */
#define BROADCASTS(name) \
    {#name, "scalars", name, "..", {S0, S0}, {0}}, \
    {#name, "same shape", name, "..", {S2(3, 17), S2(3, 17)}, {0}}, \
    {#name, "row", name, "..", {S2(5, 7), S1(7)}, {0}}, \
    {#name, "column", name, "..", {S2(5, 1), S2(5, 9)}, {0}}, \
    {#name, "both stretch", name, "..", {S3(3, 1, 5), S2(4, 1)}, {0}}, \
    {#name, "scalar with matrix", name, "..", {S0, S2(4, 15)}, {0}}, \
    {#name, "channel", name, "..", {S4(2, 3, 2, 5), S3(3, 1, 1)}, {0}}, \
    {#name, "one with many", name, "..", {S1(1), S1(33)}, {0}}, \
    {#name, "views", name, "ts", {S2(4, 3), S2(7, 4)}, {0}}, \
    {#name, "transposed on the right", name, ".t", {S2(3, 4), S2(4, 3)}, {0}}

#define POOLS(name) \
    {#name, "2 by 2", name, ".", {S4(2, 3, 4, 6)}, {2, 2, 0, 0, 0, 0}}, \
    {#name, "rest is left out", name, ".", {S4(1, 2, 5, 7)}, {2, 2, 0, 0, 0, 0}}, \
    {#name, "overlap and padding", name, ".", {S4(2, 1, 7, 9)}, {3, 3, 2, 2, 1, 1}}, \
    {#name, "uneven", name, ".", {S4(1, 5, 6, 17)}, {3, 2, 1, 2, 1, 0}}, \
    {#name, "one pixel", name, ".", {S4(1, 1, 1, 1)}, {1, 1, 0, 0, 0, 0}}, \
    {#name, "gaps", name, ".", {S4(1, 3, 8, 8)}, {2, 2, 3, 3, 0, 0}}, \
    {#name, "views", name, "s", {S4(5, 2, 4, 4)}, {2, 2, 0, 0, 0, 0}}, \
    {#name, "transposed", name, "t", {S4(4, 2, 6, 1)}, {2, 2, 1, 2, 0, 0}}

#define SOFTMAXES(name) \
    {#name, "vector", name, ".", {S1(10)}, {0}}, \
    {#name, "rows", name, ".", {S2(5, 7)}, {1}}, \
    {#name, "columns", name, ".", {S2(5, 7)}, {0}}, \
    {#name, "middle axis", name, ".", {S3(3, 17, 2)}, {-2}}, \
    {#name, "one class", name, ".", {S2(4, 1)}, {-1}}, \
    {#name, "w - 1", name, ".", {S2(2, 15)}, {1}}, \
    {#name, "w", name, ".", {S2(2, 16)}, {1}}, \
    {#name, "transposed", name, "t", {S2(9, 4)}, {1}}

#define REDUCTIONS(name) \
    {#name, "all", name, ".", {S3(3, 5, 2)}, {0, 0}}, \
    {#name, "all, kept", name, ".", {S2(3, 17)}, {0, 1}}, \
    {#name, "scalar", name, ".", {S0}, {0, 0}}, \
    {#name, "first axis", name, ".", {S3(3, 4, 5)}, {1, 0, 0}}, \
    {#name, "last axis", name, ".", {S2(7, 33)}, {1, 0, -1}}, \
    {#name, "middle axis, kept", name, ".", {S3(2, 7, 3)}, {1, 1, 1}}, \
    {#name, "two axes", name, ".", {S4(2, 3, 4, 5)}, {2, 0, -1, 0}}, \
    {#name, "axis of size 1", name, ".", {S2(1, 9)}, {1, 0, 0}}, \
    {#name, "views", name, "s", {S2(7, 5)}, {1, 0, 1}}, \
    {#name, "transposed", name, "t", {S3(2, 3, 5)}, {1, 0, 1}}

const gradient_case gradient_cases[] = {
    BROADCASTS(add), BROADCASTS(sub), BROADCASTS(mul), BROADCASTS(div),
    {"matmul", "one", matmul, "..", {S2(1, 1), S2(1, 1)}, {0}},
    {"matmul", "primes", matmul, "..", {S2(3, 5), S2(5, 7)}, {0}},
    {"matmul", "w - 1, w, w + 1", matmul, "..", {S2(7, 8), S2(8, 9)}, {0}},
    {"matmul", "wide", matmul, "..", {S2(17, 16), S2(16, 15)}, {0}},
    {"matmul", "views", matmul, "ts", {S2(5, 3), S2(11, 4)}, {0}},
    {"matmul", "transposed on the right", matmul, ".t", {S2(3, 5), S2(4, 5)}, {0}},
    {"linear", "one", linear, "...", {S2(1, 1), S2(1, 1), S1(1)}, {0}},
    {"linear", "primes", linear, "...", {S2(3, 5), S2(7, 5), S1(7)}, {0}},
    {"linear", "no bias", linear, "..0", {S2(4, 15), S2(9, 15), S0}, {0}},
    {"linear", "w + 1", linear, "...", {S2(5, 17), S2(17, 17), S1(17)}, {0}},
    {"linear", "views", linear, "tts", {S2(3, 4), S2(3, 5), S1(11)}, {0}},
    {"conv2d", "one", conv2d, "...", {S4(1, 1, 1, 1), S4(1, 1, 1, 1), S1(1)}, {1, 1, 0, 0}},
    {"conv2d", "3 by 3", conv2d, "...", {S4(2, 3, 5, 7), S4(5, 3, 3, 3), S1(5)}, {1, 1, 1, 1}},
    {"conv2d", "no padding", conv2d, "..0", {S4(1, 2, 6, 5), S4(3, 2, 3, 3), S0}, {1, 1, 0, 0}},
    {"conv2d", "stride 2", conv2d, "..0", {S4(2, 3, 7, 8), S4(4, 3, 3, 3), S0}, {2, 2, 1, 1}},
    {"conv2d", "1 by 1, stride 2", conv2d, "...", {S4(2, 5, 4, 4), S4(7, 5, 1, 1), S1(7)}, {2, 2, 0, 0}},
    {"conv2d", "1 by 1", conv2d, "...", {S4(1, 7, 3, 5), S4(9, 7, 1, 1), S1(9)}, {1, 1, 0, 0}},
    {"conv2d", "uneven", conv2d, "...", {S4(1, 2, 9, 4), S4(3, 2, 5, 2), S1(3)}, {3, 1, 2, 0}},
    {"conv2d", "padding over the kernel", conv2d, "...", {S4(1, 1, 2, 3), S4(2, 1, 2, 2), S1(2)}, {1, 1, 3, 2}},
    {"conv2d", "kernel is the image", conv2d, "...", {S4(3, 2, 5, 5), S4(17, 2, 5, 5), S1(17)}, {1, 1, 0, 0}},
    {"conv2d", "5 by 5", conv2d, "...", {S4(2, 1, 8, 8), S4(2, 1, 5, 5), S1(2)}, {1, 1, 2, 2}},
    {"conv2d", "views", conv2d, "sts", {S4(5, 2, 4, 4), S4(3, 2, 3, 4), S1(9)}, {1, 1, 1, 1}},
    POOLS(max_pool2d), POOLS(avg_pool2d),
    {"global_avg_pool2d", "odd", global_avg_pool2d, ".", {S4(2, 3, 5, 7)}, {0}},
    {"global_avg_pool2d", "one pixel", global_avg_pool2d, ".", {S4(3, 17, 1, 1)}, {0}},
    {"global_avg_pool2d", "transposed", global_avg_pool2d, "t", {S4(4, 3, 2, 2)}, {0}},
    {"batch_norm", "rows", batch_norm, "...", {S2(7, 5), S1(5), S1(5)}, {1}},
    {"batch_norm", "two rows", batch_norm, "...", {S2(2, 17), S1(17), S1(17)}, {1}},
    {"batch_norm", "images", batch_norm, "...", {S4(3, 2, 3, 5), S1(2), S1(2)}, {1}},
    {"batch_norm", "one image", batch_norm, "...", {S4(1, 3, 4, 4), S1(3), S1(3)}, {1}},
    {"batch_norm", "plain", batch_norm, ".00", {S4(2, 3, 2, 4), S0, S0}, {1}},
    {"batch_norm", "gamma alone", batch_norm, "..0", {S2(5, 9), S1(9), S0}, {1}},
    {"batch_norm", "beta alone", batch_norm, ".0.", {S2(5, 9), S0, S1(9)}, {1}},
    {"batch_norm", "views", batch_norm, "tss", {S2(3, 5), S1(7), S1(7)}, {1}},
    {"batch_norm", "evaluation, rows", batch_norm, "...", {S2(3, 7), S1(7), S1(7)}, {0}},
    {"batch_norm", "evaluation, one row", batch_norm, "...", {S2(1, 4), S1(4), S1(4)}, {0}},
    {"batch_norm", "evaluation, images", batch_norm, "...", {S4(2, 5, 3, 3), S1(5), S1(5)}, {0}},
    {"batch_norm", "evaluation, plain", batch_norm, ".00", {S4(2, 3, 1, 2), S0, S0}, {0}},
    {"relu", "scalar", relu, ".", {S0}, {0}},
    {"relu", "w - 1", relu, ".", {S1(15)}, {0}},
    {"relu", "w + 1", relu, ".", {S2(3, 17)}, {0}},
    {"relu", "transposed", relu, "t", {S3(3, 2, 5)}, {0}},
    SOFTMAXES(softmax), SOFTMAXES(log_softmax),
    {"dropout", "half", dropout, ".", {S2(7, 9)}, {50}},
    {"dropout", "few", dropout, ".", {S1(33)}, {10}},
    {"dropout", "none", dropout, ".", {S1(5)}, {0}},
    {"dropout", "transposed", dropout, "t", {S2(4, 5)}, {30}},
    REDUCTIONS(sum), REDUCTIONS(mean),
    {"cross_entropy", "ten classes", cross_entropy, ".", {S2(7, 10)}, {0}},
    {"cross_entropy", "one row", cross_entropy, ".", {S2(1, 17)}, {0}},
    {"cross_entropy", "one class", cross_entropy, ".", {S2(3, 1)}, {0}},
    {"cross_entropy", "transposed", cross_entropy, "t", {S2(5, 4)}, {0}},
    {"reshape", "flat", reshape, ".", {S3(2, 3, 5)}, {1, -1}},
    {"reshape", "fold", reshape, ".", {S1(12)}, {3, 2, -1, 3}},
    {"reshape", "to a scalar", reshape, ".", {S2(1, 1)}, {0}},
    {"reshape", "copy of a view", reshape, "t", {S2(3, 4)}, {2, 2, 6}},
    {"transpose", "matrix", transpose, ".", {S2(3, 5)}, {0, 1}},
    {"transpose", "from the end", transpose, ".", {S4(2, 3, 1, 5)}, {-1, 1}},
    {"transpose", "with itself", transpose, ".", {S2(3, 2)}, {1, 1}},
    {"transpose", "twice", transpose, "t", {S3(2, 3, 4)}, {1, 2}},
    {"slice", "middle", slice, ".", {S2(7, 3)}, {0, 2, 5, 1}},
    {"slice", "steps", slice, ".", {S2(3, 11)}, {-1, 1, 11, 3}},
    {"slice", "step past the end", slice, ".", {S1(5)}, {0, 4, 5, 1000}},
    {"slice", "all", slice, ".", {S3(2, 3, 2)}, {1, 0, 3, 1}},
    {"channel_shuffle", "images", channel_shuffle, ".", {S4(2, 6, 2, 3)}, {3}},
    {"channel_shuffle", "rows", channel_shuffle, ".", {S2(3, 8)}, {2}},
    {"channel_shuffle", "of a view", channel_shuffle, "t", {S3(2, 6, 4)}, {3}},
    {"channel_slice", "images", channel_slice, ".", {S4(2, 7, 2, 3)}, {2, 3}},
    {"channel_slice", "rows", channel_slice, ".", {S2(3, 5)}, {0, 5}},
    {"channel_slice", "of a view", channel_slice, "t", {S3(2, 6, 4)}, {1, 3}},
    {"slice", "of a view", slice, "t", {S2(4, 5)}, {0, 1, 5, 2}},
    {"pad", "both sides", pad, ".", {S2(3, 5)}, {1, 2, 1}},
    {"pad", "first axis", pad, ".", {S3(2, 3, 4)}, {0, 0, 3}},
    {"pad", "nothing", pad, ".", {S1(7)}, {-1, 0, 0}},
    {"pad", "transposed", pad, "t", {S2(3, 4)}, {0, 1, 0}},
    {"custom", "two inputs", custom, "..", {S2(3, 5), S2(3, 5)}, {0}},
    {"custom", "views", custom, "tt", {S2(4, 3), S2(4, 3)}, {0}},
};
/* clang-format on */

const int gradient_case_count = (int)(sizeof gradient_cases / sizeof *gradient_cases);
