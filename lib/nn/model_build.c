/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a network from its rows (see model.h); the networks themselves are in models*.c.
 *
 * The builder follows one image: `features` channels on a map of `side` x `side`, or `features` numbers alone where side is 0.
 */
#include "nn/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME 80 /* most bytes of a name in a table, '#' replaced */

typedef struct builder {
    kdst_context *ctx;
    const kdst__model *model;
    const kdst__model_config *config;
    int64_t features, side;
    int64_t nominal;              /* features at width 1 */
    int64_t width, stride, input; /* of the stage and its unit */
    int64_t args[KDST__MODEL_ARGS];
} builder;

static kdst_status build(builder *b, const kdst__model_row *rows, bool numbered, kdst_layer **out);
static kdst_status build_row(builder *b, const kdst__model_row *row, kdst_layer **out);

/* ---- numbers and names ---- */

static int64_t number(const builder *b, int32_t n)
{
    if (n >= 0) return n;
    switch (n) {
    case ROW_CLASSES:
        return b->config->classes;
    case ROW_WIDTH:
        return b->width;
    case ROW_STRIDE:
        return b->stride;
    case ROW_CHANNELS:
        return b->nominal;
    case ROW_INPUT:
        return b->input;
    default:
        return b->args[ROW_ARG - n];
    }
}

/* 0 stands for 1. */
static int64_t factor(const builder *b, int32_t n)
{
    return n == 0 ? 1 : number(b, n);
}

/* Features that a row gives, and their nominal number. */
static int64_t out_size(const builder *b, const kdst__model_row *row, int64_t *nominal)
{
    int64_t times = factor(b, row->times), over = factor(b, row->over), multiple = factor(b, row->multiple);
    *nominal = number(b, row->out) * times / over;
    if (row->out == ROW_CLASSES) return *nominal;
    if (row->out == ROW_CHANNELS && times == 1 && over == 1) return b->features;
    return multiple * (int64_t)ceil(b->config->width * (double)*nominal / (double)multiple);
}

static void set_size(builder *b, const kdst__model_row *row)
{
    int64_t nominal;
    b->features = out_size(b, row, &nominal);
    b->nominal = nominal;
}

/* The wanted form of "official|pytorch" into `text`, i in the place of '#' and i + 1 in that of '@'. */
static const char *name_form(const builder *b, const char *name, int64_t i, char text[NAME])
{
    if (name == NULL) name = "";
    const char *bar = strchr(name, '|');
    if (bar != NULL && b->config->names == 1) name = bar + 1;
    size_t length = strcspn(name, "|"), mark = strcspn(name, "#@");
    if (mark < length)
        snprintf(
            text, NAME, "%.*s%" PRId64 "%.*s", (int)mark, name, i + (name[mark] == '@'), (int)(length - mark - 1),
            name + mark + 1);
    else
        snprintf(text, NAME, "%.*s", (int)length, name);
    return text;
}

/* The arguments that a row's body sees, which may be made of those around it. */
static void set_args(builder *b, const kdst__model_row *row)
{
    int64_t args[KDST__MODEL_ARGS];
    if (row->args[0] == 0) return;
    for (int i = 0; i < KDST__MODEL_ARGS; i++)
        args[i] = number(b, row->args[i]);
    memcpy(b->args, args, sizeof args);
}

/* Whether the unit of the stage changes stride or channels, so that its input cannot be added to its output. */
static bool changes(const builder *b, int64_t features)
{
    return b->stride != 1 || b->features != features;
}

/* ---- rows without a body ---- */

/* Side of the map behind a window; fails where the window does not fit. */
static kdst_status slide(builder *b, const kdst__model_row *row)
{
    int64_t stride = number(b, row->stride), padding = number(b, row->padding), dilation = factor(b, row->dilation);
    int64_t window = dilation * (row->kernel - 1) + 1, room = b->side + 2 * padding - window;
    if (room < 0)
        return kdst__fail(
            b->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "model_create: image_size is too small for %s: a window of %" PRId64 " meets a map of %" PRId64
            " with padding %" PRId64,
            b->model->name, window, b->side, padding);
    int64_t side = (row->ceil ? (room + stride - 1) / stride : room / stride) + 1;
    /* In ceil mode no window starts in the padding behind the map. */
    if (row->ceil && (side - 1) * stride >= b->side + padding) side--;
    b->side = side;
    return KDST_STATUS_OK;
}

