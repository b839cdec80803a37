/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution as one product over the whole batch, the image never unfolded in memory.
 *
 *     forward            y  [O, N P Q]   = w [O, C T] x windows(x) [C T, N P Q]
 *     backward, weights  dw [O, C T]    += dy [O, N P Q] x windows(x)^T
 *     backward, data     dx [C, N H W]  += w^T [C, O T] x windows(dy)
 *
 * windows() is packed straight from the image into the panels of the product (kernels/windows.c); where windows leave the
 * image, it is first copied with zeros around it (frame.c). The gradient of the data is computed phase by phase when the stride s is not 1: input rows h with h mod s = r meet only the taps with (r + padding - k dilation)
 * divisible by s, and for those dy is read at h div s + (r + padding - k dilation) / s.
 */
#include "compute/frame.h"

#include <string.h>

/* Taps (k_h, k_w) with their offsets in the image that is read. */
typedef struct taps {
    int64_t count, capacity;
    int64_t *dh, *dw, *index;
} taps;

static kdst_status taps_create(kdst__compute *cp, int64_t capacity, taps *t)
{
    *t = (taps){.capacity = capacity};
    t->dh = kdst__alloc(cp->memory, (size_t)capacity * 3 * sizeof *t->dh);
    if (!t->dh) return KDST_STATUS_OUT_OF_MEMORY;
    t->dw = t->dh + capacity;
    t->index = t->dw + capacity;
    return KDST_STATUS_OK;
}

static void taps_destroy(kdst__compute *cp, taps *t)
{
    kdst__free(cp->memory, t->dh, (size_t)t->capacity * 3 * sizeof *t->dh);
}

static void taps_add(taps *t, int64_t dh, int64_t dw, int64_t index)
{
    t->dh[t->count] = dh;
    t->dw[t->count] = dw;
    t->index[t->count++] = index;
}

/* Taps of the forward pass: x is read at i stride + k dilation - padding. */
static void taps_forward(const kdst__conv2d_shape *s, taps *t)
{
    for (int64_t kh = 0; kh < s->kh; kh++)
        for (int64_t kw = 0; kw < s->kw; kw++)
            taps_add(t, kh * s->dilation[0] - s->padding[0], kw * s->dilation[1] - s->padding[1], kh * s->kw + kw);
}

/* Taps that meet input positions of phase (rh, rw). */
static void taps_phase(const kdst__conv2d_shape *s, int64_t rh, int64_t rw, taps *t)
{
    t->count = 0;
    for (int64_t kh = 0; kh < s->kh; kh++)
        for (int64_t kw = 0; kw < s->kw; kw++) {
            int64_t h = rh + s->padding[0] - kh * s->dilation[0], w = rw + s->padding[1] - kw * s->dilation[1];
            if (h % s->stride[0] == 0 && w % s->stride[1] == 0) taps_add(t, h / s->stride[0], w / s->stride[1], kh * s->kw + kw);
        }
}

/* Windows of x, and x in its frame. */
static kdst_status frame_x(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const taps *t, const void *x, kdst__frame *out)
{
    const kdst__windows windows = {.c = s->c, .h = s->h, .w = s->w, .taps = t->count, .i = s->p, .j = s->q,
                                   .step = {s->stride[0], s->stride[1]}};
    return kdst__frame_create(cp, dtype, s->n, &windows, t->dh, t->dw, x, out);
}

/* ---- forward ---- */

typedef struct bias_job {
    kdst__compute *cp;
    int32_t dtype;
    const kdst__conv2d_shape *s;
    int64_t pieces;
    const void *bias, *dy;
    void *y, *db;
} bias_job;

/* The result begins as the bias; the product is added to it. */
static void bias_piece(void *arg, int64_t piece, int32_t worker)
{
    const bias_job *j = arg;
    int64_t begin, end, plane = j->s->p * j->s->q;
    (void)worker;
    kdst__piece_range(j->s->n * j->s->o, j->pieces, piece, &begin, &end);
    for (int64_t r = begin; r < end; r++)
        KDST__CALL(j->cp, j->dtype, copy, plane, 1.0, kdst__at(j->dtype, j->bias, r % j->s->o), 0, 0, kdst__at(j->dtype, j->y, r * plane), 1);
}

kdst_status kdst__conv2d_forward(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *w, const void *bias, void *y)
{
    taps t;
    kdst__frame frame;
    kdst_status status = taps_create(cp, s->kh * s->kw, &t);
    if (status) return status;
    taps_forward(s, &t);
    if ((status = frame_x(cp, dtype, s, &t, x, &frame))) {
        taps_destroy(cp, &t);
        return status;
    }
    const kdst__product product = {
        .dtype = dtype, .accumulate = bias != NULL, .m = s->o, .n = s->n * s->p * s->q, .k = s->c * t.count,
        .a = {.kind = KDST__STRIDED, .data = w, .si = s->c * t.count, .sp = 1},
        .b = {.kind = KDST__WINDOWS, .data = frame.image, .windows = &frame.windows},
        .c = y, .rs = s->p * s->q, .i = s->p, .j = s->q, .gs = s->o * s->p * s->q, .is = s->q, .js = 1};
    if (bias) {
        bias_job j = {.cp = cp, .dtype = dtype, .s = s, .bias = bias, .y = y};
        j.pieces = kdst__pieces(s->n * s->o, kdst__divide_up(16384, s->p * s->q + 1));
        kdst__pool_run(cp->pool, j.pieces, bias_piece, &j);
    }
    status = kdst__product_run(cp, &product);
    kdst__frame_destroy(cp, &frame);
    taps_destroy(cp, &t);
    return status;
}

