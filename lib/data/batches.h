/* SPDX-License-Identifier: Apache-2.0 */
/* What the batches of an epoch hold: which samples in which order, augmented into plain buffers, encoded over time, and mixed.
 *
 * One thread at a time works with it: the loader's own when it has one, else the one that calls. It points into the
 * data set, which its owner holds, and allocates nothing after its creation (but what a source of images does).
 */
#ifndef KDST_DATA_BATCHES_H
#define KDST_DATA_BATCHES_H

#include "data/dataset.h"
#include "data/encode.h"
#include "data/program.h"
#include "data/sampler.h"

typedef struct kdst__batches {
    kdst__program program;
    kdst__sampler sampler;
    const kdst_dataset *dataset;
    const int32_t *labels;
    int64_t samples, size, count;    /* of the data set; of a whole batch; batches of an epoch */
    size_t bytes_in, bytes_out;      /* of one sample */
    int64_t steps;                   /* T of the batches; 0: single images */
    bool time_first;                 /* [T, B, C, H, W], else [B, T, C, H, W]; with steps */
    kdst__encode encode;             /* of single images */
    uint64_t seed, key;              /* key: of seed and epoch */
    int64_t epoch;                   /* that key and order are made for; -1: none */
    double mixup, cutmix;            /* parameters of the beta distributions; 0: not */
    int64_t *partners;               /* [size] when mixing */
    char *spare;                     /* bytes_out when mixing: one image */
    char *scratch;                   /* [workers] blocks for the program, a fetched and a made image */
    size_t scratch_bytes, own_bytes; /* of one worker; of the block that holds all */
    void *block;
} kdst__batches;

/* Samples of batch number `batch`. */
int64_t kdst__batches_get_size(const kdst__batches *b, int64_t batch);
/* Memory for `workers` that fill at the same time and for mixing; everything else is set. False when there is none. */
bool kdst__batches_create(kdst__memory *memory, kdst__batches *b, int64_t workers);
void kdst__batches_destroy(kdst__memory *memory, kdst__batches *b);
/* Whether batches are mixed: then there are two labels for each image. */
static inline bool kdst__batches_mixes(const kdst__batches *b)
{
    return b->mixup > 0 || b->cutmix > 0;
}
/* Makes key and order of an epoch, unless they are. */
void kdst__batches_set_epoch(kdst__batches *b, int64_t epoch);
/* Samples `begin` to `end` - 1 of a batch into its buffers; parts may be filled by several threads, each as a worker of its
 * own. On failure the first one of the part is told. */
kdst_status kdst__batches_fill(
    const kdst__batches *b, int64_t batch, int64_t begin, int64_t end, int64_t worker, void *images, int32_t *labels,
    kdst__failure *failure);
/* Mixes a batch that is filled: `others` [size] are the second labels; returns the weight of the first ones. */
double kdst__batches_mix(kdst__batches *b, int64_t batch, void *images, const int32_t *labels, int32_t *others);

#endif
