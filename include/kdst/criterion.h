/* SPDX-License-Identifier: Apache-2.0 */
/* Loss functions as operations: values and gradients as PyTorch's functions of the same kind.
 *
 * Terms and sums are taken in double. Gradients flow to input and target; weights are constants. A loss for a trainer is a
 * handle (loss.h).
 */
#ifndef KDST_CRITERION_H
#define KDST_CRITERION_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- an input and a target of the same shape ---- */

/** |input - target|, averaged; the gradient is 0 where they are equal.
 *
 *  @param      input    any shape
 *  @param      target   of the same shape and type
 *  @param      options  nullable; schema "l1_loss": reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out      new; rank 0, or the input's shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (shapes differ, mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_l1_loss(
    kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);

/** (input - target)^2, averaged.
 *
 *  @param      input    any shape
 *  @param      target   of the same shape and type
 *  @param      options  nullable; schema "mse_loss": reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out      new; rank 0, or the input's shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (shapes differ, mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_mse_loss(
    kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);

/** Huber loss: with d = |input - target|, d^2 / 2 below delta, else delta (d - delta / 2).
 *
 *  @param      input    any shape
 *  @param      target   of the same shape and type
 *  @param      options  nullable; schema "huber_loss": delta (0,inf) = 1, reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out      new; rank 0, or the input's shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (shapes differ, mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_huber_loss(
    kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);

/** Smooth L1 loss: with d = |input - target|, d^2 / (2 beta) below beta, else d - beta / 2.
 *
 *  @param      input    any shape
 *  @param      target   of the same shape and type
 *  @param      options  nullable; schema "smooth_l1_loss": beta [0,inf) = 1 (0: L1), reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out      new; rank 0, or the input's shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (shapes differ, mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_smooth_l1_loss(
    kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);

/** Kullback-Leibler divergence: target (log target - input), 0 where the target is 0.
 *
 *  Over rows of distributions it is "batchmean" that gives the divergence: the sum divided by the size of the first axis.
 *
 *  @param      input    log-probabilities, any shape
 *  @param      target   probabilities of the same shape and type, or their logarithms
 *  @param      options  nullable; schema "kl_div": log_target 0 | 1 = 0, reduction "mean" | "sum" | "none" | "batchmean" = "mean"
 *  @param[out] out      new; rank 0, or the input's shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (shapes differ, mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_kl_div(
    kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out);

/** Binary cross-entropy of logits: weight (-p t log s(x) - (1 - t) log(1 - s(x))), s the logistic function, p the positive weight.
 *
 *  @param      logits           x, any shape
 *  @param      target           t, of the same shape and type, usually in [0, 1]
 *  @param      weight           nullable; stretches to the logits' shape
 *  @param      positive_weight  nullable; p, stretches to the logits' shape: [K] for one number a class of [N, K]
 *  @param      options          nullable; schema "bce_with_logits": reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out              new; rank 0, or the logits' shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (shapes differ, mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_bce_with_logits(
    kdst_tensor *logits, kdst_tensor *target, kdst_tensor *weight, kdst_tensor *positive_weight,
    const kdst_options *options, kdst_tensor **out);

/* ---- classes and labels ---- */

/** Negative log-likelihood of labels: weight[y] (-log p[y]) for each row.
 *
 *  "mean" divides by the sum of the weights of the labels that are not ignored; when all are ignored that is 0, and the value NaN
 *  with a gradient of 0, as in PyTorch. An ignored row has the value 0.
 *
 *  @param      log_probabilities  [N, K], [N, K, ..] with a label for each position, or [K]
 *  @param      labels             int32 [N], [N, ..] or of rank 0; each in [0, K) or ignore_index
 *  @param      weight             [K], nullable
 *  @param      options            nullable; schema "nll_loss": ignore_index = -100, reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out                new; rank 0, or the labels' shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option, label out of range), SHAPE (also: mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_nll_loss(
    kdst_tensor *log_probabilities, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options,
    kdst_tensor **out);

/** Cross-entropy of logits and labels, with class weights, ignored labels, label smoothing, and for each pixel.
 *
 *  value = (1 - e) weight[y] (-log p[y]) + (e / K) sum_k weight[k] (-log p[k]) for each row, p = softmax(logits), e the label
 *  smoothing; reduced as by kdst_nll_loss. Without any of it kdst_cross_entropy is the same, and refuses logits that are not finite.
 *  Targets that are distributions: kdst_cross_entropy_soft.
 *
 *  @param      logits   [N, K], [N, K, H, W] or other axes behind, or [K]
 *  @param      labels   int32 [N], [N, H, W] or of rank 0; each in [0, K) or ignore_index
 *  @param      weight   [K], nullable
 *  @param      options  nullable; schema "cross_entropy_loss": ignore_index = -100, label_smoothing [0,1] = 0, reduction "mean" | "sum" |
 *                       "none" = "mean"
 *  @param[out] out      new; rank 0, or the labels' shape without a reduction; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option, label out of range), SHAPE (also: mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_cross_entropy_loss(
    kdst_tensor *logits, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out);

/** Cross-entropy of logits and distributions, such as mixed labels or a teacher's probabilities, also for each pixel.
 *
 *  value = -sum_k weight[k] ((1 - e) t[k] + e / K) log p[k] for each row, p = softmax(logits), e the label smoothing. "mean" divides by the
 *  number of rows, whatever their weights. Targets are not checked to be distributions. The gradient flows to logits and targets;
 *  weights are constants. An impossible class (a logit of -infinity) makes a row NaN, also where its target is 0, as in PyTorch.
 *
 *  @param      logits   [N, K], [N, K, H, W] or other axes behind, or [K]
 *  @param      targets  t, of the same shape and type
 *  @param      weight   [K], nullable
 *  @param      options  nullable; schema "cross_entropy_soft": label_smoothing [0,1] = 0, reduction "mean" | "sum" | "none" = "mean"
 *  @param[out] out      new; rank 0, or the logits' shape without the axis of classes without a reduction; released with
 *                       kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option), SHAPE (also: mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_cross_entropy_soft(
    kdst_tensor *logits, kdst_tensor *targets, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
