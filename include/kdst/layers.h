/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of layers: the creators. What can be done with a layer is in layer.h.
 *
 * Names, shapes and defaults are PyTorch's; each creator takes the options of its schema.
 */
#ifndef KDST_LAYERS_H
#define KDST_LAYERS_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layers ---- */

/** Affine layer: y = x weight^T + bias; parameters "weight" [O, I] and "bias" [O].
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      in_features   I, at least 1
 *  @param      out_features  O, at least 1
 *  @param      options       nullable; schema "layer.linear": bias 0 | 1 = 1, dtype "float32" | "float64",
 *                            init "pytorch" | "kaiming_uniform" | "kaiming_normal" | "normal" | "uniform" | "zeros" |
 *                            "ones" | "truncated_normal" (of the weight, as kdst_tensor_init), init_mode "fan_in" | "fan_out",
 *                            init_std [0,inf) = 1 (of the two normal ones), init_bound [0,inf) = 1 (of "uniform"),
 *                            init_bias "pytorch" (uniform in +-1/sqrt(fan_in)) | "zeros"
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_linear_create(
    kdst_context *ctx, int64_t in_features, int64_t out_features, const kdst_options *options, kdst_layer **out);

/** Two-dimensional convolution (kdst_conv2d); parameters "weight" [O, I / groups, KH, KW] and "bias" [O].
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      in_channels   I, at least 1
 *  @param      out_channels  O, at least 1
 *  @param      options       nullable; schema "layer.conv2d": kernel [1,..) = 3, stride [1,..) = 1, padding [0,..) = 0,
 *                            dilation [1,..) = 1, each one number or [vertical, horizontal]; groups [1,..) = 1, which divides
 *                            I and O; bias, dtype and the init options as kdst_layer_linear_create
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_conv2d_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *options, kdst_layer **out);

/** Transposed convolution (kdst_conv_transpose2d); parameters "weight" [I, O / groups, KH, KW] and "bias" [O].
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      in_channels   I, at least 1
 *  @param      out_channels  O, at least 1
 *  @param      options       nullable; schema "layer.conv_transpose2d": kernel [1,..) = 3, stride [1,..) = 1, padding [0,..) = 0,
 *                            output_padding [0,..) = 0, dilation [1,..) = 1, each one number or [vertical, horizontal];
 *                            groups [1,..) = 1, which divides I and O; bias, dtype and the init options as kdst_layer_linear_create
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_conv_transpose2d_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, const kdst_options *options, kdst_layer **out);

/** Batch normalisation (kdst_batch_norm) of [N, C], [N, C, L] or [N, C, H, W].
 *
 *  Parameters "weight" (1) and "bias" (0); buffers "running_mean" (0), "running_var" (1) and "num_batches_tracked" (int32,
 *  rank 0), which counts the training passes.
 *
 *  @param      ctx       the context; retained by the layer
 *  @param      channels  C, at least 1
 *  @param      options   nullable; schema "layer.batch_norm": eps (0,inf) = 1e-5, momentum [0,1] = 0.1,
 *                        affine 0 | 1 = 1 (weight and bias), dtype "float32" | "float64"
 *  @param[out] out       new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_batch_norm_create(
    kdst_context *ctx, int64_t channels, const kdst_options *options, kdst_layer **out);

/** Layer normalisation (kdst_layer_norm); parameters "weight" (1) and "bias" (0) of the shape of the last axes.
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      rank     number of the last axes, 1 to 8
 *  @param      shape    [rank], copied; each at least 1
 *  @param      options  nullable; schema "layer.layer_norm": eps (0,inf) = 1e-5, affine 0 | 1 = 1 (weight and bias),
 *                       dtype "float32" | "float64"
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_layer_norm_create(
    kdst_context *ctx, int64_t rank, const int64_t *shape, const kdst_options *options, kdst_layer **out);

/** Group normalisation (kdst_group_norm) of [N, C, ...]; parameters "weight" (1) and "bias" (0), each [C].
 *
 *  @param      ctx       the context; retained by the layer
 *  @param      groups    at least 1; as many as channels: instance normalisation
 *  @param      channels  C, at least 1, a multiple of groups
 *  @param      options   nullable; schema "layer.group_norm": eps (0,inf) = 1e-5, affine 0 | 1 = 1 (weight and bias),
 *                        dtype "float32" | "float64"
 *  @param[out] out       new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_group_norm_create(
    kdst_context *ctx, int64_t groups, int64_t channels, const kdst_options *options, kdst_layer **out);

/** The image in another size (kdst_upsample2d).
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      options  schema "upsample2d"; either size or scale is needed
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_upsample2d_create(
    kdst_context *ctx, const kdst_options *options, kdst_layer **out);

/** Largest element of each window (kdst_max_pool2d).
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      options  nullable; schema "max_pool2d"
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_max_pool2d_create(
    kdst_context *ctx, const kdst_options *options, kdst_layer **out);

/** Mean of each window (kdst_avg_pool2d).
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      options  nullable; schema "avg_pool2d"
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_avg_pool2d_create(
    kdst_context *ctx, const kdst_options *options, kdst_layer **out);

/** Means of height x width windows (kdst_adaptive_avg_pool2d), [N, C, H, W] to [N, C, height, width].
 *
 *  @param      ctx     the context; retained by the layer
 *  @param      height  1 to 2^31 - 1
 *  @param      width   1 to 2^31 - 1
 *  @param[out] out     new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_adaptive_avg_pool2d_create(
    kdst_context *ctx, int64_t height, int64_t width, kdst_layer **out);

/** Mean over height and width, [N, C, H, W] to [N, C].
 *
 *  @param      ctx  the context; retained by the layer
 *  @param[out] out  new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_global_avg_pool2d_create(kdst_context *ctx, kdst_layer **out);

/** Dropout (kdst_dropout) in training mode, the identity otherwise.
 *
 *  @param      ctx   the context; retained by the layer
 *  @param      rate  probability of a zero, [0, 1)
 *  @param[out] out   new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, rate out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_dropout_create(kdst_context *ctx, double rate, kdst_layer **out);

/** An activation function with its standard options; the softmaxes run over the last axis.
 *
 *  @param      ctx   the context; retained by the layer
 *  @param      kind  "relu", "relu6", "leaky_relu", "elu", "sigmoid", "log_sigmoid", "tanh", "softplus", "silu", "gelu" (functions of
 *                    elementwise.h), "softmax", "log_softmax" or "identity"
 *  @param[out] out   new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, unknown kind), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_activation_create(kdst_context *ctx, const char *kind, kdst_layer **out);

/** An activation function with options of its own.
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      kind     as kdst_layer_activation_create
 *  @param      options  nullable; schema "layer.activation": slope = 0.01 (leaky_relu), alpha = 1 (elu), beta (0,inf) = 1 and
 *                       threshold = 20 (softplus), approximate "none" | "tanh" (gelu), axis [-8,7] = -1 (the softmaxes)
 *  @param[out] out      new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, unknown kind, option out of range or of another kind), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_activation_create_with_options(
    kdst_context *ctx, const char *kind, const kdst_options *options, kdst_layer **out);

/** Joins all axes but the first: [N, …] to [N, D].
 *
 *  @param      ctx  the context; retained by the layer
 *  @param[out] out  new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_flatten_create(kdst_context *ctx, kdst_layer **out);

/** Parameter-free shortcut between residual stages (He et al. 2016, option A).
 *
 *  Takes every stride-th row and column and adds zero channels: (out - in) / 2 in front, the others behind.
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      in_channels   at least 1
 *  @param      out_channels  at least in_channels
 *  @param      stride        at least 1
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, number out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_shortcut_create(
    kdst_context *ctx, int64_t in_channels, int64_t out_channels, int64_t stride, kdst_layer **out);

/** Shuffles channels between groups: with C in g groups, y[n, j g + k] = x[n, k (C / g) + j] (Ma et al. 2018).
 *
 *  @param      ctx     the context; retained by the layer
 *  @param      groups  g, at least 1; divides the channels C of an input [N, C, …] of rank 2 to 7
 *  @param[out] out     new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, groups), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_channel_shuffle_create(
    kdst_context *ctx, int64_t groups, kdst_layer **out);

/** Takes some channels: [N, C, …] to [N, count, …].
 *
 *  @param      ctx    the context; retained by the layer
 *  @param      start  first channel, from 0
 *  @param      count  at least 1; an input has start + count channels or more
 *  @param[out] out    new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, number out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_channel_slice_create(
    kdst_context *ctx, int64_t start, int64_t count, kdst_layer **out);

/* ---- containers ---- */

