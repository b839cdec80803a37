/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution (Lavin and Gray 2016), forward: y = A^T [sum_c (G w G^T) (B^T x B)] A for each tile, product by product. See
 * compute/winograd.h for the layouts and simd/winograd.h for the matrices.
 *
 * A channel is a lane, so that a transform is the same arithmetic on whole vectors; the sum over channels is a small matrix product
 * at each of the 36 points.
 */
#include "compute/simd/activation.h"
#include "compute/simd/transpose.h"
#include "compute/simd/winograd.h"

#define LARGEST 25 /* taps */

/* ---- weights ---- */

/* Taps of `count` filters that are `lane_step` apart, a filter a lane, the others 0. */
static void load_taps(int64_t taps, int64_t count, int64_t lane_step, const real *w, vec *out)
{
    static const real none[LARGEST];
    const real *lane[KDST__VECTOR_BYTES / sizeof(real)];
    for (int64_t i = 0; i < LANES; i++)
        lane[i] = i < count ? w + i * lane_step : none;
    for (int64_t i = 0; i < LANES; i += 4)
        transpose_four(lane[i], lane[i + 1], lane[i + 2], lane[i + 3], taps, LANES, (real *)out + i);
}

/* Channels [begin, end) of u [36][C][blocks][B], from `count` filters; `turned` by 180 degrees for the gradient of the data. */
void KDST__KERNEL(winograd_weights)(
    const kdst__winograd *g, int64_t begin, int64_t end, int64_t blocks, int64_t count, int64_t lane_step,
    int64_t depth_step, int32_t turned, const real *w, real *u)
{
    const int64_t taps = g->kernel * g->kernel, apart = KDST__WINOGRAD_APART(g->c * blocks, LANES);
    for (int64_t d = begin; d < end; d++)
        for (int64_t b = 0; b < blocks; b++) {
            vec w_taps[LARGEST];
            load_taps(
                taps, least(LANES, count - b * LANES), lane_step, w + b * LANES * lane_step + d * depth_step, w_taps);
            for (int64_t i = 0; turned && i < taps / 2; i++) {
                vec other = w_taps[i];
                w_taps[i] = w_taps[taps - 1 - i];
                w_taps[taps - 1 - i] = other;
            }
            real *out = u + (d * blocks + b) * LANES;
            if (g->kernel == 3)
                both_ways(3, 1, w_taps, apart, out);
            else
                both_ways(5, 1, w_taps, apart, out);
        }
}

/* ---- source ---- */

/* Rows of B^T d that belong to one point or to a pair of opposite ones: six columns each. */
ALWAYS vec row_alone(const real *d, int64_t row)
{
    return source_zero(vload(d), vload(d + 2 * row), vload(d + 4 * row));
}

typedef struct pair {
    vec plus, minus;
} pair;

ALWAYS pair row_pair(const real *d, int64_t row, real point, real other2)
{
    vec even = vload(d + 4 * row) - other2 * vload(d + 2 * row);
    vec odd = vload(d + 3 * row) - other2 * vload(d + row);
    return (pair){even + point * odd, even - point * odd};
}

ALWAYS void alone(const real *d, int64_t row, int64_t apart, real *out)
{
    six s = to_source(
        row_alone(d, row), row_alone(d + LANES, row), row_alone(d + 2 * LANES, row), row_alone(d + 3 * LANES, row),
        row_alone(d + 4 * LANES, row), row_alone(d + 5 * LANES, row));
    store_points(s, apart, out);
}

ALWAYS void paired(const real *d, int64_t row, real point, real other2, int64_t apart, real *out)
{
    pair a = row_pair(d, row, point, other2), b = row_pair(d + LANES, row, point, other2);
    pair c = row_pair(d + 2 * LANES, row, point, other2), e = row_pair(d + 3 * LANES, row, point, other2);
    pair f = row_pair(d + 4 * LANES, row, point, other2), g = row_pair(d + 5 * LANES, row, point, other2);
    store_points(to_source(a.plus, b.plus, c.plus, e.plus, f.plus, g.plus), apart, out);
    store_points(to_source(a.minus, b.minus, c.minus, e.minus, f.minus, g.minus), apart, out + POINTS * apart);
}

