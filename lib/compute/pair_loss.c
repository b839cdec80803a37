/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of pairs on contiguous buffers: parts of the range, one a piece; sums are added in piece order. */
#include "compute/state.h"

#define GRAIN 8192 /* elements worth a piece */
#define PIECES 64  /* the most kdst__pieces gives */

typedef struct job {
    kdst__compute *cp;
    const kdst__pair_loss_data *d;
    int64_t pieces;
    void *y;
    double scale;
    const void *dy;
    void *dx, *dt;
    double partial[PIECES];
} job;

static void value_piece(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    const kdst__pair_loss_data *d = j->d;
    int64_t i, end;
    (void)worker;
    kdst__piece_range(d->n, j->pieces, piece, &i, &end);
    j->partial[piece] = KDST__CALL(
        j->cp, d->dtype, pair_loss, d->kind, d->parameter, end - i, kdst__at(d->dtype, d->x, i),
        kdst__at(d->dtype, d->t, i), kdst__at(d->dtype, d->w, i), kdst__at(d->dtype, d->v, i),
        kdst__at(d->dtype, j->y, i));
}

static void slope_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const kdst__pair_loss_data *d = j->d;
    int64_t i, end;
    (void)worker;
    kdst__piece_range(d->n, j->pieces, piece, &i, &end);
    KDST__CALL(
        j->cp, d->dtype, pair_loss_backward, d->kind, d->parameter, end - i, kdst__at(d->dtype, d->x, i),
        kdst__at(d->dtype, d->t, i), kdst__at(d->dtype, d->w, i), kdst__at(d->dtype, d->v, i), j->scale,
        kdst__at(d->dtype, j->dy, i), kdst__at(d->dtype, j->dx, i), kdst__at(d->dtype, j->dt, i));
}

double kdst__pair_loss(kdst__compute *cp, const kdst__pair_loss_data *data, void *y)
{
    job j = {.cp = cp, .d = data, .pieces = kdst__pieces(data->n, GRAIN), .y = y};
    double sum = 0;
    kdst__pool_run(cp->pool, j.pieces, value_piece, &j);
    for (int64_t i = 0; i < j.pieces; i++)
        sum += j.partial[i];
    return sum;
}

void kdst__pair_loss_backward(
    kdst__compute *cp, const kdst__pair_loss_data *data, double scale, const void *dy, void *dx, void *dt)
{
    job j = {.cp = cp, .d = data, .pieces = kdst__pieces(data->n, GRAIN), .scale = scale, .dy = dy, .dx = dx, .dt = dt};
    if (dx || dt) kdst__pool_run(cp->pool, j.pieces, slope_piece, &j);
}
