/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling on blocked channels: planes of an image and a block are independent, some of them are a piece. */
#include "compute/state.h"

#define GRAIN 16384 /* elements worth a piece */

enum { MAX, MAX_BACKWARD, AVG, AVG_BACKWARD, MEAN, MEAN_BACKWARD };

typedef struct job {
    kdst__compute *cp;
    int32_t what, add;
    const kdst__pool2d_shape *shape;
    int64_t c, s, planes, pieces; /* c, s: of means */
    const float *x;
    float *y;
    const int32_t *argmax;
    int32_t *out_argmax;
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const kdst__kernels_blocked *kernels = j->cp->blocked;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->planes, j->pieces, piece, &begin, &end);
    switch (j->what) {
    case MAX:
        kernels->blocked_max_pool2d(j->shape, begin, end, j->x, j->y, j->out_argmax);
        break;
    case MAX_BACKWARD:
        kernels->blocked_max_pool2d_backward(j->shape, begin, end, j->x, j->argmax, j->add, j->y);
        break;
    case AVG:
        kernels->blocked_avg_pool2d(j->shape, begin, end, j->x, j->y);
        break;
    case AVG_BACKWARD:
        kernels->blocked_avg_pool2d_backward(j->shape, begin, end, j->x, j->add, j->y);
        break;
    case MEAN:
        kernels->blocked_mean(j->c, j->s, begin, end, j->x, j->y);
        break;
    default:
        kernels->blocked_mean_backward(j->c, j->s, begin, end, j->x, j->add, j->y);
        break;
    }
}

static void run(job j, int64_t n, int64_t c, int64_t work)
{
    j.planes = n * kdst__divide_up(c, j.cp->lanes);
    j.pieces = kdst__pieces(j.planes, kdst__divide_up(GRAIN, work * j.cp->lanes + 1));
    kdst__pool_run(j.cp->pool, j.pieces, piece_fn, &j);
}

static void run_pool(job j)
{
    const kdst__pool2d_shape *s = j.shape;
    run(j, s->n, s->c, s->adaptive ? s->h * s->w + s->p * s->q : s->h * s->w + s->p * s->q * s->kh * s->kw);
}

void kdst__blocked_max_pool2d(
    kdst__compute *cp, const kdst__pool2d_shape *shape, const float *x, float *y, int32_t *argmax)
{
    run_pool((job){.cp = cp, .what = MAX, .shape = shape, .x = x, .y = y, .out_argmax = argmax});
}

void kdst__blocked_max_pool2d_backward(
    kdst__compute *cp, const kdst__pool2d_shape *shape, const float *dy, const int32_t *argmax, int32_t add, float *dx)
{
    run_pool((job){.cp = cp, .what = MAX_BACKWARD, .add = add, .shape = shape, .x = dy, .argmax = argmax, .y = dx});
}

void kdst__blocked_avg_pool2d(kdst__compute *cp, const kdst__pool2d_shape *shape, const float *x, float *y)
{
    run_pool((job){.cp = cp, .what = AVG, .shape = shape, .x = x, .y = y});
}

void kdst__blocked_avg_pool2d_backward(
    kdst__compute *cp, const kdst__pool2d_shape *shape, const float *dy, int32_t add, float *dx)
{
    run_pool((job){.cp = cp, .what = AVG_BACKWARD, .add = add, .shape = shape, .x = dy, .y = dx});
}

void kdst__blocked_mean(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *y)
{
    run((job){.cp = cp, .what = MEAN, .c = c, .s = s, .x = x, .y = y}, n, c, s);
}

void kdst__blocked_mean_backward(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *dy, int32_t add, float *dx)
{
    run((job){.cp = cp, .what = MEAN_BACKWARD, .add = add, .c = c, .s = s, .x = dy, .y = dx}, n, c, s);
}
