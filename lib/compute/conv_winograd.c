/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution on blocked channels (Lavin and Gray 2016): F(4x4, 3x3), F(2x2, 5x5) on the same six points, and 3 x 3 of stride 2
 * by phases. The equations are in kernels/winograd.c and simd/winograd_strided.h, the layouts in winograd.h; conv_winograd_weights.c has
 * the gradient of the weights.
 *
 * Two ways, by the shape alone. Many tiles: the weights are transformed once for all, and a piece is a block of tiles, whose
 * transformed source and products stay in the second cache. Few tiles and many channels: the tiles are transformed once for
 * all, and a piece is a group of results, whose weights are transformed by the piece itself and never leave the cache.
 * The gradient of the data is the convolution of dy with the weights turned by 180 degrees, inputs and outputs exchanged.
 *
 * Accuracy: an error of some 1e-6 of max|x| sum|w|, some ten times that of a plain sum. A NaN or an infinity spreads over its tiles.
 */
#include "compute/conv_winograd.h"

#include "compute/state.h"

#define CACHE (512 << 10)          /* bytes of a block of tiles */
#define SHARED_SOURCE (10 << 20)   /* bytes of transformed source that may go through the last cache */
#define SHARED_WEIGHTS (768 << 10) /* bytes of transformed weights from which on they are not kept */
#define LEAST_PRODUCTS (48 * 36)   /* of a channel and a result that the weights are read for at a time */
#define LEAST_CHANNELS 16
#define DEPTH 16 /* channels of weights worth a piece */

typedef struct job {
    kdst__compute *cp;
    kdst__winograd g;
    int32_t shared;       /* the second way */
    int64_t tiles, units; /* of g.block tiles each */
    int64_t source_blocks, blocks, groups, depths;
    int64_t lane_step, depth_step;
    int32_t turned, activation;
    const float *x, *w, *bias, *addend; /* addend: as y, which it may be; nullable */
    const float *ready;                 /* transformed weights of all, nullable */
    float *y, *u, *v, *m;               /* u and v: for all or a worker each, m: a worker each */
    int64_t u_group, u_size, v_size, m_size;
    double *sums; /* [units][blocks][3][B], nullable */
    void *scratch;
    size_t bytes;
} job;

/* Geometry of source x and results y. */
static void plan(job *j, int64_t n)
{
    kdst__winograd *g = &j->g;
    const int64_t lanes = j->cp->lanes, vector = (int64_t)sizeof(float) * lanes;
    j->tiles = kdst__winograd_cut(g, n);
    const int64_t points = g->side * g->side, least = kdst__divide_up(LEAST_PRODUCTS, points);
    j->source_blocks = kdst__divide_up(g->c, lanes);
    j->blocks = kdst__divide_up(g->o, lanes);
    j->groups = kdst__divide_up(j->blocks, KDST__WINOGRAD_GROUP);
    j->depths = kdst__divide_up(g->c, DEPTH);
    const int64_t weights = j->blocks * g->c * KDST__WINOGRAD_POINTS * vector;
    const int64_t source = j->tiles * j->source_blocks * points * vector;
    j->shared = source <= SHARED_SOURCE && (weights > SHARED_WEIGHTS || j->tiles < least);
    int64_t fit = CACHE / (points * vector * ((j->shared ? 0 : j->source_blocks) + KDST__WINOGRAD_GROUP));
    if (fit < least) fit = least;
    j->g.block = kdst__least(
        kdst__round_up(fit, KDST__WINOGRAD_ALIGN), kdst__round_up(kdst__divide_up(j->tiles, 8), KDST__WINOGRAD_ALIGN));
    j->units = kdst__divide_up(j->tiles, j->g.block);
    g->hold = j->shared ? kdst__round_up(j->tiles, KDST__WINOGRAD_ALIGN) : j->g.block;
}

/* ---- pieces ---- */

