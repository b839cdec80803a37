/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors divided by their length along the middle axis of [outer, n, inner]: parts of the vectors, one a piece. */
#include "compute/state.h"

#define GRAIN 8192 /* elements worth a piece */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, null_gradient;
    int64_t vectors, n, inner, pieces;
    double eps;
    const void *x, *dy; /* dy NULL: forward */
    void *y;            /* or dx */
    double *lengths;
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->vectors, j->pieces, piece, &begin, &end);
    if (j->dy)
        KDST__CALL(
            j->cp, j->dtype, normalize_backward, j->n, j->inner, begin, end, j->eps, j->null_gradient, j->x, j->dy,
            j->lengths, j->y);
    else
        KDST__CALL(j->cp, j->dtype, normalize, j->n, j->inner, begin, end, j->eps, j->x, j->y, j->lengths);
}

static void run(job *j)
{
    if (j->vectors == 0 || j->n == 0) return;
    j->pieces = kdst__pieces(j->vectors, kdst__divide_up(GRAIN, j->n));
    kdst__pool_run(j->cp->pool, j->pieces, piece_fn, j);
}

void kdst__normalize(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, double eps, const void *x, void *y,
    double *lengths)
{
    job j = {.cp = cp, .dtype = dtype, .vectors = outer * inner, .n = n, .inner = inner, .eps = eps, .x = x, .y = y};
    j.lengths = lengths;
    run(&j);
}

void kdst__normalize_backward(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, double eps, int32_t null_gradient,
    const void *y, const void *dy, const double *lengths, void *dx)
{
    job j = {.cp = cp, .dtype = dtype, .vectors = outer * inner, .n = n, .inner = inner, .eps = eps, .x = y, .y = dx};
    j.lengths = (double *)(uintptr_t)lengths;
    j.null_gradient = null_gradient;
    j.dy = dy;
    run(&j);
}
