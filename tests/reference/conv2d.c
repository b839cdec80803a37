/* SPDX-License-Identifier: Apache-2.0 */
/* y[n, o, i, j] += bias[o] + sum_{c, k, l} x[n, b + c, i sh + k dh - ph, j sw + l dw - pw] w[o, c, k, l], x zero outside;
 * b is the first channel of the group of o.
 *
 * The gradients are the same sum over index triples with another factor left out: every product of an element of x, of w and
 * of y is met once in each of the three functions.
 */
#include "reference/reference.h"

#include <math.h>

/* One meeting of elements: indices into x, w and y. */
typedef void (*meet_fn)(void *arg, int64_t x, int64_t w, int64_t y);

/* Calls `meet` for each tap (k, l) of window (i, j) that lies inside the image. */
static void meet_window(
    const kdst__conv2d_shape *s, int64_t image, int64_t weight, int64_t y, int64_t i, int64_t j, meet_fn meet,
    void *arg)
{
    for (int64_t k = 0; k < s->kh; k++)
        for (int64_t l = 0; l < s->kw; l++) {
            int64_t h = i * s->stride[0] + k * s->dilation[0] - s->padding[0];
            int64_t w = j * s->stride[1] + l * s->dilation[1] - s->padding[1];
            if (h < 0 || h >= s->h || w < 0 || w >= s->w) continue;
            meet(arg, (image * s->h + h) * s->w + w, (weight * s->kh + k) * s->kw + l, y);
        }
}

static void meet_all(const kdst__conv2d_shape *s, meet_fn meet, void *arg)
{
    int64_t outs = s->o / s->groups, ins = s->c / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t o = 0; o < s->o; o++)
            for (int64_t i = 0; i < s->p; i++)
                for (int64_t j = 0; j < s->q; j++)
                    for (int64_t c = 0; c < ins; c++)
                        meet_window(
                            s, n * s->c + o / outs * ins + c, o * ins + c, ((n * s->o + o) * s->p + i) * s->q + j, i, j,
                            meet, arg);
}

typedef struct sums {
    const double *a, *b;
    double *sum, *size;
} sums;

static void add(double *sum, double *size, int64_t at, double term)
{
    if (sum) sum[at] += term;
    if (size) size[at] += fabs(term);
}

static void into_y(void *arg, int64_t x, int64_t w, int64_t y)
{
    const sums *s = arg;
    add(s->sum, s->size, y, s->a[x] * s->b[w]);
}

static void into_x(void *arg, int64_t x, int64_t w, int64_t y)
{
    const sums *s = arg;
    add(s->sum, s->size, x, s->a[w] * s->b[y]);
}

static void into_w(void *arg, int64_t x, int64_t w, int64_t y)
{
    const sums *s = arg;
    add(s->sum, s->size, w, s->a[x] * s->b[y]);
}

void reference_conv2d_forward(
    const kdst__conv2d_shape *s, const double *x, const double *w, const double *bias, double *y, double *size)
{
    meet_all(s, into_y, &(sums){x, w, y, size});
    for (int64_t i = 0; bias && i < s->n * s->o * s->p * s->q; i++)
        add(y, size, i, bias[i / (s->p * s->q) % s->o]);
}

void reference_conv2d_backward_data(
    const kdst__conv2d_shape *s, const double *w, const double *dy, double *dx, double *size)
{
    meet_all(s, into_x, &(sums){w, dy, dx, size});
}

void reference_conv2d_backward_weights(
    const kdst__conv2d_shape *s, const double *x, const double *dy, double *dw, double *dw_size, double *db,
    double *db_size)
{
    meet_all(s, into_w, &(sums){x, dy, dw, dw_size});
    for (int64_t i = 0; db && i < s->n * s->o * s->p * s->q; i++)
        add(db, db_size, i / (s->p * s->q) % s->o, dy[i]);
}
