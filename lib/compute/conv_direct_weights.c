/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution on blocked channels: gradient of the weights,
 *
 *     dw [o, c, k, l] += sum over n, i, j of dy [n, o, i, j] x [n, c, i s + k d - p, j s + l d - p].
 *
 * A tile is some channels of x times a panel of two or three blocks of dy, for one tap; its sums run in registers over a stretch of
 * some hundred positions, clipped to the windows that meet the image, while dy of the stretch stays in the cache of level 1. A piece is a panel
 * times some of the channels; where these are few, also a part of the batch, with sums of its own, which are added in order.
 */
#include "compute/conv_direct_source.h"

#include <string.h>

#define STRETCH 128           /* positions */
#define SUM_BYTES (256 << 10) /* of sums of a piece */
#define PIECES 16             /* wanted at least */

typedef struct weights {
    kdst__compute *cp;
    const kdst__conv2d_shape *s;
    const kdst__direct_source *x;
    const float *dy;
    float *dw, *sums; /* sums [parts, blocks of all groups, taps, tiles, points, B]: a panel lies in one */
    int64_t c, o, blocks, panels, tiles; /* of a group */
    int64_t points, bands;               /* bands of tiles */
    int64_t images, rows, cuts;          /* of a stretch; stretches of an image */
    int64_t stretches, parts;
    int64_t *range; /* [taps, 4]: rows and columns of dy that meet the image */
} weights;

static void panel_range(const weights *j, int64_t panel, int64_t *group, int64_t *begin, int64_t *end)
{
    *group = panel / j->panels;
    kdst__piece_range(j->blocks, j->panels, panel % j->panels, begin, end);
}

static int64_t block_count(const weights *j)
{
    return j->x->taps.count * j->tiles * j->points * j->cp->lanes;
}

static float *sums_of(const weights *j, int64_t part, int64_t block)
{
    return j->sums + (part * j->s->groups * j->blocks + block) * block_count(j);
}

/* One stretch of images [first, last), rows [i0, i1). */
static void add_stretch(
    const weights *j, int64_t panel, int64_t tile, int64_t last_tile, int64_t first, int64_t last, int64_t i0,
    int64_t i1, float *sums)
{
    const kdst__direct_source *x = j->x;
    const int64_t b = j->cp->lanes, plane = j->s->p * j->s->q;
    int64_t group, begin, end;
    panel_range(j, panel, &group, &begin, &end);
    kdst__direct_weights d = {
        .vectors = end - begin,
        .first = first,
        .last = last,
        .x_image = x->image,
        .x_row = j->s->stride[0] * x->w * x->step,
        .x_column = j->s->stride[1] * x->step,
        .dy_image = kdst__divide_up(j->s->o, b) * plane * b,
        .dy_block = plane * b,
        .dy_row = j->s->q * b,
        .dy = j->dy + (group * j->blocks + begin) * plane * b};
    for (; tile < last_tile; tile++) {
        const int64_t c = tile * j->points;
        const float *from = x->x + (group * (j->c / b) + c / x->depth) * x->block + c % x->depth;
        for (int64_t t = 0; t < x->taps.count; t++) {
            const int64_t *range = j->range + 4 * t;
            d.i0 = range[0] > i0 ? range[0] : i0;
            d.i1 = kdst__least(range[1], i1);
            d.j0 = range[2], d.j1 = range[3];
            if (d.i0 >= d.i1 || d.j0 >= d.j1) continue;
            d.x = from + (x->taps.dh[t] * x->w + x->taps.dw[t]) * x->step;
            d.sums = sums + (tile * x->taps.count + t) * j->points * d.vectors * b;
            j->cp->blocked->direct_weights(&d);
        }
    }
}

static void sum_piece(void *arg, int64_t piece, int32_t worker)
{
    const weights *j = arg;
    const int64_t part = piece % j->parts, band = piece / j->parts % j->bands, panel = piece / j->parts / j->bands;
    int64_t group, begin, end, tile, last_tile, stretch, last;
    (void)worker;
    panel_range(j, panel, &group, &begin, &end);
    kdst__piece_range(j->tiles, j->bands, band, &tile, &last_tile);
    kdst__piece_range(j->stretches, j->parts, part, &stretch, &last);
    float *sums = sums_of(j, part, group * j->blocks + begin);
    const int64_t floats = j->x->taps.count * j->points * (end - begin) * j->cp->lanes;
    memset(sums + tile * floats, 0, (size_t)((last_tile - tile) * floats) * sizeof *sums);
    for (; stretch < last; stretch++) {
        const int64_t first = stretch / j->cuts * j->images, row = stretch % j->cuts * j->rows;
        add_stretch(
            j, panel, tile, last_tile, first, kdst__least(first + j->images, j->s->n), row,
            kdst__least(row + j->rows, j->s->p), sums);
    }
}

