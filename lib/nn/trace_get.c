/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a trace: operations, their attributes through the descriptor's table, and values. */
#include "nn/trace.h"

#include "core/options_text.h"

#include <inttypes.h>
#include <string.h>

const char *kdst__trace_op_name(const kdst_trace *trace, int64_t op)
{
    const kdst__graph_op *o = &trace->graph.ops[op];
    return o->op->label != NULL ? o->op->label(o->attrs) : o->op->name;
}

/* ---- operations ---- */

static kdst_status check_op(kdst_trace *trace, const char *function, int64_t op)
{
    if (op >= 0 && op < trace->graph.op_count) return KDST_STATUS_OK;
    return kdst__fail(
        trace->base.ctx, KDST_STATUS_NOT_FOUND, "%s: op is %" PRId64 ", the trace has %" PRId64, function, op,
        trace->graph.op_count);
}

int64_t kdst_trace_get_op_count(const kdst_trace *trace)
{
    return trace != NULL ? trace->graph.op_count : 0;
}

kdst_status kdst_trace_get_op(
    kdst_trace *trace, int64_t op, const char **out_name, const char **out_path, const char **out_kind,
    int64_t *out_inputs, int64_t *out_output)
{
    if (out_name != NULL) *out_name = NULL;
    if (out_path != NULL) *out_path = NULL;
    if (out_kind != NULL) *out_kind = NULL;
    if (out_inputs != NULL) *out_inputs = 0;
    if (out_output != NULL) *out_output = -1;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    kdst_status status = check_op(trace, "trace_get_op", op);
    if (status != KDST_STATUS_OK) return status;
    const kdst__trace_layer *layer = &trace->layers[trace->places[op]];
    if (out_name != NULL) *out_name = kdst__trace_op_name(trace, op);
    if (out_path != NULL) *out_path = layer->path;
    if (out_kind != NULL) *out_kind = layer->kind;
    if (out_inputs != NULL) *out_inputs = trace->graph.ops[op].count;
    if (out_output != NULL) *out_output = trace->graph.ops[op].output;
    return KDST_STATUS_OK;
}

kdst_status kdst_trace_get_op_input(kdst_trace *trace, int64_t op, int64_t index, int64_t *out_value)
{
    if (out_value != NULL) *out_value = -1;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    if (out_value == NULL)
        return kdst__fail(trace->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_get_op_input: out_value is NULL");
    kdst_status status = check_op(trace, "trace_get_op_input", op);
    if (status != KDST_STATUS_OK) return status;
    const kdst__graph_op *o = &trace->graph.ops[op];
    if (index < 0 || index >= o->count)
        return kdst__fail(
            trace->base.ctx, KDST_STATUS_NOT_FOUND, "trace_get_op_input: index is %" PRId64 ", the %s has %d inputs",
            index, kdst__trace_op_name(trace, op), o->count);
    *out_value = trace->graph.inputs[o->first_input + index];
    return KDST_STATUS_OK;
}

/* ---- attributes ---- */

static int64_t length(const kdst__option *option, const char *attrs)
{
    if (option->count >= 0) return option->count;
    return *(const int64_t *)(attrs + option->count_offset);
}

const void *kdst__trace_attribute(const kdst_trace *trace, int64_t op, const char *name, const kdst__option **out)
{
    const kdst__graph_op *o = &trace->graph.ops[op];
    const kdst__schema *schema = o->op->attr_schema;
    for (int32_t i = 0; schema != NULL && i < schema->count; i++)
        if (strcmp(schema->options[i].name, name) == 0) {
            *out = &schema->options[i];
            return (const char *)o->attrs + schema->options[i].offset;
        }
    return NULL;
}

int64_t kdst__trace_int(const kdst_trace *trace, int64_t op, const char *name, int64_t i, int64_t otherwise)
{
    const kdst__option *option = NULL;
    const void *at = kdst__trace_attribute(trace, op, name, &option);
    if (at == NULL) return otherwise;
    if (option->type == KDST_OPTION_CHOICE) return *(const int32_t *)at;
    return i < length(option, trace->graph.ops[op].attrs) ? ((const int64_t *)at)[i] : otherwise;
}

double kdst__trace_float(const kdst_trace *trace, int64_t op, const char *name, double otherwise)
{
    const kdst__option *option = NULL;
    const void *at = kdst__trace_attribute(trace, op, name, &option);
    return at == NULL ? otherwise : *(const double *)at;
}

kdst_status kdst_trace_get_attribute(
    kdst_trace *trace, int64_t op, int64_t index, const char **out_name, kdst_option_type *out_type, int64_t *out_count)
{
    if (out_name != NULL) *out_name = NULL;
    if (out_type != NULL) *out_type = 0;
    if (out_count != NULL) *out_count = 0;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    kdst_status status = check_op(trace, "trace_get_attribute", op);
    if (status != KDST_STATUS_OK) return status;
    const kdst__schema *schema = trace->graph.ops[op].op->attr_schema;
    int32_t count = schema != NULL ? schema->count : 0;
    if (index < 0 || index >= count)
        return kdst__fail(
            trace->base.ctx, KDST_STATUS_NOT_FOUND,
            "trace_get_attribute: index is %" PRId64 ", the %s has %d attributes", index,
            kdst__trace_op_name(trace, op), count);
    const kdst__option *option = &schema->options[index];
    if (out_name != NULL) *out_name = option->name;
    if (out_type != NULL) *out_type = option->type;
    if (out_count != NULL) *out_count = length(option, trace->graph.ops[op].attrs);
    return KDST_STATUS_OK;
}

/* The attribute of a name, of one of two types, that fits into `capacity`. */
static kdst_status find(
    kdst_trace *trace, const char *function, int64_t op, const char *name, const void *out, int64_t capacity,
    kdst_option_type one, kdst_option_type other, const void **out_at, const kdst__option **out_option)
{
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = trace->base.ctx;
    kdst__enter(ctx);
    if (name == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, name == NULL ? "name" : "out");
    kdst_status status = check_op(trace, function, op);
    if (status != KDST_STATUS_OK) return status;
    *out_at = kdst__trace_attribute(trace, op, name, out_option);
    if (*out_at == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_NOT_FOUND, "%s: the %s has no attribute \"%.64s\"", function,
            kdst__trace_op_name(trace, op), name);
    if ((*out_option)->type != one && (*out_option)->type != other)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: attribute \"%.64s\" is %s, asked for is %s or %s", function, name,
            kdst__text_type((*out_option)->type), kdst__text_type(one), kdst__text_type(other));
    int64_t count = length(*out_option, trace->graph.ops[op].attrs);
    if (one != KDST_OPTION_CHOICE && capacity < count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "%s: capacity is %" PRId64 ", attribute \"%.64s\" has %" PRId64 " numbers", function, capacity, name,
            count);
    return KDST_STATUS_OK;
}

