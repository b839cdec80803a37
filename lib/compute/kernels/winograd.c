/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution (Lavin and Gray 2016), forward: y = A^T [sum_c (G w G^T) (B^T x B)] A for each tile, product by product. See
 * compute/winograd.h for forms and layouts, simd/winograd.h and simd/winograd_strided.h for the matrices.
 *
 * A channel is a lane, so that a transform is the same arithmetic on whole vectors; the sum over channels is a small matrix product
 * at each of the points.
 */
#include "compute/simd/activation.h"
#include "compute/simd/transpose.h"
#include "compute/simd/winograd_strided.h"

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
            if (g->form != KDST__WINOGRAD_DENSE)
                strided_weights(w_taps, apart, out);
            else if (g->kernel == 3)
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
static void dense_source(const real *d, int64_t row, int64_t apart, real *out)
{
    alone(d, row, apart, out);
    paired(d, row, REAL(NEAR), REAL(FAR2), apart, out + POINTS * apart);
    paired(d, row, REAL(FAR), REAL(NEAR2), apart, out + 3 * POINTS * apart);
    alone(d + row, row, apart, out + 5 * POINTS * apart);
}

static void transform(const kdst__winograd *g, const real *d, int64_t row, real *out)
{
    if (g->form == KDST__WINOGRAD_DENSE)
        dense_source(d, row, g->v_point, out);
    else if (g->form == KDST__WINOGRAD_STRIDED)
        strided_source(2, 1, 1, d, row, g->v_point, out);
    else if (g->odd_first[1])
        strided_source(1, 1 - g->odd_first[0], 0, d, row, g->v_point, out);
    else
        strided_source(1, 1 - g->odd_first[0], 1, d, row, g->v_point, out);
}

/* Tiles [begin, end) of channel blocks [first, last) go to the places [at, …) of v, which is filled up with zero tiles. */
void KDST__KERNEL(winograd_source)(
    const kdst__winograd *g, int64_t begin, int64_t end, int64_t first, int64_t last, const real *x, int64_t at,
    real *v)
{
    vec edge[SIDE * SIDE];
    for (int64_t b = first; b < last; b++) {
        spot here = source_spot(g, begin, b), next = source_spot(g, begin + 1, b);
        for (int64_t t = begin; t < begin + filled(end - begin); t++) {
            real *out = v + (b * g->hold + at + t - begin) * LANES;
            if (t >= end) {
                for (int64_t i = 0; i < g->side * g->side; i++)
                    *(vec *)(out + i * g->v_point) = (vec){0};
                continue;
            }
            const spot later = source_spot(g, t + AHEAD, b);
            /* what its neighbour to the left does not read */
            fetch(g->reach, g->advance, g->w, x + later.place + (g->reach - g->advance) * LANES);
            if (here.top >= 0 && here.left >= 0 && here.top + g->reach <= g->h && here.left + g->reach <= g->w) {
                transform(g, x + here.place, g->w * LANES, out);
            } else {
                clip(g->reach, g->h, g->w, here, x, (real *)edge);
                transform(g, (const real *)edge, g->reach * LANES, out);
            }
            here = next;
            next = later;
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

/* One point. */
static void product(const kdst__winograd *g, int64_t wide, int64_t tiles, const real *v, const real *u, real *m)
{
    int64_t t = 0;
    for (; t + TALL <= tiles; t += TALL)
        (wide ? tall_wide : tall_narrow)(g->c, g->hold, g->block, v + t * LANES, u, m + t * LANES);
    for (; t < tiles; t += FLAT)
        (wide ? flat_wide : flat_narrow)(g->c, g->hold, g->block, v + t * LANES, u, m + t * LANES);
}

/* All points of `tiles` tiles and one group of results. */
void KDST__KERNEL(winograd_product)(
    const kdst__winograd *g, int64_t wide, int64_t tiles, const real *v, const real *u, real *m)
{
    for (int64_t i = 0; i < KDST__WINOGRAD_POINTS; i++, u += KDST__WINOGRAD_APART(g->c * (1 + wide), LANES)) {
        const point_range range = points_of(g, i);
        for (int64_t row = range.row; row < range.last_row; row++)
            for (int64_t column = range.column; column < range.last_column; column++) {
                const int64_t at = row * g->side + column;
                product(g, wide, filled(tiles), v + at * g->v_point, u, m + at * g->m_point);
            }
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
    int form, int size, const kdst__winograd *g, int64_t block, int64_t begin, int64_t end, const real *m,
    const real *bias, const real *addend, int32_t activation, double *sums, real *y)
{
    const vec offset = bias ? vload_part(bias, least(LANES, g->o - block * LANES), 0) : (vec){0};
    const int behind = g->o < (block + 1) * LANES; /* there NaN times 0 is no 0 */
    const ivec mask = (ivec)(lane_numbers() < REAL(g->o - block * LANES));
    spot here = result_spot(g, begin, block), next = result_spot(g, begin + 1, block);
    vec shift = {0};
    for (int64_t t = begin; t < end; t++, m += LANES) {
        const spot later = result_spot(g, t + AHEAD, block);
        fetch(size, size, g->q, y + later.place);
        vec tile[64];
        if (form == KDST__WINOGRAD_DENSE)
            from_both_ways(size, 0, m, g->m_point, tile);
        else if (form == KDST__WINOGRAD_STRIDED)
            strided_results(m, g->m_point, tile);
        else
            spread_results(g->odd_first, m, g->m_point, tile);
        for (int i = 0; behind && i < size * size; i++)
            tile[i] = vselect(mask, tile[i], (vec){0});
        if (sums && t == begin) {
            shift = tile[0] + offset;
            for (int64_t k = 0; k < LANES; k++) {
                sums[k] = (double)shift[k];
                sums[LANES + k] = sums[2 * LANES + k] = 0;
            }
        }
        const int64_t rows = least(size, g->p - here.top), columns = least(size, g->q - here.left);
        const real *more = addend ? addend + here.place : NULL;
        real *to = y + here.place;
        if (rows == size && columns == size)
            put(size, g, size, size, tile, offset, more, activation, sums, shift, to);
        else
            put(size, g, rows, columns, tile, offset, more, activation, sums, shift, to);
        here = next;
        next = later;
    }
}

/* Tiles [begin, end) of results' block number `block`, from products m of that block. */
void KDST__KERNEL(winograd_results)(
    const kdst__winograd *g, int64_t block, int64_t begin, int64_t end, const real *m, const real *bias,
    const real *addend, int32_t activation, double *sums, real *y)
{
    if (g->form == KDST__WINOGRAD_STRIDED)
        results(KDST__WINOGRAD_STRIDED, 4, g, block, begin, end, m, bias, addend, activation, sums, y);
    else if (g->form == KDST__WINOGRAD_SPREAD)
        results(KDST__WINOGRAD_SPREAD, 8, g, block, begin, end, m, bias, addend, activation, sums, y);
    else if (g->step == 4)
        results(KDST__WINOGRAD_DENSE, 4, g, block, begin, end, m, bias, addend, activation, sums, y);
    else
        results(KDST__WINOGRAD_DENSE, 2, g, block, begin, end, m, bias, addend, activation, sums, y);
}
