/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy with distributions as targets: parts of the rows, one a piece; sums are added in piece order. */
#include "compute/soft_loss.h"
#include "compute/state.h"

#define GRAIN 8192 /* elements worth a piece */
#define PIECES 64  /* the most kdst__pieces gives */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype;
    const kdst__soft_loss *loss;
    int64_t pieces;
    const void *t, *l, *p, *dy;
    double scale;
    void *rows, *dz, *dt;
    double sum[PIECES];
} job;

static void value_piece(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->loss->outer * j->loss->inner, j->pieces, piece, &begin, &end);
    j->sum[piece] = KDST__CALL(j->cp, j->dtype, soft_loss, j->loss, begin, end, j->t, j->l, j->rows);
}

static void slope_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->loss->outer * j->loss->inner, j->pieces, piece, &begin, &end);
    if (j->dz) KDST__CALL(j->cp, j->dtype, soft_loss_backward, j->loss, begin, end, j->t, j->p, j->scale, j->dy, j->dz);
    if (j->dt)
        KDST__CALL(j->cp, j->dtype, soft_loss_target_backward, j->loss, begin, end, j->l, j->scale, j->dy, j->dt);
}

static int64_t pieces_of(const kdst__soft_loss *loss)
{
    return kdst__pieces(loss->outer * loss->inner, kdst__divide_up(GRAIN, loss->k));
}

double kdst__soft_loss_value(
    kdst__compute *cp, int32_t dtype, const kdst__soft_loss *loss, const void *t, const void *l, void *rows)
{
    job j = {.cp = cp, .dtype = dtype, .loss = loss, .pieces = pieces_of(loss), .t = t, .l = l, .rows = rows};
    double sum = 0;
    kdst__pool_run(cp->pool, j.pieces, value_piece, &j);
    for (int64_t i = 0; i < j.pieces; i++)
        sum += j.sum[i];
    return sum;
}

void kdst__soft_loss_backward(
    kdst__compute *cp, int32_t dtype, const kdst__soft_loss *loss, const void *t, const void *l, const void *p,
    double scale, const void *dy, void *dz, void *dt)
{
    job j = {.cp = cp, .dtype = dtype, .loss = loss, .pieces = pieces_of(loss), .t = t, .l = l, .p = p};
    j.scale = scale;
    j.dy = dy;
    j.dz = dz;
    j.dt = dt;
    kdst__pool_run(cp->pool, j.pieces, slope_piece, &j);
}
