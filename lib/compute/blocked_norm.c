/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norm and sums on blocked channels: how they are cut.
 *
 * There may be fewer blocks of channels than threads, so images are shared out too, in groups; the moments of the groups of a block are
 * merged in their order. Backward reads everything twice, first for the sums, then for dx: where there are many blocks, a piece
 * does both with one of them after the other; else the blocks go in bands whose planes stay in the cache meanwhile.
 */
#include "compute/blocked_groups.h"

#define GRAIN 16384        /* elements worth a piece */
#define MANY 8             /* blocks that keep the threads busy */
#define BAND_BYTES 8000000 /* of x, dy and y: about what the last cache holds */

typedef struct job {
    kdst__compute *cp;
    int64_t n, c, s, blocks, pieces;
    int64_t first, groups; /* unit (b, i): block first + b, group i of the images */
    const float *x, *gamma, *beta, *addend;
    const double *mean, *inverse;
    int32_t activation;
    float *y;
    double *out_mean, *out_var;
    const kdst__blocked_norm_gradient *g;
    kdst__moments *unit; /* [pieces] where there are groups */
} job;

static int64_t blocks_of(const kdst__compute *cp, int64_t c)
{
    return kdst__divide_up(c, cp->lanes);
}

int64_t kdst__image_groups(int64_t n, int64_t blocks, int64_t work)
{
    int64_t groups = kdst__least(kdst__least(work / GRAIN, KDST__UNITS) / blocks, n);
    return groups > 1 ? groups : 1;
}

static int64_t groups_of(const job *j, int64_t blocks)
{
    return kdst__image_groups(j->n, blocks, blocks * j->n * j->s * j->cp->lanes);
}

static int64_t width(const job *j, int64_t block)
{
    return kdst__least(j->c - block * j->cp->lanes, j->cp->lanes);
}

/* Pieces that are (block, group), or some whole blocks where one group is enough. */
static void cut(job *j)
{
    j->blocks = blocks_of(j->cp, j->c);
    j->groups = j->blocks ? groups_of(j, j->blocks) : 1;
    j->pieces = j->groups > 1 ? j->blocks * j->groups
                              : kdst__pieces(j->blocks, kdst__divide_up(GRAIN, j->n * j->s * j->cp->lanes + 1));
}

/* ---- statistics ---- */

/* By Chan, Golub, LeVeque 1979. */
void kdst__set_statistics(
    const kdst__compute *cp, int64_t n, int64_t c, int64_t s, int64_t groups, int64_t block, const kdst__moments *of,
    double *mean, double *var)
{
    const double all = (double)n * (double)s;
    for (int64_t k = 0, i = block * cp->lanes; k < cp->lanes && i < c; k++, i++) {
        double before = 0, middle = 0, squares = 0;
        for (int64_t group = 0; group < groups; group++) {
            int64_t begin, end;
            kdst__piece_range(n, groups, group, &begin, &end);
            double count = (double)(end - begin) * (double)s, delta = of[group][k] - middle;
            if (before > 0) squares += delta * delta * (before * count / (before + count));
            middle = before > 0 ? middle + delta * (count / (before + count)) : of[group][k];
            squares += of[group][cp->lanes + k];
            before += count;
        }
        mean[i] = middle;
        var[i] = all > 0 ? (squares > 0 || squares != squares ? squares : 0) / all : 0;
    }
}

static void statistics_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    if (j->groups > 1) {
        kdst__piece_range(j->n, j->groups, piece % j->groups, &begin, &end);
        j->cp->blocked->blocked_statistics(
            j->blocks, j->s, piece / j->groups, begin, end, j->x, j->unit[piece], j->unit[piece] + j->cp->lanes);
        return;
    }
    kdst__piece_range(j->blocks, j->pieces, piece, &begin, &end);
    for (int64_t block = begin; block < end; block++) {
        kdst__moments of;
        j->cp->blocked->blocked_statistics(j->blocks, j->s, block, 0, j->n, j->x, of, of + j->cp->lanes);
        kdst__set_statistics(j->cp, j->n, j->c, j->s, 1, block, (const kdst__moments *)&of, j->out_mean, j->out_var);
    }
}

void kdst__blocked_statistics(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, double *mean, double *var)
{
    kdst__moments unit[KDST__UNITS];
    job j = {.cp = cp, .n = n, .c = c, .s = s, .x = x, .out_mean = mean, .out_var = var, .unit = unit};
    cut(&j);
    kdst__pool_run(cp->pool, j.pieces, statistics_piece, &j);
    for (int64_t block = 0; block < j.blocks && j.groups > 1; block++)
        kdst__set_statistics(cp, n, c, s, j.groups, block, (const kdst__moments *)unit + block * j.groups, mean, var);
}

/* ---- sums ---- */

static void add_sums(const job *j, int64_t block, const double *sums)
{
    for (int64_t k = 0, i = block * j->cp->lanes; k < width(j, block); k++, i++)
        j->y[i] += (float)sums[k];
}

static void sum_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    if (j->groups > 1) {
        kdst__piece_range(j->n, j->groups, piece % j->groups, &begin, &end);
        j->cp->blocked->blocked_sum(j->blocks, j->s, piece / j->groups, begin, end, j->x, j->unit[piece]);
        return;
    }
    kdst__piece_range(j->blocks, j->pieces, piece, &begin, &end);
    for (int64_t block = begin; block < end; block++) {
        kdst__moments of;
        j->cp->blocked->blocked_sum(j->blocks, j->s, block, 0, j->n, j->x, of);
        add_sums(j, block, of);
    }
}

