/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of spiking neurons: layers over time and losses on what they put out.
 *
 * Time is the first axis: [T, N, ...]. Layers pass postsynaptic currents on (kdst/neuron.h); a network's first layer takes the input behind a
 * synapse (kdst_synapse), or a static input as it is. The class of a sample is the one with the largest current summed over time:
 * kdst_sum over axis 0, then kdst_argmax; metrics and trainer do so for outputs [T, N, K].
 */
#ifndef KDST_SPIKING_H
#define KDST_SPIKING_H

#include <kdst/layer.h>
#include <kdst/loss.h>
#include <kdst/neuron.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layers ---- */

/** Neurons behind any layer, which makes their currents (Zhang and Li 2020).
 *
 *  Input [T, N, ...]: the inner layer sees [T N, ...]. Static input [N, ...], an input that is the same at every step and passes a synapse
 *  first: the inner layer, which must be linear and without bias for that, sees it once (kdst_neuron_run_static). Output [T, N, ...].
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      inner    retained; becomes a child under an empty name; one input, one output
 *  @param      neuron   retained
 *  @param      options  nullable; schema "layer.spiking": input "sequence" | "static" = "sequence", steps [1,1000000] = 5 (T of a static
 *                       input)
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, another context, option, inner has other numbers of inputs and outputs), STATE (inner has a parent),
 *          OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_spiking_create(
    kdst_context *ctx, kdst_layer *inner, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out);

/** Fully connected spiking layer without bias; parameter "weight" [O, I], drawn from N(0, 2 / I) times weight_scale.
 *
 *  Input [T, N, ...], of I numbers a sample; output [T, N, O]. For a static input as kdst_layer_spiking_create.
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      in_features   I, at least 1
 *  @param      out_features  O, at least 1
 *  @param      neuron        retained
 *  @param      options       nullable; schema "layer.spiking_linear": weight_scale (0,1000] = 1, input, steps as kdst_layer_spiking_create,
 *                            dtype "float32" | "float64"
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, another context, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_spiking_linear_create(
    kdst_context *ctx, int64_t in_features, int64_t out_features, kdst_neuron *neuron, const kdst_options *options,
    kdst_layer **out);

/** Convolutional spiking layer without bias; parameter "weight" [O, I, KH, KW], uniform in +-weight_scale / sqrt(I KH KW).
 *
 *  Input [T, N, I, H, W], output [T, N, O, P, Q]. For a static input as kdst_layer_spiking_create.
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      in_channels   I, at least 1
 *  @param      out_channels  O, at least 1
 *  @param      neuron        retained
 *  @param      options       nullable; schema "layer.spiking_conv2d": kernel [1,32767] = 3, stride = 1, padding = 0, dilation = 1,
 *                            each one number or two, weight_scale (0,1000] = 1, input, steps as kdst_layer_spiking_create,
 *                            dtype "float32" | "float64"
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, another context, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_spiking_conv2d_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, kdst_neuron *neuron, const kdst_options *options,
    kdst_layer **out);

/** Any layer at every step: [T, N, ...] in and out; the inner layer sees [T N, ...].
 *
 *  @param      ctx    the context; retained by the layer
 *  @param      inner  retained; becomes a child under an empty name; one input, one output
 *  @param[out] out    new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, another context, other numbers of inputs and outputs), STATE (inner has a parent), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_layer_over_time_create(kdst_context *ctx, kdst_layer *inner, kdst_layer **out);

/** Layer of kdst_synapse: input and output [T, ...]; no parameters.
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      options  nullable; schema "synapse", as kdst_synapse
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_layer_synapse_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);

/** Sum pooling, theta times the sum of each window, for [T, N, C, H, W]; no neurons and no parameters. Windows that do not fit are left out.
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      options  nullable; schema "layer.spiking_pool2d": kernel [1,32767] = 2, stride [0,32767] = 0 (the kernel), each one number or
 *                       two, theta = 1.1
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_layer_spiking_pool2d_create(kdst_context *ctx, const kdst_options *options, kdst_layer **out);

/** Dropout with one mask for all steps, in training mode; what lives is divided by 1 - rate.
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      rate     in [0, 1)
 *  @param      options  nullable; schema "layer.spiking_dropout": unit "row" | "element" = "row" (of [T, N, C, H, W] one bit for each
 *                       n, c and h, as the official code draws them, or one for each neuron; of other ranks always the latter)
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, rate, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_layer_spiking_dropout_create(kdst_context *ctx, double rate, const kdst_options *options, kdst_layer **out);

/** The same with a mask of the caller's; differentiable.
 *
 *  @param      x     float32 or float64 [T, N, ...]
 *  @param      keep  of x's type, 1 for what lives and 0, of a shape that broadcasts to [N, ...]
 *  @param      rate  in [0, 1)
 *  @param[out] out   new, keep x / (1 - rate); released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, rate), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_spike_dropout(kdst_tensor *x, kdst_tensor *keep, double rate, kdst_tensor **out);

/** A whole network from the notation of the papers, a kdst_layer_sequential_create of the layers above.
 *
 *  Parts are joined by dashes: nCk, n channels by kernels of k x k; Pk, sum pooling of k x k; n, n neurons, fully connected:
 *  "32C5-P2-64C5-P2-1024-10". Layers are called conv_1, pooling_1, hidden_1, dropout_1 and so on, the last one output. Input
 *  [N, C, H, W], the same at every step, or [T, N, C, H, W], which passes a synapse first (layer input); output [T, N, K].
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      architecture  the notation, copied
 *  @param      neuron        retained; of all layers, its tau_s is the input's, too
 *  @param      options       nullable; schema "spiking_network": channels = 1, image_size = 28, input "static" | "sequence" = "static",
 *                            steps = 5 (T of a static input), padding = 0 (one number for all convolutions or one for each) and
 *                            weight_scale (0,1000] = 1 of convolutions, linear_scale (0,1000] = 1, theta = 1.1 of pooling, dropout
 *                            [0,1) = 0 behind each layer with neurons but the last (behind its pooling where there is one), dropout_unit
 *                            "row" | "element" = "row", dtype "float32" | "float64"
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, another context, notation, option, sizes that do not fit), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_spiking_network_create(
    kdst_context *ctx, const char *architecture, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out);

/* ---- losses ---- */

