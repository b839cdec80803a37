/* SPDX-License-Identifier: Apache-2.0 */
/* adashare: a dilated residual backbone that several dense tasks share, with a head for each (Sun, Panda, Feris, Saenko: AdaShare:
 * Learning What to Share for Efficient Deep Multi-Task Learning, 2020).
 *
 * A head is the sum of four branches with the dilations d = 6, 12, 18, 24: conv 3x3 dilation d to 1024, relu, dropout 0.5, conv 1x1 to
 * 1024, relu, dropout 0.5, conv 1x1 to the task's outputs, all with bias. Outputs stay at the backbone's stride of 8.
 * The policy logits [blocks, 2] of a task (column 0: execute the block) come first in the state, 0.5 all, as the origin's
 * configurations have them; here every block is executed for every task, so that no gradient reaches them.
 *
 * Children: the logits, under the empty name; "backbone"; for each task a parallel layer with its branches, under the empty name.
 */
#include "nn/adashare.h"

#include <inttypes.h>
#include <stdio.h>

#define TASKS KDST__ADASHARE_TASKS
#define BRANCHES 4
#define HIDDEN 1024

static const int64_t dilations[BRANCHES] = {6, 12, 18, 24};

typedef struct config {
    int64_t tasks[TASKS], tasks_count, channels;
    double dropout;
    int32_t dtype;
} config;

static const kdst__option options[] = {
    KDST__INTS_UPTO(config, tasks, TASKS, 1, 1000000, "outputs of each task; at least one"),
    KDST__INT(config, channels, 3, 1, 4096, "input channels"),
    KDST__FLOAT_BELOW(config, dropout, 0.5, 0, 1, "rate of the dropout layers in the heads"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_model_adashare = {"model.adashare", options, KDST__COUNT(options), NULL, 0};

typedef struct adashare {
    kdst_layer base;
    int64_t tasks;
} adashare;

static void ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    *out = (kdst__layer_ports){1, 0, ((const adashare *)layer)->tasks};
}

static kdst_status run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    int64_t tasks = ((const adashare *)layer)->tasks;
    kdst_layer *const *heads = layer->children + tasks + 1;
    kdst_tensor *features = NULL;
    (void)count;
    kdst_status status = kdst__layer_run(layer->children[tasks], inputs[0], &features);
    for (int64_t t = 0; t < tasks && status == KDST_STATUS_OK; t++)
        status = kdst__layer_run(heads[t], features, &out[t]);
    kdst_tensor_release(features);
    return status;
}

static const kdst__layer_kind kind = {.name = "adashare", .bytes = sizeof(adashare), .run_many = run, .ports = ports};

/* ---- building ---- */

typedef struct builder {
    kdst_context *ctx;
    const config *c;
} builder;

/* Adds a child and lets go of it; after a failure only that. */
static kdst_status add(kdst_status status, kdst_layer *parent, const char *name, kdst_layer *child)
{
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("model_create", parent, name, child);
    kdst_layer_release(child);
    return status;
}

/* "task1_logits" [blocks, 2]. */
static kdst_status add_logits(const builder *b, kdst_layer *network, int64_t task, int64_t blocks)
{
    const int64_t shape[2] = {blocks, 2};
    char name[32];
    kdst_tensor *logits = NULL;
    kdst_layer *child = NULL;
    kdst_status status = kdst__tensor_new(
        b->ctx, "model_create", b->c->dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32, 2, shape, false, &logits);
    if (status == KDST_STATUS_OK) status = kdst_tensor_set_value(logits, 0.5);
    snprintf(name, sizeof name, "task%d_logits", (int)task + 1);
    if (status == KDST_STATUS_OK) status = kdst__layer_parameter_new(b->ctx, name, logits, true, &child);
    kdst_tensor_release(logits);
    return add(status, network, "", child);
}

static kdst_status add_conv(
    const builder *b, kdst_layer *branch, const char *name, int64_t in, int64_t out, int64_t kernel, int64_t dilation)
{
    int64_t padding = kernel / 2 * dilation;
    const kdst__weighted_config settings = {
        .kernel = {kernel, kernel},
        .stride = {1, 1},
        .padding = {padding, padding},
        .dilation = {dilation, dilation},
        .bias = 1,
        .dtype = b->c->dtype,
        .init = KDST__INIT_PYTORCH};
    kdst_layer *child = NULL;
    kdst_status status = kdst__layer_conv2d_new(b->ctx, in, out, &settings, &child);
    return add(status, branch, name, child);
}

