/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds "network" and "train" of the system "tsslbp": networks of spiking layers, looked into by hooks.
 *
 * A hook behind the layer that makes a layer's currents, and one behind its neurons, put an operation of their own in between: it copies what
 * passes and keeps the gradient that comes back. So each current, postsynaptic current and gradient of a case is one that the
 * network itself worked with. Where the input is the same at every step, the network is run again with a static first layer.
 */
#include "tsslbp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS 8

/* What passes a place of the network, and the gradient there. */
typedef struct tap {
    kdst_operation *operation;
    kdst_tensor *value, *grad;
} tap;

typedef struct node {
    char name[64];
    bool neurons;
    kdst_layer *layer;
    kdst_neuron *neuron;
    double threshold;
    kdst_tensor *weight;
    tap current, out;
} node;

typedef struct network {
    kdst_layer *layer;
    int count;
    node nodes[MAX_LAYERS];
    fields settings; /* "network" of the parameters */
    kdst_loss *loss;
    bool is_static;
    int64_t steps;
} network;

/* ---- taps ---- */

static kdst_status tap_forward(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)user_data, (void)count;
    return kdst_tensor_copy(inputs[0], 0, out);
}

static kdst_status tap_backward(
    void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor *y, kdst_tensor *dy,
    kdst_tensor *const *d_inputs)
{
    tap *t = user_data;
    kdst_tensor *sum = NULL;
    (void)inputs, (void)count, (void)y;
    kdst_tensor_release(t->grad);
    t->grad = NULL;
    kdst_status status = kdst_tensor_copy(dy, 0, &t->grad);
    if (status || !d_inputs[0]) return status;
    status = kdst_add(d_inputs[0], dy, &sum);
    if (!status) status = kdst_tensor_set(d_inputs[0], sum);
    kdst_tensor_release(sum);
    return status;
}

static kdst_status tap_hook(void *user_data, kdst_layer *layer, int64_t index, kdst_tensor *output, kdst_tensor **out)
{
    tap *t = user_data;
    (void)layer, (void)index;
    kdst_tensor_release(t->value);
    t->value = NULL;
    kdst_status status = kdst_operation_run(t->operation, &output, 1, out);
    if (!status) kdst_tensor_retain(t->value = *out);
    return status;
}

static void tap_at(tsslbp_case *c, kdst_layer *layer, tap *t)
{
    if (done(c, kdst_operation_create(c->r->ctx, "tap", tap_forward, tap_backward, t, NULL, &t->operation), "tap"))
        done(c, kdst_layer_add_hook(layer, tap_hook, t, NULL, NULL), "tap");
}

static void tap_free(tap *t)
{
    kdst_tensor_release(t->grad);
    kdst_tensor_release(t->value);
    kdst_operation_release(t->operation);
}

/* ---- building ---- */

static void make_neuron(tsslbp_case *c, const network *n, fields *f, node *to)
{
    settings s = settings_new();
    fields from = n->settings;
    to->neurons = true;
    to->threshold = fields_number(f, "threshold");
    set_float(&s, "tau_m", fields_number(&from, "tau_m"));
    set_float(&s, "tau_s", fields_number(&from, "tau_s"));
    set_float(&s, "threshold", to->threshold);
    if (settings_sound(c, &s)) done(c, kdst_neuron_create(c->r->ctx, s.options, &to->neuron), "neuron");
    kdst_options_release(s.options);
}

