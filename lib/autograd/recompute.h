/* SPDX-License-Identifier: Apache-2.0 */
/* Recomputation: a piece of work is run without a record, and once more with one when its gradient is wanted.
 *
 * T. Chen, B. Xu, C. Zhang, C. Guestrin, "Training deep nets with sublinear memory cost", 2016. What the piece makes on the way is not kept
 * between the passes, only its inputs. Where the backward pass comes to the one record of the whole piece, the piece runs again
 * from the same place in the random streams, records itself, and the pass goes on through that record as if it had always been there: it
 * meets the same leaves, and adds to the same gradients.
 *
 * The second run computes the same numbers and changes nothing: whoever moves something while it runs (running statistics) asks
 * kdst__replaying.
 */
#ifndef KDST_AUTOGRAD_RECOMPUTE_H
#define KDST_AUTOGRAD_RECOMPUTE_H

#include "autograd/op.h"

typedef struct kdst__piece_of_work {
    void *owner;         /* a handle, retained by the record; the first argument of the functions */
    int64_t first, last; /* for the owner, which of its parts */
    /* out: a new reference to the one result. */
    kdst_status (*run)(
        void *owner, int64_t first, int64_t last, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out);
    /* A number that changes with whatever would make the second run another one. */
    uint64_t (*state)(const void *owner, int64_t first, int64_t last);
} kdst__piece_of_work;

/* Runs the piece; it is recorded when an input or `parameter` (nullable: a leaf that it reads) requires a gradient. inputs [count, 1 to
 * KDST__MAX_INPUTS], the first one not NULL. */
kdst_status kdst__recompute_run(
    const kdst__piece_of_work *work, kdst_tensor *const *inputs, int64_t count, kdst_tensor *parameter,
    kdst_tensor **out);

#endif