/** Runs its children one after the other; empty at first, then the identity.
 *
 *  @param      ctx  the context; retained by the layer
 *  @param[out] out  new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_sequential_create(kdst_context *ctx, kdst_layer **out);

/** Residual block: y = activation(body(x) + shortcut(x)).
 *
 *  The body's children appear directly under the block ("conv1", "bn1", …), the shortcut's below its name.
 *
 *  @param      ctx       the context; retained by the layer
 *  @param      body      retained; in no container yet
 *  @param      shortcut  retained, nullable: the identity; in no container yet
 *  @param      options   nullable; schema "layer.residual": activation "relu" | "none", shortcut_name = "shortcut"
 *  @param[out] out       new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, another context, option, a name used twice), STATE (already in a container, or nested too deeply),
 *          OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_residual_create(
    kdst_context *ctx, kdst_layer *body, kdst_layer *shortcut, const kdst_options *options, kdst_layer **out);

/** Runs its children side by side on one input and joins their outputs; children are added with kdst_layer_add.
 *
 *  An empty sequential is the input itself: beside another child it makes a dense layer (Huang et al. 2017).
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      options  nullable; schema "layer.parallel": join "concat" | "sum", axis [-8,7] = 1 (of concat),
 *                       reversed 0 | 1 = 0 (1: the last child's output comes first)
 *  @param[out] out      new; to run it takes a child, else STATE; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_parallel_create(
    kdst_context *ctx, const kdst_options *options, kdst_layer **out);

/** Appends a child to a sequential, a parallel or a layer of your own.
 *
 *  The child takes over the container's training mode.
 *
 *  @param container  a sequential, a parallel, or a layer of your own
 *  @param name       copied, without '.', unique; "" adds no level to the names below; NULL: its position, as PyTorch numbers
 *  @param child      retained; in no container yet
 *  @status INVALID_ARGUMENT (NULL, another context, another kind of container, a name used twice or with a '.'),
 *          STATE (child already in a container, or it contains the container, or nested too deeply), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_add(kdst_layer *container, const char *name, kdst_layer *child);

/* ---- layers of your own ---- */

