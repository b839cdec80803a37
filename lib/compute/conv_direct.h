/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution on blocked channels, for conv_blocked.c alone; arguments as in blocked.h. Without `fits` the others must not be called. */
#ifndef KDST_COMPUTE_CONV_DIRECT_H
#define KDST_COMPUTE_CONV_DIRECT_H

#include "compute/blocked.h"

int32_t kdst__conv_direct_fits(const kdst__compute *cp, const kdst__conv2d_shape *s);
kdst_status kdst__conv_direct_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w, const kdst__conv_tail *tail,
    float *y);
kdst_status kdst__conv_direct_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx);
kdst_status kdst__conv_direct_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw);

#endif
