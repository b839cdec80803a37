/* SPDX-License-Identifier: Apache-2.0 */
/* Crop, mirror, normalise (see augment.h).
 *
 *     crop:      an offset (i, j) in [0, 2 p]^2, all equally likely; out[y, x] = padded[y + i, x + j]
 *     mirror:    out[y, x] = crop[y, W - 1 - x]
 *     normalise: (x - mean[c]) / deviation[c], computed in double and rounded once; a byte v stands for x = v / unit
 *
 * A byte has 256 values, so each channel has a table of results. Places and mirrors are those of the steps (steps.c).
 */
#include "data/augment.h"

#include <string.h>

/* Where the images go and which part of them. */
typedef struct placement {
    int64_t down, right; /* out[y, x] = in[y + down, x + right] before the mirror */
    bool mirror;
} placement;

static placement place(const kdst__augment *a, uint64_t key, int64_t sample)
{
    placement p = {0, 0, false};
    kdst__draw draw = {key, sample};
    if (a->crop.padding) {
        kdst__step_place(&a->crop, draw, (kdst__extent){a->channels, a->height, a->width}, &p.down, &p.right);
        p.down -= a->crop.padding;
        p.right -= a->crop.padding;
    }
    p.mirror = a->flip.probability > 0 && kdst__step_mirrors(&a->flip, draw);
    return p;
}

/* ---- rows ---- */

/* Eight pixels from `in` on, `step` 1 or -1 apart, the first one lowest. */
static inline uint64_t read_eight(const uint8_t *in, int64_t step)
{
    const bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    uint64_t word;
    memcpy(&word, step < 0 ? in - 7 : in, sizeof word);
    return (step < 0) != big ? __builtin_bswap64(word) : word;
}

static inline void put_entry(void *out, bool wide_out, int64_t i, const void *table, uint64_t entry)
{
    if (wide_out)
        ((double *)out)[i] = ((const double *)table)[entry];
    else
        ((float *)out)[i] = ((const float *)table)[entry];
}

static inline void put_eight(const uint8_t *in, int64_t step, int64_t i, const void *table, void *out, bool wide_out)
{
    uint64_t word = read_eight(in + i * step, step);
    for (int k = 0; k < 8; k++)
        put_entry(out, wide_out, i + k, table, word >> (8 * k) & 255);
}

/* Eight pixels a load, since the loop is bound by its loads and stores; the last eight may overlap those before. */
static inline void row_bytes(const uint8_t *in, int64_t step, int64_t n, const void *table, void *out, bool wide_out)
{
    for (int64_t i = 0; i + 8 <= n; i += 8)
        put_eight(in, step, i, table, out, wide_out);
    if (n % 8 && n > 8) put_eight(in, step, n - 8, table, out, wide_out);
    for (int64_t i = 0; i < n && n < 8; i++)
        put_entry(out, wide_out, i, table, in[i * step]);
}

/* Functions of their own: inlined into one, the compilers run out of registers. */
__attribute__((noinline)) static void
row_bytes_f32(const uint8_t *in, int64_t step, int64_t n, const void *table, void *out)
{
    if (step == 1)
        row_bytes(in, 1, n, table, out, false);
    else
        row_bytes(in, -1, n, table, out, false);
}

