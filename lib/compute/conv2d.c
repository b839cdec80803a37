/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution as one product over the whole batch, the image never unfolded in memory; one product for each of G groups.
 *
 *     forward            y  [O, N P Q]   = w [O, C T] x windows(x) [C T, N P Q]
 *     backward, weights  dw [O, C T]    += dy [O, N P Q] x windows(x)^T
 *     backward, data     dx [C, N H W]  += w^T [C, O T] x windows(dy)
 *
 * O and C are those of a group. windows() is packed straight from the image into the panels of the product
 * (kernels/windows.c); where windows leave the image, it is first copied with zeros around it (frame.c). Taps that only meet
 * padding are left out (taps.c). The gradient of the data is computed phase by phase when the stride s is not 1: input rows h
 * with h mod s = r meet only the taps with (r + padding - k dilation) divisible by s, and for those dy is read at
 * h div s + (r + padding - k dilation) / s. Depthwise convolutions go another way (depthwise.c).
 */
#include "compute/depthwise.h"
#include "compute/frame.h"
#include "compute/taps.h"

/* Windows of x, and x in its frame. */
static kdst_status frame_x(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const kdst__taps *t, const void *x, kdst__frame *out)
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
    int32_t accumulate;
    int64_t pieces;
    const void *bias, *dy;
    void *y, *db;
} bias_job;

/* The result begins as the bias, or gets it added; the product is added to it. */
static void bias_piece(void *arg, int64_t piece, int32_t worker)
{
    const bias_job *j = arg;
    int64_t begin, end, plane = j->s->p * j->s->q;
    (void)worker;
    kdst__piece_range(j->s->n * j->s->o, j->pieces, piece, &begin, &end);
    for (int64_t r = begin; r < end; r++)
        KDST__CALL(j->cp, j->dtype, copy, plane, 1.0, kdst__at(j->dtype, j->bias, r % j->s->o), 0, j->accumulate, kdst__at(j->dtype, j->y, r * plane), 1);
}

static kdst_status forward(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const kdst__taps *t, const void *x, const void *w,
    const kdst__panels *panels, int32_t accumulate, void *y)
{
    const int64_t o = s->o / s->groups, c = s->c / s->groups, plane = s->p * s->q;
    kdst__frame frame;
    void *copy = NULL;
    const void *weights = kdst__taps_weights(cp, dtype, s, t, w, &copy);
    kdst_status status = weights ? frame_x(cp, dtype, s, t, x, &frame) : KDST_STATUS_OUT_OF_MEMORY;
    if (!status) {
        const int64_t image = frame.windows.h * frame.windows.w;
        const kdst__product product = {
            .dtype = dtype, .accumulate = accumulate, .m = o, .n = s->n * plane, .k = c * t->count,
            .a = {.kind = KDST__STRIDED, .data = weights, .si = c * t->count, .sp = 1},
            .b = {.kind = KDST__WINDOWS, .data = frame.image, .windows = &frame.windows},
            .c = y, .rs = plane, .i = s->p, .j = s->q, .gs = s->o * plane, .is = s->q, .js = 1,
            .batch = s->groups, .a_step = o * c * t->count, .b_step = c * image, .c_step = o * plane,
            .ready = t->count == s->kh * s->kw ? panels : NULL};
        status = kdst__product_run(cp, &product);
        kdst__frame_destroy(cp, &frame);
    }
    kdst__free(cp->memory, copy, kdst__taps_bytes(dtype, s));
    return status;
}

kdst_status kdst__conv2d_forward_packed(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *w, const kdst__panels *panels,
    const void *bias, int32_t accumulate, void *y)
{
    if (kdst__depthwise_fits(s)) return kdst__depthwise_forward(cp, dtype, s, x, w, bias, accumulate, y);
    kdst__taps t;
    kdst_status status = kdst__taps_create(cp, s, &t);
    if (status) return status;
    kdst__taps_forward(s, &t);
    if (bias) {
        bias_job j = {.cp = cp, .dtype = dtype, .s = s, .accumulate = accumulate, .bias = bias, .y = y};
        j.pieces = kdst__pieces(s->n * s->o, kdst__divide_up(16384, s->p * s->q + 1));
        kdst__pool_run(cp->pool, j.pieces, bias_piece, &j);
    }
    status = forward(cp, dtype, s, &t, x, w, panels, accumulate || bias != NULL, y);
    kdst__taps_destroy(cp, &t);
    return status;
}

kdst_status kdst__conv2d_forward(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *w, const void *bias,
    int32_t accumulate, void *y)
{
    return kdst__conv2d_forward_packed(cp, dtype, s, x, w, NULL, bias, accumulate, y);
}

