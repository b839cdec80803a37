/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets from tensors or from images that come one by one, and what may be asked of them. Files are read in idx.c,
 * cifar.c, npy.c, npz.c and folder.c, splits made in split.c.
 */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

static void destroy(void *object)
{
    kdst_dataset *d = object;
    kdst__free(kdst__context_memory(d->base.ctx), d->numbers, (size_t)d->count * sizeof *d->numbers);
    kdst__handle_release(d->images);
    kdst__handle_release(d->source);
    kdst__handle_release(d->labels);
    kdst__handle_release(d->names);
}

static const kdst__class class = {"dataset", destroy};

/* ---- checks ---- */

static kdst_status
check_kinds(kdst_context *ctx, const char *function, const kdst_tensor *images, const kdst_tensor *labels)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (images->dtype != KDST_DTYPE_UINT8 && !kdst__dtype_is_float(images->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: images are %s, expected uint8, float32 or float64", function,
            kdst_dtype_get_name(images->dtype));
    if (labels->dtype != KDST_DTYPE_INT32)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: labels are %s, expected int32", function, kdst_dtype_get_name(labels->dtype));
    if ((images->rank != 4 && images->rank != 5) || labels->rank != 1 || images->shape[0] != labels->shape[0])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: images are %s and labels %s, expected [N, C, H, W] or [N, T, C, H, W] and [N]",
            function, kdst__shape_text(images->rank, images->shape, a),
            kdst__shape_text(labels->rank, labels->shape, b));
    if (!kdst__tensor_count(images))
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: images are %s, which is no sample or no pixel", function,
            kdst__shape_text(images->rank, images->shape, a));
    return KDST_STATUS_OK;
}

/* Index of the first element that is no finite number, or `count`. */
static int64_t find_not_finite(const kdst_tensor *images, int64_t count)
{
    int64_t i = 0;
    if (images->dtype == KDST_DTYPE_FLOAT32) {
        const float *x = kdst__tensor_data(images);
        while (i < count && isfinite(x[i]))
            i++;
        return i;
    }
    const double *x = kdst__tensor_data(images);
    while (i < count && isfinite(x[i]))
        i++;
    return i;
}

static kdst_status check_pixels(kdst_context *ctx, const char *function, const kdst_tensor *images)
{
    if (images->dtype == KDST_DTYPE_UINT8) return KDST_STATUS_OK;
    int64_t count = kdst__tensor_count(images), i = find_not_finite(images, count);
    if (i == count) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: pixel %lld of sample %lld is not finite", function,
        (long long)(i % (count / images->shape[0])), (long long)(i / (count / images->shape[0])));
}

/* `classes` 0 becomes the largest label + 1. */
static kdst_status check_labels(kdst_context *ctx, const char *function, const kdst_tensor *labels, int64_t *classes)
{
    const int32_t *y = kdst__tensor_data(labels);
    int64_t largest = 0;
    for (int64_t i = 0; i < labels->shape[0]; i++) {
        if (y[i] < 0)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the label of sample %lld is %d, which is negative", function,
                (long long)i, y[i]);
        if (*classes && y[i] >= *classes)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the label of sample %lld is %d, allowed are 0 to %lld",
                function, (long long)i, y[i], (long long)(*classes - 1));
        if (y[i] > largest) largest = y[i];
    }
    if (!*classes) *classes = largest + 1;
    return KDST_STATUS_OK;
}

/* ---- making ---- */

kdst_status kdst__dataset_new(
    kdst_context *ctx, const char *function, kdst_tensor *images, kdst_tensor *labels, int64_t classes,
    kdst_dataset **out)
{
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL;
    *out = NULL;
    kdst_status status = check_kinds(ctx, function, images, labels);
    if (!status) status = kdst__tensor_to_contiguous(function, images, &x);
    if (!status) status = kdst__tensor_to_contiguous(function, labels, &y);
    if (!status) status = check_labels(ctx, function, y, &classes);
    if (!status) status = check_pixels(ctx, function, x);
    if (status) goto fail;
    d = kdst__handle_create(ctx, &class, sizeof *d);
    if (!d) {
        status = kdst__fail_memory(ctx, function);
        goto fail;
    }
    d->images = x;
    d->labels = y;
    d->count = x->shape[0];
    d->classes = classes;
    d->dtype = x->dtype;
    d->unit = 255;
    d->steps = x->rank == 5 ? x->shape[1] : 0;
    memcpy(d->shape, x->shape + x->rank - 3, sizeof d->shape);
    *out = d;
    return KDST_STATUS_OK;
fail:
    kdst__handle_release(y);
    kdst__handle_release(x);
    return status;
}

