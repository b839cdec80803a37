/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of the weights by Winograd convolution: sums over tiles at each point (kernels/winograd_weights.c).
 *
 * Two ways, by the shape alone. Few channels: a piece is a part of the tiles with sums of its own, block by block, so that all
 * of it stays in the second cache; the sums of the parts are added in their order. Many channels: blocks of tiles are transformed
 * for all, and a piece is a chunk of channels and results, whose sums go through all blocks.
 */
#include "compute/conv_winograd.h"
#include "compute/state.h"

#define CACHE (512 << 10)       /* bytes of transformed tiles of a piece */
#define SHARED_TILES (10 << 20) /* bytes of tiles transformed for all */
#define OWN_SUMS (768 << 10)    /* bytes of sums, at most, of a part of the tiles */
#define PARTS_BYTES (5 << 20)   /* bytes of all parts */
#define MOST_PARTS 32
#define LEAST_PRODUCTS (48 * 36) /* of two channels at a time */
#define PIECE_TILES 48           /* to transform */
#define CHUNK_BLOCKS 4           /* of channels in a chunk */
#define CHUNK_GROUPS 2           /* of results */

typedef struct job {
    kdst__compute *cp;
    kdst__winograd g;
    int32_t shared;               /* the second way */
    int64_t tiles, parts, rounds; /* rounds of g.hold tiles */
    int64_t source_blocks, blocks, groups;
    int64_t chunk, chunks, strips; /* channel blocks of a chunk, how many, times CHUNK_GROUPS groups */
    int64_t begin, end;            /* tiles of this round */
    const float *x, *dy;
    float *dw, *v, *dv, *du;
    int64_t v_size, dv_size, area; /* of a chunk or of all channels by one group */
    void *scratch;
    size_t bytes;
} job;

static int64_t between(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

static void plan(job *j, int64_t n)
{
    kdst__winograd *g = &j->g;
    const int64_t lanes = j->cp->lanes, vector = (int64_t)sizeof(float) * lanes;
    j->tiles = kdst__winograd_cut(g, n);
    const int64_t points = g->side * g->side, least = kdst__divide_up(LEAST_PRODUCTS, points);
    j->source_blocks = kdst__divide_up(g->c, lanes);
    j->blocks = kdst__divide_up(g->o, lanes);
    j->groups = kdst__divide_up(j->blocks, KDST__WINOGRAD_GROUP);
    const int64_t tile = (j->source_blocks + j->blocks) * points * vector;
    const int64_t sums = j->source_blocks * lanes * j->blocks * KDST__WINOGRAD_POINTS * vector;
    j->shared = sums > OWN_SUMS;
    if (j->shared) {
        j->rounds = kdst__divide_up(j->tiles * tile, SHARED_TILES);
        g->hold = kdst__round_up(kdst__divide_up(j->tiles, j->rounds), KDST__WINOGRAD_ALIGN);
        j->rounds = kdst__divide_up(j->tiles, g->hold);
    } else {
        const int64_t fit = between(CACHE / tile, least, j->tiles);
        j->parts = between(PARTS_BYTES / sums, 1, kdst__least(MOST_PARTS, kdst__divide_up(j->tiles, fit)));
        g->hold = kdst__least(fit, kdst__divide_up(j->tiles, j->parts));
        g->hold = kdst__round_up(g->hold, KDST__WINOGRAD_ALIGN);
    }
    j->chunk = j->shared ? kdst__least(CHUNK_BLOCKS, j->source_blocks) : j->source_blocks;
    j->chunks = kdst__divide_up(j->source_blocks, j->chunk);
    j->strips = kdst__divide_up(j->groups, CHUNK_GROUPS);
}

static int64_t group_blocks(const job *j, int64_t group)
{
    return kdst__least(KDST__WINOGRAD_GROUP, j->blocks - group * KDST__WINOGRAD_GROUP);
}

/* Sums over `tiles` tiles of channel blocks [begin, end) and a group. */
static void outer(
    const job *j, int64_t group, int64_t begin, int64_t end, int64_t tiles, const float *v, const float *dv,
    int32_t accumulate, float *du)
{
    const int64_t block = j->g.hold * j->cp->lanes;
    j->cp->blocked->winograd_outer(
        &j->g, group_blocks(j, group) - 1, tiles, end - begin, v + begin * block,
        dv + group * KDST__WINOGRAD_GROUP * block, accumulate, du);
}

/* Adds to dw: `blocks` channel blocks that du holds from block `from` on, of which [begin, end) are wanted. */
static void
gradient(const job *j, int64_t group, int64_t from, int64_t blocks, int64_t begin, int64_t end, const float *du)
{
    const int64_t lanes = j->cp->lanes, wide = group_blocks(j, group), first = group * KDST__WINOGRAD_GROUP * lanes;
    j->cp->blocked->winograd_gradient(
        &j->g, wide, j->g.o - first, begin * lanes, kdst__least(end * lanes, j->g.c),
        KDST__WINOGRAD_APART(blocks * lanes * wide, lanes), j->parts, j->groups * j->area,
        du + (begin - from) * lanes * wide * lanes, j->dw + first * j->g.c * j->g.kernel * j->g.kernel);
}

/* ---- few channels ---- */

static void part_piece(void *arg, int64_t part, int32_t worker)
{
    const job *j = arg;
    float *v = j->v + worker * j->v_size, *dv = j->dv + worker * j->dv_size;
    int64_t begin, end;
    kdst__piece_range(j->tiles, j->parts, part, &begin, &end);
    for (int64_t t = begin; t < end; t += j->g.hold) {
        const int64_t last = kdst__least(t + j->g.hold, end);
        j->cp->blocked->winograd_source(&j->g, t, last, 0, j->source_blocks, j->x, 0, v);
        j->cp->blocked->winograd_targets(&j->g, t, last, 0, j->blocks, j->dy, 0, dv);
        for (int64_t group = 0; group < j->groups; group++)
            outer(
                j, group, 0, j->source_blocks, last - t, v, dv, t > begin,
                j->du + (part * j->groups + group) * j->area);
    }
}

static void join_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t group = piece / j->source_blocks, b = piece % j->source_blocks;
    (void)worker;
    gradient(j, group, 0, j->source_blocks, b, b + 1, j->du + group * j->area);
}

