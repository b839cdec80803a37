/* SPDX-License-Identifier: Apache-2.0 */
/* Making a trace: the network runs with tensors that have shapes alone (autograd/graph.h), then values get their state names and
 * operations their layers. What a run could change apart from results is put back: the random stream; layers ask kdst__tracing
 * before they count or move anything. */
#include "nn/trace.h"

#include <inttypes.h>
#include <string.h>

typedef struct config {
    int64_t training;
} config;

static const kdst__option options[] = {
    KDST__INT(config, training, 0, 0, 1, "1: layers behave as in training"),
};
const kdst__schema kdst__schema_trace = {"trace", options, KDST__COUNT(options), NULL, 0};

static void trace_destroy(void *object)
{
    kdst_trace *trace = object;
    kdst__memory *memory = kdst__context_memory(trace->base.ctx);
    kdst__free(memory, trace->names, trace->name_capacity * sizeof *trace->names);
    kdst__free(memory, trace->places, trace->place_capacity * sizeof *trace->places);
    kdst__free(memory, trace->layers, (size_t)trace->layer_count * sizeof *trace->layers);
    kdst__free(memory, trace->text, trace->text_bytes);
    kdst__graph_release(&trace->graph);
}

static const kdst__class trace_class = {"trace", trace_destroy};

/* ---- names ---- */

static const char *copy_text(char **to, const char *from)
{
    size_t bytes = strlen(from) + 1;
    char *copy = memcpy(*to, from, bytes);
    *to += bytes;
    return copy;
}

static int64_t own_parameters(const kdst_layer *layer)
{
    int64_t count = 0;
    for (int32_t i = 0; i < layer->tensor_count; i++)
        count += layer->tensors[i].is_parameter ? kdst__tensor_count(layer->tensors[i].tensor) : 0;
    return count;
}

static void name_values(kdst_trace *trace, const kdst__layer_entry *entries, int64_t count, char **text)
{
    kdst__graph *graph = &trace->graph;
    for (int64_t i = 0; i < graph->value_count; i++) {
        kdst__graph_value *value = &graph->values[i];
        for (int64_t k = 0; k < count && value->role == KDST_VALUE_CONSTANT; k++)
            if (entries[k].tensor == value->tensor) {
                value->role = entries[k].is_parameter ? KDST_VALUE_PARAMETER : KDST_VALUE_BUFFER;
                trace->names[i] = copy_text(text, entries[k].name);
            }
    }
}

static void name_layers(kdst_trace *trace, const kdst__layer_place *places, int64_t count, char **text)
{
    for (int64_t i = 0; i < count; i++)
        trace->layers[i] = (kdst__trace_layer){
            copy_text(text, places[i].path), places[i].layer->kind->name, places[i].layer,
            own_parameters(places[i].layer)};
    for (int64_t i = 0; i < trace->graph.op_count; i++)
        for (int64_t k = 0; k < count; k++)
            if (trace->layers[k].address == trace->graph.ops[i].owner) trace->places[i] = k;
}

static kdst_status add_names(kdst_trace *trace, const char *function, kdst_layer *layer)
{
    kdst__memory *memory = kdst__context_memory(trace->base.ctx);
    const kdst__layer_entry *entries = NULL;
    const kdst__layer_place *places = NULL;
    int64_t entry_count = 0, place_count = 0;
    kdst_status status = kdst__layer_get_entries(function, layer, &entries, &entry_count);
    if (status == KDST_STATUS_OK) status = kdst__layer_get_places(function, layer, &places, &place_count);
    if (status != KDST_STATUS_OK) return status;
    for (int64_t i = 0; i < entry_count; i++)
        trace->text_bytes += strlen(entries[i].name) + 1;
    for (int64_t i = 0; i < place_count; i++)
        trace->text_bytes += strlen(places[i].path) + 1;
    trace->name_capacity = (size_t)trace->graph.value_count;
    trace->place_capacity = (size_t)trace->graph.op_count;
    trace->names = kdst__alloc_zero(memory, trace->name_capacity * sizeof *trace->names);
    trace->places = kdst__alloc_zero(memory, trace->place_capacity * sizeof *trace->places);
    trace->text = kdst__alloc(memory, trace->text_bytes);
    trace->layers = kdst__alloc(memory, (size_t)place_count * sizeof *trace->layers);
    trace->layer_count = place_count;
    if (trace->names == NULL || trace->places == NULL || trace->text == NULL || trace->layers == NULL)
        return kdst__fail_memory(trace->base.ctx, function);
    char *text = trace->text;
    name_values(trace, entries, entry_count, &text);
    name_layers(trace, places, place_count, &text);
    return KDST_STATUS_OK;
}

/* ---- the run ---- */

