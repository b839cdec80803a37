/* SPDX-License-Identifier: Apache-2.0 */
/* Images in their frame (see frame.h): one copy, planes are shared out among the threads. */
#include "compute/frame.h"

#include <string.h>

#define GRAIN 16384 /* elements worth a piece */

typedef struct margins {
    int64_t before[2], after[2]; /* rows, columns */
} margins;

/* What axis `axis` lacks: `size` elements, `count` windows `step` apart, taps at d[0 … taps). */
static void add_margin(margins *m, int axis, int64_t size, int64_t count, int64_t step, int64_t taps, const int64_t *d)
{
    int64_t low = 0, high = 0;
    for (int64_t t = 0; t < taps; t++) {
        low = d[t] < low ? d[t] : low;
        high = d[t] > high ? d[t] : high;
    }
    int64_t over = (count - 1) * step + high - (size - 1);
    m->before[axis] = -low;
    m->after[axis] = over > 0 ? over : 0;
}

typedef struct job {
    const kdst__windows *from, *to;
    margins m;
    size_t size;
    int64_t planes, pieces;
    const char *x;
    char *y;
} job;

static void copy_plane(const job *j, int64_t plane)
{
    size_t before = (size_t)j->m.before[1] * j->size, row = (size_t)j->from->w * j->size,
           after = (size_t)j->m.after[1] * j->size;
    size_t full = (size_t)j->to->w * j->size;
    const char *x = j->x + (size_t)(plane * j->from->h) * row;
    char *y = j->y + (size_t)(plane * j->to->h) * full;
    memset(y, 0, (size_t)j->m.before[0] * full);
    y += (size_t)j->m.before[0] * full;
    for (int64_t h = 0; h < j->from->h; h++, x += row, y += full) {
        memset(y, 0, before);
        memcpy(y + before, x, row);
        memset(y + before + row, 0, after);
    }
    memset(y, 0, (size_t)j->m.after[0] * full);
}

static void copy_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->planes, j->pieces, piece, &begin, &end);
    for (int64_t plane = begin; plane < end; plane++)
        copy_plane(j, plane);
}

kdst_status kdst__frame_create(
    kdst__compute *cp, int32_t dtype, int64_t n, const kdst__windows *w, const int64_t *dh, const int64_t *dw,
    const void *x, kdst__frame *out)
{
    kdst__frame f = {.windows = *w, .image = x};
    job j = {.from = w, .to = &f.windows, .size = kdst__size_of(dtype), .planes = n * w->c, .x = x};
    add_margin(&j.m, 0, w->h, w->i, w->step[0], w->taps, dh);
    add_margin(&j.m, 1, w->w, w->j, w->step[1], w->taps, dw);
    f.windows.h += j.m.before[0] + j.m.after[0];
    f.windows.w += j.m.before[1] + j.m.after[1];
    if (__builtin_mul_overflow(j.planes, f.windows.h, &f.windows.total) ||
        __builtin_mul_overflow(f.windows.total, f.windows.w, &f.windows.total) ||
        f.windows.total > INT64_MAX / (int64_t)j.size)
        return KDST_STATUS_OUT_OF_MEMORY; /* a padding without end */
    f.offset = kdst__alloc(cp->memory, (size_t)w->taps * sizeof *f.offset);
    if (!f.offset) return KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t t = 0; t < w->taps; t++)
        f.offset[t] = (dh[t] + j.m.before[0]) * f.windows.w + dw[t] + j.m.before[1];
    f.windows.offset = f.offset;
    if (f.windows.h > w->h || f.windows.w > w->w) {
        f.copy_bytes = (size_t)f.windows.total * j.size;
        f.copy = kdst__alloc(cp->memory, f.copy_bytes);
        if (!f.copy) {
            kdst__free(cp->memory, f.offset, (size_t)w->taps * sizeof *f.offset);
            return KDST_STATUS_OUT_OF_MEMORY;
        }
        f.image = j.y = f.copy;
        j.pieces = kdst__pieces(j.planes, kdst__divide_up(GRAIN, f.windows.h * f.windows.w + 1));
        kdst__pool_run(cp->pool, j.pieces, copy_piece, &j);
    }
    *out = f;
    return KDST_STATUS_OK;
}

void kdst__frame_destroy(kdst__compute *cp, kdst__frame *frame)
{
    kdst__free(cp->memory, frame->copy, frame->copy_bytes);
    kdst__free(cp->memory, frame->offset, (size_t)frame->windows.taps * sizeof *frame->offset);
}
