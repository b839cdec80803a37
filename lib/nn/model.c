/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a network from its rows (see model.h); the networks themselves are in models.c. */
#include "core/options_text.h"
#include "nn/model.h"

#include <inttypes.h>
#include <string.h>

typedef struct config {
    int64_t classes, channels, image_size;
    double width;
    int32_t dtype, names;
} config;

static const kdst__option options[] = {
    KDST__INT(config, classes, 10, 1, 1000000, "number of outputs"),
    KDST__INT(config, channels, 0, 0, 4096, "input channels; 0: the network's own"),
    KDST__INT(config, image_size, 0, 0, 4096, "height and width of the input; 0: the network's own"),
    KDST__FLOAT_ABOVE(config, width, 1, 0, 64, "factor of the hidden widths, which are rounded up"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "type of the parameters"),
    KDST__CHOICE(config, names, "official", "official|pytorch", "parameter names of the origin, or of torchvision"),
};
const kdst__schema kdst__schema_model = {"model", options, KDST__COUNT(options), NULL, 0};

/* What the next layer gets: a map of `side` x `side`, or `features` alone where side is 0. */
typedef struct builder {
    kdst_context *ctx;
    const kdst__model *model;
    const config *config;
    int64_t features, side;
    int64_t width, stride; /* of the stage being built */
} builder;

static kdst_status build(builder *b, const kdst__model_row *rows, kdst_layer **out);

static int64_t out_size(const builder *b, int32_t out)
{
    if (out == ROW_CLASSES) return b->config->classes;
    return out == ROW_WIDTH ? b->width : (int64_t)ceil(b->config->width * out);
}

/* The wanted form of "official|pytorch" into a buffer; "" for a layer without parameters. */
static const char *row_name(const builder *b, const kdst__model_row *row, char text[64])
{
    const char *name = row->name != NULL ? row->name : "";
    const char *bar = strchr(name, '|');
    if (bar == NULL) return name;
    if (b->config->names == 1) return bar + 1;
    memcpy(text, name, (size_t)(bar - name));
    text[bar - name] = '\0';
    return text;
}

/* Side of the map behind a window; fails where the window does not fit. */
static kdst_status slide(builder *b, int64_t kernel, int64_t stride, int64_t padding)
{
    int64_t room = b->side + 2 * padding - kernel;
    if (room < 0)
        return kdst__fail(
            b->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "model_create: image_size is too small for %s: a window of %" PRId64 " meets a map of %" PRId64
            " with padding %" PRId64,
            b->model->name, kernel, b->side, padding);
    b->side = room / stride + 1;
    return KDST_STATUS_OK;
}

static kdst_status build_conv(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    int64_t stride = row->stride == ROW_STRIDE ? b->stride : row->stride;
    int64_t in = b->features, features = out_size(b, row->out);
    const kdst__weighted_config config = {
        .kernel = {row->kernel, row->kernel},
        .stride = {stride, stride},
        .padding = {row->padding, row->padding},
        .bias = row->bias,
        .dtype = b->config->dtype,
        .init = b->model->conv_init};
    kdst_status status = slide(b, row->kernel, stride, row->padding);
    b->features = features;
    return status == KDST_STATUS_OK ? kdst__layer_conv2d_new(b->ctx, in, features, &config, out) : status;
}

static kdst_status build_linear(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    int64_t in = b->features;
    const kdst__weighted_config config = {.bias = 1, .dtype = b->config->dtype, .init = KDST__INIT_PYTORCH};
    b->features = out_size(b, row->out);
    return kdst__layer_linear_new(b->ctx, in, b->features, &config, out);
}

static kdst_status build_max_pool(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    const kdst__pool2d_attrs attrs = {
        .kernel = {row->kernel, row->kernel},
        .stride = {row->stride, row->stride},
        .padding = {row->padding, row->padding}};
    kdst_status status = slide(b, row->kernel, row->stride, row->padding);
    return status == KDST_STATUS_OK ? kdst__layer_max_pool2d_new(b->ctx, &attrs, out) : status;
}

static kdst_status build_stage(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    kdst_layer *stage = NULL, *block = NULL;
    kdst_status status = kdst_layer_sequential_create(b->ctx, &stage);
    b->width = out_size(b, row->out);
    for (int32_t i = 0; i < row->count && status == KDST_STATUS_OK; i++) {
        b->stride = i == 0 ? row->stride : 1;
        status = build(b, row->body, &block);
        if (status == KDST_STATUS_OK) status = kdst__layer_attach("model_create", stage, NULL, block);
        kdst_layer_release(block);
        block = NULL;
    }
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(stage);
        return status;
    }
    *out = stage;
    return KDST_STATUS_OK;
}

