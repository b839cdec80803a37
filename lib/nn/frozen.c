/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen networks: making, sharing and running them.
 *
 * A plan belongs to the context that made it and is never written to afterwards. In each context a handle has tensors on the plan's
 * weights; their storage holds the plan, so that the last of all of them takes it along, in whatever order they go.
 */
#include "nn/frozen.h"
#include "tensor/storage.h"

#include <inttypes.h>
#include <string.h>

#define ATTR_BYTES 512 /* of an operation, without asking for memory */

struct kdst_frozen {
    kdst__handle base;
    kdst__plan *plan;
    kdst_tensor **weights; /* [slot_count], NULL where a slot is no weight */
    int64_t slot_count;
};

typedef struct config {
    int64_t batch_axis[KDST__LAYER_INPUTS], batch_axis_count;
} config;

static const kdst__option options[] = {
    KDST__INTS_UPTO(config, batch_axis, KDST__LAYER_INPUTS, -1, 7, "axis of the batch in each input; -1: none"),
};
const kdst__schema kdst__schema_frozen = {"frozen", options, KDST__COUNT(options), NULL, 0};

static void frozen_destroy(void *object)
{
    kdst_frozen *frozen = object;
    for (int64_t i = 0; frozen->weights != NULL && i < frozen->slot_count; i++)
        kdst__handle_release(frozen->weights[i]);
    kdst__free(
        kdst__context_memory(frozen->base.ctx), frozen->weights, (size_t)frozen->slot_count * sizeof *frozen->weights);
    kdst__handle_release(frozen->plan);
}

static const kdst__class frozen_class = {"frozen", frozen_destroy};

/* ---- making and sharing ---- */

static kdst_status view_weight(kdst_context *ctx, kdst__plan *plan, const kdst_tensor *weight, kdst_tensor **out)
{
    kdst__storage *storage =
        kdst__storage_wrap(kdst__context_memory(ctx), weight->storage->data, plan, kdst__handle_release);
    if (storage == NULL) return kdst__fail_memory(ctx, "frozen");
    kdst__handle_retain(plan);
    kdst_status status = kdst__tensor_on(
        ctx, "frozen", storage, weight->dtype, weight->rank, weight->shape, weight->stride, weight->offset, out);
    kdst__storage_release(storage);
    return status;
}

