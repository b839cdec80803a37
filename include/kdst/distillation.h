/* SPDX-License-Identifier: Apache-2.0 */
/* Knowledge distillation and its teacher-free forms.
 *
 * Yuan, Tay, Li, Wang, Feng, "Revisiting Knowledge Distillation via Label Smoothing Regularization", CVPR 2020. Re-KD
 * and De-KD are kdst_loss_kd_create with another teacher. Where the paper and its official code differ, each choice is
 * an option and the preset "paper" or "official" sets them all; an option given beside a preset overrides it.
 * s: student logits, t: teacher logits, q_T = softmax(t / T), p_T = softmax(s / T); KL is averaged over the batch
 * ("batchmean") or over all B K elements ("elementmean": 1/K of the former).
 */
#ifndef KDST_DISTILLATION_H
#define KDST_DISTILLATION_H

#include <kdst/loss.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Knowledge-distillation loss on logits (Hinton et al. 2015; Yuan et al. 2020, eq. 3).
 *
 *  value = (1 - alpha) * CE(s, labels) + alpha * T^2 * KL(q_T || p_T)
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.kd": alpha [0,1] = 0.5, temperature (0,1e100) = 4,
 *                       reduction "batchmean" | "elementmean", t_squared 0 | 1 = 1,
 *                       preset "none" | "paper" (batchmean, no T^2) | "official" (elementmean, T^2)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (option out of range or unknown), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_kd_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Label smoothing (Szegedy et al. 2016; Yuan et al. 2020, eq. 1).
 *
 *  value = (1/B) sum_b H(q'_b, softmax(s_b)) with q' = (1 - eps) e_y + eps / K ("uniform"), or 1 - eps on the label and
 *  eps / (K - 1) elsewhere ("others", the official code)
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.lsr": epsilon [0,1] = 0.1, smoothing "uniform" | "others",
 *                       preset "none" | "paper" (uniform) | "official" (others)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (option out of range or unknown), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_lsr_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Teacher-free distillation by self-training: the teacher is a trained copy of the student (Yuan et al. 2020, eq. 7).
 *
 *  value = (1 - alpha) * CE(s, labels) + alpha * multiplier * T^2 * KL(q_T || p_T)
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.tfkd_self": alpha [0,1] = 0.5, temperature (0,1e100) = 4,
 *                       multiplier [0,inf) = 1, reduction "batchmean" | "elementmean", t_squared 0 | 1 = 1,
 *                       preset "none" | "paper" (batchmean, no T^2) | "official" (elementmean, T^2)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (option out of range or unknown), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_tfkd_self_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Teacher-free distillation by a virtual teacher (Yuan et al. 2020, eqs. 8 and 9).
 *
 *  value = (1 - alpha) * CE(s, labels) + alpha * multiplier * [T^2] * KL(p^d_T || softmax(s / Ts)), where p^d is a on
 *  the label and (1 - a) / (K - 1) elsewhere; p^d_T = softmax(p^d / T) ("prob", the official code) or
 *  softmax(log p^d / T) ("logprob"); Ts = T with soften_student, else 1
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.tfkd_reg": alpha [0,1] = 0.1, temperature (0,1e100) = 20,
 *                       correct_prob (0,1] = 0.99 (below 1 with "logprob"), multiplier [0,inf) = 1,
 *                       reduction "batchmean" | "elementmean", t_squared 0 | 1 = 0, soften_student 0 | 1 = 0,
 *                       virtual_logits "prob" | "logprob", preset "none" | "paper" (batchmean, student softened) |
 *                       "official" (elementmean, student not softened)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (option out of range or unknown), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_tfkd_reg_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Distributions of the virtual teacher p^d_T for a batch of labels (Yuan et al. 2020, eq. 8).
 *
 *  @param      ctx      the context
 *  @param      labels   int32 [B], each in [0, K)
 *  @param      classes  K, at least 2
 *  @param      options  nullable; schema "virtual_teacher": correct_prob (0,1] = 0.99 (below 1 with "logprob"),
 *                       temperature (0,1e100) = 20, virtual_logits "prob" | "logprob" | "raw" (p^d itself),
 *                       dtype "float32" | "float64"
 *  @param[out] out      new; [B, K], each row sums to 1; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, label or classes out of range, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_virtual_teacher_create(
    kdst_context *ctx, kdst_tensor *labels, int64_t classes, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
