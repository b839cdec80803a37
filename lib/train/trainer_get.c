/* SPDX-License-Identifier: Apache-2.0 */
/* What can be read of a training run: figures by name, the history, the metrics, the average. */
#include "train/trainer.h"

#include "core/format.h"

#include <math.h>
#include <string.h>

kdst_status kdst_trainer_get(kdst_trainer *t, const char *key, double *out)
{
    if (out) *out = NAN;
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    if (!key || !out)
        return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_get: %s is NULL", key ? "out" : "key");
    const kdst__run_position *at = &t->at;
    const double *last = at->epoch ? t->history + (at->epoch - 1) * KDST__HISTORY_COLUMNS : NULL;
    const struct { const char *key; double value; } figures[] = {
        {"epoch", (double)at->epoch}, {"epochs", (double)t->config.epochs}, {"step", (double)at->step},
        {"steps_per_epoch", (double)((kdst_loader_get_batches(t->loader) - 1) / t->config.accumulate + 1)}, {"samples", (double)at->samples},
        {"samples_per_epoch", (double)kdst_dataset_get_count(kdst_loader_get_dataset(t->loader))},
        {"learning_rate", at->learning_rate}, {"loss", at->loss}, {"epoch_loss", at->epoch_loss},
        {"epoch_accuracy", at->epoch_accuracy}, {"accuracy", last ? last[2] : NAN}, {"nll", last ? last[3] : NAN},
        {"ece", last ? last[4] : NAN}, {"best_accuracy", at->best_accuracy},
        {"best_epoch", at->best_epoch ? (double)at->best_epoch : NAN}, {"gradient_norm", t->gradient_norm},
        {"monitor_best", at->monitor_best}, {"monitor_epoch", at->monitor_epoch ? (double)at->monitor_epoch : NAN},
        {"waiting", (double)at->waiting}, {"stopped", kdst__trainer_stopped(t)},
    };
    char known[512] = "";
    for (size_t i = 0, used = 0; i < sizeof figures / sizeof *figures; i++) {
        if (!strcmp(key, figures[i].key)) {
            *out = figures[i].value;
            return KDST_STATUS_OK;
        }
        used += (size_t)kdst__format(known + used, sizeof known - used, "%s%s", i ? ", " : "", figures[i].key);
    }
    return kdst__fail(t->base.ctx, KDST_STATUS_NOT_FOUND, "trainer_get: no figure \"%.64s\"; there are %s", key, known);
}

kdst_status kdst_trainer_get_history(kdst_trainer *t, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    if (!out) return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_get_history: out is NULL");
    const int64_t shape[] = {t->at.epoch, KDST__HISTORY_COLUMNS};
    return kdst_tensor_create_from(t->base.ctx, KDST_DTYPE_FLOAT64, 2, shape, t->history, out);
}

kdst_status kdst_trainer_get_metrics(kdst_trainer *t, kdst_metrics **out)
{
    if (out) *out = NULL;
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    if (!out) return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_get_metrics: out is NULL");
    if (!t->validated)
        return kdst__fail(t->base.ctx, KDST_STATUS_NOT_FOUND, "trainer_get_metrics: no validation yet");
    *out = t->metrics;
    return KDST_STATUS_OK;
}

kdst_status kdst_trainer_get_average(kdst_trainer *t, kdst_average **out)
{
    if (out) *out = NULL;
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    if (!out) return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_get_average: out is NULL");
    if (!t->average)
        return kdst__fail(
            t->base.ctx, KDST_STATUS_NOT_FOUND, "trainer_get_average: no average; option average_decay makes one");
    *out = t->average;
    return KDST_STATUS_OK;
}
