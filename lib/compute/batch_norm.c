/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norm over [N, C, S]: channels are independent, a few of them are a piece. */
#include "compute/state.h"

#define GRAIN 16384

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, training;
    int64_t n, c, s, pieces;
    const void *x, *dy, *gamma, *beta;
    const double *mean, *inverse;
    double *out_mean, *out_var;
    void *y, *dgamma, *dbeta;
} job;

static void run(job *j, kdst__piece_fn fn)
{
    j->pieces = kdst__pieces(j->c, kdst__divide_up(GRAIN, j->n * j->s + 1));
    kdst__pool_run(j->cp->pool, j->pieces, fn, j);
}

static void statistics_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->c, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, batch_norm_statistics, j->n, j->c, j->s, begin, end, j->x, j->out_mean, j->out_var);
}

static void normalise_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->c, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, batch_norm_normalise, j->n, j->c, j->s, begin, end, j->x, j->mean, j->inverse, j->gamma, j->beta, j->y);
}

static void backward_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->c, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, batch_norm_backward, j->n, j->c, j->s, begin, end, j->training, j->x, j->dy, j->mean, j->inverse, j->gamma,
               j->y, j->dgamma, j->dbeta);
}

void kdst__batch_norm_statistics(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t c, int64_t s, const void *x, double *mean, double *var)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .c = c, .s = s, .x = x, .out_mean = mean, .out_var = var}, statistics_piece);
}

void kdst__batch_norm_normalise(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t c, int64_t s, const void *x, const double *mean, const double *inverse,
    const void *gamma, const void *beta, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .c = c, .s = s, .x = x, .mean = mean, .inverse = inverse, .gamma = gamma, .beta = beta, .y = y},
        normalise_piece);
}

void kdst__batch_norm_backward(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t c, int64_t s, int32_t training, const void *x, const void *dy,
    const double *mean, const double *inverse, const void *gamma, void *dx, void *dgamma, void *dbeta)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .c = c, .s = s, .training = training, .x = x, .dy = dy, .mean = mean, .inverse = inverse,
               .gamma = gamma, .y = dx, .dgamma = dgamma, .dbeta = dbeta},
        backward_piece);
}
