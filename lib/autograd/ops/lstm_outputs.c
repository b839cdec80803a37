/* SPDX-License-Identifier: Apache-2.0 */
/* kdst_lstm and kdst_lstm_cell: what they give are slices of the operation's one result, recorded as such. */
#include "autograd/ops.h"

#include <kdst/sequence.h>

/* Steps [first, first + count) of [T + 2, N, H]; `flat`: the one step without its axis. */
static kdst_status part(kdst_tensor *packed, int64_t first, int64_t count, bool flat, kdst_tensor **out)
{
    kdst_tensor *steps = NULL;
    if (out == NULL) return KDST_STATUS_OK;
    kdst_status status = kdst_slice(packed, 0, first, first + count, 1, &steps);
    if (status == KDST_STATUS_OK && flat) {
        status = kdst_reshape(steps, 2, packed->shape + 1, out);
        kdst_tensor_release(steps);
    } else if (status == KDST_STATUS_OK) {
        *out = steps;
    }
    return status;
}

kdst_status kdst__lstm_parts(kdst_tensor *packed, bool flat, kdst_tensor **y, kdst_tensor **h, kdst_tensor **c)
{
    int64_t steps = packed->shape[0] - 2;
    kdst_status status = part(packed, 0, steps, false, y);
    if (status == KDST_STATUS_OK) status = part(packed, steps, 1, flat, h);
    if (status == KDST_STATUS_OK) status = part(packed, steps + 1, 1, flat, c);
    if (status == KDST_STATUS_OK) return status;
    kdst_tensor **all[] = {y, h, c};
    for (int i = 0; i < 3; i++) {
        if (all[i] == NULL) continue;
        kdst_tensor_release(*all[i]);
        *all[i] = NULL;
    }
    return status;
}

kdst_status kdst_lstm(
    kdst_tensor *x, kdst_tensor *lengths, kdst_tensor *h0, kdst_tensor *c0, kdst_tensor *w_ih, kdst_tensor *w_hh,
    kdst_tensor *b_ih, kdst_tensor *b_hh, const kdst_options *options, kdst_tensor **out, kdst_tensor **out_h,
    kdst_tensor **out_c)
{
    kdst__lstm_attrs attrs = {0};
    kdst_tensor *packed = NULL;
    if (out != NULL) *out = NULL;
    if (out_h != NULL) *out_h = NULL;
    if (out_c != NULL) *out_c = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    if (out == NULL && out_h == NULL && out_c == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "lstm: out, out_h and out_c are NULL");
    kdst_status status = kdst__options_parse(ctx, "lstm", &kdst__schema_lstm, options, &attrs);
    const kdst__lstm_inputs in = {x, lengths, h0, c0, w_ih, w_hh, b_ih, b_hh};
    if (status == KDST_STATUS_OK) status = kdst__lstm_run(&in, &attrs, &packed);
    if (status == KDST_STATUS_OK) status = kdst__lstm_parts(packed, true, out, out_h, out_c);
    kdst_tensor_release(packed);
    return status;
}

kdst_status kdst_lstm_cell(
    kdst_tensor *x, kdst_tensor *h, kdst_tensor *c, kdst_tensor *w_ih, kdst_tensor *w_hh, kdst_tensor *b_ih,
    kdst_tensor *b_hh, kdst_tensor **out_h, kdst_tensor **out_c)
{
    const kdst__lstm_attrs attrs = {0};
    kdst_tensor *step = NULL, *packed = NULL;
    char text[KDST__SHAPE_TEXT];
    if (out_h != NULL) *out_h = NULL;
    if (out_c != NULL) *out_c = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    if (out_h == NULL || out_c == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "lstm_cell: %s is NULL", out_h == NULL ? "out_h" : "out_c");
    if (x->rank != 2)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "lstm_cell: x is %s, expected [N, D]", kdst__shape_text(x->rank, x->shape, text));
    const int64_t shape[3] = {1, x->shape[0], x->shape[1]};
    kdst_status status = kdst_reshape(x, 3, shape, &step);
    const kdst__lstm_inputs in = {step, NULL, h, c, w_ih, w_hh, b_ih, b_hh};
    if (status == KDST_STATUS_OK) status = kdst__lstm_run(&in, &attrs, &packed);
    if (status == KDST_STATUS_OK) status = kdst__lstm_parts(packed, true, NULL, out_h, out_c);
    kdst_tensor_release(packed);
    kdst_tensor_release(step);
    return status;
}
