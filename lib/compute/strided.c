/* SPDX-License-Identifier: Apache-2.0 */
/* Operations over any strides: broadcasting forward, sums over axes backward.
 *
 * The last axis is the kernel's loop; the axes before it are counted, and cut into pieces by their number of rows. Sums come in two
 * kinds: the last axis is summed (each result is a row's sum), or it is kept (rows are added up, a block of columns at a time). Both
 * accumulate in double.
 */
#include "compute/state.h"

#include <string.h>

#define WORK 16384 /* elements worth a piece */
#define BLOCK 256  /* columns whose sums are held at once */
#define AXES 8

enum { OPERANDS = 3 };

/* Rows of up to three operands over the outer axes; strides in elements. */
typedef struct rows {
    int32_t axes;
    int64_t shape[AXES], count;
    int64_t stride[OPERANDS][AXES];
} rows;

static void rows_add(rows *r, int64_t size, int64_t s0, int64_t s1, int64_t s2)
{
    r->shape[r->axes] = size;
    r->stride[0][r->axes] = s0;
    r->stride[1][r->axes] = s1;
    r->stride[2][r->axes++] = s2;
    r->count *= size;
}

/* Offsets of row number `index`. */
static void rows_at(const rows *r, int64_t index, int64_t offset[OPERANDS])
{
    offset[0] = offset[1] = offset[2] = 0;
    for (int32_t axis = r->axes - 1; axis >= 0; axis--) {
        int64_t i = index % r->shape[axis];
        index /= r->shape[axis];
        for (int o = 0; o < OPERANDS; o++) offset[o] += i * r->stride[o][axis];
    }
}

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, op, accumulate;
    double alpha;
    rows outer;             /* of the results */
    rows inner;             /* of what is summed, the last summed axis apart */
    int64_t n, step[OPERANDS]; /* the kernel's axis */
    int64_t summed, summed_step; /* last summed axis, where the kernel's axis is kept */
    int64_t blocks;         /* of columns */
    int64_t pieces;
    const void *a, *b;
    void *y;
} job;

/* Splits axes into the outer ones and the kernel's own, the last of size other than 1. */
static void split(job *j, int32_t rank, const int64_t *shape, const int64_t *sa, const int64_t *sb, const int64_t *sy)
{
    int32_t last = rank - 1;
    while (last > 0 && shape[last] == 1) last--;
    j->outer = (rows){.count = 1};
    j->n = rank ? shape[last] : 1;
    j->step[0] = rank ? sa[last] : 0;
    j->step[1] = rank ? sb[last] : 0;
    j->step[2] = rank ? sy[last] : 0;
    for (int32_t axis = 0; axis < last; axis++)
        if (shape[axis] != 1) rows_add(&j->outer, shape[axis], sa[axis], sb[axis], sy[axis]);
}

/* Joins a neighbour into the kernel's axis while all operands run through it without a gap. */
static void join(job *j)
{
    rows *r = &j->outer;
    while (r->axes > 0) {
        int32_t axis = r->axes - 1;
        for (int o = 0; o < OPERANDS; o++)
            if (r->stride[o][axis] != j->n * j->step[o]) return;
        j->n *= r->shape[axis];
        r->count /= r->shape[axis] ? r->shape[axis] : 1;
        r->axes--;
    }
}

static void run_rows(job *j, kdst__piece_fn fn)
{
    int64_t total = j->outer.count * j->blocks;
    j->pieces = kdst__pieces(total, kdst__divide_up(WORK, j->n * j->inner.count * (j->summed ? j->summed : 1) + 1));
    kdst__pool_run(j->cp->pool, j->pieces, fn, j);
}

/* A single long row is cut along itself: block b of it. */
static void cut_row(const job *j, int64_t index, int64_t *row, int64_t *begin, int64_t *count)
{
    int64_t end;
    *row = index / j->blocks;
    kdst__piece_range(j->n, j->blocks, index % j->blocks, begin, &end);
    *count = end - *begin;
}

static void binary_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t first, last, at[OPERANDS], row, begin, n;
    (void)worker;
    kdst__piece_range(j->outer.count * j->blocks, j->pieces, piece, &first, &last);
    for (int64_t i = first; i < last; i++) {
        cut_row(j, i, &row, &begin, &n);
        rows_at(&j->outer, row, at);
        const void *a = kdst__at(j->dtype, j->a, at[0] + begin * j->step[0]);
        void *y = kdst__at(j->dtype, j->y, at[2] + begin * j->step[2]);
        if (j->b)
            KDST__CALL(j->cp, j->dtype, binary, j->op, n, a, j->step[0], kdst__at(j->dtype, j->b, at[1] + begin * j->step[1]),
                       j->step[1], j->accumulate, y, j->step[2]);
        else
            KDST__CALL(j->cp, j->dtype, copy, n, j->alpha, a, j->step[0], j->accumulate, y, j->step[2]);
    }
}

static void run_binary(job *j)
{
    join(j);
    if (!j->n || !j->outer.count) return;
    j->inner.count = 1;
    j->blocks = kdst__pieces(j->n, WORK);
    j->pieces = kdst__pieces(j->outer.count * j->blocks, j->n / j->blocks > WORK / 64 ? WORK / (j->n / j->blocks) + 1 : 64);
    kdst__pool_run(j->cp->pool, j->pieces, binary_piece, j);
}