static kdst_status build_conv(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    const kdst__model_init *init = &b->model->conv;
    int64_t stride = number(b, row->stride), padding = number(b, row->padding), in = b->features;
    int64_t dilation = factor(b, row->dilation), groups = row->groups == ROW_CHANNELS ? in : factor(b, row->groups);
    const kdst__weighted_config config = {
        .kernel = {row->kernel, row->kernel},
        .stride = {stride, stride},
        .padding = {padding, padding},
        .dilation = {dilation, dilation},
        .groups = groups,
        .bias = row->bias,
        .dtype = b->config->dtype,
        .init = init->init,
        .init_mode = init->mode,
        .init_bias = init->bias,
        .init_std = init->std};
    kdst_status status = slide(b, row);
    set_size(b, row);
    return status == KDST_STATUS_OK ? kdst__layer_conv2d_new(b->ctx, in, b->features, &config, out) : status;
}

static kdst_status build_linear(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    const kdst__model_init *init = &b->model->linear;
    const kdst__weighted_config config = {
        .bias = 1,
        .dtype = b->config->dtype,
        .init = init->init,
        .init_mode = init->mode,
        .init_bias = init->bias,
        .init_std = init->std};
    int64_t in = b->features;
    set_size(b, row);
    return kdst__layer_linear_new(b->ctx, in, b->features, &config, out);
}

static kdst_status build_batch_norm(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    kdst__norm_config config = {.eps = 1e-5, .momentum = 0.1, .affine = 1, .dtype = b->config->dtype};
    if (b->model->eps > 0) config.eps = b->model->eps;
    if (row->odd_eps && b->config->eps == 0) config.eps = (double)b->features;
    return kdst__layer_batch_norm_new(b->ctx, b->features, &config, out);
}

static kdst_status build_pool(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    const kdst__pool2d_attrs attrs = {
        .kernel = {row->kernel, row->kernel},
        .stride = {row->stride, row->stride},
        .padding = {row->padding, row->padding},
        .ceil_mode = row->ceil,
        .count_include_pad = 1};
    kdst_status status = slide(b, row);
    if (status != KDST_STATUS_OK) return status;
    return row->op == ROW_MAX_POOL ? kdst__layer_max_pool2d_new(b->ctx, &attrs, out)
                                   : kdst__layer_avg_pool2d_new(b->ctx, &attrs, out);
}

static kdst_status build_zero_pad(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    int64_t in = b->features, stride = number(b, row->stride);
    set_size(b, row);
    b->side = (b->side - 1) / stride + 1;
    return kdst_layer_shortcut_create(b->ctx, in, b->features, stride, out);
}

static kdst_status build_fixed_pool(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    b->side = row->kernel;
    return kdst__layer_adaptive_avg_pool2d_new(b->ctx, row->kernel, row->kernel, out);
}

static kdst_status build_half(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    b->features /= 2;
    b->nominal /= 2;
    return kdst_layer_channel_slice_create(b->ctx, row->second ? b->features : 0, b->features, out);
}

static kdst_status build_flat(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    int64_t area = row->op == ROW_FLATTEN && b->side > 0 ? b->side * b->side : 1;
    b->features *= area;
    b->nominal *= area;
    b->side = 0;
    return row->op == ROW_FLATTEN ? kdst_layer_flatten_create(b->ctx, out)
                                  : kdst_layer_global_avg_pool2d_create(b->ctx, out);
}

/* ---- rows with a body ---- */

static kdst_status build_stage(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    kdst_layer *stage = NULL, *unit = NULL;
    const builder around = *b;
    char text[NAME];
    kdst_status status = kdst_layer_sequential_create(b->ctx, &stage);
    set_args(b, row);
    b->width = number(&around, row->out);
    int64_t count = number(&around, row->count), stride = number(&around, row->stride);
    for (int64_t i = 0; i < count && status == KDST_STATUS_OK; i++) {
        b->stride = i == 0 ? stride : 1;
        b->input = b->nominal;
        status = build(b, row->body, false, &unit);
        const char *name = row->each == NULL ? NULL : name_form(b, row->each, i, text);
        if (status == KDST_STATUS_OK) status = kdst__layer_attach("model_create", stage, name, unit);
        kdst_layer_release(unit);
        unit = NULL;
    }
    b->width = around.width;
    b->stride = around.stride;
    b->input = around.input;
    memcpy(b->args, around.args, sizeof b->args);
    if (status == KDST_STATUS_OK) {
        *out = stage;
        return status;
    }
    kdst_layer_release(stage);
    return status;
}

