/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of kernels/winograd.c and kernels/winograd_weights.c work on.
 *
 * A tile is a square of `step` x `step` results, 4 for kernels of 3 x 3 and 2 for kernels of 5 x 5, and the 6 x 6 places of the
 * source that it depends on. Tiles are counted through the rows of an image and on through the images; a block of them is
 * transformed at once.
 *
 *     transformed source   v [36][C blocks][hold][B]
 *     transformed weights  u [36][depth][R][B], R B results of a group at a time, R = 1 or 2
 *     their products       m [36][R][block][B], and the same for transformed gradients
 *
 * The 36 points stand `v_point`, `m_point` and (of transformed gradients) `dv_point` floats apart. A block is filled up with tiles of zeros.
 */
#ifndef KDST_COMPUTE_WINOGRAD_H
#define KDST_COMPUTE_WINOGRAD_H

#include <stdint.h>

#define KDST__WINOGRAD_POINTS 36
#define KDST__WINOGRAD_GROUP 2  /* blocks of results at once, at most */
#define KDST__WINOGRAD_FLAT 4   /* tiles that a block is filled up to a multiple of */
#define KDST__WINOGRAD_ALIGN 12 /* tiles, a multiple of every product's own */

/* Floats between points of `rows` vectors each: one more, lest the points of a place meet in the same set of a cache. */
#define KDST__WINOGRAD_APART(rows, lanes) (((rows) + 1) * (lanes))

typedef struct kdst__winograd {
    int64_t kernel, step;    /* 3 and 4, or 5 and 2 */
    int64_t c, h, w, pad[2]; /* source [N, C, H, W] */
    int64_t o, p, q;         /* results [N, O, P, Q] */
    int64_t rows, columns;   /* tiles of an image */
    int64_t hold, block;     /* tiles that v and m have room for */
    int64_t v_point, m_point, dv_point;
} kdst__winograd;

/* Cuts the results of n images into tiles: step, rows and columns; their number. */
static inline int64_t kdst__winograd_cut(kdst__winograd *g, int64_t n)
{
    g->step = g->kernel == 3 ? 4 : 2;
    g->rows = (g->p + g->step - 1) / g->step;
    g->columns = (g->q + g->step - 1) / g->step;
    return n * g->rows * g->columns;
}

#endif