/* B^T d B of the 6 x 6 vectors at d, whose rows are `row` apart, without putting anything aside. */
static void transform(const real *d, int64_t row, int64_t apart, real *out)
{
    alone(d, row, apart, out);
    paired(d, row, REAL(NEAR), REAL(FAR2), apart, out + POINTS * apart);
    paired(d, row, REAL(FAR), REAL(NEAR2), apart, out + 3 * POINTS * apart);
    alone(d + row, row, apart, out + 5 * POINTS * apart);
}

ALWAYS int64_t tile_top(const kdst__winograd *g, int64_t t)
{
    return t % (g->rows * g->columns) / g->columns * g->step - g->pad[0];
}

ALWAYS int64_t tile_left(const kdst__winograd *g, int64_t t)
{
    return t % g->columns * g->step - g->pad[1];
}

/* Tiles [begin, end) of channel blocks [first, last) go to the places [at, …) of v, which is filled up with zero tiles. */
void KDST__KERNEL(winograd_source)(
    const kdst__winograd *g, int64_t begin, int64_t end, int64_t first, int64_t last, const real *x, int64_t at,
    real *v)
{
    const int64_t blocks = (g->c + LANES - 1) / LANES, plane = g->h * g->w * LANES, in_image = g->rows * g->columns;
    vec edge[POINTS * POINTS];
    for (int64_t b = first; b < last; b++)
        for (int64_t t = begin; t < begin + filled(end - begin); t++) {
            real *out = v + (b * g->hold + at + t - begin) * LANES;
            if (t >= end) {
                for (int64_t i = 0; i < KDST__WINOGRAD_POINTS; i++)
                    *(vec *)(out + i * g->v_point) = (vec){0};
                continue;
            }
            const int64_t top = tile_top(g, t), left = tile_left(g, t), later = t + AHEAD;
            const real *image = x + (t / in_image * blocks + b) * plane;
            fetch(
                POINTS, g->step, g->w,
                x + (later / in_image * blocks + b) * plane +
                    (tile_top(g, later) * g->w + tile_left(g, later) + POINTS - g->step) * LANES);
            if (top >= 0 && left >= 0 && top + POINTS <= g->h && left + POINTS <= g->w) {
                transform(image + (top * g->w + left) * LANES, g->w * LANES, g->v_point, out);
            } else {
                clip(POINTS, g->h, g->w, top, left, image, (real *)edge);
                transform((const real *)edge, POINTS * LANES, g->v_point, out);
            }
        }
}

/* ---- product ---- */

#define ROWS_2(R) R(0) R(1)
#define ROWS_4(R) ROWS_2(R) R(2) R(3)
#define ROWS_6(R) ROWS_4(R) R(4) R(5)
#define ROWS_12(R) ROWS_6(R) R(6) R(7) R(8) R(9) R(10) R(11)

#if KDST__VECTOR_BYTES == 64
#  define TALL 12
#  define EACH_TALL ROWS_12
#elif KDST__VECTOR_BYTES == 32
#  define TALL 6
#  define EACH_TALL ROWS_6
#else
#  define TALL 4
#  define EACH_TALL ROWS_4
#endif

#define FLAT (TALL == 6 ? 2 : 4)
#define WIDE 1
#define TILE tall_wide
#define EACH_ROW EACH_TALL
#include "compute/simd/winograd_tile.h"
#undef TILE
#undef EACH_ROW
#define TILE flat_wide
#if TALL == 6
#  define EACH_ROW ROWS_2
#else
#  define EACH_ROW ROWS_4
#endif
#include "compute/simd/winograd_tile.h"
#undef TILE
#undef WIDE
#define WIDE 0
#define TILE flat_narrow
#include "compute/simd/winograd_tile.h"
#undef TILE
#undef EACH_ROW
#define TILE tall_narrow
#define EACH_ROW EACH_TALL
#include "compute/simd/winograd_tile.h"