/* relu and dropout behind convolution `number`. */
static kdst_status add_activation(const builder *b, kdst_layer *branch, int number)
{
    char name[32];
    kdst_layer *child = NULL;
    kdst_status status = kdst_layer_activation_create(b->ctx, "relu", &child);
    snprintf(name, sizeof name, "relu%d", number);
    status = add(status, branch, name, child);
    if (status != KDST_STATUS_OK) return status;
    child = NULL;
    status = kdst_layer_dropout_create(b->ctx, b->c->dropout, &child);
    snprintf(name, sizeof name, "dropout%d", number);
    return add(status, branch, name, child);
}

static kdst_status add_branch(const builder *b, kdst_layer *head, int64_t task, int64_t i, int64_t features)
{
    char name[32];
    kdst_layer *branch = NULL;
    kdst_status status = kdst_layer_sequential_create(b->ctx, &branch);
    if (status == KDST_STATUS_OK) status = add_conv(b, branch, "conv1", features, HIDDEN, 3, dilations[i]);
    if (status == KDST_STATUS_OK) status = add_activation(b, branch, 1);
    if (status == KDST_STATUS_OK) status = add_conv(b, branch, "conv2", HIDDEN, HIDDEN, 1, 1);
    if (status == KDST_STATUS_OK) status = add_activation(b, branch, 2);
    if (status == KDST_STATUS_OK) status = add_conv(b, branch, "conv3", HIDDEN, b->c->tasks[task], 1, 1);
    snprintf(name, sizeof name, "task%d_fc1_c%d", (int)task + 1, (int)i);
    return add(status, head, name, branch);
}

static kdst_status add_head(const builder *b, kdst_layer *network, int64_t task, int64_t features)
{
    const kdst__parallel_config sum = {.join = 1};
    kdst_layer *head = NULL;
    kdst_status status = kdst__layer_parallel_new(b->ctx, &sum, &head);
    for (int64_t i = 0; i < BRANCHES && status == KDST_STATUS_OK; i++)
        status = add_branch(b, head, task, i, features);
    return add(status, network, "", head);
}

static kdst_status add_backbone(const builder *b, kdst_layer *network, const kdst__model *model)
{
    /* any side that the windows fit: what is made does not depend on it */
    const kdst__model_config settings = {
        .classes = 1, .channels = b->c->channels, .image_size = 224, .width = 1, .dropout = -1, .dtype = b->c->dtype};
    kdst_layer *backbone = NULL;
    kdst_status status = kdst__model_build(b->ctx, model, &settings, &backbone);
    return add(status, network, "backbone", backbone);
}

kdst_status
kdst__model_adashare_create(kdst_context *ctx, const kdst__model *model, const kdst_options *given, kdst_layer **out)
{
    config c;
    kdst_layer *network = NULL;
    int64_t blocks = 0;
    kdst_status status = kdst__options_parse(ctx, "model_create", &kdst__schema_model_adashare, given, &c);
    if (status != KDST_STATUS_OK) return status;
    if (c.tasks_count == 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: tasks is empty, %s needs the outputs of 1 to %d tasks",
            model->name, TASKS);
    const builder b = {ctx, &c};
    for (int i = 0; i < KDST__ADASHARE_SEGMENTS; i++)
        blocks += model->args[i];
    status = kdst__layer_new(ctx, &kind, &network);
    if (status == KDST_STATUS_OK) ((adashare *)network)->tasks = c.tasks_count;
    for (int64_t t = 0; t < c.tasks_count && status == KDST_STATUS_OK; t++)
        status = add_logits(&b, network, t, blocks);
    if (status == KDST_STATUS_OK) status = add_backbone(&b, network, model);
    for (int64_t t = 0; t < c.tasks_count && status == KDST_STATUS_OK; t++)
        status = add_head(&b, network, t, KDST__ADASHARE_FEATURES);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(network);
        return status;
    }
    kdst__layer_set_training(network, true);
    *out = network;
    return KDST_STATUS_OK;
}
