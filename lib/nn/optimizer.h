/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers from the inside: what a kind provides, and the tensors it updates with their state. */
#ifndef KDST_NN_OPTIMIZER_H
#define KDST_NN_OPTIMIZER_H

#include "core/options.h"
#include "tensor/tensor.h"

#include <kdst/optimizer.h>

#define KDST__OPTIMIZER_SLOTS 4 /* most state tensors of one updated tensor */

/* A tensor that is updated. Its slots are [moments …, "updates"]; all exist or none. */
typedef struct kdst__optimizer_entry {
    char *names; /* of the tensor, then of each slot, one after the other, each closed by 0 */
    size_t name_bytes;
    const char *slot_names[KDST__OPTIMIZER_SLOTS];
    kdst_tensor *tensor;
    kdst_tensor *slots[KDST__OPTIMIZER_SLOTS];
    double rate_factor, weight_decay; /* of its group */
} kdst__optimizer_entry;

typedef struct kdst__optimizer_kind {
    const char *name; /* "sgd" */
    size_t bytes;     /* of the kind's struct, which begins with kdst_optimizer */
    /* Updates tensors from their gradients, which are multiplied by `scale` first. Cannot fail. */
    void (*update)(const kdst_optimizer *optimizer, int64_t count, kdst__span *spans, double scale);
} kdst__optimizer_kind;

struct kdst_optimizer {
    kdst__handle base;
    const kdst__optimizer_kind *kind;
    double learning_rate, weight_decay; /* for tensors whose group says nothing else */
    int64_t steps;
    int32_t slot_count;                             /* 0, or moments and the counter */
    const char *slot_suffix[KDST__OPTIMIZER_SLOTS]; /* static; the last is "updates" */
    int32_t slot_place[KDST__OPTIMIZER_SLOTS];      /* in kdst__span.state */
    int64_t count, capacity;
    kdst__optimizer_entry *entries;
    int64_t span_capacity; /* at least `capacity` */
    kdst__span *spans;     /* room for a pass over the gradients */
};

/* New optimiser without tensors; checks ctx and out. */
kdst_status kdst__optimizer_begin(kdst_context *ctx, const char *function, kdst_optimizer **out);
kdst_status kdst__optimizer_new(kdst_context *ctx, const kdst__optimizer_kind *kind, kdst_optimizer **out);

/* Declares the next state tensor of each updated one, which the rule finds in place `place` of kdst__span.state; then the counter. */
static inline void kdst__optimizer_add_slot(kdst_optimizer *optimizer, const char *suffix, int32_t place)
{
    optimizer->slot_place[optimizer->slot_count] = place;
    optimizer->slot_suffix[optimizer->slot_count++] = suffix;
}
static inline void kdst__optimizer_add_counter(kdst_optimizer *optimizer)
{
    optimizer->slot_suffix[optimizer->slot_count++] = "updates";
}
/* Adds a tensor under prefix + name; nothing changes on failure. */
kdst_status kdst__optimizer_add(
    kdst_optimizer *optimizer, const char *function, const char *prefix, const char *name, kdst_tensor *tensor,
    double rate_factor, double weight_decay);
/* The entry that holds a tensor, or NULL. */
const kdst__optimizer_entry *kdst__optimizer_find(const kdst_optimizer *optimizer, const kdst_tensor *tensor);
/* Takes the entries from number `count` on away again. */
void kdst__optimizer_cut(kdst_optimizer *optimizer, int64_t count);
/* The gradient that the next step would use, or NULL: none, or the tensor is frozen. */
static inline kdst_tensor *kdst__optimizer_grad(const kdst__optimizer_entry *entry)
{
    return entry->tensor->requires_grad ? entry->tensor->grad : NULL;
}

/* Fills `spans` with the tensors that have a gradient to use, in their order; how many. */
int64_t kdst__optimizer_spans(kdst_optimizer *optimizer);
/* All gradients times a factor. */
void kdst__optimizer_scale(kdst_optimizer *optimizer, double factor);
/* What scales the gradients to a joint 2-norm of at most max_norm, above 0; 1 where nothing is to do. STATE when the norm is not finite. */
kdst_status kdst__optimizer_measure(
    kdst_optimizer *optimizer, const char *function, double max_norm, double *out_norm, double *out_scale);
/* kdst_optimizer_clip_norm with max_norm, where that is above 0, and kdst_optimizer_run, in two passes: one that looks, one that writes. */
kdst_status kdst__optimizer_step(kdst_optimizer *optimizer, double max_norm, double *out_norm);

extern const kdst__schema kdst__schema_optimizer_sgd, kdst__schema_optimizer_adam, kdst__schema_optimizer_adamw,
    kdst__schema_optimizer_rmsprop, kdst__schema_optimizer_group, kdst__schema_optimizer_clip_norm;

#endif
