/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution: geometry of the frame (kernels/depthwise.c says what it is for), memory, pieces.
 *
 * Forward the frame is x and has stride[0] stride[1] phases; for the gradient of the data it is dy, and the result has
 * the phases. A piece is some channels of some images, for the weights some channels of all.
 */
#include "compute/depthwise.h"
#include "compute/taps.h"

#define BLOCK 512   /* elements of a frame, where an image has less: few images at once, since they lie far apart */
#define GRAIN 65536 /* multiplications worth a piece */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, accumulate;
    kdst__depthwise d;
    kdst__taps t;
    int64_t *numbers; /* first [phases of the result + 1], offset, index [kernel], phase_h, phase_w [phases] */
    size_t number_bytes, scratch_bytes;
    char *scratch; /* of one worker behind the other */
    int64_t units, pieces;
    const void *x, *w, *bias, *dy;
    void *y;
} job;

/* Memory of the lists; their lengths follow from the shape. */
static kdst_status begin(job *j, const kdst__conv2d_shape *s)
{
    int64_t results = j->d.out_step[0] * j->d.out_step[1], frame = j->d.step[0] * j->d.step[1];
    j->d.kernel = s->kh * s->kw;
    j->number_bytes = (size_t)(results + 1 + 2 * j->d.kernel + 2 * frame) * sizeof *j->numbers;
    kdst_status status = kdst__taps_create(j->cp, s, &j->t);
    if (status) return status;
    j->numbers = kdst__alloc(j->cp->memory, j->number_bytes);
    j->d.first = j->numbers;
    if (j->numbers) return KDST_STATUS_OK;
    kdst__taps_destroy(j->cp, &j->t);
    return KDST_STATUS_OUT_OF_MEMORY;
}

static void end(job *j)
{
    kdst__free(j->cp->memory, j->scratch, j->scratch_bytes * (size_t)j->cp->threads);
    kdst__free(j->cp->memory, j->numbers, j->number_bytes);
    kdst__taps_destroy(j->cp, &j->t);
}

/* What tap d is on an axis: which phase of the source it reads, how many places further on. */
typedef struct shift {
    int64_t phase, by;
} shift;

static shift find_shift(int64_t d, int64_t step)
{
    int64_t phase = (d % step + step) % step;
    return (shift){phase, (d - phase) / step};
}

/* Distance of images (axis 0) or rows in the frame: `places` windows and the elements of any phase fit, and where a tap leaves
 * them it meets what lies between. */
static int64_t period(const job *j, int axis, int64_t places)
{
    int64_t longest = places, size = axis ? j->d.w : j->d.h, step = j->d.step[axis];
    for (int64_t i = 0; i < j->t.count; i++) {
        shift s = find_shift(axis ? j->t.dw[i] : j->t.dh[i], step);
        int64_t elements = (size - s.phase + step - 1) / step;
        int64_t need = s.by < 0 ? elements - s.by : places + s.by;
        if (elements > need) need = elements;
        if (need > longest) longest = need;
    }
    return longest;
}

/* Sizes of the frame but for its phases. places: how many windows an axis has at most. */
static kdst_status measure(job *j, const int64_t places[2])
{
    kdst__depthwise *d = &j->d;
    d->rows = period(j, 0, places[0]);
    d->columns = period(j, 1, places[1]);
    if (d->rows > INT64_MAX / 1024 / d->columns) return KDST_STATUS_OUT_OF_MEMORY; /* a padding without end */
    d->lead = 0;
    for (int64_t i = 0; i < j->t.count; i++) {
        int64_t h = find_shift(j->t.dh[i], d->step[0]).by, w = find_shift(j->t.dw[i], d->step[1]).by;
        if (-(h * d->columns + w) > d->lead) d->lead = -(h * d->columns + w);
    }
    int64_t image = d->rows * d->columns, phases = d->step[0] * d->step[1];
    d->block = kdst__least(d->n, phases * image < BLOCK ? BLOCK / (phases * image) : 1);
    d->flat = d->lead + d->block * image + KDST__DEPTHWISE_SLACK;
    return KDST_STATUS_OK;
}

/* Number of a phase of the frame, which is added when no tap has read it before. */
static int64_t number_of_phase(kdst__depthwise *d, int64_t *rows, int64_t *columns, int64_t h, int64_t w)
{
    for (int64_t i = 0; i < d->phases; i++)
        if (rows[i] == h && columns[i] == w) return i;
    rows[d->phases] = h;
    columns[d->phases] = w;
    return d->phases++;
}

/* Where in the frame each tap reads. */
static void place_taps(job *j)
{
    kdst__depthwise *d = &j->d;
    int64_t *offset = j->numbers + d->out_step[0] * d->out_step[1] + 1, *index = offset + d->kernel;
    int64_t *rows = index + d->kernel, *columns = rows + d->step[0] * d->step[1];
    d->phases = 0;
    for (int64_t i = 0; i < j->t.count; i++) {
        shift h = find_shift(j->t.dh[i], d->step[0]), w = find_shift(j->t.dw[i], d->step[1]);
        offset[i] = number_of_phase(d, rows, columns, h.phase, w.phase) * d->flat + d->lead + h.by * d->columns + w.by;
        index[i] = j->t.index[i];
    }
    d->phase_h = rows;
    d->phase_w = columns;
    d->offset = offset;
    d->index = index;
}

