/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's fields, shared by trainer.c (its life), trainer_step.c (one update), trainer_epoch.c (validation, best, stopping),
 * trainer_get.c (figures) and checkpoint.c (files).
 */
#ifndef KDST_TRAIN_TRAINER_H
#define KDST_TRAIN_TRAINER_H

#include "core/context.h"
#include "train/terms.h"

#include <kdst/average.h>
#include <kdst/trainer.h>

enum { KDST__HISTORY_COLUMNS = 6 };
enum { KDST__MONITOR_ACCURACY, KDST__MONITOR_NLL };
enum { KDST__RECOMPUTE_NONE, KDST__RECOMPUTE_AUTO };

/* Settings of schema "trainer". */
typedef struct kdst__trainer_config {
    int64_t epochs, bins, accumulate, average_from, average_validate, patience, keep_best;
    double clip_norm, clip_value, weight_bound, average_decay, min_delta;
    int32_t average_kind, average_warmup, monitor, recompute;
} kdst__trainer_config;

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
    double monitor_best;         /* of the monitored figure, NaN before the first */
    int64_t monitor_epoch;       /* from 1; 0: none */
    int64_t waiting;             /* epochs since then */
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
    kdst__trainer_config config;
    double base_rate;
    kdst_average *average; /* NULL: none */
    kdst_average *best;    /* NULL: not kept; its tensors are a copy of the best weights */
    char *best_path;       /* NULL: no file */
    double gradient_norm;  /* of the last step, before clipping */
    kdst__run_position at;
    kdst_tensor **noted;   /* [noted_count] copies of the model's buffers, NULL for parameters (recompute.c); NULL: none */
    int64_t noted_count;
    double *history; /* [epochs, KDST__HISTORY_COLUMNS], the first at.epoch rows filled */
    kdst_progress_fn progress;
    void *progress_data;
    kdst_destroy_fn progress_destroy;
    bool calling; /* progress runs */
};

/* One update from the next `accumulate` batches, or what is left of the epoch. */
kdst_status kdst__trainer_update(kdst_trainer *t);
/* What the end of an epoch asks for: validation, best weights, a row of the history. */
kdst_status kdst__trainer_end_epoch(kdst_trainer *t);
/* STATE when a validation is needed and there is none. */
kdst_status kdst__trainer_check_validation(kdst_trainer *t);
bool kdst__trainer_stopped(const kdst_trainer *t);
/* NULL and foreign handles are refused with the argument's name. */
kdst_status kdst__trainer_check_handle(kdst_context *ctx, const char *function, const char *name, const void *handle);

#endif