/* ---- many ---- */

static void tiles_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t all = j->source_blocks + j->blocks, b = piece % all, at = piece / all * PIECE_TILES;
    const int64_t begin = j->begin + at, end = kdst__least(begin + PIECE_TILES, j->end), d = b - j->source_blocks;
    (void)worker;
    if (d < 0)
        j->cp->blocked->winograd_source(&j->g, begin, end, b, b + 1, j->x, at, j->v);
    else
        j->cp->blocked->winograd_targets(&j->g, begin, end, d, d + 1, j->dy, at, j->dv);
}

static void chunk_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const int64_t begin = piece % j->chunks * j->chunk, end = kdst__least(begin + j->chunk, j->source_blocks);
    const int64_t first = piece / j->chunks * CHUNK_GROUPS, last = kdst__least(first + CHUNK_GROUPS, j->groups);
    for (int64_t group = first; group < last; group++) {
        float *du = j->du + (j->rounds > 1 ? group * j->chunks + piece % j->chunks : worker) * j->area;
        outer(j, group, begin, end, j->end - j->begin, j->v, j->dv, j->begin > 0, du);
        if (j->end == j->tiles) gradient(j, group, begin, end - begin, begin, end, du);
    }
}

static void run_shared(job *j)
{
    for (j->begin = 0; j->begin < j->tiles; j->begin = j->end) {
        j->end = kdst__least(j->begin + j->g.hold, j->tiles);
        const int64_t units = kdst__divide_up(j->end - j->begin, PIECE_TILES);
        kdst__pool_run(j->cp->pool, units * (j->source_blocks + j->blocks), tiles_piece, j);
        kdst__pool_run(j->cp->pool, j->chunks * j->strips, chunk_piece, j);
    }
}

/* ---- running ---- */

static kdst_status create_scratch(job *j)
{
    const int64_t lanes = j->cp->lanes, workers = j->cp->threads, tiles = j->shared ? 1 : workers;
    j->g.v_point = KDST__WINOGRAD_APART(j->source_blocks * j->g.hold, lanes);
    j->g.dv_point = KDST__WINOGRAD_APART(j->blocks * j->g.hold, lanes);
    j->v_size = j->g.side * j->g.side * j->g.v_point;
    j->dv_size = j->g.side * j->g.side * j->g.dv_point;
    j->area = KDST__WINOGRAD_POINTS * KDST__WINOGRAD_APART(j->chunk * lanes * KDST__WINOGRAD_GROUP, lanes);
    const int64_t areas = !j->shared ? j->parts * j->groups : j->rounds > 1 ? j->chunks * j->groups : workers;
    j->bytes = (size_t)(tiles * (j->v_size + j->dv_size) + areas * j->area) * sizeof(float);
    j->scratch = kdst__alloc(j->cp->memory, j->bytes);
    if (!j->scratch) return KDST_STATUS_OUT_OF_MEMORY;
    j->v = j->scratch;
    j->dv = j->v + tiles * j->v_size;
    j->du = j->dv + tiles * j->dv_size;
    return KDST_STATUS_OK;
}

static kdst_status run(job *j, int64_t n)
{
    plan(j, n);
    kdst_status status = create_scratch(j);
    if (status) return status;
    if (j->shared) {
        run_shared(j);
    } else {
        kdst__pool_run(j->cp->pool, j->parts, part_piece, j);
        kdst__pool_run(j->cp->pool, j->groups * j->source_blocks, join_piece, j);
    }
    kdst__free(j->cp->memory, j->scratch, j->bytes);
    return KDST_STATUS_OK;
}

kdst_status kdst__conv_winograd_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw)
{
    job j = {.cp = cp, .g = kdst__winograd_of(s), .parts = 1, .x = x, .dy = dy, .dw = dw};
    if (!x_plain) return run(&j, s->n);
    const size_t bytes = (size_t)kdst__blocked_count(cp, s->n, s->c, s->h * s->w) * sizeof(float);
    float *blocked = kdst__alloc(cp->memory, bytes);
    if (!blocked) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__blocked_from_plain(cp, s->n, s->c, s->h * s->w, x, blocked);
    j.x = blocked;
    const kdst_status status = run(&j, s->n);
    kdst__free(cp->memory, blocked, bytes);
    return status;
}
