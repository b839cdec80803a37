/* SPDX-License-Identifier: Apache-2.0 */
/* A data set from the inside: labels, and images in memory or one by one. What is in memory is a row-major tensor that
 * nobody writes to, so that a loader's thread may read it. */
#ifndef KDST_DATA_DATASET_H
#define KDST_DATA_DATASET_H

#include "data/images.h"
#include "data/names.h"
#include "tensor/tensor.h"

#include <kdst/dataset.h>

struct kdst_dataset {
    kdst__handle base;
    kdst_tensor *images;  /* [N, C, H, W] or [N, T, C, H, W] uint8, float32 or float64; NULL: `source` gives them */
    kdst__images *source; /* retained, or NULL */
    int64_t *numbers;     /* [N] of the samples in `source`; NULL: the same */
    kdst_tensor *labels;  /* [N] int32, each in [0, classes) */
    int64_t count, classes;
    int64_t steps;      /* T of sequences of images; 0: single images */
    int64_t shape[3];   /* of an image */
    kdst_dtype dtype;   /* of its pixels */
    double unit;        /* the byte that stands for 1: 255, of events 1 */
    kdst__names *names; /* of the classes, shared by parts; NULL: none */
};

/* Images of a sample. */
static inline int64_t kdst__dataset_frames(const kdst_dataset *d)
{
    return d->steps ? d->steps : 1;
}
/* Bytes of a stored sample. */
static inline size_t kdst__dataset_image_bytes(const kdst_dataset *d)
{
    int64_t pixels = kdst__dataset_frames(d) * d->shape[0] * d->shape[1] * d->shape[2];
    return (size_t)(pixels * kdst_dtype_get_size(d->dtype));
}
/* An image: its address in memory, or fetched into `room`; NULL on failure. */
const void *kdst__dataset_fetch(const kdst_dataset *d, int64_t sample, void *room, kdst__failure *failure);
/* "<function>: <text>" of a failure. */
kdst_status kdst__dataset_report(kdst_context *ctx, const char *function, const kdst__failure *failure);
/* A data set whose images come one by one. Checks labels (classes 0: the largest + 1) and retains `source`, `labels`,
 * copies `numbers` [count of labels], nullable. */
kdst_status kdst__dataset_new_source(
    const char *function, kdst__images *source, const int64_t *numbers, kdst_tensor *labels, int64_t classes,
    kdst_dtype dtype, const int64_t shape[3], kdst_dataset **out);
/* The samples `numbers` [count], each in [0, N), in this order. */
kdst_status kdst__dataset_select(
    const char *function, kdst_dataset *dataset, const int64_t *numbers, int64_t count, kdst_dataset **out);

/* Checks and retains `images` and `labels` (copies what is not row-major); classes 0: the largest label + 1. */
kdst_status kdst__dataset_new(
    kdst_context *ctx, const char *function, kdst_tensor *images, kdst_tensor *labels, int64_t classes,
    kdst_dataset **out);
/* Beginning of a function that makes a data set from two sources: *out is NULL, the message empty; INVALID_ARGUMENT when
 * something is NULL. */
kdst_status kdst__dataset_begin(
    kdst_context *ctx, const char *function, const void *images, const void *labels, kdst_dataset **out);

#endif
