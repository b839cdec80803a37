/* SPDX-License-Identifier: Apache-2.0 */
/* What the batches of an epoch hold: which samples in which order, augmented into plain buffers.
 *
 * One thread at a time works with it: the loader's own when it has one, else the one that calls. It points into the
 * data set, which its owner holds, and allocates nothing after its creation.
 */
#ifndef KDST_DATA_BATCHES_H
#define KDST_DATA_BATCHES_H

#include "data/augment.h"
#include "data/dataset.h"

typedef struct kdst__batches {
    kdst__augment augment;
    const void *images;
    const int32_t *labels;
    int64_t samples, size, count; /* of the data set; of a whole batch; batches of an epoch */
    size_t bytes_in, bytes_out;   /* of one image */
    uint64_t seed, key;           /* key: of seed and epoch */
    int64_t epoch;                /* that key and order are made for; -1: none */
    int64_t *order;               /* [samples] when shuffled, else NULL */
} kdst__batches;

/* Samples of batch number `batch`. */
int64_t kdst__batches_get_size(const kdst__batches *b, int64_t batch);
/* Makes key and order of an epoch, unless they are. */
void kdst__batches_set_epoch(kdst__batches *b, int64_t epoch);
/* Samples `begin` to `end` - 1 of a batch into its buffers; parts may be filled by several threads. */
void kdst__batches_fill(
    const kdst__batches *b, int64_t batch, int64_t begin, int64_t end, void *images, int32_t *labels);

#endif