static kdst_status view_plan(kdst_context *ctx, kdst__plan *plan, kdst_frozen **out)
{
    kdst_frozen *frozen = kdst__handle_create(ctx, &frozen_class, sizeof *frozen);
    if (frozen == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__handle_retain(frozen->plan = plan);
    frozen->slot_count = plan->slot_count;
    frozen->weights = kdst__alloc_zero(kdst__context_memory(ctx), (size_t)plan->slot_count * sizeof *frozen->weights);
    kdst_status status = frozen->weights != NULL ? KDST_STATUS_OK : kdst__fail_memory(ctx, "frozen");
    for (int64_t i = 0; i < plan->slot_count && status == KDST_STATUS_OK; i++)
        if (plan->slots[i].weight != NULL) status = view_weight(ctx, plan, plan->slots[i].weight, &frozen->weights[i]);
    if (status != KDST_STATUS_OK) {
        kdst__handle_release(frozen);
        return status;
    }
    *out = frozen;
    return KDST_STATUS_OK;
}

kdst_status kdst_frozen_create(
    kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes,
    const kdst_options *given, kdst_frozen **out)
{
    config c;
    kdst_trace *trace = NULL, *larger = NULL;
    kdst__plan *plan = NULL;
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "frozen_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "frozen_create", &kdst__schema_frozen, given, &c);
    if (status == KDST_STATUS_OK)
        status = kdst__trace_checked("frozen_create", layer, count, dtypes, ranks, shapes, false, &trace);
    if (status != KDST_STATUS_OK) return status;
    status = kdst__trace_larger(
        "frozen_create", layer, count, dtypes, ranks, shapes, c.batch_axis, c.batch_axis_count, &larger);
    if (status == KDST_STATUS_SHAPE) status = KDST_STATUS_OK; /* it takes this batch alone */
    if (status == KDST_STATUS_OK) {
        kdst__enter(ctx);
        status = kdst__plan_create(trace, larger, &plan);
    }
    if (status == KDST_STATUS_OK) status = view_plan(ctx, plan, out);
    kdst__handle_release(plan);
    kdst_trace_release(larger);
    kdst_trace_release(trace);
    return status;
}

kdst_status kdst_frozen_share(kdst_frozen *frozen, kdst_context *ctx, kdst_frozen **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (frozen == NULL || out == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "frozen_share: %s is NULL", out == NULL ? "out" : "frozen");
    if (frozen->plan->has_callbacks)
        return kdst__fail(
            ctx, KDST_STATUS_UNSUPPORTED,
            "frozen_share: the network has an operation by callback, which belongs to its own context");
    return view_plan(ctx, frozen->plan, out);
}

void kdst_frozen_retain(kdst_frozen *frozen)
{
    kdst__handle_retain(frozen);
}

void kdst_frozen_release(kdst_frozen *frozen)
{
    kdst__handle_release(frozen);
}

/* ---- running ---- */

static kdst_status check_inputs(const kdst_frozen *frozen, kdst_tensor *const *inputs, int64_t count)
{
    kdst_context *ctx = frozen->base.ctx;
    const kdst__plan *plan = frozen->plan;
    char have[KDST__SHAPE_TEXT], want[KDST__SHAPE_TEXT];
    if (count != plan->port_count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "frozen_run: got %" PRId64 " inputs, the network takes %" PRId64, count,
            plan->port_count);
    for (int64_t i = 0; i < count; i++) {
        const kdst_tensor *x = inputs[i];
        const kdst__slot_info *slot = &plan->slots[plan->ports[i]];
        if (x == NULL || x->base.ctx != ctx)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "frozen_run: input %" PRId64 " %s", i,
                x == NULL ? "is NULL" : "belongs to another context");
        if (x->dtype != slot->dtype)
            return kdst__fail(
                ctx, KDST_STATUS_DTYPE, "frozen_run: input %" PRId64 " is %s, the network takes %s", i,
                kdst_dtype_get_name(x->dtype), kdst_dtype_get_name(slot->dtype));
        bool fits = x->rank == slot->rank;
        for (int32_t k = 0; k < slot->rank && fits; k++)
            fits = slot->free_axes >> k & 1 || x->shape[k] == slot->shape[k];
        if (!fits)
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "frozen_run: input %" PRId64 " is %s, the network was made for %s%s", i,
                kdst__shape_text(x->rank, x->shape, have), kdst__shape_text(slot->rank, slot->shape, want),
                slot->free_axes != 0 ? ", apart from the batch" : "");
    }
    return KDST_STATUS_OK;
}

/* Runs one operation on tensors; its attributes are copied, since others may run the plan at the same time. */
static kdst_status run_op(const kdst__step *step, kdst_tensor *const *inputs, kdst_context *ctx, kdst_tensor **out)
{
    _Alignas(16) char few[ATTR_BYTES] = {0};
    size_t bytes = step->op->attr_bytes;
    void *attrs = bytes <= sizeof few ? few : kdst__alloc(kdst__context_memory(ctx), bytes);
    if (attrs == NULL) return kdst__fail_memory(ctx, "frozen_run");
    if (step->attrs != NULL) memcpy(attrs, step->attrs, bytes);
    kdst_status status = kdst__op_run(step->op, inputs, step->count, attrs, out);
    if (attrs != few) kdst__free(kdst__context_memory(ctx), attrs, bytes);
    return status;
}

