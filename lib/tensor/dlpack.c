/* SPDX-License-Identifier: Apache-2.0 */
/* DLPack 0.6 both ways, without copying: main memory, one lane. It has no bool; bool travels as uint8. */
#include "tensor/storage.h"

#if KDST_HAVE_DLPACK

#  include <dlpack/dlpack.h>

typedef struct exported {
    DLManagedTensor managed;
    kdst_tensor *tensor; /* retained */
    int64_t shape[KDST__MAX_RANK], stride[KDST__MAX_RANK];
} exported;

static void delete_exported(DLManagedTensor *managed)
{
    exported *e = managed->manager_ctx;
    kdst_tensor *tensor = e->tensor;
    kdst__free(kdst__tensor_memory(tensor), e, sizeof *e);
    kdst__handle_release(tensor);
}

static DLDataType type_of(kdst_dtype dtype)
{
    const uint8_t bits = (uint8_t)(8 * kdst_dtype_get_size(dtype));
    const uint8_t code = kdst__dtype_is_float(dtype) ? kDLFloat : dtype == KDST_DTYPE_INT32 ? kDLInt : kDLUInt;
    return (DLDataType){code, bits, 1};
}

kdst_status kdst_tensor_get_dlpack(kdst_tensor *tensor, void **out)
{
    if (out) *out = NULL;
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = tensor->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_get_dlpack: out is NULL");
    kdst_status status = kdst__tensor_need_data("tensor_get_dlpack", tensor);
    if (status) return status;
    exported *e = kdst__alloc_zero(kdst__context_memory(ctx), sizeof *e);
    if (!e) return kdst__fail_memory(ctx, "tensor_get_dlpack");
    for (int32_t i = 0; i < tensor->rank; i++) {
        e->shape[i] = tensor->shape[i];
        e->stride[i] = tensor->stride[i];
    }
    kdst__handle_retain(e->tensor = tensor);
    e->managed = (DLManagedTensor){
        .dl_tensor =
            {.data = kdst__tensor_data(tensor),
             .device = {kDLCPU, 0},
             .ndim = tensor->rank,
             .dtype = type_of(tensor->dtype),
             .shape = e->shape,
             .strides = e->stride,
             .byte_offset = 0},
        .manager_ctx = e,
        .deleter = delete_exported};
    *out = &e->managed;
    return KDST_STATUS_OK;
}

static kdst_dtype dtype_of(DLDataType type)
{
    if (type.lanes != 1) return 0;
    if (type.code == kDLFloat && type.bits == 32) return KDST_DTYPE_FLOAT32;
    if (type.code == kDLFloat && type.bits == 64) return KDST_DTYPE_FLOAT64;
    if (type.code == kDLInt && type.bits == 32) return KDST_DTYPE_INT32;
    if (type.code == kDLUInt && type.bits == 8) return KDST_DTYPE_UINT8;
    return 0;
}

static void delete_imported(void *user_data)
{
    DLManagedTensor *managed = user_data;
    if (managed->deleter) managed->deleter(managed);
}

kdst_status kdst_tensor_create_dlpack(kdst_context *ctx, void *managed, kdst_tensor **out)
{
    DLManagedTensor *m = managed;
    int64_t strides[KDST__MAX_RANK];
    size_t bytes;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!m || !out)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create_dlpack: %s is NULL", m ? "out" : "managed");
    const DLTensor *t = &m->dl_tensor;
    kdst_dtype dtype = dtype_of(t->dtype);
    if (t->device.device_type != kDLCPU)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create_dlpack: device type is %d, expected main memory (%d)",
            (int)t->device.device_type, (int)kDLCPU);
    if (!dtype)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "tensor_create_dlpack: type code %d of %d bits and %d lanes is not supported",
            t->dtype.code, t->dtype.bits, t->dtype.lanes);
    kdst_status status = kdst__tensor_check(ctx, "tensor_create_dlpack", dtype, t->ndim, t->shape, &bytes);
    if (!status)
        status =
            kdst__tensor_foreign_strides(ctx, "tensor_create_dlpack", dtype, t->ndim, t->shape, t->strides, strides);
    if (status) return status;
    char *data = t->data ? (char *)t->data + t->byte_offset : NULL;
    if ((!data && bytes) || (uintptr_t)data % (uintptr_t)kdst_dtype_get_size(dtype))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_create_dlpack: data is %s", data ? "not aligned" : "NULL");
    kdst__storage *storage = kdst__storage_wrap(kdst__context_memory(ctx), data, m, NULL);
    if (!storage) return kdst__fail_memory(ctx, "tensor_create_dlpack");
    status = kdst__tensor_on(ctx, "tensor_create_dlpack", storage, dtype, t->ndim, t->shape, strides, 0, out);
    if (!status) storage->destroy = delete_imported; /* from here on it is ours */
    kdst__storage_release(storage);
    return status;
}

#else

kdst_status kdst_tensor_get_dlpack(kdst_tensor *tensor, void **out)
{
    if (out) *out = NULL;
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    return kdst__fail(tensor->base.ctx, KDST_STATUS_UNSUPPORTED, "tensor_get_dlpack: this build has no DLPack");
}

kdst_status kdst_tensor_create_dlpack(kdst_context *ctx, void *managed, kdst_tensor **out)
{
    (void)managed;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    return kdst__fail(ctx, KDST_STATUS_UNSUPPORTED, "tensor_create_dlpack: this build has no DLPack");
}

#endif
