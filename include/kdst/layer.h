/* SPDX-License-Identifier: Apache-2.0 */
/* Layers: parameters, buffers and a forward pass. Containers are layers too, so a whole network is one kdst_layer.
 *
 * Parameters are called what PyTorch's state_dict calls them ("layer1.0.conv1.weight"); convolution weights are
 * [out, in, height, width], linear weights [out, in]. A new layer is in training mode and its parameters require gradients.
 * A layer belongs to at most one container.
 */
#ifndef KDST_LAYER_H
#define KDST_LAYER_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A layer or a container of layers. */
typedef struct kdst_layer kdst_layer;

/** Adds a reference.
 *
 *  @param layer  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_layer_retain(kdst_layer *layer);

/** Drops a reference; the last one frees. A container keeps its children alive.
 *
 *  @param layer  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_layer_release(kdst_layer *layer);

/* ---- use ---- */

/** Forward pass, recorded for differentiation.
 *
 *  In training mode batch normalisation moves its running statistics and dropout draws; after a failure the layers in front of the
 *  failing one may have done so.
 *
 *  @param      layer  the layer
 *  @param      x      input, of the parameters' type; int32 tokens for an embedding
 *  @param[out] out    new reference, to x itself where the layer is the identity; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, a layer that needs more inputs or gives more outputs), SHAPE, DTYPE, OUT_OF_MEMORY,
 *          CALLBACK (a layer or a hook of yours failed)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out);

/** Forward pass of a layer with several inputs or outputs; the same as kdst_layer_run for one of each.
 *
 *  A sequential takes what its first child takes and gives what its last child gives.
 *
 *  @param      layer      the layer
 *  @param      inputs     [count] tensors, as the kind says; nullable when count is 0; optional ones may be NULL
 *  @param      count      number of inputs: kdst_layer_get_input_count, and more where the kind has optional ones
 *  @param[out] out        [capacity] new references in the order of the kind, NULL behind them; each released with
 *                         kdst_tensor_release; all NULL on failure
 *  @param      capacity   length of out, at least kdst_layer_get_output_count
 *  @param[out] out_count  nullable; number of outputs
 *  @status INVALID_ARGUMENT (NULL, number of inputs, capacity, another context), SHAPE, DTYPE, STATE (a callback has added layers),
 *          OUT_OF_MEMORY, CALLBACK (a layer or a hook of yours failed)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_run_many(
    kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity, int64_t *out_count);

/** Number of inputs that a layer needs; its kind may take optional ones behind them.
 *
 *  @param layer  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_layer_get_input_count(const kdst_layer *layer);

/** Number of outputs that a layer gives.
 *
 *  @param layer  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_layer_get_output_count(const kdst_layer *layer);

/** Sets training (1) or evaluation mode (0) of a layer and everything in it.
 *
 *  @param layer     the layer
 *  @param training  0 or 1
 *  @status INVALID_ARGUMENT (NULL, training not 0 or 1)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_set_training(kdst_layer *layer, int32_t training);

/** Mode of a layer.
 *
 *  @param layer  nullable
 *  @return       1 in training mode, else 0
 *  @thread context   @since 0.1 */
KDST_API int32_t kdst_layer_get_training(const kdst_layer *layer);

