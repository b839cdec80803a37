/* SPDX-License-Identifier: Apache-2.0 */
/* What the autograd files share: the recording state of a context and the parts of a record's life. */
#ifndef KDST_AUTOGRAD_RECORD_H
#define KDST_AUTOGRAD_RECORD_H

#include "autograd/op.h"

typedef struct kdst__autograd {
    int64_t no_grad;   /* depth of no-grad scopes */
    int64_t opened;    /* of those, opened by the caller and not around the callback that runs: they can be ended */
    int64_t eval;      /* depth of evaluation scopes */
    uint64_t sequence; /* records made so far */
    uint64_t passes;   /* backward passes begun so far */
    bool passing;      /* one is under way */
    bool replaying;    /* and runs something again (recompute.h) */
    struct kdst__graph *graph; /* being recorded for its shapes, or NULL; borrowed */
} kdst__autograd;

/* State of the context, made on first use; NULL when memory runs out. */
kdst__autograd *kdst__autograd_of(kdst_context *ctx);

/* Releases everything a backward pass reads, keeps the edges. */
void kdst__node_forget(kdst__node *node);

#endif
