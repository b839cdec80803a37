/* SPDX-License-Identifier: Apache-2.0 */
/* Saving a network as ONNX: the trace, its names and shapes, and the weights in one file.
 *
 * ModelProto { ir_version 1, producer 2 3, graph 7, opset_import 8 }; GraphProto { node 1, name 2, initializer 5, input 11, output 12 }.
 * The graph's length is known before it is written: nodes are built in memory, weights are measured and then streamed. Which sizes depend on
 * the batch is found by comparing two traces, for the batch that was given and for one more.
 */
#include "io/onnx.h"

#include "io/text.h"

#include "io/file.h"
#include "io/serial.h"

#include <kdst/version.h>

#include <inttypes.h>
#include <string.h>

#define MOST_BYTES INT64_C(2147483647) /* of a message */

enum { GRAPH_NODE = 1, GRAPH_NAME, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT };
enum { TENSOR_DIMS = 1, TENSOR_TYPE, TENSOR_NAME = 8, TENSOR_RAW };

static const kdst__option options[] = {
    KDST__INT(kdst__onnx_config, opset, 13, 13, 17, "version of the operator set"),
    KDST__INT(kdst__onnx_config, dynamic_batch, 1, 0, 1, "1: the file takes batches of any size"),
    KDST__INTS_UPTO(
        kdst__onnx_config, batch_axis, KDST__LAYER_INPUTS, -1, 7, "axis of the batch in each input; -1: none"),
    KDST__STRING(kdst__onnx_config, input, "input", "name of the input; of several, with their numbers behind it"),
    KDST__STRING(kdst__onnx_config, output, "output", "name of the output, likewise"),
};
const kdst__schema kdst__schema_onnx_save = {"onnx.save", options, KDST__COUNT(options), NULL, 0};

/* ---- operations ---- */

static const kdst__onnx_row *find_row(const char *name)
{
    static const kdst__onnx_row *const tables[] = {kdst__onnx_rows, kdst__onnx_rows_windows, kdst__onnx_rows_indices};
    for (int32_t t = 0; t < KDST__COUNT(tables); t++)
        for (const kdst__onnx_row *row = tables[t]; row->name != NULL; row++)
            if (strcmp(row->name, name) == 0) return row;
    return NULL;
}

/* The larger batch must give the same graph apart from sizes; those in attributes only where the emitter looks at both. */
static kdst_status check_same(const kdst__onnx *w)
{
    const kdst__graph *a = &w->trace->graph;
    if (!kdst__trace_same_graph(w->trace, w->larger))
        return kdst__fail(
            w->ctx, KDST_STATUS_UNSUPPORTED,
            "onnx_save: the network does other things for another batch; set dynamic_batch to 0");
    for (int64_t i = 0; i < a->op_count; i++) {
        const char *name = a->ops[i].op->name;
        if (strcmp(name, "reshape") != 0 && strcmp(name, "broadcast_to") != 0 &&
            !kdst__trace_same_attributes(w->trace, w->larger, i))
            return kdst__onnx_refuse(w, i, "its attributes depend on the batch; set dynamic_batch to 0");
    }
    return KDST_STATUS_OK;
}

static kdst_status emit_operations(kdst__onnx *w)
{
    for (int64_t i = 0; i < w->trace->graph.op_count; i++) {
        const kdst__onnx_row *row = find_row(w->trace->graph.ops[i].op->name);
        if (row == NULL) return kdst__onnx_refuse(w, i, "there is no such operation in ONNX, or none is known here");
        kdst_status status = row->emit(w, i, row->type);
        if (status != KDST_STATUS_OK) return status;
        if (w->graph.failed || w->node.failed || w->part.failed) return kdst__fail_memory(w->ctx, "onnx_save");
    }
    return KDST_STATUS_OK;
}

/* ---- inputs and outputs ---- */

/* ValueInfoProto { name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { value 1 | param 2 } } } } } */
static void describe(kdst__onnx *w, uint32_t field, const char *name, int64_t value)
{
    const kdst__graph_value *v = &w->trace->graph.values[value];
    kdst__proto dim = {.memory = kdst__onnx_memory(w)}, shape = dim, tensor = dim, type = dim, info = dim;
    for (int32_t i = 0; i < v->rank; i++) {
        int64_t more = w->larger != NULL ? w->larger->graph.values[value].shape[i] - v->shape[i] : 0;
        if (more == 0) kdst__proto_int(&dim, 1, v->shape[i]);
        if (more == 1) kdst__proto_text(&dim, 2, "batch");
        kdst__proto_message(&shape, 1, &dim);
    }
    kdst__proto_int(&tensor, 1, kdst__onnx_type(v->dtype));
    kdst__proto_message(&tensor, 2, &shape);
    kdst__proto_message(&type, 1, &tensor);
    kdst__proto_text(&info, 1, name);
    kdst__proto_message(&info, 2, &type);
    kdst__proto_message(&w->graph, field, &info);
    kdst__proto *const all[] = {&dim, &shape, &tensor, &type, &info};
    for (int32_t i = 0; i < KDST__COUNT(all); i++)
        kdst__proto_release(all[i]);
}

