/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of the loss functions, with every reduction and option, and of normalised vectors. */
#include "cases.h"

#include <stdbool.h>

static const char *const reductions[] = {"mean", "sum", "none", "batchmean"};

typedef kdst_status (*pair_fn)(kdst_tensor *, kdst_tensor *, const kdst_options *, kdst_tensor **);

/* p[0]: index of the reduction. */
static kdst_status options_of(const gradient_case *c, kdst_options **out)
{
    kdst_status status = kdst_options_create(out);
    return status != KDST_STATUS_OK ? status : kdst_options_set_string(*out, "reduction", reductions[c->p[0]]);
}

static kdst_status pair(const gradient_case *c, pair_fn fn, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_status status = options_of(c, &options);
    if (status == KDST_STATUS_OK) status = fn(in[0], in[1], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status l1_loss(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return pair(c, kdst_l1_loss, in, out);
}

static kdst_status mse_loss(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return pair(c, kdst_mse_loss, in, out);
}

/* p[1]: delta or beta, in tenths. */
static kdst_status
distance(const gradient_case *c, pair_fn fn, const char *name, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_status status = options_of(c, &options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, name, (double)c->p[1] / 10);
    if (status == KDST_STATUS_OK) status = fn(in[0], in[1], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status huber_loss(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return distance(c, kdst_huber_loss, "delta", in, out);
}

static kdst_status smooth_l1_loss(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return distance(c, kdst_smooth_l1_loss, "beta", in, out);
}

/* p[1]: log_target. */
static kdst_status kl_div(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    (void)ctx;
    kdst_status status = options_of(c, &options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "log_target", c->p[1]);
    if (status == KDST_STATUS_OK) status = kdst_kl_div(in[0], in[1], options, out);
    kdst_options_release(options);
    return status;
}

/* Weights 0.5, 0.8, 1.1, … */
static kdst_status weights(kdst_context *ctx, kdst_dtype dtype, int64_t count, kdst_tensor **out)
{
    double values[64];
    kdst_tensor *wide = NULL;
    for (int64_t i = 0; i < count; i++)
        values[i] = 0.5 + 0.3 * (double)(i % 5);
    kdst_status status = kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, &count, values, &wide);
    if (status == KDST_STATUS_OK) status = kdst_tensor_copy(wide, dtype, out);
    kdst_tensor_release(wide);
    return status;
}

/* p[1]: 1 weight, 2 positive_weight, 3 both; along the last axis. */
static kdst_status bce_with_logits(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_tensor *w[2] = {NULL};
    kdst_status status = options_of(c, &options);
    for (int i = 0; i < 2 && status == KDST_STATUS_OK; i++)
        if (c->p[1] >> i & 1)
            status = weights(ctx, kdst_tensor_get_dtype(in[0]), kdst_tensor_get_size(in[0], -1), &w[i]);
    if (status == KDST_STATUS_OK) status = kdst_bce_with_logits(in[0], in[1], w[0], w[1], options, out);
    kdst_tensor_release(w[0]);
    kdst_tensor_release(w[1]);
    kdst_options_release(options);
    return status;
}

/* Labels i i mod K, every fourth -100. */
static kdst_status labels_of(kdst_context *ctx, kdst_tensor *x, kdst_tensor **out)
{
    int32_t values[256];
    int64_t shape[8], rank = kdst_tensor_get_rank(x), axis = rank > 1, count = 1, own = 0;
    for (int64_t i = 0; i < rank; i++)
        if (i != axis) count *= shape[own++] = kdst_tensor_get_size(x, i);
    for (int64_t i = 0; i < count; i++)
        values[i] = i % 4 == 3 ? -100 : (int32_t)(i * i % kdst_tensor_get_size(x, axis));
    return kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, own, shape, values, out);
}

/* p[1]: 1 weighted; p[2]: label smoothing in tenths (cross-entropy). */
static kdst_status classes(const gradient_case *c, kdst_context *ctx, kdst_tensor *x, bool logits, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_tensor *labels = NULL, *weight = NULL;
    int64_t axis = kdst_tensor_get_rank(x) > 1;
    kdst_status status = options_of(c, &options);
    if (status == KDST_STATUS_OK && logits)
        status = kdst_options_set_float(options, "label_smoothing", (double)c->p[2] / 10);
    if (status == KDST_STATUS_OK) status = labels_of(ctx, x, &labels);
    if (status == KDST_STATUS_OK && c->p[1])
        status = weights(ctx, kdst_tensor_get_dtype(x), kdst_tensor_get_size(x, axis), &weight);
    if (status == KDST_STATUS_OK)
        status = logits ? kdst_cross_entropy_loss(x, labels, weight, options, out)
                        : kdst_nll_loss(x, labels, weight, options, out);
    kdst_tensor_release(weight);
    kdst_tensor_release(labels);
    kdst_options_release(options);
    return status;
}

static kdst_status nll_loss(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    return classes(c, ctx, in[0], false, out);
}

static kdst_status
cross_entropy_loss(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    return classes(c, ctx, in[0], true, out);
}

/* p[1]: 1 weighted; p[2]: label smoothing in tenths. Both have a gradient. */
static kdst_status
cross_entropy_soft(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    kdst_tensor *weight = NULL;
    int64_t classes_of = kdst_tensor_get_size(in[0], kdst_tensor_get_rank(in[0]) > 1);
    kdst_status status = options_of(c, &options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "label_smoothing", (double)c->p[2] / 10);
    if (status == KDST_STATUS_OK && c->p[1]) status = weights(ctx, kdst_tensor_get_dtype(in[0]), classes_of, &weight);
    if (status == KDST_STATUS_OK) status = kdst_cross_entropy_soft(in[0], in[1], weight, options, out);
    kdst_tensor_release(weight);
    kdst_options_release(options);
    return status;
}

/* p[0]: axis; p[1]: eps in tenths (0: the default), with PyTorch's gradient below it. */
static kdst_status normalize(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    (void)ctx;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK && c->p[1]) status = kdst_options_set_float(options, "eps", (double)c->p[1] / 10);
    if (status == KDST_STATUS_OK && c->p[1]) status = kdst_options_set_string(options, "null_gradient", "scaled");
    if (status == KDST_STATUS_OK) status = kdst_normalize(in[0], c->p[0], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status cosine(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_cosine_similarity(in[0], in[1], c->p[0], NULL, out);
}

/* clang-format off */
#define PAIRS(name) \
    {#name, "mean", name, "..", {S2(3, 5), S2(3, 5)}, {0, 5}}, \
    {#name, "sum", name, "..", {S1(17), S1(17)}, {1, 5}}, \
    {#name, "none", name, "..", {S3(2, 3, 5), S3(2, 3, 5)}, {2, 5}}, \
    {#name, "scalar", name, "..", {S0, S0}, {0, 5}}, \
    {#name, "more than a block", name, "..", {S1(131), S1(131)}, {0, 5}}, \
    {#name, "views", name, "ts", {S2(4, 3), S2(7, 4)}, {0, 5}}

const gradient_case gradient_cases_criterion[] = {
    PAIRS(l1_loss), PAIRS(mse_loss), PAIRS(huber_loss), PAIRS(smooth_l1_loss),
    {"kl_div", "mean", kl_div, "..", {S2(3, 5), S2(3, 5)}, {0, 0}},
    {"kl_div", "sum", kl_div, "..", {S1(17), S1(17)}, {1, 0}},
    {"kl_div", "none", kl_div, "..", {S2(3, 4), S2(3, 4)}, {2, 0}},
    {"kl_div", "batchmean, logarithms", kl_div, "..", {S2(3, 7), S2(3, 7)}, {3, 1}},
    {"kl_div", "views", kl_div, "ts", {S2(4, 3), S2(7, 4)}, {3, 0}},
    {"bce_with_logits", "mean", bce_with_logits, "..", {S2(3, 5), S2(3, 5)}, {0, 0}},
    {"bce_with_logits", "weight", bce_with_logits, "..", {S2(3, 5), S2(3, 5)}, {1, 1}},
    {"bce_with_logits", "positive weight", bce_with_logits, "..", {S3(2, 3, 5), S3(2, 3, 5)}, {2, 2}},
    {"bce_with_logits", "both", bce_with_logits, "ts", {S2(4, 3), S2(7, 4)}, {0, 3}},
    {"nll_loss", "mean", nll_loss, ".", {S2(7, 5)}, {0, 0}},
    {"nll_loss", "weights", nll_loss, ".", {S2(7, 5)}, {0, 1}},
    {"nll_loss", "pixels", nll_loss, ".", {S4(2, 3, 4, 5)}, {1, 1}},
    {"nll_loss", "none", nll_loss, "t", {S2(5, 9)}, {2, 1}},
    {"nll_loss", "one", nll_loss, ".", {S1(5)}, {0, 0}},
    {"cross_entropy_loss", "mean", cross_entropy_loss, ".", {S2(7, 5)}, {0, 0, 0}},
    {"cross_entropy_loss", "weights", cross_entropy_loss, ".", {S2(7, 17)}, {0, 1, 0}},
    {"cross_entropy_loss", "smoothing", cross_entropy_loss, ".", {S2(7, 5)}, {0, 0, 2}},
    {"cross_entropy_loss", "all of it", cross_entropy_loss, "t", {S2(6, 9)}, {1, 1, 3}},
    {"cross_entropy_loss", "pixels", cross_entropy_loss, ".", {S4(2, 3, 4, 5)}, {0, 0, 0}},
    {"cross_entropy_loss", "pixels, all of it", cross_entropy_loss, ".", {S4(2, 5, 3, 7)}, {2, 1, 1}},
    {"cross_entropy_loss", "one", cross_entropy_loss, ".", {S1(5)}, {2, 1, 10}},
    {"cross_entropy_soft", "mean", cross_entropy_soft, "..", {S2(7, 5), S2(7, 5)}, {0, 0, 0}},
    {"cross_entropy_soft", "weights", cross_entropy_soft, "..", {S2(3, 17), S2(3, 17)}, {0, 1, 0}},
    {"cross_entropy_soft", "smoothing", cross_entropy_soft, "..", {S2(5, 4), S2(5, 4)}, {1, 0, 2}},
    {"cross_entropy_soft", "all of it, views", cross_entropy_soft, "ts", {S2(4, 3), S2(7, 4)}, {0, 1, 3}},
    {"cross_entropy_soft", "pixels", cross_entropy_soft, "..", {S4(2, 3, 4, 5), S4(2, 3, 4, 5)}, {2, 1, 1}},
    {"cross_entropy_soft", "one", cross_entropy_soft, "..", {S1(5), S1(5)}, {2, 1, 0}},
    {"normalize", "rows", normalize, ".", {S2(3, 17)}, {1}},
    {"normalize", "columns", normalize, ".", {S2(5, 7)}, {0}},
    {"normalize", "middle", normalize, ".", {S3(2, 5, 131)}, {-2}},
    {"normalize", "short ones", normalize, ".", {S2(4, 3)}, {1, 12}},
    {"normalize", "one", normalize, ".", {S1(9)}, {0}},
    {"normalize", "transposed", normalize, "t", {S2(4, 9)}, {1}},
    {"normalize", "cosine", cosine, "..", {S2(3, 5), S2(3, 5)}, {1}},
    {"normalize", "cosine of all pairs", cosine, "..", {S3(4, 1, 5), S2(3, 5)}, {-1}},
    {"normalize", "cosine of views", cosine, "ts", {S2(5, 3), S2(7, 5)}, {0}},
};
/* clang-format on */
const int gradient_case_count_criterion = (int)(sizeof gradient_cases_criterion / sizeof *gradient_cases_criterion);
