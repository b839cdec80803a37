/* SPDX-License-Identifier: Apache-2.0 */
/* lstm: layers and directions of the operation of that name (lib/autograd/ops/lstm.c), over [T, N, D].
 *
 * Each layer and direction has weight_ih, weight_hh, bias_ih and bias_hh; names end in _l0, _l1, … and _reverse. They are children that
 * hold one tensor each, because a layer of its own holds but a few. A layer reads the output of the one below, both
 * directions side by side, through dropout while training. All are drawn uniformly in +-1/sqrt(H).
 */
#include "nn/layer.h"

#include <kdst/indexing.h>
#include <kdst/sequence.h>

#include <inttypes.h>
#include <stdio.h>

#define LAYERS 32 /* most */

enum { ALL, SEQUENCE, LAST };

typedef struct lstm {
    kdst_layer base;
    int64_t layers, directions, hidden;
    int64_t each; /* tensors of a layer and direction */
    double dropout;
    int32_t result;
} lstm;

static const kdst__option options[] = {
    KDST__INT(kdst__lstm_config, num_layers, 1, 1, LAYERS, "layers, each on the output of the one below"),
    KDST__INT(kdst__lstm_config, bidirectional, 0, 0, 1, "1: a second set of weights runs backwards"),
    KDST__INT(kdst__lstm_config, bias, 1, 0, 1, "1: with both biases"),
    KDST__FLOAT_BELOW(kdst__lstm_config, dropout, 0, 0, 1, "rate of the dropout between layers"),
    KDST__CHOICE(
        kdst__lstm_config, result, "all", "all|sequence|last",
        "outputs: h of every step, last h and last c; h of every step; the last layer's last h"),
    KDST__CHOICE(kdst__lstm_config, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_layer_lstm = {"layer.lstm", options, KDST__COUNT(options), NULL, 0};

static void ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    *out = (kdst__layer_ports){1, 3, ((const lstm *)layer)->result == ALL ? 3 : 1};
}

/* ---- running ---- */

/* What has been made of the layers so far. */
typedef struct pass {
    kdst_tensor *x;             /* input of the layer at hand */
    kdst_tensor *h[2 * LAYERS]; /* last states [1, N, H], layer by layer, directions side by side */
    kdst_tensor *c[2 * LAYERS];
    int64_t count;
} pass;

/* First state of one layer and direction, [N, H], from [layers directions, N, H]; NULL for NULL. */
static kdst_status first_state(kdst_tensor *all, int64_t i, kdst_tensor **out)
{
    kdst_tensor *one = NULL;
    if (all == NULL) return KDST_STATUS_OK;
    kdst_status status = kdst_slice(all, 0, i, i + 1, 1, &one);
    if (status == KDST_STATUS_OK) status = kdst_reshape(one, 2, all->shape + 1, out);
    kdst_tensor_release(one);
    return status;
}

static kdst_status check_states(const lstm *l, const kdst_tensor *x, kdst_tensor *const *inputs, int64_t count)
{
    static const char *const names[] = {"h0", "c0"};
    int64_t n = x->shape[1], want = l->layers * l->directions;
    char text[KDST__SHAPE_TEXT];
    for (int i = 0; i < 2; i++) {
        const kdst_tensor *t = count > 2 + i ? inputs[2 + i] : NULL;
        if (t != NULL && (t->rank != 3 || t->shape[0] != want || t->shape[1] != n || t->shape[2] != l->hidden))
            return kdst__fail(
                l->base.base.ctx, KDST_STATUS_SHAPE,
                "lstm: %s is %s, layer expects [%" PRId64 ", %" PRId64 ", %" PRId64 "]", names[i],
                kdst__shape_text(t->rank, t->shape, text), want, n, l->hidden);
    }
    return KDST_STATUS_OK;
}

/* One layer in one direction: its h of every step, its states onto the pass. */
static kdst_status
run_direction(const lstm *l, pass *p, int64_t direction, kdst_tensor *const *inputs, int64_t count, kdst_tensor **y)
{
    int64_t i = p->count;
    kdst_layer *const *own = l->base.children + i * l->each;
    const kdst__lstm_attrs attrs = {direction};
    kdst__lstm_inputs in = {
        .x = p->x,
        .lengths = count > 1 ? inputs[1] : NULL,
        .w_ih = own[0]->tensors[0].tensor,
        .w_hh = own[1]->tensors[0].tensor,
        .b_ih = l->each > 2 ? own[2]->tensors[0].tensor : NULL,
        .b_hh = l->each > 2 ? own[3]->tensors[0].tensor : NULL};
    kdst_tensor *packed = NULL;
    kdst_status status = first_state(count > 2 ? inputs[2] : NULL, i, &in.h0);
    if (status == KDST_STATUS_OK) status = first_state(count > 3 ? inputs[3] : NULL, i, &in.c0);
    if (status == KDST_STATUS_OK) status = kdst__lstm_run(&in, &attrs, &packed);
    if (status == KDST_STATUS_OK) status = kdst__lstm_parts(packed, false, y, &p->h[i], &p->c[i]);
    p->count += status == KDST_STATUS_OK;
    kdst_tensor_release(packed);
    kdst_tensor_release(in.c0);
    kdst_tensor_release(in.h0);
    return status;
}

/* One tensor: itself; several: side by side along an axis. */
static kdst_status join(kdst_tensor *const *parts, int64_t count, int64_t axis, kdst_tensor **out)
{
    if (count > 1) return kdst_concat(parts, count, axis, out);
    kdst_tensor_retain(*out = parts[0]);
    return KDST_STATUS_OK;
}

/* One layer: p->x becomes its output. */
static kdst_status run_layer(const lstm *l, pass *p, kdst_tensor *const *inputs, int64_t count)
{
    kdst_tensor *y[2] = {NULL, NULL}, *next = NULL, *dropped = NULL;
    kdst_status status = KDST_STATUS_OK;
    if (p->count > 0 && l->dropout > 0 && kdst__layer_is_training(&l->base)) {
        status = kdst__dropout_run(p->x, l->dropout, &dropped);
        if (status != KDST_STATUS_OK) return status;
        kdst_tensor_release(p->x);
        p->x = dropped;
    }
    for (int64_t d = 0; d < l->directions && status == KDST_STATUS_OK; d++)
        status = run_direction(l, p, d, inputs, count, &y[d]);
    if (status == KDST_STATUS_OK) status = join(y, l->directions, 2, &next);
    if (status == KDST_STATUS_OK) {
        kdst_tensor_release(p->x);
        p->x = next;
    }
    kdst_tensor_release(y[1]);
    kdst_tensor_release(y[0]);
    return status;
}

/* The last layer's last h, [N, directions H]. */
static kdst_status last_state(const lstm *l, const pass *p, kdst_tensor **out)
{
    kdst_tensor *both = NULL;
    kdst_status status = join(p->h + p->count - l->directions, l->directions, 2, &both);
    if (status == KDST_STATUS_OK) status = kdst_reshape(both, 2, both->shape + 1, out);
    kdst_tensor_release(both);
    return status;
}

static kdst_status run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const lstm *l = (const lstm *)layer;
    pass p = {.x = inputs[0]};
    char text[KDST__SHAPE_TEXT];
    int64_t features = layer->children[0]->tensors[0].tensor->shape[1];
    if (p.x->rank != 3 || p.x->shape[2] != features)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "lstm: input is %s, layer expects [T, N, %" PRId64 "]",
            kdst__shape_text(p.x->rank, p.x->shape, text), features);
    kdst_status status = check_states(l, p.x, inputs, count);
    if (status != KDST_STATUS_OK) return status;
    kdst_tensor_retain(p.x);
    for (int64_t i = 0; i < l->layers && status == KDST_STATUS_OK; i++)
        status = run_layer(l, &p, inputs, count);
    if (status == KDST_STATUS_OK && l->result == LAST) status = last_state(l, &p, &out[0]);
    if (status == KDST_STATUS_OK && l->result != LAST) kdst_tensor_retain(out[0] = p.x);
    if (status == KDST_STATUS_OK && l->result == ALL) status = join(p.h, p.count, 0, &out[1]);
    if (status == KDST_STATUS_OK && l->result == ALL) status = join(p.c, p.count, 0, &out[2]);
    for (int64_t i = 0; i < 2 * LAYERS; i++) {
        kdst_tensor_release(p.c[i]);
        kdst_tensor_release(p.h[i]);
    }
    kdst_tensor_release(p.x);
    return status;
}