kdst_status
kdst_trace_get_attribute_ints(kdst_trace *trace, int64_t op, const char *name, int64_t *out, int64_t capacity)
{
    const kdst__option *option = NULL;
    const void *at = NULL;
    kdst_status status = find(
        trace, "trace_get_attribute_ints", op, name, out, capacity, KDST_OPTION_INT, KDST_OPTION_INTS, &at, &option);
    if (status == KDST_STATUS_OK) memcpy(out, at, (size_t)length(option, trace->graph.ops[op].attrs) * sizeof *out);
    return status;
}

kdst_status
kdst_trace_get_attribute_floats(kdst_trace *trace, int64_t op, const char *name, double *out, int64_t capacity)
{
    const kdst__option *option = NULL;
    const void *at = NULL;
    kdst_status status = find(
        trace, "trace_get_attribute_floats", op, name, out, capacity, KDST_OPTION_FLOAT, KDST_OPTION_FLOATS, &at,
        &option);
    if (status == KDST_STATUS_OK) memcpy(out, at, (size_t)length(option, trace->graph.ops[op].attrs) * sizeof *out);
    return status;
}

/* Entry `index` of "a|b|c": its begin and length. */
static const char *choice(const char *choices, int32_t index, size_t *out_bytes)
{
    for (; index > 0 && strchr(choices, '|') != NULL; index--)
        choices = strchr(choices, '|') + 1;
    *out_bytes = strcspn(choices, "|");
    return choices;
}

kdst_status kdst_trace_get_attribute_text(kdst_trace *trace, int64_t op, const char *name, char *out, int64_t capacity)
{
    const kdst__option *option = NULL;
    const void *at = NULL;
    kdst_status status = find(
        trace, "trace_get_attribute_text", op, name, out, capacity, KDST_OPTION_CHOICE, KDST_OPTION_STRING, &at,
        &option);
    if (status != KDST_STATUS_OK) return status;
    size_t bytes;
    const char *text;
    if (option->type == KDST_OPTION_CHOICE) {
        text = choice(option->choices, *(const int32_t *)at, &bytes);
    } else {
        text = *(const char *const *)at;
        bytes = strlen(text);
    }
    if (capacity <= (int64_t)bytes)
        return kdst__fail(
            trace->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "trace_get_attribute_text: capacity is %" PRId64 ", attribute \"%.64s\" needs %zu", capacity, name,
            bytes + 1);
    memcpy(out, text, bytes);
    out[bytes] = '\0';
    return KDST_STATUS_OK;
}

