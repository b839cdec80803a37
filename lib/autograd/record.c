/* SPDX-License-Identifier: Apache-2.0 */
/* Running an operation and recording it.
 *
 * kdst__op_run checks the inputs against the descriptor, applies the shape rule, makes the result, runs forward and,
 * when a gradient can flow, hangs a record on the result. A record holds the records and leaves its gradient goes to
 * (the edges) and what backward reads, so its life is that of the results made from it: there is nothing to clear.
 * The result itself is kept as a view without a record, or it would hold itself for ever.
 */
#include "autograd/record.h"

#include "autograd/graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void autograd_destroy(kdst_context *ctx, void *value)
{
    kdst__free(kdst__context_memory(ctx), value, sizeof(kdst__autograd));
}

kdst__autograd *kdst__autograd_of(kdst_context *ctx)
{
    kdst__autograd *state = kdst__slot_get(ctx, KDST__SLOT_AUTOGRAD);
    if (state) return state;
    state = kdst__alloc_zero(kdst__context_memory(ctx), sizeof *state);
    if (state) kdst__slot_set(ctx, KDST__SLOT_AUTOGRAD, state, autograd_destroy);
    return state;
}

bool kdst__grad_enabled(kdst_context *ctx)
{
    kdst__autograd *state = kdst__slot_get(ctx, KDST__SLOT_AUTOGRAD);
    return !state || state->no_grad == 0;
}

bool kdst__no_grad_push(kdst_context *ctx)
{
    kdst__autograd *state = kdst__autograd_of(ctx);
    if (!state) return false;
    state->no_grad++;
    return true;
}

void kdst__no_grad_pop(kdst_context *ctx)
{
    kdst__autograd_of(ctx)->no_grad--;
}

bool kdst__eval_push(kdst_context *ctx)
{
    if (!kdst__no_grad_push(ctx)) return false;
    kdst__autograd_of(ctx)->eval++;
    return true;
}

void kdst__eval_pop(kdst_context *ctx)
{
    kdst__autograd_of(ctx)->eval--;
    kdst__no_grad_pop(ctx);
}

bool kdst__eval_forced(kdst_context *ctx)
{
    kdst__autograd *state = kdst__slot_get(ctx, KDST__SLOT_AUTOGRAD);
    return state && state->eval > 0;
}

bool kdst__scopes_enter(kdst_context *ctx, bool recording, kdst__scopes *before)
{
    kdst__autograd *state = kdst__autograd_of(ctx);
    if (!state) return false;
    *before = (kdst__scopes){state->no_grad, state->opened};
    state->no_grad += !recording;
    state->opened = 0;
    return true;
}

void kdst__scopes_leave(kdst_context *ctx, const kdst__scopes *before)
{
    kdst__autograd *state = kdst__autograd_of(ctx);
    state->no_grad = before->no_grad;
    state->opened = before->opened;
}

kdst_status kdst_no_grad_begin(kdst_context *ctx)
{
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!kdst__no_grad_push(ctx)) return kdst__fail_memory(ctx, "no_grad_begin");
    kdst__autograd_of(ctx)->opened++;
    return KDST_STATUS_OK;
}

kdst_status kdst_no_grad_end(kdst_context *ctx)
{
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter_cleaning(ctx);
    kdst__autograd *state = kdst__slot_get(ctx, KDST__SLOT_AUTOGRAD);
    if (!state || !state->opened) return kdst__fail(ctx, KDST_STATUS_STATE, "no_grad_end: no scope is open");
    state->opened--;
    state->no_grad--;
    return KDST_STATUS_OK;
}

/* ---- life of a record ---- */

void kdst__node_forget(kdst__node *node)
{
    for (int32_t i = 0; i < node->count; i++) {
        kdst__handle_release(node->inputs[i]);
        node->inputs[i] = NULL;
    }
    for (int32_t i = 0; i < KDST__MAX_SAVED; i++) {
        kdst__handle_release(node->saved[i]);
        node->saved[i] = NULL;
    }
    kdst__handle_release(node->out);
    node->out = NULL;
    if (node->attrs) {
        if (node->op->release_attrs) node->op->release_attrs(node->attrs);
        kdst__free(kdst__context_memory(node->base.ctx), node->attrs, node->op->attr_bytes);
        node->attrs = NULL;
    }
}

static void node_destroy(void *object)
{
    kdst__node *node = object;
    kdst__node_forget(node);
    kdst__handle_release(node->grad);
    for (int32_t i = 0; i < node->count; i++) {
        kdst__handle_release(node->edges[i].node);
        kdst__handle_release(node->edges[i].leaf);
    }
}

static const kdst__class node_class = {"record", node_destroy};

/* An empty record with room for `count` inputs behind it; NULL when memory runs out. */
static kdst__node *node_new(kdst_context *ctx, const kdst__op *op, int32_t count)
{
    size_t each = sizeof(kdst__edge) + 2 * sizeof(kdst_tensor *);
    kdst__node *node = kdst__handle_create(ctx, &node_class, sizeof *node + (size_t)count * each);
    if (!node) return NULL;
    node->op = op;
    node->count = count;
    node->edges = (kdst__edge *)(node + 1);
    node->inputs = (kdst_tensor **)(node->edges + count);
    node->d_inputs = node->inputs + count;
    return node;
}

