/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX nodes that move elements: shapes, axes, slices, joins, indices; and the LSTM, whose gates stand in another order there.
 *
 * Sizes that depend on the batch are written so that they follow it: 0 in a Reshape takes the input's size at that place, -1 what is
 * left, and 1 in an Expand leaves the input's.
 */
#include "io/onnx.h"

#include <string.h>

static int64_t number(const kdst__onnx *w, int64_t op, const char *name, int64_t i, int64_t otherwise)
{
    return kdst__trace_int(w->trace, op, name, i, otherwise);
}

static int64_t input_value(const kdst__onnx *w, int64_t op, int32_t i)
{
    return w->trace->graph.inputs[w->trace->graph.ops[op].first_input + i];
}

static const char *input_name(const kdst__onnx *w, int64_t op, int32_t i, char text[KDST__ONNX_NAME])
{
    return kdst__onnx_value_name(w, input_value(w, op, i), text);
}

/* Reshape to the result's sizes: reshape, squeeze, unsqueeze. */
static kdst_status reshape(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0), *y = kdst__trace_output(w->trace, op);
    int64_t from = input_value(w, op, 0), to = w->trace->graph.ops[op].output, sizes[KDST__MAX_RANK];
    int32_t rest = 0;
    char own[KDST__ONNX_NAME], list[KDST__ONNX_NAME];
    for (int32_t i = 0; i < y->rank; i++) {
        if (y->shape[i] == 0) return kdst__onnx_refuse(w, op, "a size of 0 means another thing in ONNX");
        sizes[i] = y->shape[i];
        if (!kdst__onnx_varies(w, to, i)) continue;
        bool same = i < x->rank && x->shape[i] == y->shape[i] && kdst__onnx_varies(w, from, i);
        sizes[i] = same ? 0 : -1;
        rest += !same;
    }
    if (rest > 1) return kdst__onnx_refuse(w, op, "several sizes depend on the batch; set dynamic_batch to 0");
    kdst__onnx_constant_ints(w, sizes, y->rank, list);
    kdst__onnx_node(w, op, type, input_name(w, op, 0, own), list, NULL, NULL);
    return KDST_STATUS_OK;
}

static kdst_status expand(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0), *y = kdst__trace_output(w->trace, op);
    int64_t sizes[KDST__MAX_RANK];
    char own[KDST__ONNX_NAME], list[KDST__ONNX_NAME];
    for (int32_t i = 0; i < y->rank; i++) {
        int32_t axis = i - (y->rank - x->rank);
        sizes[i] = y->shape[i];
        if (!kdst__onnx_varies(w, w->trace->graph.ops[op].output, i)) continue;
        if (axis < 0 || !kdst__onnx_varies(w, input_value(w, op, 0), axis))
            return kdst__onnx_refuse(w, op, "it repeats elements for each sample; set dynamic_batch to 0");
        sizes[i] = 1;
    }
    kdst__onnx_constant_ints(w, sizes, y->rank, list);
    kdst__onnx_node(w, op, type, input_name(w, op, 0, own), list, NULL, NULL);
    return KDST_STATUS_OK;
}

/* transpose exchanges two axes, permute gives all. */
static kdst_status permute(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0);
    int64_t axes[KDST__MAX_RANK], a = number(w, op, "a", 0, 0), b = number(w, op, "b", 0, 0);
    bool exchange = strcmp(w->trace->graph.ops[op].op->name, "transpose") == 0;
    for (int32_t i = 0; i < x->rank; i++)
        axes[i] = exchange ? (i == a ? b : i == b ? a : i) : number(w, op, "axes", i, i);
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_output(w, op);
    kdst__onnx_ints(w, "perm", axes, x->rank);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

static void emit_slice(kdst__onnx *w, int64_t op, int64_t axis, int64_t start, int64_t stop, int64_t step)
{
    char starts[KDST__ONNX_NAME], stops[KDST__ONNX_NAME], axes[KDST__ONNX_NAME], steps[KDST__ONNX_NAME];
    kdst__onnx_constant_ints(w, &start, 1, starts);
    kdst__onnx_constant_ints(w, &stop, 1, stops);
    kdst__onnx_constant_ints(w, &axis, 1, axes);
    kdst__onnx_constant_ints(w, &step, 1, steps);
    kdst__onnx_begin(w, "Slice");
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_input(w, starts);
    kdst__onnx_input(w, stops);
    kdst__onnx_input(w, axes);
    kdst__onnx_input(w, steps);
    kdst__onnx_op_output(w, op);
    kdst__onnx_end(w, op);
}