/* The convolution itself, into a new tensor. x may be blocked when the result is. */
static kdst_status run_blocked(
    const kdst__step *step, const kdst__conv2d_shape *shape, bool packed, kdst_tensor *const *inputs,
    const kdst_tensor *addend, kdst_tensor **out)
{
    kdst_tensor *x = inputs[0];
    kdst_context *ctx = x->base.ctx;
    const kdst__conv_tail tail = {
        .bias = inputs[2] == NULL ? NULL : kdst__tensor_data(inputs[2]),
        .activation = step->sum > 0 && addend == NULL ? KDST__FUSED_NONE : step->activation,
        .addend = addend == NULL ? NULL : kdst__tensor_data(addend)};
    kdst_status status =
        kdst__tensor_new_blocked(ctx, "conv2d", 4, (int64_t[]){shape->n, shape->o, shape->p, shape->q}, out);
    if (status != KDST_STATUS_OK) return status;
    if (kdst__conv_blocked_forward_packed(
            kdst__tensor_compute(x), shape, !kdst__tensor_blocked(x), kdst__tensor_data(x),
            kdst__tensor_data(inputs[1]), packed ? step->packed : NULL, &tail, kdst__tensor_data(*out)))
        status = kdst__fail_memory(ctx, "conv2d");
    return status;
}

static kdst_status
run_plain(const kdst__step *step, const kdst__conv2d_shape *shape, kdst_tensor *const *inputs, kdst_tensor **out)
{
    kdst_tensor *x = inputs[0];
    kdst_context *ctx = x->base.ctx;
    const void *bias = inputs[2] == NULL ? NULL : kdst__tensor_data(inputs[2]);
    kdst_status status =
        kdst__tensor_new(ctx, "conv2d", x->dtype, 4, (int64_t[]){shape->n, shape->o, shape->p, shape->q}, false, out);
    if (status != KDST_STATUS_OK) return status;
    if (kdst__conv2d_forward_packed(
            kdst__tensor_compute(x), x->dtype, shape, kdst__tensor_data(x), kdst__tensor_data(inputs[1]), &step->panels,
            bias, 0, kdst__tensor_data(*out)))
        return kdst__fail_memory(ctx, "conv2d");
    if (step->sum == 0)
        kdst__activate(
            kdst__tensor_compute(x), x->dtype, step->activation, kdst__tensor_count(*out), kdst__tensor_data(*out));
    return KDST_STATUS_OK;
}

/* The sum behind a convolution that could not do it: *y becomes act(*y + addend). */
static kdst_status run_sum(const kdst__plan *plan, const kdst__step *step, kdst_tensor *addend, kdst_tensor **y)
{
    kdst_tensor *sum = NULL, *const operands[2] = {*y, addend};
    kdst_status status = run_op(&plan->steps[step->sum], operands, addend->base.ctx, &sum);
    if (status != KDST_STATUS_OK) return status;
    kdst__activate(
        kdst__tensor_compute(sum), sum->dtype, step->activation, kdst__tensor_room(sum), kdst__tensor_data(sum));
    kdst__handle_release(*y);
    *y = sum;
    return KDST_STATUS_OK;
}

