/* SPDX-License-Identifier: Apache-2.0 */
/* Products with a factor that fits the second cache, as those of fully connected layers.
 *
 * That factor (B here) is packed whole into panels of two vectors; the other (A) is read where it lies, row by row or column by
 * column, once, so that weights larger than the cache pass through the processor a single time and are never copied. Either
 * factor of the caller can be A, at a price: B's panels are transposed when it is not contiguous along its index, and C's tiles are
 * when C is not contiguous along B's; the cheapest way is taken, by the shape alone. Rows of C are spread over tiles evenly, with a
 * micro-kernel for each number of rows. Sums along k are kept in a tile or, block after block of k, beside C.
 */
#include "compute/state.h"

#include <string.h>

#define FITTING_BYTES ((int64_t)1 << 20) /* packed B */
#define NEAR_BYTES ((int64_t)512 << 10)  /* of A, when its columns are read in place */
#define PART_BYTES ((int64_t)384 << 10)  /* of packed B, when A is read for each part */
#define ROW_SETS_BYTES 4096              /* rows so far apart, or a multiple, share a set of the first cache */
#define COLUMN_SETS_BYTES 1024           /* columns so far apart share too few */
#define PIECE_WORK ((int64_t)400000)     /* multiplications worth a piece */
#define PIECES 32

static const double zeros[16]; /* of either type: rows of the tallest tile */

typedef struct factor {
    const void *data;
    int64_t n, s, sp; /* its index, strides of the index and of the sum */
} factor;

enum { IN_PLACE, TRANSPOSED, SCATTERED }; /* how tiles reach C */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, accumulate, relu, copied; /* copied: A's tiles are packed, too */
    int64_t k;
    factor a, b;
    void *c;
    int64_t rs, cs; /* strides of C along A's index and B's */
    int32_t way;
    const void *start, *bias; /* of A's index; of B's, padded */
    int64_t most, lanes, tiles, panels, blocks, padded;
    int64_t row_parts, column_parts;
    char *packed, *scratch;
    size_t tile_bytes, scratch_bytes; /* of one worker: the tile beside C, and all */
} job;

static void pack_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t panel = piece / j->blocks, p0, p1;
    (void)worker;
    kdst__piece_range(j->k, j->blocks, piece % j->blocks, &p0, &p1);
    int64_t column = panel * 2 * j->lanes, width = kdst__least(2 * j->lanes, j->padded - column);
    const void *from = kdst__at(j->dtype, j->b.data, column * j->b.s + p0 * j->b.sp);
    KDST__CALL(
        j->cp, j->dtype, pack_strided, kdst__least(width, j->b.n - column), width, p1 - p0, from, j->b.s, j->b.sp,
        kdst__at(j->dtype, j->packed, column * j->k + p0 * width));
}

/* Rows [r0, r1) and a range of panels: the tile is `t`, beside C from column c0 on; or in place but where columns end. */
typedef struct strip {
    const job *j;
    int64_t r0, r1, first, last, c0;
    char *beside;
    int64_t ld;
} strip;

static void run_block(const strip *s, int64_t block, const void *a, int64_t ai, int64_t ap, int64_t p0, int64_t k)
{
    const job *j = s->j;
    const int32_t dtype = j->dtype, end = block + 1 == j->blocks;
    const int64_t rows = s->r1 - s->r0, width = 2 * j->lanes;
    for (int64_t panel = s->first; panel < s->last; panel++) {
        int64_t column = panel * width, w = kdst__least(width, j->padded - column);
        int64_t columns = kdst__least(w, j->b.n - column);
        int32_t whole = j->way == IN_PLACE && columns == w;
        kdst__rows_tile t = {
            .k = k,
            .a = a,
            .ai = ai,
            .ap = ap,
            .b = kdst__at(dtype, j->packed, column * j->k + p0 * w),
            .start = block == 0 && j->start ? kdst__at(dtype, j->start, s->r0) : zeros,
            .relu = j->relu && end};
        void *c = kdst__at(dtype, j->c, s->r0 * j->rs + column * j->cs);
        t.c = whole ? c : j->way == IN_PLACE ? s->beside : kdst__at(dtype, s->beside, column - s->c0);
        t.ldc = whole ? j->rs : s->ld;
        if (block > 0 || (whole && j->accumulate))
            t.from = t.c, t.ldf = t.ldc;
        else
            t.from = kdst__at(dtype, j->bias, column);
        KDST__CALL(j->cp, dtype, gemm_rows, rows, w == width ? 2 : 1, &t);
        for (int64_t i = 0; i < rows && j->way == IN_PLACE && !whole && end; i++)
            KDST__CALL(
                j->cp, dtype, copy, columns, 1.0, kdst__at(dtype, s->beside, i * s->ld), 1, j->accumulate,
                kdst__at(dtype, c, i * j->rs), 1);
    }
}

