/* SPDX-License-Identifier: Apache-2.0 */
/* Products with one to three rows: packing B would cost more than multiplying, so it is read where it lies.
 *
 * Columns go in blocks of BLOCK, each a piece's: the result of a row is computed beside C and then stored or added.
 * The row of A must be contiguous; k may be cut into parts of DEPTH, copied one by one, when it is not.
 */
#include "compute/state.h"

#define BLOCK 128
#define DEPTH 1024

typedef struct job {
    kdst__compute *cp;
    const kdst__product *p;
    int64_t pieces;
} job;

/* Columns [j, j + count) of all rows. */
static void block(const job *w, int64_t j, int64_t count)
{
    const kdst__product *p = w->p;
    int32_t dtype = p->dtype;
    _Alignas(64) double a[DEPTH], y[BLOCK];
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t at = 0; at < p->k; at += DEPTH) {
            int64_t depth = kdst__least(DEPTH, p->k - at);
            const void *row = kdst__at(dtype, p->a.data, i * p->a.si + at * p->a.sp);
            const void *b = kdst__at(dtype, p->b.data, j * p->b.si + at * p->b.sp);
            void *c = kdst__at(dtype, p->c, i * p->rs + j * p->js);
            KDST__CALL(w->cp, dtype, copy, depth, 1.0, row, p->a.sp, 0, (void *)a, 1);
            if (p->b.sp == 1)
                KDST__CALL(w->cp, dtype, gemv_dot, count, depth, b, p->b.si, (void *)a, (void *)y);
            else
                KDST__CALL(w->cp, dtype, gemv_axpy, count, depth, b, p->b.sp, (void *)a, (void *)y);
            KDST__CALL(w->cp, dtype, copy, count, 1.0, (void *)y, 1, p->accumulate || at > 0, c, p->js);
        }
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *w = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(kdst__divide_up(w->p->n, BLOCK), w->pieces, piece, &begin, &end);
    for (int64_t j = begin * BLOCK; j < kdst__least(end * BLOCK, w->p->n); j += BLOCK)
        block(w, j, kdst__least(BLOCK, w->p->n - j));
}

int32_t kdst__gemv(kdst__compute *cp, const kdst__product *p)
{
    if (p->b.sp != 1 && p->b.si != 1) return 0;
    job w = {cp, p, 1};
    if (p->n * p->k * p->m > 100000) w.pieces = kdst__pieces(kdst__divide_up(p->n, BLOCK), 1);
    kdst__pool_run(cp->pool, w.pieces, piece_fn, &w);
    return 1;
}