/* A convolution: shape rule, layout, result with bias, sum and activation. */
static kdst_status run_conv2d(
    const kdst__plan *plan, const kdst__step *step, kdst_tensor **inputs, kdst_tensor *addend, kdst_context *ctx,
    kdst_tensor **out)
{
    kdst__conv2d_attrs attrs = *(const kdst__conv2d_attrs *)step->attrs;
    kdst_tensor *given[3] = {inputs[0], inputs[1], inputs[2]}, *x = NULL;
    kdst__compute *cp = kdst__slot_get(ctx, KDST__SLOT_COMPUTE);
    kdst__call call = {
        .ctx = ctx, .op = step->op, .attrs = &attrs, .count = step->count, .inputs = inputs, .dtype = inputs[0]->dtype};
    kdst_status status = step->op->shape(&call);
    if (status != KDST_STATUS_OK) return status;
    const kdst__conv2d_shape shape = kdst__step_conv2d(step, inputs[0]->shape, inputs[1]->shape, call.shape);
    bool blocked = call.dtype == KDST_DTYPE_FLOAT32 && shape.n > 0 && kdst__conv_blocked_fits(cp, &shape);
    if (blocked && kdst__tensor_blocked(inputs[0]))
        kdst__handle_retain(x = inputs[0]);
    else
        status = kdst__tensor_to_contiguous("conv2d", inputs[0], &x);
    given[0] = x;
    bool fused = blocked && addend != NULL && kdst__tensor_blocked(addend) && addend->shape[0] == shape.n &&
        addend->shape[1] == shape.o && addend->shape[2] == shape.p && addend->shape[3] == shape.q;
    bool same_level = plan->level == kdst__compute_level(cp);
    if (status == KDST_STATUS_OK)
        status = blocked ? run_blocked(step, &shape, same_level, given, fused ? addend : NULL, out)
                         : run_plain(step, &shape, given, out);
    if (status == KDST_STATUS_OK && addend != NULL && !fused) status = run_sum(plan, step, addend, out);
    kdst__handle_release(x);
    if (status == KDST_STATUS_OK) return status;
    kdst__handle_release(*out);
    *out = NULL;
    return status;
}

/* With weights that are the plan's; others go the way of any operation. */
static bool is_own_conv2d(const kdst_frozen *frozen, const kdst__step *step)
{
    return step->op == &kdst__op_conv2d && step->count == 3 &&
        frozen->weights[frozen->plan->inputs[step->first_input + 1]] != NULL;
}

static kdst_status run_step(const kdst_frozen *frozen, int64_t index, kdst_tensor **slots, kdst_tensor **inputs)
{
    const kdst__plan *plan = frozen->plan;
    const kdst__step *step = &plan->steps[index];
    kdst_status status = KDST_STATUS_OK;
    kdst_tensor *y = NULL;
    bool done = false; /* the activation, by the convolution */
    for (int32_t i = 0; i < step->count; i++) {
        int64_t slot = plan->inputs[step->first_input + i];
        inputs[i] = slot < 0 ? NULL : frozen->weights[slot] != NULL ? frozen->weights[slot] : slots[slot];
    }
    if (step->in_place && kdst__tensor_same_shape(inputs[0], inputs[1]) && kdst__tensor_contiguous(inputs[1]) &&
        kdst__tensor_blocked(inputs[0]) == kdst__tensor_blocked(inputs[1])) {
        kdst__handle_retain(y = inputs[0]);
        kdst__binary(
            kdst__tensor_compute(y), y->dtype, KDST__ADD, kdst__tensor_room(y), kdst__tensor_data(y),
            kdst__tensor_data(inputs[1]), 0, kdst__tensor_data(y));
    } else if (is_own_conv2d(frozen, step)) {
        const int64_t slot = step->sum > 0 ? step->addend : -1;
        kdst_tensor *addend = slot < 0 ? NULL : frozen->weights[slot] != NULL ? frozen->weights[slot] : slots[slot];
        status = run_conv2d(plan, step, inputs, addend, frozen->base.ctx, &y);
        done = true;
    } else {
        status = run_op(step, inputs, frozen->base.ctx, &y);
    }
    if (status != KDST_STATUS_OK) return status;
    if (step->activation && !done)
        kdst__activate(kdst__tensor_compute(y), y->dtype, step->activation, kdst__tensor_room(y), kdst__tensor_data(y));
    slots[step->output] = y;
    if (step->sum > 0 && plan->slots[step->addend].last_use == index) {
        kdst__handle_release(slots[step->addend]);
        slots[step->addend] = NULL;
    }
    for (int32_t i = 0; i < step->count; i++) {
        int64_t slot = plan->inputs[step->first_input + i];
        if (slot < 0 || plan->slots[slot].last_use != index) continue;
        kdst__handle_release(slots[slot]);
        slots[slot] = NULL;
    }
    return KDST_STATUS_OK;
}

