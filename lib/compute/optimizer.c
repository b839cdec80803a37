/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of one tensor: elements are independent, parts of the range are pieces. */
#include "compute/state.h"

#include <math.h>

#define GRAIN 16384

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, nesterov, first;
    int64_t n, pieces;
    double rate, a, b, weight_decay, eps, root; /* SGD: momentum, dampening; Adam: beta1, beta2; RMSprop: alpha, momentum */
    double shrink;
    const void *g;
    void *m, *v, *most, *w;
} job;

static void sgd_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, sgd, end - begin, j->rate, j->a, j->b, j->weight_decay, j->nesterov, j->first,
               kdst__at(j->dtype, j->g, begin), kdst__at(j->dtype, j->v, begin), kdst__at(j->dtype, j->w, begin));
}

#define AT(x) kdst__at(j->dtype, j->x, begin)

static void adam_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, adam, end - begin, j->rate, j->a, j->b, j->eps, j->weight_decay, j->shrink, j->root, AT(g),
               AT(m), AT(v), AT(most), AT(w));
}

static void rmsprop_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, rmsprop, end - begin, j->rate, j->a, j->eps, j->b, j->weight_decay, AT(g), AT(v), AT(most),
               AT(m), AT(w));
}

static void clip_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, clip, end - begin, j->a, AT(w));
}

static void blend_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, blend, end - begin, j->a, AT(g), AT(w));
}

void kdst__sgd(
    kdst__compute *cp, int32_t dtype, int64_t n, double rate, double momentum, double dampening, double weight_decay,
    int32_t nesterov, int32_t first, const void *g, void *v, void *w)
{
    job j = {.cp = cp, .dtype = dtype, .nesterov = nesterov, .first = first, .n = n, .pieces = kdst__pieces(n, GRAIN), .rate = rate,
             .a = momentum, .b = dampening, .weight_decay = weight_decay, .g = g, .v = v, .w = w};
    kdst__pool_run(cp->pool, j.pieces, sgd_piece, &j);
}

/* Adam's two forms: the decay in the gradient, or `shrink` of the weights before the step. */
static void run_adam(
    kdst__compute *cp, int32_t dtype, int64_t n, double rate, double beta1, double beta2, double eps, double weight_decay,
    double shrink, int64_t step, const void *g, void *m, void *v, void *most, void *w)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .rate = rate / (1 - pow(beta1, (double)step)),
             .a = beta1, .b = beta2, .eps = eps, .weight_decay = weight_decay, .shrink = shrink,
             .root = sqrt(1 - pow(beta2, (double)step)), .g = g, .m = m, .v = v, .most = most, .w = w};
    kdst__pool_run(cp->pool, j.pieces, adam_piece, &j);
}

void kdst__adam(
    kdst__compute *cp, int32_t dtype, int64_t n, double rate, double beta1, double beta2, double eps, double weight_decay,
    int64_t step, const void *g, void *m, void *v, void *most, void *w)
{
    run_adam(cp, dtype, n, rate, beta1, beta2, eps, weight_decay, 1, step, g, m, v, most, w);
}

void kdst__adamw(
    kdst__compute *cp, int32_t dtype, int64_t n, double rate, double beta1, double beta2, double eps, double weight_decay,
    int64_t step, const void *g, void *m, void *v, void *most, void *w)
{
    run_adam(cp, dtype, n, rate, beta1, beta2, eps, 0, 1 - rate * weight_decay, step, g, m, v, most, w);
}

void kdst__rmsprop(
    kdst__compute *cp, int32_t dtype, int64_t n, double rate, double alpha, double eps, double momentum, double weight_decay,
    const void *g, void *v, void *mean, void *b, void *w)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .rate = rate, .a = alpha, .b = momentum,
             .eps = eps, .weight_decay = weight_decay, .g = g, .m = b, .v = v, .most = mean, .w = w};
    kdst__pool_run(cp->pool, j.pieces, rmsprop_piece, &j);
}

void kdst__clip(kdst__compute *cp, int32_t dtype, int64_t n, double bound, void *y)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .a = bound, .w = y};
    kdst__pool_run(cp->pool, j.pieces, clip_piece, &j);
}

void kdst__blend(kdst__compute *cp, int32_t dtype, int64_t n, double share, const void *x, void *y)
{
    job j = {.cp = cp, .dtype = dtype, .n = n, .pieces = kdst__pieces(n, GRAIN), .a = share, .g = x, .w = y};
    kdst__pool_run(cp->pool, j.pieces, blend_piece, &j);
}