void kdst__blocked_sum(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *sums)
{
    kdst__moments unit[KDST__UNITS];
    job j = {.cp = cp, .n = n, .c = c, .s = s, .x = x, .y = sums, .unit = unit};
    cut(&j);
    kdst__pool_run(cp->pool, j.pieces, sum_piece, &j);
    for (int64_t block = 0; block < j.blocks && j.groups > 1; block++) {
        kdst__moments all = {0};
        for (int64_t group = 0; group < j.groups; group++)
            for (int64_t k = 0; k < cp->lanes; k++)
                all[k] += unit[block * j.groups + group][k];
        add_sums(&j, block, all);
    }
}

/* ---- normalisation: images are shared out first, since the blocks of one lie side by side ---- */

static void normalise_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end, block, last;
    (void)worker;
    kdst__piece_range(j->n, j->groups, piece % j->groups, &begin, &end);
    kdst__piece_range(j->blocks, j->pieces / j->groups, piece / j->groups, &block, &last);
    j->cp->blocked->blocked_normalise(
        j->c, j->s, block, last, begin, end, j->x, j->mean, j->inverse, j->gamma, j->beta, j->addend, j->activation,
        j->y);
}

void kdst__blocked_normalise(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, const double *mean, const double *inverse,
    const float *gamma, const float *beta, const float *addend, int32_t activation, float *y)
{
    job j = {
        .cp = cp,
        .n = n,
        .c = c,
        .s = s,
        .x = x,
        .mean = mean,
        .inverse = inverse,
        .gamma = gamma,
        .beta = beta,
        .addend = addend,
        .activation = activation,
        .y = y};
    j.blocks = blocks_of(cp, c);
    if (n == 0 || j.blocks == 0) return;
    int64_t wanted = kdst__pieces(n * j.blocks, kdst__divide_up(GRAIN, s * cp->lanes + 1));
    j.groups = kdst__least(n, wanted);
    j.pieces = j.groups * kdst__least(j.blocks, wanted / j.groups);
    kdst__pool_run(cp->pool, j.pieces, normalise_piece, &j);
}

/* ---- backward ---- */

static void set_parameters(const job *j, int64_t block, const double *sum, const double *product)
{
    const kdst__blocked_norm_gradient *g = j->g;
    for (int64_t k = 0, i = block * j->cp->lanes; k < width(j, block); k++, i++) {
        if (g->dgamma) g->dgamma[i] += (float)(product[k] * g->inverse[i]);
        if (g->dbeta) g->dbeta[i] += (float)sum[k];
    }
}

static int has_sums(const kdst__blocked_norm_gradient *g)
{
    return g->training || g->dgamma || g->dbeta || g->d_addend;
}

/* Some blocks, each of them whole. */
static void whole_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    const kdst__kernels_blocked *kernels = j->cp->blocked;
    int64_t block, last;
    (void)worker;
    kdst__piece_range(j->blocks, j->pieces, piece, &block, &last);
    for (; block < last; block++) {
        kdst__moments sums = {0};
        if (has_sums(j->g)) kernels->blocked_norm_sums(j->g, block, 0, j->n, sums);
        set_parameters(j, block, sums, sums + j->cp->lanes);
        if (j->g->dx) kernels->blocked_norm_dx(j->g, block, 0, j->n, sums);
    }
}

static void sums_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->groups, piece % j->groups, &begin, &end);
    j->cp->blocked->blocked_norm_sums(j->g, j->first + piece / j->groups, begin, end, j->unit[piece]);
}

/* The sums of a block are those of its group 0 by now. */
static void dx_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end, b;
    (void)worker;
    piece = j->pieces - 1 - piece;
    b = piece / j->groups;
    kdst__piece_range(j->n, j->groups, piece % j->groups, &begin, &end);
    j->cp->blocked->blocked_norm_dx(j->g, j->first + b, begin, end, j->unit[b * j->groups]);
}

static void add_groups(const job *j, int64_t b)
{
    double *sums = j->unit[b * j->groups];
    for (int64_t group = 1; group < j->groups; group++)
        for (int64_t k = 0; k < 2 * j->cp->lanes; k++)
            sums[k] += j->unit[b * j->groups + group][k];
    set_parameters(j, j->first + b, sums, sums + j->cp->lanes);
}

/* Blocks first … first + band - 1 */
static void run_band(job *j, int64_t band)
{
    j->groups = groups_of(j, band);
    j->pieces = band * j->groups;
    if (has_sums(j->g)) {
        kdst__pool_run(j->cp->pool, j->pieces, sums_piece, j);
        for (int64_t b = 0; b < band; b++)
            add_groups(j, b);
    }
    if (j->g->dx) kdst__pool_run(j->cp->pool, j->pieces, dx_piece, j);
}

kdst_status kdst__blocked_normalise_backward(kdst__compute *cp, const kdst__blocked_norm_gradient *g)
{
    kdst__moments unit[KDST__UNITS];
    job j = {.cp = cp, .n = g->n, .c = g->c, .s = g->s, .blocks = blocks_of(cp, g->c), .g = g, .unit = unit};
    const int64_t work = g->n * g->s * cp->lanes,
                  bytes = work * (g->activation && g->y ? 3 : 2) * (int64_t)sizeof(float);
    if (work == 0 || j.blocks == 0) return KDST_STATUS_OK;
    if (j.blocks >= MANY || j.blocks * work < 4 * GRAIN) {
        j.pieces = kdst__pieces(j.blocks, kdst__divide_up(GRAIN, work + 1));
        kdst__pool_run(cp->pool, j.pieces, whole_piece, &j);
        return KDST_STATUS_OK;
    }
    const int64_t band = bytes < BAND_BYTES ? BAND_BYTES / bytes : 1;
    for (; j.first < j.blocks; j.first += band)
        run_band(&j, kdst__least(band, j.blocks - j.first));
    return KDST_STATUS_OK;
}
