/* SPDX-License-Identifier: Apache-2.0 */
/* How the sequences of a batch are packed, so that every step is one block of rows without padding.
 *
 * Sequences are put in falling order of length. Packed rows are step by step; those of step s are the first batch[s] sequences of that
 * order. Where all sequences have T steps and run forwards, rows lie as they are in [T, N, ..].
 */
#ifndef KDST_AUTOGRAD_OPS_LSTM_PLAN_H
#define KDST_AUTOGRAD_OPS_LSTM_PLAN_H

#include "core/context.h"

#include <kdst/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct kdst__lstm_plan {
    int64_t sequences, steps, rows; /* N, the longest, sum of batch */
    int64_t *batch;                 /* [steps] */
    int32_t *last;                  /* [N]: packed row of the last step of sequence n */
    int32_t *order;                 /* [N]: the sequences, longer ones first */
    int32_t *source;                /* [rows]: t N + n of each packed row; NULL: they lie so */
    void *memory;
    size_t bytes;
} kdst__lstm_plan;

/* lengths [N], nullable: all are T. Fails where a length is not in 1 … T, or a row has no int32 number. */
kdst_status kdst__lstm_plan_make(
    kdst_context *ctx, int64_t t, int64_t n, const int32_t *lengths, bool reverse, kdst__lstm_plan *out);
void kdst__lstm_plan_free(kdst_context *ctx, kdst__lstm_plan *plan);

#endif
