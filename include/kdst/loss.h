/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: one fused pass gives value and gradient, on the tape or on memory of the caller's. Those of features are in transfer.h. */
#ifndef KDST_LOSS_H
#define KDST_LOSS_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A loss of logits [B, K], labels [B] and, for some, a teacher's logits [B, K]; or of a student's and a teacher's features. */
typedef struct kdst_loss kdst_loss;

/** Mean cross-entropy of logits and labels, with class weights, an ignored label and label smoothing.
 *
 *  value = sum_b l_b / sum_b w[y_b] over the samples whose label is not ignored (all ignored: NaN, with a gradient of 0),
 *  l_b = (1 - e) w[y_b] (-log p_b[y_b]) + (e / K) sum_k w[k] (-log p_b[k]), p_b = softmax(student_b), e the label smoothing.
 *  Without options it is the mean of -log p_b[y_b]. kdst_cross_entropy_loss is the same as an operation.
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.cross_entropy": class_weights, K numbers >= 0, at most 4096 = none (1),
 *                       ignore_index = -100, label_smoothing [0,1] = 0
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option out of range or unknown), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_cross_entropy_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Adds a reference.
 *
 *  @param loss  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_loss_retain(kdst_loss *loss);

/** Drops a reference; the last one frees.
 *
 *  @param loss  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_loss_release(kdst_loss *loss);

/** Name of the loss, such as "kd".
 *
 *  @param loss  nullable
 *  @return      static text; "" for NULL
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_loss_get_name(const kdst_loss *loss);

/** Whether the loss reads a teacher's logits.
 *
 *  @param loss  nullable
 *  @return      1 or 0
 *  @thread any   @since 0.1 */
KDST_API int32_t kdst_loss_needs_teacher(const kdst_loss *loss);

/** Value of the loss as a recorded scalar; the gradient flows to the student's logits alone.
 *
 *  @param      loss     the loss
 *  @param      student  [B, K], float32 or float64, finite; B >= 1
 *  @param      teacher  [B, K] of the same type, finite; nullable when the loss needs none, and ignored then
 *  @param      labels   int32 [B], each in [0, K), or the one that is ignored; nullable for a loss of features that reads none
 *  @param[out] out      new; rank 0; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, label out of range, logit not finite or beyond 1e300 times the
 *          temperature, K = 1 where the loss is undefined), SHAPE (also: empty batch), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_run(
    kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor **out);

/** Value and gradient without the tape, on tensors of any origin (kdst_tensor_create_foreign).
 *
 *  @param      loss       the loss
 *  @param      student    [B, K], float32 or float64, finite; B >= 1
 *  @param      teacher    [B, K] of the same type, finite; nullable when the loss needs none, and ignored then
 *  @param      labels     int32 [B], each in [0, K), or the one that is ignored; nullable for a loss of features that reads none
 *  @param[out] out_value  nullable; the value, computed in double
 *  @param[out] out_grad   nullable; [B, K] of the same type, overwritten with d value / d student
 *  @status INVALID_ARGUMENT (NULL, another context, label out of range, logit not finite or beyond 1e300 times the
 *          temperature, K = 1 where the loss is undefined), SHAPE (also: empty batch), DTYPE, OUT_OF_MEMORY; after a
 *          failure out_grad is as it was
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_compute(
    kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, double *out_value,
    kdst_tensor *out_grad);

#ifdef __cplusplus
}
#endif

#endif
