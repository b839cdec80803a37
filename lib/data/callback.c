/* SPDX-License-Identifier: Apache-2.0 */
/* A data set whose images a function of the caller's gives, one at a time, on the thread that called the API. */
#include "data/dataset.h"

#include "autograd/op.h"

#include <math.h>

static const char function[] = "dataset_create_callback";

/* A kind of images. */
typedef struct given {
    kdst__images images;
    kdst_image_fn fn;
    void *user_data;
    kdst_destroy_fn destroy;
    int64_t pixels; /* of an image */
    kdst_dtype dtype;
} given;

static void destroy(void *object)
{
    given *g = object;
    if (g->destroy) g->destroy(g->user_data);
}

static const kdst__class class = {"images by callback", destroy};

static int64_t find_not_finite(const given *g, const void *pixels)
{
    int64_t i = 0;
    if (g->dtype == KDST_DTYPE_FLOAT32)
        while (i < g->pixels && isfinite(((const float *)pixels)[i]))
            i++;
    else if (g->dtype == KDST_DTYPE_FLOAT64)
        while (i < g->pixels && isfinite(((const double *)pixels)[i]))
            i++;
    else
        return g->pixels;
    return i;
}

static kdst_status fetch(kdst__images *images, int64_t sample, void *pixels, kdst__failure *failure)
{
    given *g = (given *)images;
    kdst_context *ctx = images->base.ctx;
    kdst__scopes before;
    if (!kdst__scopes_enter(ctx, true, &before))
        return kdst__failure_set(failure, KDST_STATUS_OUT_OF_MEMORY, "out of memory");
    kdst__handle_retain(g); /* the function may drop the caller's last reference */
    kdst_status status = g->fn(g->user_data, sample, pixels);
    kdst__scopes_leave(ctx, &before);
    int64_t i = status ? 0 : find_not_finite(g, pixels);
    if (status) {
        status = kdst__fail_callback(ctx, status, "the function");
        kdst__failure_set(failure, status, "sample %lld: %.500s", (long long)sample, kdst_context_message(ctx));
    } else if (i < g->pixels) {
        status = kdst__failure_set(
            failure, KDST_STATUS_CALLBACK, "sample %lld: the function gave a pixel, number %lld, that is not finite",
            (long long)sample, (long long)i);
    }
    kdst__handle_release(g);
    return status;
}

static kdst_status check(
    kdst_context *ctx, const kdst_tensor *labels, int64_t classes, kdst_dtype dtype, const int64_t *shape, bool has_fn,
    kdst_dataset **out)
{
    char text[KDST__SHAPE_TEXT];
    int64_t pixels = 1;
    if (!labels || !shape || !has_fn || !out)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function,
            !labels       ? "labels"
                : !shape  ? "shape"
                : !has_fn ? "fn"
                          : "out");
    if (labels->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: labels belong to another context", function);
    if (labels->dtype != KDST_DTYPE_INT32)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: labels are %s, expected int32", function, kdst_dtype_get_name(labels->dtype));
    if (labels->rank != 1 || !labels->shape[0])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: labels are %s, expected [N] with N >= 1", function,
            kdst__shape_text(labels->rank, labels->shape, text));
    if (dtype != KDST_DTYPE_UINT8 && !kdst__dtype_is_float(dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: dtype is %d, expected uint8, float32 or float64", function, (int)dtype);
    if (classes < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: classes is %lld, allowed is 0 or more", function,
            (long long)classes);
    for (int i = 0; i < 3; i++)
        if (shape[i] < 1 || __builtin_mul_overflow(pixels, shape[i], &pixels) || pixels > INT64_MAX / 64)
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "%s: shape is %s, expected [C, H, W] of 1 or more that can be counted",
                function, kdst__shape_text(3, shape, text));
    return KDST_STATUS_OK;
}

kdst_status kdst_dataset_create_callback(
    kdst_context *ctx, kdst_tensor *labels, int64_t classes, kdst_dtype dtype, const int64_t *shape, kdst_image_fn fn,
    void *user_data, kdst_destroy_fn destroy_data, kdst_dataset **out)
{
    given *g = NULL;
    if (out) *out = NULL;
    if (ctx) kdst__enter(ctx);
    kdst_status status =
        ctx ? check(ctx, labels, classes, dtype, shape, fn != NULL, out) : KDST_STATUS_INVALID_ARGUMENT;
    if (!status && !(g = kdst__handle_create(ctx, &class, sizeof *g))) status = kdst__fail_memory(ctx, function);
    if (status) {
        if (destroy_data) destroy_data(user_data);
        return status;
    }
    g->images.fetch = fetch;
    g->fn = fn;
    g->user_data = user_data;
    g->destroy = destroy_data;
    g->pixels = shape[0] * shape[1] * shape[2];
    g->dtype = dtype;
    status = kdst__dataset_new_source(function, &g->images, NULL, labels, classes, dtype, shape, out);
    kdst__handle_release(g);
    return status;
}
