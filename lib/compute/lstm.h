/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM on raw buffers (lib/autograd/ops/lstm.c has the equations). Sequences are packed: the rows of step s are those that are s + 1 or
 * more long, `batch[s]` of them, the longest first; then come the rows of step s + 1. */
#ifndef KDST_COMPUTE_LSTM_H
#define KDST_COMPUTE_LSTM_H

#include "compute/compute.h"

typedef struct kdst__lstm_shape {
    int64_t steps, rows;          /* rows: sum of batch */
    int64_t features, hidden;     /* D, H */
    const int64_t *batch;         /* [steps], falling, at least 1 */
} kdst__lstm_shape;

/* Weights, all of one type: w_ih [4H, D], w_hh [4H, H], b_ih and b_hh [4H], nullable; x [rows, D]; h0, c0 [batch[0], H], nullable: 0.
 * gates [rows, 4H] (i, f, g, o after their functions), c and h [rows, H] are written. */
kdst_status kdst__lstm_forward(
    kdst__compute *cp, int32_t dtype, const kdst__lstm_shape *shape, const void *x, const void *w_ih, const void *w_hh,
    const void *b_ih, const void *b_hh, const void *h0, const void *c0, void *gates, void *c, void *h);

/* dgates [rows, 4H] is written: gradients in front of the gates' functions. dh [rows, H] are the gradients of h from outside. carry_h and
 * carry_c [batch[0], H] hold those of each sequence's last h and c, and then those of h0 and c0. */
kdst_status kdst__lstm_backward(
    kdst__compute *cp, int32_t dtype, const kdst__lstm_shape *shape, const void *w_hh, const void *c0, const void *gates,
    const void *c, const void *dh, void *carry_h, void *carry_c, void *dgates);

#endif
