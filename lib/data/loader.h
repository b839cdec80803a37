/* SPDX-License-Identifier: Apache-2.0 */
/* A loader from the inside: loader.c makes it, loader_next.c gives its batches. */
#ifndef KDST_DATA_LOADER_H
#define KDST_DATA_LOADER_H

#include "data/prefetch.h"

#include <kdst/loader.h>

struct kdst_loader {
    kdst__handle base;
    kdst_dataset *dataset;
    kdst__batches batches;
    kdst__prefetch *prefetch; /* NULL: none */
    kdst_dtype dtype;
    int64_t epoch, position;
    bool busy; /* a callback of the data set runs */
};

#endif
