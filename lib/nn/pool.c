/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling layers over [N, C, H, W]: largest or mean element of each window, means of so many windows, mean of the whole map. */
#include "nn/layer.h"

#include <inttypes.h>

typedef struct pool {
    kdst_layer base;
    kdst__pool2d_attrs attrs;
} pool;

typedef struct adaptive {
    kdst_layer base;
    int64_t height, width;
} adaptive;

static kdst_status run_max(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst__max_pool2d_run(x, &((pool *)layer)->attrs, out);
}

static kdst_status run_avg(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst__avg_pool2d_run(x, &((pool *)layer)->attrs, out);
}

static kdst_status run_global(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    return kdst_global_avg_pool2d(x, out);
}

static kdst_status run_adaptive(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    const adaptive *self = (adaptive *)layer;
    return kdst_adaptive_avg_pool2d(x, self->height, self->width, out);
}

static const kdst__layer_kind max_kind = {.name = "max_pool2d", .bytes = sizeof(pool), .run = run_max};
static const kdst__layer_kind avg_kind = {.name = "avg_pool2d", .bytes = sizeof(pool), .run = run_avg};
static const kdst__layer_kind adaptive_kind = {
    .name = "adaptive_avg_pool2d", .bytes = sizeof(adaptive), .run = run_adaptive};
static const kdst__layer_kind global_kind = {
    .name = "global_avg_pool2d", .bytes = sizeof(kdst_layer), .run = run_global};

static kdst_status
create(kdst_context *ctx, const kdst__layer_kind *kind, const kdst__pool2d_attrs *attrs, kdst_layer **out)
{
    for (int i = 0; i < 2; i++)
        if (attrs->padding[i] > attrs->kernel[i] / 2)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: padding is %" PRId64 ", allowed is half the kernel of %" PRId64,
                kind->name, attrs->padding[i], attrs->kernel[i]);
    kdst_status status = kdst__layer_new(ctx, kind, out);
    if (status == KDST_STATUS_OK) ((pool *)*out)->attrs = *attrs;
    return status;
}

kdst_status kdst__layer_max_pool2d_new(kdst_context *ctx, const kdst__pool2d_attrs *attrs, kdst_layer **out)
{
    return create(ctx, &max_kind, attrs, out);
}

kdst_status kdst__layer_avg_pool2d_new(kdst_context *ctx, const kdst__pool2d_attrs *attrs, kdst_layer **out)
{
    return create(ctx, &avg_kind, attrs, out);
}

kdst_status kdst__layer_adaptive_avg_pool2d_new(kdst_context *ctx, int64_t height, int64_t width, kdst_layer **out)
{
    if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "adaptive_avg_pool2d: size is %" PRId64 " by %" PRId64 ", allowed is 1 to %" PRId32 " each", height, width,
            INT32_MAX);
    kdst_status status = kdst__layer_new(ctx, &adaptive_kind, out);
    if (status != KDST_STATUS_OK) return status;
    ((adaptive *)*out)->height = height;
    ((adaptive *)*out)->width = width;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_max_pool2d_create(kdst_context *ctx, const kdst_options *given, kdst_layer **out)
{
    kdst__pool2d_attrs attrs;
    kdst_status status = kdst__layer_begin(ctx, "max_pool2d", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "max_pool2d", &kdst__schema_max_pool2d, given, &attrs);
    return status == KDST_STATUS_OK ? create(ctx, &max_kind, &attrs, out) : status;
}

kdst_status kdst_layer_avg_pool2d_create(kdst_context *ctx, const kdst_options *given, kdst_layer **out)
{
    kdst__pool2d_attrs attrs;
    kdst_status status = kdst__layer_begin(ctx, "avg_pool2d", out);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "avg_pool2d", &kdst__schema_avg_pool2d, given, &attrs);
    return status == KDST_STATUS_OK ? create(ctx, &avg_kind, &attrs, out) : status;
}

kdst_status kdst_layer_global_avg_pool2d_create(kdst_context *ctx, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "global_avg_pool2d", out);
    return status == KDST_STATUS_OK ? kdst__layer_new(ctx, &global_kind, out) : status;
}

kdst_status kdst_layer_adaptive_avg_pool2d_create(kdst_context *ctx, int64_t height, int64_t width, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "adaptive_avg_pool2d", out);
    return status == KDST_STATUS_OK ? kdst__layer_adaptive_avg_pool2d_new(ctx, height, width, out) : status;
}
