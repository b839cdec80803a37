/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of an epoch (see batches.h): batch k holds the samples order[k size] … order[k size + size - 1]. */
#include "data/batches.h"

#include "core/random.h"

static size_t aligned(size_t bytes)
{
    return (bytes + KDST__ALIGNMENT - 1) & ~(size_t)(KDST__ALIGNMENT - 1);
}

int64_t kdst__batches_get_size(const kdst__batches *b, int64_t batch)
{
    int64_t left = b->samples - batch * b->size;
    return left < b->size ? left : b->size;
}

bool kdst__batches_create(kdst__memory *memory, kdst__batches *b, int64_t workers)
{
    bool mixes = kdst__batches_mixes(b);
    size_t partners = mixes ? aligned((size_t)b->size * sizeof *b->partners) : 0;
    size_t spare = mixes ? aligned(b->bytes_out) : 0, all;
    b->scratch_bytes = aligned(b->program.scratch) + (b->dataset->images ? 0 : aligned(b->bytes_in));
    if (kdst__mul_overflows(b->scratch_bytes, (size_t)workers, &all) ||
        kdst__add_overflows(all, partners + spare, &b->own_bytes))
        return false;
    if (!b->own_bytes) return true;
    b->block = kdst__alloc(memory, b->own_bytes);
    if (!b->block) return false;
    b->partners = b->block;
    b->spare = (char *)b->block + partners;
    b->scratch = b->spare + spare;
    return true;
}

void kdst__batches_destroy(kdst__memory *memory, kdst__batches *b)
{
    kdst__free(memory, b->block, b->own_bytes);
    kdst__sampler_destroy(memory, &b->sampler);
    kdst__program_destroy(memory, &b->program);
}

void kdst__batches_set_epoch(kdst__batches *b, int64_t epoch)
{
    if (b->epoch == epoch) return;
    b->epoch = epoch;
    b->key = kdst__mix(b->seed, (uint64_t)epoch);
    kdst__sampler_run(&b->sampler, b->key);
}

static int64_t sample_at(const kdst__batches *b, int64_t place)
{
    return b->sampler.order ? b->sampler.order[place] : place;
}

/* In a shuffled order the next image lies anywhere: its beginning is asked for while this one is worked on. */
static void ask_for(const kdst__batches *b, int64_t place)
{
    if (!b->dataset->images) return;
    const char *image = (const char *)kdst__tensor_data(b->dataset->images) + (size_t)sample_at(b, place) * b->bytes_in;
    for (size_t i = 0; i < b->bytes_in && i < 4096; i += 64)
        __builtin_prefetch(image + i);
}

kdst_status kdst__batches_fill(
    const kdst__batches *b, int64_t batch, int64_t begin, int64_t end, int64_t worker, void *images, int32_t *labels,
    kdst__failure *failure)
{
    char *scratch = b->scratch + (size_t)worker * b->scratch_bytes;
    for (int64_t i = begin; i < end; i++) {
        kdst__draw draw = {b->key, sample_at(b, batch * b->size + i)};
        const void *image =
            kdst__dataset_fetch(b->dataset, draw.sample, scratch + aligned(b->program.scratch), failure);
        if (!image) return failure->status;
        if (i + 1 < end) ask_for(b, batch * b->size + i + 1);
        kdst__program_run(
            &b->program, draw, image, (char *)images + (size_t)i * b->bytes_out, (double *)(void *)scratch);
        labels[i] = b->labels[draw.sample];
    }
    return KDST_STATUS_OK;
}
