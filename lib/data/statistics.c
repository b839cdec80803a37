/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and standard deviation of each channel.
 *
 *     mean[c] = sum x / n,  deviation[c] = sqrt(sum (x - mean[c])^2 / n)  over the n = N T H W pixels of the channel
 *
 * Bytes are counted by value, so their sums are whole numbers and exact; numbers are summed twice, image by image, in
 * doubles. Images are visited one after the other, wherever they come from.
 */
#include "data/dataset.h"

#include <math.h>

__extension__ typedef unsigned __int128 wide;

/* What is gathered of the channels. */
typedef struct gathering {
    const kdst_dataset *dataset;
    void *room;            /* for an image that is fetched */
    uint64_t (*seen)[256]; /* bytes: [channels] */
    double *mean, *sum;    /* reals: what is taken off, and the sums; [channels] */
    int power;             /* 1: of x - mean, 2: of its square */
} gathering;

static void add_bytes(gathering *g, const uint8_t *x)
{
    int64_t plane = g->dataset->shape[1] * g->dataset->shape[2], channels = g->dataset->shape[0];
    for (int64_t c = 0; c < kdst__dataset_frames(g->dataset) * channels; c++)
        for (int64_t k = 0; k < plane; k++)
            g->seen[c % channels][x[c * plane + k]]++;
}

/* One partial sum a plane. */
static void add_reals(gathering *g, const void *x)
{
    int64_t plane = g->dataset->shape[1] * g->dataset->shape[2], channels = g->dataset->shape[0];
    bool narrow = g->dataset->dtype == KDST_DTYPE_FLOAT32;
    for (int64_t c = 0; c < kdst__dataset_frames(g->dataset) * channels; c++) {
        double part = 0;
        for (int64_t k = c * plane; k < (c + 1) * plane; k++) {
            double d = (narrow ? ((const float *)x)[k] : ((const double *)x)[k]) - g->mean[c % channels];
            part += g->power == 1 ? d : d * d;
        }
        g->sum[c % channels] += part;
    }
}

static kdst_status gather(gathering *g)
{
    kdst__failure failure = {0};
    for (int64_t i = 0; i < g->dataset->count; i++) {
        kdst_status status = kdst__check_cancelled(g->dataset->base.ctx, "dataset_get_statistics");
        if (status) return status;
        const void *image = kdst__dataset_fetch(g->dataset, i, g->room, &failure);
        if (!image) return kdst__dataset_report(g->dataset->base.ctx, "dataset_get_statistics", &failure);
        if (g->seen)
            add_bytes(g, image);
        else
            add_reals(g, image);
    }
    return KDST_STATUS_OK;
}

static void finish_bytes(const uint64_t seen[256], wide n, double unit, double *mean, double *deviation)
{
    uint64_t sum = 0;
    wide squares = 0;
    for (uint64_t v = 0; v < 256; v++) {
        sum += v * seen[v];
        squares += (wide)(v * v) * seen[v];
    }
    *mean = (double)sum / ((double)n * unit);
    /* n^2 variance = n sum x^2 - (sum x)^2, without rounding */
    *deviation = sqrt((double)(n * squares - (wide)sum * sum)) / ((double)n * unit);
}

/* `sums` [2, channels] of zeros. */
static kdst_status measure_reals(gathering *g, double *sums, double n, double *mean, double *deviation)
{
    int64_t channels = g->dataset->shape[0];
    g->mean = sums;
    g->sum = sums + channels;
    g->power = 1;
    kdst_status status = gather(g);
    for (int64_t c = 0; c < channels; c++) {
        sums[c] = g->sum[c] / n;
        g->sum[c] = 0;
    }
    g->power = 2;
    if (!status) status = gather(g);
    for (int64_t c = 0; c < channels && !status; c++) {
        mean[c] = sums[c];
        deviation[c] = sqrt(g->sum[c] / n);
    }
    return status;
}

static kdst_status measure(kdst_dataset *d, void *block, void *room, double *mean, double *deviation)
{
    gathering g = {.dataset = d, .room = room};
    wide n = (wide)d->count * (wide)(kdst__dataset_frames(d) * d->shape[1] * d->shape[2]);
    if (d->dtype != KDST_DTYPE_UINT8) return measure_reals(&g, block, (double)n, mean, deviation);
    g.seen = block;
    kdst_status status = gather(&g);
    for (int64_t c = 0; c < d->shape[0] && !status; c++)
        finish_bytes(g.seen[c], n, d->unit, &mean[c], &deviation[c]);
    return status;
}

kdst_status kdst_dataset_get_statistics(kdst_dataset *d, double *out_mean, double *out_deviation, int64_t channels)
{
    static const char function[] = "dataset_get_statistics";
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    kdst__enter(ctx);
    if (!out_mean || !out_deviation)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, out_mean ? "out_deviation" : "out_mean");
    if (channels != d->shape[0])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: channels is %lld, the images have %lld", function, (long long)channels,
            (long long)d->shape[0]);
    kdst__memory *memory = kdst__context_memory(ctx);
    size_t each = d->dtype == KDST_DTYPE_UINT8 ? 256 * sizeof(uint64_t) : 2 * sizeof(double), bytes;
    size_t room_bytes = d->images ? 0 : kdst__dataset_image_bytes(d);
    if (kdst__mul_overflows((size_t)channels, each, &bytes)) return kdst__fail_memory(ctx, function);
    void *block = kdst__alloc_zero(memory, bytes), *room = room_bytes ? kdst__alloc(memory, room_bytes) : NULL;
    kdst_status status = block && (room || !room_bytes) ? measure(d, block, room, out_mean, out_deviation)
                                                        : kdst__fail_memory(ctx, function);
    kdst__free(memory, room, room_bytes);
    kdst__free(memory, block, bytes);
    return status;
}
