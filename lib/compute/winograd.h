/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of kernels/winograd.c and kernels/winograd_weights.c work on.
 *
 * A tile is a square of `step` x `step` results and the square of `reach` x `reach` places of the source that it depends on. The next
 * tile's source begins `advance` places on. Tiles are counted through the rows of an image and on through the images; a block
 * of them is transformed at once.
 *
 *     form                              kernel  reach  advance  step  side
 *     DENSE   stride 1                  3       6      4        4     6
 *                                       5       6      2        2     6
 *     STRIDED stride 2                  3       9      8        4     9
 *     SPREAD  stride 2, the transposed  3       5      4        8     9
 *
 *     transformed source   v [side][side][C blocks][hold][B]
 *     transformed weights  u [6][6][depth][R][B], R B results of a group at a time, R = 1 or 2
 *     their products       m [side][side][R][block][B], and the same for transformed gradients
 *
 * With side 9 the rows 5 … 8 of points, and the columns, share the weights of number 5: see simd/winograd_strided.h. The points stand
 * `v_point`, `m_point` and (of transformed gradients) `dv_point` floats apart. A block is filled up with tiles of zeros.
 */
#ifndef KDST_COMPUTE_WINOGRAD_H
#define KDST_COMPUTE_WINOGRAD_H

#include <stdint.h>

#define KDST__WINOGRAD_POINTS 36 /* that have weights of their own */
#define KDST__WINOGRAD_GROUP 2  /* blocks of results at once, at most */
#define KDST__WINOGRAD_FLAT 4   /* tiles that a block is filled up to a multiple of */
#define KDST__WINOGRAD_ALIGN 12 /* tiles, a multiple of every product's own */

/* Floats between points of `rows` vectors each: one more, lest the points of a place meet in the same set of a cache. */
#define KDST__WINOGRAD_APART(rows, lanes) (((rows) + 1) * (lanes))

enum { KDST__WINOGRAD_DENSE, KDST__WINOGRAD_STRIDED, KDST__WINOGRAD_SPREAD };

typedef struct kdst__winograd {
    int32_t form;
    int64_t kernel, reach, advance, step, side;
    int64_t c, h, w, pad[2]; /* source [N, C, H, W], and what the first tile begins in front of it */
    int64_t o, p, q;         /* results [N, O, P, Q] */
    int64_t odd_first[2];    /* SPREAD: 1 = a tile begins with a result that one tap alone meets, by dimension */
    int64_t rows, columns;   /* tiles of an image */
    int64_t hold, block;     /* tiles that v and m have room for */
    int64_t v_point, m_point, dv_point;
} kdst__winograd;

/* Sets what follows from form and kernel, and cuts the results of n images into tiles; their number. */
static inline int64_t kdst__winograd_cut(kdst__winograd *g, int64_t n)
{
    static const int64_t strided[] = {9, 8, 4}, spread[] = {5, 4, 8};
    const int64_t dense[] = {6, 7 - g->kernel, 7 - g->kernel};
    const int64_t *sizes = g->form == KDST__WINOGRAD_STRIDED ? strided : g->form == KDST__WINOGRAD_SPREAD ? spread : dense;
    g->reach = sizes[0];
    g->advance = sizes[1];
    g->step = sizes[2];
    g->side = g->form == KDST__WINOGRAD_DENSE ? 6 : 9;
    g->rows = (g->p + g->step - 1) / g->step;
    g->columns = (g->q + g->step - 1) / g->step;
    return n * g->rows * g->columns;
}

#endif
