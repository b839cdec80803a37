/* SPDX-License-Identifier: Apache-2.0 */
/* lstm: long short-term memory over a batch of sequences (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).
 *
 * a = x_t w_ih^T + b_ih + h' w_hh^T + b_hh, rows of a in the order i, f, g, o;
 * i, f, o = sigmoid(a), g = tanh(a); c = f c' + i g; h = o tanh(c).
 * x [T, N, D], w_ih [4H, D], w_hh [4H, H], b_ih, b_hh [4H] or NULL, h0, c0 [N, H] or NULL (0), lengths int32 [N] or NULL (T).
 * The result is one tensor [T + 2, N, H]: the h of every step, then the last h and the last c; what the public functions
 * give are slices of it.
 *
 * Sequence n ends after lengths[n] steps: what x holds behind is not read, h is 0 there, and the last states are those of its last
 * real step. Sequences are packed for that (lstm_plan.h). `reverse` runs from the last real step to the first.
 */
#include "autograd/ops/lstm_plan.h"
#include "autograd/ops.h"

#include "compute/lstm.h"

#include <inttypes.h>
#include <string.h>

enum { X, W_IH, W_HH, B_IH, B_HH, H0, C0, LENGTHS, INPUTS };
enum { GATES, CELLS, STATES };

static const kdst__option options_table[] = {
    KDST__INT(kdst__lstm_attrs, reverse, 0, 0, 1, "1: from the last step to the first"),
};
const kdst__schema kdst__schema_lstm = {"lstm", options_table, KDST__COUNT(options_table), NULL, 0};

/* One input must have this shape. */
static kdst_status expect(kdst__call *call, int input, const char *name, int32_t rank, int64_t first, int64_t second)
{
    const kdst_tensor *t = call->inputs[input];
    const int64_t shape[2] = {first, second};
    char have[KDST__SHAPE_TEXT], want[KDST__SHAPE_TEXT];
    if (t == NULL || (t->rank == rank && t->shape[0] == first && (rank == 1 || t->shape[1] == second)))
        return KDST_STATUS_OK;
    return kdst__fail(
        call->ctx, KDST_STATUS_SHAPE, "lstm: %s is %s, expected %s", name, kdst__shape_text(t->rank, t->shape, have),
        kdst__shape_text(rank, shape, want));
}

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[X], *w_hh = call->inputs[W_HH];
    char text[KDST__SHAPE_TEXT];
    if (x->rank != 3 || x->shape[0] < 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "lstm: x is %s, expected [T, N, D] with at least one step",
            kdst__shape_text(x->rank, x->shape, text));
    if (w_hh->rank != 2 || w_hh->shape[1] < 1 || w_hh->shape[0] % 4 != 0 || w_hh->shape[0] / 4 != w_hh->shape[1])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "lstm: w_hh is %s, expected [4H, H] with H of at least 1",
            kdst__shape_text(w_hh->rank, w_hh->shape, text));
    int64_t n = x->shape[1], d = x->shape[2], h = w_hh->shape[1];
    kdst_status status = expect(call, W_IH, "w_ih", 2, 4 * h, d);
    if (status == KDST_STATUS_OK) status = expect(call, B_IH, "b_ih", 1, 4 * h, 0);
    if (status == KDST_STATUS_OK) status = expect(call, B_HH, "b_hh", 1, 4 * h, 0);
    if (status == KDST_STATUS_OK) status = expect(call, H0, "h0", 2, n, h);
    if (status == KDST_STATUS_OK) status = expect(call, C0, "c0", 2, n, h);
    if (status == KDST_STATUS_OK) status = expect(call, LENGTHS, "lengths", 1, n, 0);
    if (status != KDST_STATUS_OK) return status;
    if (x->shape[0] > INT64_MAX - 2) return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "lstm: too many steps");
    call->rank = 3;
    call->shape[0] = x->shape[0] + 2;
    call->shape[1] = n;
    call->shape[2] = h;
    return KDST_STATUS_OK;
}

static kdst_status plan_of(kdst__call *call, kdst__lstm_plan *out)
{
    const kdst__lstm_attrs *attrs = call->attrs;
    const kdst_tensor *x = call->inputs[X], *lengths = call->inputs[LENGTHS];
    return kdst__lstm_plan_make(
        call->ctx, x->shape[0], x->shape[1], lengths == NULL ? NULL : kdst__tensor_data(lengths), attrs->reverse == 1,
        out);
}

static kdst__lstm_shape sizes(const kdst__call *call, const kdst__lstm_plan *plan)
{
    return (kdst__lstm_shape){
        .steps = plan->steps,
        .rows = plan->rows,
        .features = call->inputs[X]->shape[2],
        .hidden = call->inputs[W_HH]->shape[1],
        .batch = plan->batch};
}

