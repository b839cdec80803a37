/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of taps (see taps.h). */
#include "compute/taps.h"

#include <string.h>

kdst_status kdst__taps_create(kdst__compute *cp, const kdst__conv2d_shape *s, kdst__taps *t)
{
    *t = (kdst__taps){.capacity = s->kh * s->kw};
    t->dh = kdst__alloc(cp->memory, (size_t)t->capacity * 3 * sizeof *t->dh);
    if (!t->dh) return KDST_STATUS_OUT_OF_MEMORY;
    t->dw = t->dh + t->capacity;
    t->index = t->dw + t->capacity;
    return KDST_STATUS_OK;
}

void kdst__taps_destroy(kdst__compute *cp, kdst__taps *t)
{
    kdst__free(cp->memory, t->dh, (size_t)t->capacity * 3 * sizeof *t->dh);
}

static void add(kdst__taps *t, int64_t dh, int64_t dw, int64_t index)
{
    t->dh[t->count] = dh;
    t->dw[t->count] = dw;
    t->index[t->count++] = index;
}

/* Whether one of `count` windows, `step` apart, reads inside [0, size) when it reads at d. */
static int32_t meets(int64_t d, int64_t step, int64_t count, int64_t size)
{
    int64_t first = d >= 0 ? 0 : (-d + step - 1) / step; /* the first window that is not too early */
    return first < count && first * step + d < size;
}

/* Rows (axis 0) or columns of the kernel from the first to the last that meets the image. */
static void range(const kdst__conv2d_shape *s, int axis, kdst__taps *t)
{
    int64_t kernel = axis ? s->kw : s->kh, count = axis ? s->q : s->p, size = axis ? s->w : s->h;
    int64_t first = 0, end = kernel;
    while (first < end && !meets(first * s->dilation[axis] - s->padding[axis], s->stride[axis], count, size))
        first++;
    while (end > first && !meets((end - 1) * s->dilation[axis] - s->padding[axis], s->stride[axis], count, size))
        end--;
    t->first[axis] = first;
    t->extent[axis] = end - first;
}

void kdst__taps_forward(const kdst__conv2d_shape *s, kdst__taps *t)
{
    t->count = 0;
    range(s, 0, t);
    range(s, 1, t);
    for (int64_t i = 0; i < t->extent[0]; i++)
        for (int64_t j = 0; j < t->extent[1]; j++) {
            int64_t kh = t->first[0] + i, kw = t->first[1] + j;
            add(t, kh * s->dilation[0] - s->padding[0], kw * s->dilation[1] - s->padding[1], kh * s->kw + kw);
        }
}

void kdst__taps_phase(const kdst__conv2d_shape *s, int64_t rh, int64_t rw, int64_t rows, int64_t columns, kdst__taps *t)
{
    t->count = 0;
    for (int64_t kh = 0; kh < s->kh; kh++) {
        int64_t h = rh + s->padding[0] - kh * s->dilation[0];
        if (h % s->stride[0] != 0 || !meets(h / s->stride[0], 1, rows, s->p)) continue;
        for (int64_t kw = 0; kw < s->kw; kw++) {
            int64_t w = rw + s->padding[1] - kw * s->dilation[1];
            if (w % s->stride[1] == 0 && meets(w / s->stride[1], 1, columns, s->q))
                add(t, h / s->stride[0], w / s->stride[1], kh * s->kw + kw);
        }
    }
}

size_t kdst__taps_bytes(int32_t dtype, const kdst__conv2d_shape *s)
{
    return (size_t)(s->o * (s->c / s->groups) * s->kh * s->kw) * kdst__size_of(dtype);
}

const void *kdst__taps_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const kdst__taps *t, const void *w, void **copy)
{
    size_t size = kdst__size_of(dtype);
    int64_t all = s->kh * s->kw, rows = s->o * (s->c / s->groups);
    if (t->count == all) return w;
    if (!*copy) *copy = kdst__alloc(cp->memory, kdst__taps_bytes(dtype, s));
    if (!*copy) return NULL;
    char *to = *copy;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < t->count; i++, to += size)
            memcpy(to, (const char *)w + (size_t)(r * all + t->index[i]) * size, size);
    return *copy;
}
