/* SPDX-License-Identifier: Apache-2.0 */
/* Prototypes and tables of the kernels, made from kernels.def.
 *
 * kdst__kernels_f32 and kdst__kernels_f64 hold one pointer per row; there is one constant table per level and type
 * (kernels/table.c), chosen when a context is made (select.h). Sources in kernels/ are built with KDST_LEVEL = baseline, avx2 or
 * avx512 and KDST_REAL = 32 or 64, and see `real`, the prototypes of their own build and KDST__KERNEL(name).
 */
#ifndef KDST_COMPUTE_KERNELS_H
#define KDST_COMPUTE_KERNELS_H

#include "compute/class_loss.h"
#include "compute/soft_loss.h"
#include "compute/blocked.h"
#include "compute/conv_direct.h"
#include "compute/compute.h"
#include "compute/lif.h"
#include "compute/plasticity.h"
#include "compute/winograd.h"

/* Windows of an image as a matrix [C T, N I J]: row (c, t) is tap t of channel c, column (n, i, j) a position; the
 * element is x[n, c, i step, j step] moved by offset[t]. x [N, C, H, W] holds every window: the caller has padded it. */
typedef struct kdst__windows {
    int64_t c, h, w;
    int64_t taps, i, j;
    int64_t step[2];
    const int64_t *offset; /* [taps], in elements, >= 0 */
    int64_t total;         /* N C H W */
} kdst__windows;

/* Where rows and columns of a resampled image come from, for kernels/upsample.c: (1 - t) low + t high, or low alone. */
typedef struct kdst__upsample_place {
    int64_t low, high;
    double t;
} kdst__upsample_place;

typedef struct kdst__upsample {
    int64_t h, w, p, q;
    int32_t bilinear;
    const kdst__upsample_place *rows, *columns; /* [P], [Q] */
} kdst__upsample;

/* A depthwise convolution for kernels/depthwise.c: `results` channels of [N, results, P, Q] from `sources` channels of [N, sources, H, W].
 *
 * Row i of phase f of the frame is row i step + phase_h[f] of the source, columns likewise. An image has `rows` rows of `columns`
 * elements there, what the source does not fill being 0; `lead` zeros stand before the first one. Taps first[g] … first[g + 1] - 1
 * belong to phase g of the result, whose places are out_step apart: tap t has weight index[t] of the `kernel` of a channel
 * and reads the frame offset[t] elements after a place of the same row and column. */
typedef struct kdst__depthwise {
    int64_t n, block;         /* images, images at once */
    int64_t sources, results; /* result r has sources r / shared many + k, k < many, with kernel number r many + k; */
    int64_t many, shared;     /* one of the two is 1 */
    int64_t h, w, p, q;
    int64_t step[2], rows, columns, lead;
    int64_t out_step[2];
    int64_t phases; /* of the frame */
    int64_t flat;   /* elements of a phase: lead, images, KDST__DEPTHWISE_SLACK */
    int64_t kernel;
    const int64_t *phase_h, *phase_w, *first, *offset, *index;
} kdst__depthwise;

/* A tile of kernels/gemm_rows.c: c[i, j] = start[i] + sum_p a[i ai + p ap] b[p W + j] + from[i ldf + j], W the width of a panel;
 * with `relu` max(c, 0). */
typedef struct kdst__rows_tile {
    int64_t k;
    const void *a, *b;
    int64_t ai, ap;
    const void *start; /* [rows] */
    const void *from;  /* NULL: nothing is added */
    int64_t ldf;
    int32_t relu;
    void *c;
    int64_t ldc;
} kdst__rows_tile;

#define KDST__DEPTHWISE_SLACK 64 /* four vectors */
#define KDST__DEPTHWISE_TILE 16  /* channels whose weights' gradients are summed at once, a vector for each tap */

/* One axis of a depthwise convolution on blocked channels, for kernels/conv_depthwise.c: result place i out_step + phase has taps
 * first[phase] … first[phase + 1] - 1 of the lists; tap t has weight tap[t] and reads source place i in_step + offset[t], 0 outside. */
typedef struct kdst__depth_axis {
    int64_t from, to;          /* places of source and result */
    int64_t in_step, out_step; /* one of the two is 1 */
    const int64_t *first, *tap, *offset;
} kdst__depth_axis;

/* The frame holds the rows of a source plane that a row of the result reads, with zeros on both sides: row h is its row h mod ring,
 * a power of 2. */
typedef struct kdst__depth {
    int64_t blocks, kh, kw;
    kdst__depth_axis h, w;
    int64_t low;             /* lowest offset of rows */
    int64_t ring, lead, row; /* rows of the frame, places of zeros in front of one, places of one */
} kdst__depth;

#define KDST__DEPTH_ROWS 64 /* kh at most */

#define real float
typedef struct kdst__kernels_f32 {
#define KERNEL(result, name, arguments) result(*name) arguments;
#include "compute/kernels.def"
#undef KERNEL
} kdst__kernels_f32;
#undef real

#define real double
typedef struct kdst__kernels_f64 {
#define KERNEL(result, name, arguments) result(*name) arguments;
#include "compute/kernels.def"
#undef KERNEL
} kdst__kernels_f64;
#undef real

#define real float
typedef struct kdst__kernels_blocked {
    int64_t lanes; /* B */
#define KERNEL(result, name, arguments) result(*name) arguments;
#include "compute/kernels_blocked.def"
#undef KERNEL
} kdst__kernels_blocked;
#undef real

#ifdef KDST_LEVEL

#  define KDST__JOIN(name, level, bits) kdst__kernel_##name##_##level##_f##bits
#  define KDST__EXPAND(name, level, bits) KDST__JOIN(name, level, bits)
#  define KDST__KERNEL(name) KDST__EXPAND(name, KDST_LEVEL, KDST_REAL)

#  if KDST_REAL == 32
typedef float real;
#  else
typedef double real;
#  endif

#  define KERNEL(result, name, arguments) result KDST__KERNEL(name) arguments;
#  include "compute/kernels.def"
#  if KDST_REAL == 32
#    include "compute/kernels_blocked.def"
#  endif
#  undef KERNEL

#endif

#endif
