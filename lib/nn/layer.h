/* SPDX-License-Identifier: Apache-2.0 */
/* Layers from the inside.
 *
 * A layer is a handle with a constant `kind` (what it does) and a place in a tree: a container retains its children, a child knows
 * its one parent without retaining it. The struct of a kind begins with kdst_layer. Its own tensors are held here, so that
 * walking, naming and state need no knowledge of kinds. Names below a layer are its tensors' and children's names joined
 * by '.', a child with an empty name adding none.
 */
#ifndef KDST_NN_LAYER_H
#define KDST_NN_LAYER_H

#include "autograd/graph.h"
#include "autograd/ops.h"
#include "nn/init.h"

#include <kdst/hook.h>
#include <kdst/layers.h>

#define KDST__LAYER_TENSORS 5  /* most tensors of one kind: batch norm */
#define KDST__LAYER_DEPTH 64   /* most levels of a tree, so that walks may recurse */
#define KDST__LAYER_NAME 255   /* most bytes of one child's name */
#define KDST__LAYER_INPUTS 8   /* most inputs of a layer */
#define KDST__LAYER_OUTPUTS 32 /* most outputs */

/* How many tensors go in and come out. */
typedef struct kdst__layer_ports {
    int64_t inputs;   /* needed */
    int64_t optional; /* behind them; each may be NULL or left out */
    int64_t outputs;
} kdst__layer_ports;

/* What a container wants done to the one result of a child in the same pass: act(child(x) + addend). */
typedef struct kdst__layer_tail {
    kdst_tensor *addend; /* of the child's result's shape, or NULL; `sum` then */
    bool sum;
    int32_t activation; /* KDST__FUSED_… */
    bool moments; /* the statistics of the result are wanted: a batch norm in training comes next */
} kdst__layer_tail;

