/* SPDX-License-Identifier: Apache-2.0 */
/* Which sizes of a graph depend on the batch: found by tracing once more with a batch that is larger by one. */
#include "nn/trace.h"

#include <inttypes.h>
#include <string.h>

kdst_status kdst__trace_larger(
    const char *function, kdst_layer *layer, int64_t count, const kdst_dtype *dtypes, const int64_t *ranks,
    const int64_t *shapes, const int64_t *axes, int64_t axis_count, kdst_trace **out)
{
    int64_t sizes[KDST__LAYER_INPUTS * KDST__MAX_RANK], *at = sizes;
    for (int64_t i = 0; i < count; at += ranks[i++]) {
        int64_t axis = i < axis_count ? axes[i] : 0;
        if (axis >= ranks[i] && i < axis_count)
            return kdst__fail(
                layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
                "%s: batch_axis of input %" PRId64 " is %" PRId64 ", its rank is %" PRId64, function, i, axis,
                ranks[i]);
        for (int64_t k = 0; k < ranks[i]; k++)
            at[k] = *shapes++;
        if (axis >= 0 && axis < ranks[i] && at[axis] == INT64_MAX)
            return kdst__fail(
                layer->base.ctx, KDST_STATUS_SHAPE,
                "%s: the batch of input %" PRId64 " is %" PRId64 ", which nothing is larger than", function, i,
                at[axis]);
        if (axis >= 0 && axis < ranks[i]) at[axis]++;
    }
    kdst_status status = kdst__trace_new(function, layer, count, dtypes, ranks, sizes, false, out);
    if (status == KDST_STATUS_SHAPE || status == KDST_STATUS_INVALID_ARGUMENT) /* sizes that the caller did not give */
        return kdst__fail(
            layer->base.ctx, status, "%s: with one sample more on batch_axis: %s", function,
            kdst_context_message(layer->base.ctx));
    return status;
}

bool kdst__trace_same_attributes(const kdst_trace *a, const kdst_trace *b, int64_t op)
{
    const kdst__schema *schema = a->graph.ops[op].op->attr_schema;
    for (int32_t i = 0; schema != NULL && i < schema->count; i++) {
        const kdst__option *option = &schema->options[i];
        int64_t count = option->count < 0 ? KDST__MAX_RANK : option->count;
        if (option->type == KDST_OPTION_FLOATS || option->type == KDST_OPTION_STRING) continue;
        for (int64_t k = 0; k < count; k++)
            if (option->type == KDST_OPTION_FLOAT
                    ? kdst__trace_float(a, op, option->name, 0) != kdst__trace_float(b, op, option->name, 0)
                    : kdst__trace_int(a, op, option->name, k, 0) != kdst__trace_int(b, op, option->name, k, 0))
                return false;
    }
    return true;
}

bool kdst__trace_same_graph(const kdst_trace *a, const kdst_trace *b)
{
    const kdst__graph *g = &a->graph, *h = &b->graph;
    if (g->op_count != h->op_count || g->value_count != h->value_count || g->input_count != h->input_count)
        return false;
    if (g->input_count > 0 && memcmp(g->inputs, h->inputs, (size_t)g->input_count * sizeof *g->inputs) != 0)
        return false;
    for (int64_t i = 0; i < g->op_count; i++)
        if (g->ops[i].op != h->ops[i].op || g->values[g->ops[i].output].rank != h->values[h->ops[i].output].rank)
            return false;
    return true;
}