static const void *data_or_null(const kdst_tensor *t)
{
    return t == NULL ? NULL : kdst__tensor_data(t);
}

/* New [rows, width]. */
static kdst_status matrix(const kdst__call *call, int64_t rows, int64_t width, kdst_tensor **out)
{
    const int64_t shape[2] = {rows, width};
    return kdst__tensor_new(call->ctx, "lstm", call->inputs[X]->dtype, 2, shape, false, out);
}

/* Address of row `row` of [.., H]. */
static void *state_row(const kdst_tensor *t, int64_t row)
{
    return (char *)kdst__tensor_data(t) + row * t->shape[t->rank - 1] * kdst_dtype_get_size(t->dtype);
}

/* New [rows, width]: rows of `from` [sources, width] in the order of a list; NULL for NULL. */
static kdst_status select_rows(
    const kdst__call *call, const void *from, int64_t sources, int64_t width, const int32_t *list, int64_t rows,
    kdst_tensor **out)
{
    if (from == NULL) return KDST_STATUS_OK;
    kdst_status status = matrix(call, rows, width, out);
    if (status != KDST_STATUS_OK) return status;
    kdst__rows_select(
        kdst__tensor_compute(*out), kdst_dtype_get_size((*out)->dtype), 1, sources, rows, width, list, from,
        kdst__tensor_data(*out));
    return KDST_STATUS_OK;
}

/* `from` [T N, width] as packed rows: a tensor to hold where they move, and where they are. */
static kdst_status pack(
    const kdst__call *call, const kdst__lstm_plan *plan, const void *from, int64_t width, kdst_tensor **held,
    const void **out)
{
    *out = from;
    if (plan->source == NULL) return KDST_STATUS_OK;
    int64_t sources = call->inputs[X]->shape[0] * plan->sequences;
    kdst_status status = select_rows(call, from, sources, width, plan->source, plan->rows, held);
    if (status == KDST_STATUS_OK) *out = kdst__tensor_data(*held);
    return status;
}

/* h of every step and the last states, from packed rows into the result. */
static void give(const kdst__call *call, const kdst__lstm_plan *plan, const kdst_tensor *h, const kdst_tensor *c)
{
    kdst_tensor *y = call->out;
    kdst__compute *cp = kdst__tensor_compute(y);
    int64_t width = y->shape[2], n = plan->sequences, t = y->shape[0] - 2;
    if (plan->source != NULL) {
        kdst__fill(cp, y->dtype, t * n * width, 0, kdst__tensor_data(y));
        kdst__rows_place(cp, y->dtype, plan->rows, width, plan->source, kdst__tensor_data(h), 0, kdst__tensor_data(y));
    }
    kdst__rows_select(
        cp, kdst_dtype_get_size(y->dtype), 1, plan->rows, n, width, plan->last, kdst__tensor_data(h),
        state_row(y, t * n));
    kdst__rows_select(
        cp, kdst_dtype_get_size(y->dtype), 1, plan->rows, n, width, plan->last, kdst__tensor_data(c),
        state_row(y, (t + 1) * n));
}

static kdst_status forward(kdst__call *call)
{
    kdst__lstm_plan plan;
    kdst_tensor *const *in = call->inputs, *x = NULL, *h0 = NULL, *c0 = NULL, *gates = NULL, *c = NULL, *h = NULL;
    const void *x_rows;
    kdst_status status = plan_of(call, &plan);
    if (status != KDST_STATUS_OK || plan.sequences == 0) goto end;
    const kdst__lstm_shape s = sizes(call, &plan);
    int64_t n = plan.sequences;
    status = pack(call, &plan, kdst__tensor_data(in[X]), s.features, &x, &x_rows);
    if (status == KDST_STATUS_OK) status = select_rows(call, data_or_null(in[H0]), n, s.hidden, plan.order, n, &h0);
    if (status == KDST_STATUS_OK) status = select_rows(call, data_or_null(in[C0]), n, s.hidden, plan.order, n, &c0);
    if (status == KDST_STATUS_OK) status = matrix(call, s.rows, 4 * s.hidden, &gates);
    if (status == KDST_STATUS_OK) status = matrix(call, s.rows, s.hidden, &c);
    if (status == KDST_STATUS_OK && plan.source != NULL) status = matrix(call, s.rows, s.hidden, &h);
    if (status != KDST_STATUS_OK) goto end;
    if (h == NULL) kdst_tensor_retain(h = call->out); /* the steps are where they belong */
    status = kdst__lstm_forward(
        kdst__tensor_compute(h), h->dtype, &s, x_rows, kdst__tensor_data(in[W_IH]), kdst__tensor_data(in[W_HH]),
        data_or_null(in[B_IH]), data_or_null(in[B_HH]), data_or_null(h0), data_or_null(c0), kdst__tensor_data(gates),
        kdst__tensor_data(c), kdst__tensor_data(h));
    if (status != KDST_STATUS_OK) {
        status = kdst__fail_memory(call->ctx, "lstm");
        goto end;
    }
    give(call, &plan, h, c);
    if (call->recording) {
        kdst_tensor_retain(call->saved[GATES] = gates);
        kdst_tensor_retain(call->saved[CELLS] = c);
        if (h != call->out) kdst_tensor_retain(call->saved[STATES] = h);
    }
end:
    kdst_tensor_release(h);
    kdst_tensor_release(c);
    kdst_tensor_release(gates);
    kdst_tensor_release(c0);
    kdst_tensor_release(h0);
    kdst_tensor_release(x);
    kdst__lstm_plan_free(call->ctx, &plan);
    return status;
}

