/* SPDX-License-Identifier: Apache-2.0 */
/* layer_norm (Ba et al. 2016) and group_norm (Wu and He 2018): normalisation by each sample's own statistics, with weight and bias. */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct config {
    double eps;
    int64_t affine;
    int32_t dtype;
} config;

typedef struct row_norm {
    kdst_layer base;
    kdst__row_norm_attrs attrs;
    int64_t shape[KDST__MAX_RANK]; /* layer_norm: of the last axes; group_norm: [C] */
} row_norm;

static const kdst__option options[] = {
    KDST__FLOAT_OPEN(config, eps, 1e-5, 0, INFINITY, "added to the variance"),
    KDST__INT(config, affine, 1, 0, 1, "1: with weight and bias"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_layer_layer_norm = {"layer.layer_norm", options, KDST__COUNT(options), NULL, 0};
const kdst__schema kdst__schema_layer_group_norm = {"layer.group_norm", options, KDST__COUNT(options), NULL, 0};

static kdst_tensor *parameter(kdst_layer *layer, int32_t i)
{
    return i < layer->tensor_count ? layer->tensors[i].tensor : NULL;
}

static kdst_status run_layer(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const row_norm *self = (row_norm *)layer;
    const int64_t axes = self->attrs.axes;
    char text[KDST__SHAPE_TEXT], expected[KDST__SHAPE_TEXT];
    bool same = x->rank >= axes;
    for (int64_t i = 0; same && i < axes; i++)
        same = x->shape[x->rank - axes + i] == self->shape[i];
    if (!same)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "layer_norm: input is %s, layer expects last axes %s",
            kdst__shape_text(x->rank, x->shape, text), kdst__shape_text((int32_t)axes, self->shape, expected));
    return kdst__layer_norm_run(x, parameter(layer, 0), parameter(layer, 1), &self->attrs, out);
}

static kdst_status run_group(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const row_norm *self = (row_norm *)layer;
    char text[KDST__SHAPE_TEXT];
    if (x->rank < 2 || x->shape[1] != self->shape[0])
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE, "group_norm: input is %s, layer expects [N, %" PRId64 ", ...]",
            kdst__shape_text(x->rank, x->shape, text), self->shape[0]);
    return kdst__group_norm_run(x, parameter(layer, 0), parameter(layer, 1), &self->attrs, out);
}

static const kdst__layer_kind layer_kind = {.name = "layer_norm", .bytes = sizeof(row_norm), .run = run_layer};
static const kdst__layer_kind group_kind = {.name = "group_norm", .bytes = sizeof(row_norm), .run = run_group};

static kdst_status hold(kdst_layer *layer, const char *name, int64_t rank, kdst_dtype dtype, double value)
{
    kdst_tensor *tensor;
    kdst_status status =
        kdst__tensor_new(layer->base.ctx, layer->kind->name, dtype, rank, ((row_norm *)layer)->shape, true, &tensor);
    if (status == KDST_STATUS_OK) status = kdst__layer_hold(layer, name, true, tensor);
    if (status == KDST_STATUS_OK && value != 0) status = kdst_tensor_set_value(tensor, value);
    return status;
}

static kdst_status create(
    kdst_context *ctx, const kdst__layer_kind *kind, const kdst__row_norm_attrs *attrs, int64_t rank,
    const int64_t *shape, const config *c, kdst_layer **out)
{
    const kdst_dtype dtype = c->dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    kdst_layer *layer;
    kdst_status status = kdst__layer_new(ctx, kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    row_norm *self = (row_norm *)layer;
    self->attrs = *attrs;
    self->attrs.eps = c->eps;
    for (int64_t i = 0; i < rank; i++)
        self->shape[i] = shape[i];
    if (c->affine) status = hold(layer, "weight", rank, dtype, 1);
    if (status == KDST_STATUS_OK && c->affine) status = hold(layer, "bias", rank, dtype, 0);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_layer_norm_create(
    kdst_context *ctx, int64_t rank, const int64_t *shape, const kdst_options *given, kdst_layer **out)
{
    config c;
    const kdst__row_norm_attrs attrs = {.axes = rank};
    kdst_status status = kdst__layer_begin(ctx, "layer_norm", out);
    if (status != KDST_STATUS_OK) return status;
    if (rank < 1 || rank > KDST__MAX_RANK || shape == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_norm: %s%" PRId64 ", allowed is 1 to %d",
            rank >= 1 && rank <= KDST__MAX_RANK ? "shape is NULL, rank is " : "rank is ", rank, KDST__MAX_RANK);
    for (int64_t i = 0; i < rank; i++)
        if (shape[i] < 1)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT,
                "layer_norm: shape[%" PRId64 "] is %" PRId64 ", allowed is 1 and more", i, shape[i]);
    status = kdst__options_parse(ctx, "layer_norm", &kdst__schema_layer_layer_norm, given, &c);
    return status == KDST_STATUS_OK ? create(ctx, &layer_kind, &attrs, rank, shape, &c, out) : status;
}

kdst_status kdst_layer_group_norm_create(
    kdst_context *ctx, int64_t groups, int64_t channels, const kdst_options *given, kdst_layer **out)
{
    config c;
    const kdst__row_norm_attrs attrs = {.groups = groups};
    kdst_status status = kdst__layer_begin(ctx, "group_norm", out);
    if (status != KDST_STATUS_OK) return status;
    if (groups < 1 || channels < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "group_norm: %s is %" PRId64 ", allowed is 1 and more",
            groups < 1 ? "groups" : "channels", groups < 1 ? groups : channels);
    if (channels % groups != 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "group_norm: channels is %" PRId64 ", which cannot be cut into %" PRId64 " groups", channels, groups);
    status = kdst__options_parse(ctx, "group_norm", &kdst__schema_layer_group_norm, given, &c);
    return status == KDST_STATUS_OK ? create(ctx, &group_kind, &attrs, 1, &channels, &c, out) : status;
}