static void make_weighted(tsslbp_case *c, const network *n, fields *f, node *to, bool first, const char *type)
{
    settings s = settings_new();
    kdst_context *ctx = c->r->ctx;
    make_neuron(c, n, f, to);
    set_text(&s, "dtype", kdst_dtype_get_name(c->dtype));
    set_float(&s, "weight_scale", fields_number(f, "weight_scale"));
    set_text(&s, "input", first && n->is_static ? "static" : "sequence");
    set_int(&s, "steps", n->steps);
    if (!strcmp(type, "linear")) {
        const int64_t in = fields_whole(f, "n_inputs"), out = fields_whole(f, "n_outputs");
        if (settings_sound(c, &s))
            done(c, kdst_layer_spiking_linear_create(ctx, in, out, to->neuron, s.options, &to->layer), type);
    } else {
        const int64_t in = fields_whole(f, "in_channels"), out = fields_whole(f, "out_channels");
        set_int(&s, "kernel", fields_whole(f, "kernel_size"));
        set_int(&s, "padding", fields_whole(f, "padding"));
        set_int(&s, "stride", fields_whole(f, "stride"));
        if (settings_sound(c, &s))
            done(c, kdst_layer_spiking_conv2d_create(ctx, in, out, to->neuron, s.options, &to->layer), type);
    }
    kdst_options_release(s.options);
}

static void make_pool(tsslbp_case *c, fields *f, node *to)
{
    settings s = settings_new();
    set_int(&s, "kernel", fields_whole(f, "kernel_size"));
    set_float(&s, "theta", fields_number(f, "theta"));
    if (settings_sound(c, &s)) done(c, kdst_layer_spiking_pool2d_create(c->r->ctx, s.options, &to->layer), "pooling");
    kdst_options_release(s.options);
}

/* Puts the case's weight in. */
static void set_weight(tsslbp_case *c, node *n)
{
    char name[96];
    snprintf(name, sizeof name, "%s.weight", n->name);
    kdst_tensor *value = read_input(c, name);
    if (!value || !done(c, kdst_layer_find(n->layer, "weight", &n->weight), name)) return;
    done(c, kdst_tensor_set(n->weight, value), name);
}

static void make_node(tsslbp_case *c, network *n, const cJSON *item)
{
    fields f;
    kdst_layer *inner = NULL;
    if (n->count == MAX_LAYERS) problem(c->v, "there are too many layers");
    if (!sound(c->v)) return;
    node *to = &n->nodes[n->count++];
    snprintf(to->name, sizeof to->name, "%s", item->string);
    fields_open(&f, c->v, item, to->name);
    const char *type = fields_text(&f, "type");
    if (!strcmp(type, "pooling"))
        make_pool(c, &f, to);
    else if (!strcmp(type, "linear") || !strcmp(type, "conv"))
        make_weighted(c, n, &f, to, n->count == 1, type);
    else
        problem(c->v, "a layer of type \"%.64s\" is unknown", type);
    if (sound(c->v)) fields_close(&f);
    if (!sound(c->v) || !done(c, kdst_layer_add(n->layer, to->name, to->layer), to->name)) return;
    if (to->neurons && done(c, kdst_layer_get_child(to->layer, 1, NULL, &inner), to->name)) {
        tap_at(c, inner, &to->current);
        set_weight(c, to);
    }
    tap_at(c, to->layer, &to->out);
}

static void network_make(tsslbp_case *c, network *n, bool is_static)
{
    const cJSON *item;
    memset(n, 0, sizeof *n);
    n->is_static = is_static;
    fields_open(&n->settings, c->v, fields_get(&c->params, "network"), "params.network");
    n->steps = fields_whole(&n->settings, "n_steps");
    if (strcmp(fields_text(&n->settings, "model"), "LIF")) problem(c->v, "the model is unknown");
    if (strcmp(fields_text(&n->settings, "rule"), "TSSLBP")) problem(c->v, "the rule is unknown");
    n->loss = spike_loss(c, &n->settings, NULL, NULL);
    done(c, kdst_layer_sequential_create(c->r->ctx, &n->layer), "sequential");
    const cJSON *layers = fields_get(&c->params, "layers");
    if (!cJSON_IsObject(layers) || !layers->child) problem(c->v, "layers is no object with layers");
    cJSON_ArrayForEach(item, layers) make_node(c, n, item);
}

static void network_free(network *n)
{
    kdst_layer_release(n->layer);
    for (int i = 0; i < n->count; i++) {
        tap_free(&n->nodes[i].current);
        tap_free(&n->nodes[i].out);
        kdst_layer_release(n->nodes[i].layer);
        kdst_neuron_release(n->nodes[i].neuron);
    }
    kdst_loss_release(n->loss);
}

