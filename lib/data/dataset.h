/* SPDX-License-Identifier: Apache-2.0 */
/* A data set from the inside: two row-major tensors that nobody writes to, so that a loader's thread may read them. */
#ifndef KDST_DATA_DATASET_H
#define KDST_DATA_DATASET_H

#include "tensor/tensor.h"

#include <kdst/dataset.h>

struct kdst_dataset {
    kdst__handle base;
    kdst_tensor *images; /* [N, C, H, W] uint8, float32 or float64 */
    kdst_tensor *labels; /* [N] int32, each in [0, classes) */
    int64_t count, classes;
};

/* Checks and retains `images` and `labels` (copies what is not row-major); classes 0: the largest label + 1. */
kdst_status kdst__dataset_new(
    kdst_context *ctx, const char *function, kdst_tensor *images, kdst_tensor *labels, int64_t classes,
    kdst_dataset **out);
/* Beginning of a function that makes a data set from two sources: *out is NULL, the message empty; INVALID_ARGUMENT when
 * something is NULL. */
kdst_status kdst__dataset_begin(
    kdst_context *ctx, const char *function, const void *images, const void *labels, kdst_dataset **out);

#endif
