/* SPDX-License-Identifier: Apache-2.0 */
/* A frozen network from the inside: a plan that no call changes, and for each context a handle with tensors on the plan's weights. */
#ifndef KDST_NN_FROZEN_H
#define KDST_NN_FROZEN_H

#include "compute/blocked.h"
#include "nn/trace.h"

#include <kdst/frozen.h>

/* One operation. Slots are numbered as the values of the trace; those of folded operations stay empty. */
typedef struct kdst__step {
    const kdst__op *op;
    void *attrs; /* copied before each run: a shape rule may write to them */
    int32_t count;
    int64_t first_input; /* in `inputs` of the plan */
    int64_t output;      /* slot */
    int32_t activation;  /* KDST__FUSED_…, in place, on the result */
    bool in_place;       /* add: into the first input */
    bool dropped;        /* folded into another one */
    int64_t sum, addend; /* conv2d: step of a sum that it does too, 0: none; slot of the other operand */
    /* conv2d: its weights, packed once, for a plain result or for one in blocked channels; NULL: not packed */
    kdst__panels panels;
    kdst__conv_packed *packed;
} kdst__step;

/* What a slot holds, and when it is last read. */
typedef struct kdst__slot_info {
    kdst_dtype dtype;
    int32_t rank;
    int64_t shape[KDST__MAX_RANK];
    uint32_t free_axes;  /* inputs: bit i: any size */
    int64_t last_use;    /* step; INT64_MAX: an output */
    kdst_tensor *weight; /* a copy of the plan's own, or NULL */
} kdst__slot_info;

/* A handle (class "plan") of the context that made it. */
typedef struct kdst__plan {
    kdst__handle base;
    kdst__step *steps;
    kdst__slot_info *slots;
    int64_t *inputs; /* slots, of all steps; -1: not given */
    int64_t step_count, slot_count, input_count;
    int32_t most_inputs; /* of a step */
    bool has_callbacks;
    int32_t level; /* of the context that packed the weights */
    int64_t port_count, output_count;
    int64_t ports[KDST__LAYER_INPUTS], outputs[KDST__LAYER_OUTPUTS]; /* slots */
} kdst__plan;

kdst_status kdst__plan_create(const kdst_trace *trace, const kdst_trace *larger, kdst__plan **out);
/* Sizes of a convolution; y is its result's shape. */
kdst__conv2d_shape kdst__step_conv2d(const kdst__step *step, const int64_t *x, const int64_t *weight, const int64_t *y);
/* Packs the weights of convolutions. */
kdst_status kdst__plan_pack(kdst__plan *plan);
/* Folds batch norms into the products in front of them, and marks what can be done in place. */
kdst_status kdst__plan_fold(kdst__plan *plan);

extern const kdst__schema kdst__schema_frozen;

#endif