static kdst_status slice(kdst__onnx *w, int64_t op, const char *type)
{
    (void)type;
    emit_slice(
        w, op, number(w, op, "axis", 0, 0), number(w, op, "start", 0, 0), number(w, op, "stop", 0, 0),
        number(w, op, "step", 0, 1));
    return KDST_STATUS_OK;
}

static kdst_status channel_slice(kdst__onnx *w, int64_t op, const char *type)
{
    const int64_t start = number(w, op, "start", 0, 0);
    (void)type;
    emit_slice(w, op, 1, start, start + number(w, op, "count", 0, 0), 1);
    return KDST_STATUS_OK;
}

/* Reshape of `from` to [N, middle …, axes of x from 2 on]; `to` as kdst__onnx_node. */
static kdst_status
with_channels(kdst__onnx *w, int64_t op, const char *from, const int64_t *middle, int32_t count, char *to)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0);
    const int64_t value = input_value(w, op, 0);
    int64_t sizes[KDST__MAX_RANK + 1];
    int32_t rest = 0, rank = 0;
    char list[KDST__ONNX_NAME];
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] == 0) return kdst__onnx_refuse(w, op, "a size of 0 means another thing in ONNX");
        if (i == 1) {
            for (int32_t k = 0; k < count; k++)
                sizes[rank++] = middle[k];
            continue;
        }
        const bool varies = kdst__onnx_varies(w, value, i);
        rest += varies && i > 0;
        sizes[rank++] = !varies ? x->shape[i] : i == 0 ? 0 : -1;
    }
    if (rest > 1 || kdst__onnx_varies(w, value, 1))
        return kdst__onnx_refuse(w, op, "channels or several sizes depend on the batch; set dynamic_batch to 0");
    kdst__onnx_constant_ints(w, sizes, rank, list);
    kdst__onnx_node(w, op, "Reshape", from, list, NULL, to);
    return KDST_STATUS_OK;
}

/* [N, C, …] as [N, G, C / G, …], its axes 1 and 2 exchanged, and back. */
static kdst_status channel_shuffle(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0);
    const int64_t c = x->shape[1], groups = number(w, op, "groups", 0, 1);
    int64_t axes[KDST__MAX_RANK + 1];
    char own[KDST__ONNX_NAME], grouped[KDST__ONNX_NAME], exchanged[KDST__ONNX_NAME];
    (void)type;
    kdst_status status = with_channels(w, op, input_name(w, op, 0, own), (int64_t[]){groups, c / groups}, 2, grouped);
    if (status != KDST_STATUS_OK) return status;
    for (int32_t i = 0; i <= x->rank; i++)
        axes[i] = i == 1 ? 2 : i == 2 ? 1 : i;
    kdst__onnx_new_name(w, exchanged);
    kdst__onnx_begin(w, "Transpose");
    kdst__onnx_input(w, grouped);
    kdst__onnx_output(w, exchanged);
    kdst__onnx_ints(w, "perm", axes, x->rank + 1);
    kdst__onnx_end(w, op);
    return with_channels(w, op, exchanged, &c, 1, NULL);
}

static kdst_status flip(kdst__onnx *w, int64_t op, const char *type)
{
    (void)type;
    emit_slice(w, op, number(w, op, "axis", 0, 0), -1, INT64_MIN, -1);
    return KDST_STATUS_OK;
}

static kdst_status pad(kdst__onnx *w, int64_t op, const char *type)
{
    const kdst__graph_value *x = kdst__trace_input(w->trace, op, 0);
    int64_t pads[2 * KDST__MAX_RANK] = {0}, axis = number(w, op, "axis", 0, 0);
    double value = kdst__trace_float(w->trace, op, "value", 0);
    char own[KDST__ONNX_NAME], list[KDST__ONNX_NAME], filler[KDST__ONNX_NAME];
    pads[axis] = number(w, op, "before", 0, 0);
    pads[x->rank + axis] = number(w, op, "after", 0, 0);
    kdst__onnx_constant_ints(w, pads, 2 * x->rank, list);
    kdst__onnx_constant(w, x->dtype, 0, NULL, &value, filler);
    kdst__onnx_node(w, op, type, input_name(w, op, 0, own), list, filler, NULL);
    return KDST_STATUS_OK;
}

