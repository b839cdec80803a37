/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution on blocked channels: geometry (kernels/conv_depthwise.c says what for), memory, pieces.
 *
 * A piece is a group of images of one block of channels. Weights are packed first, a vector of channels for each tap, and the bias behind
 * them. The gradient of the data is a convolution of dy whose taps depend on the phase of a place in its stride. Partial sums of the
 * weights' gradient and of the statistics are kept for each piece and added in their order.
 */
#include "compute/conv_depthwise.h"

#include "compute/blocked_groups.h"

typedef struct job {
    kdst__compute *cp;
    const kdst__conv2d_shape *s;
    kdst__depth d;
    int32_t activation, add;
    int64_t taps, groups, pieces;
    int64_t *numbers; /* lists of both axes */
    float *packed;    /* [blocks, taps + 1, B] */
    double *sums;     /* [pieces, taps, B] */
    char *frames;     /* of one worker behind the other: frame [ring + 1, row, B], run [taps, B] */
    size_t number_bytes, packed_bytes, sum_bytes, frame_bytes;
    kdst__moments *moments; /* [pieces] or NULL */
    const float *x, *dy;
    float *y;
} job;

int32_t kdst__conv_depthwise_fits(const kdst__compute *cp, const kdst__conv2d_shape *s)
{
    if (s->groups < 2 || s->groups != s->c || s->o != s->c || 2 * s->c < cp->lanes) return 0;
    if (s->kh > KDST__DEPTH_ROWS) return 0;
    /* a window wholly in the padding would make the frame larger than the image for nothing */
    return s->padding[0] <= s->dilation[0] * (s->kh - 1) && s->padding[1] <= s->dilation[1] * (s->kw - 1);
}

/* ---- geometry ---- */

/* Places from the lowest offset to the highest one, and the lowest. */
static int64_t reach(const kdst__depth_axis *a, int64_t *lowest)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t t = 0; t < a->first[a->out_step]; t++) {
        if (a->offset[t] < low) low = a->offset[t];
        if (a->offset[t] > high) high = a->offset[t];
    }
    *lowest = low;
    return high - low + 1;
}

static int64_t list_length(int64_t kernel, int64_t out_step)
{
    return out_step + 1 + 2 * kernel;
}

