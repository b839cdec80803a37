/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's fields, shared by trainer.c (the loop) and checkpoint.c (files). */
#ifndef KDST_TRAIN_TRAINER_H
#define KDST_TRAIN_TRAINER_H

#include "core/context.h"
#include "train/terms.h"

#include <kdst/trainer.h>

enum { KDST__HISTORY_COLUMNS = 6 };

/* Everything of a run that is neither a tensor nor a setting: what a checkpoint stores as text. */
typedef struct kdst__run_position {
    int64_t epoch, step;         /* done */
    int64_t batch;               /* position in the running epoch */
    int64_t samples;             /* seen in the running epoch */
    int64_t hits;                /* of them right */
    double loss_sum;             /* loss times samples */
    double loss, learning_rate;  /* of the last step */
    double epoch_loss, epoch_accuracy;
    double best_accuracy;
    int64_t best_epoch;
} kdst__run_position;

struct kdst_trainer {
    kdst__handle base;
    kdst_layer *model, *teacher;
    kdst_loss *loss;
    kdst_optimizer *optimizer;
    kdst_schedule *schedule;
    kdst_loader *loader, *validation;
    kdst__terms terms;
    kdst_metrics *metrics;
    bool validated; /* metrics hold a whole validation */
    int64_t epochs, bins;
    double base_rate;
    kdst__run_position at;
    double *history; /* [epochs, KDST__HISTORY_COLUMNS], the first at.epoch rows filled */
    kdst_progress_fn progress;
    void *progress_data;
    kdst_destroy_fn progress_destroy;
    bool calling; /* progress runs */
};

#endif
