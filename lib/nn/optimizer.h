/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers from the inside: what a kind provides, and the tensors it updates with their state. */
#ifndef KDST_NN_OPTIMIZER_H
#define KDST_NN_OPTIMIZER_H

#include "core/options.h"
#include "tensor/tensor.h"

#include <kdst/optimizer.h>

#define KDST__OPTIMIZER_SLOTS 3 /* most state tensors of one updated tensor */

/* A tensor that is updated. Its slots are [moments …, "updates"]; all exist or none. */
typedef struct kdst__optimizer_entry {
    char *names; /* of the tensor, then of each slot, one after the other, each closed by 0 */
    size_t name_bytes;
    const char *slot_names[KDST__OPTIMIZER_SLOTS];
    kdst_tensor *tensor;
    kdst_tensor *slots[KDST__OPTIMIZER_SLOTS];
} kdst__optimizer_entry;

typedef struct kdst__optimizer_kind {
    const char *name; /* "sgd" */
    size_t bytes;     /* of the kind's struct, which begins with kdst_optimizer */
    /* Updates entry->tensor from its gradient. `updates` is the number of this update of the tensor, from 1, where the kind has
     * slots, else 0. Cannot fail. */
    void (*update)(const kdst_optimizer *optimizer, const kdst__optimizer_entry *entry, int64_t updates);
} kdst__optimizer_kind;

struct kdst_optimizer {
    kdst__handle base;
    const kdst__optimizer_kind *kind;
    double learning_rate;
    int64_t steps;
    int32_t slot_count;                             /* 0, or moments and the counter */
    const char *slot_suffix[KDST__OPTIMIZER_SLOTS]; /* static; the last is "updates" */
    int64_t count, capacity;
    kdst__optimizer_entry *entries;
};

/* New optimiser without tensors; checks ctx and out. */
kdst_status kdst__optimizer_begin(kdst_context *ctx, const char *function, kdst_optimizer **out);
kdst_status kdst__optimizer_new(kdst_context *ctx, const kdst__optimizer_kind *kind, kdst_optimizer **out);

extern const kdst__schema kdst__schema_optimizer_sgd, kdst__schema_optimizer_adam;

#endif
