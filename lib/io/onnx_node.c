/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and small constants of an ONNX graph.
 *
 * NodeProto { input 1, output 2, name 3, op_type 4, attribute 5 }; AttributeProto { name 1, f 2, i 3, s 4, ints 8, type 20 };
 * TensorProto { dims 1, data_type 2, name 8, raw_data 9 }.
 */
#include "io/onnx.h"

#include "io/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INPUT = 1, OUTPUT, NAME, OP_TYPE, ATTRIBUTE };
enum { TYPE_FLOAT = 1, TYPE_INT, TYPE_STRING, TYPE_INTS = 7 };
enum { INT64 = 7 };

int32_t kdst__onnx_type(kdst_dtype dtype)
{
    static const int32_t types[] = {0, 1, 11, 6, 2, 9}; /* in the order of KDST_DTYPE_* */
    return types[dtype];
}

void kdst__onnx_port_name(const char *name, int64_t count, int64_t i, char text[KDST__ONNX_NAME])
{
    if (count == 1)
        snprintf(text, KDST__ONNX_NAME, "%.63s", name);
    else
        snprintf(text, KDST__ONNX_NAME, "%.63s%" PRId64, name, i);
}

const char *kdst__onnx_value_name(const kdst__onnx *w, int64_t value, char text[KDST__ONNX_NAME])
{
    const kdst_trace *t = w->trace;
    if (t->names[value] != NULL) return t->names[value];
    for (int64_t i = 0; i < t->input_count; i++)
        if (t->inputs[i] == value) {
            kdst__onnx_port_name(w->config->input, t->input_count, i, text);
            return text;
        }
    snprintf(text, KDST__ONNX_NAME, "/%" PRId64, value);
    return text;
}

const char *kdst__onnx_new_name(kdst__onnx *w, char text[KDST__ONNX_NAME])
{
    snprintf(text, KDST__ONNX_NAME, "/%" PRId64, w->trace->graph.value_count + w->made++);
    return text;
}

bool kdst__onnx_varies(const kdst__onnx *w, int64_t value, int32_t axis)
{
    return w->larger != NULL && w->trace->graph.values[value].shape[axis] != w->larger->graph.values[value].shape[axis];
}

/* ---- nodes ---- */

void kdst__onnx_begin(kdst__onnx *w, const char *type)
{
    w->node.size = 0;
    kdst__proto_text(&w->node, OP_TYPE, type);
}

void kdst__onnx_input(kdst__onnx *w, const char *name)
{
    kdst__proto_text(&w->node, INPUT, name);
}

void kdst__onnx_output(kdst__onnx *w, const char *name)
{
    kdst__proto_text(&w->node, OUTPUT, name);
}

void kdst__onnx_op_input(kdst__onnx *w, int64_t op, int32_t i)
{
    const kdst__graph_op *o = &w->trace->graph.ops[op];
    char text[KDST__ONNX_NAME];
    int64_t value = i < o->count ? w->trace->graph.inputs[o->first_input + i] : -1;
    kdst__onnx_input(w, value < 0 ? "" : kdst__onnx_value_name(w, value, text));
}

void kdst__onnx_op_output(kdst__onnx *w, int64_t op)
{
    char text[KDST__ONNX_NAME];
    kdst__onnx_output(w, kdst__onnx_value_name(w, w->trace->graph.ops[op].output, text));
}

static void end_attribute(kdst__onnx *w, const char *name, int64_t type)
{
    kdst__proto_text(&w->part, 1, name);
    kdst__proto_int(&w->part, 20, type);
    kdst__proto_message(&w->node, ATTRIBUTE, &w->part);
}

void kdst__onnx_int(kdst__onnx *w, const char *name, int64_t value)
{
    kdst__proto_int(&w->part, 3, value);
    end_attribute(w, name, TYPE_INT);
}

void kdst__onnx_ints(kdst__onnx *w, const char *name, const int64_t *values, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        kdst__proto_int(&w->part, 8, values[i]);
    end_attribute(w, name, TYPE_INTS);
}

void kdst__onnx_float(kdst__onnx *w, const char *name, double value)
{
    kdst__proto_float(&w->part, 2, (float)value);
    end_attribute(w, name, TYPE_FLOAT);
}

void kdst__onnx_text(kdst__onnx *w, const char *name, const char *value)
{
    kdst__proto_text(&w->part, 4, value);
    end_attribute(w, name, TYPE_STRING);
}

