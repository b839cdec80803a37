/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution on blocked channels: sums of x w over taps and channels, and of x dy over positions (conv_direct.h).
 *
 * A tile of y is POINTS positions times up to three vectors of channels, in registers. The positions are any: each has an offset for
 * each tap, and a row of zeros stands for what lies outside, so there are no edges, and stride, dilation and padding are
 * all the same. Taps that meet nothing but zeros in all positions of a tile are left out.
 */
#include "compute/simd/activation.h"

#define WIDTH (KDST__VECTOR_BYTES / sizeof(real))

#if KDST__VECTOR_BYTES == 64
#  define POINTS 8
#  define MOST 3
#  define EACH_POINT(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7)
#else
#  define POINTS 4
#  if KDST__VECTOR_BYTES == 32
#    define MOST 3
#  else
#    define MOST 2
#  endif
#  define EACH_POINT(M) M(0) M(1) M(2) M(3)
#endif

static const real zeros[WIDTH], nothing[WIDTH];

/* Positions of a tile: where they are written; for each tap their offsets, and the number of the tap. */
typedef struct tile {
    int64_t count, place[POINTS];
    int64_t *list; /* [count, POINTS + 1] */
} tile;

static inline ivec lanes_of(int64_t count)
{
    ivec mask = {0};
    for (int64_t i = 0; i < LANES; i++)
        mask[i] = i < count ? -1 : 0;
    return mask;
}

#define VECTORS 1
#define SUM sum_1
#define WEIGHTS weights_1
#include "compute/simd/direct_tile.h"
#undef VECTORS
#undef SUM
#undef WEIGHTS

#define VECTORS 2
#define SUM sum_2
#define WEIGHTS weights_2
#include "compute/simd/direct_tile.h"
#undef VECTORS
#undef SUM
#undef WEIGHTS

#if MOST == 3
#  define VECTORS 3
#  define SUM sum_3
#  define WEIGHTS weights_3
#  include "compute/simd/direct_tile.h"
#  undef VECTORS
#  undef SUM
#  undef WEIGHTS
#else
#  define sum_3 sum_2
#  define weights_3 weights_2
#endif

void KDST__KERNEL(direct_sizes)(int64_t *points, int64_t *vectors)
{
    *points = POINTS;
    *vectors = MOST;
}

/* `chunk` rows are read at a time: what a lane has there lies close together. */
void KDST__KERNEL(direct_pack)(
    int64_t k, int64_t chunk, const int64_t *from, int64_t vectors, int64_t valid, int64_t apart, const real *w,
    real *out)
{
    const int64_t width = vectors * LANES;
    for (int64_t begin = 0; begin < k; begin += chunk) {
        const int64_t end = k - begin < chunk ? k : begin + chunk;
        for (int64_t lane = 0; lane < width; lane++)
            for (int64_t i = begin; i < end; i++)
                out[i * width + lane] = lane < valid ? w[lane * apart + from[i]] : 0;
    }
}

/* Positions begin … begin + POINTS - 1; the last one again and again behind `end`. */
static void set_tile(const kdst__direct *d, int64_t begin, int64_t end, tile *t)
{
    int64_t i[POINTS], j[POINTS], image[POINTS];
    const int64_t s = d->rows * d->columns;
    int64_t n = begin / s, row = begin % s / d->columns, column = begin % d->columns;
    for (int64_t p = 0; p < POINTS; p++) {
        i[p] = row, j[p] = column, image[p] = n * d->x_image;
        t->place[p] = n * d->y_image + d->y_origin + row * d->y_row + column * d->y_column;
        if (begin + p + 1 >= end) continue;
        if (++column == d->columns) column = 0, row++;
        if (row == d->rows) row = 0, n++;
    }
    t->count = 0;
    for (int64_t tap = 0; tap < d->taps; tap++) {
        const int64_t *rows = d->row + tap * d->rows, *columns = d->column + tap * d->columns;
        int64_t *list = t->list + t->count * (POINTS + 1), meets = -1;
        for (int64_t p = 0; p < POINTS; p++) {
            const int64_t at = rows[i[p]] + columns[j[p]];
            list[p] = at < 0 ? -1 : at + image[p];
            meets &= list[p];
        }
        list[POINTS] = tap;
        t->count += meets >= 0;
    }
}

void KDST__KERNEL(direct_sum)(const kdst__direct *d, const kdst__direct_run *run)
{
    tile t = {.list = run->list};
    for (int64_t at = run->begin; at < run->end; at += POINTS) {
        set_tile(d, at, run->end, &t);
        if (run->vectors == 1)
            sum_1(d, run, &t);
        else if (run->vectors == 2)
            sum_2(d, run, &t);
        else
            sum_3(d, run, &t);
    }
}

void KDST__KERNEL(direct_weights)(const kdst__direct_weights *d)
{
    if (d->vectors == 1)
        weights_1(d);
    else if (d->vectors == 2)
        weights_2(d);
    else
        weights_3(d);
}
