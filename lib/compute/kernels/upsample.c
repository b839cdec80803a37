/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling of planes [begin, end) of [N C, H, W] to [N C, P, Q] from tables of source rows and columns.
 *
 * nearest: y = x[row, column]. bilinear: y is the sum of four neighbours, rows and columns weighted 1 - t and t.
 * Backwards add the same numbers the other way.
 */
#include "compute/simd/vector.h"

static void nearest(const kdst__upsample *u, const real *x, real *y)
{
    for (int64_t p = 0; p < u->p; p++, y += u->q) {
        const real *row = x + u->rows[p].low * u->w;
        for (int64_t q = 0; q < u->q; q++)
            y[q] = row[u->columns[q].low];
    }
}

static void bilinear(const kdst__upsample *u, const real *x, real *y)
{
    for (int64_t p = 0; p < u->p; p++, y += u->q) {
        const real *top = x + u->rows[p].low * u->w, *bottom = x + u->rows[p].high * u->w;
        const real b = (real)u->rows[p].t, a = (real)(1 - u->rows[p].t);
        for (int64_t q = 0; q < u->q; q++) {
            const kdst__upsample_place *c = &u->columns[q];
            const real right = (real)c->t, left = (real)(1 - c->t);
            y[q] =
                a * (left * top[c->low] + right * top[c->high]) + b * (left * bottom[c->low] + right * bottom[c->high]);
        }
    }
}

static void nearest_backward(const kdst__upsample *u, const real *dy, real *dx)
{
    for (int64_t p = 0; p < u->p; p++, dy += u->q) {
        real *row = dx + u->rows[p].low * u->w;
        for (int64_t q = 0; q < u->q; q++)
            row[u->columns[q].low] += dy[q];
    }
}

static void bilinear_backward(const kdst__upsample *u, const real *dy, real *dx)
{
    for (int64_t p = 0; p < u->p; p++, dy += u->q) {
        real *top = dx + u->rows[p].low * u->w, *bottom = dx + u->rows[p].high * u->w;
        const real b = (real)u->rows[p].t, a = (real)(1 - u->rows[p].t);
        for (int64_t q = 0; q < u->q; q++) {
            const kdst__upsample_place *c = &u->columns[q];
            const real right = (real)c->t * dy[q], left = (real)(1 - c->t) * dy[q];
            top[c->low] += a * left;
            top[c->high] += a * right;
            bottom[c->low] += b * left;
            bottom[c->high] += b * right;
        }
    }
}

void KDST__KERNEL(upsample)(const kdst__upsample *u, int64_t begin, int64_t end, const real *x, real *y)
{
    for (int64_t plane = begin; plane < end; plane++)
        (u->bilinear ? bilinear : nearest)(u, x + plane * u->h * u->w, y + plane * u->p * u->q);
}

void KDST__KERNEL(upsample_backward)(const kdst__upsample *u, int64_t begin, int64_t end, const real *dy, real *dx)
{
    for (int64_t plane = begin; plane < end; plane++)
        (u->bilinear ? bilinear_backward : nearest_backward)(u, dy + plane * u->p * u->q, dx + plane * u->h * u->w);
}
