/* SPDX-License-Identifier: Apache-2.0 */
/* Dense products: blocks, pieces and memory around the micro-kernel (Goto and van de Geijn 2008).
 *
 * A is packed whole (in slices of k when it is large) and shared. A piece owns a block of columns of C, sometimes a part of
 * its rows: for each block of k it packs its columns of B into scratch of its worker, small enough for the second cache,
 * and runs the tiles. Pieces meet nowhere, so nothing waits between blocks. Sizes follow from the shape alone.
 */
#include "compute/state.h"

#include <string.h>

#define SLICE_BYTES ((int64_t)32 << 20) /* packed A at once */
#define BLOCK_BYTES ((int64_t)256 << 10) /* packed B of a piece and block of k */
#define PIECES 24
#define PIECE_WORK ((int64_t)400000) /* multiplications worth a piece */
#define FEW 8 /* products of a batch are cut along k, when they are few enough to leave threads without work */

/* Whether tiles of `flat` rows leave clearly fewer rows empty than those of `mr`. */
static int32_t flat_is_better(int64_t rows, int64_t mr, int64_t flat)
{
    return flat < mr && 33 * kdst__divide_up(rows, flat) * flat < 32 * kdst__divide_up(rows, mr) * mr;
}

void kdst__product_settle(kdst__compute *cp, const kdst__product *product, kdst__product_run_t *out)
{
    const kdst__gemm_plan *plan = &cp->plans[product->dtype - 1];
    int32_t contiguous = product->js == 1, swapped = plan->rows ? !contiguous && product->rs == 1 : contiguous;
    *out = (kdst__product_run_t){.cp = cp, .plan = plan, .p = *product, .swapped = swapped};
    out->direct = (swapped ? !plan->rows : plan->rows) ? contiguous : product->rs == 1;
    out->flat = flat_is_better(swapped ? product->n : product->m, plan->mr, plan->flat);
    int64_t mr = out->flat ? plan->flat : plan->mr, pack_mr = out->flat ? plan->flat : plan->pack_mr;
    out->wa = swapped ? plan->nr : mr;
    out->wb = swapped ? mr : plan->nr;
    out->pa = swapped ? plan->pack_nr : pack_mr;
    out->pb = swapped ? pack_mr : plan->pack_nr;
    out->size = kdst__size_of(product->dtype);
    int64_t blocks = kdst__divide_up(product->k, plan->kc);
    if (product->batch < 1) out->p.batch = 1;
    out->depth = blocks > 0 ? kdst__divide_up(kdst__divide_up(product->k, blocks), 4) * 4 : 0;
}

const void *kdst__product_ready(const kdst__product_run_t *r, int64_t p0)
{
    const kdst__panels *p = r->p.ready;
    if (!p || !p->data || r->p.batch > 1 || p->dtype != r->p.dtype || p->m != r->p.m || p->k != r->p.k) return NULL;
    if (p->width != r->wa || p->stored != r->pa || p->depth != r->depth) return NULL;
    return kdst__at(p->dtype, p->data, p0 * kdst__divide_up(p->m, p->width) * p->stored);
}

kdst__product kdst__product_of_batch(const kdst__product *product, int64_t i, kdst__windows *windows)
{
    kdst__product p = *product;
    p.batch = 1;
    p.a.data = kdst__at(p.dtype, p.a.data, i * p.a_step);
    p.b.data = kdst__at(p.dtype, p.b.data, i * p.b_step);
    p.c = kdst__at(p.dtype, p.c, i * p.c_step);
    if (p.b.windows) {
        *windows = *p.b.windows;
        windows->total -= i * p.b_step;
        p.b.windows = windows;
    }
    return p;
}

/* What the pieces of the grid share. */
typedef struct grid {
    const kdst__product_run_t *r;
    int64_t p0, p1;                   /* slice of k */
    int64_t panels;                   /* of A */
    int64_t row_parts, column_parts;  /* pieces */
    int64_t column_panels;            /* of B */
    char *a, *scratch; /* a: NULL when it is ready */
    size_t scratch_bytes; /* of one worker */
} grid;

/* Panels [first, last) of A of product `number`, for a slice: for each block of k all panels, `depth` apart. */
static void pack_panels(const grid *g, int64_t number, int64_t first, int64_t last)
{
    const kdst__product_run_t *r = g->r;
    kdst__operand a = r->p.a;
    a.data = kdst__at(r->p.dtype, a.data, number * r->p.a_step);
    for (int64_t p = g->p0; p < g->p1; p += r->depth) {
        int64_t k = kdst__least(r->depth, g->p1 - p), row = number * (g->p1 - g->p0) + (p - g->p0);
        void *to = kdst__at(r->p.dtype, g->a, row * g->panels * r->pa + first * r->pa * k);
        kdst__product_pack(r, &a, r->wa, r->pa, first * r->wa, kdst__least(last * r->wa, r->p.m), p, k, to);
    }
}

static int64_t pack_pieces(const grid *g)
{
    return kdst__pieces(g->panels * g->r->p.batch, 2);
}

