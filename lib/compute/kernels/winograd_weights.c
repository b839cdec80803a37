/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution (Lavin and Gray 2016), the gradient of the weights: dw += G^T [sum over tiles (B^T x B) (A dy A^T)] G, which is
 * the transposed of the forward algorithm. The source is transformed by kernels/winograd.c; dy likewise lies as dv [36][O blocks]
 * [hold][B], and the sums as du [36][C, up to whole blocks][R][B], a group of results behind the other.
 */
#include "compute/simd/winograd_strided.h"

/* ---- gradients of results ---- */

ALWAYS void targets(
    int form, int size, const kdst__winograd *g, int64_t begin, int64_t end, int64_t first, int64_t last,
    const real *dy, int64_t at, real *v)
{
    for (int64_t b = first; b < last; b++) {
        spot here = result_spot(g, begin, b), next = result_spot(g, begin + 1, b);
        for (int64_t t = begin; t < end; t++) {
            vec tile[16];
            const spot later = result_spot(g, t + AHEAD, b);
            fetch(size, size, g->q, dy + later.place);
            if (here.top + size <= g->p && here.left + size <= g->q)
                for (int64_t i = 0; i < size * size; i++)
                    tile[i] = vload(dy + here.place + (i / size * g->q + i % size) * LANES);
            else
                clip(size, g->p, g->q, here, dy, (real *)tile);
            real *out = v + (b * g->hold + at + t - begin) * LANES;
            if (form == KDST__WINOGRAD_DENSE)
                both_ways(size, 0, tile, g->dv_point, out);
            else
                strided_targets(tile, g->dv_point, out);
            here = next;
            next = later;
        }
    }
}

/* Tiles [begin, end) of blocks [first, last) go to the places [at, …) of v. */
void KDST__KERNEL(winograd_targets)(
    const kdst__winograd *g, int64_t begin, int64_t end, int64_t first, int64_t last, const real *dy, int64_t at,
    real *v)
{
    if (g->form != KDST__WINOGRAD_DENSE)
        targets(KDST__WINOGRAD_STRIDED, 4, g, begin, end, first, last, dy, at, v);
    else if (g->step == 4)
        targets(KDST__WINOGRAD_DENSE, 4, g, begin, end, first, last, dy, at, v);
    else
        targets(KDST__WINOGRAD_DENSE, 2, g, begin, end, first, last, dy, at, v);
}

/* ---- sums over tiles ---- */

#define ROWS_4(R) R(0) R(1) R(2) R(3)
#define ROWS_8(R) ROWS_4(R) R(4) R(5) R(6) R(7)
#define ROWS_16(R) ROWS_8(R) R(8) R(9) R(10) R(11) R(12) R(13) R(14) R(15)

#if KDST__VECTOR_BYTES == 64
#  define WIDE_ROWS 8
#  define EACH_WIDE ROWS_8
#  define NARROW_ROWS 16
#  define EACH_NARROW ROWS_16
#elif KDST__VECTOR_BYTES == 32
#  define WIDE_ROWS 4
#  define EACH_WIDE ROWS_4
#  define NARROW_ROWS 8
#  define EACH_NARROW ROWS_8
#else
#  define WIDE_ROWS 4
#  define EACH_WIDE ROWS_4
#  define NARROW_ROWS 4
#  define EACH_NARROW ROWS_4
#endif

#define TILE outer_wide
#define EACH_ROW EACH_WIDE
#define WIDE 1
#include "compute/simd/winograd_outer.h"
#undef TILE
#undef EACH_ROW
#undef WIDE
#define TILE outer_narrow
#define EACH_ROW EACH_NARROW
#define WIDE 0
#include "compute/simd/winograd_outer.h"

#define AT_ONCE 128 /* tiles of one point that stay in the first cache */

