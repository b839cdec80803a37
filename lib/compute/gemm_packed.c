/* SPDX-License-Identifier: Apache-2.0 */
/* Products whose second factor stays the same: it is packed once and multiplied many times, as in a recurrent network.
 *
 * Panels are those of gemm.c, all of them, block of k after block of k. A product packs its few rows of A and runs the tiles, columns
 * cut into pieces by the shape.
 */
#include "compute/state.h"

#define PIECE_WORK ((int64_t)400000) /* multiplications worth a piece */
#define FEW 3                         /* rows that read B where it lies (gemv.c) */

/* C [m, n] row-major; settles the same way for every m, as far as B is concerned. */
static kdst__product product_of(
    const kdst__packed *b, int64_t m, const void *a, int64_t rs_a, int32_t accumulate, void *c)
{
    return (kdst__product){
        .dtype = b->dtype, .accumulate = accumulate, .m = m, .n = b->n, .k = b->k,
        .a = {.kind = KDST__STRIDED, .data = a, .si = rs_a, .sp = 1},
        .b = {.kind = KDST__STRIDED, .data = b->source, .si = b->cs, .sp = b->rs},
        .c = c, .rs = b->n, .i = 1, .j = b->n, .js = 1,
    };
}

typedef struct job {
    const kdst__product_run_t *r;
    int64_t panels, pieces; /* column panels */
    int64_t row_panels;
    void *a;
    char *b;
} job;

static void pack_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const kdst__product_run_t *r = j->r;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->panels, j->pieces, piece, &begin, &end);
    for (int64_t p = 0; p < r->p.k; p += r->depth) {
        int64_t k = kdst__least(r->depth, r->p.k - p);
        void *to = kdst__at(r->p.dtype, j->b, p * j->panels * r->pb + begin * r->pb * k);
        kdst__product_pack(r, &r->p.b, r->wb, r->pb, begin * r->wb, kdst__least(end * r->wb, r->p.n), p, k, to);
    }
}

kdst_status kdst__gemm_pack(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t n, int64_t k, const void *b, int64_t rs_b, int64_t cs_b,
    kdst__packed *out)
{
    kdst__product_run_t r;
    *out = (kdst__packed){.dtype = dtype, .n = n, .k = k, .source = b, .rs = rs_b, .cs = cs_b};
    if (n == 0 || k == 0 || rows <= FEW) return KDST_STATUS_OK;
    const kdst__product product = product_of(out, 1, NULL, 0, 0, NULL);
    kdst__product_settle(cp, &product, &r);
    job j = {.r = &r, .panels = kdst__divide_up(n, r.wb)};
    j.pieces = kdst__pieces(j.panels, 2);
    out->bytes = (size_t)(j.panels * r.pb * k) * r.size + KDST__PANEL_SLACK;
    out->panels = j.b = kdst__alloc(cp->memory, out->bytes);
    if (!j.b) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__pool_run(cp->pool, j.pieces, pack_piece, &j);
    return KDST_STATUS_OK;
}

void kdst__gemm_unpack(kdst__compute *cp, kdst__packed *b)
{
    kdst__free(cp->memory, b->panels, b->bytes);
    b->panels = NULL;
}

static void tile_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const kdst__product_run_t *r = j->r;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->panels, j->pieces, piece, &begin, &end);
    for (int64_t p = 0; p < r->p.k; p += r->depth) {
        int64_t k = kdst__least(r->depth, r->p.k - p);
        const void *a = kdst__at(r->p.dtype, j->a, p * j->row_panels * r->pa);
        const void *b = kdst__at(r->p.dtype, j->b, p * j->panels * r->pb + begin * r->pb * k);
        kdst__product_tiles(
            r, k, a, b, 0, r->p.m, begin * r->wb, kdst__least(end * r->wb, r->p.n), r->p.accumulate || p > 0);
    }
}

kdst_status kdst__gemm_packed(
    kdst__compute *cp, const kdst__packed *b, int64_t m, const void *a, int64_t rs_a, int32_t accumulate, void *c)
{
    if (m <= FEW || !b->panels)
        return kdst__gemm(
            cp, b->dtype, m, b->n, b->k, a, rs_a, 1, b->source, b->rs, b->cs, accumulate, c, b->n, 1);
    kdst__product_run_t r;
    const kdst__product product = product_of(b, m, a, rs_a, accumulate, c);
    kdst__product_settle(cp, &product, &r);
    job j = {.r = &r, .panels = kdst__divide_up(b->n, r.wb), .row_panels = kdst__divide_up(m, r.wa), .b = b->panels};
    size_t bytes = (size_t)(j.row_panels * r.pa * b->k) * r.size + KDST__PANEL_SLACK;
    j.a = kdst__alloc(cp->memory, bytes);
    if (!j.a) return KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t p = 0; p < b->k; p += r.depth)
        kdst__product_pack(
            &r, &r.p.a, r.wa, r.pa, 0, m, p, kdst__least(r.depth, b->k - p),
            kdst__at(b->dtype, j.a, p * j.row_panels * r.pa));
    int64_t panel_work = m * b->k * r.wb;
    j.pieces = kdst__pieces(j.panels, kdst__divide_up(PIECE_WORK, panel_work));
    kdst__pool_run(cp->pool, j.pieces, tile_piece, &j);
    kdst__free(cp->memory, j.a, bytes);
    return KDST_STATUS_OK;
}
