/* SPDX-License-Identifier: Apache-2.0 */
/* Filling tensors: one value, uniform and normal random numbers.
 *
 * A random fill takes the next stream of the context; element i, in row-major order, is number i of that stream.
 */
#include "core/random.h"
#include "tensor/tensor.h"

#include <math.h>

/* Values of element i in row-major order. */
typedef struct source {
    uint64_t seed, stream;
    double a, b; /* value; low, high; mean, deviation */
    double (*draw)(const struct source *s, uint64_t i);
} source;

static double draw_value(const source *s, uint64_t i)
{
    return (void)i, s->a;
}
static double draw_uniform(const source *s, uint64_t i)
{
    double value = s->a + (s->b - s->a) * kdst__uniform(s->seed, s->stream, i);
    return value < s->b || s->a == s->b ? value : nextafter(s->b, s->a); /* the sum may round up to the end */
}
static double draw_normal(const source *s, uint64_t i)
{
    return s->a + s->b * kdst__normal(s->seed, s->stream, i);
}
/* a: deviation, b: cut. A further attempt has a key of its own, so that the number depends on (seed, stream, i) alone. */
static double draw_truncated(const source *s, uint64_t i)
{
    double value = kdst__normal(s->seed, s->stream, i);
    for (uint64_t attempt = 1; fabs(value) > s->b; attempt++)
        value = kdst__normal(kdst__mix(s->seed, attempt), s->stream, i);
    return s->a * value;
}

static void put(kdst_tensor *t, int64_t at, double value)
{
    void *data = kdst__tensor_data(t);
    switch (t->dtype) {
    case KDST_DTYPE_FLOAT32:
        ((float *)data)[at] = (float)value;
        break;
    case KDST_DTYPE_FLOAT64:
        ((double *)data)[at] = value;
        break;
    case KDST_DTYPE_INT32:
        ((int32_t *)data)[at] = (int32_t)value;
        break;
    default:
        ((uint8_t *)data)[at] = (uint8_t)value;
        break;
    }
}

static void fill(kdst_tensor *t, const source *s)
{
    int64_t index[KDST__MAX_RANK] = {0}, at = 0, count = kdst__tensor_count(t);
    for (int64_t i = 0; i < count; i++) {
        put(t, at, s->draw(s, (uint64_t)i));
        for (int32_t axis = t->rank - 1; axis >= 0; axis--) {
            at += t->stride[axis];
            if (++index[axis] < t->shape[axis]) break;
            at -= t->stride[axis] * t->shape[axis];
            index[axis] = 0;
        }
    }
    kdst__tensor_touch(t);
}

kdst_status kdst_tensor_set_value(kdst_tensor *tensor, double value)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    bool whole = value == trunc(value), fits = true;
    if (tensor->dtype == KDST_DTYPE_INT32) fits = whole && value >= INT32_MIN && value <= INT32_MAX;
    if (tensor->dtype == KDST_DTYPE_UINT8) fits = whole && value >= 0 && value <= UINT8_MAX;
    if (tensor->dtype == KDST_DTYPE_BOOL) fits = value == 0 || value == 1;
    if (!fits)
        return kdst__fail(
            tensor->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_set_value: value is %g, which %s cannot hold",
            value, kdst_dtype_get_name(tensor->dtype));
    kdst_status status = kdst__tensor_need_data("tensor_set_value", tensor);
    if (status) return status;
    const source s = {.a = value, .draw = draw_value};
    fill(tensor, &s);
    return KDST_STATUS_OK;
}

static kdst_status fill_random(kdst_tensor *t, const char *function, source *s)
{
    if (!kdst__dtype_is_float(t->dtype))
        return kdst__fail(
            t->base.ctx, KDST_STATUS_DTYPE, "%s: the tensor is %s, expected float32 or float64", function,
            kdst_dtype_get_name(t->dtype));
    kdst_status status = kdst__tensor_need_data(function, t);
    if (status) return status;
    kdst__next_stream(t->base.ctx, &s->seed, &s->stream);
    fill(t, s);
    return KDST_STATUS_OK;
}

kdst_status kdst_tensor_set_uniform(kdst_tensor *tensor, double low, double high)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    if (!isfinite(low) || !isfinite(high) || low > high || !isfinite(high - low))
        return kdst__fail(
            tensor->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_set_uniform: low is %g, high %g", low, high);
    source s = {.a = low, .b = high, .draw = draw_uniform};
    return fill_random(tensor, "tensor_set_uniform", &s);
}

kdst_status kdst_tensor_set_normal(kdst_tensor *tensor, double mean, double deviation)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    if (!isfinite(mean) || !isfinite(deviation) || deviation < 0)
        return kdst__fail(
            tensor->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_set_normal: mean is %g, deviation %g", mean,
            deviation);
    source s = {.a = mean, .b = deviation, .draw = draw_normal};
    return fill_random(tensor, "tensor_set_normal", &s);
}

kdst_status kdst__tensor_set_truncated(kdst_tensor *tensor, double deviation, double cut)
{
    source s = {.a = deviation, .b = cut, .draw = draw_truncated};
    return fill_random(tensor, "tensor_init", &s);
}