/* Written with designated initialisers: kinds set what they have. A kind has `run`, or `run_many` and `ports`. */
typedef struct kdst__layer_kind {
    const char *name; /* "conv2d": begins messages */
    size_t bytes;     /* of the kind's struct */
    /* x is of the layer's context; *out is NULL before. */
    kdst_status (*run)(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out);
    bool open; /* kdst_layer_add may append children */
    /* For other numbers of inputs and outputs. inputs [count] of the layer's context, count as `ports` allows, NULL only from the
     * optional ones on; out [outputs] is NULL before, and what is in it after a failure is released by the caller. */
    kdst_status (*run_many)(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
    void (*ports)(const kdst_layer *layer, kdst__layer_ports *out); /* with run_many */
    /* Nullable, with one input and output: which tails it can do (tail->addend is not looked at), and the run with one of them. */
    bool (*takes_tail)(const kdst_layer *layer, const kdst__layer_tail *tail);
    kdst_status (*run_tail)(kdst_layer *layer, kdst_tensor *x, const kdst__layer_tail *tail, kdst_tensor **out);
    void (*destroy)(kdst_layer *layer); /* nullable: what the kind's struct holds besides tensors and children */
} kdst__layer_kind;

typedef struct kdst__layer_tensor {
    const char *name; /* static */
    kdst_tensor *tensor;
    bool is_parameter;
} kdst__layer_tensor;

/* One tensor of the state of a tree. */
typedef struct kdst__layer_entry {
    const char *name;
    kdst_tensor *tensor;
    bool is_parameter;
    const char *own_name; /* in the layer that holds it */
    kdst_layer *owner;
} kdst__layer_entry;

/* One layer of a tree with its dotted path; the root's is "", a layer without a name has its parent's. */
typedef struct kdst__layer_place {
    const char *path;
    kdst_layer *layer;
} kdst__layer_place;

/* Looks at the outputs of the layers in the order in which they are done, for the first one that is not finite (layer_watch.c). */
typedef struct kdst__layer_watch {
    kdst_layer *found; /* NULL: none yet; not retained */
} kdst__layer_watch;

struct kdst_layer {
    kdst__handle base;
    const kdst__layer_kind *kind;
    kdst_layer *parent; /* not retained; NULL for a root */
    char *name;         /* in the parent; NULL for a root */
    bool training;
    bool fixed; /* behaves as in evaluation whatever `training` says */
    bool recompute; /* what is inside is computed again in the backward pass (recompute.c) */
    kdst__layer_watch *watch; /* NULL but in a run that is watched */
    int32_t tensor_count;
    kdst__layer_tensor tensors[KDST__LAYER_TENSORS];
    int64_t child_count, child_capacity;
    kdst_layer **children;
    /* Table of names below this layer, made when first asked for; dropped when a layer is added below. */
    kdst__layer_entry *entries;
    int64_t entry_count;
    char *entry_names;
    size_t entry_name_bytes;
    /* Table of the layers of this tree, likewise. */
    kdst__layer_place *places;
    int64_t place_count;
    char *place_paths;
    size_t place_path_bytes;
    /* What happens after a run (hook.c). */
    kdst_hook **hooks;
    int64_t hook_count, hook_capacity;
    bool keeps;       /* `kept` takes the output of the last run */
    int64_t keepers;  /* layers that keep, this one and those below */
    kdst_tensor **kept; /* NULL, or one for each output */
    int64_t kept_count;
};

/* New layer without tensors or children, in training mode. */
kdst_status kdst__layer_new(kdst_context *ctx, const kdst__layer_kind *kind, kdst_layer **out);
/* Adds a tensor, whose reference the layer takes over; parameters come to require a gradient. */
kdst_status kdst__layer_hold(kdst_layer *layer, const char *name, bool is_parameter, kdst_tensor *tensor);
/* Makes `child` the last child; `name` as kdst_layer_add. Nothing is changed on failure; the modes are left alone. */
kdst_status kdst__layer_attach(const char *function, kdst_layer *parent, const char *name, kdst_layer *child);
/* Numbers of inputs and outputs; of a container they depend on its children. */
void kdst__layer_get_ports(const kdst_layer *layer, kdst__layer_ports *out);
/* Every layer runs through here: checks the number of inputs; out [outputs of the layer] are new references, all NULL on failure.
 * kdst__layer_run is the same for a layer with one output, and fails on others. */
kdst_status kdst__layer_run_many(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
kdst_status kdst__layer_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out);
/* The run of the kind alone, without what happens around it. */
kdst_status kdst__layer_run_kind(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
/* Whether a run of the layer now is one without a record that the backward pass repeats; and that run. */
bool kdst__layer_recomputes(const kdst_layer *layer, kdst_tensor *const *inputs, int64_t count);
kdst_status
kdst__layer_run_recomputed(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
/* Asks for recomputation of the blocks of a network, the layers with layers inside that its chains are made of; when all of them are, or there
 * are none, of the chains inside it. False: all of them are. */
bool kdst__layer_recompute_more(kdst_layer *root);
/* A sequential. */
bool kdst__layer_is_chain(const kdst_layer *layer);
/* Whether a layer may run together with what comes behind it: nobody asks for its own output (hooks, traces, watches), and its kind can. */
bool kdst__layer_takes_tail(const kdst_layer *layer, const kdst__layer_tail *tail);
/* Of a layer that takes the tail, STATE when it does not any more; inputs as kdst__layer_run_many, *out as kdst__layer_run. */
kdst_status kdst__layer_run_tail(
    kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, const kdst__layer_tail *tail, kdst_tensor **out);
/* Nobody asks for the layer's own output. */
bool kdst__layer_unobserved(const kdst_layer *layer);
/* A convolution; an activation that others can do in their pass, KDST__FUSED_…; a batch norm that will use the statistics of its input. */
bool kdst__layer_is_conv2d(const kdst_layer *layer);
int32_t kdst__layer_fused_activation(const kdst_layer *layer);
bool kdst__layer_wants_moments(const kdst_layer *layer);
void kdst__layer_set_training(kdst_layer *layer, bool training);
/* Training mode counts unless the layer is fixed or the context in an evaluation scope (kdst__eval_push). */
static inline bool kdst__layer_is_training(const kdst_layer *layer)
{
    return layer->training && !layer->fixed && !kdst__eval_forced(layer->base.ctx);
}

/* Runs as kdst__layer_run does, without hooks and without the outputs, and gives the first layer whose output is not finite, or NULL. */
kdst_status kdst__layer_run_watched(kdst_layer *layer, kdst_tensor *x, kdst_layer **out_found);
void kdst__layer_watch_outputs(kdst_layer *layer, kdst_tensor *const *outputs, int64_t count);
/* 1 when every element of a tensor is finite, or it has no such type, or there is no memory to look. */
bool kdst__layer_is_finite(kdst_tensor *t);
/* Path of a layer below `root`, "layer1.0.bn1", cut to `bytes`; "" for root itself. */
void kdst__layer_path(const kdst_layer *root, const kdst_layer *layer, char *text, size_t bytes);

/* Table of the state, borrowed until a layer is added below. */
kdst_status
kdst__layer_get_entries(const char *function, kdst_layer *layer, const kdst__layer_entry **out, int64_t *out_count);
void kdst__layer_drop_entries(kdst_layer *layer);
/* Table of the layers in a tree, itself first, parents in front of children; borrowed until a layer is added below. */
kdst_status
kdst__layer_get_places(const char *function, kdst_layer *layer, const kdst__layer_place **out, int64_t *out_count);
void kdst__layer_drop_places(kdst_layer *layer);

/* After a run that went well: calls the hooks on each of the outputs [count], which they may replace, and keeps them where that is wanted. */
kdst_status kdst__layer_deliver(kdst_layer *layer, int64_t count, kdst_tensor **out);
/* Drops the outputs kept in a tree. */
void kdst__layer_forget_outputs(kdst_layer *layer);
/* Part of a layer's destruction. */
void kdst__layer_drop_hooks(kdst_layer *layer);

/* ---- kinds with settings, as kdst_model_create makes them ---- */

/* Settings of linear and conv2d; dtype is 0 for float32, 1 for float64; dilation and groups: 0 counts as 1. */
typedef struct kdst__weighted_config {
    int64_t kernel[2], stride[2], padding[2], dilation[2], groups, bias;
    int32_t dtype, init, init_mode, init_bias;
    double init_std, init_bound;
} kdst__weighted_config;

typedef struct kdst__norm_config {
    double eps, momentum;
    int64_t affine;
    int32_t dtype;
} kdst__norm_config;

/* What activations have besides their kind; each heeds its own. */
typedef struct kdst__activation_config {
    double slope, alpha, beta, threshold;
    int32_t approximate; /* gelu: none, tanh */
    int64_t axis;
} kdst__activation_config;

typedef struct kdst__parallel_config {
    int32_t join; /* 0: concat, 1: sum */
    int64_t axis, reversed;
} kdst__parallel_config;

enum {
    KDST__ACTIVATION_RELU,
    KDST__ACTIVATION_SOFTMAX,
    KDST__ACTIVATION_LOG_SOFTMAX,
    KDST__ACTIVATION_RELU6,
    KDST__ACTIVATION_LEAKY_RELU,
    KDST__ACTIVATION_ELU,
    KDST__ACTIVATION_SIGMOID,
    KDST__ACTIVATION_LOG_SIGMOID,
    KDST__ACTIVATION_TANH,
    KDST__ACTIVATION_SOFTPLUS,
    KDST__ACTIVATION_SILU,
    KDST__ACTIVATION_GELU,
    KDST__ACTIVATION_IDENTITY
};

typedef struct kdst__embedding_config {
    int64_t padding_index;
    int32_t dtype;
} kdst__embedding_config;

typedef struct kdst__lstm_config {
    int64_t num_layers, bidirectional, bias;
    double dropout;
    int32_t result, dtype; /* result: all, sequence, last */
} kdst__lstm_config;

kdst_status kdst__layer_embedding_new(
    kdst_context *ctx, int64_t vocabulary, int64_t features, const kdst__embedding_config *config, kdst_layer **out);
kdst_status kdst__layer_lstm_new(
    kdst_context *ctx, int64_t features, int64_t hidden, const kdst__lstm_config *config, kdst_layer **out);
kdst_status kdst__layer_linear_new(
    kdst_context *ctx, int64_t in, int64_t out_features, const kdst__weighted_config *config, kdst_layer **out);
kdst_status kdst__layer_conv2d_new(
    kdst_context *ctx, int64_t in, int64_t out_channels, const kdst__weighted_config *config, kdst_layer **out);
kdst_status
kdst__layer_batch_norm_new(kdst_context *ctx, int64_t channels, const kdst__norm_config *config, kdst_layer **out);
kdst_status kdst__layer_max_pool2d_new(kdst_context *ctx, const kdst__pool2d_attrs *attrs, kdst_layer **out);
kdst_status kdst__layer_avg_pool2d_new(kdst_context *ctx, const kdst__pool2d_attrs *attrs, kdst_layer **out);
kdst_status kdst__layer_adaptive_avg_pool2d_new(kdst_context *ctx, int64_t height, int64_t width, kdst_layer **out);
/* With the standard options. */
kdst_status kdst__layer_activation_new(kdst_context *ctx, int32_t kind, kdst_layer **out);
/* activation: apply relu to the sum. */
kdst_status kdst__layer_residual_new(
    kdst_context *ctx, kdst_layer *body, kdst_layer *shortcut, bool activation, const char *shortcut_name,
    kdst_layer **out);

/* Holds a new reference to `tensor` under `name`; to be added under the empty name. */
kdst_status kdst__layer_parameter_new(
    kdst_context *ctx, const char *name, kdst_tensor *tensor, bool is_parameter, kdst_layer **out);

kdst_status kdst__layer_parallel_new(kdst_context *ctx, const kdst__parallel_config *config, kdst_layer **out);
/* Blocks, a child for each segment, and as many projections: see segments.c. */
kdst_status
kdst__layer_segments_new(kdst_context *ctx, kdst_layer *blocks, kdst_layer *projections, kdst_layer **out);

/* Makes and holds weight [shape] and, when wanted, bias [shape[0]], initialised as the settings say. */
kdst_status
kdst__layer_hold_weights(kdst_layer *layer, int64_t rank, const int64_t *shape, const kdst__weighted_config *config);
/* The same with a bias [outputs]. */
kdst_status kdst__layer_hold_weights_of(
    kdst_layer *layer, int64_t rank, const int64_t *shape, int64_t outputs, const kdst__weighted_config *config);

/* Beginning of every creator: ctx and out checked, *out emptied, message cleared. */
kdst_status kdst__layer_begin(kdst_context *ctx, const char *function, kdst_layer **out);

extern const kdst__schema kdst__schema_layer_linear, kdst__schema_layer_conv2d, kdst__schema_layer_batch_norm,
    kdst__schema_layer_residual, kdst__schema_layer_custom, kdst__schema_layer_activation,
    kdst__schema_layer_embedding, kdst__schema_layer_lstm, kdst__schema_layer_parallel,
    kdst__schema_layer_conv_transpose2d, kdst__schema_layer_layer_norm, kdst__schema_layer_group_norm;

#endif
