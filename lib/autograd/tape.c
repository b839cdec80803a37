/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass.
 *
 * Records are visited in falling order of recording through a heap, so that each is met once, after everything made from its result.
 * Gradients of records and leaves are collected in buffers of the pass; the leaves get them only when the whole pass has
 * succeeded, by steps that cannot fail. A record whose inputs or result were written to since is refused: its
 * derivative would be of other values.
 *
 * A record of something that was not recorded in detail (recompute.h) runs it again when it is met: the records that this makes are the
 * latest of all, so they are visited next, and given back before the pass goes on.
 */
#include "autograd/record.h"
#include "core/options.h"

#include <string.h>

typedef struct config {
    int64_t retain;
} config;

static const kdst__option options_table[] = {
    KDST__INT(config, retain, 0, 0, 1, "1: keep the record for another pass"),
};
const kdst__schema kdst__schema_backward = {"backward", options_table, KDST__COUNT(options_table), NULL, 0};

/* A growing array of handles. */
typedef struct list {
    void **items;
    size_t count, capacity;
} list;

typedef struct pass {
    kdst_context *ctx;
    kdst__memory *memory;
    uint64_t number;
    uint64_t last; /* record of before the pass; later ones serve it alone */
    list heap;   /* records to visit, the latest on top */
    list met;    /* every record met, retained */
    list leaves; /* every leaf met, retained */
} pass;

static bool list_push(kdst__memory *memory, list *l, void *item)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        void **items = kdst__realloc(memory, l->items, l->capacity * sizeof *items, capacity * sizeof *items);
        if (!items) return false;
        l->items = items;
        l->capacity = capacity;
    }
    l->items[l->count++] = item;
    return true;
}

/* ---- heap of records, the largest sequence on top ---- */

static uint64_t key(const list *heap, size_t i)
{
    return ((const kdst__node *)heap->items[i])->sequence;
}

static void swap(list *heap, size_t i, size_t j)
{
    void *t = heap->items[i];
    heap->items[i] = heap->items[j];
    heap->items[j] = t;
}

static void sift_up(list *heap, size_t i)
{
    for (; i && key(heap, (i - 1) / 2) < key(heap, i); i = (i - 1) / 2)
        swap(heap, i, (i - 1) / 2);
}

static kdst__node *heap_pop(list *heap)
{
    kdst__node *top = heap->items[0];
    heap->items[0] = heap->items[--heap->count];
    for (size_t i = 0;;) {
        size_t child = 2 * i + 1;
        if (child >= heap->count) return top;
        if (child + 1 < heap->count && key(heap, child + 1) > key(heap, child)) child++;
        if (key(heap, child) <= key(heap, i)) return top;
        swap(heap, i, child);
        i = child;
    }
}

/* ---- gradients of the pass ---- */

static kdst_status check_there(const kdst__node *node)
{
    if (!node->used_up) return KDST_STATUS_OK;
    return kdst__fail(
        node->base.ctx, KDST_STATUS_STATE, "backward: the record of %s is used up; set retain for a second pass",
        node->op->name);
}

static kdst_status meet_node(pass *p, kdst__node *node)
{
    if (node->pass == p->number) return KDST_STATUS_OK;
    kdst_status status = check_there(node);
    if (status) return status;
    if (!list_push(p->memory, &p->met, node)) return kdst__fail_memory(p->ctx, "backward");
    kdst__handle_retain(node);
    node->pass = p->number;
    if (!list_push(p->memory, &p->heap, node)) return kdst__fail_memory(p->ctx, "backward");
    sift_up(&p->heap, p->heap.count - 1);
    return KDST_STATUS_OK;
}

/* Its pass_grad comes next. */
static kdst_status meet_leaf(pass *p, kdst_tensor *leaf)
{
    if (leaf->pass_grad) return KDST_STATUS_OK;
    if (!list_push(p->memory, &p->leaves, leaf)) return kdst__fail_memory(p->ctx, "backward");
    kdst__handle_retain(leaf);
    return KDST_STATUS_OK;
}

/* Puts a gradient, which the pass alone holds, into the layout that is wanted. */
static kdst_status set_layout(kdst_tensor **grad, bool blocked)
{
    kdst_tensor *copy;
    if (!blocked) return kdst__tensor_make_plain("backward", *grad);
    kdst_status status = kdst__tensor_to_blocked("backward", *grad, &copy);
    if (status) return status;
    kdst__handle_release(*grad);
    *grad = copy;
    return KDST_STATUS_OK;
}

