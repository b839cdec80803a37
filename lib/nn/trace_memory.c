/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a training step of a traced network takes: an estimate from shapes and from what the records of the operations keep.
 *
 * Kept between forward and backward are the inputs and results that descriptors name, each once, views as what they look at; and the mask of a
 * dropout. The result of a relu behind a batch norm that only a convolution reads is not: it is made again. On top come the
 * gradients that flow while the pass runs: two of the largest result.
 */
#include "nn/trace.h"

#include <inttypes.h>

static int64_t bytes_of(const kdst__graph_value *v)
{
    int64_t bytes = kdst_dtype_get_size(v->dtype);
    for (int32_t i = 0; i < v->rank; i++)
        bytes *= v->shape[i];
    return bytes;
}

/* The value whose elements a view shows. */
static int64_t root_of(const kdst__graph *g, int64_t value)
{
    while (g->values[value].role == KDST_VALUE_RESULT) {
        const kdst__graph_op *o = &g->ops[g->values[value].op];
        if (!o->op->makes_out || o->op == &kdst__op_custom || o->count < 1 || g->inputs[o->first_input] < 0) break;
        value = g->inputs[o->first_input];
    }
    return value;
}

static bool is_activation(const kdst__graph_value *v)
{
    return v->role == KDST_VALUE_INPUT || v->role == KDST_VALUE_RESULT;
}

/* The one operation that reads a value; NULL: none or several. */
static const kdst__graph_op *reader_of(const kdst__graph *g, int64_t value)
{
    const kdst__graph_op *found = NULL;
    for (int64_t i = 0; i < g->op_count; i++)
        for (int32_t k = 0; k < g->ops[i].count; k++) {
            if (g->inputs[g->ops[i].first_input + k] != value) continue;
            if (found != NULL) return NULL;
            found = &g->ops[i];
        }
    return found;
}

static bool is_made_again(const kdst__graph *g, const kdst__graph_op *o)
{
    if (o->op != &kdst__op_relu) return false;
    const kdst__graph_value *x = &g->values[g->inputs[o->first_input]];
    const kdst__graph_op *reader = reader_of(g, o->output);
    return x->role == KDST_VALUE_RESULT && g->ops[x->op].op == &kdst__op_batch_norm && reader != NULL &&
        reader->op == &kdst__op_conv2d && g->values[o->output].dtype == KDST_DTYPE_FLOAT32;
}

static void mark(const kdst__graph *g, bool *kept)
{
    for (int64_t i = 0; i < g->op_count; i++) {
        const kdst__graph_op *o = &g->ops[i];
        if (o->op->backward == NULL) continue;
        for (int32_t k = 0; k < o->count; k++) {
            int64_t value = g->inputs[o->first_input + k];
            if (value >= 0 && kdst__op_mask(o->op->keep_inputs, k)) kept[root_of(g, value)] = true;
        }
        if (o->op->keep_out) kept[root_of(g, o->output)] = true;
    }
    for (int64_t i = 0; i < g->op_count; i++)
        if (is_made_again(g, &g->ops[i])) kept[g->ops[i].output] = false;
}

static int64_t activations(const kdst__graph *g, const bool *kept)
{
    int64_t sum = 0, most = 0;
    for (int64_t i = 0; i < g->value_count; i++) {
        int64_t bytes = is_activation(&g->values[i]) ? bytes_of(&g->values[i]) : 0;
        if (kept[i]) sum += bytes;
        if (g->values[i].role == KDST_VALUE_RESULT && bytes > most) most = bytes;
    }
    for (int64_t i = 0; i < g->op_count; i++) {
        const kdst__graph_value *y = &g->values[g->ops[i].output];
        if (g->ops[i].op == &kdst__op_dropout) sum += bytes_of(y) / kdst_dtype_get_size(y->dtype);
    }
    return sum + 2 * most;
}

kdst_status kdst_trace_get_memory(
    kdst_trace *trace, int64_t states, int64_t *out_state, int64_t *out_gradients, int64_t *out_optimizer,
    int64_t *out_activations)
{
    int64_t state = 0, gradients = 0;
    if (out_state != NULL) *out_state = 0;
    if (out_gradients != NULL) *out_gradients = 0;
    if (out_optimizer != NULL) *out_optimizer = 0;
    if (out_activations != NULL) *out_activations = 0;
    if (trace == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = trace->base.ctx;
    const kdst__graph *g = &trace->graph;
    kdst__enter(ctx);
    if (states < 0 || states > 8)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "trace_get_memory: states is %" PRId64 ", allowed is 0 to 8", states);
    bool *kept = kdst__alloc_zero(kdst__context_memory(ctx), (size_t)g->value_count * sizeof *kept);
    if (kept == NULL) return kdst__fail_memory(ctx, "trace_get_memory");
    mark(g, kept);
    for (int64_t i = 0; i < g->value_count; i++) {
        const kdst__graph_value *v = &g->values[i];
        if (v->role == KDST_VALUE_PARAMETER || v->role == KDST_VALUE_BUFFER) state += bytes_of(v);
        if (v->role == KDST_VALUE_PARAMETER && v->tensor->requires_grad) gradients += bytes_of(v);
    }
    if (out_state != NULL) *out_state = state;
    if (out_gradients != NULL) *out_gradients = gradients;
    if (out_optimizer != NULL) *out_optimizer = states * gradients;
    if (out_activations != NULL) *out_activations = activations(g, kept);
    kdst__free(kdst__context_memory(ctx), kept, (size_t)g->value_count * sizeof *kept);
    return KDST_STATUS_OK;
}
