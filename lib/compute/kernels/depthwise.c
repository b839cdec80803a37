/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution, one channel at a time: y = sum_t w[t] x[moved by t], and the sums of dy x for the weights.
 *
 * Some images' planes of a channel are copied into a frame that fits the first cache, with zeros between rows and images; where
 * windows are `step` apart, the frame is kept as phases, so that every tap reads one of them at neighbouring places. Positions
 * are then a flat range over rows and images: each tap is a shift, vectors are always whole, and what comes out between the
 * rows is left behind when the result is made dense. Results that are out_step apart (gradient of the data) come from as many
 * flat ranges, which are interleaved. Copies write whole vectors, whose rest is 0 or is written over by the next row.
 *
 * For the weights, dy lies in the same flat order with zeros between the rows.
 */
#include "compute/simd/interleave.h"

typedef real quad __attribute__((vector_size(4 * sizeof(real)), may_alias, aligned(sizeof(real))));

/* The first n % LANES lanes, all of them when that is 0. */
static ivec last_lanes(int64_t n)
{
    ivec mask;
    for (int64_t i = 0; i < LANES; i++)
        mask[i] = i < (n - 1) % LANES + 1 ? -1 : 0;
    return mask;
}

/* to[i] = x[i step], 0 behind up to a whole vector; `last` is last_lanes(n). Nothing from `limit` on is read. */
static inline void take(int64_t n, const real *x, int64_t step, const real *limit, ivec last, real *to)
{
    int64_t whole = (n + LANES - 1) / LANES * LANES, i = 0;
    if (step == 1 && limit - x >= whole) {
        for (; i < whole - LANES; i += LANES)
            vstore(to + i, vload(x + i));
        vstore(to + i, (vec)(last & (ivec)vload(x + i)));
    } else if (step == 2 && limit - x >= 2 * whole) {
        for (; i < whole - LANES; i += LANES)
            vstore(to + i, veven(vload(x + 2 * i), vload(x + 2 * i + LANES)));
        vstore(to + i, (vec)(last & (ivec)veven(vload(x + 2 * i), vload(x + 2 * i + LANES))));
    } else {
        for (; i < n; i++)
            to[i] = x[i * step];
        for (; i < whole; i++)
            to[i] = 0;
    }
}

/* Of `size` places, those that are `step` apart from `phase` on. */
static inline int64_t places(int64_t size, int64_t phase, int64_t step)
{
    return (size - phase + step - 1) / step;
}

/* Rows that fit a vector, where x has two more whole ones. */
static void
pack_narrow(const kdst__depthwise *d, int64_t images, int64_t rows, int64_t row, const real *plane, ivec last, real *to)
{
    const int64_t step = d->step[1], all = d->sources * d->h * d->w, image = d->rows * d->columns, columns = d->columns;
    for (int64_t b = 0; b < images && step == 1; b++)
        for (int64_t i = 0; i < rows; i++)
            vstore(to + b * image + i * columns, (vec)(last & (ivec)vload(plane + b * all + i * row)));
    for (int64_t b = 0; b < images && step == 2; b++)
        for (int64_t i = 0; i < rows; i++) {
            const real *x = plane + b * all + i * row;
            vstore(to + b * image + i * columns, (vec)(last & (ivec)veven(vload(x), vload(x + LANES))));
        }
}

/* One phase of the planes of a channel. */
static void
pack_phase(const kdst__depthwise *d, int64_t phase, int64_t images, const real *plane, const real *limit, real *to)
{
    int64_t top = d->phase_h[phase], left = d->phase_w[phase], row = d->step[0] * d->w;
    if (top >= d->h || left >= d->w) return;
    int64_t rows = places(d->h, top, d->step[0]), n = places(d->w, left, d->step[1]);
    const ivec last = last_lanes(n);
    plane += top * d->w + left;
    if (n <= LANES && d->step[1] <= 2 &&
        limit - (plane + (images - 1) * d->sources * d->h * d->w + (rows - 1) * row) >= d->step[1] * LANES) {
        pack_narrow(d, images, rows, row, plane, last, to);
        return;
    }
    for (int64_t b = 0; b < images; b++, plane += d->sources * d->h * d->w, to += d->rows * d->columns)
        for (int64_t i = 0; i < rows; i++)
            take(n, plane + i * row, d->step[1], limit, last, to + i * d->columns);
}