/* From beside C to where it belongs. */
static void bring(const strip *s)
{
    const job *j = s->j;
    int64_t columns = kdst__least(s->last * 2 * j->lanes, j->b.n) - s->c0;
    void *c = kdst__at(j->dtype, j->c, s->r0 * j->rs + s->c0 * j->cs);
    if (j->way == TRANSPOSED)
        KDST__CALL(
            j->cp, j->dtype, transpose_out, s->r1 - s->r0, columns, (void *)s->beside, s->ld, j->accumulate, c, j->cs);
    for (int64_t i = 0; i < s->r1 - s->r0 && j->way == SCATTERED; i++)
        KDST__CALL(
            j->cp, j->dtype, copy, columns, 1.0, kdst__at(j->dtype, s->beside, i * s->ld), 1, j->accumulate,
            kdst__at(j->dtype, c, i * j->rs), j->cs);
}

static void tile_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t t0, t1;
    strip s = {.j = j, .beside = j->scratch + (size_t)worker * j->scratch_bytes};
    void *copy = s.beside + j->tile_bytes;
    kdst__piece_range(j->tiles, j->row_parts, piece % j->row_parts, &t0, &t1);
    kdst__piece_range(j->panels, j->column_parts, piece / j->row_parts, &s.first, &s.last);
    s.c0 = s.first * 2 * j->lanes;
    s.ld = j->way == IN_PLACE ? 2 * j->lanes : kdst__least(s.last * 2 * j->lanes, j->padded) - s.c0;
    for (int64_t tile = t0; tile < t1; tile++) {
        kdst__piece_range(j->a.n, j->tiles, tile, &s.r0, &s.r1);
        for (int64_t block = 0, p0, p1; block < j->blocks; block++) {
            kdst__piece_range(j->k, j->blocks, block, &p0, &p1);
            const void *a = kdst__at(j->dtype, j->a.data, s.r0 * j->a.s + p0 * j->a.sp);
            if (j->copied)
                KDST__CALL(
                    j->cp, j->dtype, pack_strided, s.r1 - s.r0, s.r1 - s.r0, p1 - p0, a, j->a.s, j->a.sp, (void *)copy);
            if (j->copied)
                run_block(&s, block, copy, 1, s.r1 - s.r0, p0, p1 - p0);
            else
                run_block(&s, block, a, j->a.s, j->a.sp, p0, p1 - p0);
        }
        if (j->way != IN_PLACE) bring(&s);
    }
}

/* ---- which factor is A ---- */

static int32_t near(const job *j)
{
    return j->a.n * j->k * (int64_t)kdst__size_of(j->dtype) <= NEAR_BYTES;
}

/* Rows or columns that the micro-kernel reads well where they lie: not so when more of them than the ways of the first cache share its
 * sets, and they are read again for other panels. */
static int32_t readable(const job *j)
{
    const int64_t size = (int64_t)kdst__size_of(j->dtype);
    if (j->a.s == 1) return near(j) && (j->panels == 1 || j->k <= 8 || j->a.sp * size % COLUMN_SETS_BYTES != 0);
    return j->a.sp == 1 && (j->panels == 1 || j->a.n <= 8 || j->a.s * size % ROW_SETS_BYTES != 0);
}

/* In tenths of a cycle, as measured with AVX-512; -1: does not go. */
static double cost(const job *j)
{
    double a = (double)j->a.n * (double)j->k, b = (double)j->padded * (double)j->k;
    double c = (double)j->a.n * (double)j->b.n, packing = j->b.s == 1 ? 1 : 4, moving = j->way == IN_PLACE ? 0 : 5;
    if (b * (double)kdst__size_of(j->dtype) > FITTING_BYTES) return -1;
    if (j->copied && j->a.sp != 1 && !(j->a.s == 1 && near(j))) return -1;
    double copying = !j->copied ? 0 : j->a.s == 1 ? 2 : 4;
    return a * (double)j->padded * 10 / (double)(2 * j->lanes) + b * packing + c * moving + a * copying;
}