/* Where a record's gradient of one input goes: to the record or the leaf behind it. NULL: no gradient is wanted. */
static kdst_status find_slot(pass *p, const kdst__edge *edge, kdst_tensor ***out)
{
    kdst_status status = KDST_STATUS_OK;
    *out = NULL;
    if (edge->node) {
        status = meet_node(p, edge->node);
        *out = &edge->node->grad;
    } else if (edge->leaf && edge->leaf->requires_grad) {
        status = meet_leaf(p, edge->leaf);
        *out = &edge->leaf->pass_grad;
    }
    return status;
}

/* Whether the new gradient of input i may take d_out's memory: nobody else looks at it, and it has the right size. */
static bool may_reuse(const kdst__call *call, const kdst__edge *edge, int32_t i, bool blocked)
{
    const kdst_tensor *dy = call->d_out;
    const kdst__node *source = edge->node;
    return kdst__op_mask(call->op->in_place, i) && source && blocked == kdst__tensor_blocked(dy) &&
        source->dtype == dy->dtype && source->rank == dy->rank &&
        !memcmp(source->shape, dy->shape, (size_t)dy->rank * sizeof *dy->shape) && kdst__handle_references(dy) == 1 &&
        atomic_load(&dy->storage->references) == 1;
}

static kdst_status new_grad(pass *p, const kdst__edge *edge, bool blocked, bool zero, kdst_tensor **out)
{
    const kdst_dtype dtype = edge->node ? edge->node->dtype : edge->leaf->dtype;
    const int32_t rank = edge->node ? edge->node->rank : edge->leaf->rank;
    const int64_t *shape = edge->node ? edge->node->shape : edge->leaf->shape;
    if (!blocked) return kdst__tensor_new(p->ctx, "backward", dtype, rank, shape, zero, out);
    kdst_status status = kdst__tensor_new_blocked(p->ctx, "backward", rank, shape, out);
    if (!status && zero) memset((*out)->storage->data, 0, (*out)->storage->bytes);
    return status;
}

/* The tensors that the gradients of a record's inputs go to: what other records have begun in the layout of this one, or new ones. */
static kdst_status take_grads(pass *p, kdst__node *node, kdst__call *call)
{
    int32_t reusing = -1;
    for (int32_t i = node->count - 1; i >= 0 && reusing < 0; i--) {
        const kdst__edge *edge = &node->edges[i];
        bool blocked = node->blocked && kdst__op_mask(node->op->blocked_inputs, i);
        if (may_reuse(call, edge, i, blocked) && !edge->node->grad) reusing = i;
    }
    for (int32_t i = 0; i < node->count; i++) {
        const kdst__edge *edge = &node->edges[i];
        bool blocked = node->blocked && kdst__op_mask(node->op->blocked_inputs, i);
        bool writes = kdst__op_mask(node->op->writes, i);
        kdst_tensor **slot;
        kdst_status status = find_slot(p, edge, &slot);
        if (status) return status;
        if (!slot) continue;
        if (*slot) {
            status = set_layout(slot, blocked);
        } else {
            if (i == reusing)
                kdst__handle_retain(*slot = node->grad);
            else
                status = new_grad(p, edge, blocked, !writes, slot);
            if (writes) call->fresh |= 1u << i;
        }
        if (status) return status;
        call->d_inputs[i] = *slot;
    }
    return KDST_STATUS_OK;
}

static kdst_status check_unchanged(const kdst__node *node)
{
    for (int32_t i = 0; i < node->count; i++)
        if (node->inputs[i] && node->inputs[i]->storage->version != node->edges[i].version)
            return kdst__fail(
                node->base.ctx, KDST_STATUS_STATE, "backward: input %d of %s was written to after it was recorded", i,
                node->op->name);
    if (node->out && node->out->storage->version != node->out_version)
        return kdst__fail(
            node->base.ctx, KDST_STATUS_STATE, "backward: the result of %s was written to after it was recorded",
            node->op->name);
    return KDST_STATUS_OK;
}

static kdst__call call_of(kdst__node *node)
{
    kdst__call call = {
        .ctx = node->base.ctx,
        .op = node->op,
        .attrs = node->attrs,
        .count = node->count,
        .inputs = node->inputs,
        .d_inputs = node->d_inputs,
        .out = node->out,
        .d_out = node->grad,
        .dtype = node->dtype,
        .rank = node->rank,
        .blocked = node->blocked};
    memcpy(call.shape, node->shape, sizeof call.shape);
    memcpy(call.saved, node->saved, sizeof call.saved);
    return call;
}

/* What backward reads, in the layout of the record; something else may have made it plain since. */
static kdst_status take_inputs(kdst__node *node)
{
    const uint32_t mask = node->op->blocked_inputs & ~node->op->plain_too;
    kdst_status status = KDST_STATUS_OK;
    for (int32_t i = 0; i < node->count && !status && node->blocked; i++) {
        if (!node->inputs[i] || !kdst__op_mask(mask, i) || kdst__tensor_blocked(node->inputs[i])) continue;
        status = set_layout(&node->inputs[i], true);
        node->edges[i].version = node->inputs[i]->storage->version;
    }
    return status;
}