/* ---- backward, weights ---- */

static void bias_gradient_piece(void *arg, int64_t piece, int32_t worker)
{
    const bias_job *j = arg;
    int64_t begin, end, plane = j->s->p * j->s->q;
    (void)worker;
    kdst__piece_range(j->s->o, j->pieces, piece, &begin, &end);
    for (int64_t o = begin; o < end; o++) {
        double sum = 0;
        for (int64_t n = 0; n < j->s->n; n++)
            sum += KDST__CALL(j->cp, j->dtype, sum, plane, kdst__at(j->dtype, j->dy, (n * j->s->o + o) * plane), 1);
        if (j->dtype == KDST__F32) ((float *)j->db)[o] += (float)sum;
        else ((double *)j->db)[o] += sum;
    }
}

static kdst_status weights_gradient(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *dy, void *dw)
{
    taps t;
    kdst__frame frame;
    kdst_status status = taps_create(cp, s->kh * s->kw, &t);
    if (status) return status;
    taps_forward(s, &t);
    status = frame_x(cp, dtype, s, &t, x, &frame);
    if (!status) {
        const int64_t plane = s->p * s->q, row = s->c * t.count;
        const kdst__product product = {
            .dtype = dtype, .accumulate = 1, .m = s->o, .n = row, .k = s->n * plane,
            .a = {.kind = KDST__STRIDED, .data = dy, .si = plane, .sp = 1, .group = plane, .sg = s->o * plane},
            .b = {.kind = KDST__WINDOWS_TRANSPOSED, .data = frame.image, .windows = &frame.windows},
            .c = dw, .rs = row, .i = 1, .j = row, .js = 1};
        status = kdst__product_run(cp, &product);
        kdst__frame_destroy(cp, &frame);
    }
    taps_destroy(cp, &t);
    return status;
}

kdst_status kdst__conv2d_backward_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *dy, void *dw, void *db)
{
    kdst_status status = KDST_STATUS_OK;
    if (dw) status = weights_gradient(cp, dtype, s, x, dy, dw);
    if (db && !status) {
        bias_job j = {.cp = cp, .dtype = dtype, .s = s, .dy = dy, .db = db};
        j.pieces = kdst__pieces(s->o, kdst__divide_up(16384, s->n * s->p * s->q + 1));
        kdst__pool_run(cp->pool, j.pieces, bias_gradient_piece, &j);
    }
    return status;
}

/* ---- backward, data ---- */

/* w [O, C, T] with the taps of a phase alone. */
static void gather(const kdst__conv2d_shape *s, int32_t dtype, const taps *t, const void *w, void *out)
{
    size_t size = kdst__size_of(dtype);
    int64_t all = s->kh * s->kw;
    char *to = out;
    for (int64_t r = 0; r < s->o * s->c; r++)
        for (int64_t i = 0; i < t->count; i++, to += size)
            memcpy(to, (const char *)w + (size_t)(r * all + t->index[i]) * size, size);
}

static kdst_status run_phase(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const taps *t, int64_t rh, int64_t rw, const void *w, const void *dy,
    void *dx)
{
    const int64_t rows = kdst__divide_up(s->h - rh, s->stride[0]), columns = kdst__divide_up(s->w - rw, s->stride[1]);
    const kdst__windows windows = {.c = s->o, .h = s->p, .w = s->q, .taps = t->count, .i = rows, .j = columns, .step = {1, 1}};
    kdst__frame frame;
    kdst_status status = kdst__frame_create(cp, dtype, s->n, &windows, t->dh, t->dw, dy, &frame);
    if (status) return status;
    const kdst__product product = {
        .dtype = dtype, .accumulate = 1, .m = s->c, .n = s->n * rows * columns, .k = s->o * t->count,
        .a = {.kind = KDST__STRIDED, .data = w, .si = t->count, .sp = 1, .group = t->count, .sg = s->c * t->count},
        .b = {.kind = KDST__WINDOWS, .data = frame.image, .windows = &frame.windows},
        .c = kdst__at(dtype, dx, rh * s->w + rw), .rs = s->h * s->w, .i = rows, .j = columns, .gs = s->c * s->h * s->w,
        .is = s->stride[0] * s->w, .js = s->stride[1]};
    status = kdst__product_run(cp, &product);
    kdst__frame_destroy(cp, &frame);
    return status;
}

kdst_status kdst__conv2d_backward_data(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *w, const void *dy, void *dx)
{
    taps t;
    size_t bytes = (size_t)(s->o * s->c * s->kh * s->kw) * kdst__size_of(dtype);
    void *part = NULL;
    kdst_status status = taps_create(cp, s->kh * s->kw, &t);
    if (status) return status;
    for (int64_t rh = 0; rh < s->stride[0] && rh < s->h && !status; rh++)
        for (int64_t rw = 0; rw < s->stride[1] && rw < s->w && !status; rw++) {
            taps_phase(s, rh, rw, &t);
            if (!t.count) continue;
            const void *weights = w;
            if (t.count < s->kh * s->kw) {
                if (!part) part = kdst__alloc(cp->memory, bytes);
                if (!part) status = KDST_STATUS_OUT_OF_MEMORY;
                else gather(s, dtype, &t, w, part), weights = part;
            }
            if (!status) status = run_phase(cp, dtype, s, &t, rh, rw, weights, dy, dx);
        }
    kdst__free(cp->memory, part, bytes);
    taps_destroy(cp, &t);
    return status;
}
