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
} kdst__autograd;

/* State of the context, made on first use; NULL when memory runs out. */
kdst__autograd *kdst__autograd_of(kdst_context *ctx);

/* Around a callback of the caller's: recording is off, and scopes that it leaves open end with it. */
typedef struct kdst__scopes {
    int64_t no_grad, opened;
} kdst__scopes;
bool kdst__scopes_enter(kdst_context *ctx, kdst__scopes *before); /* false: out of memory */
void kdst__scopes_leave(kdst_context *ctx, const kdst__scopes *before);

/* Releases everything a backward pass reads, keeps the edges. */
void kdst__node_forget(kdst__node *node);

#endif
