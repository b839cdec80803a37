/* SPDX-License-Identifier: Apache-2.0 */
/* Products with small C and long k, such as the gradient of convolution weights: pieces are parts of k.
 *
 * Each piece packs both operands block by block into scratch of its worker and multiplies into a partial C of its own; the
 * partial results are added in piece order.
 */
#include "compute/state.h"

#define LARGEST_C ((int64_t)1 << 18) /* elements */
#define PIECES 16
#define COLUMN_BYTES ((int64_t)256 << 10)

typedef struct split {
    kdst__product_run_t r; /* C is the partial result of piece 0, row-major */
    int64_t pieces, blocks;
    int64_t columns; /* packed at once */
    char *partial, *scratch;
    size_t partial_bytes, a_bytes, scratch_bytes;
} split;

int32_t kdst__product_wants_split(const kdst__product_run_t *r)
{
    return r->p.m * r->p.n <= LARGEST_C && r->p.k >= 8 * r->depth && r->p.k >= 2 * r->p.n;
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const split *s = arg;
    kdst__product_run_t r = s->r;
    const kdst__product *p = &r.p;
    int64_t first, last;
    char *a = s->scratch + (size_t)worker * s->scratch_bytes, *b = a + s->a_bytes;
    r.p.c = s->partial + (size_t)piece * s->partial_bytes;
    kdst__piece_range(s->blocks, s->pieces, piece, &first, &last);
    for (int64_t block = first; block < last; block++) {
        int64_t p0 = block * r.depth, k = kdst__least(r.depth, p->k - p0);
        const void *ready = kdst__product_ready(&r, p0);
        if (!ready) kdst__product_pack(&r, &p->a, r.wa, r.pa, 0, p->m, p0, k, a);
        for (int64_t j = 0; j < p->n; j += s->columns) {
            int64_t end = kdst__least(j + s->columns, p->n);
            kdst__product_pack(&r, &p->b, r.wb, r.pb, j, end, p0, k, b);
            kdst__product_tiles(&r, k, ready ? ready : a, b, 0, p->m, j, end, block > first);
        }
    }
}

/* Rows of C, summed over the pieces. */
typedef struct merge {
    const split *s;
    const kdst__product *to;
    int64_t pieces;
} merge;

static void merge_piece(void *arg, int64_t piece, int32_t worker)
{
    const merge *g = arg;
    const split *s = g->s;
    const kdst__product *to = g->to;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(to->m, g->pieces, piece, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        void *sum = kdst__at(to->dtype, s->partial, i * to->n);
        for (int64_t other = 1; other < s->pieces; other++)
            KDST__CALL(s->r.cp, to->dtype, axpy, to->n, 1.0, (void *)((char *)sum + (size_t)other * s->partial_bytes), sum);
        for (int64_t column = 0; column < to->n; column += to->j) {
            int64_t row = column / to->j, at = i * to->rs + row / to->i * to->gs + row % to->i * to->is;
            KDST__CALL(s->r.cp, to->dtype, copy, to->j, 1.0, kdst__at(to->dtype, sum, column), 1, to->accumulate,
                kdst__at(to->dtype, to->c, at), to->js);
        }
    }
}

kdst_status kdst__product_split(kdst__product_run_t *given)
{
    kdst__compute *cp = given->cp;
    kdst__product to = given->p, inside = to;
    split s = {0};
    inside.accumulate = 0;
    inside.rs = inside.j = to.n;
    inside.i = inside.js = 1;
    inside.gs = inside.is = 0;
    kdst__product_settle(cp, &inside, &s.r);
    int64_t panels = kdst__divide_up(to.m, s.r.wa), fitting = COLUMN_BYTES / (s.r.depth * s.r.pb * (int64_t)s.r.size);
    s.columns = kdst__least(fitting > 0 ? fitting : 1, kdst__divide_up(to.n, s.r.wb)) * s.r.wb;
    s.blocks = kdst__divide_up(to.k, s.r.depth);
    s.pieces = kdst__least(PIECES, s.blocks / 2);
    s.partial_bytes = (size_t)(to.m * to.n) * s.r.size;
    s.a_bytes = ((size_t)(panels * s.r.pa * s.r.depth) * s.r.size + KDST__PANEL_SLACK + 63) / 64 * 64;
    size_t b_bytes = (size_t)(s.columns / s.r.wb * s.r.pb * s.r.depth) * s.r.size + KDST__PANEL_SLACK;
    s.scratch_bytes = s.a_bytes + (b_bytes + 63) / 64 * 64;
    s.partial = kdst__alloc(cp->memory, s.partial_bytes * (size_t)s.pieces);
    s.scratch = kdst__alloc(cp->memory, s.scratch_bytes * (size_t)cp->threads);
    kdst_status status = s.partial && s.scratch ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
    if (status == KDST_STATUS_OK) {
        merge g = {&s, &to, kdst__pieces(to.m * to.n, 16384)};
        kdst__pool_run(cp->pool, s.pieces, piece_fn, &s);
        kdst__pool_run(cp->pool, g.pieces = kdst__least(g.pieces, to.m), merge_piece, &g);
    }
    kdst__free(cp->memory, s.scratch, s.scratch_bytes * (size_t)cp->threads);
    kdst__free(cp->memory, s.partial, s.partial_bytes * (size_t)s.pieces);
    return status;
}