static int64_t group_blocks(const job *j, int64_t group)
{
    return kdst__least(KDST__WINOGRAD_GROUP, j->blocks - group * KDST__WINOGRAD_GROUP);
}

static void weights(const job *j, int64_t group, int64_t begin, int64_t end, float *u)
{
    const int64_t first = group * KDST__WINOGRAD_GROUP * j->cp->lanes;
    j->cp->blocked->winograd_weights(
        &j->g, begin, end, group_blocks(j, group), j->g.o - first, j->lane_step, j->depth_step, j->turned,
        j->w + first * j->lane_step, u);
}

static void weights_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t group = piece / j->depths, begin = piece % j->depths * DEPTH;
    (void)worker;
    weights(j, group, begin, kdst__least(begin + DEPTH, j->g.c), j->u + group * j->u_group);
}

/* Products and results of one unit and one group; v holds the unit from place `at` on. */
static void unit_results(const job *j, int64_t unit, int64_t group, const float *v, const float *u, float *m)
{
    const int64_t lanes = j->cp->lanes, begin = unit * j->g.block, end = kdst__least(begin + j->g.block, j->tiles);
    const int64_t wide = group_blocks(j, group);
    const kdst__kernels_blocked *k = j->cp->blocked;
    k->winograd_product(&j->g, wide - 1, end - begin, v, u, m);
    for (int64_t r = 0; r < wide; r++) {
        const int64_t b = group * KDST__WINOGRAD_GROUP + r;
        k->winograd_results(
            &j->g, b, begin, end, m + r * j->g.block * lanes, j->bias ? j->bias + b * lanes : NULL, j->addend,
            j->activation, j->sums ? j->sums + (unit * j->blocks + b) * 3 * lanes : NULL, j->y);
    }
}

static const float *group_weights(const job *j, int64_t group)
{
    return (j->ready ? j->ready : j->u) + group * j->u_group;
}

static void unit_piece(void *arg, int64_t unit, int32_t worker)
{
    const job *j = arg;
    float *v = j->v + worker * j->v_size;
    const int64_t begin = unit * j->g.block, end = kdst__least(begin + j->g.block, j->tiles);
    j->cp->blocked->winograd_source(&j->g, begin, end, 0, j->source_blocks, j->x, 0, v);
    for (int64_t group = 0; group < j->groups; group++)
        unit_results(j, unit, group, v, group_weights(j, group), j->m + worker * j->m_size);
}

static void source_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t unit = piece / j->source_blocks, b = piece % j->source_blocks;
    const int64_t begin = unit * j->g.block, end = kdst__least(begin + j->g.block, j->tiles);
    (void)worker;
    j->cp->blocked->winograd_source(&j->g, begin, end, b, b + 1, j->x, begin, j->v);
}

static void group_piece(void *arg, int64_t group, int32_t worker)
{
    const job *j = arg;
    float *u = j->u + worker * j->u_size;
    weights(j, group, 0, j->g.c, u);
    for (int64_t unit = 0; unit < j->units; unit++)
        unit_results(j, unit, group, j->v + unit * j->g.block * j->cp->lanes, u, j->m + worker * j->m_size);
}

/* With weights that are ready. */
static void group_unit_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t group = piece / j->units, unit = piece % j->units;
    unit_results(
        j, unit, group, j->v + unit * j->g.block * j->cp->lanes, group_weights(j, group), j->m + worker * j->m_size);
}

/* ---- statistics ---- */

/* Results in a unit of tiles. */
static double unit_count(const job *j, int64_t unit)
{
    const kdst__winograd *g = &j->g;
    int64_t count = 0;
    for (int64_t t = unit * j->g.block; t < kdst__least((unit + 1) * j->g.block, j->tiles); t++) {
        const int64_t in = t % (g->rows * g->columns);
        count += kdst__least(g->step, g->p - in / g->columns * g->step) *
            kdst__least(g->step, g->q - in % g->columns * g->step);
    }
    return (double)count;
}

