/* SPDX-License-Identifier: Apache-2.0 */
/* Further families of distillation: features, relations between samples, networks that teach each other, several teachers.
 *
 * A loss of features takes the activations of a student and of a teacher at some place of each (layer.h tells how to get them) through
 * kdst_loss_run(loss, student, teacher, NULL, &value); the gradient flows to the student's alone. Computed in double whatever the type.
 * A vector shorter than 1e-12 has no direction: it counts as zero and passes no gradient, where public code divides by 1e-12.
 */
#ifndef KDST_TRANSFER_H
#define KDST_TRANSFER_H

#include <kdst/layer.h>
#include <kdst/loss.h>
#include <kdst/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- features ---- */

/** Hint: squared distance of a student's features from a teacher's (Romero et al., FitNets, ICLR 2015).
 *
 *  value = w sum (s - t)^2, w = 1 / count ("mean"), 1 / (2 N) ("half_sum_batchmean": the paper), 1 ("sum"); s, t [N, …] of one shape:
 *  kdst_layer_regressor_create makes the layer that joins different ones
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.hint": reduction "mean" | "half_sum_batchmean" | "sum"
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_hint_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Regressor from a student's map to the shape of a teacher's, for hints.
 *
 *  "conv": a convolution chosen by the sizes (3x3 of stride 2 to half, of an odd width rounded up; transposed 4x4 of stride 2 to double;
 *  else a kernel of 1 + H_s - H_t by 1 + W_s - W_t), bias, batch norm, ReLU; state "conv.weight", "conv.bias", "bn.…". "conv1x1": a 1x1
 *  convolution alone.
 *
 *  @param      ctx      context; retained by the layer
 *  @param      student  [3]: channels, height, width
 *  @param      teacher  [3]
 *  @param      options  nullable; schema "layer.regressor": kind "conv" | "conv1x1", batch_norm 0 | 1 = 1, relu 0 | 1 = 1,
 *                       dtype "float32" | "float64"
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size, option), SHAPE (no convolution joins the sizes), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_regressor_create(
    kdst_context *ctx, const int64_t *student, const int64_t *teacher, const kdst_options *options, kdst_layer **out);

/** Attention transfer (Zagoruyko and Komodakis, ICLR 2017).
 *
 *  Q = unit(mean_c |f|^power) over the positions of each map; value = mean of (Q_s - Q_t)^2 ("code"), or |Q_s - Q_t| averaged over the
 *  batch ("paper"). Maps [N, C, H, W]; of two sizes the larger is averaged over adaptive windows first; channels may differ.
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.attention": power [1,16] = 2, mode "code" | "paper"
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_attention_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** The attention maps that are compared: unit(mean_c |x|^power) of each sample. Not recorded.
 *
 *  @param      x      [N, C, H, W], float32 or float64, not empty
 *  @param      power  [1, 16]
 *  @param[out] out    new; [N, H W] of the same type; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, power), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_attention_map(kdst_tensor *x, double power, kdst_tensor **out);

/* ---- relations between samples ---- */

/** Similarity-preserving distillation (Tung and Mori, ICCV 2019).
 *
 *  value = |G_t - G_s|^2 / b^2 with G the Gram matrix of the flattened features [b, …], each row divided by its norm; widths may differ
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.similarity": row_norm "l2" | "l1" (torchdistill)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_similarity_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** The similarities that are compared: the Gram matrix with rows divided by their norm. Not recorded.
 *
 *  @param      x        [b, …], float32 or float64, not empty
 *  @param      options  nullable; schema "loss.similarity"
 *  @param[out] out      new; [b, b] of the same type; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_similarity_matrix(
    kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/** Relational distillation (Park et al., CVPR 2019): distances between samples, divided by their mean, and angles of triples.
 *
 *  value = distance * mean_ij Huber(psi_s - psi_t) + angle * mean_ijk Huber(A_s - A_t); features [N, …], widths may differ. The angles take
 *  N products of [N, D] by [D, N].
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.relational": distance [0,inf) = 1, angle [0,inf) = 2 (25 and 50 in
 *                       RepDistiller), reduction "mean" | "sum" (the paper's)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_relational_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** The distances that are compared: between the samples of a batch, divided by their mean. Not recorded.
 *
 *  @param      x    [N, …], float32 or float64, not empty
 *  @param[out] out  new; [N, N] of the same type; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_pair_distances(kdst_tensor *x, kdst_tensor **out);

/** The angles that are compared: the cosine at sample i between samples j and k. Not recorded.
 *
 *  @param      x    [N, …], float32 or float64, not empty
 *  @param[out] out  new; [N, N, N] (i, j, k) of the same type; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_pair_angles(kdst_tensor *x, kdst_tensor **out);

/* ---- networks that teach each other ---- */

