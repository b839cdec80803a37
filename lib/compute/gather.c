/* SPDX-License-Identifier: Apache-2.0 */
/* Elements named one by one along an axis: y[o, j, c] = x[o, i[o, j, c], c], and back dx[o, i[o, j, c], c] += dy[o, j, c].
 *
 * o and c stand for the axes before and behind the indexed one, along which y may be shorter than x. The work is cut by
 * (o, c), so that all places that may add to one element of dx belong to one piece, which goes through them in order of
 * j: the same bits for any number of threads.
 */
#include "compute/state.h"

#include <string.h>

#define GRAIN 4096 /* elements worth a piece */
#define BLOCK 256  /* of c */

typedef struct job {
    const kdst__gather_shape *s;
    int64_t outer, n, inner, blocks, pieces; /* y as [outer, n, inner] */
    int64_t step;                            /* of the indexed axis in x */
    int32_t dtype;
    size_t bytes;
    const int32_t *indices;
    const void *from;
    void *to;
} job;

/* Where in x the position `index`, counted over y's axes [first, last), begins. */
static int64_t offset_in_x(const kdst__gather_shape *s, int32_t first, int32_t last, int64_t index)
{
    int64_t offset = 0, step = 1;
    for (int32_t i = s->rank - 1; i >= first; i--) {
        if (i < last) {
            offset += index % s->y[i] * step;
            index /= s->y[i];
        }
        step *= s->x[i];
    }
    return offset;
}

/* The axes behind the indexed one are as long in y as in x, so that positions are offsets. */
static int same_inner(const kdst__gather_shape *s)
{
    for (int32_t i = s->axis + 1; i < s->rank; i++)
        if (s->x[i] != s->y[i]) return 0;
    return 1;
}

static void copy_element(void *to, const void *from, size_t bytes)
{
    if (bytes == 4)
        memcpy(to, from, 4);
    else if (bytes == 8)
        memcpy(to, from, 8);
    else
        memcpy(to, from, 1);
}

static void gather_row(const job *j, int64_t at, int64_t n, const int64_t *columns)
{
    for (int64_t c = 0; c < n; c++)
        copy_element(
            (char *)j->to + (size_t)(at + c) * j->bytes,
            (const char *)j->from + (size_t)(columns[c] + j->indices[at + c] * j->step) * j->bytes, j->bytes);
}

static void add_row(const job *j, int64_t at, int64_t n, const int64_t *columns)
{
    if (j->dtype == KDST__F32)
        for (int64_t c = 0; c < n; c++)
            ((float *)j->to)[columns[c] + j->indices[at + c] * j->step] += ((const float *)j->from)[at + c];
    else
        for (int64_t c = 0; c < n; c++)
            ((double *)j->to)[columns[c] + j->indices[at + c] * j->step] += ((const double *)j->from)[at + c];
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int same = same_inner(j->s);
    int64_t begin, end, left, right, columns[BLOCK];
    (void)worker;
    kdst__piece_range(j->outer * j->blocks, j->pieces, piece, &begin, &end);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t o = unit / j->blocks, first = offset_in_x(j->s, 0, j->s->axis, o);
        kdst__piece_range(j->inner, j->blocks, unit % j->blocks, &left, &right);
        for (int64_t c = left; c < right; c++)
            columns[c - left] = first + (same ? c : offset_in_x(j->s, j->s->axis + 1, j->s->rank, c));
        for (int64_t k = 0; k < j->n; k++) {
            int64_t at = (o * j->n + k) * j->inner + left;
            if (j->dtype)
                add_row(j, at, right - left, columns);
            else
                gather_row(j, at, right - left, columns);
        }
    }
}

static void run(kdst__compute *cp, job *j)
{
    const kdst__gather_shape *s = j->s;
    j->outer = j->inner = j->step = 1;
    for (int32_t i = 0; i < s->rank; i++) {
        if (i < s->axis) j->outer *= s->y[i];
        if (i > s->axis) j->inner *= s->y[i], j->step *= s->x[i];
    }
    j->n = s->y[s->axis];
    if (j->outer == 0 || j->n == 0 || j->inner == 0) return;
    j->blocks = kdst__divide_up(j->inner, BLOCK);
    j->pieces = kdst__pieces(j->outer * j->blocks, GRAIN / (kdst__least(j->inner, BLOCK) * kdst__least(j->n, GRAIN)));
    kdst__pool_run(cp->pool, j->pieces, piece_fn, j);
}

void kdst__gather(
    kdst__compute *cp, int64_t bytes, const kdst__gather_shape *shape, const int32_t *indices, const void *x, void *y)
{
    job j = {.s = shape, .bytes = (size_t)bytes, .indices = indices, .from = x, .to = y};
    run(cp, &j);
}

void kdst__gather_backward(
    kdst__compute *cp, int32_t dtype, const kdst__gather_shape *shape, const int32_t *indices, const void *dy, void *dx)
{
    job j = {.s = shape, .dtype = dtype, .indices = indices, .from = dy, .to = dx};
    run(cp, &j);
}