/** van Rossum distance of the output and a desired spike train (Zhang and Li 2020, eq. 8): 1/2 sum over n, k and t of (o - y)^2, for outputs
 *  o [T, N, K] and labels int32 [N]; y is the desired train of the true class behind the synapse, 0 for the others. A sum, not a mean.
 *
 *  @param      ctx      the context; retained by the loss
 *  @param      options  nullable; schema "loss.spike_kernel": tau_s [1,inf) = 3; filters 1 | 2 = 2 (the official code filters the desired
 *                       train twice, the paper once); train up to 64 numbers 0 or 1, one a step (none: 0 1 1 1 1 again and again, from
 *                       T = 10 on 0 1)
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_loss_spike_kernel_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Loss on the currents summed over time, c = sum_t o[t] for outputs o [T, N, K]: 1/2 sum over n, k and t of delta^2 with
 *  delta = (c - target) / T, which counts only where the true class has less, another class more than its target (Zhang and Li 2020).
 *
 *  @param      ctx      the context; retained by the loss
 *  @param      options  nullable; schema "loss.spike_count": desired = 5, of the true class, and undesired = 1, of the others; different
 *  @param[out] out      new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL, option, both alike), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status
kdst_loss_spike_count_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/** Cross-entropy of the currents summed over time, mean over the batch, for outputs [T, N, K].
 *
 *  @param      ctx  the context; retained by the loss
 *  @param[out] out  new; released with kdst_loss_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loss_spike_softmax_create(kdst_context *ctx, kdst_loss **out);

#ifdef __cplusplus
}
#endif

#endif
