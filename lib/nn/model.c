/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name: options, what of them a network has, and the list. The builder is in model_build.c, the tables in models*.c. */
#include "core/options_text.h"
#include "nn/model.h"

#include <inttypes.h>
#include <string.h>

static const kdst__option options[] = {
    KDST__INT(kdst__model_config, classes, 10, 1, 1000000, "number of outputs"),
    KDST__INT(kdst__model_config, channels, 0, 0, 4096, "input channels; 0: the network's own"),
    KDST__INT(kdst__model_config, image_size, 0, 0, 4096, "height and width of the input; 0: the network's own"),
    KDST__FLOAT_ABOVE(kdst__model_config, width, 1, 0, 64, "factor of the hidden widths, which are rounded up"),
    KDST__FLOAT_BELOW(
        kdst__model_config, dropout, -1, -1, 1, "rate of the dropout layers of a network that has them; -1: its own"),
    KDST__CHOICE(
        kdst__model_config, eps, "official", "official|clean",
        "googlenet_cifar: batch norms with the eps of the origin's slip, or 1e-5 in all"),
    KDST__CHOICE(
        kdst__model_config, ratio, "x1", "x1|x0.5|x1.5|x2", "shufflenetv2_cifar: which of its tables of widths"),
    KDST__CHOICE(kdst__model_config, dtype, "float32", "float32|float64", "type of the parameters"),
    KDST__CHOICE(
        kdst__model_config, names, "official", "official|pytorch", "parameter names of the origin, or of torchvision"),
};
const kdst__schema kdst__schema_model = {"model", options, KDST__COUNT(options), NULL, 0};

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

static bool has_dropout(const kdst__model_row *row)
{
    return row->op == ROW_DROPOUT;
}

static bool has_odd_eps(const kdst__model_row *row)
{
    return row->odd_eps != 0;
}

static bool has_classes(const kdst__model_row *row)
{
    return row->out == ROW_CLASSES;
}

/* Options that only some networks have. */
static kdst_status
check_options(kdst_context *ctx, const kdst__model *model, const kdst_options *given, const kdst__model_config *config)
{
    if (config->dropout < 0 && config->dropout != -1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: dropout is %g, allowed are [0, 1) and -1",
            config->dropout);
    if (config->dropout > 0 && kdst__model_find(model->rows, has_dropout) == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: dropout is %g, but %s has no dropout", config->dropout,
            model->name);
    if (config->eps != 0 && kdst__model_find(model->rows, has_odd_eps) == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: eps is \"clean\", but %s has one eps for all",
            model->name);
    static const char *const ratios[] = {"x1", "x0.5", "x1.5", "x2"};
    if (config->ratio != 0 && model->ratios == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: ratio is \"%s\", but %s has one table of widths",
            ratios[config->ratio], model->name);
    if (given != NULL && kdst__options_has(given, "classes") && kdst__model_find(model->rows, has_classes) == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: classes is %" PRId64 ", but %s gives features",
            config->classes, model->name);
    return KDST_STATUS_OK;
}

kdst_status kdst_model_create(kdst_context *ctx, const char *name, const kdst_options *given, kdst_layer **out)
{
    kdst__model_config config;
    kdst_status status = kdst__layer_begin(ctx, "model_create", out);
    if (status != KDST_STATUS_OK) return status;
    if (name == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: name is NULL");
    const kdst__model *model = NULL;
    for (int64_t i = 0; i < kdst__model_number; i++)
        if (strcmp(kdst__models[i].name, name) == 0) model = &kdst__models[i];
    if (model == NULL) return fail_unknown(ctx, name);
    if (model->create != NULL) return model->create(ctx, model, given, out);
    status = kdst__options_parse(ctx, "model_create", &kdst__schema_model, given, &config);
    if (status == KDST_STATUS_OK) status = check_options(ctx, model, given, &config);
    return status == KDST_STATUS_OK ? kdst__model_build(ctx, model, &config, out) : status;
}

static const kdst__model *at(int64_t index)
{
    return index >= 0 && index < kdst__model_number ? &kdst__models[index] : NULL;
}

int64_t kdst_model_count(void)
{
    return kdst__model_number;
}

const char *kdst_model_get_name(int64_t index)
{
    return at(index) != NULL ? at(index)->name : NULL;
}

const char *kdst_model_get_help(int64_t index)
{
    return at(index) != NULL ? at(index)->help : NULL;
}

int64_t kdst_model_get_channels(int64_t index)
{
    return at(index) != NULL ? at(index)->channels : 0;
}

int64_t kdst_model_get_image_size(int64_t index)
{
    return at(index) != NULL ? at(index)->image_size : 0;
}
