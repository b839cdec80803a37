/* SPDX-License-Identifier: Apache-2.0 */
/* Averages of weights over the course of a training: exponential (EMA), or equal (SWA). */
#ifndef KDST_AVERAGE_H
#define KDST_AVERAGE_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A moving average of the parameters and buffers of a layer. */
typedef struct kdst_average kdst_average;

/** Begins an average with a copy of a layer's parameters and buffers.
 *
 *  Update number t, from 1, moves every averaged tensor a by a = a + (1 - d) * (w - a), where
 *  d = decay; with warmup "ramp" the smaller of decay and (1 + t) / (10 + t); with "corrected" decay * (1 - decay^(t-1)) / (1 - decay^t),
 *  which is Adam's bias correction: the weighted mean of the weights seen at the updates alone; with kind "equal" (t - 1) / t, which is
 *  their plain mean (Izmailov, Podoprikhin, Garipov, Vetrov and Wilson 2018; then decay and warmup do not count).
 *
 *  Parameters are averaged, frozen ones too. Buffers, the running statistics of batch norms, are copied at each update, or averaged by the
 *  same rule; whole numbers are always copied. A layer that is added to the layer later is not in the average.
 *
 *  @param      layer    retained with its tensors
 *  @param      options  nullable; schema "average": decay [0,1) = 0.999, kind "exponential" | "equal" = "exponential",
 *                       warmup "none" | "ramp" | "corrected" = "none", buffers "copy" | "average" = "copy"
 *  @param[out] out      new; released with kdst_average_release
 *  @status INVALID_ARGUMENT (NULL, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_create(
    kdst_layer *layer, const kdst_options *options, kdst_average **out);

/** Adds a reference.
 *
 *  @param average  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_average_retain(kdst_average *average);

/** Drops a reference; the last one frees. The layer keeps whatever it holds at that moment.
 *
 *  @param average  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_average_release(kdst_average *average);

/** Takes the layer's weights into the average, after an update by an optimiser. Cannot run out of memory.
 *
 *  @param average  the average
 *  @status INVALID_ARGUMENT (NULL), STATE (the layer holds the average)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_update(kdst_average *average);

/** Exchanges: the layer holds the average, for validation, until kdst_average_restore. Cannot run out of memory.
 *
 *  @param average  the average
 *  @status INVALID_ARGUMENT (NULL), STATE (the layer holds the average already)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_apply(kdst_average *average);

/** Exchanges back: the layer holds its own weights, bit for bit.
 *
 *  @param average  the average
 *  @status INVALID_ARGUMENT (NULL), STATE (the layer holds its own weights)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_restore(kdst_average *average);

/** Copies the average into a layer of the same names and shapes, as kdst_layer_copy_state; into its own layer too.
 *
 *  @param average  the average
 *  @param layer    written; may belong to another context
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (names differ), SHAPE, STATE (its own layer holds the average), OUT_OF_MEMORY; nothing is
 *          changed then, and the message is the average's context's
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_copy_to(kdst_average *average, kdst_layer *layer);

/** Number of tensors in the average: those of the layer's state.
 *
 *  @param average  nullable
 *  @return         the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_average_get_state_count(const kdst_average *average);

/** One tensor of the average, under its name in the layer: what a checkpoint keeps, and writes back into.
 *
 *  @param      average   the average
 *  @param      index     from 0
 *  @param[out] out_name  nullable; borrowed while the average lives
 *  @param[out] out       nullable; borrowed while the average lives
 *  @status INVALID_ARGUMENT (average is NULL), NOT_FOUND (index out of range), STATE (the layer holds the average)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_get_state(
    kdst_average *average, int64_t index, const char **out_name, kdst_tensor **out);

/** Number of updates so far.
 *
 *  @param average  nullable
 *  @return         the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_average_get_updates(const kdst_average *average);

/** Sets the number of updates, when a run is resumed.
 *
 *  @param average  the average
 *  @param updates  at least 0
 *  @status INVALID_ARGUMENT (NULL, negative)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_average_set_updates(kdst_average *average, int64_t updates);

#ifdef __cplusplus
}
#endif

#endif