static kdst_status take_results(kdst__node *node)
{
    const bool blocked = node->blocked && !node->op->plain_out;
    kdst_status status = set_layout(&node->grad, blocked);
    if (status || !blocked || !node->out || kdst__tensor_blocked(node->out)) return status;
    status = set_layout(&node->out, true);
    node->out_version = node->out->storage->version;
    return status;
}

/* Elements that were given back (kdst__record_drop) are there again while the reader's backward runs. */
static kdst_status remake(kdst_tensor *t)
{
    kdst__storage *storage = t->storage;
    kdst_status status = check_there(t->node);
    if (!status) status = check_unchanged(t->node);
    if (!status) status = take_inputs(t->node);
    if (status) return status;
    storage->data = kdst__alloc(storage->memory, storage->bytes);
    if (!storage->data) return kdst__fail_memory(t->base.ctx, t->node->op->name);
    kdst__call call = call_of(t->node);
    call.out = t;
    status = t->node->op->remake(&call);
    if (!status) return status;
    kdst__free(storage->memory, storage->data, storage->bytes);
    storage->data = NULL;
    return status;
}

static kdst_status remake_inputs(kdst__node *node, uint32_t *made)
{
    kdst_status status = KDST_STATUS_OK;
    for (int32_t i = 0; i < node->count && i < 32 && !status; i++) {
        kdst_tensor *x = node->inputs[i];
        if (!x || !x->storage->blocked || x->storage->data) continue;
        status = remake(x);
        if (!status) *made |= 1u << i;
    }
    return status;
}

static void drop_inputs(kdst__node *node, uint32_t made)
{
    for (int32_t i = 0; i < node->count && i < 32; i++) {
        if (!(made >> i & 1)) continue;
        kdst__storage *storage = node->inputs[i]->storage;
        kdst__free(storage->memory, storage->data, storage->bytes);
        storage->data = NULL;
    }
}

/* Adds a gradient, whose reference is taken over, to that of a result or leaf. */
static kdst_status send(pass *p, kdst_tensor *y, kdst_tensor *grad)
{
    const kdst__edge edge = {.node = y->node, .leaf = !y->node && y->requires_grad ? y : NULL};
    kdst_tensor **slot;
    kdst_status status = find_slot(p, &edge, &slot);
    if (!status && slot && !*slot) {
        *slot = grad;
        return KDST_STATUS_OK;
    }
    if (!status && slot) status = set_layout(slot, false);
    if (!status && slot) status = set_layout(&grad, false);
    if (!status && slot)
        kdst__add_into(
            kdst__tensor_compute(grad), grad->dtype, kdst__tensor_count(grad), 1.0, kdst__tensor_data(grad),
            kdst__tensor_data(*slot));
    kdst__handle_release(grad);
    return status;
}

/* Runs again what the record stands for. */
static kdst_status replay(pass *p, kdst__node *node)
{
    uint32_t made = 0;
    kdst_status status = check_unchanged(node);
    if (!status) status = remake_inputs(node, &made);
    kdst__call call = call_of(node);
    if (!status) status = node->op->backward(&call);
    drop_inputs(node, made);
    if (!status) {
        status = send(p, call.out, node->grad);
        node->grad = NULL;
    }
    kdst__handle_release(call.out);
    return status;
}

static kdst_status visit(pass *p, kdst__node *node)
{
    uint32_t made = 0;
    if (node->op->replays) return replay(p, node);
    kdst_status status = check_unchanged(node);
    if (!status) status = remake_inputs(node, &made);
    if (!status) status = take_inputs(node);
    if (!status) status = take_results(node);
    kdst__call call = call_of(node);
    if (!status) status = take_grads(p, node, &call);
    if (!status) status = node->op->backward(&call);
    drop_inputs(node, made);
    memset(node->d_inputs, 0, (size_t)node->count * sizeof *node->d_inputs);
    kdst__handle_release(node->grad);
    node->grad = NULL;
    return status;
}

/* ---- beginning and end ---- */

