/* SPDX-License-Identifier: Apache-2.0 */
/* Crop, mirror, normalise (see augment.h).
 *
 *     crop:      an offset (i, j) in [0, 2 p]^2, all equally likely; out[y, x] = padded[y + i, x + j]
 *     mirror:    out[y, x] = crop[y, W - 1 - x]
 *     normalise: (x - mean[c]) / deviation[c], computed in double and rounded once; a byte v stands for x = v / 255
 *
 * A byte has 256 values, so each channel has a table of results. One block of random numbers serves an image: its first 64
 * bits choose the offset (the bias of (2p + 1)^2 <= 2^23 offsets is below 2^-41), the next bit the mirror.
 */
#include "data/augment.h"

#include "core/random.h"

enum { STREAM = 0x41554721 };

__extension__ typedef unsigned __int128 wide;

/* Where the images go and which part of them. */
typedef struct placement {
    int64_t down, right; /* out[y, x] = in[y + down, x + right] before the mirror */
    bool mirror;
} placement;

static placement place(const kdst__augment *a, uint64_t key, int64_t sample)
{
    placement p = {0, 0, false};
    uint32_t words[4];
    uint64_t side = 2 * (uint64_t)a->padding + 1;
    if (!a->padding && !a->flip) return p;
    kdst__philox(key, STREAM, (uint64_t)sample, words);
    uint64_t choice = (uint64_t)((wide)(words[0] | (uint64_t)words[1] << 32) * (side * side) >> 64);
    p.down = (int64_t)(choice / side) - a->padding;
    p.right = (int64_t)(choice % side) - a->padding;
    p.mirror = a->flip && words[2] >> 31;
    return p;
}

/* ---- rows ---- */

/* Reads n pixels, `step` 1 or -1 apart. */
static inline void row_bytes(const uint8_t *in, int64_t step, int64_t n, const void *table, void *out, bool wide_out)
{
    if (wide_out)
        for (int64_t i = 0; i < n; i++, in += step)
            ((double *)out)[i] = ((const double *)table)[*in];
    else
        for (int64_t i = 0; i < n; i++, in += step)
            ((float *)out)[i] = ((const float *)table)[*in];
}

static inline void put(void *out, bool wide_out, int64_t i, double value)
{
    if (wide_out)
        ((double *)out)[i] = value;
    else
        ((float *)out)[i] = (float)value;
}

static inline void row_reals(
    const void *in, bool wide_in, int64_t first, int64_t step, int64_t n, double mean, double deviation, void *out,
    bool wide_out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = first + i * step;
        put(out, wide_out, i, ((wide_in ? ((const double *)in)[k] : ((const float *)in)[k]) - mean) / deviation);
    }
}

static void fill(void *out, bool wide_out, int64_t n, double value)
{
    for (int64_t i = 0; i < n; i++)
        put(out, wide_out, i, value);
}

/* Pixels `from`, `from + step`, … of row `in`, normalised. */
static void
copy_pixels(const kdst__augment *a, int64_t c, const void *in, int64_t from, int64_t step, int64_t n, void *out)
{
    double mean = a->mean[c], deviation = a->deviation[c];
    int64_t size = a->wide_out ? 8 : 4;
    if (a->bytes)
        row_bytes((const uint8_t *)in + from, step, n, (const char *)a->table + 256 * c * size, out, a->wide_out);
    else if (a->wide_in && a->wide_out)
        row_reals(in, true, from, step, n, mean, deviation, out, true);
    else if (a->wide_in)
        row_reals(in, true, from, step, n, mean, deviation, out, false);
    else if (a->wide_out)
        row_reals(in, false, from, step, n, mean, deviation, out, true);
    else
        row_reals(in, false, from, step, n, mean, deviation, out, false);
}

/* One row of the batch from one row of the image: black, pixels, black. */
static void run_row(const kdst__augment *a, int64_t c, placement p, const void *in, char *out)
{
    int64_t w = a->width, size = a->wide_out ? 8 : 4;
    double black = (0 - a->mean[c]) / a->deviation[c];
    int64_t begin = p.right < 0 ? -p.right : 0,
            end = p.right > 0 ? w - p.right : w; /* of the image's pixels, before the mirror */
    if (end < 0) end = 0;
    if (begin > end) begin = end;
    int64_t left = p.mirror ? w - end : begin, n = end - begin;
    fill(out, a->wide_out, left, black);
    if (n) copy_pixels(a, c, in, (p.mirror ? end - 1 : begin) + p.right, p.mirror ? -1 : 1, n, out + left * size);
    fill(out + (left + n) * size, a->wide_out, w - left - n, black);
}

void kdst__augment_run(const kdst__augment *a, uint64_t key, int64_t sample, const void *in, void *out)
{
    placement p = place(a, key, sample);
    int64_t h = a->height, w = a->width, size_in = a->bytes ? 1 : a->wide_in ? 8 : 4, size_out = a->wide_out ? 8 : 4;
    bool still = !p.down && !p.right && !p.mirror;
    char *row = out;
    for (int64_t c = 0; c < a->channels; c++) {
        const char *plane = (const char *)in + c * h * w * size_in;
        if (still) copy_pixels(a, c, plane, 0, 1, h * w, row);
        for (int64_t y = 0; y < h && !still; y++) {
            int64_t from = y + p.down;
            char *to = row + y * w * size_out;
            if (from < 0 || from >= h)
                fill(to, a->wide_out, w, (0 - a->mean[c]) / a->deviation[c]);
            else
                run_row(a, c, p, plane + from * w * size_in, to);
        }
        row += h * w * size_out;
    }
}

/* ---- tables ---- */

static void fill_table(kdst__augment *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        for (int64_t v = 0; v < 256; v++)
            put(a->table, a->wide_out, 256 * c + v, ((double)v / 255 - a->mean[c]) / a->deviation[c]);
}

bool kdst__augment_create(
    kdst__memory *memory, kdst__augment settings, const double *mean, int64_t means, const double *deviation,
    int64_t deviations, kdst__augment *out)
{
    kdst__augment a = settings;
    size_t n = (size_t)a.channels, tables = a.bytes ? 256 * (a.wide_out ? sizeof(double) : sizeof(float)) : 0;
    if (kdst__mul_overflows(n, 2 * sizeof(double) + tables, &a.block_bytes)) return false;
    a.block = kdst__alloc(memory, a.block_bytes);
    if (!a.block) return false;
    a.mean = a.block;
    a.deviation = a.mean + n;
    a.table = a.deviation + n;
    for (int64_t c = 0; c < a.channels; c++) {
        a.mean[c] = means == 0 ? 0 : mean[means == 1 ? 0 : c];
        a.deviation[c] = deviations == 0 ? 1 : deviation[deviations == 1 ? 0 : c];
    }
    if (a.bytes) fill_table(&a);
    *out = a;
    return true;
}

void kdst__augment_destroy(kdst__memory *memory, kdst__augment *augment)
{
    kdst__free(memory, augment->block, augment->block_bytes);
}