static void node_connect(kdst__edge *edge, kdst_tensor *input)
{
    if (input->node)
        kdst__handle_retain(edge->node = input->node);
    else if (input->requires_grad)
        kdst__handle_retain(edge->leaf = input);
}

/* Hangs a record of `call` on its result; `originals` are the inputs as the caller gave them. */
static kdst_status node_record(kdst__call *call, kdst_tensor *const *originals)
{
    const kdst__op *op = call->op;
    kdst_context *ctx = call->ctx;
    kdst__autograd *state = kdst__autograd_of(ctx);
    kdst__node *node = state ? node_new(ctx, op, call->count) : NULL;
    if (!node) return kdst__fail_memory(ctx, op->name);
    if (op->attr_bytes) {
        node->attrs = kdst__alloc(kdst__context_memory(ctx), op->attr_bytes);
        if (!node->attrs) goto fail;
        memcpy(node->attrs, call->attrs, op->attr_bytes);
        if (op->retain_attrs) op->retain_attrs(node->attrs);
    }
    if (op->keep_out && !call->without_out) {
        kdst_tensor *out = call->out;
        if (kdst__tensor_view(op->name, out, out->rank, out->shape, out->stride, out->offset, &node->out)) goto fail;
        node->out_version = out->storage->version;
    }
    for (int32_t i = 0; i < call->count; i++) {
        if (!originals[i]) continue;
        node_connect(&node->edges[i], originals[i]);
        if (kdst__op_mask(op->keep_inputs, i)) {
            kdst__handle_retain(node->inputs[i] = call->inputs[i]);
            node->edges[i].version = call->inputs[i]->storage->version;
        }
    }
    for (int32_t i = 0; i < KDST__MAX_SAVED; i++)
        kdst__handle_retain(node->saved[i] = call->saved[i]);
    node->blocked = call->blocked;
    node->dtype = call->out->dtype;
    node->rank = call->out->rank;
    memcpy(node->shape, call->out->shape, sizeof node->shape);
    node->sequence = ++state->sequence;
    call->out->node = node;
    call->out->requires_grad = true;
    return KDST_STATUS_OK;
fail:
    kdst__handle_release(node);
    return kdst__fail_memory(ctx, op->name);
}

void kdst__record_drop(kdst_tensor *t, const kdst_tensor *read)
{
    kdst__storage *storage = t->storage;
    if (!read->node || read->node->inputs[0] != t) return;
    if (!t->node || !t->node->op->remake || t->node->out || !storage->blocked || !storage->data) return;
    if (kdst__handle_references(t) != 2 || atomic_load(&storage->references) != 1) return;
    kdst__free(storage->memory, storage->data, storage->bytes);
    storage->data = NULL;
}

/* ---- running ---- */

/* What an input is called in messages. */
static const char *input_name(const kdst__op *op, int32_t i, char text[24])
{
    if (i < KDST__MAX_INPUTS && op->input_names[i]) return op->input_names[i];
    snprintf(text, 24, "input %" PRId32, i);
    return text;
}

static kdst_status check_inputs(const kdst__op *op, kdst_context *ctx, kdst_tensor *const *inputs, int32_t count)
{
    kdst_dtype real = 0;
    char text[24];
    for (int32_t i = 0; i < count; i++) {
        const kdst_tensor *t = inputs[i];
        if (!t && i < op->min_inputs)
            return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", op->name, input_name(op, i, text));
        if (!t) continue;
        if (t->base.ctx != ctx)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s belongs to another context", op->name,
                input_name(op, i, text));
        bool as_it_is = kdst__tracing(ctx) || op->any_layout || (kdst__op_mask(op->blocked_inputs, i) && kdst__tensor_blocked(t));
        kdst_status status = as_it_is ? KDST_STATUS_OK : kdst__tensor_need_data(op->name, t);
        if (status) return status;
        if (op->any_dtype) continue;
        if (kdst__op_mask(op->int_inputs, i)) {
            if (t->dtype != KDST_DTYPE_INT32)
                return kdst__fail(
                    ctx, KDST_STATUS_DTYPE, "%s: %s is %s, expected int32", op->name, input_name(op, i, text),
                    kdst_dtype_get_name(t->dtype));
            continue;
        }
        if (!kdst__dtype_is_float(t->dtype))
            return kdst__fail(
                ctx, KDST_STATUS_DTYPE, "%s: %s is %s, expected float32 or float64", op->name, input_name(op, i, text),
                kdst_dtype_get_name(t->dtype));
        if (real && t->dtype != real)
            return kdst__fail(
                ctx, KDST_STATUS_DTYPE, "%s: %s is %s, the others are %s", op->name, input_name(op, i, text),
                kdst_dtype_get_name(t->dtype), kdst_dtype_get_name(real));
        real = t->dtype;
    }
    return KDST_STATUS_OK;
}

