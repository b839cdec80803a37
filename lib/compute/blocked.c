/* SPDX-License-Identifier: Apache-2.0 */
/* Blocked channels: their width, and the way from and to plain tensors. Planes, each of them a block of channels, are shared
 * out among the threads. */
#include "compute/blocked.h"

#include "compute/state.h"

#define GRAIN 16384 /* elements worth a piece */

int64_t kdst__blocked_width(const kdst__compute *cp)
{
    return cp->lanes;
}

int64_t kdst__blocked_count(const kdst__compute *cp, int64_t n, int64_t c, int64_t s)
{
    return n * kdst__divide_up(c, cp->lanes) * cp->lanes * s;
}

typedef struct job {
    kdst__compute *cp;
    int32_t to_plain;
    int64_t n, c, s, units, pieces;
    const float *x;
    float *y;
} job;

static void run(job j, kdst__piece_fn fn, int64_t units, int64_t work)
{
    j.units = units;
    j.pieces = kdst__pieces(units, kdst__divide_up(GRAIN, work + 1));
    kdst__pool_run(j.cp->pool, j.pieces, fn, &j);
}

static void convert_piece(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->units, j->pieces, piece, &begin, &end);
    if (j->to_plain)
        j->cp->blocked->blocked_to_plain(j->c, j->s, begin, end, j->x, j->y);
    else
        j->cp->blocked->blocked_from_plain(j->c, j->s, begin, end, j->x, j->y);
}

void kdst__blocked_from_plain(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *y)
{
    run((job){.cp = cp, .n = n, .c = c, .s = s, .x = x, .y = y}, convert_piece, n * kdst__divide_up(c, cp->lanes),
        s * cp->lanes);
}

void kdst__blocked_to_plain(kdst__compute *cp, int64_t n, int64_t c, int64_t s, const float *x, float *y)
{
    run((job){.cp = cp, .to_plain = 1, .n = n, .c = c, .s = s, .x = x, .y = y}, convert_piece,
        n * kdst__divide_up(c, cp->lanes), s * cp->lanes);
}