static kdst_status emit_ports(kdst__onnx *w)
{
    const kdst_trace *t = w->trace;
    char name[KDST__ONNX_NAME], own[KDST__ONNX_NAME];
    for (int64_t i = 0; i < t->input_count; i++) {
        kdst__onnx_port_name(w->config->input, t->input_count, i, name);
        describe(w, GRAPH_INPUT, name, t->inputs[i]);
    }
    for (int64_t i = 0; i < t->output_count; i++) {
        kdst__onnx_port_name(w->config->output, t->output_count, i, name);
        kdst__onnx_begin(w, "Identity");
        kdst__onnx_input(w, kdst__onnx_value_name(w, t->outputs[i], own));
        kdst__onnx_output(w, name);
        kdst__onnx_end(w, -1);
        describe(w, GRAPH_OUTPUT, name, t->outputs[i]);
    }
    return w->graph.failed ? kdst__fail_memory(w->ctx, "onnx_save") : KDST_STATUS_OK;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool takes(const char *state, const char *port, int64_t count)
{
    size_t bytes = strlen(port);
    if (count == 1) return strcmp(state, port) == 0;
    return strncmp(state, port, bytes) == 0 && is_number(state + bytes);
}

/* Names are one space: state, inputs, outputs, and those made here, "/<number>". */
static kdst_status check_names(const kdst__onnx *w)
{
    const kdst__onnx_config *c = w->config;
    char shown[KDST__SHOWN_TEXT];
    if (!kdst__utf8_valid(c->input, strlen(c->input)) || !kdst__utf8_valid(c->output, strlen(c->output)))
        return kdst__fail(w->ctx, KDST_STATUS_INVALID_ARGUMENT, "onnx_save: input or output is not UTF-8");
    if (c->input[0] == '\0' || c->output[0] == '\0' || c->input[0] == '/' || c->output[0] == '/' ||
        strlen(c->input) > 63 || strlen(c->output) > 63 || strcmp(c->input, c->output) == 0)
        return kdst__fail(
            w->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "onnx_save: input is \"%.64s\", output \"%.64s\": two names of 1 to 63 bytes that do not begin with '/'",
            c->input, c->output);
    for (int64_t i = 0; i < w->trace->graph.value_count; i++) {
        const char *name = w->trace->names[i];
        if (name != NULL &&
            (name[0] == '/' || takes(name, c->input, w->trace->input_count) ||
             takes(name, c->output, w->trace->output_count)))
            return kdst__fail(
                w->ctx, KDST_STATUS_INVALID_ARGUMENT,
                "onnx_save: a tensor of the state is called \"%.64s\", as another value of the graph", name);
        if (name != NULL && !kdst__utf8_valid(name, strlen(name)))
            return kdst__fail(
                w->ctx, KDST_STATUS_INVALID_ARGUMENT, "onnx_save: the name \"%s\" of the state is not UTF-8",
                kdst__text_shown(name, shown));
    }
    return KDST_STATUS_OK;
}

/* ---- weights ---- */

static bool is_weight(const kdst__graph_value *v)
{
    return v->role != KDST_VALUE_INPUT && v->role != KDST_VALUE_RESULT;
}

/* Everything of a TensorProto but the bytes of its elements: into w->node. */
static void write_head(kdst__onnx *w, int64_t value)
{
    const kdst__graph_value *v = &w->trace->graph.values[value];
    char text[KDST__ONNX_NAME];
    for (int32_t i = 0; i < v->rank; i++)
        kdst__proto_int(&w->node, TENSOR_DIMS, v->shape[i]);
    kdst__proto_int(&w->node, TENSOR_TYPE, kdst__onnx_type(v->dtype));
    kdst__proto_text(&w->node, TENSOR_NAME, kdst__onnx_value_name(w, value, text));
    kdst__proto_begin(
        &w->node, TENSOR_RAW, (uint64_t)kdst__tensor_count(v->tensor) * (uint64_t)kdst_dtype_get_size(v->dtype));
}

/* Puts tag, length and head of an initializer into w->part; the bytes that follow. */
static uint64_t begin_weight(kdst__onnx *w, int64_t value)
{
    const kdst__graph_value *v = &w->trace->graph.values[value];
    uint64_t raw = (uint64_t)kdst__tensor_count(v->tensor) * (uint64_t)kdst_dtype_get_size(v->dtype);
    w->node.size = w->part.size = 0;
    write_head(w, value);
    kdst__proto_begin(&w->part, GRAPH_INITIALIZER, w->node.size + raw);
    return raw;
}

static kdst_status write_weights(kdst__onnx *w, kdst__sink *sink)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < w->trace->graph.value_count && status == KDST_STATUS_OK; i++) {
        const kdst__graph_value *v = &w->trace->graph.values[i];
        kdst__serial serial;
        const void *data;
        size_t bytes;
        if (!is_weight(v)) continue;
        begin_weight(w, i);
        if (w->part.failed || w->node.failed) return kdst__fail_memory(w->ctx, "onnx_save");
        status = kdst__sink_write(sink, w->part.data, w->part.size);
        if (status == KDST_STATUS_OK) status = kdst__sink_write(sink, w->node.data, w->node.size);
        kdst__serial_start(&serial, v->tensor);
        while (status == KDST_STATUS_OK && kdst__serial_next(&serial, &data, &bytes))
            status = kdst__sink_write(sink, data, bytes);
    }
    return status;
}

