/* SPDX-License-Identifier: Apache-2.0 */
/* Image data sets for the experiment drivers: a folder with the files of (Fashion-)MNIST or of CIFAR-10/100, gzip or not. */
#ifndef COMMON_IMAGES_H
#define COMMON_IMAGES_H

#include <kdst/kdst.h>

#include <stdbool.h>

/* Loads the training or the test images of a folder. IDX: train-images-idx3-ubyte … and t10k-…; CIFAR: data_batch_*.bin or train*.bin,
 * test*.bin. What is there decides; CIFAR-100 gives its 100 fine classes. false (explained on standard error) on failure. */
bool load_images(const char *program, kdst_context *ctx, const char *folder, bool training, kdst_dataset **out);

/* The options --train-count, --test-count (0: all) and --holdout (0: none). */
typedef struct image_counts {
    int64_t train, test, holdout;
} image_counts;

/* Holds images of *train out as *test, which is NULL then, and keeps class-balanced parts of both. */
bool take_subsets(
    const char *program, kdst_context *ctx, const image_counts *counts, kdst_dataset **train, kdst_dataset **test);

/* Both sets of a folder. With a holdout the test set is never read: a part of the training set stands in for it. */
bool load_image_sets(
    const char *program, kdst_context *ctx, const char *folder, const image_counts *counts, kdst_dataset **train,
    kdst_dataset **test);

#endif
