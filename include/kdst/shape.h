/* SPDX-License-Identifier: Apache-2.0 */
/* The same elements in other shapes: reshape, transpose, slice, pad.
 *
 * Results are views on the memory of x where the text says so: what is written to one is seen in the other. Element types are
 * any unless a type is named; gradients flow for floating point.
 */
#ifndef KDST_SHAPE_H
#define KDST_SHAPE_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The same elements in another shape. A view when x is contiguous, else a copy.
 *
 *  @param      x      any tensor
 *  @param      rank   0 to 8
 *  @param      shape  [rank]; one entry may be -1: what is left; nullable when rank is 0
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, rank), SHAPE (another number of elements), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_reshape(kdst_tensor *x, int64_t rank, const int64_t *shape, kdst_tensor **out);

/** Exchanges two axes; a view.
 *
 *  @param      x       any tensor
 *  @param      axis_a  0 to rank - 1, or -rank to -1
 *  @param      axis_b  0 to rank - 1, or -rank to -1
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_transpose(kdst_tensor *x, int64_t axis_a, int64_t axis_b, kdst_tensor **out);

/** Elements start, start + step, … below stop of one axis; a view.
 *
 *  @param      x      any tensor
 *  @param      axis   0 to rank - 1, or -rank to -1
 *  @param      start  0 to the axis' size
 *  @param      stop   start to the axis' size
 *  @param      step   >= 1
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, start, stop or step out of range), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_slice(
    kdst_tensor *x, int64_t axis, int64_t start, int64_t stop, int64_t step, kdst_tensor **out);

/** Adds zeros in front of and behind one axis.
 *
 *  @param      x       any shape, floating point
 *  @param      axis    0 to rank - 1, or -rank to -1
 *  @param      before  >= 0
 *  @param      after   >= 0
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, negative count), SHAPE (too large), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_pad(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