/* ---- values ---- */

int64_t kdst_trace_get_value_count(const kdst_trace *trace)
{
    return trace != NULL ? trace->graph.value_count : 0;
}

static kdst_status check_value(kdst_trace *trace, const char *function, int64_t value)
{
    if (value >= 0 && value < trace->graph.value_count) return KDST_STATUS_OK;
    return kdst__fail(
        trace->base.ctx, KDST_STATUS_NOT_FOUND, "%s: value is %" PRId64 ", the trace has %" PRId64, function, value,
        trace->graph.value_count);
}

kdst_status kdst_trace_get_value(
    kdst_trace *trace, int64_t value, kdst_dtype *out_dtype, int64_t *out_rank, int64_t *out_shape,
    kdst_value_role *out_role, const char **out_name, int64_t *out_op)
{
    if (out_dtype != NULL) *out_dtype = 0;
    if (out_rank != NULL) *out_rank = 0;
    if (out_role != NULL) *out_role = 0;
    if (out_name != NULL) *out_name = NULL;
    if (out_op != NULL) *out_op = -1;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    kdst_status status = check_value(trace, "trace_get_value", value);
    if (status != KDST_STATUS_OK) return status;
    const kdst__graph_value *v = &trace->graph.values[value];
    if (out_dtype != NULL) *out_dtype = v->dtype;
    if (out_rank != NULL) *out_rank = v->rank;
    if (out_shape != NULL) memcpy(out_shape, v->shape, (size_t)v->rank * sizeof *out_shape);
    if (out_role != NULL) *out_role = v->role;
    if (out_name != NULL) *out_name = trace->names[value];
    if (out_op != NULL) *out_op = v->op;
    return KDST_STATUS_OK;
}

kdst_status kdst_trace_get_tensor(kdst_trace *trace, int64_t value, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    if (out == NULL) return kdst__fail(trace->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_get_tensor: out is NULL");
    kdst_status status = check_value(trace, "trace_get_tensor", value);
    if (status != KDST_STATUS_OK) return status;
    kdst_tensor *tensor = trace->graph.values[value].tensor;
    if (tensor->storage->shape_only)
        return kdst__fail(
            trace->base.ctx, KDST_STATUS_NOT_FOUND, "trace_get_tensor: value %" PRId64 " is %s, which has no elements",
            value, trace->graph.values[value].role == KDST_VALUE_INPUT ? "an input" : "a result");
    *out = tensor;
    return KDST_STATUS_OK;
}

int64_t kdst_trace_get_input_count(const kdst_trace *trace)
{
    return trace != NULL ? trace->input_count : 0;
}

int64_t kdst_trace_get_input(const kdst_trace *trace, int64_t index)
{
    return index >= 0 && index < kdst_trace_get_input_count(trace) ? trace->inputs[index] : -1;
}

int64_t kdst_trace_get_output_count(const kdst_trace *trace)
{
    return trace != NULL ? trace->output_count : 0;
}

int64_t kdst_trace_get_output(const kdst_trace *trace, int64_t index)
{
    return index >= 0 && index < kdst_trace_get_output_count(trace) ? trace->outputs[index] : -1;
}

kdst_status kdst_trace_get_macs(kdst_trace *trace, int64_t op, int64_t *out_macs)
{
    if (out_macs != NULL) *out_macs = 0;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    if (out_macs == NULL)
        return kdst__fail(trace->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_get_macs: out_macs is NULL");
    kdst_status status = op == -1 ? KDST_STATUS_OK : check_op(trace, "trace_get_macs", op);
    if (status != KDST_STATUS_OK) return status;
    int64_t total = 0, begin = op == -1 ? 0 : op, end = op == -1 ? trace->graph.op_count : op + 1;
    for (int64_t i = begin; i < end; i++) {
        int64_t macs = kdst__trace_macs(trace, i);
        if (macs < 0 || __builtin_add_overflow(total, macs, &total))
            return kdst__fail(
                trace->base.ctx, KDST_STATUS_SHAPE, "trace_get_macs: those of op %" PRId64 " (%s) do not fit", i,
                kdst__trace_op_name(trace, i));
    }
    *out_macs = total;
    return KDST_STATUS_OK;
}
