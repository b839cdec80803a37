/* SPDX-License-Identifier: Apache-2.0 */
/* State: named tensors with short texts beside them, in memory and as a safetensors file; and layers to and from such files.
 *
 * The names of a layer's tensors are PyTorch's, so `safetensors.torch.load_file` and `load_state_dict` read what is written here, and
 * the reverse. bool, uint8, int32, float32 and float64 keep their type on reading; float16, bfloat16 become float32 and the other
 * integers int32 (an error where a value does not fit).
 */
#ifndef KDST_STATE_H
#define KDST_STATE_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Named tensors and texts, each in the order of being set. */
typedef struct kdst_state kdst_state;

/** Makes an empty state.
 *
 *  @param      ctx  the context; retained by the state
 *  @param[out] out  new; released with kdst_state_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_create(kdst_context *ctx, kdst_state **out);

/** Adds a reference.
 *
 *  @param state  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_state_retain(kdst_state *state);

/** Drops a reference; the last one frees.
 *
 *  @param state  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_state_release(kdst_state *state);

/** Sets a tensor, replacing one of that name.
 *
 *  @param state   the state
 *  @param name    copied; UTF-8, 1 to 511 bytes, not "__metadata__"
 *  @param tensor  retained, not copied: what is written to it later is what will be saved
 *  @status INVALID_ARGUMENT (NULL, name, another context), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_set(kdst_state *state, const char *name, kdst_tensor *tensor);

/** Sets a text, replacing one of that key.
 *
 *  @param state  the state
 *  @param key    copied; UTF-8, 1 to 511 bytes, not "kdst.crc32"
 *  @param text   copied; UTF-8
 *  @status INVALID_ARGUMENT (NULL, key, text not UTF-8), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_set_text(kdst_state *state, const char *key, const char *text);

/** Sets every parameter and buffer of a layer under prefix + name.
 *
 *  @param state   the state
 *  @param prefix  copied; "" or something like "model."
 *  @param layer   its tensors are retained, not copied
 *  @status INVALID_ARGUMENT (NULL, another context, name too long), OUT_OF_MEMORY; after a failure some tensors may have been set
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_add_layer(kdst_state *state, const char *prefix, kdst_layer *layer);

/** The tensor of a name.
 *
 *  @param      state  the state
 *  @param      name   as it was set
 *  @param[out] out    borrowed until it is replaced or the state is released
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (the message gives the nearest name)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_get(kdst_state *state, const char *name, kdst_tensor **out);

/** The text of a key.
 *
 *  @param      state  the state
 *  @param      key    as it was set
 *  @param[out] out    borrowed until it is replaced or the state is released
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_get_text(kdst_state *state, const char *key, const char **out);

/** Number of tensors.
 *
 *  @param state  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_state_get_count(const kdst_state *state);

/** Number of texts.
 *
 *  @param state  nullable
 *  @return       the number; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_state_get_text_count(const kdst_state *state);

/** One tensor by its position.
 *
 *  @param      state       the state
 *  @param      index       from 0
 *  @param[out] out_name    nullable; borrowed until the state is released
 *  @param[out] out_tensor  nullable; borrowed until it is replaced or the state is released
 *  @status INVALID_ARGUMENT (state is NULL), NOT_FOUND (index out of range)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_get_at(
    kdst_state *state, int64_t index, const char **out_name, kdst_tensor **out_tensor);

/** One text by its position.
 *
 *  @param      state     the state
 *  @param      index     from 0
 *  @param[out] out_key   nullable; borrowed until the state is released
 *  @param[out] out_text  nullable; borrowed until it is replaced or the state is released
 *  @status INVALID_ARGUMENT (state is NULL), NOT_FOUND (index out of range)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_get_text_at(
    kdst_state *state, int64_t index, const char **out_key, const char **out_text);

/** Writes the state as a safetensors file; the texts become its metadata.
 *
 *  The file appears whole or not at all; an older one of that name is replaced only by a complete one. The metadata carries a
 *  checksum of the tensors' bytes under "kdst.crc32", which kdst_state_load compares where it is present.
 *
 *  @param state  the state
 *  @param path   UTF-8
 *  @status INVALID_ARGUMENT (NULL), IO (with the system's reason), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_save(kdst_state *state, const char *path);

/** Reads a safetensors file.
 *
 *  @param      ctx   the context; retained by the state
 *  @param      path  UTF-8
 *  @param[out] out   new; released with kdst_state_release
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND, IO, FORMAT (no safetensors file, truncated, oversized, corrupt), UNSUPPORTED (element
 *          type, more than 8 axes), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_state_load(kdst_context *ctx, const char *path, kdst_state **out);

/** Copies tensors of a state into the parameters and buffers of the same names. Nothing changes when they do not fit.
 *
 *  Types are converted. "num_batches_tracked" of a batch norm may be missing.
 *
 *  @param layer    the layer
 *  @param state    of the same context
 *  @param options  nullable; schema "layer.load": prefix = "" (names in the state are prefix + name), strict 0 | 1 = 1 (with 0 tensors that
 *                  the state lacks keep their values, and the state may hold others; with 1 both are errors, texts and tensors
 *                  without the prefix apart)
 *  @status INVALID_ARGUMENT (NULL, another context, option), NOT_FOUND (a name is missing or left over), SHAPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_load_state(kdst_layer *layer, kdst_state *state, const kdst_options *options);

/** Writes the parameters and buffers of a layer as a safetensors file.
 *
 *  @param layer  the layer
 *  @param path   UTF-8; as in kdst_state_save
 *  @status INVALID_ARGUMENT (NULL, a name over 511 bytes), IO (with the system's reason), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_save(kdst_layer *layer, const char *path);

/** Reads the parameters and buffers of a layer from a safetensors file. Nothing changes when it fails.
 *
 *  @param layer    the layer
 *  @param path     UTF-8
 *  @param options  nullable; schema "layer.load", as in kdst_layer_load_state
 *  @status INVALID_ARGUMENT (NULL, option), NOT_FOUND (the file, or a name is missing or left over), IO, FORMAT, UNSUPPORTED, SHAPE,
 *          OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_load(kdst_layer *layer, const char *path, const kdst_options *options);

#ifdef __cplusplus
}
#endif

#endif
