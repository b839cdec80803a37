/* SPDX-License-Identifier: Apache-2.0 */
/* Multiply-adds of operations that are products; everything else counts as none.
 *
 * conv2d: each element of the result sums over the weight's [C, KH, KW] below its output channel. conv_transpose2d: each element of the
 * input meets [O, KH, KW]. linear: I for each element of the result. matmul: the inner size. lstm: for each token the rows of both
 * matrices, 4H (I + H).
 */
#include "nn/trace.h"

#include <string.h>

static int64_t count_of(const kdst__graph_value *v, int32_t first)
{
    int64_t count = 1;
    for (int32_t i = first; i < v->rank; i++)
        count *= v->shape[i];
    return count;
}

/* Product of two sizes; -1: does not fit. */
static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? -1 : product;
}

/* Tokens of x [T, N, D] times the elements of w_ih and w_hh. */
static int64_t lstm(const kdst_trace *trace, int64_t op)
{
    const kdst__graph_value *x = kdst__trace_input(trace, op, 0);
    int64_t weights = count_of(kdst__trace_input(trace, op, 1), 0) + count_of(kdst__trace_input(trace, op, 2), 0);
    return times(x->shape[0] * x->shape[1], weights);
}

int64_t kdst__trace_macs(const kdst_trace *trace, int64_t op)
{
    const char *name = trace->graph.ops[op].op->name;
    const kdst__graph_value *x = kdst__trace_input(trace, op, 0), *w = kdst__trace_input(trace, op, 1);
    int64_t results = count_of(kdst__trace_output(trace, op), 0);
    if (strcmp(name, "conv2d") == 0 || strncmp(name, "linear", 6) == 0) return times(results, count_of(w, 1));
    if (strcmp(name, "conv_transpose2d") == 0) return times(count_of(x, 0), count_of(w, 1));
    if (strcmp(name, "matmul") == 0) return times(results, x->shape[x->rank - 1]);
    if (strcmp(name, "lstm") == 0) return lstm(trace, op);
    return 0;
}