void kdst__binary_strided(
    kdst__compute *cp, int32_t dtype, int32_t op, int32_t rank, const int64_t *shape, const void *a, const int64_t *a_stride,
    const void *b, const int64_t *b_stride, int32_t accumulate, void *y, const int64_t *y_stride)
{
    job j = {.cp = cp, .dtype = dtype, .op = op, .accumulate = accumulate, .a = a, .b = b, .y = y};
    split(&j, rank, shape, a_stride, b_stride, y_stride);
    run_binary(&j);
}

void kdst__copy_strided(
    kdst__compute *cp, int32_t dtype, int32_t rank, const int64_t *shape, double alpha, const void *x, const int64_t *x_stride,
    int32_t accumulate, void *y, const int64_t *y_stride)
{
    job j = {.cp = cp, .dtype = dtype, .alpha = alpha, .accumulate = accumulate, .a = x, .y = y};
    split(&j, rank, shape, x_stride, x_stride, y_stride);
    run_binary(&j);
}

/* ---- sums ---- */

static void store(const job *j, int64_t at, double sum)
{
    double value = j->alpha * sum;
    if (j->dtype == KDST__F32) {
        float *y = j->y;
        y[at] = (float)(j->accumulate ? y[at] + value : value);
    } else {
        double *y = j->y;
        y[at] = j->accumulate ? y[at] + value : value;
    }
}

/* Each result is the sum of rows along the kernel's axis. */
static void row_sum_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t first, last, at[OPERANDS], in[OPERANDS];
    (void)worker;
    kdst__piece_range(j->outer.count, j->pieces, piece, &first, &last);
    for (int64_t i = first; i < last; i++) {
        double sum = 0;
        rows_at(&j->outer, i, at);
        for (int64_t k = 0; k < j->inner.count; k++) {
            rows_at(&j->inner, k, in);
            sum += KDST__CALL(j->cp, j->dtype, sum, j->n, kdst__at(j->dtype, j->a, at[0] + in[0]), j->step[0]);
        }
        store(j, at[2], sum);
    }
}

/* The kernel's axis is kept: a block of columns is added up over all rows. */
static void column_sum_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t first, last, at[OPERANDS], in[OPERANDS], row, begin, n;
    double sums[BLOCK];
    (void)worker;
    kdst__piece_range(j->outer.count * j->blocks, j->pieces, piece, &first, &last);
    for (int64_t i = first; i < last; i++) {
        cut_row(j, i, &row, &begin, &n);
        rows_at(&j->outer, row, at);
        memset(sums, 0, sizeof sums);
        for (int64_t k = 0; k < j->inner.count; k++) {
            rows_at(&j->inner, k, in);
            const void *x = kdst__at(j->dtype, j->a, at[0] + in[0] + begin * j->step[0]);
            if (j->step[0] == 1)
                KDST__CALL(j->cp, j->dtype, add_rows, j->summed, n, x, j->summed_step, sums);
            else
                for (int64_t c = 0; c < n; c++)
                    sums[c] += KDST__CALL(j->cp, j->dtype, sum, j->summed, kdst__at(j->dtype, x, c * j->step[0]), j->summed_step);
        }
        for (int64_t c = 0; c < n; c++) store(j, at[2] + (begin + c) * j->step[2], sums[c]);
    }
}

static int is_whole(int32_t rank, const int64_t *shape, const int64_t *x_stride, const int64_t *y_stride, int64_t *count)
{
    int64_t step = 1;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        if (shape[axis] != 1 && (y_stride[axis] != 0 || x_stride[axis] != step)) return 0;
        step *= shape[axis];
    }
    *count = step;
    return 1;
}

kdst_status kdst__sum_strided(
    kdst__compute *cp, int32_t dtype, int32_t rank, const int64_t *shape, double alpha, const void *x, const int64_t *x_stride,
    int32_t accumulate, void *y, const int64_t *y_stride)
{
    job j = {.cp = cp, .dtype = dtype, .alpha = alpha, .accumulate = accumulate, .a = x, .y = y,
             .outer = {.count = 1}, .inner = {.count = 1}, .n = 1, .blocks = 1};
    int64_t whole;
    int32_t last = rank - 1, summed = -1;
    if (is_whole(rank, shape, x_stride, y_stride, &whole)) {
        double sum = 0;
        kdst_status status = kdst__sum(cp, dtype, whole, x, &sum);
        if (status == KDST_STATUS_OK) store(&j, 0, sum);
        return status;
    }
    while (last > 0 && shape[last] == 1) last--;
    int rows_summed = y_stride[last] == 0;
    j.n = shape[last];
    j.step[0] = x_stride[last];
    j.step[2] = y_stride[last];
    /* of the axes before it the last summed one goes to the kernel when columns are kept */
    for (int32_t axis = 0; axis < last && !rows_summed; axis++)
        if (y_stride[axis] == 0 && shape[axis] != 1) summed = axis;
    j.summed = 1;
    if (summed >= 0) j.summed = shape[summed], j.summed_step = x_stride[summed];
    for (int32_t axis = 0; axis < last; axis++) {
        if (axis == summed || shape[axis] == 1) continue;
        rows_add(y_stride[axis] == 0 ? &j.inner : &j.outer, shape[axis], x_stride[axis], 0, y_stride[axis]);
    }
    if (!j.outer.count || (!rows_summed && !j.n)) return KDST_STATUS_OK;
    if (!rows_summed) j.blocks = kdst__divide_up(j.n, BLOCK);
    run_rows(&j, rows_summed ? row_sum_piece : column_sum_piece);
    return KDST_STATUS_OK;
}
