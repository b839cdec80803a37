/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of one run (see parts.c). Functions that return bool explain what failed on standard error. */
#ifndef DISTILL_PARTS_H
#define DISTILL_PARTS_H

#include "../common/training.h"
#include "run.h"

typedef struct parts {
    kdst_layer *model, *teacher;
    kdst_loss *loss;
    kdst_optimizer *optimizer;
    kdst_schedule *schedule;
    kdst_loader *train, *test;
    kdst_trainer *trainer;
    kdst_layer *regressors; /* of hints: "regressor0", … */
    double teacher_accuracy;
    run_files files;
} parts;

int64_t epochs_of(const settings *s, const job *j);
const char *net_of(const settings *s, const job *j);

/* Value of --set: a whole number, a number or a word, in this order of trying. */
kdst_status set_option(kdst_options *o, const char *key, const char *value);
bool make_loss(experiment *e, const job *j, kdst_loss **out);
bool make_optimizer(experiment *e, const job *j, double rate, kdst_layer *model, kdst_optimizer **out);
bool make_trainer(experiment *e, const job *j, parts *p);
/* Everything; the teacher with the weights its run ended with when `trained`, else as it begins. */
bool make_parts(experiment *e, const job *j, bool trained, parts *p);
void parts_free(parts *p);

/* Accuracy of a model on the images of a loader. */
bool accuracy_of(experiment *e, kdst_layer *model, kdst_loader *loader, double *out);

#endif
