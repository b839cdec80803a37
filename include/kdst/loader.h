/* SPDX-License-Identifier: Apache-2.0 */
/* Loaders: batches of a data set, shuffled, augmented and normalised, prepared ahead by a thread of their own.
 *
 * Order and augmentation are pure functions of (seed, epoch, sample), so an epoch can be entered at any batch and is the same for any
 * number of threads, with or without prefetching.
 */
#ifndef KDST_LOADER_H
#define KDST_LOADER_H

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
 *  @param      dataset  retained
 *  @param      batch    samples of a batch, at least 1
 *  @param      options  nullable; schema "loader": shuffle 0 | 1 = 0, seed [0,inf) = 0, drop_last 0 | 1 = 0 (leave a smaller last batch out),
 *                       crop_padding [0,1024] = 0, flip 0 | 1 = 0, mean and deviation (one per channel or one for all) = 0 and 1,
 *                       prefetch [0,64] = 2 (batches prepared ahead; 0: none, and no thread), dtype "float32" | "float64"
 *  @param[out] out      new; released with kdst_loader_release
 *  @status INVALID_ARGUMENT (NULL, batch, option, deviation not > 0, no whole batch with drop_last), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_create(
    kdst_dataset *dataset, int64_t batch, const kdst_options *options, kdst_loader **out);

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
 *  @param[out] out_images  new; [B, C, H, W]; NULL at the end of the epoch, and again until kdst_loader_set_epoch or
 *                          kdst_loader_set_position; released with kdst_tensor_release
 *  @param[out] out_labels  new; int32 [B]; NULL at the end; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY; after a failure the same batch is next
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_next(kdst_loader *loader, kdst_tensor **out_images, kdst_tensor **out_labels);

/** Goes to batch 0 of an epoch.
 *
 *  @param loader  the loader
 *  @param epoch   >= 0; decides order and augmentation
 *  @status INVALID_ARGUMENT (NULL, epoch)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_loader_set_epoch(kdst_loader *loader, int64_t epoch);

/** Goes to a batch of the present epoch.
 *
 *  @param loader  the loader
 *  @param batch   0 to the number of batches (the end)
 *  @status INVALID_ARGUMENT (NULL, batch)
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

#ifdef __cplusplus
}
#endif

#endif
