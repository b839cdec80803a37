/* SPDX-License-Identifier: Apache-2.0 */
/* Terms of a trainer's loss between features: weight * loss(regressor(student's output at a place), teacher's at another). */
#ifndef KDST_TRAIN_TERMS_H
#define KDST_TRAIN_TERMS_H

#include "io/state.h"

#include <kdst/trainer.h>

typedef struct kdst__term {
    kdst_loss *loss;
    double weight;
    kdst_layer *student, *teacher, *regressor; /* regressor: nullable */
} kdst__term;

typedef struct kdst__terms {
    kdst__term *all;
    int64_t count, capacity;
} kdst__terms;

void kdst__terms_release(kdst_context *ctx, kdst__terms *terms);
/* Adds every term to *loss, which is replaced; the networks have run. */
kdst_status kdst__terms_apply(const kdst__terms *terms, kdst_tensor **loss);
/* Regressors as "term<i>.<name>" in a checkpoint: put, compared without a change, loaded (which cannot fail once compared but for memory). */
kdst_status kdst__terms_put(const kdst__terms *terms, kdst_state *state);
kdst_status kdst__terms_check(const kdst__terms *terms, kdst_state *state);
kdst_status kdst__terms_load(const kdst__terms *terms, kdst_state *state);

#endif
