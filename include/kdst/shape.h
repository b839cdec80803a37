/* SPDX-License-Identifier: Apache-2.0 */
/* The same elements in other shapes: reshaped, in other orders, parts of them, stretched, padded.
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

/** Padding of several axes, by a value or by elements of x.
 *
 *  "reflect" mirrors at the first and last element without repeating them, "replicate" repeats them, "circular" goes on at
 *  the other end. Where nothing is padded the result is a view.
 *
 *  @param      x        any shape, floating point
 *  @param      before   [count], elements in front of each axis, >= 0; nullable when count is 0
 *  @param      after    [count], elements behind each axis, >= 0; nullable when count is 0
 *  @param      count    rank of x
 *  @param      options  nullable; schema "pad": mode "constant" | "reflect" | "replicate" | "circular" = "constant", value = 0
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, negative number, count, option), SHAPE (too large; more than the axis has, or nothing to pad with),
 *          DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_pad_axes(
    kdst_tensor *x, const int64_t *before, const int64_t *after, int64_t count, const kdst_options *options,
    kdst_tensor **out);

/** The axes in another order; a view.
 *
 *  @param      x      any tensor
 *  @param      axes   [count], each axis of x once: axis i of the result is axis axes[i] of x; nullable when count is 0
 *  @param      count  rank of x
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, count, axis out of range or twice), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_permute(kdst_tensor *x, const int64_t *axes, int64_t count, kdst_tensor **out);

/** Takes an axis of size 1 away; a view.
 *
 *  @param      x     rank 1 or more
 *  @param      axis  0 to rank - 1, or -rank to -1; of size 1
 *  @param[out] out   new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), SHAPE (size is not 1), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_squeeze(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** Puts an axis of size 1 in; a view.
 *
 *  @param      x     rank 0 to 7
 *  @param      axis  where it stands in the result: 0 to rank, or -rank - 1 to -1
 *  @param[out] out   new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), SHAPE (rank is 8), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_unsqueeze(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** Stretches axes of size 1 and puts new ones in front, as NumPy does; a view, in which the same element stands many times.
 *
 *  @param      x      any tensor
 *  @param      rank   rank of x to 8
 *  @param      shape  [rank]; -1 keeps the size of an axis that x has; nullable when rank is 0
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, rank), SHAPE (does not stretch, too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_broadcast_to(
    kdst_tensor *x, int64_t rank, const int64_t *shape, kdst_tensor **out);

/** Channels interleaved; a copy: y[n, j G + k] = x[n, k (C / G) + j] (Zhang, Zhou, Lin, Sun: ShuffleNet, 2018).
 *
 *  @param      x       [N, C, …], rank 2 or more
 *  @param      groups  G, at least 1, which divides C
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, groups), SHAPE (rank, C), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_channel_shuffle(kdst_tensor *x, int64_t groups, kdst_tensor **out);

/** Channels start to start + count - 1; a copy, which keeps the layout that convolutions work in, where kdst_slice gives a view.
 *
 *  @param      x      [N, C, …], rank 2 or more
 *  @param      start  0 to C
 *  @param      count  0 to C - start
 *  @param[out] out    new; [N, count, …]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, start or count out of range), SHAPE (rank), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_channel_slice(kdst_tensor *x, int64_t start, int64_t count, kdst_tensor **out);

/** An axis backwards; a copy.
 *
 *  @param      x     rank 1 or more
 *  @param      axis  0 to rank - 1, or -rank to -1
 *  @param[out] out   new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_flip(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** Cuts an axis into parts behind each other; views.
 *
 *  @param      x      rank 1 or more
 *  @param      axis   0 to rank - 1, or -rank to -1
 *  @param      sizes  [count], each >= 0; together the axis' size
 *  @param      count  >= 1
 *  @param[out] out    [count] new tensors, each released with kdst_tensor_release; all NULL on failure
 *  @status INVALID_ARGUMENT (NULL, axis, count, negative size), SHAPE (sum of the sizes), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_split(
    kdst_tensor *x, int64_t axis, const int64_t *sizes, int64_t count, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
