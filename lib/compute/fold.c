/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions and orders along the middle axis of [outer, n, inner]: some columns of one [n, inner] are a unit, units make
 * pieces.
 */
#include "compute/state.h"

#define GRAIN 16384 /* elements worth a piece */
#define BLOCK 64    /* columns of a unit */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, op, nan_first;
    double p;
    int64_t outer, n, inner, k, blocks, pieces;
    const void *x, *y, *dy;
    void *out;
    int32_t *indices;
} job;

static void unit_fn(const job *j, int64_t o, int64_t begin, int64_t end)
{
    const void *x = kdst__at(j->dtype, j->x, o * j->n * j->inner);
    if (j->indices) {
        KDST__CALL(
            j->cp, j->dtype, rank, j->op, j->nan_first, j->n, j->k, j->inner, begin, end, x,
            j->indices + o * j->k * j->inner);
    } else if (j->dy) {
        const void *y = kdst__at(j->dtype, j->y, o * j->inner), *dy = kdst__at(j->dtype, j->dy, o * j->inner);
        void *dx = kdst__at(j->dtype, j->out, o * j->n * j->inner);
        KDST__CALL(j->cp, j->dtype, fold_backward, j->op, j->p, j->n, j->inner, begin, end, x, y, dy, dx);
    } else {
        void *y = kdst__at(j->dtype, j->out, o * j->inner);
        KDST__CALL(j->cp, j->dtype, fold, j->op, j->p, j->n, j->inner, begin, end, x, y);
    }
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t first, last, begin, end;
    (void)worker;
    kdst__piece_range(j->outer * j->blocks, j->pieces, piece, &first, &last);
    for (int64_t unit = first; unit < last; unit++) {
        kdst__piece_range(j->inner, j->blocks, unit % j->blocks, &begin, &end);
        unit_fn(j, unit / j->blocks, begin, end);
    }
}

static void run(job j)
{
    if (!j.outer || !j.inner) return;
    j.blocks = kdst__divide_up(j.inner, BLOCK);
    const int64_t columns = kdst__divide_up(j.inner, j.blocks);
    const int64_t rows = j.n < 1 ? 1 : j.n;
    j.pieces =
        kdst__pieces(j.outer * j.blocks, kdst__divide_up(GRAIN, columns > GRAIN / rows ? GRAIN : columns * rows));
    kdst__pool_run(j.cp->pool, j.pieces, piece_fn, &j);
}

void kdst__fold(
    kdst__compute *cp, int32_t dtype, int32_t op, double p, int64_t outer, int64_t n, int64_t inner, const void *x,
    void *y)
{
    run((job){.cp = cp, .dtype = dtype, .op = op, .p = p, .outer = outer, .n = n, .inner = inner, .x = x, .out = y});
}

void kdst__fold_backward(
    kdst__compute *cp, int32_t dtype, int32_t op, double p, int64_t outer, int64_t n, int64_t inner, const void *x,
    const void *y, const void *dy, void *dx)
{
    run((job){
        .cp = cp,
        .dtype = dtype,
        .op = op,
        .p = p,
        .outer = outer,
        .n = n,
        .inner = inner,
        .x = x,
        .y = y,
        .dy = dy,
        .out = dx});
}

void kdst__rank(
    kdst__compute *cp, int32_t dtype, int32_t largest, int32_t nan_first, int64_t outer, int64_t n, int64_t k,
    int64_t inner, const void *x, int32_t *indices)
{
    run((job){
        .cp = cp,
        .dtype = dtype,
        .op = largest,
        .nan_first = nan_first,
        .outer = outer,
        .n = n,
        .k = k,
        .inner = inner,
        .x = x,
        .indices = indices});
}
