/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution on blocked channels: forward, and backward of the data, which is the same sum.
 *
 *     forward         y [n, o, i, j]  = sum over c, k, l of x [n, c, i s + k d - p, j s + l d - p] w [o, c, k, l]
 *     backward, data  dx [n, c, h, w] = sum over o and the taps of w's phase of dy w: places of x with equal h mod s and w mod s
 *                     meet the same taps (see conv2d.c), each phase is a sum of stride 1
 *
 * Results come in panels of two or three blocks of channels. Weights are packed once a call, panel by panel, in the order in which
 * they are read. A piece is a span of positions of the whole batch, whose x stays in the cache of level 2, times some
 * panels; where the weights of a panel do not fit beside it, the sum is split, and goes on from y.
 */
#include "compute/conv_direct_source.h"

#include <string.h>

#define SPAN_BYTES (256 << 10)  /* of x and y of a piece */
#define PANEL_BYTES (512 << 10) /* of weights that are used again and again */
#define PIECES 16               /* wanted at least */
#define OUTSIDE (INT64_MIN / 4) /* an offset that no other makes positive */

typedef struct sum {
    kdst__compute *cp;
    kdst__direct d;
    int64_t n, groups, c, o; /* c, o: channels of a group, summed and of the result */
    int64_t x_group;         /* blocks of x */
    const float *x, *w, *bias;
    int64_t w_group, w_lane, w_channel; /* strides of the weights as they are given */
    int32_t add, activation;
    const float *addend;
    float *y;
    int64_t *offsets, *from,
        *lists; /* [taps (rows + columns)], [k], [threads, taps (points + 1)]; one block of memory */
    size_t offset_count;
    const float *ready; /* packed weights [blocks of all groups, k, B], nullable */
    float *packed;      /* the same where they are not ready, then the biases [blocks, B] where vectors are not full */
    size_t packed_bytes;
    int64_t k, points, blocks, panels; /* k: terms; blocks and panels of a group */
    int64_t spans, bands, chunk;       /* chunk: blocks of the sum at once */
    double *moments;                   /* [spans, blocks of all groups, 2, B], nullable */
} sum;

int32_t kdst__conv_direct_fits(const kdst__compute *cp, const kdst__conv2d_shape *s)
{
    if (s->groups == 1) return 1;
    return s->c / s->groups % cp->lanes == 0 && s->o / s->groups % cp->lanes == 0;
}

static int64_t positions(const sum *s)
{
    return s->n * s->d.rows * s->d.columns;
}

static void panels_of(sum *s)
{
    int64_t most;
    s->cp->blocked->direct_sizes(&s->points, &most);
    s->blocks = kdst__divide_up(s->o, s->cp->lanes);
    s->panels = kdst__divide_up(s->blocks, most);
}

/* ---- offsets: where taps read, and in which order weights lie ---- */

static kdst_status offsets_create(sum *s, int64_t taps)
{
    const size_t sides = (size_t)(s->d.rows + s->d.columns) + (size_t)(s->points + 1) * (size_t)s->cp->threads;
    size_t count, bytes;
    s->k = taps * s->c;
    if (kdst__mul_overflows((size_t)taps, sides, &count)) return KDST_STATUS_OUT_OF_MEMORY;
    if (kdst__add_overflows(count, (size_t)s->k, &count)) return KDST_STATUS_OUT_OF_MEMORY;
    if (kdst__mul_overflows(count, sizeof(int64_t), &bytes)) return KDST_STATUS_OUT_OF_MEMORY;
    s->offset_count = count;
    s->offsets = kdst__alloc(s->cp->memory, bytes);
    if (!s->offsets) return KDST_STATUS_OUT_OF_MEMORY;
    s->from = s->offsets + taps * (s->d.rows + s->d.columns);
    s->lists = s->from + s->k;
    return KDST_STATUS_OK;
}

/* Position i reads place i step + d of `size`, each `floats` long. */
static void set_side(int64_t count, int64_t step, int64_t d, int64_t size, int64_t floats, int64_t *out)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = i * step + d;
        out[i] = at >= 0 && at < size ? at * floats : OUTSIDE;
    }
}

