/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are not in memory: a handle that gives them one by one. Data sets and their parts share it. */
#ifndef KDST_DATA_IMAGES_H
#define KDST_DATA_IMAGES_H

#include "core/context.h"
#include "io/failure.h"

typedef struct kdst__images kdst__images;

/* Pixels of a sample [C, H, W] into memory of the caller's; on failure sets status and text. */
typedef kdst_status (*kdst__images_fn)(kdst__images *images, int64_t sample, void *pixels, kdst__failure *failure);

/* First member of each kind. */
struct kdst__images {
    kdst__handle base;
    kdst__images_fn fetch;
    bool anywhere; /* fetch runs on any thread, several at a time; else only on the one that called the API */
};

#endif