static int64_t divide_down(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Lists of axis number `axis`, forward or backward. */
static void fill_axis(const job *j, int axis, int back, kdst__depth_axis *a, int64_t *lists)
{
    const kdst__conv2d_shape *s = j->s;
    const int64_t kernel = axis ? s->kw : s->kh, stride = s->stride[axis], pad = s->padding[axis];
    const int64_t image = axis ? s->w : s->h, result = axis ? s->q : s->p, step = s->dilation[axis];
    int64_t *first = lists, *tap = lists + (back ? stride : 1) + 1, *offset = tap + kernel, count = 0;
    *a = (kdst__depth_axis){
        .from = back ? result : image,
        .to = back ? image : result,
        .in_step = back ? 1 : stride,
        .out_step = back ? stride : 1,
        .first = first,
        .tap = tap,
        .offset = offset};
    for (int64_t phase = 0; phase < a->out_step; phase++) {
        first[phase] = count;
        for (int64_t t = 0; t < kernel; t++) {
            const int64_t at = back ? phase + pad - t * step : t * step - pad;
            if (back && at - divide_down(at, stride) * stride != 0) continue;
            tap[count] = t;
            offset[count++] = back ? divide_down(at, stride) : at;
        }
    }
    first[a->out_step] = count;
}

/* Rows and columns of the frame. */
static void size_frame(kdst__depth *d)
{
    int64_t lowest, length = reach(&d->w, &lowest);
    d->lead = lowest < 0 ? -lowest : 0;
    d->row = (kdst__divide_up(d->w.to, d->w.out_step) - 1) * d->w.in_step + length + (lowest > 0 ? lowest : 0);
    const int64_t rows = kdst__least(reach(&d->h, &d->low), d->h.from);
    d->ring = 1;
    while (d->ring < rows)
        d->ring *= 2;
}

/* ---- memory ---- */

static int product(size_t a, size_t b, size_t c, size_t *out)
{
    return kdst__mul_overflows(a, b, out) || kdst__mul_overflows(*out, c, out);
}

static kdst_status begin(job *j, int back)
{
    const kdst__conv2d_shape *s = j->s;
    const size_t lanes = (size_t)j->cp->lanes, workers = (size_t)j->cp->threads;
    const int64_t rows = list_length(s->kh, back ? s->stride[0] : 1);
    const int64_t columns = list_length(s->kw, back ? s->stride[1] : 1);
    kdst__memory *memory = j->cp->memory;
    size_t all;
    j->number_bytes = (size_t)(rows + columns) * sizeof *j->numbers;
    j->numbers = kdst__alloc(memory, j->number_bytes);
    if (!j->numbers) return KDST_STATUS_OUT_OF_MEMORY;
    fill_axis(j, 0, back, &j->d.h, j->numbers);
    fill_axis(j, 1, back, &j->d.w, j->numbers + rows);
    size_frame(&j->d);
    j->d.blocks = kdst__divide_up(s->c, j->cp->lanes);
    j->d.kh = s->kh;
    j->d.kw = s->kw;
    j->taps = s->kh * s->kw;
    j->groups = kdst__image_groups(s->n, j->d.blocks, s->n * j->d.blocks * j->cp->lanes * (s->h * s->w + s->p * s->q));
    j->pieces = j->d.blocks * j->groups;
    if (product((size_t)j->d.ring + 1, (size_t)j->d.row, lanes * sizeof(float), &j->frame_bytes) ||
        kdst__add_overflows(j->frame_bytes, (size_t)j->taps * lanes * sizeof(float), &j->frame_bytes) ||
        kdst__mul_overflows(j->frame_bytes, workers, &all))
        return KDST_STATUS_OUT_OF_MEMORY;
    j->frames = kdst__alloc_zero(memory, all);
    return j->frames ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
}

static void end(job *j)
{
    kdst__memory *memory = j->cp->memory;
    kdst__free(memory, j->sums, j->sum_bytes);
    kdst__free(memory, j->packed, j->packed_bytes);
    kdst__free(memory, j->frames, j->frame_bytes * (size_t)j->cp->threads);
    kdst__free(memory, j->numbers, j->number_bytes);
}

/* w [C, taps] and bias [C], 0 without one, to vectors of channels; lanes behind C are 0. */
static kdst_status pack(job *j, const float *w, const float *bias)
{
    const int64_t lanes = j->cp->lanes, rows = j->taps + 1;
    j->packed_bytes = (size_t)(j->d.blocks * rows * lanes) * sizeof *j->packed;
    j->packed = kdst__alloc(j->cp->memory, j->packed_bytes);
    if (!j->packed) return KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t c = 0; c < j->d.blocks * lanes; c++) {
        float *to = j->packed + c / lanes * rows * lanes + c % lanes;
        for (int64_t t = 0; t < j->taps; t++)
            to[t * lanes] = c < j->s->c ? w[c * j->taps + t] : 0;
        to[j->taps * lanes] = bias && c < j->s->c ? bias[c] : 0;
    }
    return KDST_STATUS_OK;
}

/* ---- pieces ---- */

static float *frame_of(const job *j, int32_t worker)
{
    return (float *)(void *)(j->frames + (size_t)worker * j->frame_bytes);
}

static void convolve_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t lanes = j->cp->lanes, block = piece / j->groups;
    int64_t begin, end;
    kdst__piece_range(j->s->n, j->groups, piece % j->groups, &begin, &end);
    j->cp->blocked->conv_depthwise(
        &j->d, block, begin, end, j->x, j->packed + block * (j->taps + 1) * lanes, j->activation, j->add, j->y,
        frame_of(j, worker));
    if (j->moments)
        j->cp->blocked->blocked_statistics(
            j->d.blocks, j->d.h.to * j->d.w.to, block, begin, end, j->y, j->moments[piece], j->moments[piece] + lanes);
}

