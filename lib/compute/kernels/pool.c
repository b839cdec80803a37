/* SPDX-License-Identifier: Apache-2.0 */
/* Max and average pooling of planes [begin, end) of [N C, H, W]; windows are clipped to the image.
 *
 * max: the first of equal elements wins, a NaN wins always. avg: sum / (KH KW), padding counted. Backwards add.
 */
#include "compute/simd/vector.h"

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

static int64_t window_argmax(const kdst__pool2d_shape *s, range h, range w, const real *x)
{
    int64_t best = h.begin * s->w + w.begin;
    for (int64_t i = h.begin; i < h.end; i++)
        for (int64_t j = w.begin; j < w.end; j++) {
            real value = x[i * s->w + j];
            if (!(value <= x[best]) && x[best] == x[best]) best = i * s->w + j;
        }
    return best;
}

void KDST__KERNEL(max_pool2d)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *x, real *y, int32_t *argmax)
{
    for (int64_t plane = begin; plane < end; plane++) {
        const real *from = x + plane * s->h * s->w;
        int64_t at = plane * s->p * s->q;
        for (int64_t p = 0; p < s->p; p++)
            for (int64_t q = 0; q < s->q; q++, at++) {
                int64_t best = window_argmax(s, window(s, 0, p), window(s, 1, q), from);
                y[at] = from[best];
                if (argmax) argmax[at] = (int32_t)best;
            }
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

void KDST__KERNEL(avg_pool2d)(const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *x, real *y)
{
    real f = 1 / (real)(s->kh * s->kw);
    for (int64_t plane = begin; plane < end; plane++) {
        const real *from = x + plane * s->h * s->w;
        int64_t at = plane * s->p * s->q;
        for (int64_t p = 0; p < s->p; p++)
            for (int64_t q = 0; q < s->q; q++, at++) {
                range h = window(s, 0, p), w = window(s, 1, q);
                real sum = 0;
                for (int64_t i = h.begin; i < h.end; i++)
                    for (int64_t j = w.begin; j < w.end; j++)
                        sum += from[i * s->w + j];
                y[at] = sum * f;
            }
    }
}

void KDST__KERNEL(avg_pool2d_backward)(
    const kdst__pool2d_shape *s, int64_t begin, int64_t end, const real *dy, real *dx)
{
    real f = 1 / (real)(s->kh * s->kw);
    for (int64_t plane = begin; plane < end; plane++) {
        real *to = dx + plane * s->h * s->w;
        int64_t at = plane * s->p * s->q;
        for (int64_t p = 0; p < s->p; p++)
            for (int64_t q = 0; q < s->q; q++, at++) {
                range h = window(s, 0, p), w = window(s, 1, q);
                real value = dy[at] * f;
                for (int64_t i = h.begin; i < h.end; i++)
                    for (int64_t j = w.begin; j < w.end; j++)
                        to[i * s->w + j] += value;
            }
    }
}
