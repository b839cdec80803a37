/* SPDX-License-Identifier: Apache-2.0 */
/* Differentiable operations.
 *
 * Every operation takes tensors of one context and one floating-point type (float32 or float64), makes a new tensor and
 * is recorded when an input requires a gradient. Names, shapes and defaults are PyTorch's. What works element by element
 * is in elementwise.h, sums and the like over axes in reduction.h; these and others are included here.
 */
#ifndef KDST_OPS_H
#define KDST_OPS_H

#include <kdst/elementwise.h>
#include <kdst/indexing.h>
#include <kdst/normalization.h>
#include <kdst/pooling.h>
#include <kdst/reduction.h>
#include <kdst/shape.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- products ---- */

/** Matrix product a b, of many matrices at once where the operands have more axes.
 *
 *  The axes in front of the last two are broadcast as in NumPy. An operand of rank 1 is a row on the left and a column on the right;
 *  the result is without its axis, and of rank 0 for two of them.
 *
 *  @param      a    [.., M, K], or [K]
 *  @param      b    [.., K, N], or [K]
 *  @param[out] out  new, [.., M, N]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_matmul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out);

/** Affine map x weight^T + bias.
 *
 *  @param      x       [N, I]
 *  @param      weight  [O, I]
 *  @param      bias    [O], nullable
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_linear(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out);

/** Affine map and ReLU in one pass: max(x weight^T + bias, 0).
 *
 *  @param      x       [N, I]
 *  @param      weight  [O, I]
 *  @param      bias    [O], nullable
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_linear_relu(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out);

/** Two-dimensional cross-correlation with zero padding.
 *
 *  Output side: floor((H + 2 padding - dilation (K - 1) - 1) / stride) + 1. With G groups, output channels
 *  g O / G … (g + 1) O / G - 1 see input channels g C / G … (g + 1) C / G - 1 alone; G = C is a depthwise convolution.
 *
 *  @param      x        [N, C, H, W]
 *  @param      weight   [O, C / groups, KH, KW]
 *  @param      bias     [O], nullable
 *  @param      options  nullable; schema "conv2d": stride [1,..) = 1, padding [0,..) = 0, dilation [1,..) = 1, each one number or
 *                       [vertical, horizontal]; groups [1,..) = 1, which divides C and O; activation "none" | "relu" | "relu6" = "none"
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_conv2d(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out);

/** Transposed two-dimensional convolution: the gradient of the data of the kdst_conv2d with the same options.
 *
 *  Output side: (H - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.
 *
 *  @param      x        [N, C, H, W], H and W at least 1
 *  @param      weight   [C, O / groups, KH, KW]
 *  @param      bias     [O], nullable
 *  @param      options  nullable; schema "conv_transpose2d": stride [1,..) = 1, padding [0,..) = 0, output_padding [0,..) = 0 (less than
 *                       stride or dilation), dilation [1,..) = 1, each one number or [vertical, horizontal];
 *                       groups [1,..) = 1, which divides C
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_conv_transpose2d(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out);

/* ---- normalisation, softmax, regularisation ---- */

/** exp(x) / sum exp(x) along an axis.
 *
 *  @param      x     rank 1 or more
 *  @param      axis  0 to rank - 1, or -rank to -1
 *  @param[out] out   new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** log of the softmax along an axis, in the log-sum-exp form.
 *
 *  @param      x     rank 1 or more
 *  @param      axis  0 to rank - 1, or -rank to -1
 *  @param[out] out   new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_log_softmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** Vectors along an axis divided by their Euclidean length, at least eps.
 *
 *  A vector shorter than eps passes no gradient on; null_gradient "scaled" gives PyTorch's dy / eps, which is huge.
 *
 *  @param      x        rank 1 or more
 *  @param      axis     0 to rank - 1, or -rank to -1
 *  @param      options  nullable; schema "normalize": eps (0,inf) = 1e-12, null_gradient "zero" | "scaled" = "zero"
 *  @param[out] out      new; shape of x; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, option), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_normalize(
    kdst_tensor *x, int64_t axis, const kdst_options *options, kdst_tensor **out);

/** Cosine of the angle between vectors along an axis: <a, b> / (max(|a|, eps) max(|b|, eps)).
 *
 *  @param      a        any shape; with the axis counted in the broadcast shape
 *  @param      b        of the same type and the same size along the axis; the other axes broadcast with those of a
 *  @param      axis     0 to rank - 1, or -rank to -1, of the broadcast shape
 *  @param      options  nullable; schema "cosine_similarity": eps (0,inf) = 1e-8, null_gradient "zero" | "scaled" = "zero", as of
 *                       kdst_normalize
 *  @param[out] out      new; the broadcast shape without the axis; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, option, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_cosine_similarity(
    kdst_tensor *a, kdst_tensor *b, int64_t axis, const kdst_options *options, kdst_tensor **out);

/** Zeroes elements with probability `rate` and scales the others by 1 / (1 - rate).
 *
 *  Takes the next random stream of the context.
 *
 *  @param      x     any shape
 *  @param      rate  [0, 1)
 *  @param[out] out   new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, rate), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_dropout(kdst_tensor *x, double rate, kdst_tensor **out);

/* ---- losses ---- */

/** Mean cross-entropy of logits and labels: (1/N) sum_n -log softmax(logits_n)[labels_n].
 *
 *  @param      logits  [N, K]
 *  @param      labels  int32 [N], each in [0, K)
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, label out of range, logit not finite), SHAPE (also: empty batch), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_cross_entropy(kdst_tensor *logits, kdst_tensor *labels, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