static const kdst__layer_kind kind = {.name = "lstm", .bytes = sizeof(lstm), .run_many = run, .ports = ports};

/* ---- creation ---- */

/* Makes and attaches one tensor [rows] or [rows, columns]. */
static kdst_status
hold(kdst_layer *layer, const char *name, kdst_dtype dtype, int64_t rank, int64_t rows, int64_t columns)
{
    kdst_context *ctx = layer->base.ctx;
    const int64_t shape[2] = {rows, columns};
    const kdst__init_config init = {.bound = 1 / sqrt((double)rows / 4)};
    kdst_tensor *tensor = NULL;
    kdst_layer *child = NULL;
    kdst_status status = kdst__tensor_new(ctx, "lstm", dtype, rank, shape, true, &tensor);
    if (status == KDST_STATUS_OK) status = kdst__init_run(tensor, KDST__INIT_UNIFORM, &init);
    if (status == KDST_STATUS_OK) status = kdst__layer_parameter_new(ctx, name, tensor, true, &child);
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("lstm", layer, "", child);
    kdst_layer_release(child);
    kdst_tensor_release(tensor);
    return status;
}

static kdst_status hold_all(lstm *l, int64_t features, kdst_dtype dtype)
{
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    kdst_status status = KDST_STATUS_OK;
    char name[48];
    for (int64_t i = 0; i < l->layers * l->directions; i++)
        for (int64_t k = 0; k < l->each && status == KDST_STATUS_OK; k++) {
            int64_t in = k == 1 ? l->hidden : i < l->directions ? features : l->directions * l->hidden;
            snprintf(
                name, sizeof name, "%s_l%d%s", names[k], (int)(i / l->directions), i % l->directions ? "_reverse" : "");
            status = hold(&l->base, name, dtype, k < 2 ? 2 : 1, 4 * l->hidden, in);
        }
    return status;
}

