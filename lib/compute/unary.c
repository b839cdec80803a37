/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number on contiguous buffers: parts of the range, one a piece. */
#include "compute/state.h"

#define GRAIN 4096 /* elements worth a piece: an exponential costs several nanoseconds */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, op;
    int64_t n, pieces;
    double p, q;
    const void *x, *dy; /* dy NULL: forward */
    void *out;
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    const void *x = kdst__at(j->dtype, j->x, begin), *dy = kdst__at(j->dtype, j->dy, begin);
    void *out = kdst__at(j->dtype, j->out, begin);
    if (dy)
        KDST__CALL(j->cp, j->dtype, unary_backward, j->op, end - begin, j->p, j->q, x, dy, out);
    else
        KDST__CALL(j->cp, j->dtype, unary, j->op, end - begin, j->p, j->q, x, out);
}

static void run(job j)
{
    j.pieces = kdst__pieces(j.n, GRAIN);
    kdst__pool_run(j.cp->pool, j.pieces, piece_fn, &j);
}

void kdst__unary(kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, double p, double q, const void *x, void *y)
{
    run((job){.cp = cp, .dtype = dtype, .op = op, .n = n, .p = p, .q = q, .x = x, .out = y});
}

void kdst__unary_backward(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, double p, double q, const void *t, const void *dy,
    void *dx)
{
    run((job){.cp = cp, .dtype = dtype, .op = op, .n = n, .p = p, .q = q, .x = t, .dy = dy, .out = dx});
}