/** Forward pass of a layer of your own.
 *
 *  inputs [count] and the layer are borrowed; count is the option `inputs`, and training is 1 when the layer is to behave as in training.
 *  out has as many entries as the option `outputs` says, NULL at first: put new references there, which the library takes over (an
 *  input that is passed on is retained first). What is recorded here is differentiated. */
typedef kdst_status (*kdst_layer_forward_fn)(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out);

/** Makes a layer whose forward pass is yours: from recorded operations, layers, and operations of your own.
 *
 *  Layers that it uses are added to it with kdst_layer_add, tensors with kdst_layer_parameter_create, so that they are found in its state,
 *  follow its mode and are trained. Without callbacks the same is done by holding the layers in a sequential and running them one by one.
 *
 *  @param      ctx        the context; retained by the layer
 *  @param      name       copied; appears in messages
 *  @param      forward    makes the outputs
 *  @param      user_data  its first argument, nullable; retained until destroy runs
 *  @param      destroy    nullable; runs once, when the layer goes, also when this call fails
 *  @param      options    nullable; schema "layer.custom": inputs [0,8] = 1, outputs [1,32] = 1
 *  @param[out] out        new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_custom_create(
    kdst_context *ctx, const char *name, kdst_layer_forward_fn forward, void *user_data, kdst_destroy_fn destroy,
    const kdst_options *options, kdst_layer **out);

/** Makes a layer that holds one tensor; it takes no input and gives the tensor.
 *
 *  Added under the name "" it puts the tensor into a container as `name`.
 *
 *  @param      ctx           the context; retained by the layer
 *  @param      name          copied, 1 to 255 bytes without '.'
 *  @param      tensor        retained; a leaf of the context
 *  @param      is_parameter  1: a parameter, which comes to require a gradient; 0: a buffer
 *  @param[out] out           new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, name, is_parameter not 0 or 1, another context), DTYPE (a parameter that is not floating point),
 *          STATE (a parameter that is a recorded result), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_parameter_create(
    kdst_context *ctx, const char *name, kdst_tensor *tensor, int32_t is_parameter, kdst_layer **out);

#ifdef __cplusplus
}
#endif

#endif