/* Means and variances of the units joined in their order (Chan, Golub and LeVeque 1983). */
static void join_statistics(const job *j, const kdst__conv_tail *tail)
{
    const int64_t lanes = j->cp->lanes;
    double count = 0;
    for (int64_t o = 0; o < j->g.o; o++)
        tail->mean[o] = tail->var[o] = 0;
    for (int64_t unit = 0; unit < j->units; unit++) {
        const double more = unit_count(j, unit), all = count + more;
        for (int64_t o = 0; o < j->g.o; o++) {
            const double *s = j->sums + (unit * j->blocks + o / lanes) * 3 * lanes + o % lanes;
            const double mean = s[lanes] / more, apart = s[0] + mean - tail->mean[o];
            tail->var[o] += s[2 * lanes] - mean * s[lanes] + apart * apart * (count * more / all);
            tail->mean[o] += apart * (more / all);
        }
        count = all;
    }
    for (int64_t o = 0; o < j->g.o; o++)
        tail->var[o] /= count;
}

/* ---- running ---- */

static void settle_weights(job *j)
{
    j->u_group = KDST__WINOGRAD_POINTS * KDST__WINOGRAD_APART(KDST__WINOGRAD_GROUP * j->g.c, j->cp->lanes);
    j->u_size = j->shared ? j->u_group : j->groups * j->u_group;
}

static kdst_status create_scratch(job *j, int32_t with_sums)
{
    const int64_t lanes = j->cp->lanes, workers = j->cp->threads;
    const int64_t u_copies = j->ready ? 0 : j->shared ? workers : 1, v_copies = j->shared ? 1 : workers;
    settle_weights(j);
    j->g.v_point = KDST__WINOGRAD_APART(j->source_blocks * j->g.hold, lanes);
    j->g.m_point = KDST__WINOGRAD_APART(KDST__WINOGRAD_GROUP * j->g.block, lanes);
    j->v_size = j->g.side * j->g.side * j->g.v_point;
    j->m_size = j->g.side * j->g.side * j->g.m_point;
    const int64_t sums = with_sums ? j->units * j->blocks * 3 * lanes : 0;
    const int64_t floats = u_copies * j->u_size + v_copies * j->v_size + workers * j->m_size;
    j->bytes = (size_t)sums * sizeof(double) + (size_t)floats * sizeof(float);
    j->scratch = kdst__alloc(j->cp->memory, j->bytes);
    if (!j->scratch) return KDST_STATUS_OUT_OF_MEMORY;
    j->sums = sums ? j->scratch : NULL;
    j->u = (float *)((double *)j->scratch + sums);
    j->v = j->u + u_copies * j->u_size;
    j->m = j->v + v_copies * j->v_size;
    return KDST_STATUS_OK;
}

static kdst_status run(job *j, int64_t n, const kdst__conv_tail *tail)
{
    plan(j, n);
    kdst_status status = create_scratch(j, tail && tail->mean);
    if (status) return status;
    if (j->shared) {
        kdst__pool_run(j->cp->pool, j->units * j->source_blocks, source_piece, j);
        if (j->ready)
            kdst__pool_run(j->cp->pool, j->groups * j->units, group_unit_piece, j);
        else
            kdst__pool_run(j->cp->pool, j->groups, group_piece, j);
    } else {
        if (!j->ready) kdst__pool_run(j->cp->pool, j->groups * j->depths, weights_piece, j);
        kdst__pool_run(j->cp->pool, j->units, unit_piece, j);
    }
    if (j->sums) join_statistics(j, tail);
    kdst__free(j->cp->memory, j->scratch, j->bytes);
    return KDST_STATUS_OK;
}

/* Where the products are far fewer than the plain sum's, and enough tiles share the transformed weights: of the tiles of stride 1, which
 * save three products of four, nearly all must be full, with stride 2 (7 of 16) most. */
