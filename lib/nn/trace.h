/* SPDX-License-Identifier: Apache-2.0 */
/* A trace from the inside: the recorded graph, and which layer ran what. */
#ifndef KDST_NN_TRACE_H
#define KDST_NN_TRACE_H

#include "autograd/graph.h"
#include "nn/layer.h"

typedef struct kdst__trace_layer {
    const char *path; /* in `text` */
    const char *kind;
    const void *address; /* of the layer when it was traced; not to be followed */
    int64_t parameters;  /* scalars of its own */
} kdst__trace_layer;

struct kdst_trace {
    kdst__handle base;
    kdst__graph graph;
    int64_t input_count, output_count;
    int64_t inputs[KDST__LAYER_INPUTS], outputs[KDST__LAYER_OUTPUTS]; /* values */
    const char **names;                                               /* [value_count] in `text`, or NULL */
    int64_t *places;                                                  /* [op_count] index of the layer that ran it */
    kdst__trace_layer *layers;                                        /* as the tree's table */
    int64_t layer_count;
    char *text;
    size_t text_bytes, name_capacity, place_capacity;
};

/* kdst_trace_create with options read; messages begin with `function`. The second one trusts ranks and count. */
kdst_status kdst__trace_checked(
    const char *function, kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks,
    const int64_t *shapes, bool training, kdst_trace **out);
kdst_status kdst__trace_new(
    const char *function, kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks,
    const int64_t *shapes, bool training, kdst_trace **out);
/* The same with one sample more along the batch's axis of each input: axes [axis_count], 0 for inputs behind them, -1: none. */
kdst_status kdst__trace_larger(
    const char *function, kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks,
    const int64_t *shapes, const int64_t *axes, int64_t axis_count, kdst_trace **out);
/* Whether two traces differ in nothing but sizes; and whether an operation's numbers are the same in both. */
bool kdst__trace_same_graph(const kdst_trace *a, const kdst_trace *b);
bool kdst__trace_same_attributes(const kdst_trace *a, const kdst_trace *b, int64_t op);
/* The value that is input `i` of an operation, or NULL when it is not given. */
static inline const kdst__graph_value *kdst__trace_input(const kdst_trace *trace, int64_t op, int32_t i)
{
    const kdst__graph_op *o = &trace->graph.ops[op];
    int64_t value = i < o->count ? trace->graph.inputs[o->first_input + i] : -1;
    return value < 0 ? NULL : &trace->graph.values[value];
}
static inline const kdst__graph_value *kdst__trace_output(const kdst_trace *trace, int64_t op)
{
    return &trace->graph.values[trace->graph.ops[op].output];
}
const char *kdst__trace_op_name(const kdst_trace *trace, int64_t op);
/* Where an attribute lies, and its option; NULL: there is none of that name. */
const void *kdst__trace_attribute(const kdst_trace *trace, int64_t op, const char *name, const kdst__option **out);
/* A whole number, or entry `i` of a list; `otherwise` when there is no such attribute. */
int64_t kdst__trace_int(const kdst_trace *trace, int64_t op, const char *name, int64_t i, int64_t otherwise);
double kdst__trace_float(const kdst_trace *trace, int64_t op, const char *name, double otherwise);
/* -1: does not fit. */
int64_t kdst__trace_macs(const kdst_trace *trace, int64_t op);

extern const kdst__schema kdst__schema_trace;

#endif
