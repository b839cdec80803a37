/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool of one context.
 *
 * Work is cut into pieces by the shape alone; threads only take pieces, in order, from an atomic counter. Whatever
 * a piece computes must not depend on which worker runs it: that is what makes results the same bits for any
 * number of threads. Waiting is a short spin, then a condition variable.
 */
#ifndef KDST_CORE_THREADS_H
#define KDST_CORE_THREADS_H

#include "core/memory.h"

#include <kdst/status.h>

#include <stdint.h>

typedef struct kdst__pool kdst__pool;

/* Runs piece number `piece`; `worker` is in [0, threads) and selects scratch space only. */
typedef void (*kdst__piece_fn)(void *arg, int64_t piece, int32_t worker);

/* threads >= 1, the caller counted in. OUT_OF_MEMORY, or IO when the system refuses a thread. A child of fork may destroy its parent's
 * pool, not run it. */
kdst_status kdst__pool_create(kdst__memory *memory, int32_t threads, kdst__pool **out);
void kdst__pool_destroy(kdst__pool *pool);
int32_t kdst__pool_threads(const kdst__pool *pool);

/* Runs every piece once and returns when all are done. Pieces allocate nothing and start no further run. */
void kdst__pool_run(kdst__pool *pool, int64_t pieces, kdst__piece_fn fn, void *arg);

#endif
