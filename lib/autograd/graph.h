/* SPDX-License-Identifier: Apache-2.0 */
/* Recording of operations for their shapes alone.
 *
 * While a context has a graph, kdst__op_run applies an operation's shape rule, appends it to the graph, and gives a tensor without
 * elements; forward is not called and nothing is computed. A tensor with elements that turns up as an input is a constant of the graph,
 * until somebody knows it as a parameter or a buffer.
 */
#ifndef KDST_AUTOGRAD_GRAPH_H
#define KDST_AUTOGRAD_GRAPH_H

#include "autograd/op.h"

#include <kdst/trace.h>

typedef struct kdst__graph_value {
    kdst_dtype dtype;
    int32_t rank;
    int64_t shape[KDST__MAX_RANK];
    kdst_value_role role;
    kdst_tensor *tensor; /* retained; without elements for inputs and results */
    int64_t op;          /* that gives it; -1: none */
} kdst__graph_value;

typedef struct kdst__graph_op {
    const kdst__op *op;
    void *attrs; /* copied; NULL without attributes */
    int32_t count;
    int64_t first_input; /* in `inputs` of the graph */
    int64_t output;      /* value */
    const void *owner;   /* what was running: an address, not to be followed */
} kdst__graph_op;

typedef struct kdst__graph {
    kdst_context *ctx; /* of the object that holds the graph */
    kdst__graph_value *values;
    kdst__graph_op *ops;
    int64_t *inputs; /* values, of all operations; -1: an optional one that is not given */
    int64_t value_count, value_capacity, op_count, op_capacity, input_count, input_capacity;
    const void *owner;
} kdst__graph;

/* The graph that is being recorded, or NULL. */
kdst__graph *kdst__graph_of(const kdst_context *ctx);
static inline bool kdst__tracing(const kdst_context *ctx)
{
    return kdst__graph_of(ctx) != NULL;
}
/* Between these operations are recorded; STATE when a graph is recorded already. */
kdst_status kdst__graph_begin(kdst__graph *graph, const char *function);
void kdst__graph_end(kdst__graph *graph);
/* New input without elements, also as a tensor: new reference. */
kdst_status kdst__graph_add_input(
    kdst__graph *graph, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out);
/* The value of a tensor: known, or a new constant. */
kdst_status kdst__graph_find(kdst__graph *graph, const char *function, kdst_tensor *tensor, int64_t *out);
/* kdst__op_run while recording; inputs are checked. */
kdst_status kdst__graph_run(kdst__graph *graph, kdst__call *call, kdst_tensor **out);
void kdst__graph_release(kdst__graph *graph);

#endif
