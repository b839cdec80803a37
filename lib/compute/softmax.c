/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and log-softmax over the middle axis of [outer, n, inner]: parts of the outer axis, one a piece; and
 * cross entropy of rows, whose sums are added in piece order. */
#include "compute/state.h"

#define GRAIN 4096
#define PIECES 64 /* the most kdst__pieces gives */

enum { SOFTMAX, LOG_SOFTMAX, SOFTMAX_BACKWARD, LOG_SOFTMAX_BACKWARD };

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, what;
    int64_t outer, n, inner, pieces;
    const void *x, *dy;
    void *y;
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end, plane = j->n * j->inner;
    (void)worker;
    kdst__piece_range(j->outer, j->pieces, piece, &begin, &end);
    const void *x = kdst__at(j->dtype, j->x, begin * plane), *dy = kdst__at(j->dtype, j->dy, begin * plane);
    void *y = kdst__at(j->dtype, j->y, begin * plane);
    switch (j->what) {
    case SOFTMAX:
        KDST__CALL(j->cp, j->dtype, softmax, end - begin, j->n, j->inner, x, y);
        break;
    case LOG_SOFTMAX:
        KDST__CALL(j->cp, j->dtype, log_softmax, end - begin, j->n, j->inner, x, y);
        break;
    case SOFTMAX_BACKWARD:
        KDST__CALL(j->cp, j->dtype, softmax_backward, end - begin, j->n, j->inner, x, dy, y);
        break;
    default:
        KDST__CALL(j->cp, j->dtype, log_softmax_backward, end - begin, j->n, j->inner, x, dy, y);
        break;
    }
}

static void run(job j)
{
    if (!j.outer || !j.n || !j.inner) return;
    j.pieces = kdst__pieces(j.outer, kdst__divide_up(GRAIN, j.n * j.inner));
    kdst__pool_run(j.cp->pool, j.pieces, piece_fn, &j);
}

void kdst__softmax(kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y)
{
    run((job){cp, dtype, SOFTMAX, outer, n, inner, 0, x, NULL, y});
}

void kdst__log_softmax(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y)
{
    run((job){cp, dtype, LOG_SOFTMAX, outer, n, inner, 0, x, NULL, y});
}

void kdst__softmax_backward(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *y, const void *dy, void *dx)
{
    run((job){cp, dtype, SOFTMAX_BACKWARD, outer, n, inner, 0, y, dy, dx});
}

void kdst__log_softmax_backward(
    kdst__compute *cp, int32_t dtype, int64_t outer, int64_t n, int64_t inner, const void *y, const void *dy, void *dx)
{
    run((job){cp, dtype, LOG_SOFTMAX_BACKWARD, outer, n, inner, 0, y, dy, dx});
}

/* ---- cross entropy ---- */

typedef struct rows {
    kdst__compute *cp;
    int32_t dtype;
    int64_t count, n, pieces;
    const void *x;
    const int32_t *labels;
    void *g;
    double sum[PIECES];
} rows;

static void rows_piece(void *arg, int64_t piece, int32_t worker)
{
    rows *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->count, j->pieces, piece, &begin, &end);
    j->sum[piece] = KDST__CALL(
        j->cp, j->dtype, cross_entropy, end - begin, j->n, kdst__at(j->dtype, j->x, begin * j->n), j->labels + begin,
        kdst__at(j->dtype, j->g, begin * j->n));
}

double kdst__cross_entropy(
    kdst__compute *cp, int32_t dtype, int64_t count, int64_t n, const void *x, const int32_t *labels, void *g)
{
    rows j = {.cp = cp, .dtype = dtype, .count = count, .n = n, .x = x, .labels = labels, .g = g};
    j.pieces = kdst__pieces(count, kdst__divide_up(GRAIN, n));
    kdst__pool_run(cp->pool, j.pieces, rows_piece, &j);
    double sum = 0;
    for (int64_t i = 0; i < j.pieces; i++)
        sum += j.sum[i];
    return sum;
}
