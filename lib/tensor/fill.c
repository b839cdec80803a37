/* SPDX-License-Identifier: Apache-2.0 */
/* Filling tensors: one value, uniform and normal random numbers.
 *
 * A random fill takes the next stream of the context; element i, in row-major order, is number i of that stream, whoever draws it.
 */
#include "core/random.h"
#include "core/threads.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

/* Values of elements first … first + count - 1 in row-major order. */
typedef struct source {
    uint64_t seed, stream;
    double a, b; /* value; low, high; mean, deviation; deviation, cut */
    void (*draw)(const struct source *s, uint64_t first, int64_t count, double *out);
} source;

static void draw_value(const source *s, uint64_t first, int64_t count, double *out)
{
    (void)first;
    for (int64_t i = 0; i < count; i++)
        out[i] = s->a;
}

static void draw_uniform(const source *s, uint64_t first, int64_t count, double *out)
{
    kdst__uniforms(s->seed, s->stream, first, count, out);
    for (int64_t i = 0; i < count; i++) {
        double value = s->a + (s->b - s->a) * out[i];
        out[i] = value < s->b || s->a == s->b ? value : nextafter(s->b, s->a); /* the sum may round up to the end */
    }
}

static void draw_normal(const source *s, uint64_t first, int64_t count, double *out)
{
    kdst__normals(s->seed, s->stream, first, count, out);
    for (int64_t i = 0; i < count; i++)
        out[i] = s->a + s->b * out[i];
}

/* A further attempt has a key of its own, so that a number depends on seed, stream and place alone. */
static void draw_truncated(const source *s, uint64_t first, int64_t count, double *out)
{
    kdst__normals(s->seed, s->stream, first, count, out);
    for (int64_t i = 0; i < count; i++) {
        for (uint64_t attempt = 1; fabs(out[i]) > s->b; attempt++)
            out[i] = kdst__normal(kdst__mix(s->seed, attempt), s->stream, first + (uint64_t)i);
        out[i] *= s->a;
    }
}

/* Elements `at` to at + count - 1 of the storage from the tensor's first. */
static void put(kdst_tensor *t, int64_t at, int64_t count, const double *values)
{
    void *data = kdst__tensor_data(t);
    switch (t->dtype) {
    case KDST_DTYPE_FLOAT32:
        for (int64_t i = 0; i < count; i++)
            ((float *)data)[at + i] = (float)values[i];
        break;
    case KDST_DTYPE_FLOAT64:
        memcpy((double *)data + at, values, (size_t)count * sizeof *values);
        break;
    case KDST_DTYPE_INT32:
        for (int64_t i = 0; i < count; i++)
            ((int32_t *)data)[at + i] = (int32_t)values[i];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)data)[at + i] = (uint8_t)values[i];
        break;
    }
}

enum { DRAWN = 256 }; /* at a time */

typedef struct job {
    kdst_tensor *t;
    const source *s;
    int64_t pieces;
} job;

static void fill_row(kdst_tensor *t, const source *s, int64_t first, int64_t end)
{
    double drawn[DRAWN];
    for (int64_t i = first; i < end; i += DRAWN) {
        const int64_t count = end - i < DRAWN ? end - i : DRAWN;
        s->draw(s, (uint64_t)i, count, drawn);
        put(t, i, count, drawn);
    }
}

static void fill_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(kdst__tensor_count(j->t), j->pieces, piece, &begin, &end);
    fill_row(j->t, j->s, begin, end);
}

/* Element by element, wherever the strides lead. */
static void fill_strided(kdst_tensor *t, const source *s)
{
    int64_t index[KDST__MAX_RANK] = {0}, at = 0, count = kdst__tensor_count(t);
    double drawn[DRAWN];
    for (int64_t i = 0; i < count; i++) {
        if (i % DRAWN == 0) s->draw(s, (uint64_t)i, count - i < DRAWN ? count - i : DRAWN, drawn);
        put(t, at, 1, &drawn[i % DRAWN]);
        for (int32_t axis = t->rank - 1; axis >= 0; axis--) {
            at += t->stride[axis];
            if (++index[axis] < t->shape[axis]) break;
            at -= t->stride[axis] * t->shape[axis];
            index[axis] = 0;
        }
    }
}

static void fill(kdst_tensor *t, const source *s)
{
    if (kdst__tensor_contiguous(t)) {
        job j = {t, s, kdst__pieces(kdst__tensor_count(t), 16 * DRAWN)};
        kdst__pool_run(kdst__compute_pool(kdst__tensor_compute(t)), j.pieces, fill_piece, &j);
    } else {
        fill_strided(t, s);
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
