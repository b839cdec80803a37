/* SPDX-License-Identifier: Apache-2.0 */
/* Taps of a convolution: where each weight of the kernel reads the image, relative to the first element of a window's step.
 *
 * Taps that meet nothing but padding are left out: a dilated kernel on a small map may keep one row or column of its own.
 */
#ifndef KDST_COMPUTE_TAPS_H
#define KDST_COMPUTE_TAPS_H

#include "compute/state.h"

typedef struct kdst__taps {
    int64_t count, capacity;
    int64_t *dh, *dw, *index;    /* rows, columns, number in [KH, KW]; owned */
    int64_t first[2], extent[2]; /* forward: rows and columns of the kernel that are there */
} kdst__taps;

/* Room for all taps of the kernel. */
kdst_status kdst__taps_create(kdst__compute *cp, const kdst__conv2d_shape *s, kdst__taps *out);
void kdst__taps_destroy(kdst__compute *cp, kdst__taps *t);

/* Taps of the forward pass: x is read at i stride + k dilation - padding. */
void kdst__taps_forward(const kdst__conv2d_shape *s, kdst__taps *t);
/* Taps that meet rows rh + i stride and columns rw + j stride of x, i < rows, j < columns: dy is read at i + dh, j + dw. */
void kdst__taps_phase(
    const kdst__conv2d_shape *s, int64_t rh, int64_t rw, int64_t rows, int64_t columns, kdst__taps *t);

/* `rows` kernels [rows, KH KW] with these taps alone: w itself where none is missing, else a copy in *copy of
 * kdst__taps_bytes bytes, made when it is NULL. NULL: out of memory. */
const void *kdst__taps_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const kdst__taps *t, const void *w, void **copy);
size_t kdst__taps_bytes(int32_t dtype, const kdst__conv2d_shape *s);

#endif
