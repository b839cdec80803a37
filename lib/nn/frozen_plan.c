/* SPDX-License-Identifier: Apache-2.0 */
/* A plan from a trace: its operations as steps, copies of its weights, and when each value is last read. */
#include "nn/frozen.h"

#include <string.h>

static void plan_destroy(void *object)
{
    kdst__plan *plan = object;
    kdst__memory *memory = kdst__context_memory(plan->base.ctx);
    for (int64_t i = 0; plan->steps != NULL && i < plan->step_count; i++) {
        const kdst__op *op = plan->steps[i].op;
        void *attrs = plan->steps[i].attrs;
        kdst__free(memory, plan->steps[i].panels.data, plan->steps[i].panels.bytes);
        kdst__conv_packed_destroy(plan->steps[i].packed);
        if (attrs != NULL && op->release_attrs != NULL) op->release_attrs(attrs);
        if (attrs != NULL) kdst__free(memory, attrs, op->attr_bytes);
    }
    for (int64_t i = 0; plan->slots != NULL && i < plan->slot_count; i++)
        kdst__handle_release(plan->slots[i].weight);
    kdst__free(memory, plan->steps, (size_t)plan->step_count * sizeof *plan->steps);
    kdst__free(memory, plan->slots, (size_t)plan->slot_count * sizeof *plan->slots);
    kdst__free(memory, plan->inputs, (size_t)plan->input_count * sizeof *plan->inputs);
}

static const kdst__class plan_class = {"plan", plan_destroy};

static kdst_status add_slots(kdst__plan *plan, const kdst_trace *trace)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < plan->slot_count && status == KDST_STATUS_OK; i++) {
        const kdst__graph_value *v = &trace->graph.values[i];
        kdst__slot_info *slot = &plan->slots[i];
        *slot = (kdst__slot_info){.dtype = v->dtype, .rank = v->rank, .last_use = -1};
        memcpy(slot->shape, v->shape, sizeof slot->shape);
        if (v->role != KDST_VALUE_INPUT && v->role != KDST_VALUE_RESULT)
            status = kdst_tensor_copy(v->tensor, 0, &slot->weight);
    }
    return status;
}

/* A size of a reshape that depends on the batch becomes "what is left". False when that does not do. */
static bool loosen_reshape(kdst__plan *plan, const kdst_trace *trace, const kdst_trace *larger, int64_t op)
{
    const kdst__option *option;
    kdst__step *step = &plan->steps[op];
    if (strcmp(step->op->name, "reshape") != 0) return false;
    const char *from = kdst__trace_attribute(trace, op, "shape", &option);
    int64_t *shape = (int64_t *)((char *)step->attrs + (from - (const char *)trace->graph.ops[op].attrs));
    int32_t rest = 0;
    for (int32_t i = 0; i < trace->graph.values[step->output].rank; i++) {
        if (kdst__trace_int(larger, op, "shape", i, 0) != shape[i]) shape[i] = -1;
        rest += shape[i] == -1;
    }
    return rest == 1;
}

static kdst_status add_steps(kdst__plan *plan, const kdst_trace *trace)
{
    kdst_context *ctx = plan->base.ctx;
    if (plan->input_count > 0)
        memcpy(plan->inputs, trace->graph.inputs, (size_t)plan->input_count * sizeof *plan->inputs);
    for (int64_t i = 0; i < plan->step_count; i++) {
        const kdst__graph_op *from = &trace->graph.ops[i];
        kdst__step *step = &plan->steps[i];
        step->op = from->op;
        step->count = from->count;
        step->first_input = from->first_input;
        step->output = from->output;
        plan->most_inputs = from->count > plan->most_inputs ? from->count : plan->most_inputs;
        plan->has_callbacks |= from->op->retain_attrs != NULL;
        if (from->attrs == NULL) continue;
        step->attrs = kdst__alloc(kdst__context_memory(ctx), from->op->attr_bytes);
        if (step->attrs == NULL) return kdst__fail_memory(ctx, "frozen");
        memcpy(step->attrs, from->attrs, from->op->attr_bytes);
        if (from->op->retain_attrs != NULL) from->op->retain_attrs(step->attrs);
    }
    return KDST_STATUS_OK;
}