/* ---- running ---- */

/* x as the network's input: [T, N, C, H, W], a leaf; or [N, C, H, W] for a static first layer. */
static kdst_tensor *make_input(tsslbp_case *c, const network *n, bool repeated)
{
    int64_t shape[MAX_RANK], sizes[MAX_RANK];
    kdst_tensor *view = NULL, *x = NULL;
    if (!repeated) {
        x = read_sequence(c, "x");
        if (x && kdst_tensor_get_size(x, 0) != n->steps) problem(c->v, "n_steps is not that of x");
        return leaf(c, x);
    }
    kdst_tensor *image = read_input(c, "x");
    if (!image || n->is_static) return leaf(c, image);
    sizes[0] = n->steps;
    shape[0] = 1;
    const int64_t rank = kdst_tensor_get_rank(image);
    if (rank >= MAX_RANK) problem(c->v, "x has too many axes");
    for (int64_t i = 0; i < rank && rank < MAX_RANK; i++)
        shape[i + 1] = sizes[i + 1] = kdst_tensor_get_size(image, i);
    kdst_tensor *wide = sound(c->v) ? shaped(c, image, rank + 1, shape) : NULL;
    if (wide && done(c, kdst_broadcast_to(wide, rank + 1, sizes, &view), "copies"))
        done(c, kdst_tensor_copy(view, 0, &x), "copies");
    kdst_tensor_release(view);
    return leaf(c, own(c, x));
}

/* Whether `input_shape` is that of x behind its first axes. */
static void check_shape(tsslbp_case *c, const kdst_tensor *x)
{
    int64_t shape[MAX_RANK];
    const int64_t rank = read_shape(c->v, fields_get(&c->params, "input_shape"), "input_shape", shape);
    for (int64_t i = 0; i < rank && x; i++)
        if (kdst_tensor_get_rank(x) < rank || kdst_tensor_get_size(x, i - rank + kdst_tensor_get_rank(x)) != shape[i])
            problem(c->v, "input_shape is not that of x");
}

/* One pass there and back; returns the recorded loss, whose value goes to *value, or NULL. */
static kdst_tensor *pass(
    tsslbp_case *c, network *n, kdst_tensor *x, kdst_tensor *labels, kdst_tensor **a_in, kdst_tensor **o, double *value)
{
    settings s = settings_new();
    kdst_tensor *loss = NULL;
    fields from = n->settings;
    *o = *a_in = NULL;
    set_float(&s, "tau_s", fields_number(&from, "tau_s"));
    if (settings_sound(c, &s) && !n->is_static) done(c, kdst_synapse(x, s.options, a_in), "synapse");
    kdst_options_release(s.options);
    own(c, *a_in);
    if (sound(c->v) && done(c, kdst_layer_run(n->layer, *a_in ? *a_in : x, o), "run") && own(c, *o) &&
        done(c, kdst_loss_run(n->loss, *o, NULL, labels, &loss), "loss_run") && own(c, loss) &&
        done(c, kdst_tensor_get_value(loss, value), "loss") && done(c, kdst_backward(loss, NULL, NULL), "backward"))
        return loss;
    return NULL;
}

/* ---- comparing ---- */

static const char *member(const node *n, const char *what)
{
    static char text[128];
    snprintf(text, sizeof text, "%s.%s", n->name, what);
    return text;
}

/* [T N, ...] as [T, N, ...] */
static kdst_tensor *unfolded(tsslbp_case *c, const network *n, kdst_tensor *x)
{
    int64_t shape[MAX_RANK];
    const int64_t rank = x ? kdst_tensor_get_rank(x) : 0;
    if (rank < 1 || rank >= MAX_RANK) return NULL;
    shape[0] = n->steps;
    shape[1] = kdst_tensor_get_size(x, 0) / n->steps;
    for (int64_t i = 1; i < rank; i++)
        shape[i + 1] = kdst_tensor_get_size(x, i);
    return shaped(c, x, rank + 1, shape);
}

