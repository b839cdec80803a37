/* SPDX-License-Identifier: Apache-2.0 */
/* Passes over many tensors in one run of the pool, for the sources of this folder alone (spans.c). */
#ifndef KDST_COMPUTE_SPANS_H
#define KDST_COMPUTE_SPANS_H

#include "compute/state.h"

#define KDST__SPANS_PIECES 64 /* the most kdst__pieces gives */

typedef struct kdst__spans_pass kdst__spans_pass;

/* Elements [from, from + n) of a span; the result is added to the piece's. */
typedef double (*kdst__spans_fn)(const kdst__spans_pass *pass, const kdst__span *span, int64_t from, int64_t n);

struct kdst__spans_pass {
    kdst__compute *cp;
    kdst__spans_fn fn;
    const void *rule;
    int64_t count;
    kdst__span *spans;
    int64_t total, pieces;
    double sums[KDST__SPANS_PIECES];
};

/* Runs `fn` over all elements and returns the sum of what it returned, in order of the pieces. */
double kdst__spans_run(kdst__spans_pass *pass, int64_t grain);

#endif
