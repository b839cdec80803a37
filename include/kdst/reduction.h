/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that reduce axes of a tensor: sums, means.
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

#ifdef __cplusplus
}
#endif

#endif
