/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the elements: mapping as plain row-major memory, copying in and out, single values. */
#include "tensor/storage.h"

#include <string.h>

static size_t bytes_of(const kdst_tensor *t)
{
    return (size_t)(kdst__tensor_count(t) * kdst_dtype_get_size(t->dtype));
}

/* A contiguous tensor on plain memory, for kdst__tensor_assign. */
static kdst_status over_memory(const char *function, kdst_tensor *like, void *data, kdst_tensor **out)
{
    kdst__storage *storage = kdst__storage_wrap(kdst__tensor_memory(like), data, NULL, NULL);
    *out = NULL;
    if (!storage) return kdst__fail_memory(like->base.ctx, function);
    kdst_status status =
        kdst__tensor_on(like->base.ctx, function, storage, like->dtype, like->rank, like->shape, NULL, 0, out);
    kdst__storage_release(storage);
    return status;
}

/* Copies between the tensor and row-major memory. */
static kdst_status transfer(const char *function, kdst_tensor *t, void *memory, bool into_tensor)
{
    kdst_tensor *plain = NULL;
    if (kdst__tensor_contiguous(t)) {
        size_t bytes = bytes_of(t);
        if (bytes && into_tensor)
            memcpy(kdst__tensor_data(t), memory, bytes);
        else if (bytes)
            memcpy(memory, kdst__tensor_data(t), bytes);
        if (into_tensor) kdst__tensor_touch(t);
        return KDST_STATUS_OK;
    }
    kdst_status status = over_memory(function, t, memory, &plain);
    if (!status)
        status = into_tensor ? kdst__tensor_assign(function, t, plain) : kdst__tensor_assign(function, plain, t);
    kdst__handle_release(plain);
    return status;
}

kdst_status kdst_tensor_map(kdst_tensor *t, kdst_map_mode mode, void **out)
{
    if (out) *out = NULL;
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_map: out is NULL");
    if (mode < KDST_MAP_READ || mode > KDST_MAP_READ_WRITE)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_map: mode is %d, allowed is 1 to 3", mode);
    if (t->map_mode) return kdst__fail(ctx, KDST_STATUS_STATE, "tensor_map: the tensor is mapped already");
    void *data = kdst__tensor_data(t);
    size_t copied = 0;
    if (!kdst__tensor_contiguous(t)) {
        copied = bytes_of(t);
        data = kdst__alloc(kdst__tensor_memory(t), copied);
        if (!data) return kdst__fail_memory(ctx, "tensor_map");
        /* also when only writing: what the caller leaves out keeps its value */
        kdst_status status = transfer("tensor_map", t, data, false);
        if (status) {
            kdst__free(kdst__tensor_memory(t), data, copied);
            return status;
        }
    }
    t->mapped = data;
    t->mapped_bytes = copied;
    t->map_mode = mode;
    *out = data;
    return KDST_STATUS_OK;
}

kdst_status kdst_tensor_unmap(kdst_tensor *t)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    if (!t->map_mode) return kdst__fail(t->base.ctx, KDST_STATUS_STATE, "tensor_unmap: the tensor is not mapped");
    kdst_status status = KDST_STATUS_OK;
    if (t->map_mode & KDST_MAP_WRITE) {
        if (t->mapped_bytes)
            status = transfer("tensor_unmap", t, t->mapped, true);
        else
            kdst__tensor_touch(t);
    }
    if (status) return status; /* still mapped: the caller may try again */
    if (t->mapped_bytes) kdst__free(kdst__tensor_memory(t), t->mapped, t->mapped_bytes);
    t->mapped = NULL;
    t->mapped_bytes = 0;
    t->map_mode = 0;
    return KDST_STATUS_OK;
}

static kdst_status check_bytes(kdst_tensor *t, const char *function, const void *memory, int64_t bytes)
{
    if (!memory) return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the buffer is NULL", function);
    if (bytes < 0 || (size_t)bytes != bytes_of(t))
        return kdst__fail(
            t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: bytes is %lld, the tensor has %lld", function,
            (long long)bytes, (long long)bytes_of(t));
    return KDST_STATUS_OK;
}

kdst_status kdst_tensor_get_data(kdst_tensor *tensor, void *out, int64_t bytes)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    kdst_status status = check_bytes(tensor, "tensor_get_data", out, bytes);
    return status ? status : transfer("tensor_get_data", tensor, out, false);
}

kdst_status kdst_tensor_set_data(kdst_tensor *tensor, const void *data, int64_t bytes)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    kdst_status status = check_bytes(tensor, "tensor_set_data", data, bytes);
    return status ? status : transfer("tensor_set_data", tensor, (void *)data, true);
}

kdst_status kdst_tensor_get_value(kdst_tensor *tensor, double *out)
{
    char text[KDST__SHAPE_TEXT];
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    if (!out) return kdst__fail(tensor->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_get_value: out is NULL");
    if (kdst__tensor_count(tensor) != 1)
        return kdst__fail(
            tensor->base.ctx, KDST_STATUS_SHAPE, "tensor_get_value: the tensor is %s, expected one element",
            kdst__shape_text(tensor->rank, tensor->shape, text));
    const void *data = kdst__tensor_data(tensor);
    switch (tensor->dtype) {
    case KDST_DTYPE_FLOAT32:
        *out = *(const float *)data;
        break;
    case KDST_DTYPE_FLOAT64:
        *out = *(const double *)data;
        break;
    case KDST_DTYPE_INT32:
        *out = *(const int32_t *)data;
        break;
    default:
        *out = *(const uint8_t *)data;
        break;
    }
    return KDST_STATUS_OK;
}
