/* SPDX-License-Identifier: Apache-2.0 */
/* Negative log-likelihood of labels: parts of the rows, one a piece; sums are added in piece order. */
#include "compute/class_loss.h"
#include "compute/state.h"

#define GRAIN 8192 /* elements worth a piece */
#define PIECES 64  /* the most kdst__pieces gives */

enum { VALUE, BACKWARD, SOFTMAX_BACKWARD };

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, what;
    const kdst__class_loss *loss;
    int64_t pieces;
    const void *x; /* l or p */
    double scale;
    const void *dy;
    void *out; /* rows or gradient */
    double sum[PIECES], total[PIECES];
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->loss->outer * j->loss->inner, j->pieces, piece, &begin, &end);
    switch (j->what) {
    case VALUE:
        KDST__CALL(j->cp, j->dtype, class_loss, j->loss, begin, end, j->x, j->out, &j->sum[piece], &j->total[piece]);
        break;
    case BACKWARD:
        KDST__CALL(j->cp, j->dtype, class_loss_backward, j->loss, begin, end, j->scale, j->dy, j->out);
        break;
    default:
        KDST__CALL(j->cp, j->dtype, class_loss_softmax_backward, j->loss, begin, end, j->x, j->scale, j->dy, j->out);
    }
}

static void run(job *j, int64_t work)
{
    j->pieces = kdst__pieces(j->loss->outer * j->loss->inner, kdst__divide_up(GRAIN, work));
    kdst__pool_run(j->cp->pool, j->pieces, piece_fn, j);
}

void kdst__class_loss_value(
    kdst__compute *cp, int32_t dtype, const kdst__class_loss *loss, const void *l, void *rows, double *sum,
    double *total)
{
    job j = {.cp = cp, .dtype = dtype, .what = VALUE, .loss = loss, .x = l, .out = rows};
    run(&j, loss->smoothing > 0 ? loss->k : 1);
    *sum = *total = 0;
    for (int64_t i = 0; i < j.pieces; i++) {
        *sum += j.sum[i];
        *total += j.total[i];
    }
}

void kdst__class_loss_backward(
    kdst__compute *cp, int32_t dtype, const kdst__class_loss *loss, double scale, const void *dy, void *dl)
{
    job j = {.cp = cp, .dtype = dtype, .what = BACKWARD, .loss = loss, .scale = scale, .dy = dy, .out = dl};
    run(&j, 1);
}

void kdst__class_loss_softmax_backward(
    kdst__compute *cp, int32_t dtype, const kdst__class_loss *loss, const void *p, double scale, const void *dy,
    void *dz)
{
    job j = {
        .cp = cp, .dtype = dtype, .what = SOFTMAX_BACKWARD, .loss = loss, .x = p, .scale = scale, .dy = dy, .out = dz};
    run(&j, loss->k);
}