static kdst_status concat(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    for (int32_t i = 0; i < w->trace->graph.ops[op].count; i++)
        kdst__onnx_op_input(w, op, i);
    kdst__onnx_op_output(w, op);
    kdst__onnx_int(w, "axis", number(w, op, "axis", 0, 0));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

/* Each input gets the new axis, then they are joined; names made in one go follow each other. */
static kdst_status stack(kdst__onnx *w, int64_t op, const char *type)
{
    int64_t axis = number(w, op, "axis", 0, 0);
    int32_t count = w->trace->graph.ops[op].count;
    char axes[KDST__ONNX_NAME], own[KDST__ONNX_NAME], name[KDST__ONNX_NAME];
    kdst__onnx_constant_ints(w, &axis, 1, axes);
    int64_t first = w->made;
    for (int32_t i = 0; i < count; i++)
        kdst__onnx_node(w, op, "Unsqueeze", input_name(w, op, i, own), axes, NULL, name);
    int64_t last = w->made;
    kdst__onnx_begin(w, type);
    for (w->made = first; w->made < last;)
        kdst__onnx_input(w, kdst__onnx_new_name(w, name));
    kdst__onnx_op_output(w, op);
    kdst__onnx_int(w, "axis", axis);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

/* index_select, gather, embedding (rows of the first axis). */
static kdst_status gather(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, 0);
    kdst__onnx_op_input(w, op, 1);
    kdst__onnx_op_output(w, op);
    kdst__onnx_int(w, "axis", number(w, op, "axis", 0, 0));
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

static kdst_status where(kdst__onnx *w, int64_t op, const char *type)
{
    kdst__onnx_begin(w, type);
    for (int32_t i = 0; i < 3; i++)
        kdst__onnx_op_input(w, op, i);
    kdst__onnx_op_output(w, op);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

/* ---- LSTM ---- */

enum { X, W_IH, W_HH, B_IH, B_HH, H0, C0, LENGTHS };

/* `name` with a new first axis. */
static const char *with_axis(kdst__onnx *w, int64_t op, const char *name, const char *axis, char text[KDST__ONNX_NAME])
{
    return kdst__onnx_node(w, op, "Unsqueeze", name, axis, NULL, text);
}

/* Rows of an input of the operation in ONNX's order of gates. */
static const char *reordered(kdst__onnx *w, int64_t op, int32_t i, const char *order, char text[KDST__ONNX_NAME])
{
    char own[KDST__ONNX_NAME];
    return kdst__onnx_node(w, op, "Gather", input_name(w, op, i, own), order, NULL, text);
}

/* Both biases behind each other, [1, 8H]; a missing one is zeros. NULL: none. */
static const char *
biases(kdst__onnx *w, int64_t op, int64_t h, const char *order, const char *axis, char text[KDST__ONNX_NAME])
{
    char parts[2][KDST__ONNX_NAME], joined[KDST__ONNX_NAME];
    if (kdst__trace_input(w->trace, op, B_IH) == NULL && kdst__trace_input(w->trace, op, B_HH) == NULL) return NULL;
    for (int32_t i = 0; i < 2; i++) {
        if (kdst__trace_input(w->trace, op, B_IH + i) != NULL) {
            reordered(w, op, B_IH + i, order, parts[i]);
            continue;
        }
        const int64_t count = 4 * h;
        double *zeros = kdst__alloc_zero(kdst__onnx_memory(w), (size_t)count * sizeof *zeros);
        parts[i][0] = '\0';
        if (zeros == NULL)
            w->graph.failed = true;
        else
            kdst__onnx_constant(w, kdst__trace_output(w->trace, op)->dtype, 1, &count, zeros, parts[i]);
        kdst__free(kdst__onnx_memory(w), zeros, (size_t)count * sizeof *zeros);
    }
    kdst__onnx_begin(w, "Concat");
    kdst__onnx_input(w, parts[0]);
    kdst__onnx_input(w, parts[1]);
    kdst__onnx_output(w, kdst__onnx_new_name(w, joined));
    kdst__onnx_int(w, "axis", 0);
    kdst__onnx_end(w, op);
    return with_axis(w, op, joined, axis, text);
}

/* Rows of i, f, g, o as ONNX wants them: i, o, f, c. */
static const char *gate_order(kdst__onnx *w, int64_t h, char text[KDST__ONNX_NAME])
{
    static const int gates[4] = {0, 3, 1, 2};
    size_t bytes = (size_t)(4 * h) * sizeof(int64_t);
    int64_t *rows = kdst__alloc(kdst__onnx_memory(w), bytes);
    text[0] = '\0';
    for (int64_t i = 0; i < 4 * h && rows != NULL; i++)
        rows[i] = gates[i / h] * h + i % h;
    if (rows == NULL)
        w->graph.failed = true;
    else
        kdst__onnx_constant_ints(w, rows, 4 * h, text);
    kdst__free(kdst__onnx_memory(w), rows, bytes);
    return text;
}

/* [T + 2, N, H]: Y [T, 1, N, H] without its direction, then Y_h and Y_c [1, N, H]. */
static kdst_status lstm(kdst__onnx *w, int64_t op, const char *type)
{
    int64_t h = kdst__trace_input(w->trace, op, W_HH)->shape[1], zero = 0, one = 1;
    char order[KDST__ONNX_NAME], axis[KDST__ONNX_NAME], second[KDST__ONNX_NAME], turned[KDST__ONNX_NAME];
    char weights[2][KDST__ONNX_NAME], bias[KDST__ONNX_NAME], states[2][KDST__ONNX_NAME], own[KDST__ONNX_NAME];
    char results[3][KDST__ONNX_NAME], steps[KDST__ONNX_NAME];
    gate_order(w, h, order);
    kdst__onnx_constant_ints(w, &zero, 1, axis);
    kdst__onnx_constant_ints(w, &one, 1, second);
    for (int32_t i = 0; i < 2; i++)
        with_axis(w, op, reordered(w, op, W_IH + i, order, turned), axis, weights[i]);
    const char *biased = biases(w, op, h, order, axis, bias);
    for (int32_t i = 0; i < 2; i++) {
        states[i][0] = '\0';
        if (kdst__trace_input(w->trace, op, H0 + i) != NULL)
            with_axis(w, op, input_name(w, op, H0 + i, own), axis, states[i]);
    }
    kdst__onnx_begin(w, type);
    kdst__onnx_op_input(w, op, X);
    kdst__onnx_input(w, weights[0]);
    kdst__onnx_input(w, weights[1]);
    kdst__onnx_input(w, biased != NULL ? biased : "");
    kdst__onnx_op_input(w, op, LENGTHS);
    kdst__onnx_input(w, states[0]);
    kdst__onnx_input(w, states[1]);
    for (int32_t i = 0; i < 3; i++)
        kdst__onnx_output(w, kdst__onnx_new_name(w, results[i]));
    kdst__onnx_int(w, "hidden_size", h);
    kdst__onnx_text(w, "direction", number(w, op, "reverse", 0, 0) ? "reverse" : "forward");
    kdst__onnx_end(w, op);
    kdst__onnx_node(w, op, "Squeeze", results[0], second, NULL, steps);
    kdst__onnx_begin(w, "Concat");
    kdst__onnx_input(w, steps);
    kdst__onnx_input(w, results[1]);
    kdst__onnx_input(w, results[2]);
    kdst__onnx_op_output(w, op);
    kdst__onnx_int(w, "axis", 0);
    kdst__onnx_end(w, op);
    return KDST_STATUS_OK;
}

const kdst__onnx_row kdst__onnx_rows_indices[] = {
    {"reshape", reshape, "Reshape"},
    {"squeeze", reshape, "Reshape"},
    {"unsqueeze", reshape, "Reshape"},
    {"broadcast_to", expand, "Expand"},
    {"transpose", permute, "Transpose"},
    {"permute", permute, "Transpose"},
    {"slice", slice, NULL},
    {"channel_slice", channel_slice, NULL},
    {"channel_shuffle", channel_shuffle, NULL},
    {"flip", flip, NULL},
    {"pad", pad, "Pad"},
    {"concat", concat, "Concat"},
    {"stack", stack, "Concat"},
    {"index_select", gather, "Gather"},
    {"embedding", gather, "Gather"},
    {"gather", gather, "GatherElements"},
    {"where", where, "Where"},
    {"lstm", lstm, "LSTM"},
    {NULL, NULL, NULL},
};
