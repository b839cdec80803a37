/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of an epoch (see batches.h): batch k holds the samples order[k size] … order[k size + size - 1]. */
#include "data/batches.h"

#include "core/random.h"

enum { STREAM = 0x4f524445 }; /* of the order */

int64_t kdst__batches_get_size(const kdst__batches *b, int64_t batch)
{
    int64_t left = b->samples - batch * b->size;
    return left < b->size ? left : b->size;
}

void kdst__batches_set_epoch(kdst__batches *b, int64_t epoch)
{
    if (b->epoch == epoch) return;
    b->epoch = epoch;
    b->key = kdst__mix(b->seed, (uint64_t)epoch);
    if (b->order) kdst__permutation(b->key, STREAM, b->order, b->samples);
}

void kdst__batches_fill(
    const kdst__batches *b, int64_t batch, int64_t begin, int64_t end, void *images, int32_t *labels)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t place = batch * b->size + i, sample = b->order ? b->order[place] : place;
        kdst__augment_run(
            &b->augment, b->key, sample, (const char *)b->images + (size_t)sample * b->bytes_in,
            (char *)images + (size_t)i * b->bytes_out);
        labels[i] = b->labels[sample];
    }
}