static bool wants_record(const kdst__op *op, kdst_tensor *const *inputs, int32_t count)
{
    if (!op->backward) return false;
    for (int32_t i = 0; i < count; i++)
        if (inputs[i] && inputs[i]->requires_grad) return true;
    return false;
}

static kdst_status take_inputs(kdst__call *call, kdst_tensor *const *inputs)
{
    for (int32_t i = 0; i < call->count; i++) {
        if (!inputs[i]) continue;
        if (call->op->strided || (kdst__op_mask(call->op->blocked_inputs, i) && kdst__tensor_blocked(inputs[i]))) {
            kdst__handle_retain(call->inputs[i] = inputs[i]);
            continue;
        }
        kdst_status status = kdst__tensor_to_contiguous(call->op->name, inputs[i], &call->inputs[i]);
        if (status) return status;
    }
    return KDST_STATUS_OK;
}

static bool rank_fits(const kdst__op *op, int32_t rank)
{
    return op->folds ? rank >= 4 : rank == 4;
}

/* Whether the result lies in blocked channels; then the inputs that go with it do, else none. */
static kdst_status settle_layout(kdst__call *call)
{
    const kdst__op *op = call->op;
    if (!op->blocked_inputs) return KDST_STATUS_OK;
    bool any = false, fits = op->plain_out || (call->dtype == KDST_DTYPE_FLOAT32 && rank_fits(op, call->rank));
    for (int32_t i = 0; i < call->count; i++) {
        if (!kdst__op_mask(op->blocked_inputs, i) || !call->inputs[i] || !kdst__tensor_blocked(call->inputs[i])) continue;
        any = true;
        fits &= rank_fits(op, call->inputs[i]->rank);
    }
    for (int32_t i = 0; i < call->rank; i++)
        fits &= call->shape[i] > 0;
    call->blocked = fits && (op->blocks ? op->blocks(call) : any);
    for (int32_t i = 0; i < call->count; i++) {
        kdst_tensor *x = call->inputs[i], *copy;
        if (!x || !kdst__op_mask(op->blocked_inputs, i) || kdst__tensor_blocked(x) == call->blocked) continue;
        if (call->blocked && kdst__op_mask(op->plain_too, i)) continue;
        kdst_status status =
            call->blocked ? kdst__tensor_to_blocked(op->name, x, &copy) : kdst__tensor_make_plain(op->name, x);
        if (status) return status;
        if (!call->blocked) continue;
        kdst__handle_release(x);
        call->inputs[i] = copy;
    }
    return KDST_STATUS_OK;
}

static kdst_status make_out(kdst__call *call)
{
    if (call->op->makes_out) return KDST_STATUS_OK;
    if (call->blocked && !call->op->plain_out)
        return kdst__tensor_new_blocked(call->ctx, call->op->name, call->rank, call->shape, &call->out);
    return kdst__tensor_new(call->ctx, call->op->name, call->dtype, call->rank, call->shape, false, &call->out);
}

kdst_status
kdst__op_run(const kdst__op *op, kdst_tensor *const *inputs, int32_t count, const void *attrs, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!inputs[0]) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = inputs[0]->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", op->name);
    kdst_tensor *few[KDST__MAX_INPUTS] = {NULL}, **taken = few;
    const size_t bytes = (size_t)count * sizeof *taken;
    if (count > KDST__MAX_INPUTS && !(taken = kdst__alloc_zero(kdst__context_memory(ctx), bytes)))
        return kdst__fail_memory(ctx, op->name);
    kdst__call call = {.ctx = ctx, .op = op, .attrs = (void *)attrs, .count = count, .inputs = taken};
    kdst_status status = check_inputs(op, ctx, inputs, count);
    kdst__graph *graph = kdst__graph_of(ctx);
    if (!status && graph) { /* shapes alone: no forward, and so no need for contiguous inputs */
        for (int32_t i = 0; i < count; i++)
            taken[i] = inputs[i];
        status = kdst__graph_run(graph, &call, out);
        if (taken != few) kdst__free(kdst__context_memory(ctx), taken, bytes);
        return status;
    }
    if (!status) status = take_inputs(&call, inputs);
    if (status) goto end;
    call.recording = kdst__grad_enabled(ctx) && wants_record(op, inputs, count);
    call.dtype = call.inputs[0]->dtype;
    if (op->shape && (status = op->shape(&call))) goto end;
    if ((status = settle_layout(&call)) || (status = make_out(&call)) || (status = op->forward(&call))) goto end;
    if (call.recording && kdst__dtype_is_float(call.out->dtype)) status = node_record(&call, inputs);
end:
    for (int32_t i = 0; i < KDST__MAX_SAVED; i++)
        kdst__handle_release(call.saved[i]);
    for (int32_t i = 0; i < count; i++)
        kdst__handle_release(call.inputs[i]);
    if (taken != few) kdst__free(kdst__context_memory(ctx), taken, bytes);
    if (status)
        kdst__handle_release(call.out);
    else
        *out = call.out;
    return status;
}
