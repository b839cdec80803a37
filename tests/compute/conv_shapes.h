/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of convolutions share: sides of the result, numbers of elements, bounds. */
#ifndef KDST_TESTS_COMPUTE_CONV_SHAPES_H
#define KDST_TESTS_COMPUTE_CONV_SHAPES_H

#include "support.h"

/* The shape with P and Q from all others. */
static inline kdst__conv2d_shape with_result(kdst__conv2d_shape t)
{
    t.p = (t.h + 2 * t.padding[0] - t.dilation[0] * (t.kh - 1) - 1) / t.stride[0] + 1;
    t.q = (t.w + 2 * t.padding[1] - t.dilation[1] * (t.kw - 1) - 1) / t.stride[1] + 1;
    return t;
}

static inline int64_t x_count(const kdst__conv2d_shape *s)
{
    return s->n * s->c * s->h * s->w;
}
static inline int64_t w_count(const kdst__conv2d_shape *s)
{
    return s->o * (s->c / s->groups) * s->kh * s->kw;
}
static inline int64_t y_count(const kdst__conv2d_shape *s)
{
    return s->n * s->o * s->p * s->q;
}

/* Turns sums of absolute terms into bounds. */
static inline double *bounds(double *size, int64_t count, double terms)
{
    for (int64_t i = 0; i < count; i++)
        size[i] = sum_bound(unit, terms, size[i]);
    return size;
}

#endif