/* An image of h w places, `floats` each; positions step through it. */
static void set_offsets(sum *s, const kdst__taps *t, int64_t h, int64_t w, int64_t floats, const int64_t step[2])
{
    int64_t *row = s->offsets, *column = s->offsets + t->count * s->d.rows;
    s->d.taps = t->count;
    s->d.row = row;
    s->d.column = column;
    for (int64_t i = 0; i < t->count; i++) {
        set_side(s->d.rows, step[0], t->dh[i], h, w * floats, row + i * s->d.rows);
        set_side(s->d.columns, step[1], t->dw[i], w, floats, column + i * s->d.columns);
    }
}

/* Terms in the order of the packed weights: block, tap, channel. */
static void set_from(sum *s, const kdst__taps *t, int64_t real)
{
    int64_t *to = s->from;
    for (int64_t b = 0; b < s->c; b += s->d.depth)
        for (int64_t i = 0; i < t->count; i++)
            for (int64_t c = b; c < b + s->d.depth && c < s->c; c++)
                *to++ = c % real * s->w_channel + c / real + t->index[i];
}

/* ---- weights ---- */

static void panel_range(const sum *s, int64_t panel, int64_t *group, int64_t *begin, int64_t *end)
{
    *group = panel / s->panels;
    kdst__piece_range(s->blocks, s->panels, panel % s->panels, begin, end);
}

static void pack_piece(void *arg, int64_t panel, int32_t worker)
{
    const sum *s = arg;
    int64_t group, begin, end;
    (void)worker;
    panel_range(s, panel, &group, &begin, &end);
    const int64_t b = s->cp->lanes, first = begin * b;
    s->cp->blocked->direct_pack(
        s->k, s->d.depth * s->d.taps, s->from, end - begin, s->o - first, s->w_lane,
        s->w + group * s->w_group + first * s->w_lane, s->packed + (group * s->blocks + begin) * b * s->k);
}

static kdst_status weight_bytes(const sum *s, size_t *out)
{
    const int64_t all = s->groups * s->blocks * s->cp->lanes;
    return kdst__mul_overflows((size_t)all, (size_t)s->k * sizeof(float), out) ? KDST_STATUS_OUT_OF_MEMORY
                                                                               : KDST_STATUS_OK;
}

/* The weights, where they are not there yet, and the biases up to whole vectors. */
static kdst_status pack(sum *s)
{
    const int64_t all = s->groups * s->blocks * s->cp->lanes, channels = s->groups * s->o;
    const size_t of_bias = s->bias && channels < all ? (size_t)all * sizeof(float) : 0;
    size_t of_weights = 0;
    if (!s->ready && weight_bytes(s, &of_weights)) return KDST_STATUS_OUT_OF_MEMORY;
    if (kdst__add_overflows(of_weights, of_bias, &s->packed_bytes)) return KDST_STATUS_OUT_OF_MEMORY;
    if (s->packed_bytes > 0 && !(s->packed = kdst__alloc(s->cp->memory, s->packed_bytes)))
        return KDST_STATUS_OUT_OF_MEMORY;
    if (!s->ready && s->k > 0) kdst__pool_run(s->cp->pool, s->groups * s->panels, pack_piece, s);
    if (of_bias > 0) {
        float *bias = s->packed + of_weights / sizeof(float);
        for (int64_t i = 0; i < all; i++)
            bias[i] = i < channels ? s->bias[i] : 0;
        s->bias = bias;
    }
    return KDST_STATUS_OK;
}

/* ---- statistics of what has been written ---- */

typedef struct moments {
    double count, *mean, *squares; /* [B]; squares: of the deviations */
} moments;

static void merge(int64_t lanes, moments *all, const moments *more)
{
    const double total = all->count + more->count, share = more->count / total, both = all->count * share;
    if (more->count == 0) return;
    for (int64_t i = 0; i < lanes; i++) {
        const double delta = all->count > 0 ? more->mean[i] - all->mean[i] : 0;
        all->mean[i] = all->count > 0 ? all->mean[i] + delta * share : more->mean[i];
        all->squares[i] = (all->count > 0 ? all->squares[i] : 0) + more->squares[i] + delta * delta * both;
    }
    all->count = total;
}

static moments moments_at(const sum *s, int64_t span, int64_t block)
{
    const int64_t b = s->cp->lanes;
    double *at = s->moments + (span * s->groups * s->blocks + block) * 2 * b;
    return (moments){0, at, at + b};
}