static void expect_neurons(tsslbp_case *c, const network *n, node *one, double *margin)
{
    kdst_tensor *u = NULL, *spikes = NULL, *a = NULL, *current = unfolded(c, n, one->current.value);
    double fired = 0, of = 0;
    if (!current || !done(c, kdst_neuron_observe(one->neuron, current, &u, NULL, &spikes, &a), "observe")) return;
    expect_sequence(c, member(one, "current"), current);
    expect_sequence(c, member(one, "membrane"), own(c, u));
    expect_sequence(c, member(one, "spikes"), own(c, spikes));
    expect_sequence(c, member(one, "psc"), own(c, a));
    expect_sequence(c, member(one, "grad_current"), unfolded(c, n, one->current.grad));
    look_at(c, u, one->threshold, margin, &fired, &of);
}

/* What a layer gives and its gradients. A static first layer has no current of its own steps. */
static void expect_node(tsslbp_case *c, const network *n, node *one, double *margin)
{
    if (!one->neurons) {
        expect_sequence(c, member(one, "out"), one->out.value);
        expect_sequence(c, member(one, "grad_out"), one->out.grad);
        return;
    }
    if (!(n->is_static && one == n->nodes)) expect_neurons(c, n, one, margin);
    expect_sequence(c, member(one, "psc"), one->out.value);
    expect_sequence(c, member(one, "grad_psc"), one->out.grad);
    expect_plain(c, member(one, "grad_weight"), gradient(c, one->weight));
}

static void expect_classes(tsslbp_case *c, kdst_tensor *o)
{
    kdst_tensor *score = summed(c, o, 0), *predicted = NULL;
    expect_plain(c, "score", score);
    if (score && done(c, kdst_argmax(score, 1, &predicted), "argmax")) expect_plain(c, "predicted", own(c, predicted));
}

static void run_once(tsslbp_case *c, bool repeated, bool is_static)
{
    network n;
    kdst_tensor *a_in = NULL, *o = NULL, *labels = read_labels(c);
    double value = NAN, margin = INFINITY;
    network_make(c, &n, is_static);
    kdst_tensor *x = sound(c->v) ? make_input(c, &n, repeated) : NULL;
    check_shape(c, x);
    if (sound(c->v) && pass(c, &n, x, labels, &a_in, &o, &value)) {
        if (kdst_tensor_get_size(o, 2) != fields_whole(&n.settings, "n_class")) problem(c->v, "n_class is another");
        expect_value(c, "loss", value);
        for (int i = 0; i < n.count; i++)
            expect_node(c, &n, &n.nodes[i], &margin);
        expect_classes(c, o);
        if (a_in) expect_sequence(c, "a_in", a_in);
        if (is_static)
            expect_sequence_sum(c, "grad_input", gradient(c, x));
        else
            expect_sequence(c, "grad_input", gradient(c, x));
        if (!is_static) expect_parameter(c, "margin", margin);
    }
    if (sound(c->v)) fields_close(&n.settings);
    network_free(&n);
}

void run_network(tsslbp_case *c)
{
    const bool repeated = fields_flag_or(&c->params, "static_input_repeated_over_T", false);
    fields_get(&c->params, "static_input_repeated_over_T");
    run_once(c, repeated, false);
    if (sound(c->v) && repeated) run_once(c, repeated, true);
}

/* ---- training ---- */

static kdst_optimizer *make_optimizer(tsslbp_case *c, const network *n)
{
    settings s = settings_new();
    kdst_optimizer *optimizer = NULL;
    fields f;
    fields_open(&f, c->v, fields_get(&c->params, "optimizer"), "params.optimizer");
    if (strcmp(fields_text(&f, "type"), "AdamW")) problem(c->v, "the optimizer is unknown");
    set_float(&s, "learning_rate", fields_number(&f, "lr"));
    set_float(&s, "beta1", fields_number(&f, "beta1"));
    set_float(&s, "beta2", fields_number(&f, "beta2"));
    set_float(&s, "eps", fields_number(&f, "eps"));
    set_float(&s, "weight_decay", fields_number(&f, "weight_decay"));
    if (settings_sound(c, &s) && done(c, kdst_optimizer_adamw_create(c->r->ctx, s.options, &optimizer), "optimizer"))
        done(c, kdst_optimizer_add_layer(optimizer, n->layer), "optimizer");
    kdst_options_release(s.options);
    if (sound(c->v)) fields_close(&f);
    return optimizer;
}