void kdst__onnx_end(kdst__onnx *w, int64_t op)
{
    char name[KDST__SHOWN_TEXT + 24], shown[KDST__SHOWN_TEXT]; /* for the reader's eye, but no two may be alike */
    if (op >= 0) {
        const char *path = w->trace->layers[w->trace->places[op]].path;
        snprintf(name, sizeof name, "%s/%" PRId64, kdst__text_shown(path, shown), w->nodes++);
        kdst__proto_text(&w->node, NAME, name);
    }
    kdst__proto_message(&w->graph, 1, &w->node);
}

const char *
kdst__onnx_node(kdst__onnx *w, int64_t op, const char *type, const char *a, const char *b, const char *c, char *text)
{
    const char *const inputs[] = {a, b, c};
    kdst__onnx_begin(w, type);
    for (int32_t i = 0; i < KDST__COUNT(inputs) && inputs[i] != NULL; i++)
        kdst__onnx_input(w, inputs[i]);
    if (text == NULL)
        kdst__onnx_op_output(w, op);
    else
        kdst__onnx_output(w, kdst__onnx_new_name(w, text));
    kdst__onnx_end(w, op);
    return text;
}

/* ---- constants ---- */

static const char *constant(
    kdst__onnx *w, int32_t type, int32_t rank, const int64_t *shape, const void *data, size_t bytes,
    char text[KDST__ONNX_NAME])
{
    w->part.size = 0;
    for (int32_t i = 0; i < rank; i++)
        kdst__proto_int(&w->part, 1, shape[i]);
    kdst__proto_int(&w->part, 2, type);
    kdst__proto_text(&w->part, 8, kdst__onnx_new_name(w, text));
    kdst__proto_bytes(&w->part, 9, data, bytes);
    kdst__proto_message(&w->graph, 5, &w->part);
    return text;
}

/* Little-endian bytes of a number. */
static void put(unsigned char *out, uint64_t bits, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(bits >> 8 * i);
}

const char *kdst__onnx_constant_ints(kdst__onnx *w, const int64_t *values, int64_t count, char text[KDST__ONNX_NAME])
{
    size_t bytes = (size_t)count * 8;
    unsigned char *data = kdst__alloc(kdst__onnx_memory(w), bytes);
    for (int64_t i = 0; i < count && data != NULL; i++)
        put(data + 8 * i, (uint64_t)values[i], 8);
    if (data == NULL)
        w->graph.failed = true;
    else
        constant(w, INT64, 1, &count, data, bytes, text);
    kdst__free(kdst__onnx_memory(w), data, bytes);
    return text;
}

const char *kdst__onnx_constant_int(kdst__onnx *w, int64_t value, char text[KDST__ONNX_NAME])
{
    unsigned char data[8];
    put(data, (uint64_t)value, 8);
    return constant(w, INT64, 0, NULL, data, sizeof data, text);
}

const char *kdst__onnx_constant(
    kdst__onnx *w, kdst_dtype dtype, int32_t rank, const int64_t *shape, const double *values,
    char text[KDST__ONNX_NAME])
{
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++)
        count *= shape[i];
    int size = kdst_dtype_get_size(dtype);
    unsigned char *data = kdst__alloc(kdst__onnx_memory(w), (size_t)(count * size));
    for (int64_t i = 0; i < count && data != NULL; i++) {
        uint64_t bits = 0;
        uint32_t single;
        float narrow = (float)values[i];
        memcpy(&bits, &values[i], sizeof bits);
        memcpy(&single, &narrow, sizeof single);
        put(data + i * size, size == 4 ? single : bits, size);
    }
    text[0] = '\0';
    if (data == NULL)
        w->graph.failed = true;
    else
        constant(w, kdst__onnx_type(dtype), rank, shape, data, (size_t)(count * size), text);
    kdst__free(kdst__onnx_memory(w), data, (size_t)(count * size));
    return text;
}

kdst_status kdst__onnx_refuse(const kdst__onnx *w, int64_t op, const char *reason)
{
    const kdst__trace_layer *layer = &w->trace->layers[w->trace->places[op]];
    return kdst__fail(
        w->ctx, KDST_STATUS_UNSUPPORTED, "onnx_save: %s of the %s \"%.255s\": %s", kdst__trace_op_name(w->trace, op),
        layer->kind, layer->path, reason);
}
