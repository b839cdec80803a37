/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of the direct convolution (see conv_direct_source.h). */
#include "compute/conv_direct_source.h"

#include <string.h>

#define NARROW 4 /* channels that are not made a block */
#define SLACK 16 /* floats that a tile may read behind the last place */

typedef struct frame_job {
    const kdst__conv2d_shape *s;
    const float *x;
    float *out;
    int64_t h, w;
} frame_job;

/* One image, rows of [W, C] with zeros around them. */
static void frame_piece(void *arg, int64_t image, int32_t worker)
{
    const frame_job *j = arg;
    const kdst__conv2d_shape *s = j->s;
    const int64_t c = s->c, columns = kdst__least(s->w, j->w - s->padding[1]);
    (void)worker;
    for (int64_t i = 0; i < j->h; i++) {
        float *to = j->out + (image * j->h + i) * j->w * c;
        const int64_t row = i - s->padding[0];
        memset(to, 0, (size_t)(j->w * c) * sizeof *to);
        if (row < 0 || row >= s->h) continue;
        to += s->padding[1] * c;
        for (int64_t k = 0; k < c; k++) {
            const float *from = j->x + ((image * c + k) * s->h + row) * s->w;
            for (int64_t i2 = 0; i2 < columns; i2++)
                to[i2 * c + k] = from[i2];
        }
    }
}

/* Rows or columns that the windows span; -1: too many to be worth a copy. */
static int64_t span(const kdst__conv2d_shape *s, int axis)
{
    const int64_t kernel = axis ? s->kw : s->kh, count = axis ? s->q : s->p, size = axis ? s->w : s->h;
    const int64_t most = 2 * size + 64;
    int64_t reach, steps;
    if (__builtin_mul_overflow(kernel - 1, s->dilation[axis], &reach)) return -1;
    if (__builtin_mul_overflow(count - 1, s->stride[axis], &steps)) return -1;
    return reach > most || steps > most || reach + steps + 1 > most ? -1 : reach + steps + 1;
}

static void plan_narrow(const kdst__conv2d_shape *s, int64_t h, int64_t w, kdst__direct_source *out)
{
    const int32_t merged = s->dilation[1] == 1;
    out->h = h, out->w = w;
    out->step = out->real = s->c;
    out->c = out->depth = merged ? s->kw * s->c : s->c;
    out->image = h * w * s->c;
    kdst__taps *t = &out->taps;
    for (int64_t i = 0; i < s->kh; i++)
        for (int64_t k = 0; k < (merged ? 1 : s->kw); k++, t->count++) {
            t->dh[t->count] = i * s->dilation[0];
            t->dw[t->count] = k * s->dilation[1];
            t->index[t->count] = i * s->kw + k;
        }
}

static void plan_blocked(const kdst__compute *cp, const kdst__conv2d_shape *s, kdst__direct_source *out)
{
    out->h = s->h, out->w = s->w;
    out->c = out->real = s->c / s->groups;
    out->depth = out->step = cp->lanes;
    out->block = s->h * s->w * cp->lanes;
    out->image = kdst__divide_up(s->c, cp->lanes) * out->block;
    kdst__taps_forward(s, &out->taps);
}

int32_t kdst__direct_source_narrow(const kdst__conv2d_shape *s)
{
    return s->c <= NARROW && s->groups == 1 && span(s, 0) > s->padding[0] && span(s, 1) > s->padding[1];
}

kdst_status
kdst__direct_source_plan(kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, kdst__direct_source *out)
{
    *out = (kdst__direct_source){0};
    const kdst_status status = kdst__taps_create(cp, s, &out->taps);
    if (status) return status;
    if (x_plain && kdst__direct_source_narrow(s))
        plan_narrow(s, span(s, 0), span(s, 1), out);
    else
        plan_blocked(cp, s, out);
    return KDST_STATUS_OK;
}

static kdst_status copy(kdst__compute *cp, const kdst__conv2d_shape *s, const float *x, kdst__direct_source *out)
{
    const int32_t narrow = kdst__direct_source_narrow(s);
    const int64_t count = narrow ? s->n * out->image + SLACK : kdst__blocked_count(cp, s->n, s->c, s->h * s->w);
    out->bytes = (size_t)count * sizeof(float);
    out->x = out->copy = kdst__alloc(cp->memory, out->bytes);
    if (!out->copy) return KDST_STATUS_OUT_OF_MEMORY;
    if (narrow) {
        memset(out->copy + s->n * out->image, 0, SLACK * sizeof(float));
        frame_job j = {.s = s, .x = x, .out = out->copy, .h = out->h, .w = out->w};
        kdst__pool_run(cp->pool, s->n, frame_piece, &j);
    } else {
        kdst__blocked_from_plain(cp, s->n, s->c, s->h * s->w, x, out->copy);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__direct_source_create(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, kdst__direct_source *out)
{
    kdst_status status = kdst__direct_source_plan(cp, s, x_plain, out);
    if (status) return status;
    out->x = x;
    if (x_plain) status = copy(cp, s, x, out);
    if (status) kdst__direct_source_destroy(cp, out);
    return status;
}

void kdst__direct_source_destroy(kdst__compute *cp, kdst__direct_source *source)
{
    kdst__free(cp->memory, source->copy, source->bytes);
    kdst__taps_destroy(cp, &source->taps);
}
