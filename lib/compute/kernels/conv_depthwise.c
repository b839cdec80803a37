/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution on blocked channels: images [begin, end) of one block.
 *
 * y[p, q] = bias + sum_ij w[i, j] x[p step + i d - pad, q step + j d - pad], each a vector of channels. Rows of the source are copied,
 * once each, into a frame that has zeros on both sides and stays in the first cache; rows outside are left out. Then all
 * places of a row are alike, and some neighbouring ones are summed at once. The gradient of the data is the same with taps that
 * depend on the phase of a place.
 *
 * The weights' gradient sums dy x over runs of some hundred places, and those in double.
 */
#include "compute/simd/activation.h"

#define INLINE static inline __attribute__((always_inline))
#define RUN 256 /* places summed in `real` */
#define AHEAD 2 /* rows asked for before they are copied */

/* Rows that a row of the result reads, and their weights. */
typedef struct lines {
    int64_t count;
    const real **source, **weights;
} lines;

/* Taps of one phase of columns. */
typedef struct taps {
    int64_t count;
    const int64_t *tap, *offset;
} taps;

#define TILE tile_8
#define EACH_PLACE(R) R(0) R(1) R(2) R(3) R(4) R(5) R(6) R(7)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_7
#define EACH_PLACE(R) R(0) R(1) R(2) R(3) R(4) R(5) R(6)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_6
#define EACH_PLACE(R) R(0) R(1) R(2) R(3) R(4) R(5)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_5
#define EACH_PLACE(R) R(0) R(1) R(2) R(3) R(4)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_4
#define EACH_PLACE(R) R(0) R(1) R(2) R(3)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_3
#define EACH_PLACE(R) R(0) R(1) R(2)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_2
#define EACH_PLACE(R) R(0) R(1)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE
#define TILE tile_1
#define EACH_PLACE(R) R(0)
#include "compute/simd/depthwise_tile.h"
#undef TILE
#undef EACH_PLACE

