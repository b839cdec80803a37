/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions in which every output channel sees one input channel, without a product: conv2d.c hands them on. */
#ifndef KDST_COMPUTE_DEPTHWISE_H
#define KDST_COMPUTE_DEPTHWISE_H

#include "compute/state.h"

/* Long strides are left to the product: each needs its own phase of the frame. */
static inline int32_t kdst__depthwise_fits(const kdst__conv2d_shape *s)
{
    return s->groups > 1 && s->groups == s->c && s->stride[0] <= 8 && s->stride[1] <= 8;
}

kdst_status kdst__depthwise_forward(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *w, const void *bias,
    int32_t accumulate, void *y);
kdst_status kdst__depthwise_backward_data(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *w, const void *dy, void *dx);
kdst_status kdst__depthwise_backward_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *dy, void *dw);

#endif
