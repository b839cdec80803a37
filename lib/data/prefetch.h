/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that makes batches ahead of the caller, into a ring of buffers.
 *
 * The thread knows `kdst__batches` and its buffers, no handle and no message, and allocates nothing. All functions but
 * destroy are called by the thread that uses the context; destroy may run on any thread, when no other call is left.
 */
#ifndef KDST_DATA_PREFETCH_H
#define KDST_DATA_PREFETCH_H

#include "data/batches.h"

typedef struct kdst__prefetch kdst__prefetch;

/* Memory and the thread for up to `depth` batches; `batches` must outlive it and is the thread's until destroy. Begins
 * at batch 0 of epoch 0. OUT_OF_MEMORY, without a message, when memory or a thread cannot be had. */
kdst_status kdst__prefetch_create(kdst__memory *memory, kdst__batches *batches, int64_t depth, kdst__prefetch **out);
/* Ends the thread, which may be in the middle of a batch, and frees; nullable. All that a child of fork may do. */
void kdst__prefetch_destroy(kdst__prefetch *prefetch);
/* Goes to a batch of an epoch and returns at once. What is made for it already is kept, the rest dropped. */
void kdst__prefetch_seek(kdst__prefetch *prefetch, int64_t epoch, int64_t batch);
/* What a batch is made into. */
typedef struct kdst__prepared {
    void *images;    /* a caller may put another buffer of equal size here */
    int32_t *labels; /* the second ones of a mixed batch behind those of a whole batch */
    double weight;   /* of the first labels */
    kdst__failure failure;
} kdst__prepared;

/* Waits for the next batch, which may be a failed one. */
kdst__prepared *kdst__prefetch_wait(kdst__prefetch *prefetch);
/* The next batch is made once more. */
void kdst__prefetch_retry(kdst__prefetch *prefetch);
/* Gives the next batch back and goes on to the one after. */
void kdst__prefetch_advance(kdst__prefetch *prefetch);

#endif
