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

static const char *image_of(const kdst__batches *b, int64_t place, int64_t *sample)
{
    *sample = b->order ? b->order[place] : place;
    return (const char *)b->images + (size_t)*sample * b->bytes_in;
}

/* In a shuffled order the next image lies anywhere: its beginning is asked for while this one is worked on. */
static void ask_for(const char *image, size_t bytes)
{
    for (size_t i = 0; i < bytes && i < 4096; i += 64)
        __builtin_prefetch(image + i);
}

void kdst__batches_fill(
    const kdst__batches *b, int64_t batch, int64_t begin, int64_t end, void *images, int32_t *labels)
{
    int64_t sample, next;
    for (int64_t i = begin; i < end; i++) {
        const char *image = image_of(b, batch * b->size + i, &sample);
        if (i + 1 < end) ask_for(image_of(b, batch * b->size + i + 1, &next), b->bytes_in);
        kdst__augment_run(&b->augment, b->key, sample, image, (char *)images + (size_t)i * b->bytes_out);
        labels[i] = b->labels[sample];
    }
}