static void pack(const kdst__depthwise *d, int64_t channel, int64_t image, int64_t images, const real *x, real *frame)
{
    int64_t plane = d->h * d->w, all = d->sources * plane;
    for (int64_t phase = 0; phase < d->phases; phase++)
        pack_phase(
            d, phase, images, x + image * all + channel * plane, x + d->n * all, frame + phase * d->flat + d->lead);
}

static void clear(int64_t n, real *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = 0;
}

/* y[i] = sum_t w[index[t]] x[offset[t] + i], i < n; in whole vectors. */
static void
correlate(int64_t n, int64_t taps, const int64_t *offset, const int64_t *index, const real *w, const real *x, real *y)
{
    int64_t i = 0;
    for (; i + 2 * LANES < n; i += 4 * LANES) {
        vec a = {0}, b = {0}, c = {0}, e = {0};
        for (int64_t t = 0; t < taps; t++) {
            const real factor = w[index[t]], *p = x + offset[t] + i;
            a += factor * vload(p);
            b += factor * vload(p + LANES);
            c += factor * vload(p + 2 * LANES);
            e += factor * vload(p + 3 * LANES);
        }
        vstore(y + i, a);
        vstore(y + i + LANES, b);
        vstore(y + i + 2 * LANES, c);
        vstore(y + i + 3 * LANES, e);
    }
    for (; i < n; i += LANES) {
        vec a = {0};
        for (int64_t t = 0; t < taps; t++)
            a += w[index[t]] * vload(x + offset[t] + i);
        vstore(y + i, a);
    }
}

/* One row of the result from the flat ranges of its column phases, `apart` from each other; in whole vectors. */
static inline void spread(int64_t n, int64_t step, const real *flat, int64_t apart, real *to)
{
    if (step == 1)
        for (int64_t i = 0; i < n; i += LANES)
            vstore(to + i, vload(flat + i));
    else if (step == 2)
        for (int64_t i = 0; 2 * i < n; i += LANES) {
            vec even = vload(flat + i), odd = vload(flat + apart + i);
            vstore(to + 2 * i, vlow(even, odd));
            vstore(to + 2 * i + LANES, vhigh(even, odd));
        }
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = flat[i % step * apart + i / step];
}

/* y = x + bias, or y += */
static inline void write(int64_t n, const real *x, real bias, int32_t accumulate, real *y)
{
    int64_t i = 0;
    if (accumulate) {
        for (; i + LANES <= n; i += LANES)
            vstore(y + i, vload(y + i) + (vload(x + i) + bias));
        for (; i + 4 <= n; i += 4)
            *(quad *)(y + i) += *(const quad *)(x + i) + bias;
        for (; i < n; i++)
            y[i] += x[i] + bias;
    } else {
        for (; i + LANES <= n; i += LANES)
            vstore(y + i, vload(x + i) + bias);
        for (; i + 4 <= n; i += 4)
            *(quad *)(y + i) = *(const quad *)(x + i) + bias;
        for (; i < n; i++)
            y[i] = x[i] + bias;
    }
}

/* The result of `images` images from a frame, dense. */
static void make(const kdst__depthwise *d, int64_t images, const real *w, const real *frame, real *flat, real *dense)
{
    for (int64_t i = 0, phase = 0; i < d->out_step[0]; i++)
        for (int64_t j = 0; j < d->out_step[1]; j++, phase++) {
            if (i >= d->p || j >= d->q) continue;
            int64_t rows = (images - 1) * d->rows + places(d->p, i, d->out_step[0]) - 1, first = d->first[phase];
            correlate(
                rows * d->columns + places(d->q, j, d->out_step[1]), d->first[phase + 1] - first, d->offset + first,
                d->index + first, w, frame, flat + phase * d->flat);
        }
    for (int64_t b = 0; b < images; b++, flat += d->rows * d->columns)
        for (int64_t i = 0, phase = 0, row = 0; i < d->p; i++, dense += d->q) {
            spread(d->q, d->out_step[1], flat + phase * d->out_step[1] * d->flat + row * d->columns, d->flat, dense);
            if (++phase == d->out_step[0]) phase = 0, row++;
        }
}

