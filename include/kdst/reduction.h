/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that reduce axes of a tensor: sums, means, extremes, variances, norms, places of the largest.
 *
 * They take a floating-point tensor (float32 or float64), make a new one and are recorded when x requires a gradient.
 * Sums are accumulated in double. Names and defaults are PyTorch's.
 */
#ifndef KDST_REDUCTION_H
#define KDST_REDUCTION_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- over several axes ---- */

/** Sum over axes.
 *
 *  @param      x      any shape
 *  @param      axes   [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count  0: over all axes
 *  @param      keep   1 keeps the reduced axes with size 1, 0 drops them
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep), SHAPE (mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_sum(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);

/** Mean over axes.
 *
 *  @param      x      any shape; not empty
 *  @param      axes   [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count  0: over all axes
 *  @param      keep   1 keeps the reduced axes with size 1, 0 drops them
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep), SHAPE (mean of nothing), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_mean(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);

/** Largest element over axes; NaN when one is NaN.
 *
 *  The gradient goes to the largest element; where several are equal, in equal parts to each.
 *
 *  @param      x      any shape
 *  @param      axes   [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count  0: over all axes
 *  @param      keep   1 keeps the reduced axes with size 1, 0 drops them
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep), SHAPE (nothing to reduce), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_max(
    kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);

/** Smallest element over axes; NaN when one is NaN.
 *
 *  The gradient goes to the smallest element; where several are equal, in equal parts to each.
 *
 *  @param      x      any shape
 *  @param      axes   [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count  0: over all axes
 *  @param      keep   1 keeps the reduced axes with size 1, 0 drops them
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep), SHAPE (nothing to reduce), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_min(
    kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);

/** Variance over axes: the sum of (x - mean)^2 divided by the number of elements less a correction.
 *
 *  0 gives the mean square deviation, 1 the unbiased estimate, which is what PyTorch takes.
 *
 *  @param      x           any shape
 *  @param      axes        [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count       0: over all axes
 *  @param      keep        1 keeps the reduced axes with size 1, 0 drops them
 *  @param      correction  0 to the number of elements less 1
 *  @param[out] out         new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep, correction), SHAPE (no more elements than correction), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_variance(
    kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction, kdst_tensor **out);

/** Standard deviation over axes: the root of kdst_variance.
 *
 *  Where it is 0 the gradient is 0.
 *
 *  @param      x           any shape
 *  @param      axes        [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count       0: over all axes
 *  @param      keep        1 keeps the reduced axes with size 1, 0 drops them
 *  @param      correction  0 to the number of elements less 1
 *  @param[out] out         new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep, correction), SHAPE (no more elements than correction), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_std(
    kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction, kdst_tensor **out);

/** Logarithm of the sum of e^x over axes, without overflow.
 *
 *  -infinity where there is nothing to sum. The gradient is the softmax over the axes.
 *
 *  @param      x      any shape
 *  @param      axes   [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count  0: over all axes
 *  @param      keep   1 keeps the reduced axes with size 1, 0 drops them
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_logsumexp(
    kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);

/** Euclidean norm over axes: the root of the sum of x^2.
 *
 *  0 where there is nothing to sum. Where it is 0 the gradient is 0.
 *
 *  @param      x      any shape
 *  @param      axes   [count], each 0 to rank - 1 or counted from the end; nullable when count is 0
 *  @param      count  0: over all axes
 *  @param      keep   1 keeps the reduced axes with size 1, 0 drops them
 *  @param[out] out    new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis out of range or twice, keep), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_norm(
    kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out);

/* ---- places along one axis ---- */

/** Place of the largest element along an axis: the first of equal ones, and NaN counts as largest.
 *
 *  @param      x     rank 1 or more, fewer than 2^31 elements along the axis and at least one
 *  @param      axis  0 to rank - 1, or -rank to -1; it is dropped
 *  @param[out] out   new, int32; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), SHAPE (empty or too long an axis), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_argmax(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** Place of the smallest element along an axis: the first of equal ones, and NaN counts as smallest.
 *
 *  @param      x     rank 1 or more, fewer than 2^31 elements along the axis and at least one
 *  @param      axis  0 to rank - 1, or -rank to -1; it is dropped
 *  @param[out] out   new, int32; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis), SHAPE (empty or too long an axis), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_argmin(kdst_tensor *x, int64_t axis, kdst_tensor **out);

/** The k largest or smallest elements along an axis in order, and their places.
 *
 *  Of equal ones the lower place comes first; NaN counts as larger than any number. The gradient goes to the elements chosen.
 *
 *  @param      x            rank 1 or more, fewer than 2^31 elements along the axis
 *  @param      k            0 to the axis' size
 *  @param      axis         0 to rank - 1, or -rank to -1; it has size k in the results
 *  @param      largest      1: from the largest down; 0: from the smallest up
 *  @param[out] out_values   nullable; new; released with kdst_tensor_release
 *  @param[out] out_indices  nullable; new, int32; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, axis, k, largest), SHAPE (too long an axis), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_top_k(
    kdst_tensor *x, int64_t k, int64_t axis, int32_t largest, kdst_tensor **out_values, kdst_tensor **out_indices);

#ifdef __cplusplus
}
#endif

#endif
