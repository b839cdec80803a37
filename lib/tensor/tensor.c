/* SPDX-License-Identifier: Apache-2.0 */
/* Making tensors and asking about them. Sizes are checked here once: the bytes of a tensor always fit size_t and int64_t. */
#include "tensor/storage.h"

#include <stdio.h>
#include <string.h>

static void tensor_destroy(void *object)
{
    kdst_tensor *t = object;
    if (t->mapped_bytes) kdst__free(kdst__tensor_memory(t), t->mapped, t->mapped_bytes);
    kdst__handle_release(t->moments);
    kdst__handle_release(t->grad);
    kdst__handle_release(t->pass_grad);
    kdst__handle_release(t->node);
    kdst__storage_release(t->storage);
}

static const kdst__class tensor_class = {"tensor", tensor_destroy};

const char *kdst__shape_text(int64_t rank, const int64_t *shape, char text[KDST__SHAPE_TEXT])
{
    int n = snprintf(text, KDST__SHAPE_TEXT, "[");
    for (int64_t i = 0; i < rank && n < KDST__SHAPE_TEXT; i++)
        n += snprintf(text + n, (size_t)(KDST__SHAPE_TEXT - n), "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (n < KDST__SHAPE_TEXT) snprintf(text + n, (size_t)(KDST__SHAPE_TEXT - n), "]");
    return text;
}

kdst_status kdst__tensor_check(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, size_t *out_bytes)
{
    size_t bytes = (size_t)kdst_dtype_get_size(dtype), largest = bytes;
    bool empty = false;
    if (!bytes) return kdst__fail(ctx, KDST_STATUS_DTYPE, "%s: dtype is %d, which is no element type", function, dtype);
    if (rank < 0 || rank > KDST__MAX_RANK)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: rank is %lld, allowed is 0 to %d", function, (long long)rank, KDST__MAX_RANK);
    if (rank && !shape) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: shape is NULL", function);
    for (int64_t i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "%s: size of axis %lld is %lld", function, (long long)i, (long long)shape[i]);
        empty |= shape[i] == 0;
        /* without the zeros too: strides are products of sizes */
        if (shape[i] && (kdst__mul_overflows(largest, (size_t)shape[i], &largest) || largest > INT64_MAX / 4)) {
            char text[KDST__SHAPE_TEXT];
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "%s: shape %s is too large", function, kdst__shape_text(rank, shape, text));
        }
    }
    *out_bytes = empty ? 0 : largest;
    return KDST_STATUS_OK;
}

void kdst__row_major(int64_t rank, const int64_t *shape, int64_t stride[KDST__MAX_RANK])
{
    int64_t step = 1;
    for (int64_t i = rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape[i] ? shape[i] : 1;
    }
}

kdst_status kdst__tensor_foreign_strides(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape,
    const int64_t *stride, int64_t out[KDST__MAX_RANK])
{
    const int64_t most = INT64_MAX / 4 / kdst_dtype_get_size(dtype);
    int64_t reach = 0;
    kdst__row_major(rank, shape, out);
    if (!stride) return KDST_STATUS_OK;
    for (int64_t i = 0; i < rank; i++)
        if (shape[i] == 0) return KDST_STATUS_OK;
    for (int64_t i = 0; i < rank; i++) {
        int64_t span;
        if (shape[i] == 1) continue;
        if (stride[i] < -most || __builtin_mul_overflow(stride[i] < 0 ? -stride[i] : stride[i], shape[i], &span) ||
            span > most - reach)
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "%s: stride of axis %lld is %lld, which reaches too far with size %lld",
                function, (long long)i, (long long)stride[i], (long long)shape[i]);
        reach += span;
        out[i] = stride[i];
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__tensor_on(
    kdst_context *ctx, const char *function, kdst__storage *storage, kdst_dtype dtype, int64_t rank,
    const int64_t *shape, const int64_t *stride, int64_t offset, kdst_tensor **out)
{
    kdst_tensor *t = kdst__handle_create(ctx, &tensor_class, sizeof *t);
    *out = NULL;
    if (!t) return kdst__fail_memory(ctx, function);
    kdst__storage_retain(t->storage = storage);
    t->dtype = dtype;
    t->rank = (int32_t)rank;
    t->offset = offset;
    if (rank) memcpy(t->shape, shape, (size_t)rank * sizeof *shape);
    if (!stride)
        kdst__row_major(rank, shape, t->stride);
    else if (rank)
        memcpy(t->stride, stride, (size_t)rank * sizeof *stride);
    *out = t;
    return KDST_STATUS_OK;
}

kdst_status kdst__tensor_new(
    kdst_context *ctx, const char *function, kdst_dtype dtype, int64_t rank, const int64_t *shape, bool zero,
    kdst_tensor **out)
{
    size_t bytes = 0;
    *out = NULL;
    kdst_status status = kdst__tensor_check(ctx, function, dtype, rank, shape, &bytes);
    if (status) return status;
    kdst__storage *storage = kdst__storage_create(kdst__context_memory(ctx), bytes, zero);
    if (!storage) return kdst__fail_memory(ctx, function);
    status = kdst__tensor_on(ctx, function, storage, dtype, rank, shape, NULL, 0, out);
    kdst__storage_release(storage);
    return status;
}

kdst_status
kdst_tensor_create(kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create: out is NULL");
    return kdst__tensor_new(ctx, "tensor_create", dtype, rank, shape, true, out);
}

kdst_status kdst_tensor_create_from(
    kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const void *data, kdst_tensor **out)
{
    size_t bytes = 0;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create_from: out is NULL");
    kdst_status status = kdst__tensor_check(ctx, "tensor_create_from", dtype, rank, shape, &bytes);
    if (!status && bytes && !data)
        status = kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create_from: data is NULL");
    if (!status) status = kdst__tensor_new(ctx, "tensor_create_from", dtype, rank, shape, false, out);
    if (!status && bytes) memcpy((*out)->storage->data, data, bytes);
    return status;
}

kdst_status kdst_tensor_create_foreign(
    kdst_context *ctx, kdst_dtype dtype, int64_t rank, const int64_t *shape, const int64_t *strides, void *data,
    void *user_data, kdst_destroy_fn destroy, kdst_tensor **out)
{
    kdst_status status = KDST_STATUS_INVALID_ARGUMENT;
    kdst__storage *storage = NULL;
    int64_t own_strides[KDST__MAX_RANK];
    size_t bytes;
    if (out) *out = NULL;
    if (!ctx) goto fail;
    kdst__enter(ctx);
    if (!data || !out) {
        status = kdst__fail(ctx, status, "tensor_create_foreign: %s is NULL", data ? "out" : "data");
        goto fail;
    }
    status = kdst__tensor_check(ctx, "tensor_create_foreign", dtype, rank, shape, &bytes);
    if (!status)
        status = kdst__tensor_foreign_strides(ctx, "tensor_create_foreign", dtype, rank, shape, strides, own_strides);
    if (status) goto fail;
    if ((uintptr_t)data % (uintptr_t)kdst_dtype_get_size(dtype)) {
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create_foreign: data is not aligned to %s",
            kdst_dtype_get_name(dtype));
        goto fail;
    }
    storage = kdst__storage_wrap(kdst__context_memory(ctx), data, user_data, destroy);
    if (!storage) {
        status = kdst__fail_memory(ctx, "tensor_create_foreign");
        goto fail;
    }
    status = kdst__tensor_on(ctx, "tensor_create_foreign", storage, dtype, rank, shape, own_strides, 0, out);
    kdst__storage_release(storage); /* runs destroy when no tensor came to hold it */
    return status;
fail:
    if (destroy) destroy(user_data);
    return status;
}