/** Deep mutual learning (Zhang et al., CVPR 2018): the loss of one network among M.
 *
 *  value = CE(s, labels) + T^2/(M-1) sum_j KL(softmax(t_j/T) || softmax(s/T)), averaged over the batch; the peers' logits t are
 *  kdst_loss_run's teacher, [M - 1, B, K], or [B, K] of one peer
 *
 *  @param      ctx      context; retained by the loss
 *  @param      options  nullable, copied; schema "loss.mutual": average 0 | 1 = 1 (over the peers), target "each" | "ensemble" (the mean
 *                       of their predictions), temperature (0,1e100) = 1 (T, the paper's), smoothing [0,1] = 0 of the labels,
 *                       log_eps [0,1] = 0 (see the option's help), preset "none" | "official" (sum, smoothing 0.1, log_eps 1e-8)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_mutual_create(
    kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Networks that are trained together. */
typedef struct kdst_peers kdst_peers;

/** Makes an empty group of networks.
 *
 *  @param      ctx      context; retained
 *  @param      loss     of one network against the others, such as kdst_loss_mutual_create; retained
 *  @param      options  nullable; schema "peers": schedule "simultaneous" | "alternating" (a network is updated before the next one
 *                       looks at its predictions, which takes one more forward pass each)
 *  @param[out] out      new; released with kdst_peers_release
 *  @status INVALID_ARGUMENT (NULL, another context, a loss without teacher, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_peers_create(
    kdst_context *ctx, kdst_loss *loss, const kdst_options *options, kdst_peers **out);

/** Adds a reference.
 *
 *  @param peers  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_peers_retain(kdst_peers *peers);

/** Drops a reference; the last one frees.
 *
 *  @param peers  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_peers_release(kdst_peers *peers);

/** Adds a network.
 *
 *  @param peers      the group
 *  @param model      makes logits [B, K]; retained
 *  @param optimizer  holds the model's parameters; retained
 *  @status INVALID_ARGUMENT (NULL, another context), STATE (there already), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_peers_add(kdst_peers *peers, kdst_layer *model, kdst_optimizer *optimizer);

/** Number of networks.
 *
 *  @param peers  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_peers_get_count(const kdst_peers *peers);

/** One update of every network on the same batch.
 *
 *  After a failure some networks may have been updated in the alternating schedule, none in the simultaneous one unless an optimiser
 *  refused its gradients.
 *
 *  @param      peers       the group, of at least two networks
 *  @param      x           batch, as the models take it
 *  @param      labels      int32 [B]
 *  @param[out] out_losses  nullable; [capacity]: each network's loss before its update
 *  @param      capacity    length of out_losses, at least the number of networks
 *  @status INVALID_ARGUMENT (NULL, capacity, label out of range, logits not finite), STATE (fewer than two networks, a loss or gradient is
 *          not finite), SHAPE, DTYPE, OUT_OF_MEMORY, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_peers_step(
    kdst_peers *peers, kdst_tensor *x, kdst_tensor *labels, double *out_losses, int64_t capacity);

/* ---- several teachers ---- */

/** Logits of an ensemble: softmax(out / temperature) is its distribution. Not recorded.
 *
 *  "mean_probability": sum_m w_m softmax(t_m / temperature); "mean_logit": softmax of the mean logits, whatever the temperature
 *
 *  @param      teachers  [M, B, K], float32 or float64, not empty
 *  @param      options   nullable; schema "ensemble": mode "mean_probability" | "mean_logit", temperature (0,1e100) = 4 (that of the loss the
 *                        logits go to), weights, at most 64 numbers [0,inf), which are divided by their sum (none: equal)
 *  @param[out] out       new; [B, K] of the same type; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option, as many weights as teachers are expected), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_ensemble_logits(
    kdst_tensor *teachers, const kdst_options *options, kdst_tensor **out);

/** A layer that runs several teachers and gives the logits of their ensemble, for kdst_trainer_set_teacher. Not recorded.
 *
 *  @param      ctx      context; retained by the layer
 *  @param      members  [count]; retained; in no container yet
 *  @param      count    at least 1
 *  @param      options  nullable; schema "ensemble"
 *  @param[out] out      new; members are called "0", "1", …; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, count, another context, option, weights), STATE (in a container already), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_ensemble_create(
    kdst_context *ctx, kdst_layer *const *members, int64_t count, const kdst_options *options, kdst_layer **out);

#ifdef __cplusplus
}
#endif

#endif