int32_t kdst__conv_winograd_fits(const kdst__compute *cp, const kdst__conv2d_shape *s)
{
    const int64_t k = s->kh, stride = s->stride[0], step = k == 3 ? 4 : 2;
    (void)cp;
    if (s->kw != k || s->stride[1] != stride || s->groups != 1) return 0;
    if (!(k == 3 && stride <= 2) && !(k == 5 && stride == 1)) return 0;
    if (s->dilation[0] != 1 || s->dilation[1] != 1 || s->padding[0] >= k || s->padding[1] >= k) return 0;
    if (s->c < LEAST_CHANNELS || s->o < LEAST_CHANNELS || s->p < 4 || s->q < 4) return 0;
    const int64_t tiles = kdst__divide_up(s->p, step) * kdst__divide_up(s->q, step), sums = k * k * s->p * s->q;
    return s->n * tiles >= 16 && (stride == 1 ? 7 * 36 * tiles <= 4 * sums : 7 * 81 * tiles <= 5 * sums);
}

static job forward_job(kdst__compute *cp, const kdst__conv2d_shape *s, const float *w)
{
    const int64_t taps = s->kh * s->kw;
    return (job){.cp = cp, .g = kdst__winograd_of(s), .lane_step = s->c * taps, .depth_step = taps, .w = w};
}

kdst_status kdst__conv_winograd_forward_packed(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const float *packed, const kdst__conv_tail *tail, float *y)
{
    job j = forward_job(cp, s, w);
    j.ready = packed;
    j.activation = tail ? tail->activation : KDST__FUSED_NONE;
    j.bias = tail ? tail->bias : NULL;
    j.addend = tail ? tail->addend : NULL;
    j.x = x;
    j.y = y;
    if (!x_plain) return run(&j, s->n, tail);
    const size_t bytes = (size_t)kdst__blocked_count(cp, s->n, s->c, s->h * s->w) * sizeof(float);
    float *blocked = kdst__alloc(cp->memory, bytes);
    if (!blocked) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__blocked_from_plain(cp, s->n, s->c, s->h * s->w, x, blocked);
    j.x = blocked;
    const kdst_status status = run(&j, s->n, tail);
    kdst__free(cp->memory, blocked, bytes);
    return status;
}

kdst_status kdst__conv_winograd_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_tail *tail, float *y)
{
    return kdst__conv_winograd_forward_packed(cp, s, x_plain, x, w, NULL, tail, y);
}

kdst_status kdst__conv_winograd_pack(
    kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, float **out, size_t *bytes)
{
    job j = forward_job(cp, s, w);
    plan(&j, s->n);
    j.shared = 0;
    settle_weights(&j);
    *bytes = (size_t)j.u_size * sizeof(float);
    *out = j.u = kdst__alloc(memory, *bytes);
    if (!j.u) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__pool_run(cp->pool, j.groups * j.depths, weights_piece, &j);
    return KDST_STATUS_OK;
}

/* The convolution of dy that gives dx. With stride 2 tile t of dx is 8t + padding … 8t + padding + 7 of the frame around it. */
static kdst__winograd transposed(const kdst__conv2d_shape *s)
{
    kdst__winograd g = {
        .form = s->stride[0] == 1 ? KDST__WINOGRAD_DENSE : KDST__WINOGRAD_SPREAD,
        .kernel = s->kh,
        .c = s->o,
        .h = s->p,
        .w = s->q,
        .o = s->c,
        .p = s->h,
        .q = s->w};
    for (int i = 0; i < 2; i++) {
        g.pad[i] = s->stride[i] == 1 ? g.kernel - 1 - s->padding[i] : s->padding[i] == 0;
        g.odd_first[i] = s->padding[i] % 2;
    }
    return g;
}

kdst_status kdst__conv_winograd_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx)
{
    const int64_t taps = s->kh * s->kw;
    job j = {
        .cp = cp,
        .g = transposed(s),
        .lane_step = taps,
        .depth_step = s->c * taps,
        .turned = 1,
        .addend = add ? dx : NULL,
        .x = dy,
        .w = w,
        .y = dx};
    return run(&j, s->n, NULL);
}