void KDST__KERNEL(depthwise)(
    const kdst__depthwise *d, int64_t begin, int64_t end, const real *x, const real *w, const real *bias,
    int32_t accumulate, real *y, real *scratch)
{
    int64_t plane = d->p * d->q;
    real *flat = scratch + d->phases * d->flat;
    real *dense = flat + d->out_step[0] * d->out_step[1] * d->flat;
    clear(d->phases * d->flat, scratch);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t result = unit % d->results, image = unit / d->results * d->block;
        int64_t images = d->n - image < d->block ? d->n - image : d->block;
        for (int64_t k = 0; k < d->many; k++) {
            pack(d, result / d->shared * d->many + k, image, images, x, scratch);
            make(d, images, w + (result * d->many + k) * d->kernel, scratch, flat, dense);
            for (int64_t b = 0; b < images; b++)
                write(
                    plane, dense + b * plane, bias ? bias[result] : 0, accumulate || k > 0,
                    y + ((image + b) * d->results + result) * plane);
        }
    }
}

/* dy in the order of the flat range; between its rows the zeros stay. */
static void
pack_flat(const kdst__depthwise *d, int64_t channel, int64_t image, int64_t images, const real *dy, real *to)
{
    int64_t plane = d->p * d->q, all = d->results * plane;
    const real *from = dy + image * all + channel * plane, *limit = dy + d->n * all;
    const ivec last = last_lanes(d->q);
    for (int64_t b = 0; b < images; b++, from += all, to += d->rows * d->columns)
        for (int64_t i = 0; i < d->p; i++)
            take(d->q, from + i * d->q, 1, limit, last, to + i * d->columns);
}

/* sums[i] += dy x[offset[i]], lane by lane; three taps at once. */
static void add_three(int64_t n, const int64_t *offset, const real *x, const real *dy, real *sums)
{
    const real *x0 = x + offset[0], *x1 = x + offset[1], *x2 = x + offset[2];
    vec a0 = {0}, a1 = {0}, a2 = {0}, b0 = {0}, b1 = {0}, b2 = {0};
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        vec a = vload(dy + i), b = vload(dy + i + LANES);
        a0 += a * vload(x0 + i);
        b0 += b * vload(x0 + i + LANES);
        a1 += a * vload(x1 + i);
        b1 += b * vload(x1 + i + LANES);
        a2 += a * vload(x2 + i);
        b2 += b * vload(x2 + i + LANES);
    }
    vstore(sums, vload(sums) + (a0 + b0));
    vstore(sums + LANES, vload(sums + LANES) + (a1 + b1));
    vstore(sums + 2 * LANES, vload(sums + 2 * LANES) + (a2 + b2));
}

static void add_one(int64_t n, const real *x, const real *dy, real *sums)
{
    vec a = {0}, b = {0};
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        a += vload(dy + i) * vload(x + i);
        b += vload(dy + i + LANES) * vload(x + i + LANES);
    }
    vstore(sums, vload(sums) + (a + b));
}

/* One channel and block of images, all taps. */
static void add_block(
    const kdst__depthwise *d, int64_t result, int64_t image, const real *x, const real *dy, real *frame, real *sums)
{
    const int64_t taps = d->first[1], images = d->n - image < d->block ? d->n - image : d->block;
    const int64_t n = ((images - 1) * d->rows + d->p - 1) * d->columns + d->q;
    real *flat = frame + d->phases * d->flat;
    int64_t t = 0;
    pack(d, result / d->shared, image, images, x, frame);
    pack_flat(d, result, image, images, dy, flat);
    if (images < d->block) clear(2 * LANES, flat + n); /* of the block before */
    for (; t + 3 <= taps; t += 3)
        add_three(n, d->offset + t, frame, flat, sums + t * LANES);
    for (; t < taps; t++)
        add_one(n, frame + d->offset[t], flat, sums + t * LANES);
}

/* Some neighbouring channels at once, since those of an image lie together. */
void KDST__KERNEL(depthwise_weights)(
    const kdst__depthwise *d, int64_t begin, int64_t end, const real *x, const real *dy, real *dw, real *scratch)
{
    const int64_t taps = d->first[1];
    real *sums = scratch + (d->phases + 1) * d->flat;
    clear((d->phases + 1) * d->flat, scratch);
    for (int64_t first = begin; first < end; first += KDST__DEPTHWISE_TILE) {
        int64_t count = end - first < KDST__DEPTHWISE_TILE ? end - first : KDST__DEPTHWISE_TILE;
        clear(count * taps * LANES, sums);
        for (int64_t image = 0; image < d->n; image += d->block)
            for (int64_t i = 0; i < count; i++)
                add_block(d, first + i, image, x, dy, scratch, sums + i * taps * LANES);
        for (int64_t i = 0; i < count * taps; i++)
            dw[(first + i / taps) * d->kernel + d->index[i % taps]] += (real)vsum_double(vload(sums + i * LANES));
    }
}
