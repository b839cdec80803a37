/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers: update tensors from their gradients. Formulas and defaults are PyTorch's. */
#ifndef KDST_OPTIMIZER_H
#define KDST_OPTIMIZER_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An optimiser with the tensors it updates. */
typedef struct kdst_optimizer kdst_optimizer;

/** Stochastic gradient descent.
 *
 *  d = gradient + weight_decay * w; with momentum v = d at a tensor's first update, then v = momentum * v + (1 - dampening) * d, and
 *  d becomes v, or d + momentum * v with nesterov; w = w - learning_rate * d.
 *
 *  @param      ctx      the context; retained by the optimiser
 *  @param      options  nullable; schema "optimizer.sgd": learning_rate [0,inf) = 0.1, momentum [0,inf) = 0, nesterov 0 | 1 = 0
 *                       (needs momentum > 0 and dampening 0), weight_decay [0,inf) = 0, dampening [0,1] = 0
 *  @param[out] out      new; released with kdst_optimizer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_sgd_create(
    kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);

/** Adam (Kingma and Ba 2015) with the L2 term in the gradient.
 *
 *  d = gradient + weight_decay * w; m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2;
 *  w = w - learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps), t the number of the tensor's update from 1. With
 *  amsgrad (Reddi, Kale and Kumar 2018) the largest v so far stands for v.
 *
 *  @param      ctx      the context; retained by the optimiser
 *  @param      options  nullable; schema "optimizer.adam": learning_rate [0,inf) = 0.001, beta1 [0,1) = 0.9, beta2 [0,1) = 0.999,
 *                       eps [0,inf) = 1e-8, weight_decay [0,inf) = 0, amsgrad 0 | 1 = 0
 *  @param[out] out      new; released with kdst_optimizer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_adam_create(
    kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019).
 *
 *  w = w - learning_rate * weight_decay * w, then Adam's step with d = gradient.
 *
 *  @param      ctx      the context; retained by the optimiser
 *  @param      options  nullable; schema "optimizer.adamw": learning_rate [0,inf) = 0.001, beta1 [0,1) = 0.9, beta2 [0,1) = 0.999,
 *                       eps [0,inf) = 1e-8, weight_decay [0,inf) = 0.01, amsgrad 0 | 1 = 0
 *  @param[out] out      new; released with kdst_optimizer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_adamw_create(
    kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);

/** RMSprop (Tieleman and Hinton 2012).
 *
 *  d = gradient + weight_decay * w; v = alpha v + (1 - alpha) d^2; with centered u = alpha u + (1 - alpha) d and s = v - u^2, else s = v;
 *  b = momentum * b + d / (sqrt(s) + eps); w = w - learning_rate * b.
 *
 *  @param      ctx      the context; retained by the optimiser
 *  @param      options  nullable; schema "optimizer.rmsprop": learning_rate [0,inf) = 0.01, alpha [0,1] = 0.99, eps [0,inf) = 1e-8,
 *                       momentum [0,inf) = 0, centered 0 | 1 = 0, weight_decay [0,inf) = 0
 *  @param[out] out      new; released with kdst_optimizer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_rmsprop_create(
    kdst_context *ctx, const kdst_options *options, kdst_optimizer **out);

/** Adds a reference.
 *
 *  @param optimizer  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_optimizer_retain(kdst_optimizer *optimizer);

/** Drops a reference; the last one frees.
 *
 *  @param optimizer  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_optimizer_release(kdst_optimizer *optimizer);

/** Adds every parameter of a layer under its name in the layer's state.
 *
 *  Names are unique in an optimiser: a second layer with the same ones is added by kdst_optimizer_add_group with a prefix.
 *
 *  @param optimizer  the optimiser
 *  @param layer      its parameters are retained
 *  @status INVALID_ARGUMENT (NULL, another context, a name or tensor added before: nothing is added then), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_add_layer(kdst_optimizer *optimizer, kdst_layer *layer);

/** Adds the parameters of a layer whose names match a pattern, with a rate and a weight decay of their own.
 *
 *  The pattern is compared with whole names, such as "layer1.0.conv1.weight": '*' stands for any characters, dots too, '?' for one, and
 *  '|' separates alternatives ("fc.*|*.bias"). A group for a part and one with rest 1 for "*" share a layer between them; no weight decay
 *  on biases and norms is one call with "*" and no_decay "biases_and_norms".
 *
 *  @param      optimizer  the optimiser
 *  @param      layer      its parameters that match are retained
 *  @param      pattern    not empty, no alternative empty
 *  @param      options    nullable; schema "optimizer.group": prefix = "" (stands before the names in the optimiser, so that two layers may
 *                         have the same ones), rate_factor [0,inf) = 1 (on the learning rate, also on a schedule's), weight_decay [0,inf)
 *                         or -1 = -1 (the optimiser's), no_decay "none" | "biases" | "norms" | "biases_and_norms" = "none" (parameters
 *                         with weight decay 0: those called bias in their layer, those of normalisation layers whatever their names),
 *                         rest 0 | 1 = 0 (1: parameters that were added before are left out, also when nothing remains)
 *  @param[out] out_count  nullable; how many were added
 *  @status INVALID_ARGUMENT (NULL, another context, pattern, option, a name added before), NOT_FOUND (no parameter matches), STATE (one
 *          was added before), OUT_OF_MEMORY; nothing is added when it fails
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_add_group(
    kdst_optimizer *optimizer, kdst_layer *layer, const char *pattern, const kdst_options *options, int64_t *out_count);

/** Adds one tensor.
 *
 *  @param optimizer  the optimiser
 *  @param name       copied; unique, appears in messages and in the names of the optimiser's state
 *  @param tensor     retained; float32 or float64, contiguous
 *  @status INVALID_ARGUMENT (NULL, another context, name empty, name or tensor added before, not contiguous, no leaf), DTYPE,
 *          OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_add_tensor(
    kdst_optimizer *optimizer, const char *name, kdst_tensor *tensor);

/** Scales all gradients together so that their norm is at most max_norm (Pascanu, Mikolov and Bengio 2013).
 *
 *  They are multiplied by max_norm / (norm + 1e-6) where that is below 1. The norm is over all tensors of the optimiser that have a
 *  gradient and are not frozen, in double, and has the same bits for any number of threads.
 *
 *  @param      optimizer  the optimiser
 *  @param      max_norm   above 0; infinity only measures
 *  @param      options    nullable; schema "optimizer.clip_norm": norm "2" | "inf" = "2" (root of the sum of squares; largest size),
 *                         non_finite "error" | "keep" = "error" (a norm that is not finite: fail, or leave the gradients alone)
 *  @param[out] out_norm   nullable; the norm before
 *  @status INVALID_ARGUMENT (NULL, max_norm, option), STATE (the norm is not finite: the message names the tensor; the gradients are as
 *          they were)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_clip_norm(
    kdst_optimizer *optimizer, double max_norm, const kdst_options *options, double *out_norm);

/** Brings every element of every gradient into [-max_value, max_value]; NaN stays.
 *
 *  @param optimizer  the optimiser
 *  @param max_value  above 0
 *  @status INVALID_ARGUMENT (NULL, max_value)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_clip_value(kdst_optimizer *optimizer, double max_value);

/** Brings every element of every parameter that is not frozen into [low, high]; NaN stays.
 *
 *  Behind kdst_optimizer_run it keeps weights in a range, as Zhang and Li (2020) do with [-4, 4]. The optimiser's state stays.
 *
 *  @param optimizer  the optimiser
 *  @param low        may be -infinity
 *  @param high       at least low; may be infinity
 *  @status INVALID_ARGUMENT (NULL, low above high, NaN)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_clamp(kdst_optimizer *optimizer, double low, double high);

/** Updates every tensor that has a gradient and requires one; nothing is changed when one gradient is not finite.
 *
 *  @param optimizer  the optimiser
 *  @status INVALID_ARGUMENT (NULL), STATE (a gradient is not finite: the message names its tensor), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_run(kdst_optimizer *optimizer);

/** Forgets the gradients of all its tensors.
 *
 *  @param optimizer  the optimiser
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_clear_grads(kdst_optimizer *optimizer);

/** Sets the learning rate of the updates that follow.
 *
 *  @param optimizer      the optimiser
 *  @param learning_rate  [0, inf)
 *  @status INVALID_ARGUMENT (NULL, negative or not finite)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_set_learning_rate(kdst_optimizer *optimizer, double learning_rate);

/** Learning rate of the next update.
 *
 *  @param      optimizer  the optimiser
 *  @param[out] out        the rate
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_get_learning_rate(kdst_optimizer *optimizer, double *out);

/** Number of tensors in the optimiser's own state.
 *
 *  @param optimizer  nullable
 *  @return           the number, whether the tensors exist already or not; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_optimizer_get_state_count(const kdst_optimizer *optimizer);

/** One tensor of the optimiser's state: what a checkpoint keeps, and writes back into.
 *
 *  SGD with momentum has "<name>.momentum" and "<name>.updates" (int32, rank 0) for each tensor, without momentum nothing; Adam
 *  and AdamW "<name>.first_moment", "<name>.second_moment", with amsgrad "<name>.largest_moment", and "<name>.updates"; RMSprop
 *  "<name>.mean_square", when centered "<name>.mean_gradient", with momentum "<name>.momentum", and "<name>.updates". Tensors that the first update would make are made here.
 *
 *  @param      optimizer  the optimiser
 *  @param      index      from 0
 *  @param[out] out_name   nullable; borrowed while the optimiser lives
 *  @param[out] out        nullable; borrowed while the optimiser lives
 *  @status INVALID_ARGUMENT (optimizer is NULL), NOT_FOUND (index out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_get_state(
    kdst_optimizer *optimizer, int64_t index, const char **out_name, kdst_tensor **out);

/** Number of updates so far.
 *
 *  @param optimizer  nullable
 *  @return           the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_optimizer_get_steps(const kdst_optimizer *optimizer);

/** Sets the number of updates, when a run is resumed.
 *
 *  @param optimizer  the optimiser
 *  @param steps      at least 0
 *  @status INVALID_ARGUMENT (NULL, negative)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_optimizer_set_steps(kdst_optimizer *optimizer, int64_t steps);

#ifdef __cplusplus
}
#endif

#endif
