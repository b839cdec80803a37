/* SPDX-License-Identifier: Apache-2.0 */
/* Copying elements between tensors of equal shape, any strides and any types.
 *
 * To an integer type values are truncated towards zero and saturate, NaN gives 0; to bool they are compared with 0. Equal types are copied
 * as they are. The innermost axis is the loop, the outer ones are counted.
 */
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

typedef double (*load_fn)(const void *at);
typedef void (*store_fn)(void *at, double value);

static double load_f32(const void *at)
{
    return *(const float *)at;
}
static double load_f64(const void *at)
{
    return *(const double *)at;
}
static double load_i32(const void *at)
{
    return *(const int32_t *)at;
}
static double load_u8(const void *at)
{
    return *(const uint8_t *)at;
}
static double load_bool(const void *at)
{
    return *(const uint8_t *)at != 0;
}

static double saturate(double value, double low, double high)
{
    if (isnan(value)) return 0;
    return value < low ? low : value > high ? high : trunc(value);
}

static void store_f32(void *at, double value)
{
    *(float *)at = (float)value;
}
static void store_f64(void *at, double value)
{
    *(double *)at = value;
}
static void store_i32(void *at, double value)
{
    *(int32_t *)at = (int32_t)saturate(value, INT32_MIN, INT32_MAX);
}
static void store_u8(void *at, double value)
{
    *(uint8_t *)at = (uint8_t)saturate(value, 0, UINT8_MAX);
}
static void store_bool(void *at, double value)
{
    *(uint8_t *)at = value != 0;
}

static const load_fn loads[] = {NULL, load_f32, load_f64, load_i32, load_u8, load_bool};
static const store_fn stores[] = {NULL, store_f32, store_f64, store_i32, store_u8, store_bool};

/* One row of n elements; strides in bytes. */
static void copy_row(kdst_dtype to, char *y, int64_t y_step, kdst_dtype from, const char *x, int64_t x_step, int64_t n)
{
    size_t size = (size_t)kdst_dtype_get_size(from);
    if (to != from) {
        load_fn load = loads[from];
        store_fn store = stores[to];
        for (int64_t i = 0; i < n; i++)
            store(y + i * y_step, load(x + i * x_step));
    } else if (y_step == (int64_t)size && x_step == (int64_t)size) {
        memcpy(y, x, (size_t)n * size);
    } else {
        for (int64_t i = 0; i < n; i++)
            memcpy(y + i * y_step, x + i * x_step, size);
    }
}

static void copy_strided(kdst_tensor *y, const kdst_tensor *x)
{
    int64_t index[KDST__MAX_RANK] = {0};
    int64_t ys = kdst_dtype_get_size(y->dtype), xs = kdst_dtype_get_size(x->dtype);
    int32_t last = y->rank - 1;
    char *to = kdst__tensor_data(y);
    const char *from = kdst__tensor_data(x);
    for (;;) {
        copy_row(y->dtype, to, y->stride[last] * ys, x->dtype, from, x->stride[last] * xs, y->shape[last]);
        int32_t axis = last - 1;
        for (; axis >= 0; axis--) {
            to += y->stride[axis] * ys;
            from += x->stride[axis] * xs;
            if (++index[axis] < y->shape[axis]) break;
            to -= y->stride[axis] * ys * y->shape[axis];
            from -= x->stride[axis] * xs * y->shape[axis];
            index[axis] = 0;
        }
        if (axis < 0) return;
    }
}

kdst_status kdst__tensor_assign(const char *function, kdst_tensor *destination, kdst_tensor *source)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_tensor *copy = NULL;
    kdst_status status = KDST_STATUS_OK;
    if (!kdst__tensor_same_shape(destination, source))
        return kdst__fail(
            destination->base.ctx, KDST_STATUS_SHAPE, "%s: the source is %s, the destination %s", function,
            kdst__shape_text(source->rank, source->shape, a),
            kdst__shape_text(destination->rank, destination->shape, b));
    if (!kdst__tensor_count(source)) return KDST_STATUS_OK;
    bool flat = kdst__tensor_contiguous(destination) && kdst__tensor_contiguous(source);
    if (destination->storage == source->storage && !(flat && destination->offset == source->offset)) {
        /* views of one storage may overlap: through a copy */
        status = kdst__tensor_new_like(function, source, false, &copy);
        if (!status) status = kdst__tensor_assign(function, copy, source);
        source = copy;
        flat = kdst__tensor_contiguous(destination);
    }
    if (!status && (flat || !destination->rank))
        copy_row(
            destination->dtype, kdst__tensor_data(destination), kdst_dtype_get_size(destination->dtype), source->dtype,
            kdst__tensor_data(source), kdst_dtype_get_size(source->dtype), kdst__tensor_count(source));
    else if (!status)
        copy_strided(destination, source);
    if (!status) kdst__tensor_touch(destination);
    kdst__handle_release(copy);
    return status;
}

kdst_status kdst_tensor_set(kdst_tensor *tensor, kdst_tensor *source)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    if (!source || source->base.ctx != tensor->base.ctx)
        return kdst__fail(
            tensor->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_set: source %s",
            source ? "belongs to another context" : "is NULL");
    return kdst__tensor_assign("tensor_set", tensor, source);
}

kdst_status kdst_tensor_copy(kdst_tensor *tensor, kdst_dtype dtype, kdst_tensor **out)
{
    kdst_tensor *copy = NULL;
    if (out) *out = NULL;
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = tensor->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_copy: out is NULL");
    kdst_status status =
        kdst__tensor_new(ctx, "tensor_copy", dtype ? dtype : tensor->dtype, tensor->rank, tensor->shape, false, &copy);
    if (!status) status = kdst__tensor_assign("tensor_copy", copy, tensor);
    if (status)
        kdst__handle_release(copy);
    else
        *out = copy;
    return status;
}