static kdst_dtype own_dtype(kdst_layer *layer)
{
    for (int32_t i = 0; i < layer->tensor_count; i++)
        if (kdst__dtype_is_float(layer->tensors[i].tensor->dtype)) return layer->tensors[i].tensor->dtype;
    for (int64_t i = 0; i < layer->child_count; i++) {
        kdst_dtype dtype = own_dtype(layer->children[i]);
        if (dtype != 0) return dtype;
    }
    return 0;
}

/* Runs the layer between beginning and end of the recording, in the mode that is asked for. */
static kdst_status
run(kdst_trace *trace, const char *function, kdst_layer *layer, kdst_tensor *const *inputs, bool training)
{
    kdst_context *ctx = trace->base.ctx;
    kdst_tensor *outputs[KDST__LAYER_OUTPUTS] = {NULL};
    uint64_t seed, stream;
    kdst_status status = kdst__graph_begin(&trace->graph, function);
    if (status != KDST_STATUS_OK) return status;
    bool pushed = training ? kdst__no_grad_push(ctx) : kdst__eval_push(ctx);
    status = pushed ? kdst_context_get_random(ctx, &seed, &stream) : kdst__fail_memory(ctx, function);
    if (status == KDST_STATUS_OK) {
        status = kdst__layer_run_many(layer, inputs, trace->input_count, outputs);
        kdst__context_set_stream(ctx, seed, stream);
    }
    for (int64_t i = 0; i < trace->output_count && status == KDST_STATUS_OK; i++)
        status = kdst__graph_find(&trace->graph, function, outputs[i], &trace->outputs[i]);
    if (pushed) (training ? kdst__no_grad_pop : kdst__eval_pop)(ctx);
    kdst__graph_end(&trace->graph);
    for (int64_t i = 0; i < KDST__LAYER_OUTPUTS; i++)
        kdst_tensor_release(outputs[i]);
    return status;
}

kdst_status kdst__trace_new(
    const char *function, kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks,
    const int64_t *shapes, bool training, kdst_trace **out)
{
    kdst_context *ctx = layer->base.ctx;
    kdst_tensor *inputs[KDST__LAYER_INPUTS] = {NULL};
    kdst_dtype own = own_dtype(layer);
    kdst_trace *trace = kdst__handle_create(ctx, &trace_class, sizeof *trace);
    if (trace == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    trace->graph.ctx = ctx;
    trace->input_count = count;
    trace->output_count = kdst_layer_get_output_count(layer);
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < count && status == KDST_STATUS_OK; shapes += ranks[i++]) {
        kdst_dtype dtype = dtypes != NULL ? dtypes[i] : own != 0 ? own : KDST_DTYPE_FLOAT32;
        status = kdst__graph_add_input(&trace->graph, function, dtype, ranks[i], shapes, &inputs[i]);
        trace->inputs[i] = i;
    }
    if (status == KDST_STATUS_OK) status = run(trace, function, layer, inputs, training);
    if (status == KDST_STATUS_OK) status = add_names(trace, function, layer);
    for (int64_t i = 0; i < KDST__LAYER_INPUTS; i++)
        kdst_tensor_release(inputs[i]);
    if (status != KDST_STATUS_OK) {
        kdst_trace_release(trace);
        return status;
    }
    *out = trace;
    return KDST_STATUS_OK;
}

kdst_status kdst__trace_checked(
    const char *function, kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks,
    const int64_t *shapes, bool training, kdst_trace **out)
{
    kdst_context *ctx = layer->base.ctx;
    if (ranks == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: ranks is NULL", function);
    if (count < 1 || count > KDST__LAYER_INPUTS)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %" PRId64 ", allowed is 1 to %d", function, count,
            KDST__LAYER_INPUTS);
    for (int64_t i = 0; i < count; i++) {
        if (ranks[i] < 0 || ranks[i] > KDST__MAX_RANK)
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "%s: rank of input %" PRId64 " is %" PRId64 ", allowed is 0 to %d", function, i,
                ranks[i], KDST__MAX_RANK);
        if (ranks[i] > 0 && shapes == NULL)
            return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: shapes is NULL", function);
    }
    return kdst__trace_new(function, layer, count, dtypes, ranks, shapes, training, out);
}

kdst_status kdst_trace_create(
    kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes,
    const kdst_options *given, kdst_trace **out)
{
    config c;
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_create: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "trace_create", &kdst__schema_trace, given, &c);
    return status == KDST_STATUS_OK
        ? kdst__trace_checked("trace_create", layer, count, dtypes, ranks, shapes, c.training == 1, out)
        : status;
}

void kdst_trace_retain(kdst_trace *trace)
{
    kdst__handle_retain(trace);
}

void kdst_trace_release(kdst_trace *trace)
{
    kdst__handle_release(trace);
}