/* Whether a tensor is a weight or a view of one. */
static bool is_on_weights(const kdst_frozen *frozen, const kdst_tensor *t)
{
    for (int64_t i = 0; i < frozen->slot_count; i++)
        if (frozen->weights[i] != NULL && frozen->weights[i]->storage == t->storage) return true;
    return false;
}

static kdst_status run(const kdst_frozen *frozen, kdst_tensor *const *given, kdst_tensor **out)
{
    kdst_context *ctx = frozen->base.ctx;
    const kdst__plan *plan = frozen->plan;
    size_t bytes = (size_t)(plan->slot_count + plan->most_inputs) * sizeof(kdst_tensor *);
    kdst_tensor **slots = kdst__alloc_zero(kdst__context_memory(ctx), bytes);
    if (slots == NULL || !kdst__eval_push(ctx)) {
        kdst__free(kdst__context_memory(ctx), slots, bytes);
        return kdst__fail_memory(ctx, "frozen_run");
    }
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < plan->port_count; i++)
        kdst__handle_retain(slots[plan->ports[i]] = given[i]);
    for (int64_t i = 0; i < plan->step_count && status == KDST_STATUS_OK; i++)
        if (!plan->steps[i].dropped) status = run_step(frozen, i, slots, slots + plan->slot_count);
    for (int64_t i = 0; i < plan->output_count && status == KDST_STATUS_OK; i++) {
        int64_t slot = plan->outputs[i];
        kdst_tensor *y = frozen->weights[slot] != NULL ? frozen->weights[slot] : slots[slot];
        /* others read the weights, so who may write to the result gets a copy of them */
        if (is_on_weights(frozen, y))
            status = kdst_tensor_copy(y, 0, &out[i]);
        else
            kdst__handle_retain(out[i] = y);
    }
    kdst__eval_pop(ctx);
    for (int64_t i = 0; i < plan->slot_count; i++)
        kdst__handle_release(slots[i]);
    kdst__free(kdst__context_memory(ctx), slots, bytes);
    return status;
}

kdst_status kdst_frozen_run_many(
    kdst_frozen *frozen, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out, int64_t capacity,
    int64_t *out_count)
{
    for (int64_t i = 0; out != NULL && i < capacity; i++)
        out[i] = NULL;
    if (out_count != NULL) *out_count = 0;
    if (frozen == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = frozen->base.ctx;
    kdst__enter(ctx);
    if (inputs == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "frozen_run: %s is NULL", out == NULL ? "out" : "inputs");
    if (capacity < frozen->plan->output_count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "frozen_run: capacity is %" PRId64 ", the network gives %" PRId64 " outputs", capacity,
            frozen->plan->output_count);
    if (kdst__tracing(ctx)) /* sums and ReLUs work on elements, which nothing has now */
        return kdst__fail(ctx, KDST_STATUS_STATE, "frozen_run: a trace is being made");
    kdst_status status = check_inputs(frozen, inputs, count);
    if (status != KDST_STATUS_OK) return status;
    kdst__handle_retain(frozen); /* a callback may release it */
    status = run(frozen, inputs, out);
    for (int64_t i = 0; i < frozen->plan->output_count && status != KDST_STATUS_OK; i++) {
        kdst_tensor_release(out[i]);
        out[i] = NULL;
    }
    if (status == KDST_STATUS_OK && out_count != NULL) *out_count = frozen->plan->output_count;
    kdst__handle_release(frozen);
    return status;
}

kdst_status kdst_frozen_run(kdst_frozen *frozen, kdst_tensor *x, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (frozen == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(frozen->base.ctx);
    if (frozen->plan->port_count != 1 || frozen->plan->output_count != 1)
        return kdst__fail(
            frozen->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "frozen_run: the network has %" PRId64 " inputs and %" PRId64 " outputs; frozen_run_many takes them",
            frozen->plan->port_count, frozen->plan->output_count);
    return kdst_frozen_run_many(frozen, &x, 1, out, 1, NULL);
}
