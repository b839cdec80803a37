/* SPDX-License-Identifier: Apache-2.0 */
/* Recording of operations for their shapes alone (see graph.h). */
#include "autograd/graph.h"

#include "autograd/record.h"
#include "tensor/storage.h"

#include <string.h>

kdst__graph *kdst__graph_of(const kdst_context *ctx)
{
    const kdst__autograd *state = kdst__slot_get(ctx, KDST__SLOT_AUTOGRAD);
    return state ? state->graph : NULL;
}

kdst_status kdst__graph_begin(kdst__graph *graph, const char *function)
{
    kdst__autograd *state = kdst__autograd_of(graph->ctx);
    if (!state) return kdst__fail_memory(graph->ctx, function);
    if (state->graph) return kdst__fail(graph->ctx, KDST_STATUS_STATE, "%s: a trace is being made", function);
    state->graph = graph;
    return KDST_STATUS_OK;
}

void kdst__graph_end(kdst__graph *graph)
{
    kdst__autograd_of(graph->ctx)->graph = NULL;
}

/* Room for `more` items of `size` bytes at *items. */
static bool reserve(kdst__graph *graph, void *items, int64_t count, int64_t *capacity, int64_t more, size_t size)
{
    if (count + more <= *capacity) return true;
    int64_t wanted = 2 * (count + more) + 32;
    void *old, *grown;
    memcpy(&old, items, sizeof old);
    grown = kdst__realloc(kdst__context_memory(graph->ctx), old, (size_t)*capacity * size, (size_t)wanted * size);
    if (!grown) return false;
    memcpy(items, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}

static kdst_status
add_value(kdst__graph *graph, const char *function, kdst_tensor *tensor, kdst_value_role role, int64_t op, int64_t *out)
{
    if (!reserve(graph, &graph->values, graph->value_count, &graph->value_capacity, 1, sizeof *graph->values))
        return kdst__fail_memory(graph->ctx, function);
    kdst__graph_value *value = &graph->values[graph->value_count];
    *value =
        (kdst__graph_value){.dtype = tensor->dtype, .rank = tensor->rank, .role = role, .tensor = tensor, .op = op};
    memcpy(value->shape, tensor->shape, sizeof value->shape);
    kdst__handle_retain(tensor);
    *out = graph->value_count++;
    return KDST_STATUS_OK;
}

static kdst_status new_shape(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out)
{
    size_t bytes;
    kdst_status status = kdst__tensor_check(ctx, function, dtype, rank, shape, &bytes);
    if (status) return status;
    kdst__storage *storage = kdst__storage_create_shape(kdst__context_memory(ctx));
    if (!storage) return kdst__fail_memory(ctx, function);
    status = kdst__tensor_on(ctx, function, storage, dtype, rank, shape, NULL, 0, out);
    kdst__storage_release(storage);
    return status;
}

kdst_status kdst__graph_add_input(
    kdst__graph *graph, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out)
{
    int64_t value;
    *out = NULL;
    kdst_status status = new_shape(graph->ctx, function, dtype, rank, shape, out);
    if (!status) status = add_value(graph, function, *out, KDST_VALUE_INPUT, -1, &value);
    if (status) {
        kdst__handle_release(*out);
        *out = NULL;
    }
    return status;
}

kdst_status kdst__graph_find(kdst__graph *graph, const char *function, kdst_tensor *tensor, int64_t *out)
{
    for (int64_t i = graph->value_count - 1; i >= 0; i--)
        if (graph->values[i].tensor == tensor) {
            *out = i;
            return KDST_STATUS_OK;
        }
    if (!tensor->storage->shape_only) return add_value(graph, function, tensor, KDST_VALUE_CONSTANT, -1, out);
    /* another tensor on the same elements, such as a detached one */
    for (int64_t i = graph->value_count - 1; i >= 0; i--)
        if (graph->values[i].tensor->storage == tensor->storage &&
            kdst__tensor_same_shape(graph->values[i].tensor, tensor)) {
            *out = i;
            return KDST_STATUS_OK;
        }
    return kdst__fail(graph->ctx, KDST_STATUS_UNSUPPORTED, "%s: an input was not made by an operation", function);
}

/* Appends the operation; `originals` are its inputs. Nothing is appended on failure. */
static kdst_status append(kdst__graph *graph, const kdst__call *call)
{
    const kdst__op *op = call->op;
    const char *name = op->name;
    if (!reserve(graph, &graph->ops, graph->op_count, &graph->op_capacity, 1, sizeof *graph->ops) ||
        !reserve(graph, &graph->inputs, graph->input_count, &graph->input_capacity, call->count, sizeof *graph->inputs))
        return kdst__fail_memory(graph->ctx, name);
    kdst__graph_op node = {.op = op, .count = call->count, .first_input = graph->input_count, .owner = graph->owner};
    for (int32_t i = 0; i < call->count; i++) {
        int64_t *value = &graph->inputs[graph->input_count + i];
        *value = -1;
        kdst_status status = call->inputs[i] ? kdst__graph_find(graph, name, call->inputs[i], value) : KDST_STATUS_OK;
        if (status) return status;
    }
    if (op->attr_bytes) {
        node.attrs = kdst__alloc(kdst__context_memory(graph->ctx), op->attr_bytes);
        if (!node.attrs) return kdst__fail_memory(graph->ctx, name);
    }
    kdst_status status = add_value(graph, name, call->out, KDST_VALUE_RESULT, graph->op_count, &node.output);
    if (status) {
        kdst__free(kdst__context_memory(graph->ctx), node.attrs, op->attr_bytes);
        return status;
    }
    if (node.attrs) {
        memcpy(node.attrs, call->attrs, op->attr_bytes);
        if (op->retain_attrs) op->retain_attrs(node.attrs);
    }
    graph->ops[graph->op_count++] = node;
    graph->input_count += call->count;
    return KDST_STATUS_OK;
}

kdst_status kdst__graph_run(kdst__graph *graph, kdst__call *call, kdst_tensor **out)
{
    call->dtype = call->inputs[0]->dtype;
    kdst_status status = call->op->shape
        ? call->op->shape(call)
        : kdst__fail(graph->ctx, KDST_STATUS_UNSUPPORTED, "%s: has no shape rule for a trace", call->op->name);
    if (!status) status = new_shape(graph->ctx, call->op->name, call->dtype, call->rank, call->shape, &call->out);
    if (!status) status = append(graph, call);
    if (status) {
        kdst__handle_release(call->out);
        return status;
    }
    *out = call->out;
    return KDST_STATUS_OK;
}

void kdst__graph_release(kdst__graph *graph)
{
    kdst__memory *memory = kdst__context_memory(graph->ctx);
    for (int64_t i = 0; i < graph->op_count; i++) {
        const kdst__op *op = graph->ops[i].op;
        if (graph->ops[i].attrs && op->release_attrs) op->release_attrs(graph->ops[i].attrs);
        kdst__free(memory, graph->ops[i].attrs, op->attr_bytes);
    }
    for (int64_t i = 0; i < graph->value_count; i++)
        kdst__handle_release(graph->values[i].tensor);
    kdst__free(memory, graph->ops, (size_t)graph->op_capacity * sizeof *graph->ops);
    kdst__free(memory, graph->values, (size_t)graph->value_capacity * sizeof *graph->values);
    kdst__free(memory, graph->inputs, (size_t)graph->input_capacity * sizeof *graph->inputs);
    *graph = (kdst__graph){.ctx = graph->ctx};
}
