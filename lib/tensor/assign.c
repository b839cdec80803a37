/* SPDX-License-Identifier: Apache-2.0 */
/* Copying elements of equal shape, any strides and any types.
 *
 * To an integer type values are truncated towards zero and saturate, NaN gives 0; to bool they are compared with 0.
 * Equal types are copied as they are. Axes that both sides run through without a gap are joined, so that contiguous
 * elements are one row; the innermost axis is the loop, the outer ones are counted.
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

/* In the order of KDST_DTYPE_*. */
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
    } else if (n == 1 || (y_step == (int64_t)size && x_step == (int64_t)size)) {
        memmove(y, x, (size_t)n * size);
    } else {
        for (int64_t i = 0; i < n; i++)
            memcpy(y + i * y_step, x + i * x_step, size);
    }
}

/* Axes of more than one element, outermost first; strides in bytes. */
typedef struct axes {
    int32_t count;
    int64_t size[KDST__MAX_RANK], to[KDST__MAX_RANK], from[KDST__MAX_RANK];
} axes;

/* The next inner axis, joined with the one around it where both sides run on. */
static void add_axis(axes *a, int64_t size, int64_t to, int64_t from)
{
    int32_t last = a->count - 1;
    if (size == 1) return;
    bool joined = last >= 0 && a->to[last] == size * to && a->from[last] == size * from;
    if (!joined) last = a->count++;
    a->size[last] = joined ? a->size[last] * size : size;
    a->to[last] = to;
    a->from[last] = from;
}

void kdst__layout_copy(int32_t rank, const int64_t *shape, kdst__layout to, kdst__layout from)
{
    int64_t index[KDST__MAX_RANK] = {0};
    int64_t to_size = kdst_dtype_get_size(to.dtype), from_size = kdst_dtype_get_size(from.dtype);
    axes a = {0};
    char *y = to.data;
    const char *x = from.data;
    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] == 0) return;
        add_axis(&a, shape[i], to.stride[i] * to_size, from.stride[i] * from_size);
    }
    int32_t last = a.count - 1;
    for (;;) {
        copy_row(
            to.dtype, y, last < 0 ? to_size : a.to[last], from.dtype, x, last < 0 ? from_size : a.from[last],
            last < 0 ? 1 : a.size[last]);
        int32_t axis = last - 1;
        for (; axis >= 0; axis--) {
            y += a.to[axis];
            x += a.from[axis];
            if (++index[axis] < a.size[axis]) break;
            y -= a.to[axis] * a.size[axis];
            x -= a.from[axis] * a.size[axis];
            index[axis] = 0;
        }
        if (axis < 0) return;
    }
}

static bool same_layout(const kdst_tensor *a, const kdst_tensor *b)
{
    return a->dtype == b->dtype && a->offset == b->offset &&
        !memcmp(a->stride, b->stride, (size_t)a->rank * sizeof *a->stride);
}

kdst_status kdst__tensor_assign(const char *function, kdst_tensor *destination, kdst_tensor *source)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_tensor *copy = NULL;
    if (!kdst__tensor_same_shape(destination, source))
        return kdst__fail(
            destination->base.ctx, KDST_STATUS_SHAPE, "%s: the source is %s, the destination %s", function,
            kdst__shape_text(source->rank, source->shape, a),
            kdst__shape_text(destination->rank, destination->shape, b));
    kdst_status status = kdst__tensor_need_data(function, source);
    if (!status) status = kdst__tensor_need_data(function, destination);
    if (status || !kdst__tensor_count(source)) return status;
    if (destination->storage == source->storage) {
        if (same_layout(destination, source)) return KDST_STATUS_OK;
        /* views of one storage may overlap: through a copy */
        status = kdst__tensor_new_like(function, source, false, &copy);
        if (status) return status;
        kdst__layout_copy(source->rank, source->shape, kdst__tensor_layout(copy), kdst__tensor_layout(source));
        source = copy;
    }
    kdst__layout_copy(source->rank, source->shape, kdst__tensor_layout(destination), kdst__tensor_layout(source));
    kdst__tensor_touch(destination);
    kdst__handle_release(copy);
    return KDST_STATUS_OK;
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
    kdst_status status = kdst__tensor_need_data("tensor_copy", tensor);
    if (!status)
        status = kdst__tensor_new(
            ctx, "tensor_copy", dtype ? dtype : tensor->dtype, tensor->rank, tensor->shape, false, &copy);
    if (status) return status;
    kdst__layout_copy(tensor->rank, tensor->shape, kdst__tensor_layout(copy), kdst__tensor_layout(tensor));
    *out = copy;
    return KDST_STATUS_OK;
}
