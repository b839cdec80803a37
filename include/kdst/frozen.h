/* SPDX-License-Identifier: Apache-2.0 */
/* Networks for inference alone: weights of their own, batch normalisation folded into them, no record, nothing that changes.
 *
 * A frozen network is made once from a trained one and can be shared into other contexts, whose threads then run it at the same time on
 * the same weights.
 */
#ifndef KDST_FROZEN_H
#define KDST_FROZEN_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A network that only infers. */
typedef struct kdst_frozen kdst_frozen;

/** Makes a frozen network from a network in evaluation mode, whatever its mode.
 *
 *  Weights are copied; later training does not reach them. A batch normalisation behind a convolution or an affine map becomes part of its
 *  weights, and a ReLU works in place. Outputs equal those of the network in evaluation mode to rounding. Hooks are left out.
 *
 *  @param      layer    the network
 *  @param      count    number of inputs, at least 1
 *  @param      dtypes   [count], nullable: each of the network's type
 *  @param      ranks    [count], each 0 to 8
 *  @param      shapes   the shapes of all inputs one behind the other, for any batch of at least 1
 *  @param      options  nullable; schema "frozen": batch_axis (of each input, 0 where none is given; -1: none): the axis that may have another
 *                       size when it is run
 *  @param[out] out      new; released with kdst_frozen_release
 *  @status INVALID_ARGUMENT (NULL, option, number of inputs), SHAPE, DTYPE, UNSUPPORTED (an operation of yours without a shape rule), STATE,
 *          OUT_OF_MEMORY, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_frozen_create(
    kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes,
    const kdst_options *options, kdst_frozen **out);

/** The same network for another context, on the same weights. The first one may go, and its context too.
 *
 *  @param      frozen  of any context, which may be in use meanwhile
 *  @param      ctx     the context that will run it; a failure's message is there
 *  @param[out] out     new, of that context; released with kdst_frozen_release
 *  @status INVALID_ARGUMENT (NULL), UNSUPPORTED (it has an operation of yours, whose callback belongs to its context), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_frozen_share(kdst_frozen *frozen, kdst_context *ctx, kdst_frozen **out);

/** Adds a reference.
 *
 *  @param frozen  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_frozen_retain(kdst_frozen *frozen);

/** Drops a reference; the last one frees, the weights with the last of all that share them.
 *
 *  @param frozen  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_frozen_release(kdst_frozen *frozen);

/** Runs a network with one input and one output.
 *
 *  @param      frozen  the network
 *  @param      x       of the shape that it was made for, apart from the batch
 *  @param[out] out     new reference; no gradient flows through it; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, several inputs or outputs), SHAPE, DTYPE, STATE (a trace is being made),
 *          OUT_OF_MEMORY, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_frozen_run(kdst_frozen *frozen, kdst_tensor *x, kdst_tensor **out);

/** Runs a network with any number of inputs and outputs.
 *
 *  @param      frozen     the network
 *  @param      inputs     [count]
 *  @param      count      as it was made for
 *  @param[out] out        [capacity] new references, NULL behind them; each released with kdst_tensor_release; all NULL on failure
 *  @param      capacity   length of out
 *  @param[out] out_count  nullable; number of outputs
 *  @status INVALID_ARGUMENT (NULL, another context, count, capacity), SHAPE, DTYPE, STATE (a trace is being made), OUT_OF_MEMORY, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_frozen_run_many(
    kdst_frozen *frozen, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity,
    int64_t *out_count);

#ifdef __cplusplus
}
#endif

#endif