static kdst_status build_group(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    static const kdst__model_row nothing = {END};
    int64_t args[KDST__MODEL_ARGS];
    memcpy(args, b->args, sizeof args);
    set_args(b, row);
    kdst_status status = build(b, row->body != NULL ? row->body : &nothing, row->numbered != 0, out);
    memcpy(b->args, args, sizeof args);
    return status;
}

static kdst_status build_residual(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    kdst_layer *body = NULL, *shortcut = NULL;
    char text[NAME];
    builder around = *b;
    kdst_status status = build(b, row->body, false, &body);
    bool changed = changes(&around, b->features);
    if (status == KDST_STATUS_OK && changed && row->shortcut == NULL) {
        *out = body;
        return status;
    }
    if (status == KDST_STATUS_OK && changed) status = build(&around, row->shortcut, false, &shortcut);
    if (status == KDST_STATUS_OK)
        status = kdst__layer_residual_new(b->ctx, body, shortcut, !row->linear, name_form(b, row->name, 0, text), out);
    kdst_layer_release(shortcut);
    kdst_layer_release(body);
    return status;
}

static kdst_status build_when_changed(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    int64_t nominal;
    return build(b, changes(b, out_size(b, row, &nominal)) ? row->body : row->otherwise, false, out);
}

/* Each row of the body is a branch; what they give adds up. */
static kdst_status build_concat(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    const kdst__parallel_config config = {.join = 0, .axis = 1, .reversed = row->reversed};
    kdst_layer *joined = NULL;
    char text[NAME];
    builder inside = *b;
    set_args(&inside, row);
    b->features = b->nominal = 0;
    kdst_status status = kdst__layer_parallel_new(b->ctx, &config, &joined);
    for (const kdst__model_row *branch = row->body; branch->op != ROW_END && status == KDST_STATUS_OK; branch++) {
        kdst_layer *layer = NULL;
        builder one = inside;
        status = build_row(&one, branch, &layer);
        if (status == KDST_STATUS_OK)
            status = kdst__layer_attach("model_create", joined, name_form(b, branch->name, 0, text), layer);
        kdst_layer_release(layer);
        b->features += one.features;
        b->nominal += one.nominal;
        b->side = one.side;
    }
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(joined);
        return status;
    }
    *out = joined;
    return KDST_STATUS_OK;
}

/* Blocks and projections of one segment, which is a stage, into their containers. */
static kdst_status build_segment(
    builder *b, const kdst__model_row *stage, const kdst__model_row *shortcut, kdst_layer *blocks,
    kdst_layer *projections)
{
    kdst_layer *segment = NULL, *projection = NULL;
    builder around = *b;
    around.width = number(b, stage->out);
    around.stride = number(b, stage->stride);
    kdst_status status = build_stage(b, stage, &segment);
    if (status == KDST_STATUS_OK)
        status = changes(&around, b->features) ? build(&around, shortcut, false, &projection)
                                               : kdst_layer_sequential_create(b->ctx, &projection);
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("model_create", blocks, NULL, segment);
    if (status == KDST_STATUS_OK) status = kdst__layer_attach("model_create", projections, NULL, projection);
    kdst_layer_release(projection);
    kdst_layer_release(segment);
    return status;
}

static kdst_status build_segments(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    kdst_layer *blocks = NULL, *projections = NULL;
    kdst_status status = kdst_layer_sequential_create(b->ctx, &blocks);
    if (status == KDST_STATUS_OK) status = kdst_layer_sequential_create(b->ctx, &projections);
    for (const kdst__model_row *stage = row->body; stage->op != ROW_END && status == KDST_STATUS_OK; stage++)
        status = build_segment(b, stage, row->shortcut, blocks, projections);
    if (status == KDST_STATUS_OK) status = kdst__layer_segments_new(b->ctx, blocks, projections, out);
    kdst_layer_release(projections);
    kdst_layer_release(blocks);
    return status;
}

/* ---- programs ---- */