static void span_range(const sum *s, int64_t span, int64_t *begin, int64_t *end)
{
    kdst__piece_range(kdst__divide_up(positions(s), s->points), s->spans, span, begin, end);
    *begin *= s->points;
    *end = kdst__least(*end * s->points, positions(s));
}

/* Positions [begin, end) of one block: the end of an image, whole images, the begin of one. */
static void take_moments(const sum *s, int64_t span, int64_t block, int64_t begin, int64_t end)
{
    const int64_t plane = s->d.rows * s->d.columns, b = s->cp->lanes, blocks = s->groups * s->blocks;
    double mean[16], squares[16];
    moments all = moments_at(s, span, block), part = {0, mean, squares};
    for (int64_t at = begin; at < end;) {
        const int64_t image = at / plane, place = at % plane, images = place == 0 ? (end - at) / plane : 0;
        const int64_t count = images > 0 ? images * plane : kdst__least(plane - place, end - at);
        if (images > 0)
            s->cp->blocked->blocked_statistics(blocks, plane, block, image, image + images, s->y, mean, squares);
        else
            s->cp->blocked->blocked_statistics(
                1, count, 0, 0, 1, s->y + image * s->d.y_image + block * s->d.y_block + place * b, mean, squares);
        part.count = (double)count;
        merge(b, &all, &part);
        at += count;
    }
}

static void set_statistics(const sum *s, double *out_mean, double *out_var)
{
    const int64_t b = s->cp->lanes, channels = s->groups * s->o;
    for (int64_t block = 0; block < s->groups * s->blocks; block++) {
        moments all = moments_at(s, 0, block);
        for (int64_t span = 0; span < s->spans; span++) {
            int64_t begin, end;
            moments part = moments_at(s, span, block);
            span_range(s, span, &begin, &end);
            part.count = (double)(end - begin);
            if (span == 0)
                all.count = part.count;
            else
                merge(b, &all, &part);
        }
        for (int64_t i = 0; i < b && block * b + i < channels; i++) {
            const double squares = all.squares[i];
            out_mean[block * b + i] = all.mean[i];
            out_var[block * b + i] = (squares < 0 ? 0 : squares) / all.count;
        }
    }
}

/* ---- the sum ---- */

static void sum_panel(const sum *s, int64_t panel, int64_t span, int64_t begin, int64_t end, int32_t worker)
{
    int64_t group, first, last;
    panel_range(s, panel, &group, &first, &last);
    const int64_t b = s->cp->lanes, at = group * s->blocks + first, blocks = kdst__divide_up(s->c, s->d.depth);
    kdst__direct_run run = {
        .vectors = last - first,
        .begin = begin,
        .end = end,
        .x = s->x + group * s->x_group * s->d.x_block,
        .w = (s->ready ? s->ready : s->packed) + at * b * s->k,
        .bias = s->bias ? s->bias + at * b : NULL,
        .add = s->add,
        .valid = kdst__least(s->o - (last - 1) * b, b),
        .y = s->y + at * s->d.y_block,
        .list = s->lists + worker * s->d.taps * (s->points + 1)};
    do {
        run.last = kdst__least(run.first + s->chunk, blocks);
        run.activation = run.last == blocks ? s->activation : KDST__FUSED_NONE;
        run.addend = run.last == blocks && s->addend ? s->addend + at * s->d.y_block : NULL;
        s->cp->blocked->direct_sum(&s->d, &run);
        run.first = run.last;
        run.add = 1;
        run.bias = NULL;
    } while (run.first < blocks);
    for (int64_t block = at; s->moments && block < at + last - first; block++)
        take_moments(s, span, block, begin, end);
}

static void sum_piece(void *arg, int64_t piece, int32_t worker)
{
    const sum *s = arg;
    const int64_t span = piece / s->bands, all = s->groups * s->panels;
    int64_t panel, last, begin, end;
    span_range(s, span, &begin, &end);
    kdst__piece_range(all, s->bands, piece % s->bands, &panel, &last);
    for (; panel < last; panel++)
        sum_panel(s, panel, span, begin, end, worker);
}

