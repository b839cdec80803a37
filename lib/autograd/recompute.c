/* SPDX-License-Identifier: Apache-2.0 */
/* The operation that a piece of work is recorded as (see recompute.h). */
#include "autograd/recompute.h"

#include "autograd/record.h"

#define NAME "recompute"

typedef struct attrs {
    kdst__piece_of_work work;
    int64_t count; /* inputs of the piece; behind them its parameter */
    uint64_t seed, stream, state;
} attrs;

static void attrs_retain(void *a)
{
    kdst__handle_retain(((attrs *)a)->work.owner);
}
static void attrs_release(void *a)
{
    kdst__handle_release(((attrs *)a)->work.owner);
}

bool kdst__replaying(const kdst_context *ctx)
{
    const kdst__autograd *state = kdst__slot_get(ctx, KDST__SLOT_AUTOGRAD);
    return state && state->replaying;
}

/* A result that a record can be hung on: a view where it is an input, a leaf, or recorded elsewhere. */
static kdst_status own_result(kdst__call *call, kdst_tensor *y)
{
    bool shared = y->node || y->requires_grad;
    for (int32_t i = 0; i < call->count; i++)
        shared |= call->inputs[i] == y;
    call->out = y;
    if (!shared) return KDST_STATUS_OK;
    call->out = NULL;
    kdst_status status = kdst__tensor_view(NAME, y, y->rank, y->shape, y->stride, y->offset, &call->out);
    kdst__handle_release(y);
    return status;
}

static kdst_status forward(kdst__call *call)
{
    attrs *a = call->attrs;
    kdst_context *ctx = call->ctx;
    kdst_tensor *y = NULL;
    kdst_status status = kdst_context_get_random(ctx, &a->seed, &a->stream);
    if (status) return status;
    if (!kdst__no_grad_push(ctx)) return kdst__fail_memory(ctx, NAME);
    status = a->work.run(a->work.owner, a->work.first, a->work.last, call->inputs, a->count, &y);
    kdst__no_grad_pop(ctx);
    if (status) return status;
    a->state = a->work.state(a->work.owner, a->work.first, a->work.last);
    return own_result(call, y);
}

/* Runs the piece again, with a record: call->out, whose gradient is what the pass has for the result. */
static kdst_status backward(kdst__call *call)
{
    const attrs *a = call->attrs;
    kdst_context *ctx = call->ctx;
    kdst__autograd *state = kdst__autograd_of(ctx), before = *state;
    uint64_t seed, stream;
    if (a->work.state(a->work.owner, a->work.first, a->work.last) != a->state)
        return kdst__fail(
            ctx, KDST_STATUS_STATE,
            "backward: a layer that is to be recomputed was changed after it ran: its parameters, or its mode");
    kdst_status status = kdst_context_get_random(ctx, &seed, &stream);
    if (status) return status;
    kdst__context_set_stream(ctx, a->seed, a->stream);
    state->no_grad = state->opened = state->eval = 0;
    state->replaying = true;
    status = a->work.run(a->work.owner, a->work.first, a->work.last, call->inputs, a->count, &call->out);
    state->no_grad = before.no_grad;
    state->opened = before.opened;
    state->eval = before.eval;
    state->replaying = before.replaying;
    kdst__context_set_stream(ctx, seed, stream);
    return status;
}

static const kdst__op recompute = {
    .name = NAME,
    .min_inputs = 1,
    .max_inputs = KDST__MAX_INPUTS + 1,
    .any_dtype = true,
    .any_layout = true,
    .strided = true,
    .makes_out = true,
    .replays = true,
    .attr_bytes = sizeof(attrs),
    .retain_attrs = attrs_retain,
    .release_attrs = attrs_release,
    .forward = forward,
    .backward = backward,
    .keep_inputs = (1u << KDST__MAX_INPUTS) - 1,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__recompute_run(
    const kdst__piece_of_work *work, kdst_tensor *const *inputs, int64_t count, kdst_tensor *parameter,
    kdst_tensor **out)
{
    kdst_tensor *all[KDST__MAX_INPUTS + 1] = {NULL};
    attrs a = {.work = *work, .count = count};
    for (int64_t i = 0; i < count; i++)
        all[i] = inputs[i];
    all[count] = parameter;
    return kdst__op_run(&recompute, all, (int32_t)count + 1, &a, out);
}
