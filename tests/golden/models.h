/* SPDX-License-Identifier: Apache-2.0 */
/* A case of the system "models", and its parts: made by the rule (models_rule.c), read and compared (models.c). */
#ifndef KDST_TESTS_GOLDEN_MODELS_H
#define KDST_TESTS_GOLDEN_MODELS_H

#include "golden.h"

#define MODEL_TASKS 8  /* most outputs */
#define MODEL_INPUTS 4 /* most inputs */

typedef struct model_case {
    run *r;
    verdict *v;
    const char *name, *first, *last, *bn_first, *bn_last; /* bn_…: NULL without batch norm */
    int64_t tasks, classes[MODEL_TASKS];                  /* of each output */
    bool listed;        /* the manifest lists the classes: the network has several outputs, one for each pixel */
    int64_t vocabulary; /* of sentences; 0: images */
    int64_t batch, parameter_count, input_shape[MAX_RANK]; /* [N, C, H, W], or [T, N] of tokens */
    int32_t *labels[MODEL_TASKS];
    double g;
    uint32_t seed;
    const cJSON *state, *parameters, *expected;
    unsigned long weights_crc, input_crc;
    tolerance wide, wide_grad; /* of the float64 path: values, and gradients stored as float32 */
} model_case;

/* Elements of tensor number t, rounded to float32, into the tensor of either type; continues the sum. */
void model_fill(model_case *c, const char *rule, uint32_t t, double fan_in, kdst_tensor *tensor, uint32_t *crc);
/* The inputs of the network, whose sum must be the manifest's; returns how many. */
int64_t model_inputs(model_case *c, kdst_dtype dtype, kdst_tensor **out);

/* Reads what a case says about its sizes and labels. */
void model_read(model_case *c, fields *f);
/* The loss: mean cross-entropy over samples, or over all pixels, each with the label of its image; summed over the outputs. NULL with a
 * problem. */
kdst_tensor *model_loss(model_case *c, kdst_tensor *const *logits);

#endif