static void cut(sum *s, int64_t places /* of an image of x */)
{
    const int64_t b = s->cp->lanes, all = positions(s), width = kdst__divide_up(s->blocks, s->panels) * b;
    const int64_t plane = s->d.rows * s->d.columns;
    const int64_t bytes = (s->c * places / plane + width + 1) * (int64_t)sizeof(float);
    const int64_t tiles = kdst__divide_up(all, s->points), wide = kdst__divide_up(all * bytes, SPAN_BYTES);
    s->spans = kdst__least(wide, tiles);
    s->bands = kdst__least(s->groups * s->panels, kdst__divide_up(PIECES, s->spans));
    if (s->spans * s->bands < PIECES)
        s->spans = kdst__least(kdst__divide_up(tiles, 4), kdst__divide_up(PIECES, s->bands));
    const int64_t block = s->d.taps * s->d.depth * width * (int64_t)sizeof(float);
    const int64_t chunk = block > 0 ? PANEL_BYTES / block : INT32_MAX;
    s->chunk = chunk > 1 ? chunk : 1;
}

static void sum_destroy(sum *s)
{
    kdst__free(s->cp->memory, s->packed, s->packed_bytes);
    kdst__free(s->cp->memory, s->offsets, s->offset_count * sizeof(int64_t));
    s->packed = NULL;
    s->offsets = NULL;
}

/* d's sizes are set; image: h w places of `floats`. */
static kdst_status
run(sum *s, const kdst__taps *t, int64_t real, int64_t h, int64_t w, int64_t floats, const int64_t step[2],
    const kdst__conv_tail *tail)
{
    size_t bytes = 0;
    panels_of(s);
    if (positions(s) == 0 || s->panels == 0) return KDST_STATUS_OK;
    kdst_status status = offsets_create(s, t->count);
    if (!status) {
        set_offsets(s, t, h, w, floats, step);
        if (!s->ready) set_from(s, t, real);
        status = pack(s);
    }
    if (!status) {
        cut(s, h * w);
        bytes = (size_t)(s->spans * s->groups * s->blocks * 2 * s->cp->lanes) * sizeof(double);
        if (tail && tail->mean && !(s->moments = kdst__alloc(s->cp->memory, bytes))) status = KDST_STATUS_OUT_OF_MEMORY;
    }
    if (!status) {
        kdst__pool_run(s->cp->pool, s->spans * s->bands, sum_piece, s);
        if (s->moments) set_statistics(s, tail->mean, tail->var);
    }
    kdst__free(s->cp->memory, s->moments, bytes);
    sum_destroy(s);
    return status;
}

/* ---- forward ---- */

/* What packed weights depend on, in front of them; as long as the widest vector, which keeps them aligned. */
typedef struct layout {
    int64_t first[2], extent[2], depth, real, k, blocks;
} layout;

#define LAYOUT_FLOATS (sizeof(layout) / sizeof(float))

static layout layout_of(const sum *s, const kdst__direct_source *source)
{
    const kdst__taps *t = &source->taps;
    return (layout){
        {t->first[0], t->first[1]}, {t->extent[0], t->extent[1]}, source->depth, source->real, s->k, s->blocks};
}

static sum forward_sum(
    kdst__compute *cp, const kdst__conv2d_shape *s, const kdst__direct_source *source, const float *w,
    const kdst__conv_tail *tail, float *y)
{
    const int64_t plane = s->p * s->q, kernel = s->kh * s->kw, c = s->c / s->groups, o = s->o / s->groups;
    const int64_t y_block = plane * cp->lanes;
    return (sum){
        .cp = cp,
        .n = s->n,
        .groups = s->groups,
        .c = source->c,
        .o = o,
        .x_group = c / cp->lanes,
        .x = source->x,
        .w = w,
        .bias = tail ? tail->bias : NULL,
        .activation = tail ? tail->activation : KDST__FUSED_NONE,
        .addend = tail ? tail->addend : NULL,
        .y = y,
        .w_group = o * c * kernel,
        .w_lane = c * kernel,
        .w_channel = kernel,
        .d = {
            .c = source->c,
            .depth = source->depth,
            .x_image = source->image,
            .x_block = source->block,
            .rows = s->p,
            .columns = s->q,
            .y_image = kdst__divide_up(s->o, cp->lanes) * y_block,
            .y_block = y_block,
            .y_row = s->q * cp->lanes,
            .y_column = cp->lanes}};
}

