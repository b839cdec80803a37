/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of planes [begin, end) of [N C, H, W]; windows are clipped to the image.
 *
 * max: the first of equal elements wins, a NaN wins always. avg: the sum divided by the size of the window, either with the
 * part of it that is padding or without. Adaptive windows are floor(i H / P) … ceil((i + 1) H / P) - 1. Backwards add.
 */
#include "compute/simd/vector.h"

#include <math.h>

#define BLOCK 64 /* outputs of a row at once */

typedef struct range {
    int64_t begin, end;
} range;

/* Rows (axis 0) or columns (axis 1) of the image inside window i. */
static range window(const kdst__pool2d_shape *s, int axis, int64_t i)
{
    int64_t start = i * s->stride[axis] - s->padding[axis], size = axis ? s->w : s->h;
    int64_t stop = start + (axis ? s->kw : s->kh);
    return (range){start < 0 ? 0 : start, stop > size ? size : stop};
}

/* What one tap adds to outputs [q0, q0 + count) of a row: element base + q stride of the image for output q0 + q. */
static void max_tap(
    int64_t base, int64_t stride, range q, const real *restrict x, real *restrict best, int32_t *restrict at)
{
    for (int64_t i = q.begin; i < q.end; i++) {
        real value = x[base + i * stride];
        int take = !(value <= best[i]) & (best[i] == best[i]);
        best[i] = take ? value : best[i];
        at[i] = take ? (int32_t)(base + i * stride) : at[i];
    }
}

/* Outputs [q0, q0 + count) of row p, tap by tap and without branches. */
static void
max_row(const kdst__pool2d_shape *s, int64_t p, int64_t q0, int64_t count, const real *x, real *best, int32_t *at)
{
    range h = window(s, 0, p);
    int64_t left = q0 * s->stride[1] - s->padding[1];
    for (int64_t q = 0; q < count; q++) {
        best[q] = -(real)INFINITY;
        at[q] = (int32_t)(h.begin * s->w + window(s, 1, q0 + q).begin);
    }
    for (int64_t i = h.begin; i < h.end; i++)
        for (int64_t k = 0; k < s->kw; k++) {
            int64_t first = left + k, step = s->stride[1]; /* column of output q0 */
            range q = {first >= 0 ? 0 : (-first + step - 1) / step, first < s->w ? (s->w - 1 - first) / step + 1 : 0};
            if (q.end > count) q.end = count;
            if (step == 2)
                max_tap(i * s->w + first, 2, q, x, best, at);
            else
                max_tap(i * s->w + first, step, q, x, best, at);
        }
}

void KDST__KERNEL(max_pool2d)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *x, real *y, int32_t *argmax)
{
    real best[BLOCK];
    int32_t at[BLOCK];
    for (int64_t row = begin * s->p; row < end * s->p; row++)
        for (int64_t q = 0; q < s->q; q += BLOCK) {
            int64_t count = s->q - q < BLOCK ? s->q - q : BLOCK;
            const real *plane = x + row / s->p * s->h * s->w;
            max_row(s, row % s->p, q, count, plane, best, at);
            for (int64_t i = 0; i < count; i++)
                y[row * s->q + q + i] = plane[at[i]];
            for (int64_t i = 0; i < count && argmax; i++)
                argmax[row * s->q + q + i] = at[i];
        }
}

void KDST__KERNEL(max_pool2d_backward)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *dy, const int32_t *argmax, real *dx)
{
    int64_t count = s->p * s->q;
    for (int64_t plane = begin; plane < end; plane++)
        for (int64_t i = 0; i < count; i++)
            dx[plane * s->h * s->w + argmax[plane * count + i]] += dy[plane * count + i];
}

/* The window of a mean, and what its sum is divided by along this axis. */
static range mean_window(const kdst__pool2d_shape *s, int axis, int64_t i, int64_t *divisor)
{
    int64_t size = axis ? s->w : s->h, count = axis ? s->q : s->p;
    range r = s->adaptive ? (range){i * size / count, ((i + 1) * size + count - 1) / count} : window(s, axis, i);
    *divisor = r.end - r.begin;
    if (!s->adaptive && s->count_include_pad) {
        int64_t start = i * s->stride[axis] - s->padding[axis], kernel = axis ? s->kw : s->kh;
        int64_t room = size + s->padding[axis] - start;
        *divisor = kernel < room ? kernel : room;
    }
    return r;
}

void KDST__KERNEL(avg_pool2d)(const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *x, real *y)
{
    for (int64_t plane = begin; plane < end; plane++) {
        const real *from = x + plane * s->h * s->w;
        int64_t at = plane * s->p * s->q, rows, columns;
        for (int64_t p = 0; p < s->p; p++) {
            range h = mean_window(s, 0, p, &rows);
            for (int64_t q = 0; q < s->q; q++, at++) {
                range w = mean_window(s, 1, q, &columns);
                double sum = 0; /* windows may be large */
                for (int64_t i = h.begin; i < h.end; i++)
                    for (int64_t j = w.begin; j < w.end; j++)
                        sum += (double)from[i * s->w + j];
                y[at] = (real)(sum / (double)(rows * columns));
            }
        }
    }
}

void KDST__KERNEL(avg_pool2d_backward)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *dy, real *dx)
{
    for (int64_t plane = begin; plane < end; plane++) {
        real *to = dx + plane * s->h * s->w;
        int64_t at = plane * s->p * s->q, rows, columns;
        for (int64_t p = 0; p < s->p; p++) {
            range h = mean_window(s, 0, p, &rows);
            for (int64_t q = 0; q < s->q; q++, at++) {
                range w = mean_window(s, 1, q, &columns);
                real value = dy[at] / (real)(rows * columns);
                for (int64_t i = h.begin; i < h.end; i++)
                    for (int64_t j = w.begin; j < w.end; j++)
                        to[i * s->w + j] += value;
            }
        }
    }
}