/* One point; what the next one reads is asked for meanwhile. */
static void outer(
    const kdst__winograd *g, int64_t wide, int64_t tiles, int64_t blocks, const real *v, const real *dv,
    int32_t accumulate, real *du)
{
    const int64_t rows = wide ? WIDE_ROWS : NARROW_ROWS, width = (1 + wide) * LANES;
    for (int64_t t = 0; t < tiles; t += AT_ONCE)
        for (int64_t k = 0; k < blocks * LANES; k += rows) {
            const int last = k / LANES + 1 == blocks;
            const real *here = v + (k / LANES * g->hold + t) * LANES, *there = dv + t * LANES;
            (wide ? outer_wide : outer_narrow)(
                least(AT_ONCE, tiles - t), g->hold, here + k % LANES, there,
                last ? v + g->v_point : here + g->hold * LANES, last ? dv + g->dv_point : there, accumulate || t > 0,
                du + k * width);
        }
}

/* `blocks` channel blocks by one group of results, at all points: those that share weights are added up. */
void KDST__KERNEL(winograd_outer)(
    const kdst__winograd *g, int64_t wide, int64_t tiles, int64_t blocks, const real *v, const real *dv,
    int32_t accumulate, real *du)
{
    const int64_t apart = KDST__WINOGRAD_APART(blocks * (1 + wide) * LANES, LANES);
    for (int64_t i = 0; i < g->side * g->side; i++) {
        const int64_t row = i / g->side, column = i % g->side;
        const int64_t weights = least(row, POINTS - 1) * POINTS + least(column, POINTS - 1);
        const int32_t more = accumulate || row >= POINTS || column >= POINTS;
        outer(g, wide, tiles, blocks, v + i * g->v_point, dv + i * g->dv_point, more, du + weights * apart);
    }
}

/* ---- back to weights ---- */

ALWAYS void gradient(
    int form, int k, const kdst__winograd *g, int64_t blocks, int64_t count, int64_t begin, int64_t end, int64_t apart,
    int64_t parts, int64_t part, const real *du, real *dw)
{
    const int64_t taps = k * k;
    vec sum[KDST__WINOGRAD_POINTS], taps_of[25];
    for (int64_t c = begin; c < end; c++)
        for (int64_t b = 0; b < blocks; b++, du += LANES) {
            for (int64_t i = 0; i < KDST__WINOGRAD_POINTS; i++) {
                sum[i] = *(const vec *)(du + i * apart);
                for (int64_t j = 1; j < parts; j++)
                    sum[i] += *(const vec *)(du + i * apart + j * part);
            }
            if (form == KDST__WINOGRAD_DENSE)
                from_both_ways(k, 1, (const real *)sum, LANES, taps_of);
            else
                strided_taps(sum, taps_of);
            for (int64_t o = 0; o < least(LANES, count - b * LANES); o++)
                for (int64_t i = 0; i < taps; i++)
                    dw[((b * LANES + o) * g->c + c) * taps + i] += ((const real *)taps_of)[i * LANES + o];
        }
}

/* Channels [begin, end) of `count` filters at dw, from sums whose points are `apart` floats apart; du begins with channel `begin`. The
 * sums of `parts` parts, `part` floats apart, are added in their order. */
void KDST__KERNEL(winograd_gradient)(
    const kdst__winograd *g, int64_t blocks, int64_t count, int64_t begin, int64_t end, int64_t apart, int64_t parts,
    int64_t part, const real *du, real *dw)
{
    if (g->form != KDST__WINOGRAD_DENSE)
        gradient(KDST__WINOGRAD_STRIDED, 3, g, blocks, count, begin, end, apart, parts, part, du, dw);
    else if (g->kernel == 3)
        gradient(KDST__WINOGRAD_DENSE, 3, g, blocks, count, begin, end, apart, parts, part, du, dw);
    else
        gradient(KDST__WINOGRAD_DENSE, 5, g, blocks, count, begin, end, apart, parts, part, du, dw);
}