static job settled(kdst__compute *cp, const kdst__product *p, int32_t exchanged)
{
    job j = {.cp = cp, .dtype = p->dtype, .accumulate = p->accumulate, .k = p->k, .c = p->c};
    const factor a = {p->a.data, p->m, p->a.si, p->a.sp}, b = {p->b.data, p->n, p->b.si, p->b.sp};
    int64_t depth;
    KDST__CALL(cp, p->dtype, gemm_rows_sizes, &j.most, &j.lanes, &depth);
    j.a = exchanged ? b : a;
    j.b = exchanged ? a : b;
    j.rs = exchanged ? p->js : p->rs;
    j.cs = exchanged ? p->rs : p->js;
    j.way = j.cs == 1 ? IN_PLACE : j.rs == 1 ? TRANSPOSED : SCATTERED;
    j.tiles = kdst__divide_up(j.a.n, j.most);
    j.padded = kdst__divide_up(j.b.n, j.lanes) * j.lanes;
    j.panels = kdst__divide_up(j.padded, 2 * j.lanes);
    j.blocks = kdst__divide_up(p->k, depth);
    j.copied = !readable(&j);
    return j;
}

/* Pieces are tiles of rows; where these are few, columns are cut as well, and where A is small enough to be read again, so that
 * B's panels stay near. */
static void cut(job *j)
{
    const int64_t size = (int64_t)kdst__size_of(j->dtype), work = j->a.n * j->b.n * j->k / PIECE_WORK;
    const int64_t most = work < 1 ? 1 : work;
    const int64_t parts = near(j) ? kdst__divide_up(j->padded * j->k * size, PART_BYTES) : 1;
    j->row_parts = kdst__least(kdst__least(j->tiles, PIECES), most);
    j->column_parts = kdst__least(PIECES / 2, most) / j->row_parts;
    if (j->column_parts < parts) j->column_parts = parts;
    if (j->column_parts > j->panels) j->column_parts = j->panels;
}

static kdst_status run(job *j, const kdst__tail *tail, int32_t exchanged)
{
    const size_t size = kdst__size_of(j->dtype), longest = (size_t)kdst__divide_up(j->panels, j->column_parts);
    const size_t depth = (size_t)kdst__divide_up(j->k, j->blocks), most = (size_t)j->most;
    const size_t beside = (j->way == IN_PLACE ? 1 : longest) * 2 * (size_t)j->lanes;
    const size_t packed_bytes = (size_t)(j->padded * j->k) * size;
    const size_t bias_bytes = tail->bias && !exchanged ? (size_t)j->padded * size : 0;
    j->tile_bytes = (most * beside * size + 63) / 64 * 64;
    j->scratch_bytes = j->tile_bytes + (j->copied ? (most * depth * size + 63) / 64 * 64 : 0);
    const size_t scratch_bytes = j->scratch_bytes * (size_t)j->cp->threads;
    const size_t bytes = packed_bytes + scratch_bytes + bias_bytes;
    j->packed = kdst__alloc(j->cp->memory, bytes);
    if (!j->packed) return KDST_STATUS_OUT_OF_MEMORY;
    j->scratch = j->packed + packed_bytes;
    j->relu = tail->relu;
    if (bias_bytes) {
        char *bias = j->scratch + scratch_bytes;
        memset(bias, 0, bias_bytes);
        memcpy(bias, tail->bias, (size_t)j->b.n * size);
        j->bias = bias;
    }
    if (exchanged) j->start = tail->bias;
    kdst__pool_run(j->cp->pool, j->panels * j->blocks, pack_piece, j);
    kdst__pool_run(j->cp->pool, j->row_parts * j->column_parts, tile_piece, j);
    kdst__free(j->cp->memory, j->packed, bytes);
    return KDST_STATUS_OK;
}

int32_t kdst__gemm_skinny(kdst__compute *cp, const kdst__product *p, const kdst__tail *tail, kdst_status *out)
{
    if (p->m < 1 || p->n < 1 || p->k < 1 || (cp->plans[p->dtype - 1].blis && cp->level == 0)) return 0;
    job straight = settled(cp, p, 0), exchanged = settled(cp, p, 1);
    double a = cost(&straight), b = cost(&exchanged);
    if (a < 0 && b < 0) return 0;
    int32_t other = a < 0 || (b >= 0 && b < a);
    job *j = other ? &exchanged : &straight;
    cut(j);
    *out = run(j, tail, other);
    return 1;
}
