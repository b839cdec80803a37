/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over a whole buffer: a partial result a piece, added in piece order. */
#include "compute/state.h"

#include <math.h>

#define GRAIN 65536
#define PIECES 64 /* the most kdst__pieces gives */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype;
    int64_t n, pieces;
    const void *x, *y;
    double partial[PIECES];
} job;

static void sum_piece(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    const void *x = kdst__at(j->dtype, j->x, begin);
    j->partial[piece] = j->y ? KDST__CALL(j->cp, j->dtype, dot, end - begin, x, kdst__at(j->dtype, j->y, begin))
                             : KDST__CALL(j->cp, j->dtype, sum, end - begin, x, 1);
}

static void finite_piece(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    j->partial[piece] = KDST__CALL(j->cp, j->dtype, all_finite, end - begin, kdst__at(j->dtype, j->x, begin));
}

static double total(job *j)
{
    double sum = 0;
    for (int64_t i = 0; i < j->pieces; i++)
        sum += j->partial[i];
    return sum;
}

static double run(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, const void *y)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .x = x, .y = y};
    kdst__pool_run(cp->pool, j.pieces, sum_piece, &j);
    return total(&j);
}

kdst_status kdst__sum(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, double *out)
{
    *out = run(cp, dtype, n, x, NULL);
    return KDST_STATUS_OK;
}

kdst_status kdst__dot(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, const void *y, double *out)
{
    *out = run(cp, dtype, n, x, y);
    return KDST_STATUS_OK;
}

int32_t kdst__all_finite(kdst__compute *cp, int32_t dtype, int64_t n, const void *x)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .x = x};
    kdst__pool_run(cp->pool, j.pieces, finite_piece, &j);
    return total(&j) == (double)j.pieces;
}

static void largest_piece(void *arg, int64_t piece, int32_t worker)
{
    job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    j->partial[piece] = KDST__CALL(j->cp, j->dtype, largest, end - begin, kdst__at(j->dtype, j->x, begin));
}

double kdst__largest(kdst__compute *cp, int32_t dtype, int64_t n, const void *x)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .x = x};
    double most = 0;
    kdst__pool_run(cp->pool, j.pieces, largest_piece, &j);
    for (int64_t i = 0; i < j.pieces; i++)
        if (!(j.partial[i] <= most)) most = isnan(most) ? most : j.partial[i];
    return most;
}
