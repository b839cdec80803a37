/* SPDX-License-Identifier: Apache-2.0 */
/* Augmentations: steps that a loader does to every image, in the order in which they were added.
 *
 * What a step draws is a pure function of (seed, epoch, sample, place of the step), so it is the same for any number of threads, with or
 * without prefetching, and in a run that was resumed. Steps compute in double; the result is rounded once to the type of the batch.
 * They see pixels scaled to [0, 1] (uint8) or as they are stored (reals). A validation set gets none, or normalisation alone.
 *
 *     kdst_augmentation *augmentation = NULL;
 *     kdst_status status = kdst_augmentation_create(ctx, &augmentation);
 *     if (!status) status = kdst_augmentation_add_flip(augmentation, NULL);
 *     if (!status) status = kdst_augmentation_add_rotation(augmentation, 15, NULL);
 *     if (!status) status = kdst_augmentation_add_cutout(augmentation, 8, NULL);
 */
#ifndef KDST_AUGMENTATION_H
#define KDST_AUGMENTATION_H

#include <kdst/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A list of steps; a loader copies it. */
typedef struct kdst_augmentation kdst_augmentation;

/** Makes an augmentation without steps.
 *
 *  @param      ctx  the context; retained
 *  @param[out] out  new; released with kdst_augmentation_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_create(kdst_context *ctx, kdst_augmentation **out);

/** Adds a reference.
 *
 *  @param augmentation  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_augmentation_retain(kdst_augmentation *augmentation);

/** Drops a reference; the last one frees.
 *
 *  @param augmentation  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_augmentation_release(kdst_augmentation *augmentation);

/** Number of steps.
 *
 *  @param augmentation  nullable
 *  @return              the number, at most 64; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_augmentation_get_count(const kdst_augmentation *augmentation);

/** Adds a crop at a random place of the image padded with zeros on every side.
 *
 *  @param augmentation  the augmentation
 *  @param options       nullable; schema "augmentation.crop": padding [0,1024] = 0, height and width [0,65536] = 0 (of the result; 0: as
 *                       the image), which the padded image must have
 *  @status INVALID_ARGUMENT (NULL, option), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_crop(
    kdst_augmentation *augmentation, const kdst_options *options);

/** Adds a mirror.
 *
 *  @param augmentation  the augmentation
 *  @param options       nullable; schema "augmentation.flip": axis "horizontal" (left and right) | "vertical", probability [0,1] = 0.5
 *  @status INVALID_ARGUMENT (NULL, option), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_flip(
    kdst_augmentation *augmentation, const kdst_options *options);

/** Adds a rotation about the middle by an angle that is uniform in [-degrees, degrees]; what comes from outside is 0.
 *
 *  @param augmentation  the augmentation
 *  @param degrees       0 to 180
 *  @param options       nullable; schema "augmentation.rotation": interpolation "bilinear" | "nearest"
 *  @status INVALID_ARGUMENT (NULL, degrees, option), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_rotation(
    kdst_augmentation *augmentation, double degrees, const kdst_options *options);

/** Adds a crop of random size and shape, brought to one size by bilinear interpolation (Szegedy et al. 2015).
 *
 *  Ten attempts are made to find a part with a share of the area in `scale` and a width / height in `ratio` that fits; then the
 *  largest part in the middle is taken.
 *
 *  @param augmentation  the augmentation
 *  @param options       nullable; schema "augmentation.resized_crop": height and width [0,65536] = 0 (of the result; 0: as the image),
 *                       scale (0,1] = 0.08 1 and ratio (0,inf) = 3/4 4/3 (lower and upper)
 *  @status INVALID_ARGUMENT (NULL, option, lower above upper), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_resized_crop(
    kdst_augmentation *augmentation, const kdst_options *options);

/** Adds random erasing: a part of the image is set to a value (Zhong et al. 2020).
 *
 *  @param augmentation  the augmentation
 *  @param options       nullable; schema "augmentation.erasing": probability [0,1] = 0.5, scale (0,1] = 0.02 0.33 (lower and upper, of the area),
 *                       ratio (0,inf) = 0.3 3.3 (lower and upper, height / width), value = 0
 *  @status INVALID_ARGUMENT (NULL, option, lower above upper), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_erasing(
    kdst_augmentation *augmentation, const kdst_options *options);

/** Adds cutout: a square about a random pixel, cut at the borders of the image, is set to a value (DeVries and Taylor 2017).
 *
 *  @param augmentation  the augmentation
 *  @param size          side of the square, 1 to 65536
 *  @param options       nullable; schema "augmentation.cutout": value = 0
 *  @status INVALID_ARGUMENT (NULL, size, option), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_cutout(
    kdst_augmentation *augmentation, int64_t size, const kdst_options *options);

/** Adds a change of brightness, then of contrast.
 *
 *  Pixels are multiplied by a factor that is uniform in [max(0, 1 - brightness), 1 + brightness]; their distance from the image's mean
 *  grey value (0.299 R + 0.587 G + 0.114 B of 3 channels, else the mean of all) is multiplied by one of contrast.
 *
 *  @param augmentation  the augmentation
 *  @param options       nullable; schema "augmentation.jitter": brightness and contrast [0,1000] = 0, clamp 0 | 1 = 1 (results to [0, 1]; with 0
 *                       this step may follow a normalisation)
 *  @status INVALID_ARGUMENT (NULL, option), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_jitter(
    kdst_augmentation *augmentation, const kdst_options *options);

/** Adds a normalisation: x becomes (x - mean[c]) / deviation[c].
 *
 *  @param augmentation  the augmentation
 *  @param options       nullable; schema "augmentation.normalize": mean and deviation (> 0), one per channel or one for all = 0 and 1
 *  @status INVALID_ARGUMENT (NULL, option), STATE (64 steps), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_add_normalize(
    kdst_augmentation *augmentation, const kdst_options *options);

/** Does the steps to images of the caller's: image i gets what a loader does to sample first + i in that epoch.
 *
 *  @param      augmentation  the augmentation
 *  @param      images        [B, C, H, W] uint8, float32 or float64
 *  @param      seed          as the loader's option
 *  @param      epoch         >= 0
 *  @param      first         >= 0; number of the first sample
 *  @param[out] out           new; [B, C, H', W'] float64 for float64 images, else float32; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, epoch, first, number of means or deviations), SHAPE (also: a crop larger than the padded
 *          image), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_augmentation_run(
    kdst_augmentation *augmentation, kdst_tensor *images, uint64_t seed, int64_t epoch, int64_t first, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