/* Geometry and memory for the threads. */
static kdst_status frame(job *j, const int64_t places[2])
{
    /* a vector of the widest level for each tap of a tile of channels */
    int64_t sums = 16 * KDST__DEPTHWISE_TILE * j->d.kernel;
    kdst__depthwise *d = &j->d;
    int64_t elements, dense;
    kdst_status status = measure(j, places);
    if (status) return status;
    place_taps(j);
    dense = d->block * d->p * d->q + KDST__DEPTHWISE_SLACK + sums;
    if (__builtin_mul_overflow(d->flat, d->phases + d->out_step[0] * d->out_step[1], &elements) ||
        __builtin_add_overflow(elements, dense, &elements) || elements > INT64_MAX / 64 / j->cp->threads)
        return KDST_STATUS_OUT_OF_MEMORY;
    j->scratch_bytes = ((size_t)elements * kdst__size_of(j->dtype) + 63) / 64 * 64;
    j->scratch = kdst__alloc(j->cp->memory, j->scratch_bytes * (size_t)j->cp->threads);
    return j->scratch ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
}

/* Forward geometry, which the gradient of the weights shares. */
static kdst_status begin_forward(job *j, const kdst__conv2d_shape *s)
{
    const int64_t places[2] = {s->p, s->q};
    j->d = (kdst__depthwise){
        .n = s->n,
        .sources = s->c,
        .results = s->o,
        .many = 1,
        .shared = s->o / s->c,
        .h = s->h,
        .w = s->w,
        .p = s->p,
        .q = s->q,
        .step = {s->stride[0], s->stride[1]},
        .out_step = {1, 1}};
    kdst_status status = begin(j, s);
    if (status) return status;
    kdst__taps_forward(s, &j->t);
    j->numbers[0] = 0;
    j->numbers[1] = j->t.count;
    if ((status = frame(j, places))) end(j);
    return status;
}

/* Taps of all phases, one behind the other. */
static void collect_phases(job *j, const kdst__conv2d_shape *s)
{
    kdst__taps all = j->t;
    int64_t phase = 0;
    j->numbers[0] = 0;
    for (int64_t rh = 0; rh < s->stride[0]; rh++)
        for (int64_t rw = 0; rw < s->stride[1]; rw++, phase++) {
            kdst__taps t = {.dh = all.dh + all.count, .dw = all.dw + all.count, .index = all.index + all.count};
            if (rh < s->h && rw < s->w)
                kdst__taps_phase(
                    s, rh, rw, kdst__divide_up(s->h - rh, s->stride[0]), kdst__divide_up(s->w - rw, s->stride[1]), &t);
            all.count += t.count;
            j->numbers[phase + 1] = all.count;
        }
    j->t = all;
}

static kdst_status begin_backward(job *j, const kdst__conv2d_shape *s)
{
    const int64_t places[2] = {kdst__divide_up(s->h, s->stride[0]), kdst__divide_up(s->w, s->stride[1])};
    j->d = (kdst__depthwise){
        .n = s->n,
        .sources = s->o,
        .results = s->c,
        .many = s->o / s->c,
        .shared = 1,
        .h = s->p,
        .w = s->q,
        .p = s->h,
        .q = s->w,
        .step = {1, 1},
        .out_step = {s->stride[0], s->stride[1]}};
    kdst_status status = begin(j, s);
    if (status) return status;
    collect_phases(j, s);
    if ((status = frame(j, places))) end(j);
    return status;
}

static void result_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    void *scratch = j->scratch + (size_t)worker * j->scratch_bytes;
    kdst__piece_range(j->units, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, depthwise, &j->d, begin, end, j->x, j->w, j->bias, j->accumulate, j->y, scratch);
}

static void weights_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    void *scratch = j->scratch + (size_t)worker * j->scratch_bytes;
    kdst__piece_range(j->units, j->pieces, piece, &begin, &end);
    KDST__CALL(j->cp, j->dtype, depthwise_weights, &j->d, begin, end, j->x, j->dy, j->y, scratch);
}

static void run(job *j, kdst__piece_fn fn, int64_t units, int64_t work)
{
    j->units = units;
    j->pieces = kdst__pieces(units, kdst__divide_up(GRAIN, work + 1));
    kdst__pool_run(j->cp->pool, j->pieces, fn, j);
    end(j);
}

kdst_status kdst__depthwise_forward(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *w, const void *bias,
    int32_t accumulate, void *y)
{
    job j = {.cp = cp, .dtype = dtype, .accumulate = accumulate, .x = x, .w = w, .bias = bias, .y = y};
    if (s->n * s->o * s->p * s->q == 0) return KDST_STATUS_OK;
    kdst_status status = begin_forward(&j, s);
    if (status) return status;
    run(&j, result_piece, s->o * kdst__divide_up(s->n, j.d.block), j.d.block * s->p * s->q * (j.t.count + 1));
    return KDST_STATUS_OK;
}

kdst_status kdst__depthwise_backward_data(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *w, const void *dy, void *dx)
{
    job j = {.cp = cp, .dtype = dtype, .accumulate = 1, .x = dy, .w = w, .y = dx};
    if (s->n * s->o * s->p * s->q == 0 || s->h * s->w == 0) return KDST_STATUS_OK;
    kdst_status status = begin_backward(&j, s);
    if (status) return status;
    run(&j, result_piece, s->c * kdst__divide_up(s->n, j.d.block),
        j.d.block * j.d.many * s->p * s->q * (j.d.kernel + 1));
    return KDST_STATUS_OK;
}

kdst_status kdst__depthwise_backward_weights(
    kdst__compute *cp, int32_t dtype, const kdst__conv2d_shape *s, const void *x, const void *dy, void *dw)
{
    job j = {.cp = cp, .dtype = dtype, .x = x, .dy = dy, .y = dw};
    if (s->n * s->o * s->p * s->q == 0) return KDST_STATUS_OK;
    kdst_status status = begin_forward(&j, s);
    if (status) return status;
    run(&j, weights_piece, s->o, s->n * s->p * s->q * (j.t.count + 1));
    return KDST_STATUS_OK;
}