static kdst_status build_row(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    switch (row->op) {
    case ROW_CONV:
        return build_conv(b, row, out);
    case ROW_BATCH_NORM:
        return build_batch_norm(b, row, out);
    case ROW_RELU:
        return kdst__layer_activation_new(b->ctx, KDST__ACTIVATION_RELU, out);
    case ROW_RELU6:
        return kdst__layer_activation_new(b->ctx, KDST__ACTIVATION_RELU6, out);
    case ROW_MAX_POOL:
    case ROW_AVG_POOL:
        return build_pool(b, row, out);
    case ROW_FIXED_POOL:
        return build_fixed_pool(b, row, out);
    case ROW_GLOBAL_POOL:
    case ROW_FLATTEN:
        return build_flat(b, row, out);
    case ROW_LINEAR:
        return build_linear(b, row, out);
    case ROW_DROPOUT:
        return kdst_layer_dropout_create(b->ctx, b->config->dropout >= 0 ? b->config->dropout : row->rate, out);
    case ROW_HALF:
        return build_half(b, row, out);
    case ROW_SHUFFLE:
        return kdst_layer_channel_shuffle_create(b->ctx, row->groups, out);
    case ROW_ZERO_PAD:
        return build_zero_pad(b, row, out);
    case ROW_GROUP:
        return build_group(b, row, out);
    case ROW_CONCAT:
        return build_concat(b, row, out);
    case ROW_STAGE:
        return build_stage(b, row, out);
    case ROW_RESIDUAL:
        return build_residual(b, row, out);
    case ROW_WHEN_CHANGED:
        return build_when_changed(b, row, out);
    case ROW_SEGMENTS:
        return build_segments(b, row, out);
    case ROW_REPEAT:
    case ROW_END:
        break;
    }
    return kdst__fail(b->ctx, KDST_STATUS_INTERNAL, "model_create: unknown row in %s", b->model->name);
}

/* Rows whose `name` is not their own level's. */
static bool is_nameless(const kdst__model_row *row)
{
    return row->op == ROW_RESIDUAL || row->op == ROW_WHEN_CHANGED || row->op == ROW_SEGMENTS;
}

/* Appends the layers of all rows to a container; a numbered one names them by position. */
static kdst_status append(builder *b, const kdst__model_row *rows, bool numbered, kdst_layer *container)
{
    kdst_status status = KDST_STATUS_OK;
    char text[NAME];
    for (const kdst__model_row *row = rows; row->op != ROW_END && status == KDST_STATUS_OK; row++) {
        kdst_layer *layer = NULL;
        if (row->when != 0 && number(b, row->when) == 0) continue;
        if (row->op == ROW_REPEAT) {
            const int64_t width = b->width, count = number(b, row->count);
            b->width = number(b, row->out);
            for (int64_t i = 0; i < count && status == KDST_STATUS_OK; i++)
                status = append(b, row->body, numbered, container);
            b->width = width;
            continue;
        }
        status = build_row(b, row, &layer);
        const char *name = numbered ? NULL : is_nameless(row) ? "" : name_form(b, row->name, 0, text);
        if (status == KDST_STATUS_OK) status = kdst__layer_attach("model_create", container, name, layer);
        kdst_layer_release(layer);
    }
    return status;
}

/* A sequential of all rows. */
static kdst_status build(builder *b, const kdst__model_row *rows, bool numbered, kdst_layer **out)
{
    kdst_layer *sequence = NULL;
    kdst_status status = kdst_layer_sequential_create(b->ctx, &sequence);
    if (status == KDST_STATUS_OK) status = append(b, rows, numbered, sequence);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(sequence);
        return status;
    }
    *out = sequence;
    return KDST_STATUS_OK;
}

kdst_status
kdst__model_build(kdst_context *ctx, const kdst__model *model, const kdst__model_config *config, kdst_layer **out)
{
    builder b = {
        .ctx = ctx,
        .model = model,
        .config = config,
        .stride = 1,
        .features = config->channels > 0 ? config->channels : model->channels,
        .side = config->image_size > 0 ? config->image_size : model->image_size};
    b.nominal = b.input = b.features;
    for (int i = 0; i < KDST__MODEL_ARGS; i++)
        b.args[i] = model->ratios != NULL ? model->ratios[config->ratio][i] : model->args[i];
    return build(&b, model->rows, false, out);
}

const kdst__model_row *kdst__model_find(const kdst__model_row *rows, bool (*wanted)(const kdst__model_row *row))
{
    const kdst__model_row *found = NULL;
    for (const kdst__model_row *row = rows; row->op != ROW_END && found == NULL; row++) {
        if (wanted(row)) return row;
        if (row->body != NULL) found = kdst__model_find(row->body, wanted);
        if (found == NULL && row->shortcut != NULL) found = kdst__model_find(row->shortcut, wanted);
    }
    return found;
}