static void pack_piece(void *arg, int64_t piece, int32_t worker)
{
    const grid *g = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(g->panels * g->r->p.batch, pack_pieces(g), piece, &begin, &end);
    for (int64_t i = begin, next; i < end; i = next) {
        int64_t number = i / g->panels, first = i % g->panels;
        next = kdst__least(end, (number + 1) * g->panels);
        pack_panels(g, number, first, first + next - i);
    }
}

static void tile_piece(void *arg, int64_t piece, int32_t worker)
{
    grid *g = arg;
    kdst__windows windows;
    kdst__product_run_t one = *g->r;
    const kdst__product_run_t *r = &one;
    int64_t i0, i1, j0, j1, parts = g->row_parts * g->column_parts, number = piece / parts, part = piece % parts;
    void *b = g->scratch + (size_t)worker * g->scratch_bytes;
    if (g->r->p.batch > 1) one.p = kdst__product_of_batch(&g->r->p, number, &windows);
    kdst__piece_range(g->panels, g->row_parts, part % g->row_parts, &i0, &i1);
    kdst__piece_range(g->column_panels, g->column_parts, part / g->row_parts, &j0, &j1);
    int64_t rows = kdst__least(i1 * r->wa, r->p.m), columns = kdst__least(j1 * r->wb, r->p.n);
    for (int64_t p = g->p0; p < g->p1; p += r->depth) {
        int64_t k = kdst__least(r->depth, g->p1 - p), row = number * (g->p1 - g->p0) + (p - g->p0);
        const void *a = g->a ? kdst__at(r->p.dtype, g->a, row * g->panels * r->pa + i0 * r->pa * k)
                             : kdst__at(r->p.dtype, kdst__product_ready(g->r, p), i0 * r->pa * k);
        kdst__product_pack(r, &r->p.b, r->wb, r->pb, j0 * r->wb, columns, p, k, b);
        kdst__product_tiles(r, k, a, b, i0 * r->wa, rows, j0 * r->wb, columns, r->p.accumulate || p > 0);
    }
}

/* Column blocks that fit the cache; then finer while pieces are few and long. */
static void cut(grid *g)
{
    const kdst__product_run_t *r = g->r;
    int64_t fitting = BLOCK_BYTES / (r->depth * r->pb * (int64_t)r->size);
    g->column_parts = kdst__divide_up(g->column_panels, fitting > 0 ? fitting : 1);
    g->row_parts = 1;
    int64_t batch = r->p.batch, work = r->p.m * r->p.k * r->p.n * batch;
    for (;;) {
        int64_t pieces = g->column_parts * g->row_parts * batch;
        if (pieces >= PIECES || work / pieces < 2 * PIECE_WORK) return;
        int64_t rows = g->panels / g->row_parts * r->wa, columns = g->column_panels / g->column_parts * r->wb;
        if (2 * columns >= rows && 2 * g->column_parts <= g->column_panels)
            g->column_parts *= 2;
        else if (2 * g->row_parts <= g->panels)
            g->row_parts *= 2;
        else if (2 * g->column_parts <= g->column_panels)
            g->column_parts *= 2;
        else
            return;
    }
}

static kdst_status run_grid(kdst__compute *cp, const kdst__product_run_t *r)
{
    grid g = {.r = r, .panels = kdst__divide_up(r->p.m, r->wa), .column_panels = kdst__divide_up(r->p.n, r->wb)};
    cut(&g);
    int64_t batch = r->p.batch, blocks = SLICE_BYTES / (batch * g.panels * r->pa * r->depth * (int64_t)r->size);
    int64_t slice = (blocks > 0 ? blocks : 1) * r->depth;
    size_t a_bytes = (size_t)(batch * g.panels * r->pa * kdst__least(slice, r->p.k)) * r->size + KDST__PANEL_SLACK;
    size_t longest = (size_t)kdst__divide_up(g.column_panels, g.column_parts);
    g.scratch_bytes = (longest * (size_t)(r->pb * r->depth) * r->size + KDST__PANEL_SLACK + 63) / 64 * 64;
    size_t scratch_bytes = g.scratch_bytes * (size_t)cp->threads;
    const int32_t ready = kdst__product_ready(r, 0) != NULL;
    g.a = ready ? NULL : kdst__alloc(cp->memory, a_bytes);
    g.scratch = kdst__alloc(cp->memory, scratch_bytes);
    kdst_status status = (g.a || ready) && g.scratch ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t p = 0; p < r->p.k && status == KDST_STATUS_OK; p += slice) {
        g.p0 = p;
        g.p1 = kdst__least(p + slice, r->p.k);
        int64_t pieces = g.column_parts * g.row_parts * batch;
        if (pieces == 1) {
            for (int64_t i = 0; i < pack_pieces(&g) && !ready; i++)
                pack_piece(&g, i, 0);
            tile_piece(&g, 0, 0);
        } else {
            if (!ready) kdst__pool_run(cp->pool, pack_pieces(&g), pack_piece, &g);
            kdst__pool_run(cp->pool, pieces, tile_piece, &g);
        }
    }
    kdst__free(cp->memory, g.scratch, scratch_bytes);
    kdst__free(cp->memory, g.a, a_bytes);
    return status;
}

