/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an epoch: validation, of the moving average where there is one; the best weights, to a file and to memory; a row of the
 * history; what stops a run early.
 *
 * An epoch is noted last. When its validation or the best file fails, or is cancelled, the next step does all of this again, and the file
 * of before is still there: it is replaced by renaming.
 */
#include "train/trainer.h"

#include "nn/average.h"
#include "nn/schedule.h"
#include "train/metrics.h"

#include <kdst/state.h>

#include <math.h>
#include <string.h>

bool kdst__trainer_stopped(const kdst_trainer *t)
{
    return t->config.patience > 0 && t->at.waiting >= t->config.patience;
}

kdst_status kdst__trainer_check_validation(kdst_trainer *t)
{
    if (t->validation) return KDST_STATUS_OK;
    const char *who = t->config.patience > 0          ? "patience"
        : t->config.keep_best                         ? "keep_best"
        : t->best_path                                ? "the best file"
        : kdst__schedule_watcher(t->schedule) != NULL ? "the schedule"
                                                      : NULL;
    if (!who) return KDST_STATUS_OK;
    return kdst__fail(
        t->base.ctx, KDST_STATUS_STATE, "trainer_step: %s needs a validation; set one with trainer_set_validation",
        who);
}

/* The monitored figure of the last validation, or NaN. */
static double figure_of(kdst_trainer *t, const char *key)
{
    double value = NAN;
    return kdst_metrics_get(t->metrics, key, &value) ? NAN : value;
}

static bool improves(const kdst_trainer *t, double value)
{
    double best = t->at.monitor_best, up = t->config.monitor == KDST__MONITOR_ACCURACY ? 1 : -1;
    if (isnan(value)) return false;
    return isnan(best) || up * value > up * best + t->config.min_delta;
}

static double monitored(kdst_trainer *t)
{
    return figure_of(t, t->config.monitor == KDST__MONITOR_ACCURACY ? "accuracy" : "nll");
}

/* Validates whatever the model holds, and keeps it when it is the best. */
static kdst_status judge(kdst_trainer *t)
{
    t->validated = false;
    kdst_status status = kdst_metrics_reset(t->metrics);
    if (!status) status = kdst__metrics_add_loader("trainer_step", t->metrics, t->model, t->validation, true);
    if (status) return status;
    t->validated = true;
    if (!improves(t, monitored(t))) return KDST_STATUS_OK;
    if (t->best_path) status = kdst_layer_save(t->model, t->best_path);
    if (!status && t->best) kdst__average_take(t->best);
    return status;
}

static void note_monitor(kdst_trainer *t)
{
    kdst__run_position *at = &t->at;
    double value = monitored(t);
    if (improves(t, value)) {
        at->monitor_best = value;
        at->monitor_epoch = at->epoch;
        at->waiting = 0;
    } else {
        at->waiting++;
    }
    kdst_schedule *watcher = kdst__schedule_watcher(t->schedule);
    if (!watcher) return;
    value = figure_of(t, watcher->figure == KDST__FIGURE_ACCURACY ? "accuracy" : "nll");
    if (!isnan(value)) watcher->kind->observe(watcher, value);
}

static void note_epoch(kdst_trainer *t)
{
    static const char *const keys[] = {"accuracy", "nll", "ece"};
    kdst__run_position *at = &t->at;
    double *row = t->history + at->epoch * KDST__HISTORY_COLUMNS;
    at->epoch_loss = row[0] = at->loss_sum / (double)at->samples;
    at->epoch_accuracy = row[1] = (double)at->hits / (double)at->samples;
    for (int i = 0; i < 3; i++)
        row[2 + i] = t->validation ? figure_of(t, keys[i]) : NAN;
    row[5] = at->learning_rate;
    at->epoch++;
    at->batch = 0;
    if (!t->validation) return;
    if (!(row[2] <= at->best_accuracy)) {
        at->best_accuracy = row[2];
        at->best_epoch = at->epoch;
    }
    note_monitor(t);
}

kdst_status kdst__trainer_end_epoch(kdst_trainer *t)
{
    kdst_status status = KDST_STATUS_OK;
    if (t->validation) {
        bool exchanged = t->average && t->config.average_validate;
        if (exchanged) kdst__average_exchange(t->average);
        status = judge(t);
        if (exchanged) kdst__average_exchange(t->average);
    }
    if (!status) note_epoch(t);
    return status;
}

/* ---- the best weights ---- */

kdst_status kdst_trainer_set_best_path(kdst_trainer *t, const char *path)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    char *copy = NULL;
    kdst__enter(ctx);
    if (path && !*path) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_set_best_path: path is empty");
    if (path) {
        copy = kdst__alloc(memory, strlen(path) + 1);
        if (!copy) return kdst__fail_memory(ctx, "trainer_set_best_path");
        strcpy(copy, path);
    }
    if (t->best_path) kdst__free(memory, t->best_path, strlen(t->best_path) + 1);
    t->best_path = copy;
    return KDST_STATUS_OK;
}

kdst_status kdst_trainer_restore_best(kdst_trainer *t)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    if (!t->best && !t->best_path)
        return kdst__fail(
            ctx, KDST_STATUS_STATE,
            "trainer_restore_best: nothing was kept; option keep_best or trainer_set_best_path do");
    if (t->at.monitor_epoch == 0)
        return kdst__fail(ctx, KDST_STATUS_NOT_FOUND, "trainer_restore_best: no epoch has been validated yet");
    return t->best ? kdst_average_copy_to(t->best, t->model) : kdst_layer_load(t->model, t->best_path, NULL);
}