kdst_status kdst__layer_lstm_new(
    kdst_context *ctx, int64_t features, int64_t hidden, const kdst__lstm_config *config, kdst_layer **out)
{
    kdst_layer *layer;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    lstm *l = (lstm *)layer;
    l->layers = config->num_layers;
    l->directions = 1 + config->bidirectional;
    l->hidden = hidden;
    l->each = config->bias ? 4 : 2;
    l->dropout = config->dropout;
    l->result = config->result;
    status = hold_all(l, features, config->dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status
kdst_layer_lstm_create(kdst_context *ctx, int64_t features, int64_t hidden, const kdst_options *given, kdst_layer **out)
{
    kdst__lstm_config config;
    kdst_status status = kdst__layer_begin(ctx, "lstm", out);
    if (status != KDST_STATUS_OK) return status;
    if (features < 1 || hidden < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "lstm: %s is %" PRId64 ", allowed is 1 and more",
            features < 1 ? "features" : "hidden", features < 1 ? features : hidden);
    if (hidden > INT64_MAX / 8)
        return kdst__fail(ctx, KDST_STATUS_SHAPE, "lstm: hidden is %" PRId64 ", which is too large", hidden);
    status = kdst__options_parse(ctx, "lstm", &kdst__schema_layer_lstm, given, &config);
    return status == KDST_STATUS_OK ? kdst__layer_lstm_new(ctx, features, hidden, &config, out) : status;
}
