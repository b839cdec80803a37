/* SPDX-License-Identifier: Apache-2.0 */
/* Neurons and synapses over time (kernels/lif.c has the equations): neurons are shared out among the threads, each with all its steps. */
#include "compute/lif.h"

#include "compute/state.h"

#define GRAIN 4096 /* steps of neurons worth a piece */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, slope;
    const kdst__lif *p;
    double decay, scale;
    int64_t steps, n, pieces;
    const double *gain;
    const void *current, *dpsc, *x;
    void *m, *q, *psc, *spikes, *membrane, *increment, *dcurrent, *y;
    char *kept; /* of a worker each */
    size_t kept_bytes;
} job;

static void *column(const job *j, const void *x, int64_t i)
{
    return x ? kdst__at(j->dtype, x, i) : NULL;
}

static void forward_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t i, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &i, &end);
    KDST__CALL(
        j->cp, j->dtype, lif_forward, j->p, j->steps, end - i, j->n, j->gain, column(j, j->current, i),
        column(j, j->m, i), column(j, j->q, i), column(j, j->psc, i), column(j, j->spikes, i),
        column(j, j->membrane, i), column(j, j->increment, i));
}

static void backward_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t i, end;
    kdst__piece_range(j->n, j->pieces, piece, &i, &end);
    KDST__CALL(
        j->cp, j->dtype, lif_backward, j->p, j->steps, end - i, j->n, j->gain, column(j, j->current, i),
        column(j, j->dpsc, i), (void *)(j->kept + (size_t)worker * j->kept_bytes), column(j, j->dcurrent, i));
}

static void synapse_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t i, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &i, &end);
    KDST__CALL(
        j->cp, j->dtype, synapse_forward, j->decay, j->scale, j->steps, end - i, j->n, column(j, j->x, i),
        column(j, j->q, i), column(j, j->y, i));
}

static void synapse_back_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t i, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &i, &end);
    KDST__CALL(
        j->cp, j->dtype, synapse_backward, j->decay, j->scale, j->steps, end - i, j->n, column(j, j->x, i),
        column(j, j->y, i));
}

static void slope_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t i, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &i, &end);
    KDST__CALL(j->cp, j->dtype, spike_slope, j->slope, j->scale, end - i, column(j, j->x, i), column(j, j->y, i));
}

static void run(job *j, kdst__piece_fn fn)
{
    j->pieces = kdst__pieces(j->n, kdst__divide_up(GRAIN, j->steps));
    if (j->n > 0) kdst__pool_run(j->cp->pool, j->pieces, fn, j);
}

void kdst__lif_forward(
    kdst__compute *cp, int32_t dtype, const kdst__lif *p, int64_t steps, int64_t n, const double *gain,
    const void *current, void *m, void *q, void *psc, void *spikes, void *membrane, void *increment)
{
    job j = {
        .cp = cp,
        .dtype = dtype,
        .p = p,
        .steps = steps,
        .n = n,
        .gain = gain,
        .current = current,
        .m = m,
        .q = q,
        .psc = psc,
        .spikes = spikes,
        .membrane = membrane,
        .increment = increment};
    run(&j, forward_piece);
}

kdst_status kdst__lif_backward(
    kdst__compute *cp, int32_t dtype, const kdst__lif *p, int64_t steps, int64_t n, const double *gain,
    const void *current, const void *dpsc, void *dcurrent)
{
    job j = {
        .cp = cp,
        .dtype = dtype,
        .p = p,
        .steps = steps,
        .n = n,
        .gain = gain,
        .current = current,
        .dpsc = dpsc,
        .dcurrent = dcurrent};
    size_t all;
    if (kdst__mul_overflows((size_t)steps, (size_t)(3 * cp->lanes) * sizeof(float), &j.kept_bytes) ||
        kdst__mul_overflows(j.kept_bytes, (size_t)cp->threads, &all))
        return KDST_STATUS_OUT_OF_MEMORY;
    j.kept = kdst__alloc(cp->memory, all);
    if (!j.kept) return KDST_STATUS_OUT_OF_MEMORY;
    run(&j, backward_piece);
    kdst__free(cp->memory, j.kept, all);
    return KDST_STATUS_OK;
}

void kdst__synapse_forward(
    kdst__compute *cp, int32_t dtype, double decay, double scale, int64_t steps, int64_t n, const void *x, void *q,
    void *a)
{
    job j = {.cp = cp, .dtype = dtype, .decay = decay, .scale = scale, .steps = steps, .n = n, .x = x, .q = q, .y = a};
    run(&j, synapse_piece);
}

void kdst__synapse_backward(
    kdst__compute *cp, int32_t dtype, double decay, double scale, int64_t steps, int64_t n, const void *da, void *dx)
{
    job j = {.cp = cp, .dtype = dtype, .decay = decay, .scale = scale, .steps = steps, .n = n, .x = da, .y = dx};
    run(&j, synapse_back_piece);
}

void kdst__spike_slope(
    kdst__compute *cp, int32_t dtype, int32_t slope, double steepness, int64_t n, const void *x, void *y)
{
    job j = {.cp = cp, .dtype = dtype, .slope = slope, .scale = steepness, .steps = 1, .n = n, .x = x, .y = y};
    run(&j, slope_piece);
}
