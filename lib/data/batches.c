/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of an epoch (see batches.h): batch k holds the samples order[k size] … order[k size + size - 1]. */
#include "data/batches.h"

#include "core/random.h"

#include <string.h>

enum { SPIKES = 0x53504b45 }; /* stream of the encoding's random numbers */

static size_t aligned(size_t bytes)
{
    return (bytes + KDST__ALIGNMENT - 1) & ~(size_t)(KDST__ALIGNMENT - 1);
}

int64_t kdst__batches_get_size(const kdst__batches *b, int64_t batch)
{
    int64_t left = b->samples - batch * b->size;
    return left < b->size ? left : b->size;
}

/* Whether what the program makes does not lie in the batch as it is. */
static bool is_spread(const kdst__batches *b)
{
    return b->steps && (b->time_first || b->encode.kind);
}

/* Bytes that the program makes of a sample. */
static size_t made_bytes(const kdst__batches *b)
{
    return b->encode.kind ? b->bytes_out / (size_t)b->steps : b->bytes_out;
}

bool kdst__batches_create(kdst__memory *memory, kdst__batches *b, int64_t workers)
{
    bool mixes = kdst__batches_mixes(b);
    size_t partners = mixes ? aligned((size_t)b->size * sizeof *b->partners) : 0;
    size_t spare = mixes ? aligned(b->bytes_out) : 0, all;
    size_t made = is_spread(b) ? aligned(made_bytes(b)) : 0;
    b->scratch_bytes = aligned(b->program.scratch) + (b->dataset->images ? 0 : aligned(b->bytes_in));
    if (kdst__add_overflows(b->scratch_bytes, made, &b->scratch_bytes)) return false;
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

/* The steps of sample i to their places among those of a batch of `size`. */
static kdst_status spread(
    const kdst__batches *b, kdst__draw draw, const char *made, int64_t i, int64_t size, char *images,
    kdst__failure *failure)
{
    size_t step = b->bytes_out / (size_t)b->steps, next = b->time_first ? (size_t)size * step : step;
    char *to = images + (size_t)i * (b->time_first ? step : b->bytes_out);
    kdst__encode_part p = {.x = made, .out = to, .wide = b->program.wide_out, .stream = SPIKES};
    if (!b->encode.kind) {
        for (int64_t t = 0; t < b->steps; t++)
            memcpy(to + (size_t)t * next, made + (size_t)t * step, step);
        return KDST_STATUS_OK;
    }
    size_t element = p.wide ? sizeof(double) : sizeof(float);
    p.count = p.end = (int64_t)(step / element);
    p.stride = (int64_t)(next / element);
    p.seed = kdst__mix(draw.key, (uint64_t)draw.sample);
    int64_t bad = kdst__encode_find_bad(&b->encode, made, p.wide, p.count);
    if (bad < p.count)
        return kdst__failure_set(
            failure, KDST_STATUS_INVALID_ARGUMENT, "sample %lld: element %lld is %g, the encoding takes [0, 1]",
            (long long)draw.sample, (long long)bad,
            p.wide ? ((const double *)p.x)[bad] : (double)((const float *)p.x)[bad]);
    kdst__encode_run(&b->encode, &p);
    return KDST_STATUS_OK;
}

kdst_status kdst__batches_fill(
    const kdst__batches *b, int64_t batch, int64_t begin, int64_t end, int64_t worker, void *images, int32_t *labels,
    kdst__failure *failure)
{
    char *scratch = b->scratch + (size_t)worker * b->scratch_bytes;
    char *made = is_spread(b) ? scratch + b->scratch_bytes - aligned(made_bytes(b)) : NULL;
    for (int64_t i = begin; i < end; i++) {
        kdst__draw draw = {b->key, sample_at(b, batch * b->size + i)};
        const void *image =
            kdst__dataset_fetch(b->dataset, draw.sample, scratch + aligned(b->program.scratch), failure);
        if (!image) return failure->status;
        if (i + 1 < end) ask_for(b, batch * b->size + i + 1);
        kdst__program_run(
            &b->program, draw, image, made ? made : (char *)images + (size_t)i * b->bytes_out,
            (double *)(void *)scratch);
        if (made && spread(b, draw, made, i, kdst__batches_get_size(b, batch), images, failure)) return failure->status;
        labels[i] = b->labels[draw.sample];
    }
    return KDST_STATUS_OK;
}
