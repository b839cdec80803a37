/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as ONNX files, for other programs to run. */
#ifndef KDST_ONNX_H
#define KDST_ONNX_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Writes a network in evaluation mode, with its weights, as an ONNX model.
 *
 *  The network is traced, whatever its mode; hooks are not part of it. Weights have their state names. The file appears whole or not at
 *  all. Some runtimes have no float64 kernels for convolutions.
 *
 *  @param layer    the network
 *  @param count    number of inputs, at least 1
 *  @param dtypes   [count], nullable: each of the network's type
 *  @param ranks    [count], each 0 to 8
 *  @param shapes   the shapes of all inputs one behind the other, for any batch of at least 1
 *  @param path     UTF-8
 *  @param options  nullable; schema "onnx.save": opset [13,17] = 13, dynamic_batch 0 | 1 = 1 (the file takes batches of any size),
 *                  batch_axis (of each input, 0 where none is given; -1: none), input = "input" and output = "output" (names; of several,
 *                  with their numbers behind it: "input0")
 *  @status INVALID_ARGUMENT (NULL, option, number of inputs, a name used twice), SHAPE, DTYPE, UNSUPPORTED (an operation that ONNX has not, named
 *          with its layer; a network that depends on the batch; a file over 2 GB), IO, STATE, OUT_OF_MEMORY, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_onnx_save(
    kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes,
    const char *path, const kdst_options *options);

#ifdef __cplusplus
}
#endif

#endif
