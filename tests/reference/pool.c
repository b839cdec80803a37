/* SPDX-License-Identifier: Apache-2.0 */
/* max: y = max over the window's elements inside the image, the first of equals, a NaN before all; its gradient goes there.
 * avg: y = (sum of the window's elements inside the image) / (how many there are, or how many with those of the padding). A
 * window may end behind the padding. adaptive: window i of P has rows h with i H < (h + 1) P and h P < (i + 1) H. Backwards add.
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

/* Whether row (axis 0) or column `at` of the image belongs to window i; *counts: whether the mean counts it. */
static int belongs(const kdst__pool2d_shape *s, int axis, int64_t i, int64_t at, int *counts)
{
    int64_t size = axis ? s->w : s->h, number = axis ? s->q : s->p, kernel = axis ? s->kw : s->kh;
    int64_t start = i * s->stride[axis] - s->padding[axis];
    int inside = at >= 0 && at < size, in_window = at >= start && at < start + kernel;
    if (s->adaptive) in_window = i * size < (at + 1) * number && at * number < (i + 1) * size;
    *counts = in_window &&
        (inside || (!s->adaptive && s->count_include_pad && at >= -s->padding[axis] && at < size + s->padding[axis]));
    return in_window && inside;
}

/* Calls for every element of a window: y += factor x, or with dy given dx += factor dy. */
static void
each_mean(const kdst__pool2d_shape *s, const double *x, double *y, const double *dy, double *dx, double *size)
{
    for (int64_t at = 0; at < s->n * s->c * s->p * s->q; at++) {
        int64_t p = at / s->q % s->p, q = at % s->q, plane = at / (s->p * s->q) * s->h * s->w, divisor = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t h = -s->padding[0]; h < s->h + s->padding[0]; h++)
                for (int64_t w = -s->padding[1]; w < s->w + s->padding[1]; w++) {
                    int row, column, rows = belongs(s, 0, p, h, &row), columns = belongs(s, 1, q, w, &column);
                    if (pass == 0) divisor += row && column;
                    if (pass == 0 || !rows || !columns) continue;
                    int64_t from = plane + h * s->w + w;
                    if (dy)
                        dx[from] += dy[at] / (double)divisor;
                    else
                        y[at] += x[from] / (double)divisor;
                    if (size) size[dy ? from : at] += fabs(dy ? dy[at] : x[from]) / (double)divisor;
                }
    }
}

void reference_avg_pool2d(const kdst__pool2d_shape *s, const double *x, double *y, double *size)
{
    each_mean(s, x, y, NULL, NULL, size);
}

void reference_avg_pool2d_backward(const kdst__pool2d_shape *s, const double *dy, double *dx, double *size)
{
    each_mean(s, NULL, NULL, dy, dx, size);
}
