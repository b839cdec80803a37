/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling: planes of [N, C] are independent, some of them are a piece. */
#include "compute/state.h"

#define GRAIN 16384

enum { MAX, MAX_BACKWARD, AVG, AVG_BACKWARD };

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, what;
    const kdst__pool2d_shape *shape;
    int64_t planes, pieces;
    const void *x;
    void *y;
    int32_t *argmax;
    int64_t s; /* row means: length of a row */
} job;

static void pool_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->planes, j->pieces, piece, &begin, &end);
    switch (j->what) {
    case MAX: KDST__CALL(j->cp, j->dtype, max_pool2d, j->shape, begin, end, j->x, j->y, j->argmax); break;
    case MAX_BACKWARD: KDST__CALL(j->cp, j->dtype, max_pool2d_backward, j->shape, begin, end, j->x, j->argmax, j->y); break;
    case AVG: KDST__CALL(j->cp, j->dtype, avg_pool2d, j->shape, begin, end, j->x, j->y); break;
    default: KDST__CALL(j->cp, j->dtype, avg_pool2d_backward, j->shape, begin, end, j->x, j->y); break;
    }
}

static void run_pool(job j)
{
    j.planes = j.shape->n * j.shape->c;
    int64_t window = j.shape->adaptive ? j.shape->h * j.shape->w : j.shape->p * j.shape->q * j.shape->kh * j.shape->kw;
    j.pieces = kdst__pieces(j.planes, kdst__divide_up(GRAIN, window + 1));
    kdst__pool_run(j.cp->pool, j.pieces, pool_piece, &j);
}

void kdst__max_pool2d(
    kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *x, void *y, int32_t *argmax)
{
    run_pool((job){.cp = cp, .dtype = dtype, .what = MAX, .shape = shape, .x = x, .y = y, .argmax = argmax});
}

void kdst__max_pool2d_backward(
    kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *dy, const int32_t *argmax, void *dx)
{
    run_pool((job){.cp = cp, .dtype = dtype, .what = MAX_BACKWARD, .shape = shape, .x = dy, .y = dx, .argmax = (int32_t *)(uintptr_t)argmax});
}

void kdst__avg_pool2d(kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *x, void *y)
{
    run_pool((job){.cp = cp, .dtype = dtype, .what = AVG, .shape = shape, .x = x, .y = y});
}

void kdst__avg_pool2d_backward(
    kdst__compute *cp, int32_t dtype, const kdst__pool2d_shape *shape, const void *dy, void *dx)
{
    run_pool((job){.cp = cp, .dtype = dtype, .what = AVG_BACKWARD, .shape = shape, .x = dy, .y = dx});
}

/* ---- global pooling ---- */

static void mean_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->planes, j->pieces, piece, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        double mean = KDST__CALL(j->cp, j->dtype, sum, j->s, kdst__at(j->dtype, j->x, r * j->s), 1) / (double)j->s;
        if (j->dtype == KDST__F32) ((float *)j->y)[r] = (float)mean;
        else ((double *)j->y)[r] = mean;
    }
}

static void spread_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->planes, j->pieces, piece, &begin, &end);
    for (int64_t r = begin; r < end; r++)
        KDST__CALL(j->cp, j->dtype, copy, j->s, 1.0 / (double)j->s, kdst__at(j->dtype, j->x, r), 0, 1, kdst__at(j->dtype, j->y, r * j->s), 1);
}

static void run_rows(job *j, kdst__piece_fn fn)
{
    j->pieces = kdst__pieces(j->planes, kdst__divide_up(GRAIN, j->s + 1));
    kdst__pool_run(j->cp->pool, j->pieces, fn, j);
}

void kdst__row_mean(kdst__compute *cp, int32_t dtype, int64_t rows, int64_t s, const void *x, void *y)
{
    run_rows(&(job){.cp = cp, .dtype = dtype, .planes = rows, .s = s, .x = x, .y = y}, mean_piece);
}

void kdst__row_mean_backward(kdst__compute *cp, int32_t dtype, int64_t rows, int64_t s, const void *dy, void *dx)
{
    run_rows(&(job){.cp = cp, .dtype = dtype, .planes = rows, .s = s, .x = dy, .y = dx}, spread_piece);
}
