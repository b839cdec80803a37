/* SPDX-License-Identifier: Apache-2.0 */
/* A case of the system "background": its inputs and expectations on one of the two paths. */
#ifndef KDST_TESTS_GOLDEN_BACKGROUND_H
#define KDST_TESTS_GOLDEN_BACKGROUND_H

#include "distillation.h"

#define MAX_INPUTS 10

typedef struct background_case {
    run *r;
    verdict *v;
    kdst_dtype dtype; /* of this path */
    fields params, inputs, expected;
    double rel, abs, of_max; /* |got - want| <= abs + rel |want|, or of_max max(0.01, max |want|) + rel |want| */
    kdst_tensor *made[MAX_INPUTS];
    int made_count;
} background_case;

/* Input tensor of the path's type (int32 stays), owned by the case; requires a gradient when `leaf`. NULL with a problem. */
kdst_tensor *input(background_case *c, const char *name, bool leaf);

/* Compares a tensor or a number with an expectation. */
void expect_tensor(background_case *c, const char *name, kdst_tensor *got);
void expect_number(background_case *c, const char *name, double got);
/* Compares the gradient of a leaf with expectation `name`. */
void expect_grad(background_case *c, const char *name, kdst_tensor *leaf);
/* Runs a loss both ways and compares its value with "loss" and its gradient for `student` with `grad`; not yet backward
 * beyond `student`: the recorded value is given back. */
void expect_loss(
    background_case *c, kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels,
    const char *value, const char *grad);

/* Kinds: each runs an open case on one path. */
void run_fitnet(background_case *c);
void run_attention(background_case *c);
void run_similarity(background_case *c);
void run_relational(background_case *c, const char *kind);
void run_mutual(background_case *c);
void run_mutual_schedule(background_case *c);
void run_ensemble(background_case *c);
void run_stdp(background_case *c);
void run_stdp_window(background_case *c);
void run_srdp(background_case *c);
void run_slope(background_case *c);

#endif
