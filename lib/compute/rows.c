/* SPDX-License-Identifier: Apache-2.0 */
/* Rows named by a list: y[o, j, :] = x[o, i_j, :], and back dx[o, k, :] += sum over the j with i_j = k of dy[o, j, :].
 *
 * x [outer, size, inner], y [outer, n, inner], i [n] in [0, size). Backward puts the j in order of i_j first (a counting
 * sort, which keeps equal ones in order) and cuts the work by the elements of dx, so that no two pieces add to the same
 * one. Each sum is taken in double and in the order of j: the same bits for any number of threads.
 */
#include "compute/state.h"

#include <string.h>

#define GRAIN 16384 /* elements worth a piece */
#define BLOCK 256   /* columns whose sums are held at once */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype;
    size_t bytes; /* of an element */
    int64_t outer, size, n, inner, blocks, pieces;
    int32_t accumulate;
    const int32_t *indices; /* [n] */
    const int64_t *first;   /* [size + 1]: where index k begins in `order` */
    const int64_t *order;   /* [n]: positions in order of their index */
    const void *from;
    void *to;
} job;

static void select_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const size_t run = (size_t)j->inner * j->bytes;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->outer * j->n, j->pieces, piece, &begin, &end);
    for (int64_t row = begin; row < end; row++) {
        int64_t source = row / j->n * j->size + j->indices[row % j->n];
        memcpy((char *)j->to + (size_t)row * run, (const char *)j->from + (size_t)source * run, run);
    }
}

void kdst__rows_select(
    kdst__compute *cp, int64_t bytes, int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices,
    const void *x, void *y)
{
    job j = {.bytes = (size_t)bytes, .outer = outer, .size = size, .n = n, .inner = inner};
    if (outer == 0 || n == 0 || inner == 0) return;
    j.pieces = kdst__pieces(outer * n, GRAIN / kdst__least(inner, GRAIN));
    j.indices = indices;
    j.from = x;
    j.to = y;
    kdst__pool_run(cp->pool, j.pieces, select_piece, &j);
}

/* ---- back ---- */

/* first [size + 1], order [n]. */
static void sort_positions(int64_t size, int64_t n, const int32_t *indices, int64_t *first, int64_t *order)
{
    memset(first, 0, (size_t)(size + 1) * sizeof *first);
    for (int64_t p = 0; p < n; p++)
        first[indices[p] + 1]++;
    for (int64_t k = 0; k < size; k++)
        first[k + 1] += first[k];
    for (int64_t p = 0; p < n; p++)
        order[first[indices[p]]++] = p;
    for (int64_t k = size; k > 0; k--)
        first[k] = first[k - 1];
    first[0] = 0;
}

static void add_sums(const job *j, int64_t at, int64_t n, const double *sums)
{
    if (j->dtype == KDST__F32)
        for (int64_t c = 0; c < n; c++)
            ((float *)j->to)[at + c] = (float)(((float *)j->to)[at + c] + sums[c]);
    else
        for (int64_t c = 0; c < n; c++)
            ((double *)j->to)[at + c] += sums[c];
}

static void add_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end, left, right;
    double sums[BLOCK];
    (void)worker;
    kdst__piece_range(j->outer * j->size * j->blocks, j->pieces, piece, &begin, &end);
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t row = unit / j->blocks, o = row / j->size, k = row % j->size;
        if (j->first[k] == j->first[k + 1]) continue;
        kdst__piece_range(j->inner, j->blocks, unit % j->blocks, &left, &right);
        memset(sums, 0, sizeof sums);
        for (int64_t p = j->first[k]; p < j->first[k + 1]; p++) {
            const void *dy = kdst__at(j->dtype, j->from, (o * j->n + j->order[p]) * j->inner + left);
            KDST__CALL(j->cp, j->dtype, add_rows, 1, right - left, dy, 0, sums);
        }
        add_sums(j, row * j->inner + left, right - left, sums);
    }
}

kdst_status kdst__rows_add(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices,
    const void *dy, void *dx)
{
    size_t count, bytes;
    if (outer == 0 || n == 0 || inner == 0) return KDST_STATUS_OK;
    if (kdst__add_overflows((size_t)size + 1, (size_t)n, &count) || kdst__mul_overflows(count, sizeof(int64_t), &bytes))
        return KDST_STATUS_OUT_OF_MEMORY;
    int64_t *first = kdst__alloc(cp->memory, bytes), *order = first + size + 1;
    if (!first) return KDST_STATUS_OUT_OF_MEMORY;
    sort_positions(size, n, indices, first, order);
    job j = {.cp = cp, .dtype = dtype, .outer = outer, .size = size, .n = n, .inner = inner};
    j.blocks = kdst__divide_up(inner, BLOCK);
    j.pieces = kdst__pieces(outer * size * j.blocks, GRAIN / (kdst__least(inner, BLOCK) * (n / size + 1)));
    j.first = first;
    j.order = order;
    j.from = dy;
    j.to = dx;
    kdst__pool_run(cp->pool, j.pieces, add_piece, &j);
    kdst__free(cp->memory, first, bytes);
    return KDST_STATUS_OK;
}

/* ---- one place for each row ---- */

static void place_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    for (int64_t row = begin; row < end; row++)
        KDST__CALL(
            j->cp, j->dtype, copy, j->inner, 1.0, kdst__at(j->dtype, j->from, row * j->inner), 1, j->accumulate,
            kdst__at(j->dtype, j->to, j->indices[row] * j->inner), 1);
}

void kdst__rows_place(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t inner, const int32_t *indices, const void *x, int32_t accumulate,
    void *y)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .inner = inner, .accumulate = accumulate};
    if (n == 0 || inner == 0) return;
    j.pieces = kdst__pieces(n, GRAIN / kdst__least(inner, GRAIN));
    j.indices = indices;
    j.from = x;
    j.to = y;
    kdst__pool_run(cp->pool, j.pieces, place_piece, &j);
}