kdst_status kdst__conv_direct_pack(
    kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, float **out, size_t *bytes)
{
    kdst__direct_source source;
    *out = NULL;
    *bytes = 0;
    if (s->n * s->p * s->q * s->o * s->c == 0) return KDST_STATUS_OK;
    kdst_status status = kdst__direct_source_plan(cp, s, kdst__direct_source_narrow(s), &source);
    if (status) return status;
    sum all = forward_sum(cp, s, &source, w, NULL, NULL);
    panels_of(&all);
    status = offsets_create(&all, source.taps.count);
    if (!status && weight_bytes(&all, bytes)) status = KDST_STATUS_OUT_OF_MEMORY;
    if (!status && kdst__add_overflows(*bytes, sizeof(layout), bytes)) status = KDST_STATUS_OUT_OF_MEMORY;
    if (!status && !(*out = kdst__alloc(memory, *bytes))) status = KDST_STATUS_OUT_OF_MEMORY;
    if (!status) {
        const layout l = layout_of(&all, &source);
        memcpy(*out, &l, sizeof l);
        set_from(&all, &source.taps, source.real);
        all.d.taps = source.taps.count;
        all.packed = *out + LAYOUT_FLOATS;
        if (all.k > 0) kdst__pool_run(cp->pool, all.groups * all.panels, pack_piece, &all);
        all.packed = NULL;
    }
    sum_destroy(&all);
    kdst__direct_source_destroy(cp, &source);
    return status;
}

kdst_status kdst__conv_direct_forward_packed(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const float *packed, const kdst__conv_tail *tail, float *y)
{
    kdst__direct_source source;
    if (s->n * s->p * s->q == 0) {
        if (tail && tail->mean) kdst__blocked_statistics(cp, s->n, s->o, s->p * s->q, y, tail->mean, tail->var);
        return KDST_STATUS_OK;
    }
    kdst_status status = kdst__direct_source_create(cp, s, x_plain, x, &source);
    if (status) return status;
    sum all = forward_sum(cp, s, &source, w, tail, y);
    panels_of(&all);
    all.k = source.taps.count * source.c;
    if (packed) {
        const layout l = layout_of(&all, &source);
        if (memcmp(packed, &l, sizeof l) == 0) all.ready = packed + LAYOUT_FLOATS;
    }
    status = run(&all, &source.taps, source.real, source.h, source.w, source.step, s->stride, tail);
    kdst__direct_source_destroy(cp, &source);
    return status;
}

kdst_status kdst__conv_direct_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_tail *tail, float *y)
{
    return kdst__conv_direct_forward_packed(cp, s, x_plain, x, w, NULL, tail, y);
}

/* ---- backward ---- */

kdst_status kdst__conv_direct_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx)
{
    static const int64_t one[2] = {1, 1};
    const int64_t b = cp->lanes, kernel = s->kh * s->kw, c = s->c / s->groups, o = s->o / s->groups;
    const int64_t x_block = s->h * s->w * b, y_block = s->p * s->q * b;
    kdst__taps t;
    kdst_status status = kdst__taps_create(cp, s, &t);
    for (int64_t rh = 0; rh < s->stride[0] && rh < s->h && !status; rh++)
        for (int64_t rw = 0; rw < s->stride[1] && rw < s->w && !status; rw++) {
            sum phase = {
                .cp = cp,
                .n = s->n,
                .groups = s->groups,
                .c = o,
                .o = c,
                .x_group = o / b,
                .x = dy,
                .w = w,
                .add = add,
                .y = dx,
                .w_group = o * c * kernel,
                .w_lane = kernel,
                .w_channel = c * kernel,
                .d = {
                    .c = o,
                    .depth = b,
                    .x_image = kdst__divide_up(s->o, b) * y_block,
                    .x_block = y_block,
                    .rows = kdst__divide_up(s->h - rh, s->stride[0]),
                    .columns = kdst__divide_up(s->w - rw, s->stride[1]),
                    .y_image = kdst__divide_up(s->c, b) * x_block,
                    .y_block = x_block,
                    .y_origin = (rh * s->w + rw) * b,
                    .y_row = s->stride[0] * s->w * b,
                    .y_column = s->stride[1] * b}};
            kdst__taps_phase(s, rh, rw, phase.d.rows, phase.d.columns, &t);
            if (t.count > 0 || !add) status = run(&phase, &t, o > 0 ? o : 1, s->p, s->q, b, one, NULL);
        }
    kdst__taps_destroy(cp, &t);
    return status;
}
