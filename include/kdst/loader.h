/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders: batches of a data set, shuffled, augmented, normalised and encoded over time, prepared ahead by a thread of their own.
 *
 * Order, augmentation and spikes are pure functions of (seed, epoch, sample), so an epoch can be entered at any batch and is the same for any
 * number of threads, with or without prefetching.
 */
#ifndef KDST_LOADER_H
#define KDST_LOADER_H

#include <kdst/augmentation.h>
#include <kdst/dataset.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Position in one pass over a data set. */
typedef struct kdst_loader kdst_loader;

/** Makes a loader at batch 0 of epoch 0.
 *
 *  A pixel becomes (x - mean[c]) / deviation[c], uint8 being scaled to [0, 1] first. A crop is taken at a random place of the
 *  image padded with zeros of the scaled values (black) on every side; a flip mirrors left and right with probability 1/2.
 *
 *  crop_padding, flip, mean and deviation are steps of an augmentation (kdst_loader_create_with), in this order.
 *
 *  Mixup replaces each image by w times itself and 1 - w times another one of the batch; cutmix puts a box of the other one into it and w is
 *  the share that is left. w comes from Beta(alpha, alpha) with the option as alpha, once for each batch; with both, each is done to
 *  half of the batches. Such batches have two labels: kdst_loader_next_mixed.
 *
 *  With an encoding the pixels, after all else that is done to them, become input over T steps (kdst/encoding.h); poisson and latency take what is
 *  in [0, 1]. Batches over time, of an encoding or of a data set of sequences, have the axes [T, B, C, H, W], with time "second"
 *  [B, T, C, H, W]. A sequence is augmented as a whole, all its images alike.
 *
 *  An epoch has as many samples as the data set. sampler "balanced" takes each class that occurs equally often (to one sample): of a class
 *  with fewer samples some come again, of one with more some are left out, others in each epoch.
 *
 *  @param      dataset  retained
 *  @param      batch    samples of a batch, at least 1
 *  @param      options  nullable; schema "loader": shuffle 0 | 1 = 0, sampler "auto" (as shuffle says) | "sequential" | "shuffle" |
 *                       "balanced", seed [0,inf) = 0, drop_last 0 | 1 = 0 (leave a smaller last batch out),
 *                       crop_padding [0,1024] = 0, flip 0 | 1 = 0, mean and deviation (one per channel or one for all) = 0 and 1,
 *                       mixup [0,1000] = 0 and cutmix [0,1000] = 0 (0: not), prefetch [0,64] = 2 (batches prepared ahead; 0: none, and no
 *                       thread; always 0 for a data set by callback), dtype "float32" | "float64", encoding "none" | "static" | "poisson" |
 *                       "latency", steps [1,1000000] = 5 (T of an encoding), rate [0,1] = 1 of poisson; latency "linear" | "logarithmic",
 *                       threshold [0,1) = 0.01 and tau [0,inf) = 0 of latency; time "first" | "second"
 *  @param[out] out      new; released with kdst_loader_release
 *  @status INVALID_ARGUMENT (NULL, batch, option, deviation not > 0, no whole batch with drop_last, an encoding of sequences, mixing of
 *          encoded images or of sequences with time first), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_create(
    kdst_dataset *dataset, int64_t batch, const kdst_options *options, kdst_loader **out);

/** Makes a loader with an augmentation, or with a weight for each sample.
 *
 *  The order of things done to an image: the options' crop and mirror, the augmentation's steps, the options' normalisation.
 *  With weights an epoch is N draws with replacement, sample i with probability w[i] / sum w.
 *
 *  @param      dataset       retained
 *  @param      batch         samples of a batch, at least 1
 *  @param      augmentation  nullable; copied
 *  @param      weights       nullable; float64 [N], each >= 0, copied
 *  @param      options       nullable; schema "loader", as kdst_loader_create; no sampler beside weights
 *  @param[out] out           new; released with kdst_loader_release
 *  @status INVALID_ARGUMENT (as kdst_loader_create; another context, weight negative or not finite, all 0, sampler beside weights),
 *          SHAPE (weights, a crop larger than the padded image), DTYPE (weights), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_create_with(
    kdst_dataset *dataset, int64_t batch, kdst_augmentation *augmentation, kdst_tensor *weights, const kdst_options *options,
    kdst_loader **out);

/** Adds a reference.
 *
 *  @param loader  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_loader_retain(kdst_loader *loader);

/** Drops a reference; the last one frees.
 *
 *  @param loader  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_loader_release(kdst_loader *loader);

/** Next batch of the epoch.
 *
 *  @param      loader      the loader
 *  @param[out] out_images  new; [B, C, H, W], over time [T, B, C, H, W]; NULL at the end of the epoch, and again until kdst_loader_set_epoch or
 *                          kdst_loader_set_position; released with kdst_tensor_release
 *  @param[out] out_labels  new; int32 [B]; NULL at the end; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), STATE (a loader that mixes: kdst_loader_next_mixed; called by the function that gives the images),
 *          OUT_OF_MEMORY, and what an image's file or callback gives: NOT_FOUND, IO, FORMAT, SHAPE, UNSUPPORTED, CALLBACK, and
 *          INVALID_ARGUMENT for a pixel that the encoding does not take; after a failure the same batch is next
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_next(kdst_loader *loader, kdst_tensor **out_images, kdst_tensor **out_labels);

/** Next batch of the epoch with two labels for each image; of any loader.
 *
 *  The loss of a mixed batch is weight * loss(labels) + (1 - weight) * loss(others).
 *
 *  @param      loader      the loader
 *  @param[out] out_images  new; [B, C, H, W], over time [T, B, C, H, W]; NULL at the end of the epoch; released with kdst_tensor_release
 *  @param[out] out_labels  new; int32 [B]; NULL at the end; released with kdst_tensor_release
 *  @param[out] out_others  new; int32 [B], the labels of what was mixed in (the same where nothing was); NULL at the end; released with
 *                          kdst_tensor_release
 *  @param[out] out_weight  share of the first label in [0, 1], of the whole batch; 1 where nothing was mixed
 *  @status as kdst_loader_next, but for STATE with a loader that mixes: INVALID_ARGUMENT, STATE, OUT_OF_MEMORY, NOT_FOUND, IO, FORMAT, SHAPE,
 *          UNSUPPORTED, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_next_mixed(
    kdst_loader *loader, kdst_tensor **out_images, kdst_tensor **out_labels, kdst_tensor **out_others, double *out_weight);

/** Goes to batch 0 of an epoch.
 *
 *  @param loader  the loader
 *  @param epoch   >= 0; decides order and augmentation
 *  @status INVALID_ARGUMENT (NULL, epoch), STATE (called by the function that gives the images)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_set_epoch(kdst_loader *loader, int64_t epoch);

/** Goes to a batch of the present epoch.
 *
 *  @param loader  the loader
 *  @param batch   0 to the number of batches (the end)
 *  @status INVALID_ARGUMENT (NULL, batch), STATE (called by the function that gives the images)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_set_position(kdst_loader *loader, int64_t batch);

/** Present epoch.
 *
 *  @param loader  nullable
 *  @return        the epoch; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_loader_get_epoch(const kdst_loader *loader);

/** Number of the next batch.
 *
 *  @param loader  nullable
 *  @return        0 to the number of batches; 0 for NULL
 *  @thread context   @since 0.1 */
KDST_API int64_t kdst_loader_get_position(const kdst_loader *loader);

/** Number of batches of an epoch.
 *
 *  @param loader  nullable
 *  @return        the number; 0 for NULL
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_loader_get_batches(const kdst_loader *loader);

/** The data set.
 *
 *  @param loader  nullable
 *  @return        borrowed while the loader lives; NULL for NULL
 *  @thread any   @since 0.1 */
KDST_API kdst_dataset *kdst_loader_get_dataset(const kdst_loader *loader);

/** Whether batches are mixed.
 *
 *  @param loader  nullable
 *  @return        1: with mixup or cutmix, use kdst_loader_next_mixed; else 0
 *  @thread any   @since 0.1 */
KDST_API int32_t kdst_loader_get_mixes(const kdst_loader *loader);

/** Shape of one image of a batch.
 *
 *  @param      loader  the loader
 *  @param[out] out     [3]: channels, height, width, after every crop
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_get_shape(kdst_loader *loader, int64_t *out);

#ifdef __cplusplus
}
#endif

#endif
