/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and sequences: embedding and LSTM, as operations and as layers.
 *
 * Time is the leading axis: [T, N, ..]. Sequences of a batch may differ in length; what stands behind a sequence's length is never read
 * as a number, so it may be anything.
 */
#ifndef KDST_SEQUENCE_H
#define KDST_SEQUENCE_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- operations ---- */

/** Rows of a table, one for each token.
 *
 *  The gradient of weight is the sum over equal tokens, in their order; the row of the padding index gets none.
 *
 *  @param      weight   [V, D]
 *  @param      tokens   int32 of any shape, each in [0, V)
 *  @param      options  nullable; schema "embedding": padding_index [-1,..) = -1 (none)
 *  @param[out] out      new, shape of tokens + [D]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option, a token out of range), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_embedding(
    kdst_tensor *weight, kdst_tensor *tokens, const kdst_options *options, kdst_tensor **out);

/** Long short-term memory over a batch of sequences (Hochreiter and Schmidhuber 1997, with forget gate).
 *
 *  a = x_t w_ih^T + b_ih + h' w_hh^T + b_hh in the order i, f, g, o; c = sigmoid(f) c' + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c).
 *  A sequence ends after its length: out is 0 behind it, and out_h and out_c are those of its last real step.
 *
 *  @param      x        [T, N, D], T at least 1
 *  @param      lengths  int32 [N], each 1 to T, in any order; nullable: all T
 *  @param      h0       [N, H], nullable: 0
 *  @param      c0       [N, H], nullable: 0
 *  @param      w_ih     [4H, D]
 *  @param      w_hh     [4H, H]
 *  @param      b_ih     [4H], nullable: 0
 *  @param      b_hh     [4H], nullable: 0
 *  @param      options  nullable; schema "lstm": reverse 0 | 1 = 0 (each sequence from its last real step to its first)
 *  @param[out] out      nullable; new, h of every step [T, N, H]; released with kdst_tensor_release
 *  @param[out] out_h    nullable; new, the last h [N, H]; released with kdst_tensor_release
 *  @param[out] out_c    nullable; new, the last c [N, H]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, option, a length out of range), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_lstm(
    kdst_tensor *x, kdst_tensor *lengths, kdst_tensor *h0, kdst_tensor *c0, kdst_tensor *w_ih, kdst_tensor *w_hh,
    kdst_tensor *b_ih, kdst_tensor *b_hh, const kdst_options *options, kdst_tensor **out, kdst_tensor **out_h,
    kdst_tensor **out_c);

/** One step of kdst_lstm.
 *
 *  @param      x      [N, D]
 *  @param      h      [N, H], nullable: 0
 *  @param      c      [N, H], nullable: 0
 *  @param      w_ih   [4H, D]
 *  @param      w_hh   [4H, H]
 *  @param      b_ih   [4H], nullable: 0
 *  @param      b_hh   [4H], nullable: 0
 *  @param[out] out_h  new, [N, H]; released with kdst_tensor_release
 *  @param[out] out_c  new, [N, H]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_lstm_cell(
    kdst_tensor *x, kdst_tensor *h, kdst_tensor *c, kdst_tensor *w_ih, kdst_tensor *w_hh, kdst_tensor *b_ih,
    kdst_tensor *b_hh, kdst_tensor **out_h, kdst_tensor **out_c);

#ifdef __cplusplus
}
#endif

#endif