__attribute__((noinline)) static void
row_bytes_f64(const uint8_t *in, int64_t step, int64_t n, const void *table, void *out)
{
    row_bytes(in, step, n, table, out, true);
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

static inline void fill(void *out, bool wide_out, int64_t n, double value)
{
    float narrow = (float)value;
    if (wide_out)
        for (int64_t i = 0; i < n; i++)
            ((double *)out)[i] = value;
    else
        for (int64_t i = 0; i < n; i++)
            ((float *)out)[i] = narrow;
}

/* Pixels `from`, `from + step`, … of row `in`, normalised. */
static void
copy_pixels(const kdst__augment *a, int64_t c, const void *in, int64_t from, int64_t step, int64_t n, void *out)
{
    int64_t k = c % a->period;
    double mean = a->mean[k], deviation = a->deviation[k];
    if (a->bytes && a->wide_out)
        row_bytes_f64((const uint8_t *)in + from, step, n, (const double *)a->table + 256 * k, out);
    else if (a->bytes)
        row_bytes_f32((const uint8_t *)in + from, step, n, (const float *)a->table + 256 * k, out);
    else if (a->wide_in && a->wide_out)
        row_reals(in, true, from, step, n, mean, deviation, out, true);
    else if (a->wide_in)
        row_reals(in, true, from, step, n, mean, deviation, out, false);
    else if (a->wide_out)
        row_reals(in, false, from, step, n, mean, deviation, out, true);
    else
        row_reals(in, false, from, step, n, mean, deviation, out, false);
}

/* The parts of a row of the batch: black, `count` pixels of the image from `from` on, black. */
typedef struct span {
    int64_t left, count, right;
    int64_t from, step;
} span;

static span span_of(int64_t w, placement p)
{
    int64_t begin = p.right < 0 ? -p.right : 0, end = p.right > 0 ? w - p.right : w; /* before the mirror */
    if (end < 0) end = 0;
    if (begin > end) begin = end;
    int64_t left = p.mirror ? w - end : begin, first = p.mirror ? end - 1 : begin;
    return (span){left, end - begin, w - left - (end - begin), first + p.right, p.mirror ? -1 : 1};
}

static void run_row(const kdst__augment *a, int64_t c, const span *s, const void *in, char *out)
{
    int64_t size = a->wide_out ? 8 : 4, k = c % a->period;
    if (s->left) fill(out, a->wide_out, s->left, a->black[k]);
    if (s->count) copy_pixels(a, c, in, s->from, s->step, s->count, out + s->left * size);
    if (s->right) fill(out + (s->left + s->count) * size, a->wide_out, s->right, a->black[k]);
}

static void run_plane(const kdst__augment *a, int64_t c, int64_t down, const span *s, const char *in, char *out)
{
    int64_t h = a->height, size_in = a->bytes ? 1 : a->wide_in ? 8 : 4, size_out = a->wide_out ? 8 : 4;
    for (int64_t y = 0; y < h; y++, out += a->width * size_out) {
        int64_t from = y + down;
        if (from < 0 || from >= h)
            fill(out, a->wide_out, a->width, a->black[c % a->period]);
        else
            run_row(a, c, s, in + from * a->width * size_in, out);
    }
}

void kdst__augment_run(const kdst__augment *a, uint64_t key, int64_t sample, const void *in, void *out)
{
    placement p = place(a, key, sample);
    span s = span_of(a->width, p);
    bool still = !p.down && !p.right && !p.mirror;
    int64_t plane = a->height * a->width, size_in = a->bytes ? 1 : a->wide_in ? 8 : 4, size_out = a->wide_out ? 8 : 4;
    for (int64_t c = 0; c < a->channels; c++) {
        const char *from = (const char *)in + c * plane * size_in;
        char *to = (char *)out + c * plane * size_out;
        if (still)
            copy_pixels(a, c, from, 0, 1, plane, to);
        else
            run_plane(a, c, p.down, &s, from, to);
    }
}

/* ---- tables ---- */

static void fill_table(kdst__augment *a)
{
    for (int64_t c = 0; c < a->period; c++)
        for (int64_t v = 0; v < 256; v++)
            put(a->table, a->wide_out, 256 * c + v, ((double)v / a->unit - a->mean[c]) / a->deviation[c]);
}

bool kdst__augment_create(
    kdst__memory *memory, kdst__augment settings, const double *mean, int64_t means, const double *deviation,
    int64_t deviations, kdst__augment *out)
{
    kdst__augment a = settings;
    size_t n = (size_t)a.period, tables = a.bytes ? 256 * (a.wide_out ? sizeof(double) : sizeof(float)) : 0;
    if (kdst__mul_overflows(n, 3 * sizeof(double) + tables, &a.block_bytes)) return false;
    a.block = kdst__alloc(memory, a.block_bytes);
    if (!a.block) return false;
    a.mean = a.block;
    a.deviation = a.mean + n;
    a.black = a.deviation + n;
    a.table = a.black + n;
    for (int64_t c = 0; c < a.period; c++) {
        a.mean[c] = means == 0 ? 0 : mean[means == 1 ? 0 : c];
        a.deviation[c] = deviations == 0 ? 1 : deviation[deviations == 1 ? 0 : c];
        a.black[c] = (0 - a.mean[c]) / a.deviation[c];
    }
    if (a.bytes) fill_table(&a);
    *out = a;
    return true;
}

void kdst__augment_destroy(kdst__memory *memory, kdst__augment *augment)
{
    kdst__free(memory, augment->block, augment->block_bytes);
}
