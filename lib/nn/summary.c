/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as a table: layer, operation, shape of the result, parameters, multiply-adds; totals below.
 *
 * A parameter is counted where it is read first, so that a shared one counts once. Activations are the results of all operations that are not
 * views: what a training step keeps at most.
 */
#include "nn/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text into a buffer as far as it fits; `needed` counts on. */
typedef struct text {
    char *out;
    int64_t capacity, needed;
} text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...)
{
    va_list args;
    int64_t room = t->needed < t->capacity ? t->capacity - t->needed : 0;
    va_start(args, format);
    int n = vsnprintf(room > 0 ? t->out + t->needed : NULL, (size_t)room, format, args);
    va_end(args);
    if (n > 0) t->needed += n;
}

/* "1,234,567" */
static const char *grouped(int64_t value, char out[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRId64, value), k = 0;
    for (int i = 0; i < n; i++) {
        out[k++] = digits[i];
        if ((n - 1 - i) % 3 == 0 && i < n - 1 && digits[i] != '-') out[k++] = ',';
    }
    out[k] = '\0';
    return out;
}

static int64_t count_of(const kdst__graph_value *v)
{
    int64_t count = 1;
    for (int32_t i = 0; i < v->rank; i++)
        count *= v->shape[i];
    return count;
}

static int64_t bytes_of(const kdst__graph_value *v)
{
    return count_of(v) * kdst_dtype_get_size(v->dtype);
}

/* Whether an operation is the first that reads a value. */
static bool reads_first(const kdst_trace *trace, int64_t op, int64_t value)
{
    const kdst__graph *g = &trace->graph;
    for (int64_t i = 0; i < g->ops[op].first_input; i++)
        if (g->inputs[i] == value) return false;
    return true;
}

static int64_t new_parameters(const kdst_trace *trace, int64_t op)
{
    int64_t count = 0;
    for (int32_t i = 0; i < trace->graph.ops[op].count; i++) {
        int64_t value = trace->graph.inputs[trace->graph.ops[op].first_input + i];
        if (value >= 0 && trace->graph.values[value].role == KDST_VALUE_PARAMETER && reads_first(trace, op, value))
            count += count_of(&trace->graph.values[value]);
    }
    return count;
}

/* Columns are as wide as the longest entry, within reason. */
static int path_width(const kdst_trace *trace)
{
    size_t width = 5;
    for (int64_t i = 0; i < trace->graph.op_count; i++) {
        size_t own = strlen(trace->layers[trace->places[i]].path);
        width = own > width ? own : width;
    }
    return (int)(width < 60 ? width : 60);
}

static void add_rows(text *t, const kdst_trace *trace, int width)
{
    char shape[KDST__SHAPE_TEXT], parameters[32], macs[32];
    add(t, "%-*s  %-20s  %-22s  %14s  %18s\n", width, "layer", "operation", "result", "parameters", "multiply-adds");
    for (int64_t i = 0; i < trace->input_count; i++) {
        const kdst__graph_value *v = &trace->graph.values[trace->inputs[i]];
        add(t, "%-*s  %-20s  %s\n", width, "", "input", kdst__shape_text(v->rank, v->shape, shape));
    }
    for (int64_t i = 0; i < trace->graph.op_count; i++) {
        const kdst__graph_value *v = kdst__trace_output(trace, i);
        int64_t own = new_parameters(trace, i), products = kdst__trace_macs(trace, i);
        add(t, "%-*s  %-20s  ", width, trace->layers[trace->places[i]].path, kdst__trace_op_name(trace, i));
        kdst__shape_text(v->rank, v->shape, shape);
        if (products > 0)
            add(t, "%-22s  %14s  %18s\n", shape, own > 0 ? grouped(own, parameters) : "", grouped(products, macs));
        else if (own > 0)
            add(t, "%-22s  %14s\n", shape, grouped(own, parameters));
        else
            add(t, "%s\n", shape);
    }
}

static int64_t all_parameters(const kdst_trace *trace)
{
    int64_t count = 0;
    for (int64_t i = 0; i < trace->layer_count; i++)
        count += trace->layers[i].parameters;
    return count;
}

static void measure(const kdst_trace *trace, int64_t *out_state, int64_t *out_activations)
{
    *out_state = *out_activations = 0;
    for (int64_t i = 0; i < trace->graph.value_count; i++) {
        const kdst__graph_value *v = &trace->graph.values[i];
        if (v->role == KDST_VALUE_PARAMETER || v->role == KDST_VALUE_BUFFER) *out_state += bytes_of(v);
        if (v->role == KDST_VALUE_INPUT) *out_activations += bytes_of(v);
        if (v->role == KDST_VALUE_RESULT && !trace->graph.ops[v->op].op->makes_out) *out_activations += bytes_of(v);
    }
}

kdst_status kdst_trace_get_bytes(kdst_trace *trace, int64_t *out_state, int64_t *out_activations)
{
    int64_t state = 0, activations = 0;
    if (out_state != NULL) *out_state = 0;
    if (out_activations != NULL) *out_activations = 0;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(trace->base.ctx);
    measure(trace, &state, &activations);
    if (out_state != NULL) *out_state = state;
    if (out_activations != NULL) *out_activations = activations;
    return KDST_STATUS_OK;
}

kdst_status kdst_trace_get_summary(kdst_trace *trace, char *out, int64_t capacity, int64_t *out_needed)
{
    char number[32];
    int64_t macs = 0, state, activations;
    if (out_needed != NULL) *out_needed = 0;
    if (out != NULL && capacity > 0) out[0] = '\0';
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = trace->base.ctx;
    kdst__enter(ctx);
    if (capacity < 0 || (out == NULL && capacity > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_get_summary: %s",
            out == NULL ? "out is NULL" : "capacity is negative");
    kdst_status status = kdst_trace_get_macs(trace, -1, &macs);
    if (status != KDST_STATUS_OK) return status;
    text t = {out, capacity, 0};
    measure(trace, &state, &activations);
    add_rows(&t, trace, path_width(trace));
    add(&t, "parameters     %s\n", grouped(all_parameters(trace), number));
    add(&t, "multiply-adds  %s\n", grouped(macs, number));
    add(&t, "state          %s bytes\n", grouped(state, number));
    add(&t, "activations    %s bytes\n", grouped(activations, number));
    if (out_needed != NULL) *out_needed = t.needed + 1;
    if (out != NULL && t.needed >= capacity)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_get_summary: capacity is %" PRId64 ", the text needs %" PRId64,
            capacity, t.needed + 1);
    return KDST_STATUS_OK;
}
