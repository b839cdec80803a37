/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of blocked tensors that move: images and blocks of the result are shared out among the threads. */
#include "compute/state.h"

#define GRAIN 16384 /* elements worth a piece */

typedef struct job {
    kdst__compute *cp;
    int64_t n, s, c, from, count, d, to, units, pieces;
    int64_t blocks, groups; /* permutation: of images */
    const int32_t *place;
    int32_t add;
    const float *x;
    float *y;
} job;

static void move_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->units, j->pieces, piece, &begin, &end);
    j->cp->blocked->blocked_move_channels(
        j->n, j->s, j->c, j->from, j->count, j->x, j->d, j->to, j->add, begin, end, j->y);
}

void kdst__blocked_move_channels(
    kdst__compute *cp, int64_t n, int64_t s, int64_t c, int64_t from, int64_t count, const float *x, int64_t d,
    int64_t to, int32_t add, float *y)
{
    job j = {
        .cp = cp, .n = n, .s = s, .c = c, .from = from, .count = count, .d = d, .to = to, .add = add, .x = x, .y = y};
    if (count == 0) return;
    j.units = n * ((to + count - 1) / cp->lanes - to / cp->lanes + 1);
    j.pieces = kdst__pieces(j.units, kdst__divide_up(GRAIN, s * cp->lanes + 1));
    kdst__pool_run(cp->pool, j.pieces, move_piece, &j);
}

static void permute_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end, block, last;
    (void)worker;
    kdst__piece_range(j->n, j->groups, piece % j->groups, &begin, &end);
    kdst__piece_range(j->blocks, j->pieces / j->groups, piece / j->groups, &block, &last);
    j->cp->blocked->blocked_permute_channels(j->c, j->s, block, last, begin, end, j->place, j->x, j->add, j->y);
}

void kdst__blocked_permute_channels(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, const int32_t *place, const float *x, int32_t add, float *y)
{
    job j = {.cp = cp, .n = n, .c = c, .s = s, .place = place, .add = add, .x = x, .y = y};
    j.blocks = kdst__divide_up(c, cp->lanes);
    if (n == 0 || c == 0) return;
    int64_t wanted = kdst__pieces(n * j.blocks, kdst__divide_up(GRAIN, s * cp->lanes + 1));
    j.groups = kdst__least(n, wanted);
    j.pieces = j.groups * kdst__least(j.blocks, wanted / j.groups);
    kdst__pool_run(cp->pool, j.pieces, permute_piece, &j);
}
