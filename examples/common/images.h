/* SPDX-License-Identifier: Apache-2.0 */
/* Image data sets for the experiment drivers: a folder with the files of (Fashion-)MNIST or of CIFAR-10/100, gzip or not. */
#ifndef COMMON_IMAGES_H
#define COMMON_IMAGES_H

#include <kdst/kdst.h>

#include <stdbool.h>

/* Loads the training or the test images of a folder. IDX: train-images-idx3-ubyte … and t10k-…; CIFAR: data_batch_*.bin or train*.bin,
 * test*.bin. What is there decides; CIFAR-100 gives its 100 fine classes. false (explained on standard error) on failure. */
bool load_images(const char *program, kdst_context *ctx, const char *folder, bool training, kdst_dataset **out);

#endif