void kdst_tensor_retain(kdst_tensor *tensor)
{
    kdst__handle_retain(tensor);
}
void kdst_tensor_release(kdst_tensor *tensor)
{
    kdst__handle_release(tensor);
}

/* ---- asking ---- */

kdst_context *kdst_tensor_get_context(const kdst_tensor *tensor)
{
    return tensor ? tensor->base.ctx : NULL;
}
kdst_dtype kdst_tensor_get_dtype(const kdst_tensor *tensor)
{
    return tensor ? tensor->dtype : 0;
}
int64_t kdst_tensor_get_rank(const kdst_tensor *tensor)
{
    return tensor ? tensor->rank : -1;
}

int64_t kdst_tensor_get_size(const kdst_tensor *tensor, int64_t axis)
{
    if (!tensor || axis >= tensor->rank || axis < -(int64_t)tensor->rank) return -1;
    return tensor->shape[axis < 0 ? axis + tensor->rank : axis];
}

int64_t kdst_tensor_get_stride(const kdst_tensor *tensor, int64_t axis)
{
    if (!tensor || axis >= tensor->rank || axis < -(int64_t)tensor->rank) return 0;
    return tensor->stride[axis < 0 ? axis + tensor->rank : axis];
}

int64_t kdst_tensor_get_count(const kdst_tensor *tensor)
{
    return tensor ? kdst__tensor_count(tensor) : -1;
}

int64_t kdst__tensor_count(const kdst_tensor *t)
{
    int64_t count = 1;
    for (int32_t i = 0; i < t->rank; i++)
        count *= t->shape[i];
    return count;
}

bool kdst__tensor_contiguous(const kdst_tensor *t)
{
    int64_t step = 1;
    if (!kdst__tensor_count(t)) return true;
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->stride[i] != step) return false;
        step *= t->shape[i];
    }
    return true;
}

bool kdst__tensor_same_shape(const kdst_tensor *a, const kdst_tensor *b)
{
    return a->rank == b->rank && !memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape);
}

kdst_status kdst__tensor_need_data(const char *function, const kdst_tensor *t)
{
    if (!t->storage->shape_only) return kdst__tensor_make_plain(function, t);
    return kdst__fail(
        t->base.ctx, KDST_STATUS_STATE, "%s: the tensor has a shape but no elements, as everything in a trace",
        function);
}

kdst_status kdst__tensor_axis(const char *function, const kdst_tensor *t, int64_t axis, int64_t *out)
{
    if (axis >= t->rank || axis < -(int64_t)t->rank)
        return kdst__fail(
            t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: axis is %lld, the tensor has rank %d", function,
            (long long)axis, t->rank);
    *out = axis < 0 ? axis + t->rank : axis;
    return KDST_STATUS_OK;
}
