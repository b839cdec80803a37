/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the elements: mapping as plain row-major memory, copying in and out, single values. */
#include "tensor/storage.h"

static size_t bytes_of(const kdst_tensor *t)
{
    return (size_t)(kdst__tensor_count(t) * kdst_dtype_get_size(t->dtype));
}

/* Copies between the tensor and row-major memory. */
static void transfer(kdst_tensor *t, void *memory, bool into_tensor)
{
    int64_t stride[KDST__MAX_RANK];
    kdst__row_major(t->rank, t->shape, stride);
    kdst__layout plain = {t->dtype, memory, stride}, own = kdst__tensor_layout(t);
    kdst__layout_copy(t->rank, t->shape, into_tensor ? own : plain, into_tensor ? plain : own);
    if (into_tensor) kdst__tensor_touch(t);
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
    kdst_status status = kdst__tensor_need_data("tensor_map", t);
    if (status) return status;
    if (t->map_mode) return kdst__fail(ctx, KDST_STATUS_STATE, "tensor_map: the tensor is mapped already");
    void *data = kdst__tensor_data(t);
    size_t copied = 0;
    if (!kdst__tensor_contiguous(t)) {
        copied = bytes_of(t);
        data = kdst__alloc(kdst__tensor_memory(t), copied);
        if (!data) return kdst__fail_memory(ctx, "tensor_map");
        /* also when only writing: what the caller leaves out keeps its value */
        transfer(t, data, false);
    }
    t->mapped = data;
    t->mapped_bytes = copied;
    t->map_mode = mode;
    /* now and at unmap: who maps may write at any time in between */
    if (mode & KDST_MAP_WRITE) kdst__tensor_touch(t);
    *out = data;
    return KDST_STATUS_OK;
}

kdst_status kdst_tensor_unmap(kdst_tensor *t)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter_cleaning(t->base.ctx);
    if (!t->map_mode) return kdst__fail(t->base.ctx, KDST_STATUS_STATE, "tensor_unmap: the tensor is not mapped");
    if (t->map_mode & KDST_MAP_WRITE) {
        if (t->mapped_bytes)
            transfer(t, t->mapped, true);
        else
            kdst__tensor_touch(t);
    }
    if (t->mapped_bytes) kdst__free(kdst__tensor_memory(t), t->mapped, t->mapped_bytes);
    t->mapped = NULL;
    t->mapped_bytes = 0;
    t->map_mode = 0;
    return KDST_STATUS_OK;
}

static kdst_status check_bytes(kdst_tensor *t, const char *function, const void *memory, int64_t bytes)
{
    kdst_status status = kdst__tensor_need_data(function, t);
    if (status) return status;
    if (!memory && bytes_of(t))
        return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the buffer is NULL", function);
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
    if (!status) transfer(tensor, out, false);
    return status;
}

kdst_status kdst_tensor_set_data(kdst_tensor *tensor, const void *data, int64_t bytes)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    kdst_status status = check_bytes(tensor, "tensor_set_data", data, bytes);
    if (!status) transfer(tensor, (void *)(uintptr_t)data, true);
    return status;
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
    kdst_status status = kdst__tensor_need_data("tensor_get_value", tensor);
    if (status) return status;
    const int64_t stride[KDST__MAX_RANK] = {0};
    kdst__layout_copy(
        tensor->rank, tensor->shape, (kdst__layout){KDST_DTYPE_FLOAT64, out, stride}, kdst__tensor_layout(tensor));
    return KDST_STATUS_OK;
}