/* All points of `tiles` tiles and one group of results. */
void KDST__KERNEL(winograd_product)(
    const kdst__winograd *g, int64_t wide, int64_t tiles, const real *v, const real *u, real *m)
{
    for (int64_t i = 0; i < KDST__WINOGRAD_POINTS; i++) {
        int64_t t = 0;
        for (; t + TALL <= filled(tiles); t += TALL)
            (wide ? tall_wide : tall_narrow)(g->c, g->hold, g->block, v + t * LANES, u, m + t * LANES);
        for (; t < filled(tiles); t += FLAT)
            (wide ? flat_wide : flat_narrow)(g->c, g->hold, g->block, v + t * LANES, u, m + t * LANES);
        v += g->v_point;
        m += g->m_point;
        u += KDST__WINOGRAD_APART(g->c * (1 + wide), LANES);
    }
}

/* ---- results ---- */

ALWAYS void add_to_sums(vec sum, vec squares, double *sums)
{
    for (int64_t k = 0; k < LANES; k++) {
        sums[LANES + k] += (double)sum[k];
        sums[2 * LANES + k] += (double)squares[k];
    }
}

/* One tile: what is inside of the image goes to y. `sums` [3][B]: a shift, and sums of the distances from it and of their squares. */
ALWAYS void
put(int size, const kdst__winograd *g, int64_t rows, int64_t columns, const vec *tile, vec bias, const real *addend,
    int32_t activation, double *sums, vec shift, real *y)
{
    const vec top = activation_top(activation);
    vec sum = {0}, squares = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            real *to = y + (i * g->q + j) * LANES;
            vec v = tile[i * size + j] + bias;
            if (addend) v += vload(addend + (i * g->q + j) * LANES);
            if (activation) v = activated(v, top);
            vstore(to, v);
            v -= shift;
            sum += v;
            squares += v * v;
        }
    if (sums) add_to_sums(sum, squares, sums);
}

ALWAYS vec lane_numbers(void)
{
    vec v = {0};
    for (int64_t k = 0; k < LANES; k++)
        v[k] = REAL(k);
    return v;
}

ALWAYS void results(
    int size, const kdst__winograd *g, int64_t block, int64_t begin, int64_t end, const real *m, const real *bias,
    const real *addend, int32_t activation, double *sums, real *y)
{
    const int64_t blocks = (g->o + LANES - 1) / LANES, in_image = g->rows * g->columns, plane = g->p * g->q * LANES;
    const vec offset = bias ? vload_part(bias, least(LANES, g->o - block * LANES), 0) : (vec){0};
    const int behind = g->o < (block + 1) * LANES; /* there NaN times 0 is no 0 */
    const ivec mask = (ivec)(lane_numbers() < REAL(g->o - block * LANES));
    vec shift = {0};
    for (int64_t t = begin; t < end; t++, m += LANES) {
        const int64_t in = t % in_image, top = in / g->columns * size, left = in % g->columns * size;
        vec tile[16];
        from_both_ways(size, 0, m, g->m_point, tile);
        for (int i = 0; behind && i < size * size; i++)
            tile[i] = vselect(mask, tile[i], (vec){0});
        if (sums && t == begin) {
            shift = tile[0] + offset;
            for (int64_t k = 0; k < LANES; k++) {
                sums[k] = (double)shift[k];
                sums[LANES + k] = sums[2 * LANES + k] = 0;
            }
        }
        const int64_t rows = least(size, g->p - top), columns = least(size, g->q - left);
        const int64_t place = (t / in_image * blocks + block) * plane + (top * g->q + left) * LANES;
        const real *more = addend ? addend + place : NULL;
        real *to = y + place;
        fetch(size, size, g->q, to + AHEAD * size * LANES);
        if (rows == size && columns == size)
            put(size, g, size, size, tile, offset, more, activation, sums, shift, to);
        else
            put(size, g, rows, columns, tile, offset, more, activation, sums, shift, to);
    }
}

/* Tiles [begin, end) of results' block number `block`, from products m of that block. */
void KDST__KERNEL(winograd_results)(
    const kdst__winograd *g, int64_t block, int64_t begin, int64_t end, const real *m, const real *bias,
    const real *addend, int32_t activation, double *sums, real *y)
{
    if (g->step == 4)
        results(4, g, block, begin, end, m, bias, addend, activation, sums, y);
    else
        results(2, g, block, begin, end, m, bias, addend, activation, sums, y);
}
