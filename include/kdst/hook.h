/* SPDX-License-Identifier: Apache-2.0 */
/* Named activations: the outputs of layers inside a network, read or replaced while it runs.
 *
 * Two ways. A hook is a function that is called after a layer with its output. A layer that keeps its output needs no function: run the
 * network, then ask for the output. Both see the recorded tensor, so a loss on it differentiates through the network.
 */
#ifndef KDST_HOOK_H
#define KDST_HOOK_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The registration of a hook. The layer holds it as long as it lives or until it is removed. */
typedef struct kdst_hook kdst_hook;

/** Called after a layer has run.
 *
 *  Runs on the thread that runs the layer, with recording as it was there. When it runs its own layer, it is not called again
 *  for that run. A hook that is added meanwhile waits for the next run.
 *
 *  @param      user_data  as registered
 *  @param      layer      borrowed
 *  @param      index      which of the layer's outputs, from 0; the hook is called for each
 *  @param      output     borrowed; retain it to keep it, and with it what it was recorded from
 *  @param[out] out        NULL at first, and then the output stays; else a new reference to a tensor of the same context that replaces
 *                         it for everything behind the layer
 *  @return     KDST_STATUS_OK; anything else stops the run, with the message that is set */
typedef kdst_status (*kdst_hook_fn)(
    void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out);

/** Calls a function after each run of a layer. Several hooks of a layer run in the order in which they were added.
 *
 *  @param      layer      the layer; does not become part of the hook
 *  @param      fn         the function
 *  @param      user_data  nullable; given to both functions
 *  @param      destroy    nullable; called once with user_data: when this fails, when the hook is removed, or with the last of
 *                         the layer and the references to the hook
 *  @param[out] out        nullable; new; released with kdst_hook_release, which does not remove the hook
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_add_hook(
    kdst_layer *layer, kdst_hook_fn fn, void *user_data, kdst_destroy_fn destroy, kdst_hook **out);

/** Adds a reference.
 *
 *  @param hook  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_hook_retain(kdst_hook *hook);

/** Drops a reference. The hook goes on as long as its layer holds it.
 *
 *  @param hook  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_hook_release(kdst_hook *hook);

/** Ends a hook: it is not called any more. From within the hook too; then its destroy function runs behind it.
 *
 *  When it works the message of an earlier failure stays.
 *
 *  @param hook  the hook; removed already is fine
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_hook_remove(kdst_hook *hook);

/** Says whether a layer keeps the outputs of its last run for kdst_layer_get_output.
 *
 *  What is kept is an output after the hooks, with its record. It goes with the next run of the layer or of one around it, with
 *  kdst_layer_clear_outputs, or when keeping ends. Of several runs within one run of the network the last counts.
 *
 *  @param layer  the layer
 *  @param keep   0 or 1
 *  @status INVALID_ARGUMENT (NULL, keep not 0 or 1)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_keep_output(kdst_layer *layer, int32_t keep);

/** Output of the last run of a layer that keeps it.
 *
 *  @param      layer  the layer
 *  @param      index  which of its outputs, from 0
 *  @param[out] out    new reference; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, index out of range), STATE (the layer does not keep its output), NOT_FOUND (it has not run since)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_get_output(kdst_layer *layer, int64_t index, kdst_tensor **out);

/** Drops the outputs that are kept in a layer and in everything below it; the layers go on keeping.
 *
 *  When it works the message of an earlier failure stays.
 *
 *  @param layer  the layer
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_clear_outputs(kdst_layer *layer);

#ifdef __cplusplus
}
#endif

#endif