kdst_status kdst__conv2d_pack(
    kdst__compute *cp, kdst__memory *memory, int32_t dtype, const kdst__conv2d_shape *s, const void *w,
    kdst__panels *out)
{
    const int64_t k = s->c * s->kh * s->kw, plane = s->p * s->q;
    *out = (kdst__panels){.dtype = dtype, .m = s->o, .k = k};
    if (s->groups != 1 || kdst__depthwise_fits(s) || s->o == 0 || k == 0 || plane == 0) return KDST_STATUS_OK;
    const kdst__product product = {
        .dtype = dtype, .m = s->o, .n = plane, .k = k,
        .a = {.kind = KDST__STRIDED, .data = w, .si = k, .sp = 1},
        .rs = plane, .i = s->p, .j = s->q, .gs = s->o * plane, .is = s->q, .js = 1};
    kdst__product_run_t r;
    kdst__product_settle(cp, &product, &r);
    const int64_t panels = kdst__divide_up(s->o, r.wa);
    out->width = r.wa;
    out->stored = r.pa;
    out->depth = r.depth;
    out->bytes = (size_t)(panels * r.pa * k) * r.size + KDST__PANEL_SLACK;
    out->data = kdst__alloc_zero(memory, out->bytes);
    if (!out->data) return KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t p = 0; p < k; p += r.depth)
        kdst__product_pack(
            &r, &product.a, r.wa, r.pa, 0, s->o, p, kdst__least(r.depth, k - p),
            kdst__at(dtype, out->data, p * panels * r.pa));
    return KDST_STATUS_OK;
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
    kdst__taps t;
    kdst__frame frame;
    kdst_status status = kdst__taps_create(cp, s, &t);
    if (status) return status;
    kdst__taps_forward(s, &t);
    status = frame_x(cp, dtype, s, &t, x, &frame);
    if (!status) {
        const int64_t plane = s->p * s->q, kernel = s->kh * s->kw, image = frame.windows.h * frame.windows.w;
        const int64_t o = s->o / s->groups, c = s->c / s->groups;
        kdst__product product = {
            .dtype = dtype, .accumulate = 1, .m = o, .n = c * t.count, .k = s->n * plane,
            .a = {.kind = KDST__STRIDED, .data = dy, .si = plane, .sp = 1, .group = plane, .sg = s->o * plane},
            .b = {.kind = KDST__WINDOWS_TRANSPOSED, .data = frame.image, .windows = &frame.windows},
            .c = dw, .rs = c * kernel, .i = 1, .j = c * kernel, .js = 1,
            .batch = s->groups, .a_step = o * plane, .b_step = c * image, .c_step = o * c * kernel};
        if (t.count < kernel) { /* columns are (channel, row, column) of the taps that are there */
            product.c = kdst__at(dtype, dw, t.first[0] * s->kw + t.first[1]);
            product.i = t.extent[0], product.j = t.extent[1];
            product.gs = kernel, product.is = s->kw;
        }
        status = kdst__product_run(cp, &product);
        kdst__frame_destroy(cp, &frame);
    }
    kdst__taps_destroy(cp, &t);
    return status;
}

kdst_status kdst__conv2d_backward_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *dy, void *dw, void *db)
{
    kdst_status status = KDST_STATUS_OK;
    if (dw && kdst__depthwise_fits(s)) status = kdst__depthwise_backward_weights(cp, dtype, s, x, dy, dw);
    else if (dw) status = weights_gradient(cp, dtype, s, x, dy, dw);
    if (db && !status) {
        bias_job j = {.cp = cp, .dtype = dtype, .s = s, .dy = dy, .db = db};
        j.pieces = kdst__pieces(s->o, kdst__divide_up(16384, s->n * s->p * s->q + 1));
        kdst__pool_run(cp->pool, j.pieces, bias_gradient_piece, &j);
    }
    return status;
}

/* ---- backward, data ---- */

static kdst_status run_phase(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const kdst__taps *t, int64_t rh, int64_t rw, int64_t rows,
    int64_t columns, const void *w, const void *dy, void *dx)
{
    const int64_t o = s->o / s->groups, c = s->c / s->groups, plane = s->h * s->w;
    const kdst__windows windows = {.c = s->o, .h = s->p, .w = s->q, .taps = t->count, .i = rows, .j = columns, .step = {1, 1}};
    kdst__frame frame;
    kdst_status status = kdst__frame_create(cp, dtype, s->n, &windows, t->dh, t->dw, dy, &frame);
    if (status) return status;
    const kdst__product product = {
        .dtype = dtype, .accumulate = 1, .m = c, .n = s->n * rows * columns, .k = o * t->count,
        .a = {.kind = KDST__STRIDED, .data = w, .si = t->count, .sp = 1, .group = t->count, .sg = c * t->count},
        .b = {.kind = KDST__WINDOWS, .data = frame.image, .windows = &frame.windows},
        .c = kdst__at(dtype, dx, rh * s->w + rw), .rs = plane, .i = rows, .j = columns, .gs = s->c * plane,
        .is = s->stride[0] * s->w, .js = s->stride[1],
        .batch = s->groups, .a_step = o * c * t->count, .b_step = o * frame.windows.h * frame.windows.w, .c_step = c * plane};
    status = kdst__product_run(cp, &product);
    kdst__frame_destroy(cp, &frame);
    return status;
}

kdst_status kdst__conv2d_backward_data(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *w, const void *dy, void *dx)
{
    kdst__taps t;
    void *copy = NULL;
    if (kdst__depthwise_fits(s)) return kdst__depthwise_backward_data(cp, dtype, s, w, dy, dx);
    kdst_status status = kdst__taps_create(cp, s, &t);
    if (status) return status;
    for (int64_t rh = 0; rh < s->stride[0] && rh < s->h && !status; rh++)
        for (int64_t rw = 0; rw < s->stride[1] && rw < s->w && !status; rw++) {
            int64_t rows = kdst__divide_up(s->h - rh, s->stride[0]), columns = kdst__divide_up(s->w - rw, s->stride[1]);
            kdst__taps_phase(s, rh, rw, rows, columns, &t);
            if (!t.count) continue;
            const void *weights = kdst__taps_weights(cp, dtype, s, &t, w, &copy);
            status = weights ? run_phase(cp, dtype, s, &t, rh, rw, rows, columns, weights, dy, dx) : KDST_STATUS_OUT_OF_MEMORY;
        }
    kdst__free(cp->memory, copy, kdst__taps_bytes(dtype, s));
    kdst__taps_destroy(cp, &t);
    return status;
}
