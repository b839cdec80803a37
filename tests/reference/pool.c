/* SPDX-License-Identifier: Apache-2.0 */
/* max: y = max over the window's elements inside the image, the first of equals, a NaN before all; its gradient goes there.
 * avg: y = (sum of the window's elements inside the image) / (KH KW). Backwards add.
 */
#include "reference/reference.h"

#include <math.h>

/* Index of tap (k, l) of window (i, j) in its plane, or -1 outside. */
static int64_t tap(const kdst__pool2d_shape *s, int64_t i, int64_t j, int64_t k, int64_t l)
{
    int64_t h = i * s->stride[0] - s->padding[0] + k, w = j * s->stride[1] - s->padding[1] + l;
    return h < 0 || h >= s->h || w < 0 || w >= s->w ? -1 : h * s->w + w;
}

static int64_t find_largest(const kdst__pool2d_shape *s, int64_t i, int64_t j, const double *x)
{
    int64_t best = -1;
    for (int64_t k = 0; k < s->kh; k++)
        for (int64_t l = 0; l < s->kw; l++) {
            int64_t at = tap(s, i, j, k, l);
            if (at < 0) continue;
            if (best < 0 || (!isnan(x[best]) && (isnan(x[at]) || x[at] > x[best]))) best = at;
        }
    return best;
}

void reference_max_pool2d(const kdst__pool2d_shape *s, const double *x, double *y, int32_t *argmax)
{
    for (int64_t at = 0; at < s->n * s->c * s->p * s->q; at++) {
        const double *plane = x + at / (s->p * s->q) * s->h * s->w;
        int64_t best = find_largest(s, at / s->q % s->p, at % s->q, plane);
        y[at] = plane[best];
        if (argmax) argmax[at] = (int32_t)best;
    }
}

void reference_max_pool2d_backward(const kdst__pool2d_shape *s, const double *dy, const double *x, double *dx)
{
    for (int64_t at = 0; at < s->n * s->c * s->p * s->q; at++) {
        int64_t plane = at / (s->p * s->q) * s->h * s->w;
        dx[plane + find_largest(s, at / s->q % s->p, at % s->q, x + plane)] += dy[at];
    }
}

void reference_avg_pool2d(const kdst__pool2d_shape *s, const double *x, double *y, double *size)
{
    for (int64_t at = 0; at < s->n * s->c * s->p * s->q; at++) {
        double sum = 0, terms = 0;
        for (int64_t t = 0; t < s->kh * s->kw; t++) {
            int64_t from = tap(s, at / s->q % s->p, at % s->q, t / s->kw, t % s->kw);
            double value = from < 0 ? 0 : x[at / (s->p * s->q) * s->h * s->w + from];
            sum += value;
            terms += fabs(value);
        }
        y[at] = sum / (double)(s->kh * s->kw);
        if (size) size[at] = terms / (double)(s->kh * s->kw);
    }
}

void reference_avg_pool2d_backward(const kdst__pool2d_shape *s, const double *dy, double *dx, double *size)
{
    for (int64_t at = 0; at < s->n * s->c * s->p * s->q; at++)
        for (int64_t t = 0; t < s->kh * s->kw; t++) {
            int64_t to = tap(s, at / s->q % s->p, at % s->q, t / s->kw, t % s->kw);
            if (to < 0) continue;
            to += at / (s->p * s->q) * s->h * s->w;
            dx[to] += dy[at] / (double)(s->kh * s->kw);
            if (size) size[to] += fabs(dy[at]) / (double)(s->kh * s->kw);
        }
}
