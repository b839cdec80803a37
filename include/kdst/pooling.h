/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling, the largest element or the mean of windows of [N, C, H, W], and resampling.
 *
 * Output side of pooling: floor((H + 2 padding - kernel) / stride) + 1. In ceil mode the division rounds up, so that the last window may
 * leave image and padding; one that would begin behind the image is left out.
 */
#ifndef KDST_POOLING_H
#define KDST_POOLING_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Largest element of each window; padding never wins. Of equal ones the first takes the gradient.
 *
 *  @param      x        [N, C, H, W]
 *  @param      options  nullable; schema "max_pool2d": kernel [1,..) = 2, stride [0,..) = 0 (the kernel), padding [0, kernel / 2] = 0, each one number or two;
 *                       ceil_mode 0 | 1 = 0
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_max_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/** Mean of each window.
 *
 *  The sum is divided by the size of the window inside of image and padding, or with count_include_pad 0 by its size inside of
 *  the image alone.
 *
 *  @param      x        [N, C, H, W]
 *  @param      options  nullable; schema "avg_pool2d": kernel [1,..) = 2, stride [0,..) = 0 (the kernel), padding [0, kernel / 2] = 0, each one number or two;
 *                       ceil_mode 0 | 1 = 0, count_include_pad 0 | 1 = 1
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_avg_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

/** Means of height x width windows that together cover the image, [N, C, H, W] to [N, C, height, width].
 *
 *  Window i has rows floor(i H / height) to ceil((i + 1) H / height) - 1, columns likewise; the result may be larger than x.
 *
 *  @param      x       [N, C, H, W], H and W at least 1
 *  @param      height  0 to 2^31 - 1
 *  @param      width   0 to 2^31 - 1
 *  @param[out] out     new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, size), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_adaptive_avg_pool2d(
    kdst_tensor *x, int64_t height, int64_t width, kdst_tensor **out);

/** Mean over height and width, [N, C, H, W] to [N, C].
 *
 *  @param      x    [N, C, H, W]
 *  @param[out] out  new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_global_avg_pool2d(kdst_tensor *x, kdst_tensor **out);

/** The image in another size, [N, C, H, W] to [N, C, P, Q].
 *
 *  With a size, row p of the result is taken at (p + 1/2) H / P - 1/2, at least 0 ("bilinear"), at p (H - 1) / (P - 1) with
 *  align_corners 1, or at floor(p H / P) ("nearest"); columns likewise. With a scale f, P = floor(H f) and 1 / f stands for H / P.
 *
 *  @param      x        [N, C, H, W], H and W at least 1
 *  @param      options  schema "upsample2d": either size [1,..) or scale (0,inf), each one number or [vertical, horizontal];
 *                       mode "nearest" | "bilinear", align_corners 0 | 1 = 0 (1: bilinear alone)
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_upsample2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