/* ---- backward ---- */

/* New [rows, H]: the h in front of each packed row. */
static kdst_status states_before(
    const kdst__call *call, const kdst__lstm_plan *plan, const void *h, const kdst_tensor *h0, kdst_tensor **out)
{
    int64_t width = call->inputs[W_HH]->shape[1];
    size_t bytes = (size_t)width * (size_t)kdst_dtype_get_size(call->d_out->dtype);
    kdst_status status = matrix(call, plan->rows, width, out);
    if (status != KDST_STATUS_OK) return status;
    char *to = kdst__tensor_data(*out);
    const char *from = data_or_null(h0);
    for (int64_t s = 0; s < plan->steps; s++) {
        size_t block = (size_t)plan->batch[s] * bytes;
        if (from == NULL)
            memset(to, 0, block);
        else
            memcpy(to, from, block);
        to += block;
        from = s == 0 ? h : from + (size_t)plan->batch[s - 1] * bytes;
    }
    return KDST_STATUS_OK;
}

/* Gradients of the weights: products over all packed rows. */
static kdst_status add_weights(
    kdst__call *call, const kdst__lstm_plan *plan, const kdst_tensor *dgates, const void *x, const void *h,
    const kdst_tensor *h0)
{
    kdst_tensor *before = NULL, *dw_ih = call->d_inputs[W_IH], *dw_hh = call->d_inputs[W_HH];
    const kdst__lstm_shape s = sizes(call, plan);
    const void *g = kdst__tensor_data(dgates);
    kdst__compute *cp = kdst__tensor_compute(dgates);
    kdst_dtype dtype = dgates->dtype;
    kdst_status status = KDST_STATUS_OK;
    int64_t rows = 4 * s.hidden;
    if (dw_ih != NULL &&
        kdst__gemm(
            cp, dtype, rows, s.features, s.rows, g, 1, rows, x, s.features, 1, 1, kdst__tensor_data(dw_ih), s.features,
            1))
        return kdst__fail_memory(call->ctx, "lstm");
    for (int i = B_IH; i <= B_HH; i++)
        if (call->d_inputs[i] != NULL &&
            kdst__sum_strided(
                cp, dtype, 2, dgates->shape, 1, g, dgates->stride, 1, kdst__tensor_data(call->d_inputs[i]),
                (int64_t[]){0, 1}))
            return kdst__fail_memory(call->ctx, "lstm");
    if (dw_hh == NULL) return KDST_STATUS_OK;
    status = states_before(call, plan, h, h0, &before);
    if (status == KDST_STATUS_OK &&
        kdst__gemm(
            cp, dtype, rows, s.hidden, s.rows, g, 1, rows, kdst__tensor_data(before), s.hidden, 1, 1,
            kdst__tensor_data(dw_hh), s.hidden, 1))
        status = kdst__fail_memory(call->ctx, "lstm");
    kdst_tensor_release(before);
    return status;
}

/* dx: where rows lie as they are the product adds to it, else it goes through packed rows. */
static kdst_status add_x(kdst__call *call, const kdst__lstm_plan *plan, const kdst_tensor *dgates)
{
    kdst_tensor *dx = call->d_inputs[X], *packed = NULL;
    const kdst__lstm_shape s = sizes(call, plan);
    kdst__compute *cp = kdst__tensor_compute(dgates);
    kdst_status status = KDST_STATUS_OK;
    if (dx == NULL) return status;
    if (plan->source != NULL) status = matrix(call, s.rows, s.features, &packed);
    if (status != KDST_STATUS_OK) return status;
    if (kdst__gemm(
            cp, dx->dtype, s.rows, s.features, 4 * s.hidden, kdst__tensor_data(dgates), 4 * s.hidden, 1,
            kdst__tensor_data(call->inputs[W_IH]), s.features, 1, packed == NULL,
            kdst__tensor_data(packed == NULL ? dx : packed), s.features, 1))
        status = kdst__fail_memory(call->ctx, "lstm");
    else if (packed != NULL)
        kdst__rows_place(
            cp, dx->dtype, s.rows, s.features, plan->source, kdst__tensor_data(packed), 1, kdst__tensor_data(dx));
    kdst_tensor_release(packed);
    return status;
}

