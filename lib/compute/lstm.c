/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM over packed sequences: one product for the inputs of all steps, then one product and one pass over the gates a step.
 *
 * The recurrent weight is packed once. A step reads the state of its sequences where the step before wrote it: they are the first of
 * its rows.
 */
#include "compute/lstm.h"

#include "compute/gemm.h"
#include "compute/state.h"

#define GRAIN 4096 /* elements of a state worth a piece */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype;
    int64_t hidden, rows, pieces;
    const void *c_before; /* nullable */
    const void *c, *dh, *gates_kept;
    void *gates, *c_out, *h_out, *carry_h, *carry_c;
} job;

static void bounds(const job *j, int64_t piece, int64_t *begin, int64_t *count)
{
    int64_t end;
    kdst__piece_range(j->rows, j->pieces, piece, begin, &end);
    *count = end - *begin;
}

static void *row(const job *j, const void *x, int64_t at, int64_t width)
{
    return kdst__at(j->dtype, x, at * width);
}

static void forward_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t at, count, h = j->hidden;
    (void)worker;
    bounds(j, piece, &at, &count);
    KDST__CALL(
        j->cp, j->dtype, lstm_forward, count, h, row(j, j->c_before, at, h), row(j, j->gates, at, 4 * h),
        row(j, j->c_out, at, h), row(j, j->h_out, at, h));
}

static void backward_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t at, count, h = j->hidden;
    (void)worker;
    bounds(j, piece, &at, &count);
    KDST__CALL(
        j->cp, j->dtype, lstm_backward, count, h, row(j, j->c_before, at, h), row(j, j->gates_kept, at, 4 * h),
        row(j, j->c, at, h), row(j, j->dh, at, h), row(j, j->carry_h, at, h), row(j, j->carry_c, at, h),
        row(j, j->gates, at, 4 * h));
}

static void run(job *j, kdst__piece_fn fn)
{
    j->pieces = kdst__pieces(j->rows, kdst__divide_up(GRAIN, j->hidden));
    kdst__pool_run(j->cp->pool, j->pieces, fn, j);
}

/* gates = x w_ih^T + b_ih + b_hh for all rows. */
static kdst_status project(
    kdst__compute *cp, int32_t dtype, const kdst__lstm_shape *s, const void *x, const void *w_ih, const void *b_ih,
    const void *b_hh, void *gates)
{
    const int64_t shape[2] = {s->rows, 4 * s->hidden}, stride[2] = {4 * s->hidden, 1}, repeated[2] = {0, 1};
    const void *biases[2] = {b_ih, b_hh};
    int32_t filled = 0;
    for (int i = 0; i < 2; i++) {
        if (!biases[i]) continue;
        kdst__copy_strided(cp, dtype, 2, shape, 1, biases[i], repeated, filled, gates, stride);
        filled = 1;
    }
    return kdst__gemm(
        cp, dtype, shape[0], shape[1], s->features, x, s->features, 1, w_ih, 1, s->features, filled, gates, shape[1], 1);
}

kdst_status kdst__lstm_forward(
    kdst__compute *cp, int32_t dtype, const kdst__lstm_shape *s, const void *x, const void *w_ih, const void *w_hh,
    const void *b_ih, const void *b_hh, const void *h0, const void *c0, void *gates, void *c, void *h)
{
    int64_t n = s->hidden;
    int64_t most = h0 ? s->batch[0] : s->steps > 1 ? s->batch[1] : 0; /* rows of a product with w_hh */
    kdst__packed recurrent;
    kdst_status status = kdst__gemm_pack(cp, dtype, most, 4 * n, n, w_hh, 1, n, &recurrent);
    if (status == KDST_STATUS_OK) status = project(cp, dtype, s, x, w_ih, b_ih, b_hh, gates);
    const void *h_before = h0, *c_before = c0;
    for (int64_t step = 0, at = 0; step < s->steps && status == KDST_STATUS_OK; at += s->batch[step++]) {
        job j = {.cp = cp, .dtype = dtype, .hidden = n, .rows = s->batch[step], .c_before = c_before};
        j.gates = kdst__at(dtype, gates, at * 4 * n);
        j.c_out = kdst__at(dtype, c, at * n);
        j.h_out = kdst__at(dtype, h, at * n);
        if (h_before) status = kdst__gemm_packed(cp, &recurrent, j.rows, h_before, n, 1, j.gates);
        if (status == KDST_STATUS_OK) run(&j, forward_piece);
        h_before = j.h_out;
        c_before = j.c_out;
    }
    kdst__gemm_unpack(cp, &recurrent);
    return status;
}

kdst_status kdst__lstm_backward(
    kdst__compute *cp, int32_t dtype, const kdst__lstm_shape *s, const void *w_hh, const void *c0, const void *gates,
    const void *c, const void *dh, void *carry_h, void *carry_c, void *dgates)
{
    int64_t n = s->hidden;
    kdst__packed recurrent;
    kdst_status status = kdst__gemm_pack(cp, dtype, s->batch[0], n, 4 * n, w_hh, n, 1, &recurrent);
    for (int64_t step = s->steps - 1, at = s->rows; step >= 0 && status == KDST_STATUS_OK; step--) {
        at -= s->batch[step];
        job j = {.cp = cp, .dtype = dtype, .hidden = n, .rows = s->batch[step], .carry_h = carry_h, .carry_c = carry_c};
        j.c_before = step > 0 ? kdst__at(dtype, c, (at - s->batch[step - 1]) * n) : c0;
        j.gates_kept = kdst__at(dtype, gates, at * 4 * n);
        j.c = kdst__at(dtype, c, at * n);
        j.dh = kdst__at(dtype, dh, at * n);
        j.gates = kdst__at(dtype, dgates, at * 4 * n);
        run(&j, backward_piece);
        status = kdst__gemm_packed(cp, &recurrent, j.rows, j.gates, 4 * n, 0, carry_h);
    }
    kdst__gemm_unpack(cp, &recurrent);
    return status;
}