/* ---- the file ---- */

static kdst_status write_file(kdst__onnx *w, const char *path)
{
    kdst__proto model = {.memory = kdst__onnx_memory(w)}, opset = model;
    kdst__sink *sink = NULL;
    kdst_status status = KDST_STATUS_OK;
    uint64_t bytes = 0;
    for (int64_t i = 0; i < w->trace->graph.value_count; i++) {
        if (!is_weight(&w->trace->graph.values[i])) continue;
        bytes += begin_weight(w, i);
        bytes += w->part.size + w->node.size;
    }
    bytes += w->graph.size;
    if (bytes + 256 > MOST_BYTES)
        status = kdst__fail(
            w->ctx, KDST_STATUS_UNSUPPORTED, "onnx_save: the file would have %" PRIu64 " bytes, ONNX allows %" PRId64,
            bytes, MOST_BYTES);
    kdst__proto_int(&model, 1, 7);
    kdst__proto_text(&model, 2, "libkdst");
    kdst__proto_text(&model, 3, kdst_version());
    kdst__proto_text(&opset, 1, "");
    kdst__proto_int(&opset, 2, w->config->opset);
    kdst__proto_message(&model, 8, &opset);
    kdst__proto_begin(&model, 7, bytes);
    if (status == KDST_STATUS_OK && (model.failed || w->graph.failed || w->part.failed || w->node.failed))
        status = kdst__fail_memory(w->ctx, "onnx_save");
    if (status == KDST_STATUS_OK) status = kdst__sink_open(w->ctx, "onnx_save", path, &sink);
    if (status == KDST_STATUS_OK) status = kdst__sink_write(sink, model.data, model.size);
    if (status == KDST_STATUS_OK) status = kdst__sink_write(sink, w->graph.data, w->graph.size);
    if (status == KDST_STATUS_OK) status = write_weights(w, sink);
    if (status == KDST_STATUS_OK)
        status = kdst__sink_commit(sink);
    else
        kdst__sink_abandon(sink);
    kdst__proto_release(&opset);
    kdst__proto_release(&model);
    return status;
}

static kdst_status write(kdst__onnx *w, const char *path)
{
    kdst_status status = check_names(w);
    if (status == KDST_STATUS_OK && w->larger != NULL) status = check_same(w);
    if (status == KDST_STATUS_OK) status = emit_operations(w);
    if (status == KDST_STATUS_OK) status = emit_ports(w);
    kdst__proto_text(&w->graph, GRAPH_NAME, "network");
    if (status == KDST_STATUS_OK) status = write_file(w, path);
    kdst__proto_release(&w->part);
    kdst__proto_release(&w->node);
    kdst__proto_release(&w->graph);
    return status;
}

kdst_status kdst_onnx_save(
    kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks, const int64_t *shapes,
    const char *path, const kdst_options *given)
{
    kdst__onnx_config config;
    kdst_trace *trace = NULL, *larger = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (path == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "onnx_save: path is NULL");
    kdst_status status = kdst__options_parse(ctx, "onnx_save", &kdst__schema_onnx_save, given, &config);
    if (status == KDST_STATUS_OK)
        status = kdst__trace_checked("onnx_save", layer, count, dtypes, ranks, shapes, false, &trace);
    if (status == KDST_STATUS_OK && config.dynamic_batch)
        status = kdst__trace_larger(
            "onnx_save", layer, count, dtypes, ranks, shapes, config.batch_axis, config.batch_axis_count, &larger);
    if (status == KDST_STATUS_OK) {
        const kdst__proto empty = {.memory = kdst__context_memory(ctx)};
        kdst__onnx w = {
            .ctx = ctx,
            .trace = trace,
            .larger = larger,
            .config = &config,
            .graph = empty,
            .node = empty,
            .part = empty};
        status = write(&w, path);
    }
    kdst_trace_release(larger);
    kdst_trace_release(trace);
    return status;
}