/** Says whether the parameters of a layer and everything in it require gradients.
 *
 *  @param layer      the layer
 *  @param trainable  0 or 1
 *  @status INVALID_ARGUMENT (NULL, trainable not 0 or 1)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_set_trainable(kdst_layer *layer, int32_t trainable);

/** Says whether the parameters whose names match a pattern require gradients: what does not is frozen.
 *
 *  Frozen parameters get no gradient and optimisers leave them alone. Running statistics of batch norms still move:
 *  kdst_layer_set_statistics_fixed_matching.
 *
 *  @param      layer      the layer
 *  @param      pattern    compared with whole names, such as "layer1.0.conv1.weight": '*' stands for any characters, dots too, '?' for one,
 *                         '|' separates alternatives
 *  @param      trainable  0 or 1
 *  @param[out] out_count  nullable; how many parameters matched
 *  @status INVALID_ARGUMENT (NULL, pattern or an alternative empty, trainable not 0 or 1), NOT_FOUND (no parameter matches), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_set_trainable_matching(
    kdst_layer *layer, const char *pattern, int32_t trainable, int64_t *out_count);

/** Says whether batch norms whose names match a pattern use and keep their running statistics in training mode too.
 *
 *  A fixed batch norm behaves as in evaluation mode whatever kdst_layer_set_training says, also inside a trainer. Its weight and bias
 *  learn on unless they are frozen.
 *
 *  @param      layer      the layer
 *  @param      pattern    compared with the names of the batch norms, such as "layer1.0.bn1" ("" for the layer itself), as in
 *                         kdst_layer_set_trainable_matching
 *  @param      fixed      0 or 1
 *  @param[out] out_count  nullable; how many batch norms matched
 *  @status INVALID_ARGUMENT (NULL, pattern or an alternative empty, fixed not 0 or 1), NOT_FOUND (no batch norm matches), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_set_statistics_fixed_matching(
    kdst_layer *layer, const char *pattern, int32_t fixed, int64_t *out_count);

/** Says whether the results inside a layer are computed again in the backward pass instead of being kept (Chen et al. 2016).
 *
 *  A step then needs less memory and a second forward pass of the layer. Between the passes only the inputs are kept. Dropout draws the
 *  same masks, running statistics move once, and gradients are the same bits, but for the sign of zeros; and but for rounding where
 *  a layer is cut off from one that it runs together with, as a convolution from its batch norm. A layer inside it that is recomputed too nests. It is the layer itself that is asked, not those in it: for a network ask its
 *  blocks.
 *
 *  The layer is recorded as usual when it has several outputs, or something inside it keeps its output or has a hook. Custom layers inside run
 *  twice, and are to do the same each time. A leaf that is neither an input nor a parameter in the layer gets its gradient only where one
 *  of these requires one. Between a run and its backward pass parameters and mode stay as they are, else the pass fails with STATE.
 *
 *  @param layer      the layer
 *  @param recompute  0 or 1
 *  @status INVALID_ARGUMENT (NULL, recompute not 0 or 1)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_set_recompute(kdst_layer *layer, int32_t recompute);

/** Whether a layer is recomputed.
 *
 *  @param layer  nullable
 *  @return       1 when it is, else 0
 *  @thread context   @since 0.1 */
KDST_API int32_t kdst_layer_get_recompute(const kdst_layer *layer);

/** Forgets the gradients of all parameters.
 *
 *  @param layer  the layer
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_clear_grads(kdst_layer *layer);

/** Number of scalars in the parameters, frozen ones too; running statistics do not count.
 *
 *  @param layer  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_layer_get_parameter_count(const kdst_layer *layer);

/* ---- the tree ---- */

/** Kind of a layer, such as "conv2d" or "sequential".
 *
 *  @param layer  nullable
 *  @return       borrowed for ever; NULL for NULL
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_layer_get_kind(const kdst_layer *layer);

/** Number of layers in a tree, the layer itself and those without a name included.
 *
 *  @param layer  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_layer_get_child_count(const kdst_layer *layer);

/** One layer of a tree. The layer itself comes first, under the path ""; parents come in front of their children.
 *
 *  @param      layer      the layer
 *  @param      index      from 0
 *  @param[out] out_path   nullable; "layer1.0.conv1"; a layer without a name has the path of the one around it; borrowed until a layer
 *                         is added in here or the layer goes
 *  @param[out] out_child  nullable; borrowed while the layer lives
 *  @status INVALID_ARGUMENT (layer is NULL), NOT_FOUND (index out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_get_child(
    kdst_layer *layer, int64_t index, const char **out_path, kdst_layer **out_child);

/** The layer of a path; of several the outermost.
 *
 *  @param      layer  the layer
 *  @param      path   such as "layer1.0.conv1"; "" is the layer itself
 *  @param[out] out    borrowed while the layer lives
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (the message gives the nearest path), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_find_child(kdst_layer *layer, const char *path, kdst_layer **out);

/* ---- state ---- */

/** Number of tensors in the state: parameters and buffers.
 *
 *  @param layer  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_layer_get_state_count(const kdst_layer *layer);

/** One tensor of the state, in PyTorch's order.
 *
 *  @param      layer             the layer
 *  @param      index             from 0
 *  @param[out] out_name          nullable; borrowed until a layer is added in here or the layer goes
 *  @param[out] out_tensor        nullable; borrowed while the layer lives
 *  @param[out] out_is_parameter  nullable; 1 for a parameter, 0 for a buffer
 *  @status INVALID_ARGUMENT (layer is NULL), NOT_FOUND (index out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_get_state(
    kdst_layer *layer, int64_t index, const char **out_name, kdst_tensor **out_tensor, int32_t *out_is_parameter);

/** The parameter or buffer of a name.
 *
 *  @param      layer  the layer
 *  @param      name   as in the state, such as "layer1.0.conv1.weight"
 *  @param[out] out    borrowed while the layer lives
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (the message gives the nearest name), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_find(kdst_layer *layer, const char *name, kdst_tensor **out);

/** Copies parameters and buffers between layers of the same names and shapes; types are converted.
 *
 *  Nothing is changed when they do not fit. The layers may belong to two contexts; then the calling thread uses both, and the message of a
 *  failure is the destination's.
 *
 *  @param destination  written
 *  @param source       read
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (names differ), SHAPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_copy_state(kdst_layer *destination, kdst_layer *source);

#ifdef __cplusplus
}
#endif

#endif
