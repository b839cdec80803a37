/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution on blocked channels, for conv_blocked.c alone; arguments as in blocked.h. Without `fits` the others must not be called. */
#ifndef KDST_COMPUTE_CONV_WINOGRAD_H
#define KDST_COMPUTE_CONV_WINOGRAD_H

#include "compute/blocked.h"
#include "compute/winograd.h"

/* Source, weights and results of the forward pass. */
static inline kdst__winograd kdst__winograd_of(const kdst__conv2d_shape *s)
{
    return (kdst__winograd){
        .form = s->stride[0] == 1 ? KDST__WINOGRAD_DENSE : KDST__WINOGRAD_STRIDED,
        .kernel = s->kh,
        .c = s->c,
        .h = s->h,
        .w = s->w,
        .pad = {s->padding[0], s->padding[1]},
        .o = s->o,
        .p = s->p,
        .q = s->q};
}

int32_t kdst__conv_winograd_fits(const kdst__compute *cp, const kdst__conv2d_shape *s);
kdst_status kdst__conv_winograd_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w, const kdst__conv_tail *tail,
    float *y);
/* The transformed weights, from `memory`: the same for any N and any image, for contexts of the same level. */
kdst_status kdst__conv_winograd_pack(
    kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, float **out, size_t *bytes);
/* packed NULL: w is transformed by the call; else w is not read. */
kdst_status kdst__conv_winograd_forward_packed(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w, const float *packed,
    const kdst__conv_tail *tail, float *y);
kdst_status kdst__conv_winograd_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx);
kdst_status kdst__conv_winograd_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw);

#endif