/* `count` places of a row, `out` apart. What is left behind tiles of 8 is one tile: two short ones take as long each. */
INLINE void
row_of(int64_t count, lines l, taps t, vec bias, int64_t step, int activation, int add, int64_t out, real *y)
{
    int64_t q = 0;
    for (; q + 8 <= count; q += 8)
        tile_8(l, t, bias, q * step, step, activation, add, out, y + q * out * LANES);
    real *rest = y + q * out * LANES;
    switch (count - q) {
    case 1:
        tile_1(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    case 2:
        tile_2(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    case 3:
        tile_3(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    case 4:
        tile_4(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    case 5:
        tile_5(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    case 6:
        tile_6(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    case 7:
        tile_7(l, t, bias, q * step, step, activation, add, out, rest);
        break;
    default:
        break;
    }
}

static void
choose_row(int64_t count, lines l, taps t, vec bias, int64_t step, int activation, int add, int64_t out, real *y)
{
    if (step == 1)
        row_of(count, l, t, bias, 1, activation, add, out, y);
    else if (step == 2)
        row_of(count, l, t, bias, 2, activation, add, out, y);
    else
        row_of(count, l, t, bias, step, activation, add, out, y);
}

/* Row h of a plane goes into the frame. */
static real *line_of(const kdst__depth *d, real *frame, int64_t h)
{
    return frame + (h & (d->ring - 1)) * d->row * LANES;
}

static void copy_line(const kdst__depth *d, const real *plane, int64_t h, real *frame)
{
    const real *from = plane + h * d->w.from * LANES;
    const int64_t room = d->row - d->lead, count = (d->w.from < room ? d->w.from : room) * LANES;
    real *to = line_of(d, frame, h) + d->lead * LANES;
    const real *later = from + AHEAD * d->w.from * LANES;
    for (int64_t i = 0; i < count; i += LANES) {
        __builtin_prefetch(later + i);
        vstore(to + i, vload(from + i));
    }
}

/* The rows that row p of the result reads; those that are not in the frame yet are copied. *ready: rows that are. */
static int64_t find_lines(
    const kdst__depth *d, int64_t p, const real *plane, const real *w, real *frame, int64_t *ready, const real **source,
    const real **weights)
{
    const int64_t phase = p % d->h.out_step, i = p / d->h.out_step * d->h.in_step;
    int64_t count = 0, highest = -1;
    for (int64_t t = d->h.first[phase]; t < d->h.first[phase + 1]; t++) {
        const int64_t h = i + d->h.offset[t];
        if (h < 0 || h >= d->h.from) continue;
        if (h > highest) highest = h;
        source[count] = line_of(d, frame, h) + d->lead * LANES;
        weights[count++] = w + d->h.tap[t] * d->kw * LANES;
    }
    if (*ready < i + d->low) *ready = i + d->low; /* nothing before that is read any more */
    for (; *ready <= highest; ++*ready)
        copy_line(d, plane, *ready, frame);
    return count;
}

void KDST__KERNEL(conv_depthwise)(
    const kdst__depth *d, int64_t block, int64_t begin, int64_t end, const real *x, const real *w, int32_t activation,
    int32_t add, real *y, real *frame)
{
    const real *source[KDST__DEPTH_ROWS], *weights[KDST__DEPTH_ROWS];
    const vec bias = vload(w + d->kh * d->kw * LANES);
    for (int64_t n = begin; n < end; n++) {
        const real *plane = x + (n * d->blocks + block) * d->h.from * d->w.from * LANES;
        real *to = y + (n * d->blocks + block) * d->h.to * d->w.to * LANES;
        int64_t ready = 0;
        for (int64_t p = 0; p < d->h.to; p++, to += d->w.to * LANES) {
            for (int64_t i = 0; i < d->w.to; i++)
                __builtin_prefetch(to + (d->w.to + i) * LANES, 1); /* the next row of the result */
            const lines l = {find_lines(d, p, plane, w, frame, &ready, source, weights), source, weights};
            for (int64_t f = 0; f < d->w.out_step && f < d->w.to; f++) {
                const int64_t first = d->w.first[f];
                const taps t = {d->w.first[f + 1] - first, d->w.tap + first, d->w.offset + first};
                choose_row(
                    (d->w.to - f + d->w.out_step - 1) / d->w.out_step, l, t, bias, d->w.in_step, activation, add,
                    d->w.out_step, to + f * LANES);
            }
        }
    }
}

/* ---- gradient of the weights ---- */

/* run[k] += sum of dy x over the places of a row, for all nine taps of a kernel of 3 x 3 whose columns are `apart`. */
INLINE void add_nine(int64_t count, const real *const source[3], int64_t apart, int64_t step, const real *dy, real *run)
{
    const real *x0 = source[0], *x1 = source[1], *x2 = source[2];
    const int64_t one = apart * LANES, two = 2 * one, next = step * LANES;
    vec a0 = vload(run), a1 = vload(run + LANES), a2 = vload(run + 2 * LANES), a3 = vload(run + 3 * LANES);
    vec a4 = vload(run + 4 * LANES), a5 = vload(run + 5 * LANES), a6 = vload(run + 6 * LANES);
    vec a7 = vload(run + 7 * LANES), a8 = vload(run + 8 * LANES);
    for (int64_t q = 0; q < count; q++, dy += LANES, x0 += next, x1 += next, x2 += next) {
        const vec g = vload(dy);
        a0 += g * vload(x0), a1 += g * vload(x0 + one), a2 += g * vload(x0 + two);
        a3 += g * vload(x1), a4 += g * vload(x1 + one), a5 += g * vload(x1 + two);
        a6 += g * vload(x2), a7 += g * vload(x2 + one), a8 += g * vload(x2 + two);
    }
    vstore(run, a0), vstore(run + LANES, a1), vstore(run + 2 * LANES, a2), vstore(run + 3 * LANES, a3);
    vstore(run + 4 * LANES, a4), vstore(run + 5 * LANES, a5), vstore(run + 6 * LANES, a6);
    vstore(run + 7 * LANES, a7), vstore(run + 8 * LANES, a8);
}

/* Three neighbouring taps of one row of the kernel, or one; even and odd places apart, lest one sum wait for the other. */
INLINE void add_three(int64_t count, const real *x, int64_t apart, int64_t step, const real *dy, real *run)
{
    const int64_t one = apart * LANES, two = 2 * one, next = step * LANES;
    vec a0 = vload(run), a1 = vload(run + LANES), a2 = vload(run + 2 * LANES), b0 = {0}, b1 = {0}, b2 = {0};
    int64_t q = 0;
    for (; q + 2 <= count; q += 2, dy += 2 * LANES, x += 2 * next) {
        const vec g = vload(dy), h = vload(dy + LANES);
        a0 += g * vload(x), a1 += g * vload(x + one), a2 += g * vload(x + two);
        b0 += h * vload(x + next), b1 += h * vload(x + next + one), b2 += h * vload(x + next + two);
    }
    if (q < count) {
        const vec g = vload(dy);
        a0 += g * vload(x), a1 += g * vload(x + one), a2 += g * vload(x + two);
    }
    vstore(run, a0 + b0), vstore(run + LANES, a1 + b1), vstore(run + 2 * LANES, a2 + b2);
}

INLINE void add_one(int64_t count, const real *x, int64_t step, const real *dy, real *run)
{
    vec a = vload(run), b = {0};
    int64_t q = 0;
    for (; q + 2 <= count; q += 2) {
        a += vload(dy + q * LANES) * vload(x + q * step * LANES);
        b += vload(dy + (q + 1) * LANES) * vload(x + (q + 1) * step * LANES);
    }
    if (q < count) a += vload(dy + q * LANES) * vload(x + q * step * LANES);
    vstore(run, a + b);
}

/* Places q … of a row of dy; source[t]: the row that tap row t reads there, NULL: it lies outside. */
INLINE void add_row(
    const kdst__depth *d, int64_t count, const real *const *source, int64_t q, int64_t step, const real *dy, real *run)
{
    const int64_t apart = d->kw > 1 ? d->w.offset[1] - d->w.offset[0] : 0;
    for (int64_t t = 0; t < d->kh; t++) {
        if (!source[t]) continue;
        const real *x = source[t] + q * step * LANES;
        int64_t j = 0;
        for (; j + 3 <= d->kw; j += 3)
            add_three(count, x + d->w.offset[j] * LANES, apart, step, dy, run + (t * d->kw + j) * LANES);
        for (; j < d->kw; j++)
            add_one(count, x + d->w.offset[j] * LANES, step, dy, run + (t * d->kw + j) * LANES);
    }
}

INLINE void add_square(
    const kdst__depth *d, int64_t count, const real *const *source, int64_t q, int64_t step, const real *dy, real *run,
    const real *zeros)
{
    const int64_t left = (d->w.offset[0] + q * step) * LANES;
    const real *x[3];
    for (int t = 0; t < 3; t++)
        x[t] = (source[t] ? source[t] : zeros) + left;
    add_nine(count, x, d->w.offset[1] - d->w.offset[0], step, dy, run);
}

static void choose_sums(
    const kdst__depth *d, int64_t count, const real *const *source, int64_t q, const real *dy, real *run,
    const real *zeros)
{
    if (d->kh == 3 && d->kw == 3)
        add_square(d, count, source, q, d->w.in_step, dy, run, zeros);
    else
        add_row(d, count, source, q, d->w.in_step, dy, run);
}

/* sums += run, which begins anew */
static void flush(int64_t n, real *restrict run, double *restrict sums)
{
    for (int64_t i = 0; i < n * LANES; i++) {
        sums[i] += (double)run[i];
        run[i] = 0;
    }
}

void KDST__KERNEL(conv_depthwise_weights)(
    const kdst__depth *d, int64_t block, int64_t begin, int64_t end, const real *x, const real *dy, double *sums,
    real *run, real *frame)
{
    const real *found[KDST__DEPTH_ROWS], *weights[KDST__DEPTH_ROWS], *source[KDST__DEPTH_ROWS];
    const real *zeros = frame + (d->ring * d->row + d->lead) * LANES;
    int64_t done = 0;
    for (int64_t i = 0; i < d->kh * d->kw * LANES; i++)
        sums[i] = 0, run[i] = 0;
    for (int64_t n = begin; n < end; n++) {
        const real *plane = x + (n * d->blocks + block) * d->h.from * d->w.from * LANES;
        const real *from = dy + (n * d->blocks + block) * d->h.to * d->w.to * LANES;
        int64_t ready = 0;
        for (int64_t p = 0; p < d->h.to; p++, from += d->w.to * LANES) {
            int64_t count = find_lines(d, p, plane, run, frame, &ready, found, weights);
            for (int64_t t = 0; t < d->kh; t++)
                source[t] = NULL;
            for (int64_t i = 0; i < count; i++)
                source[(weights[i] - run) / (d->kw * LANES)] = found[i];
            for (int64_t q = 0; q < d->w.to && count > 0; q += RUN) {
                const int64_t places = d->w.to - q < RUN ? d->w.to - q : RUN;
                if (done + places > RUN) flush(d->kh * d->kw, run, sums), done = 0;
                choose_sums(d, places, source, q, from + q * LANES, run, zeros);
                done += places;
            }
        }
    }
    flush(d->kh * d->kw, run, sums);
}