/* Which axes of the inputs may have other sizes: none when anything but sizes depends on the batch. */
static void free_batch(kdst__plan *plan, const kdst_trace *trace, const kdst_trace *larger)
{
    bool free = larger != NULL && kdst__trace_same_graph(trace, larger);
    for (int64_t i = 0; i < plan->step_count && free; i++)
        free = kdst__trace_same_attributes(trace, larger, i) || loosen_reshape(plan, trace, larger, i);
    for (int64_t i = 0; i < plan->port_count && free; i++) {
        kdst__slot_info *slot = &plan->slots[plan->ports[i]];
        for (int32_t k = 0; k < slot->rank; k++)
            if (larger->graph.values[plan->ports[i]].shape[k] != slot->shape[k]) slot->free_axes |= UINT32_C(1) << k;
    }
}

kdst__conv2d_shape kdst__step_conv2d(const kdst__step *step, const int64_t *x, const int64_t *weight, const int64_t *y)
{
    const kdst__conv2d_attrs *attrs = step->attrs;
    return (kdst__conv2d_shape){
        .n = x[0],
        .c = x[1],
        .h = x[2],
        .w = x[3],
        .o = weight[0],
        .kh = weight[2],
        .kw = weight[3],
        .p = y[2],
        .q = y[3],
        .stride = {attrs->stride[0], attrs->stride[1]},
        .padding = {attrs->padding[0], attrs->padding[1]},
        .dilation = {attrs->dilation[0], attrs->dilation[1]},
        .groups = attrs->groups};
}

kdst_status kdst__plan_pack(kdst__plan *plan)
{
    kdst__memory *memory = kdst__context_memory(plan->base.ctx);
    for (int64_t i = 0; i < plan->step_count; i++) {
        kdst__step *step = &plan->steps[i];
        const int64_t *slots = &plan->inputs[step->first_input];
        if (step->dropped || step->op != &kdst__op_conv2d || plan->slots[slots[1]].weight == NULL) continue;
        const kdst_tensor *weight = plan->slots[slots[1]].weight;
        const kdst__conv2d_shape shape =
            kdst__step_conv2d(step, plan->slots[slots[0]].shape, weight->shape, plan->slots[step->output].shape);
        kdst__compute *cp = kdst__tensor_compute(weight);
        const void *data = kdst__tensor_data(weight);
        bool blocked = weight->dtype == KDST_DTYPE_FLOAT32 && kdst__conv_blocked_fits(cp, &shape);
        if (blocked ? kdst__conv_blocked_pack(cp, memory, &shape, data, &step->packed)
                    : kdst__conv2d_pack(cp, memory, weight->dtype, &shape, data, &step->panels))
            return kdst__fail_memory(plan->base.ctx, "frozen");
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__plan_create(const kdst_trace *trace, const kdst_trace *larger, kdst__plan **out)
{
    kdst_context *ctx = trace->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    kdst__plan *plan = kdst__handle_create(ctx, &plan_class, sizeof *plan);
    if (plan == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    plan->level = kdst__compute_level(kdst__slot_get(ctx, KDST__SLOT_COMPUTE));
    plan->step_count = trace->graph.op_count;
    plan->slot_count = trace->graph.value_count;
    plan->input_count = trace->graph.input_count;
    plan->port_count = trace->input_count;
    plan->output_count = trace->output_count;
    memcpy(plan->ports, trace->inputs, sizeof plan->ports);
    memcpy(plan->outputs, trace->outputs, sizeof plan->outputs);
    plan->steps = kdst__alloc_zero(memory, (size_t)plan->step_count * sizeof *plan->steps);
    plan->slots = kdst__alloc_zero(memory, (size_t)plan->slot_count * sizeof *plan->slots);
    plan->inputs = kdst__alloc(memory, (size_t)plan->input_count * sizeof *plan->inputs);
    kdst_status status = plan->steps != NULL && plan->slots != NULL && plan->inputs != NULL
        ? add_slots(plan, trace)
        : kdst__fail_memory(ctx, "frozen");
    if (status == KDST_STATUS_OK) status = add_steps(plan, trace);
    if (status == KDST_STATUS_OK) {
        free_batch(plan, trace, larger);
        status = kdst__plan_fold(plan);
        if (status == KDST_STATUS_OK) status = kdst__plan_pack(plan);
    }
    if (status != KDST_STATUS_OK) {
        kdst__handle_release(plan);
        return status;
    }
    *out = plan;
    return KDST_STATUS_OK;
}