static void add_state(const kdst__lstm_plan *plan, kdst_tensor *carry, kdst_tensor *d)
{
    if (d != NULL)
        kdst__rows_place(
            kdst__tensor_compute(d), d->dtype, plan->sequences, d->shape[1], plan->order, kdst__tensor_data(carry), 1,
            kdst__tensor_data(d));
}

static kdst_status backward(kdst__call *call)
{
    kdst__lstm_plan plan;
    kdst_tensor *const *in = call->inputs, *dy = call->d_out;
    kdst_tensor *x = NULL, *h0 = NULL, *c0 = NULL, *dh = NULL, *carry_h = NULL, *carry_c = NULL, *dgates = NULL;
    const void *x_rows, *dh_rows, *h = kdst__tensor_data(call->saved[STATES] == NULL ? call->out : call->saved[STATES]);
    kdst_status status = plan_of(call, &plan);
    if (status != KDST_STATUS_OK || plan.sequences == 0) goto end;
    const kdst__lstm_shape s = sizes(call, &plan);
    int64_t n = plan.sequences, steps = in[X]->shape[0], width = s.hidden;
    status = pack(call, &plan, kdst__tensor_data(in[X]), s.features, &x, &x_rows);
    if (status == KDST_STATUS_OK) status = pack(call, &plan, kdst__tensor_data(dy), width, &dh, &dh_rows);
    if (status == KDST_STATUS_OK) status = select_rows(call, data_or_null(in[H0]), n, width, plan.order, n, &h0);
    if (status == KDST_STATUS_OK) status = select_rows(call, data_or_null(in[C0]), n, width, plan.order, n, &c0);
    if (status == KDST_STATUS_OK)
        status = select_rows(call, state_row(dy, steps * n), n, width, plan.order, n, &carry_h);
    if (status == KDST_STATUS_OK)
        status = select_rows(call, state_row(dy, (steps + 1) * n), n, width, plan.order, n, &carry_c);
    if (status == KDST_STATUS_OK) status = matrix(call, s.rows, 4 * width, &dgates);
    if (status != KDST_STATUS_OK) goto end;
    if (kdst__lstm_backward(
            kdst__tensor_compute(dy), dy->dtype, &s, kdst__tensor_data(in[W_HH]), data_or_null(c0),
            kdst__tensor_data(call->saved[GATES]), kdst__tensor_data(call->saved[CELLS]), dh_rows,
            kdst__tensor_data(carry_h), kdst__tensor_data(carry_c), kdst__tensor_data(dgates)))
        status = kdst__fail_memory(call->ctx, "lstm");
    if (status == KDST_STATUS_OK) status = add_weights(call, &plan, dgates, x_rows, h, h0);
    if (status == KDST_STATUS_OK) status = add_x(call, &plan, dgates);
    if (status == KDST_STATUS_OK) {
        add_state(&plan, carry_h, call->d_inputs[H0]);
        add_state(&plan, carry_c, call->d_inputs[C0]);
    }
end:
    kdst_tensor_release(dgates);
    kdst_tensor_release(carry_c);
    kdst_tensor_release(carry_h);
    kdst_tensor_release(dh);
    kdst_tensor_release(c0);
    kdst_tensor_release(h0);
    kdst_tensor_release(x);
    kdst__lstm_plan_free(call->ctx, &plan);
    return status;
}

const kdst__op kdst__op_lstm = {
    .name = "lstm",
    .input_names = {"x", "w_ih", "w_hh", "b_ih", "b_hh", "h0", "c0", "lengths"},
    .min_inputs = 3,
    .max_inputs = INPUTS,
    .int_inputs = 1u << LENGTHS,
    .attr_bytes = sizeof(kdst__lstm_attrs),
    .attr_schema = &kdst__schema_lstm,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 1u << X | 1u << W_IH | 1u << W_HH | 1u << H0 | 1u << C0 | 1u << LENGTHS,
    .keep_out = true,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__lstm_run(const kdst__lstm_inputs *in, const kdst__lstm_attrs *attrs, kdst_tensor **out)
{
    kdst_tensor *inputs[INPUTS] = {in->x, in->w_ih, in->w_hh, in->b_ih, in->b_hh, in->h0, in->c0, in->lengths};
    return kdst__op_run(&kdst__op_lstm, inputs, INPUTS, attrs, out);
}
