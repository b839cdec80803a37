/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a data set: chosen samples in a chosen order. Images in memory are copied; a part of a data set whose images come
 * one by one shares their source.
 */
#include "data/dataset.h"

#include <string.h>

static kdst_status
gather_labels(const char *function, const kdst_dataset *d, const int64_t *numbers, int64_t count, kdst_tensor **out)
{
    kdst_status status = kdst__tensor_new(d->base.ctx, function, KDST_DTYPE_INT32, 1, &count, false, out);
    if (status) return status;
    const int32_t *from = kdst__tensor_data(d->labels);
    int32_t *to = kdst__tensor_data(*out);
    for (int64_t i = 0; i < count; i++)
        to[i] = from[numbers[i]];
    return KDST_STATUS_OK;
}

static kdst_status
gather_images(const char *function, const kdst_dataset *d, const int64_t *numbers, int64_t count, kdst_tensor **out)
{
    int64_t shape[KDST__MAX_RANK];
    size_t bytes = kdst__dataset_image_bytes(d);
    memcpy(shape, d->images->shape, sizeof shape);
    shape[0] = count;
    kdst_status status = kdst__tensor_new(d->base.ctx, function, d->dtype, d->images->rank, shape, false, out);
    if (status) return status;
    const char *from = kdst__tensor_data(d->images);
    char *to = kdst__tensor_data(*out);
    for (int64_t i = 0; i < count; i++)
        memcpy(to + (size_t)i * bytes, from + (size_t)numbers[i] * bytes, bytes);
    return KDST_STATUS_OK;
}

/* A part of images that come one by one. */
static kdst_status select_source(
    const char *function, kdst_dataset *d, const int64_t *numbers, int64_t count, kdst_tensor *labels,
    kdst_dataset **out)
{
    kdst__memory *memory = kdst__context_memory(d->base.ctx);
    size_t bytes = (size_t)count * sizeof(int64_t);
    int64_t *own = d->numbers ? kdst__alloc(memory, bytes) : NULL;
    if (d->numbers && !own) return kdst__fail_memory(d->base.ctx, function);
    for (int64_t i = 0; i < count && own; i++)
        own[i] = d->numbers[numbers[i]];
    kdst_status status =
        kdst__dataset_new_source(function, d->source, own ? own : numbers, labels, d->classes, d->dtype, d->shape, out);
    kdst__free(memory, own, bytes);
    return status;
}

kdst_status
kdst__dataset_select(const char *function, kdst_dataset *d, const int64_t *numbers, int64_t count, kdst_dataset **out)
{
    kdst_tensor *images = NULL, *labels = NULL;
    *out = NULL;
    kdst_status status = gather_labels(function, d, numbers, count, &labels);
    if (!status && d->images) status = gather_images(function, d, numbers, count, &images);
    if (!status && d->images) status = kdst__dataset_new(d->base.ctx, function, images, labels, d->classes, out);
    if (!status && !d->images) status = select_source(function, d, numbers, count, labels, out);
    if (!status) {
        kdst__handle_retain((*out)->names = d->names);
        (*out)->steps = d->steps;
        (*out)->unit = d->unit;
    }
    kdst__handle_release(labels);
    kdst__handle_release(images);
    return status;
}

kdst_status kdst_dataset_create_subset(kdst_dataset *d, const int64_t *samples, int64_t count, kdst_dataset **out)
{
    static const char function[] = "dataset_create_subset";
    if (out) *out = NULL;
    if (!d) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = d->base.ctx;
    kdst__enter(ctx);
    if (!samples || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, samples ? "out" : "samples");
    if (count < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %lld, allowed is 1 or more", function, (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (samples[i] < 0 || samples[i] >= d->count)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: sample %lld of the list is %lld, allowed is 0 to %lld",
                function, (long long)i, (long long)samples[i], (long long)(d->count - 1));
    return kdst__dataset_select(function, d, samples, count, out);
}
