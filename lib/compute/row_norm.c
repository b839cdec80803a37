/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation of rows [R, K S]: rows are independent, some of them are a piece; for the parameters channels are. */
#include "compute/state.h"

#define GRAIN 16384

typedef struct job {
    kdst__compute *cp;
    int32_t dtype;
    int64_t rows, period, k, s, pieces;
    const void *x, *dy, *gamma, *beta;
    const double *mean, *inverse;
    double *out_mean, *out_var;
    void *y, *dgamma, *dbeta;
} job;

static void normalise_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->rows, j->pieces, piece, &begin, &end);
    KDST__CALL(
        j->cp, j->dtype, row_norm, j->period, j->k, j->s, begin, end, j->x, j->mean, j->inverse, j->gamma, j->beta,
        j->y);
}

static void backward_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->rows, j->pieces, piece, &begin, &end);
    KDST__CALL(
        j->cp, j->dtype, row_norm_backward, j->period, j->k, j->s, begin, end, j->x, j->dy, j->mean, j->inverse,
        j->gamma, j->y);
}

static void parameters_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->period * j->k, j->pieces, piece, &begin, &end);
    KDST__CALL(
        j->cp, j->dtype, row_norm_parameters, j->rows, j->period, j->k, j->s, begin, end, j->x, j->dy, j->mean,
        j->inverse, j->dgamma, j->dbeta);
}

void kdst__row_norm(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t period, int64_t k, int64_t s, const void *x,
    const double *mean, const double *inverse, const void *gamma, const void *beta, void *y)
{
    job j = {
        .cp = cp,
        .dtype = dtype,
        .rows = rows,
        .period = period,
        .k = k,
        .s = s,
        .x = x,
        .mean = mean,
        .inverse = inverse,
        .gamma = gamma,
        .beta = beta,
        .y = y};
    j.pieces = kdst__pieces(rows, kdst__divide_up(GRAIN, k * s + 1));
    kdst__pool_run(cp->pool, j.pieces, normalise_piece, &j);
}

void kdst__row_norm_backward(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t period, int64_t k, int64_t s, const void *x, const void *dy,
    const double *mean, const double *inverse, const void *gamma, void *dx, void *dgamma, void *dbeta)
{
    job j = {
        .cp = cp,
        .dtype = dtype,
        .rows = rows,
        .period = period,
        .k = k,
        .s = s,
        .x = x,
        .dy = dy,
        .mean = mean,
        .inverse = inverse,
        .gamma = gamma,
        .y = dx,
        .dgamma = dgamma,
        .dbeta = dbeta};
    if (dx) {
        j.pieces = kdst__pieces(rows, kdst__divide_up(GRAIN, k * s + 1));
        kdst__pool_run(cp->pool, j.pieces, backward_piece, &j);
    }
    if (dgamma || dbeta) {
        j.pieces = kdst__pieces(period * k, kdst__divide_up(GRAIN, rows / period * s + 1));
        kdst__pool_run(cp->pool, j.pieces, parameters_piece, &j);
    }
}
