/* SPDX-License-Identifier: Apache-2.0 */
/* A step of local learning (kernels/plasticity.c has the equation): rows of the weights, one neuron behind the synapses each, are shared
 * out among the threads. */
#include "compute/plasticity.h"

#include "compute/state.h"

#define GRAIN 16384 /* products worth a piece */

typedef struct job {
    kdst__compute *cp;
    int32_t dtype;
    const kdst__plasticity *p;
    int64_t samples, m, n, pieces;
    const void *up_post, *up_pre, *down_post, *down_pre;
    void *w;
} job;

static void rows(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->m, j->pieces, piece, &begin, &end);
    KDST__CALL(
        j->cp, j->dtype, plasticity, j->p, j->samples, j->m, j->n, begin, end, j->up_post, j->up_pre, j->down_post,
        j->down_pre, j->w);
}

void kdst__plasticity_step(
    kdst__compute *cp, int32_t dtype, const kdst__plasticity *p, int64_t samples, int64_t m, int64_t n,
    const void *up_post, const void *up_pre, const void *down_post, const void *down_pre, void *w)
{
    job j = {cp, dtype, p, samples, m, n, 0, up_post, up_pre, down_post, down_pre, w};
    if (m == 0 || n == 0) return;
    j.pieces = kdst__pieces(m, kdst__divide_up(kdst__divide_up(GRAIN, n), samples + 1));
    kdst__pool_run(cp->pool, j.pieces, rows, &j);
}