static kdst_status check_start(kdst_tensor *y, kdst_tensor *dy)
{
    kdst_context *ctx = y->base.ctx;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (!y->node && !y->requires_grad)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "backward: y was not recorded from anything that requires a gradient");
    if (!dy && kdst__tensor_count(y) != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "backward: y is %s, so dy is needed",
            kdst__shape_text(y->rank, y->shape, a));
    if (!dy) return KDST_STATUS_OK;
    if (dy->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "backward: dy belongs to another context");
    if (dy->dtype != y->dtype)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "backward: dy is %s, y is %s", kdst_dtype_get_name(dy->dtype),
            kdst_dtype_get_name(y->dtype));
    if (!kdst__tensor_same_shape(y, dy))
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "backward: dy is %s, y is %s", kdst__shape_text(dy->rank, dy->shape, a),
            kdst__shape_text(y->rank, y->shape, b));
    return KDST_STATUS_OK;
}

static kdst_status begin(pass *p, kdst_tensor *y, kdst_tensor *dy)
{
    kdst_tensor **grad = NULL;
    kdst_status status;
    if (y->node) {
        status = meet_node(p, y->node);
        grad = &y->node->grad;
    } else {
        status = meet_leaf(p, y);
        grad = &y->pass_grad;
    }
    if (!status) status = kdst__tensor_new_like("backward", y, false, grad);
    if (status) return status;
    return dy ? kdst__tensor_assign("backward", *grad, dy) : kdst_tensor_set_value(*grad, 1.0);
}

/* Leaves have plain gradients. */
static kdst_status make_plain(pass *p)
{
    kdst_status status = KDST_STATUS_OK;
    for (size_t i = 0; i < p->leaves.count && !status; i++)
        status = set_layout(&((kdst_tensor *)p->leaves.items[i])->pass_grad, false);
    return status;
}

/* Adds what the pass collected to the leaves; nothing here can fail. */
static void commit(pass *p)
{
    for (size_t i = 0; i < p->leaves.count; i++) {
        kdst_tensor *leaf = p->leaves.items[i];
        if (!leaf->grad) {
            leaf->grad = leaf->pass_grad;
            leaf->pass_grad = NULL;
            continue;
        }
        kdst__add_into(
            kdst__tensor_compute(leaf), leaf->dtype, kdst__tensor_count(leaf), 1.0, kdst__tensor_data(leaf->pass_grad),
            kdst__tensor_data(leaf->grad));
        kdst__tensor_touch(leaf->grad);
    }
}

static void use_up(kdst__node *node)
{
    node->used_up = true;
    kdst__node_forget(node);
}

static void finish(pass *p, bool forget)
{
    for (size_t i = 0; i < p->leaves.count; i++) {
        kdst_tensor *leaf = p->leaves.items[i];
        kdst__handle_release(leaf->pass_grad);
        leaf->pass_grad = NULL;
        kdst__handle_release(leaf);
    }
    for (size_t i = 0; i < p->met.count; i++) {
        kdst__node *node = p->met.items[i];
        kdst__handle_release(node->grad);
        node->grad = NULL;
        if (forget) use_up(node);
        kdst__handle_release(node);
    }
    kdst__free(p->memory, p->heap.items, p->heap.capacity * sizeof(void *));
    kdst__free(p->memory, p->met.items, p->met.capacity * sizeof(void *));
    kdst__free(p->memory, p->leaves.items, p->leaves.capacity * sizeof(void *));
}

kdst_status kdst_backward(kdst_tensor *y, kdst_tensor *dy, const kdst_options *options)
{
    if (!y) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = y->base.ctx;
    kdst__enter(ctx);
    config settings;
    kdst_status status = kdst__options_parse(ctx, "backward", &kdst__schema_backward, options, &settings);
    if (!status) status = check_start(y, dy);
    if (status) return status;
    kdst__autograd *state = kdst__autograd_of(ctx);
    if (!state) return kdst__fail_memory(ctx, "backward");
    if (state->passing) /* its records hold the gradients of that pass */
        return kdst__fail(ctx, KDST_STATUS_STATE, "backward: a pass is running, and calls this from a callback");
    if (state->graph) /* what a callback runs has no elements now */
        return kdst__fail(ctx, KDST_STATUS_STATE, "backward: a trace is being made");
    kdst__handle_retain(y); /* a callback may release it, and with it the last of the context */
    state->passing = true;
    state->no_grad++;
    pass p = {.ctx = ctx, .memory = kdst__context_memory(ctx), .number = ++state->passes, .last = state->sequence};
    status = begin(&p, y, dy);
    while (!status && p.heap.count) {
        kdst__node *node = heap_pop(&p.heap);
        if (node->grad) status = visit(&p, node);
        if (!status && (!settings.retain || node->sequence > p.last)) use_up(node); /* at once: its memory serves the rest of the pass */
    }
    if (!status) status = make_plain(&p);
    if (!status) commit(&p);
    finish(&p, !status && !settings.retain);
    state->no_grad--;
    state->passing = false;
    kdst__handle_release(y);
    return status;
}
