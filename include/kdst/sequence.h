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

/* ---- layers ---- */

/** Layer of kdst_embedding; parameter "weight" [V, D], drawn from N(0, 1), the row of the padding index 0.
 *
 *  Input: int32 tokens of any shape; output: their shape + [D].
 *
 *  @param      ctx         the context; retained by the layer
 *  @param      vocabulary  V, at least 1
 *  @param      features    D, at least 1
 *  @param      options     nullable; schema "layer.embedding": padding_index [-1,V) = -1 (none), dtype "float32" | "float64"
 *  @param[out] out         new; released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_embedding_create(
    kdst_context *ctx, int64_t vocabulary, int64_t features, const kdst_options *options, kdst_layer **out);

/** Layer of kdst_lstm, with several layers and directions where wanted.
 *
 *  Inputs: x [T, N, D]; optional lengths int32 [N], h0 and c0 [layers x directions, N, H]. Outputs: h of every step
 *  [T, N, directions x H], the last h and the last c [layers x directions, N, H]. Parameters, for each layer l and with "_reverse"
 *  behind for the second direction: "weight_ih_l0" [4H, D], "weight_hh_l0" [4H, H], "bias_ih_l0" and "bias_hh_l0" [4H], all uniform in
 *  +-1/sqrt(H).
 *
 *  @param      ctx       the context; retained by the layer
 *  @param      features  D, at least 1
 *  @param      hidden    H, at least 1
 *  @param      options   nullable; schema "layer.lstm": num_layers [1,32] = 1, bidirectional 0 | 1 = 0, bias 0 | 1 = 1,
 *                        dropout [0,1) = 0 (between layers, in training mode), result "all" (three outputs) | "sequence" (the first alone)
 *                        | "last" (the last layer's last h alone, [N, directions x H]), dtype "float32" | "float64"
 *  @param[out] out       new; run with kdst_layer_run_many, or kdst_layer_run where it has one output and gets x alone; released with
 *                        kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, size or option out of range), SHAPE (too large), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_lstm_create(
    kdst_context *ctx, int64_t features, int64_t hidden, const kdst_options *options, kdst_layer **out);

#ifdef __cplusplus
}
#endif

#endif