static void weights_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    kdst__piece_range(j->s->n, j->groups, piece % j->groups, &begin, &end);
    float *frame = frame_of(j, worker), *run = frame + (j->d.ring + 1) * j->d.row * j->cp->lanes;
    j->cp->blocked->conv_depthwise_weights(
        &j->d, piece / j->groups, begin, end, j->x, j->dy, j->sums + piece * j->taps * j->cp->lanes, run, frame);
}

/* A plain x as a blocked copy. */
static kdst_status
blocked_of(kdst__compute *cp, const kdst__conv2d_shape *s, const float *x, size_t *bytes, float **out)
{
    *bytes = (size_t)kdst__blocked_count(cp, s->n, s->c, s->h * s->w) * sizeof **out;
    *out = kdst__alloc(cp->memory, *bytes);
    if (!*out) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__blocked_from_plain(cp, s->n, s->c, s->h * s->w, x, *out);
    return KDST_STATUS_OK;
}

static void set_all_statistics(const job *j, const kdst__conv_tail *tail)
{
    for (int64_t block = 0; block < j->d.blocks; block++)
        kdst__set_statistics(
            j->cp, j->s->n, j->s->c, j->s->p * j->s->q, j->groups, block,
            (const kdst__moments *)j->moments + block * j->groups, tail->mean, tail->var);
}

kdst_status kdst__conv_depthwise_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_tail *tail, float *y)
{
    kdst__moments moments[KDST__UNITS];
    job j = {.cp = cp, .s = s, .x = x, .y = y, .activation = tail ? tail->activation : KDST__FUSED_NONE};
    float *copy = NULL;
    size_t bytes = 0;
    kdst_status status = begin(&j, 0);
    if (!status) status = pack(&j, w, tail ? tail->bias : NULL);
    if (!status && x_plain) status = blocked_of(cp, s, x, &bytes, &copy);
    if (!status) {
        const int32_t few = j.pieces <= KDST__UNITS, wanted = tail && tail->mean;
        if (copy) j.x = copy;
        if (wanted && few) j.moments = moments;
        kdst__pool_run(cp->pool, j.pieces, convolve_piece, &j);
        if (wanted && few) set_all_statistics(&j, tail);
        if (wanted && !few) kdst__blocked_statistics(cp, s->n, s->c, s->p * s->q, y, tail->mean, tail->var);
    }
    kdst__free(cp->memory, copy, bytes);
    end(&j);
    return status;
}

kdst_status kdst__conv_depthwise_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx)
{
    job j = {.cp = cp, .s = s, .x = dy, .y = dx, .add = add};
    kdst_status status = begin(&j, 1);
    if (!status) status = pack(&j, w, NULL);
    if (!status) kdst__pool_run(cp->pool, j.pieces, convolve_piece, &j);
    end(&j);
    return status;
}

static void add_sums(const job *j, float *dw)
{
    const int64_t lanes = j->cp->lanes, part = j->taps * lanes;
    for (int64_t c = 0; c < j->s->c; c++)
        for (int64_t t = 0; t < j->taps; t++) {
            const double *from = j->sums + c / lanes * j->groups * part + t * lanes + c % lanes;
            double sum = 0;
            for (int64_t group = 0; group < j->groups; group++)
                sum += from[group * part];
            dw[c * j->taps + t] += (float)sum;
        }
}

kdst_status kdst__conv_depthwise_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw)
{
    job j = {.cp = cp, .s = s, .x = x, .dy = dy};
    float *copy = NULL;
    size_t bytes = 0;
    kdst_status status = begin(&j, 0);
    if (!status && x_plain) status = blocked_of(cp, s, x, &bytes, &copy);
    if (!status) {
        if (product((size_t)j.pieces, (size_t)j.taps, (size_t)cp->lanes * sizeof *j.sums, &j.sum_bytes))
            status = KDST_STATUS_OUT_OF_MEMORY;
        else if (!(j.sums = kdst__alloc(cp->memory, j.sum_bytes)))
            status = KDST_STATUS_OUT_OF_MEMORY;
    }
    if (!status) {
        if (copy) j.x = copy;
        kdst__pool_run(cp->pool, j.pieces, weights_piece, &j);
        add_sums(&j, dw);
    }
    kdst__free(cp->memory, copy, bytes);
    end(&j);
    return status;
}