kdst_status kdst__dataset_new_source(
    const char *function, kdst__images *source, const int64_t *numbers, kdst_tensor *labels, int64_t classes,
    kdst_dtype dtype, const int64_t shape[3], kdst_dataset **out)
{
    kdst_context *ctx = source->base.ctx;
    kdst_tensor *y = NULL;
    kdst_dataset *d = NULL;
    *out = NULL;
    kdst_status status = kdst__tensor_to_contiguous(function, labels, &y);
    if (!status) status = check_labels(ctx, function, y, &classes);
    if (!status && !(d = kdst__handle_create(ctx, &class, sizeof *d))) status = kdst__fail_memory(ctx, function);
    if (status) goto fail;
    d->labels = y;
    d->count = y->shape[0];
    d->classes = classes;
    d->dtype = dtype;
    d->unit = 255;
    memcpy(d->shape, shape, sizeof d->shape);
    kdst__handle_retain(d->source = source);
    if (numbers) {
        d->numbers = kdst__alloc(kdst__context_memory(ctx), (size_t)d->count * sizeof *numbers);
        if (!d->numbers) {
            kdst__handle_release(d);
            return kdst__fail_memory(ctx, function);
        }
        memcpy(d->numbers, numbers, (size_t)d->count * sizeof *numbers);
    }
    *out = d;
    return KDST_STATUS_OK;
fail:
    kdst__handle_release(y);
    return status;
}

kdst_status
kdst__dataset_begin(kdst_context *ctx, const char *function, const void *images, const void *labels, kdst_dataset **out)
{
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (images && labels && out) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function,
        !images       ? "images"
            : !labels ? "labels"
                      : "out");
}

kdst_status
kdst_dataset_create(kdst_context *ctx, kdst_tensor *images, kdst_tensor *labels, int64_t classes, kdst_dataset **out)
{
    kdst_status status = kdst__dataset_begin(ctx, "dataset_create", images, labels, out);
    if (status) return status;
    if (images->base.ctx != ctx || labels->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "dataset_create: %s belong to another context",
            images->base.ctx != ctx ? "images" : "labels");
    if (classes < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "dataset_create: classes is %lld, allowed is 0 or more",
            (long long)classes);
    return kdst__dataset_new(ctx, "dataset_create", images, labels, classes, out);
}

void kdst_dataset_retain(kdst_dataset *dataset)
{
    kdst__handle_retain(dataset);
}

void kdst_dataset_release(kdst_dataset *dataset)
{
    kdst__handle_release(dataset);
}

/* ---- images ---- */

const void *kdst__dataset_fetch(const kdst_dataset *d, int64_t sample, void *room, kdst__failure *failure)
{
    if (d->images) return (const char *)kdst__tensor_data(d->images) + (size_t)sample * kdst__dataset_image_bytes(d);
    int64_t number = d->numbers ? d->numbers[sample] : sample;
    return d->source->fetch(d->source, number, room, failure) ? NULL : room;
}

kdst_status kdst__dataset_report(kdst_context *ctx, const char *function, const kdst__failure *failure)
{
    return kdst__fail(ctx, failure->status, "%s: %s", function, failure->text);
}

kdst_status kdst_dataset_get_image(kdst_dataset *d, int64_t sample, kdst_tensor **out)
{
    static const char function[] = "dataset_get_image";
    kdst__failure failure = {0};
    if (out) *out = NULL;
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    kdst_tensor *t = NULL;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    if (sample < 0 || sample >= d->count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: sample is %lld, allowed is 0 to %lld", function, (long long)sample,
            (long long)(d->count - 1));
    const int64_t shape[] = {d->steps, d->shape[0], d->shape[1], d->shape[2]};
    int32_t rank = d->steps ? 4 : 3;
    kdst_status status = kdst__tensor_new(ctx, function, d->dtype, rank, shape + 4 - rank, false, &t);
    if (status) return status;
    const void *image = kdst__dataset_fetch(d, sample, kdst__tensor_data(t), &failure);
    if (!image) {
        kdst__handle_release(t);
        return kdst__dataset_report(ctx, function, &failure);
    }
    if (d->images) memcpy(kdst__tensor_data(t), image, kdst__dataset_image_bytes(d));
    *out = t;
    return KDST_STATUS_OK;
}

/* ---- asking ---- */

int64_t kdst_dataset_get_count(const kdst_dataset *dataset)
{
    return dataset ? dataset->count : 0;
}

int64_t kdst_dataset_get_classes(const kdst_dataset *dataset)
{
    return dataset ? dataset->classes : 0;
}

/* Beginning of a getter. */
static kdst_status enter(kdst_dataset *d, const char *function, const void *out)
{
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(d->base.ctx);
    return out ? KDST_STATUS_OK : kdst__fail(d->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
}

kdst_status kdst_dataset_get_shape(kdst_dataset *d, int64_t *out)
{
    kdst_status status = enter(d, "dataset_get_shape", out);
    for (int i = 0; out && i < 3; i++)
        out[i] = status ? 0 : d->shape[i];
    return status;
}

int64_t kdst_dataset_get_steps(const kdst_dataset *dataset)
{
    return dataset ? dataset->steps : 0;
}

kdst_status kdst_dataset_get_images(kdst_dataset *d, kdst_tensor **out)
{
    kdst_status status = enter(d, "dataset_get_images", out);
    if (out) *out = status ? NULL : d->images;
    if (status || d->images) return status;
    return kdst__fail(
        d->base.ctx, KDST_STATUS_UNSUPPORTED,
        "dataset_get_images: the images are not in memory, get them one by one with dataset_get_image");
}

kdst_status kdst_dataset_get_labels(kdst_dataset *d, kdst_tensor **out)
{
    kdst_status status = enter(d, "dataset_get_labels", out);
    if (out) *out = status ? NULL : d->labels;
    return status;
}