static void read_clamp(tsslbp_case *c, double bounds[2])
{
    const cJSON *list = fields_get(&c->params, "weight_clamp");
    for (int i = 0; i < 2; i++) {
        const cJSON *item = cJSON_IsArray(list) && cJSON_GetArraySize(list) == 2 ? cJSON_GetArrayItem(list, i) : NULL;
        if (!cJSON_IsNumber(item)) problem(c->v, "weight_clamp is no pair of numbers");
        bounds[i] = cJSON_IsNumber(item) ? item->valuedouble : 0;
    }
}

/* What holds behind a step. Adam divides by second moments that begin tiny: float32 weights are held to an update's size, not to the tolerance. */
static void expect_step(tsslbp_case *c, network *n, int64_t step, double loss, double norm, double rate)
{
    char name[96];
    snprintf(name, sizeof name, "loss.%lld", (long long)step);
    expect_value(c, name, loss);
    snprintf(name, sizeof name, "grad_norm_before_clip.%lld", (long long)step);
    expect_value(c, name, norm);
    for (int i = 0; i < n->count; i++) {
        const tolerance t = c->tol;
        if (c->dtype == KDST_DTYPE_FLOAT32) c->tol.atol += rate / 100;
        snprintf(name, sizeof name, "%s.weight_after.%lld", n->nodes[i].name, (long long)step);
        if (n->nodes[i].weight) expect_plain(c, name, n->nodes[i].weight);
        c->tol = t;
    }
}

static void train(tsslbp_case *c, network *n, kdst_optimizer *optimizer)
{
    kdst_tensor *x = make_input(c, n, true), *labels = read_labels(c), *a_in, *o;
    const double max_norm = fields_number(&c->params, "clip_grad_norm");
    const int64_t steps = fields_whole(&c->params, "steps");
    double bounds[2], loss = NAN, norm = NAN, rate = 0;
    read_clamp(c, bounds);
    check_shape(c, x);
    if (steps < 1) problem(c->v, "there is no step");
    if (sound(c->v)) done(c, kdst_optimizer_get_learning_rate(optimizer, &rate), "rate");
    for (int64_t i = 0; i < steps && sound(c->v); i++)
        if (pass(c, n, x, labels, &a_in, &o, &loss) &&
            done(c, kdst_optimizer_clip_norm(optimizer, max_norm, NULL, &norm), "clip_norm") &&
            done(c, kdst_optimizer_run(optimizer), "update") &&
            done(c, kdst_optimizer_clamp(optimizer, bounds[0], bounds[1]), "clamp") &&
            done(c, kdst_optimizer_clear_grads(optimizer), "clear"))
            expect_step(c, n, i, loss, norm, rate);
}

static void train_once(tsslbp_case *c, bool is_static)
{
    network n;
    network_make(c, &n, is_static);
    kdst_optimizer *optimizer = sound(c->v) ? make_optimizer(c, &n) : NULL;
    if (sound(c->v)) train(c, &n, optimizer);
    if (sound(c->v) && n.nodes[n.count - 1].out.value &&
        kdst_tensor_get_size(n.nodes[n.count - 1].out.value, 2) != fields_whole(&n.settings, "n_class"))
        problem(c->v, "n_class is another");
    if (sound(c->v)) fields_close(&n.settings);
    kdst_optimizer_release(optimizer);
    network_free(&n);
}

void run_spike_training(tsslbp_case *c)
{
    train_once(c, false);
    if (sound(c->v)) train_once(c, true);
}
