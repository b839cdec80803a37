/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling of images: where each row and column of the result comes from; planes are shared out.
 *
 * With scale s = H / P, or 1 / factor where a factor was given, row p of the result is at
 *     nearest                  floor(p s) in the precision of the type, at most H - 1
 *     bilinear                 (p + 1/2) s - 1/2, at least 0; p where P is H
 *     bilinear, align_corners  p (H - 1) / (P - 1)
 */
#include "compute/state.h"

#include <math.h>

#define GRAIN 16384

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, backward;
    kdst__upsample u;
    int64_t planes, pieces;
    const void *x;
    void *y;
} job;

static int64_t nearest_row(int32_t dtype, int64_t i, int64_t size, int64_t count, double factor)
{
    const double scale = factor > 0 ? 1 / factor : (double)size / (double)count;
    const double at = dtype == KDST__F32 ? floorf((float)i * (float)scale) : floor((double)i * scale);
    return at < (double)(size - 1) ? (int64_t)at : size - 1;
}

static kdst__upsample_place find_place(int32_t dtype, const kdst__upsample_shape *s, int axis, int64_t i)
{
    const int64_t size = axis ? s->w : s->h, count = axis ? s->q : s->p;
    double at;
    if (s->bilinear && count == size) return (kdst__upsample_place){.low = i, .high = i};
    if (!s->bilinear) return (kdst__upsample_place){.low = nearest_row(dtype, i, size, count, s->factor[axis])};
    if (s->align_corners)
        at = count > 1 ? (double)i * ((double)(size - 1) / (double)(count - 1)) : 0;
    else
        at = ((double)i + 0.5) * (s->factor[axis] > 0 ? 1 / s->factor[axis] : (double)size / (double)count) - 0.5;
    if (!(at > 0)) at = 0;
    const int64_t low = at < (double)(size - 1) ? (int64_t)at : size - 1;
    return (kdst__upsample_place){.low = low, .high = kdst__least(low + 1, size - 1), .t = fmin(at - (double)low, 1)};
}

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->planes, j->pieces, piece, &begin, &end);
    if (j->backward)
        KDST__CALL(j->cp, j->dtype, upsample_backward, &j->u, begin, end, j->x, j->y);
    else
        KDST__CALL(j->cp, j->dtype, upsample, &j->u, begin, end, j->x, j->y);
}

static kdst_status run(job *j, const kdst__upsample_shape *s)
{
    const size_t bytes = (size_t)(s->p + s->q) * sizeof(kdst__upsample_place);
    kdst__upsample_place *places = kdst__alloc(j->cp->memory, bytes);
    if (!places) return KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < s->p; i++)
        places[i] = find_place(j->dtype, s, 0, i);
    for (int64_t i = 0; i < s->q; i++)
        places[s->p + i] = find_place(j->dtype, s, 1, i);
    j->u = (kdst__upsample){s->h, s->w, s->p, s->q, s->bilinear, places, places + s->p};
    j->planes = s->planes;
    j->pieces = kdst__pieces(j->planes, kdst__divide_up(GRAIN, s->p * s->q * 4 + 1));
    kdst__pool_run(j->cp->pool, j->pieces, piece_fn, j);
    kdst__free(j->cp->memory, places, bytes);
    return KDST_STATUS_OK;
}

kdst_status kdst__upsample2d(kdst__compute *cp, int32_t dtype, const kdst__upsample_shape *s, const void *x, void *y)
{
    return run(&(job){.cp = cp, .dtype = dtype, .x = x, .y = y}, s);
}

kdst_status
kdst__upsample2d_backward(kdst__compute *cp, int32_t dtype, const kdst__upsample_shape *s, const void *dy, void *dx)
{
    return run(&(job){.cp = cp, .dtype = dtype, .backward = 1, .x = dy, .y = dx}, s);
}
