/* SPDX-License-Identifier: Apache-2.0 */
/* Putting tensors together and picking elements by lists of indices.
 *
 * Indices are int32 and count from 0; each is checked. Elements are of any type; gradients flow for floating point.
 */
#ifndef KDST_INDEXING_H
#define KDST_INDEXING_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tensors behind each other along an axis.
 *
 *  @param      tensors  [count], borrowed during the call: one element type, and shapes that differ in the size of the axis alone
 *  @param      count    1 to 1048576
 *  @param      axis     0 to rank - 1, or -rank to -1
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, count, axis, another context), SHAPE, DTYPE (types differ), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_concat(
    kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out);

/** Tensors of one shape behind each other along a new axis, which has size count.
 *
 *  @param      tensors  [count], borrowed during the call: one element type and shape, rank 0 to 7
 *  @param      count    1 to 1048576
 *  @param      axis     where the new axis stands in the result: 0 to rank, or -rank - 1 to -1
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, count, axis, another context), SHAPE, DTYPE (types differ), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_stack(
    kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out);

/** The elements of an axis that a list names, in its order; of a matrix of word vectors, a lookup.
 *
 *  y[.. j ..] = x[.. indices[j] ..]. An index may come any number of times: the gradients of its places are added, in double and
 *  in a fixed order.
 *
 *  @param      x        rank 1 or more
 *  @param      axis     0 to rank - 1, or -rank to -1
 *  @param      indices  int32 [n], each 0 to the axis' size - 1
 *  @param[out] out      new; shape of x with n along the axis; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, index out of range, another context), SHAPE (rank of indices), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_index_select(
    kdst_tensor *x, int64_t axis, kdst_tensor *indices, kdst_tensor **out);

/** One element of the axis for each index: y[.. j ..] = x[.. indices[.. j ..] ..].
 *
 *  @param      x        rank 1 or more
 *  @param      axis     0 to rank - 1, or -rank to -1
 *  @param      indices  int32, each 0 to the axis' size - 1; the rank of x, and along the other axes no longer than x
 *  @param[out] out      new; shape of the indices; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, index out of range, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_gather(kdst_tensor *x, int64_t axis, kdst_tensor *indices, kdst_tensor **out);

/** Labels as rows with a 1 at the label and 0 elsewhere; has no gradient.
 *
 *  @param      labels   int32, rank 0 to 7, each 0 to classes - 1
 *  @param      classes  size of the new last axis, >= 1
 *  @param      dtype    element type of the result
 *  @param[out] out      new; shape of the labels with classes behind; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, classes, label out of range), SHAPE (rank is 8, too large), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_one_hot(kdst_tensor *labels, int64_t classes, kdst_dtype dtype, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
