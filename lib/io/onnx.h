/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a trace as ONNX: what the emitters of operations share.
 *
 * A value is called by its state name, by the name of the input or output it is, or "/<number>". Nodes and small constants go into
 * `graph`; weights are streamed behind it.
 */
#ifndef KDST_IO_ONNX_H
#define KDST_IO_ONNX_H

#include "io/protobuf.h"
#include "nn/trace.h"

#include <kdst/onnx.h>

#define KDST__ONNX_NAME 96 /* of names made here, and of inputs and outputs */

typedef struct kdst__onnx_config {
    int64_t opset, dynamic_batch;
    int64_t batch_axis[KDST__LAYER_INPUTS], batch_axis_count;
    const char *input, *output;
} kdst__onnx_config;

typedef struct kdst__onnx {
    kdst_context *ctx;
    const kdst_trace *trace;
    const kdst_trace *larger; /* of the same network for a batch larger by one, NULL: fixed sizes */
    const kdst__onnx_config *config;
    kdst__proto graph, node, part;
    int64_t made, nodes; /* names of values and of nodes made here */
} kdst__onnx;

typedef kdst_status (*kdst__onnx_emit_fn)(kdst__onnx *w, int64_t op, const char *type);

typedef struct kdst__onnx_row {
    const char *name; /* of the operation */
    kdst__onnx_emit_fn emit;
    const char *type; /* of the node, for the emitters that several operations share */
} kdst__onnx_row;

/* Closed by a row without a name. */
extern const kdst__onnx_row kdst__onnx_rows[], kdst__onnx_rows_windows[], kdst__onnx_rows_indices[];

/* TensorProto.DataType of a type. */
int32_t kdst__onnx_type(kdst_dtype dtype);
/* Name of a value; `text` is used where it is made here. */
const char *kdst__onnx_value_name(const kdst__onnx *w, int64_t value, char text[KDST__ONNX_NAME]);
/* "input", or "input1" of several. */
void kdst__onnx_port_name(const char *name, int64_t count, int64_t i, char text[KDST__ONNX_NAME]);
/* A new name. */
const char *kdst__onnx_new_name(kdst__onnx *w, char text[KDST__ONNX_NAME]);
/* Whether a size depends on the batch. */
bool kdst__onnx_varies(const kdst__onnx *w, int64_t value, int32_t axis);

/* One node: begin, inputs and outputs in order, attributes, end. */
void kdst__onnx_begin(kdst__onnx *w, const char *type);
void kdst__onnx_input(kdst__onnx *w, const char *name); /* "": an optional one that is not given */
void kdst__onnx_output(kdst__onnx *w, const char *name);
void kdst__onnx_op_input(kdst__onnx *w, int64_t op, int32_t i); /* of the operation */
void kdst__onnx_op_output(kdst__onnx *w, int64_t op);
void kdst__onnx_int(kdst__onnx *w, const char *name, int64_t value);
void kdst__onnx_ints(kdst__onnx *w, const char *name, const int64_t *values, int32_t count);
void kdst__onnx_float(kdst__onnx *w, const char *name, double value);
void kdst__onnx_text(kdst__onnx *w, const char *name, const char *value);
void kdst__onnx_end(kdst__onnx *w, int64_t op);

/* Small constants; the name is put into `text`. */
const char *kdst__onnx_constant_ints(kdst__onnx *w, const int64_t *values, int64_t count, char text[KDST__ONNX_NAME]);
const char *kdst__onnx_constant_int(kdst__onnx *w, int64_t value, char text[KDST__ONNX_NAME]); /* rank 0 */
/* [shape] of float32 or float64 */
const char *kdst__onnx_constant(
    kdst__onnx *w, kdst_dtype dtype, int32_t rank, const int64_t *shape, const double *values,
    char text[KDST__ONNX_NAME]);
/* A node of `type` with the inputs, one output of a new name (in `text`) or of the operation's (text NULL), without attributes. */
const char *
kdst__onnx_node(kdst__onnx *w, int64_t op, const char *type, const char *a, const char *b, const char *c, char *text);
/* UNSUPPORTED "onnx_save: <op> of <layer>: <reason>" */
kdst_status kdst__onnx_refuse(const kdst__onnx *w, int64_t op, const char *reason);

static inline kdst__memory *kdst__onnx_memory(const kdst__onnx *w)
{
    return kdst__context_memory(w->ctx);
}

extern const kdst__schema kdst__schema_onnx_save;

#endif