/* Adds the sums of all parts to dw: one tile of a panel. */
static void spread_piece(void *arg, int64_t piece, int32_t worker)
{
    const weights *j = arg;
    const kdst__direct_source *x = j->x;
    const int64_t b = j->cp->lanes, tile = piece % j->tiles, panel = piece / j->tiles, kernel = j->s->kh * j->s->kw;
    int64_t group, begin, end;
    (void)worker;
    panel_range(j, panel, &group, &begin, &end);
    const int64_t width = (end - begin) * b, o0 = begin * b, lanes = kdst__least(width, j->o - o0);
    for (int64_t part = 0; part < j->parts; part++) {
        const float *from = sums_of(j, part, group * j->blocks + begin) + tile * x->taps.count * j->points * width;
        for (int64_t lane = 0; lane < lanes; lane++) {
            float *to = j->dw + (group * j->o + o0 + lane) * j->c * kernel;
            for (int64_t p = 0; p < j->points && tile * j->points + p < x->c; p++) {
                const int64_t c = tile * j->points + p, at = c % x->real * kernel + c / x->real;
                for (int64_t t = 0; t < x->taps.count; t++)
                    to[at + x->taps.index[t]] += from[(t * j->points + p) * width + lane];
            }
        }
    }
}

/* Windows i with 0 <= i step + d < size */
static void set_range(int64_t count, int64_t step, int64_t d, int64_t size, int64_t *out)
{
    const int64_t end = size - d <= 0 ? 0 : kdst__divide_up(size - d, step);
    out[0] = d >= 0 ? 0 : kdst__divide_up(-d, step);
    out[1] = kdst__least(end, count);
}

static void cut(weights *j)
{
    int64_t most;
    const kdst__conv2d_shape *s = j->s;
    j->cp->blocked->direct_sizes(&j->points, &most);
    j->blocks = kdst__divide_up(j->o, j->cp->lanes);
    j->panels = kdst__divide_up(j->blocks, most);
    j->tiles = kdst__divide_up(j->x->c, j->points);
    const int64_t panel = block_count(j) * kdst__divide_up(j->blocks, j->panels) * (int64_t)sizeof(float);
    j->bands = kdst__least(j->tiles, kdst__divide_up(panel, SUM_BYTES));
    const int64_t plane = s->p * s->q;
    j->images = plane < STRETCH ? kdst__divide_up(STRETCH, plane) : 1;
    j->rows = j->images > 1 ? s->p : kdst__least(s->p, kdst__divide_up(STRETCH, s->q));
    j->cuts = kdst__divide_up(s->p, j->rows);
    j->stretches = kdst__divide_up(s->n, j->images) * j->cuts;
    const int64_t pieces = s->groups * j->panels * j->bands;
    j->parts = pieces < PIECES ? kdst__least(j->stretches, kdst__divide_up(PIECES, pieces)) : 1;
}

static kdst_status run(weights *j)
{
    const kdst__taps *t = &j->x->taps;
    cut(j);
    const size_t count = (size_t)(j->parts * j->s->groups * j->blocks * block_count(j));
    const size_t bytes = (size_t)t->count * 4 * sizeof(int64_t);
    j->range = kdst__alloc(j->cp->memory, bytes);
    if (!j->range) return KDST_STATUS_OUT_OF_MEMORY;
    j->sums = kdst__alloc(j->cp->memory, count * sizeof(float));
    if (j->sums) {
        for (int64_t i = 0; i < t->count; i++) {
            set_range(j->s->p, j->s->stride[0], t->dh[i], j->x->h, j->range + 4 * i);
            set_range(j->s->q, j->s->stride[1], t->dw[i], j->x->w, j->range + 4 * i + 2);
        }
        kdst__pool_run(j->cp->pool, j->s->groups * j->panels * j->bands * j->parts, sum_piece, j);
        kdst__pool_run(j->cp->pool, j->s->groups * j->panels * j->tiles, spread_piece, j);
    }
    const kdst_status status = j->sums ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
    kdst__free(j->cp->memory, j->sums, count * sizeof(float));
    kdst__free(j->cp->memory, j->range, bytes);
    return status;
}

kdst_status kdst__conv_direct_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw)
{
    kdst__direct_source source;
    if (s->n * s->p * s->q == 0 || s->o * s->c * s->kh * s->kw == 0) return KDST_STATUS_OK;
    kdst_status status = kdst__direct_source_create(cp, s, x_plain, x, &source);
    if (status) return status;
    weights j = {.cp = cp, .s = s, .x = &source, .dy = dy, .dw = dw, .c = s->c / s->groups, .o = s->o / s->groups};
    if (source.taps.count > 0) status = run(&j);
    kdst__direct_source_destroy(cp, &source);
    return status;
}