static kdst_status build_residual(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    kdst_layer *body = NULL, *shortcut = NULL;
    char text[64];
    builder around = *b;
    kdst_status status = build(b, row->body, &body);
    if (status == KDST_STATUS_OK && (b->features != around.features || b->side != around.side))
        status = build(&around, row->shortcut, &shortcut);
    if (status == KDST_STATUS_OK)
        status = kdst__layer_residual_new(b->ctx, body, shortcut, true, row_name(b, row, text), out);
    kdst_layer_release(shortcut);
    kdst_layer_release(body);
    return status;
}

static kdst_status build_zero_pad(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    int64_t in = b->features, stride = row->stride == ROW_STRIDE ? b->stride : row->stride;
    b->features = out_size(b, row->out);
    b->side = (b->side - 1) / stride + 1;
    return kdst_layer_shortcut_create(b->ctx, in, b->features, stride, out);
}

static kdst_status build_batch_norm(builder *b, kdst_layer **out)
{
    const kdst__norm_config config = {.eps = 1e-5, .momentum = 0.1, .affine = 1, .dtype = b->config->dtype};
    return kdst__layer_batch_norm_new(b->ctx, b->features, &config, out);
}

static kdst_status build_row(builder *b, const kdst__model_row *row, kdst_layer **out)
{
    switch (row->op) {
    case ROW_CONV:
        return build_conv(b, row, out);
    case ROW_BATCH_NORM:
        return build_batch_norm(b, out);
    case ROW_RELU:
        return kdst__layer_activation_new(b->ctx, KDST__ACTIVATION_RELU, out);
    case ROW_MAX_POOL:
        return build_max_pool(b, row, out);
    case ROW_GLOBAL_POOL:
        b->side = 0;
        return kdst_layer_global_avg_pool2d_create(b->ctx, out);
    case ROW_FLATTEN:
        b->features *= b->side * b->side;
        b->side = 0;
        return kdst_layer_flatten_create(b->ctx, out);
    case ROW_LINEAR:
        return build_linear(b, row, out);
    case ROW_STAGE:
        return build_stage(b, row, out);
    case ROW_RESIDUAL:
        return build_residual(b, row, out);
    case ROW_ZERO_PAD:
        return build_zero_pad(b, row, out);
    case ROW_END:
        break;
    }
    return kdst__fail(b->ctx, KDST_STATUS_INTERNAL, "model_create: unknown row in %s", b->model->name);
}

/* A sequential of all rows. A residual row has no name of its own: its `name` is the shortcut's. */
static kdst_status build(builder *b, const kdst__model_row *rows, kdst_layer **out)
{
    kdst_layer *sequence = NULL, *layer = NULL;
    char text[64];
    kdst_status status = kdst_layer_sequential_create(b->ctx, &sequence);
    for (const kdst__model_row *row = rows; row->op != ROW_END && status == KDST_STATUS_OK; row++) {
        status = build_row(b, row, &layer);
        if (status == KDST_STATUS_OK)
            status = kdst__layer_attach(
                "model_create", sequence, row->op == ROW_RESIDUAL ? "" : row_name(b, row, text), layer);
        kdst_layer_release(layer);
        layer = NULL;
    }
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(sequence);
        return status;
    }
    *out = sequence;
    return KDST_STATUS_OK;
}

static kdst_status fail_unknown(kdst_context *ctx, const char *name)
{
    int64_t nearest = 0;
    for (int64_t i = 1; i < kdst__model_number; i++)
        if (kdst__text_distance(name, kdst__models[i].name) < kdst__text_distance(name, kdst__models[nearest].name))
            nearest = i;
    return kdst__fail(
        ctx, KDST_STATUS_NOT_FOUND, "model_create: no network \"%.64s\", did you mean \"%s\"?", name,
        kdst__models[nearest].name);
}

kdst_status kdst_model_create(kdst_context *ctx, const char *name, const kdst_options *given, kdst_layer **out)
{
    config config;
    kdst_status status = kdst__layer_begin(ctx, "model_create", out);
    if (status != KDST_STATUS_OK) return status;
    if (name == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: name is NULL");
    const kdst__model *model = NULL;
    for (int64_t i = 0; i < kdst__model_number; i++)
        if (strcmp(kdst__models[i].name, name) == 0) model = &kdst__models[i];
    if (model == NULL) return fail_unknown(ctx, name);
    status = kdst__options_parse(ctx, "model_create", &kdst__schema_model, given, &config);
    if (status != KDST_STATUS_OK) return status;
    builder b = {
        .ctx = ctx,
        .model = model,
        .config = &config,
        .stride = 1,
        .features = config.channels > 0 ? config.channels : model->channels,
        .side = config.image_size > 0 ? config.image_size : model->image_size};
    return build(&b, model->rows, out);
}

int64_t kdst_model_count(void)
{
    return kdst__model_number;
}

const char *kdst_model_get_name(int64_t index)
{
    return index >= 0 && index < kdst__model_number ? kdst__models[index].name : NULL;
}

const char *kdst_model_get_help(int64_t index)
{
    return index >= 0 && index < kdst__model_number ? kdst__models[index].help : NULL;
}