/* An empty sum: zeros, whatever C holds. */
static void clear(kdst__compute *cp, const kdst__product *p)
{
    const double zero = 0; /* in either type */
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t column = 0; column < p->n; column += p->j) {
            int64_t row = column / p->j, at = i * p->rs + row / p->i * p->gs + row % p->i * p->is;
            KDST__CALL(
                cp, p->dtype, copy, p->j, 1.0, (const void *)&zero, 0, 0, kdst__at(p->dtype, p->c, at), p->js);
        }
}

/* Products of a batch one after the other. */
static kdst_status run_each(kdst__compute *cp, const kdst__product *product)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < product->batch && !status; i++) {
        kdst__windows windows;
        const kdst__product one = kdst__product_of_batch(product, i, &windows);
        status = kdst__product_run(cp, &one);
    }
    return status;
}

kdst_status kdst__product_run(kdst__compute *cp, const kdst__product *product)
{
    kdst__product_run_t r;
    if (product->m == 0 || product->n == 0) return KDST_STATUS_OK;
    if (product->k == 0) {
        if (product->accumulate) return KDST_STATUS_OK;
        if (product->batch > 1) return run_each(cp, product);
        clear(cp, product);
        return KDST_STATUS_OK;
    }
    kdst__product_settle(cp, product, &r);
    if (!kdst__product_wants_split(&r)) return run_grid(cp, &r);
    if (r.p.batch == 1) return kdst__product_split(&r);
    return r.p.batch < FEW ? run_each(cp, product) : run_grid(cp, &r);
}

/* The smaller side becomes A, which is shared. */
kdst_status kdst__gemm(
    kdst__compute *cp, int32_t dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t rs_a, int64_t cs_a,
    const void *b, int64_t rs_b, int64_t cs_b, int32_t accumulate, void *c, int64_t rs_c, int64_t cs_c)
{
    if (m > n) return kdst__gemm(cp, dtype, n, m, k, b, cs_b, rs_b, a, cs_a, rs_a, accumulate, c, cs_c, rs_c);
    kdst__product product = {
        .dtype = dtype, .accumulate = accumulate, .m = m, .n = n, .k = k,
        .a = {.kind = KDST__STRIDED, .data = a, .si = rs_a, .sp = cs_a},
        .b = {.kind = KDST__STRIDED, .data = b, .si = cs_b, .sp = rs_b},
        .c = c, .rs = rs_c, .i = 1, .j = n, .js = cs_c,
    };
    kdst_status status;
    if (m > 0 && m <= 3 && k > 0 && kdst__gemv(cp, &product)) return KDST_STATUS_OK;
    if (kdst__gemm_skinny(cp, &product, &(kdst__tail){0}, &status)) return status;
    return kdst__product_run(cp, &product);
}

/* A part of the batch at a time, so that the packed operands of one part take bounded memory. */
kdst_status kdst__gemm_batch(
    kdst__compute *cp, int32_t dtype, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a, int64_t rs_a, int64_t cs_a,
    int64_t a_step, const void *b, int64_t rs_b, int64_t cs_b, int64_t b_step, int32_t accumulate, void *c, int64_t rs_c,
    int64_t cs_c, int64_t c_step)
{
    if (batch == 1) return kdst__gemm(cp, dtype, m, n, k, a, rs_a, cs_a, b, rs_b, cs_b, accumulate, c, rs_c, cs_c);
    if (m > n)
        return kdst__gemm_batch(
            cp, dtype, batch, n, m, k, b, cs_b, rs_b, b_step, a, cs_a, rs_a, a_step, accumulate, c, cs_c, rs_c, c_step);
    if (m == 0 || n == 0) return KDST_STATUS_OK;
    int64_t rows = kdst__divide_up(m, 64) * 64, depth = kdst__least(k, 512);
    int64_t part = SLICE_BYTES / (rows * (depth ? depth : 1) * (int64_t)kdst__size_of(dtype));
    kdst_status status = KDST_STATUS_OK;
    if (part < 1) part = 1;
    for (int64_t i = 0; i < batch && !status; i += part) {
        kdst__product product = {
            .dtype = dtype, .accumulate = accumulate, .m = m, .n = n, .k = k,
            .a = {.kind = KDST__STRIDED, .data = kdst__at(dtype, a, i * a_step), .si = rs_a, .sp = cs_a},
            .b = {.kind = KDST__STRIDED, .data = kdst__at(dtype, b, i * b_step), .si = cs_b, .sp = rs_b},
            .c = kdst__at(dtype, c, i * c_step), .rs = rs_c, .i = 1, .j = n, .js = cs_c,
            .batch = kdst__least(part, batch - i), .a_step = a_step, .b_step = b_step, .c_step = c_step,
        };
        status = kdst__product_run(cp, &product);
    }
    return status;
}
