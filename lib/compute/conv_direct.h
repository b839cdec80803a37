/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution on blocked channels, for conv_blocked.c alone; arguments as in blocked.h. Without `fits` the others must not be called. */
#ifndef KDST_COMPUTE_CONV_DIRECT_H
#define KDST_COMPUTE_CONV_DIRECT_H

#include "compute/blocked.h"

/* What kernels/conv_direct.c sums: y[place] = sum over taps and channels of x[place moved by the tap] w. Offsets count floats.
 *
 * Channels lie in blocks of `depth` side by side (the last one may have fewer), blocks x_block apart. Position (i, j) of an image
 * reads row[t, i] + column[t, j] behind the begin of a block, zeros where this is negative, and is written to
 * y_origin + i y_row + j y_column. */
typedef struct kdst__direct {
    int64_t taps, c, depth;
    int64_t x_image, x_block;
    int64_t rows, columns;
    const int64_t *row, *column; /* [taps, rows], [taps, columns] */
    int64_t y_image, y_block, y_origin, y_row, y_column;
} kdst__direct;

/* Positions [begin, end) of all images, one after the other, of `vectors` neighbouring blocks of y. */
typedef struct kdst__direct_run {
    int64_t vectors, begin, end;
    int64_t first, last; /* blocks of the sum */
    const float *x, *w;  /* x at its first block; w [blocks][taps][depth][vectors][B] */
    const float *bias;   /* [vectors, B], nullable: what the sum begins with */
    int32_t add;         /* it begins with y */
    const float *addend; /* as y, nullable: added at the end */
    int32_t activation;  /* KDST__FUSED_…, last */
    int64_t valid;       /* lanes of the last vector that are written, 0 behind */
    float *y;            /* at its first block */
    int64_t *list;       /* scratch [taps (points + 1)] */
} kdst__direct_run;

/* dw of one tap and the channels of a tile: images [first, last), rows [i0, i1), columns [j0, j1) of dy. */
typedef struct kdst__direct_weights {
    int64_t vectors;
    int64_t first, last, i0, i1, j0, j1;
    int64_t x_image, x_row, x_column;   /* of one step of dy */
    int64_t dy_image, dy_block, dy_row; /* columns lie B apart */
    const float *x, *dy;                /* what image 0, row 0, column 0 of dy meets */
    float *sums;                        /* [points, vectors, B], added to */
} kdst__direct_weights;

int32_t kdst__conv_direct_fits(const kdst__compute *cp, const kdst__conv2d_shape *s);
kdst_status kdst__conv_direct_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w, const kdst__conv_tail *tail,
    float *y);
/* The weights as they are read, from `memory`; a narrow image is taken to be plain. *out NULL: there is nothing to sum. */
kdst_status kdst__conv_direct_pack(
    kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, float **out, size_t *bytes);
/* packed NULL, or of other taps of the kernel than this image meets: w is packed by the call; else w is not read. */
kdst_status kdst__conv_direct_forward_packed(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w, const float *packed,
    const kdst__conv_tail *tail, float *y);
kdst_status kdst__conv_direct_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx);
kdst_status kdst__conv_direct_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw);

#endif
