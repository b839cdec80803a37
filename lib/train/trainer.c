/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop: batch, forward, loss, backward, update; at the end of an epoch validation.
 *
 * One step in order: next batch -> teacher logits (eval, not recorded) -> student logits -> loss -> backward -> learning rate of
 * the step -> update. Whatever fails before the update leaves parameters and position as they were, but for
 * the running statistics of batch norms and the batch that was taken.
 */
#include "train/trainer.h"

#include "core/format.h"
#include "core/options.h"
#include "nn/optimizer.h"
#include "train/metrics.h"
#include "train/mixed_loss.h"

#include <math.h>
#include <string.h>

typedef struct config {
    int64_t epochs, bins;
} config;

static const kdst__option options_table[] = {
    KDST__INT(config, epochs, 1, 1, 1000000, "passes over the training data"),
    KDST__INT(config, bins, 15, 1, 1000, "confidence bins of the validation's calibration"),
};
const kdst__schema kdst__schema_trainer = {"trainer", options_table, KDST__COUNT(options_table), NULL, 0};

static void trainer_destroy(void *object)
{
    kdst_trainer *t = object;
    if (t->progress_destroy) t->progress_destroy(t->progress_data);
    kdst__handle_release(t->model);
    kdst__handle_release(t->teacher);
    kdst__handle_release(t->loss);
    kdst__handle_release(t->optimizer);
    kdst__handle_release(t->schedule);
    kdst__handle_release(t->loader);
    kdst__handle_release(t->validation);
    kdst__handle_release(t->metrics);
    kdst__terms_release(t->base.ctx, &t->terms);
    kdst__free(kdst__context_memory(t->base.ctx), t->history,
               (size_t)(t->epochs * KDST__HISTORY_COLUMNS) * sizeof *t->history);
}

static const kdst__class trainer_class = {"trainer", trainer_destroy};

/* Every handle begins with its kdst__handle; NULL and foreign ones are refused with the argument's name. */
static kdst_status check_handle(kdst_context *ctx, const char *function, const char *name, const void *handle)
{
    if (!handle) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, name);
    if (((const kdst__handle *)handle)->ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s belongs to another context", function, name);
    return KDST_STATUS_OK;
}

kdst_status kdst_trainer_create(
    kdst_layer *model, kdst_loss *loss, kdst_optimizer *optimizer, kdst_loader *loader, const kdst_options *options,
    kdst_trainer **out)
{
    config settings;
    double base_rate;
    if (out) *out = NULL;
    if (!model) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = ((kdst__handle *)model)->ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_create: out is NULL");
    kdst_status status = check_handle(ctx, "trainer_create", "loss", loss);
    if (!status) status = check_handle(ctx, "trainer_create", "optimizer", optimizer);
    if (!status) status = check_handle(ctx, "trainer_create", "loader", loader);
    if (!status) status = kdst__options_parse(ctx, "trainer_create", &kdst__schema_trainer, options, &settings);
    if (!status) status = kdst_optimizer_get_learning_rate(optimizer, &base_rate);
    if (status) return status;
    kdst_trainer *t = kdst__handle_create(ctx, &trainer_class, sizeof *t);
    if (!t) return KDST_STATUS_OUT_OF_MEMORY;
    t->epochs = settings.epochs;
    t->bins = settings.bins;
    t->history = kdst__alloc_zero(kdst__context_memory(ctx), (size_t)(t->epochs * KDST__HISTORY_COLUMNS) * sizeof *t->history);
    if (!t->history) {
        kdst__handle_release(t);
        return kdst__fail_memory(ctx, "trainer_create");
    }
    kdst__handle_retain(t->model = model);
    kdst__handle_retain(t->loss = loss);
    kdst__handle_retain(t->optimizer = optimizer);
    kdst__handle_retain(t->loader = loader);
    t->base_rate = base_rate;
    t->at = (kdst__run_position){.loss = NAN, .learning_rate = NAN, .epoch_loss = NAN, .epoch_accuracy = NAN,
                                 .best_accuracy = NAN};
    *out = t;
    return KDST_STATUS_OK;
}

void kdst_trainer_retain(kdst_trainer *trainer) { kdst__handle_retain(trainer); }
void kdst_trainer_release(kdst_trainer *trainer) { kdst__handle_release(trainer); }

/* ---- parts that may be set ---- */

static void replace(void *slot, void *handle)
{
    void *old;
    memcpy(&old, slot, sizeof old);
    kdst__handle_retain(handle);
    memcpy(slot, &handle, sizeof handle);
    kdst__handle_release(old);
}

kdst_status kdst_trainer_set_teacher(kdst_trainer *t, kdst_layer *teacher)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    kdst_status status = teacher ? check_handle(t->base.ctx, "trainer_set_teacher", "teacher", teacher) : KDST_STATUS_OK;
    if (!status && teacher == t->model)
        status = kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
                            "trainer_set_teacher: the teacher is the model that is trained; give a copy");
    if (!status) replace(&t->teacher, teacher);
    return status;
}

kdst_status kdst_trainer_set_schedule(kdst_trainer *t, kdst_schedule *schedule)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(t->base.ctx);
    kdst_status status = schedule ? check_handle(t->base.ctx, "trainer_set_schedule", "schedule", schedule) : KDST_STATUS_OK;
    if (!status) replace(&t->schedule, schedule);
    return status;
}

kdst_status kdst_trainer_set_validation(kdst_trainer *t, kdst_loader *loader)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    if (!loader) {
        replace(&t->validation, NULL);
        return KDST_STATUS_OK;
    }
    kdst_status status = check_handle(ctx, "trainer_set_validation", "loader", loader);
    if (status) return status;
    if (loader == t->loader)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT,
                          "trainer_set_validation: the loader is the one that is trained on; make a second one");
    int64_t classes = kdst_dataset_get_classes(kdst_loader_get_dataset(t->loader));
    int64_t others = kdst_dataset_get_classes(kdst_loader_get_dataset(loader));
    if (others > classes)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT,
                          "trainer_set_validation: the data has %lld classes, the training data %lld", (long long)others,
                          (long long)classes);
    kdst_options *options = NULL;
    kdst_metrics *metrics = NULL;
    status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_int(options, "bins", t->bins);
    if (status) status = kdst__fail_memory(ctx, "trainer_set_validation");
    else status = kdst_metrics_create(ctx, classes, options, &metrics);
    kdst_options_release(options);
    if (status) return status;
    replace(&t->metrics, metrics);
    replace(&t->validation, loader);
    t->validated = false;
    kdst__handle_release(metrics);
    return KDST_STATUS_OK;
}

kdst_status kdst_trainer_set_progress(
    kdst_trainer *t, kdst_progress_fn progress, void *user_data, kdst_destroy_fn destroy)
{
    if (!t) {
        if (destroy) destroy(user_data);
        return KDST_STATUS_INVALID_ARGUMENT;
    }
    kdst__enter(t->base.ctx);
    if (t->calling) {
        if (destroy) destroy(user_data);
        return kdst__fail(t->base.ctx, KDST_STATUS_STATE, "trainer_set_progress: called by the progress function");
    }
    kdst_destroy_fn old = t->progress_destroy;
    void *old_data = t->progress_data;
    t->progress = progress;
    t->progress_data = user_data;
    t->progress_destroy = destroy;
    if (old) old(old_data);
    return KDST_STATUS_OK;
}

/* ---- one step ---- */

static kdst_status rate_of(kdst_trainer *t, int64_t step, double *out)
{
    double factor = 1;
    kdst_status status = t->schedule ? kdst_schedule_get_factor(t->schedule, step, &factor) : KDST_STATUS_OK;
    *out = t->base_rate * factor;
    return status;
}

/* Logits of the teacher: eval mode, nothing recorded. */
static kdst_status run_teacher(kdst_trainer *t, kdst_tensor *x, kdst_tensor **out)
{
    if (!t->teacher) {
        if (!kdst_loss_needs_teacher(t->loss)) return KDST_STATUS_OK;
        return kdst__fail(t->base.ctx, KDST_STATUS_STATE, "trainer_step: the loss %s needs a teacher; set one with trainer_set_teacher",
                          kdst_loss_get_name(t->loss));
    }
    if (!kdst__eval_push(t->base.ctx)) return kdst__fail_memory(t->base.ctx, "trainer_step");
    kdst_status status = kdst_layer_run(t->teacher, x, out);
    kdst__eval_pop(t->base.ctx);
    return status;
}

/* A batch of the loader; `others` and `weight` are the second labels and the share of the first ones where it mixes. */
typedef struct batch {
    kdst_tensor *x, *y, *others;
    double weight;
} batch;

static void batch_release(batch *b)
{
    kdst__handle_release(b->others);
    kdst__handle_release(b->y);
    kdst__handle_release(b->x);
}

/* Loss, its gradients, and how many of the batch are right: of a mixed one, have the label with the larger share. */
static kdst_status learn(kdst_trainer *t, const batch *b, double *out_loss, int64_t *out_hits)
{
    kdst_tensor *x = b->x, *y = b->y;
    kdst_tensor *guide = NULL, *logits = NULL, *loss = NULL;
    kdst_status status = kdst_optimizer_clear_grads(t->optimizer);
    if (!status) status = run_teacher(t, x, &guide);
    if (!status) status = kdst_layer_set_training(t->model, 1);
    if (!status) status = kdst_layer_run(t->model, x, &logits);
    if (!status) status = kdst__mixed_loss(t->loss, logits, guide, y, b->others, b->weight, &loss);
    if (!status) status = kdst__terms_apply(&t->terms, &loss);
    if (!status) status = kdst_tensor_get_value(loss, out_loss);
    if (!status && !isfinite(*out_loss))
        status = kdst__fail(t->base.ctx, KDST_STATUS_STATE, "trainer_step: the loss is %g at step %lld", *out_loss,
                            (long long)t->at.step);
    if (!status) status = kdst_backward(loss, NULL, NULL);
    if (!status) *out_hits = kdst__metrics_count_hits(logits, b->weight < 0.5 ? b->others : y);
    kdst__handle_release(loss);
    kdst__handle_release(logits);
    kdst__handle_release(guide);
    return status;
}

static void note_epoch(kdst_trainer *t, kdst_metrics *metrics)
{
    kdst__run_position *at = &t->at;
    double *row = t->history + at->epoch * KDST__HISTORY_COLUMNS;
    at->epoch_loss = row[0] = at->loss_sum / (double)at->samples;
    at->epoch_accuracy = row[1] = (double)at->hits / (double)at->samples;
    for (int i = 0; i < 3; i++) {
        static const char *const keys[] = {"accuracy", "nll", "ece"};
        row[2 + i] = NAN;
        if (metrics && kdst_metrics_get(metrics, keys[i], &row[2 + i])) row[2 + i] = NAN;
    }
    row[5] = at->learning_rate;
    at->epoch++;
    at->batch = 0;
    if (metrics && !(row[2] <= at->best_accuracy)) {
        at->best_accuracy = row[2];
        at->best_epoch = at->epoch;
    }
}

static kdst_status end_epoch(kdst_trainer *t)
{
    kdst_status status = KDST_STATUS_OK;
    if (t->validation) {
        t->validated = false;
        status = kdst_metrics_reset(t->metrics);
        if (!status) status = kdst__metrics_add_loader("trainer_step", t->metrics, t->model, t->validation, true);
        t->validated = !status;
    }
    if (!status) note_epoch(t, t->validation ? t->metrics : NULL);
    return status;
}

static kdst_status next_batch(kdst_trainer *t, batch *b)
{
    kdst__run_position *at = &t->at;
    kdst_status status = KDST_STATUS_OK;
    if (at->batch == 0) {
        at->samples = at->hits = 0;
        at->loss_sum = 0;
    }
    /* a new epoch, a step that failed after it took its batch, a checkpoint, or another user of the loader */
    if (kdst_loader_get_epoch(t->loader) != at->epoch || kdst_loader_get_position(t->loader) != at->batch) {
        status = kdst_loader_set_epoch(t->loader, at->epoch);
        if (!status) status = kdst_loader_set_position(t->loader, at->batch);
    }
    if (!status && kdst_loader_get_mixes(t->loader))
        status = kdst_loader_next_mixed(t->loader, &b->x, &b->y, &b->others, &b->weight);
    else if (!status) status = kdst_loader_next(t->loader, &b->x, &b->y);
    if (!status && !b->x)
        status = kdst__fail(t->base.ctx, KDST_STATUS_STATE, "trainer_step: the loader ended after %lld of %lld batches",
                            (long long)at->batch, (long long)kdst_loader_get_batches(t->loader));
    return status;
}

static kdst_status step(kdst_trainer *t, kdst_event *event)
{
    kdst__run_position *at = &t->at;
    batch b = {.weight = 1};
    double loss = 0, rate = 0;
    int64_t hits = 0, batches = kdst_loader_get_batches(t->loader);
    /* the last batch of an epoch was learnt but its validation failed or was cancelled: only that is left */
    if (at->batch < batches) {
        kdst_status status = next_batch(t, &b);
        if (!status) status = learn(t, &b, &loss, &hits);
        if (!status) status = rate_of(t, at->step, &rate);
        if (!status) status = kdst_optimizer_set_learning_rate(t->optimizer, rate);
        if (!status) status = kdst_optimizer_run(t->optimizer);
        int64_t n = b.x ? kdst_tensor_get_size(b.x, 0) : 0;
        batch_release(&b);
        if (status) return status;
        at->step++;
        at->batch++;
        at->samples += n;
        at->hits += hits;
        at->loss_sum += loss * (double)n;
        at->loss = loss;
        at->learning_rate = rate;
        at->epoch_loss = at->loss_sum / (double)at->samples;
        at->epoch_accuracy = (double)at->hits / (double)at->samples;
    }
    *event = KDST_EVENT_STEP;
    if (at->batch < batches) return KDST_STATUS_OK;
    kdst_status status = end_epoch(t);
    if (!status) *event = KDST_EVENT_EPOCH;
    return status;
}

/* The function may drop the caller's last reference: the trainer lives until it has returned. */
static kdst_status report(kdst_trainer *t, kdst_event event)
{
    kdst_context *ctx = t->base.ctx;
    kdst__scopes before;
    if (!t->progress) return KDST_STATUS_OK;
    if (!kdst__scopes_enter(ctx, true, &before)) return kdst__fail_memory(ctx, "trainer_step");
    t->calling = true;
    kdst_status status = t->progress(t->progress_data, t, event);
    t->calling = false;
    kdst__scopes_leave(ctx, &before);
    return status ? kdst__fail_callback(ctx, status, "trainer_step") : KDST_STATUS_OK;
}

kdst_status kdst_trainer_step(kdst_trainer *t, kdst_event *out_event)
{
    if (out_event) *out_event = 0;
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    if (!out_event) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_step: out_event is NULL");
    if (t->calling) return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_step: called by the progress function");
    kdst_status status = kdst__check_cancelled(ctx, "trainer_step");
    if (status) return status;
    if (t->at.epoch == t->epochs) {
        *out_event = KDST_EVENT_FINISHED;
        return KDST_STATUS_OK;
    }
    if (!t->optimizer->count)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "trainer_step: the optimizer has no tensors; add the model with optimizer_add_layer");
    kdst_event event = 0;
    status = step(t, &event);
    if (status) return status;
    *out_event = event;
    kdst__handle_retain(t);
    status = report(t, event);
    kdst__handle_release(t);
    return status;
}

kdst_status kdst_trainer_run(kdst_trainer *trainer)
{
    kdst_event event = 0;
    kdst_status status = KDST_STATUS_OK;
    if (!trainer) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__handle_retain(trainer);
    while (!status && event != KDST_EVENT_FINISHED) status = kdst_trainer_step(trainer, &event);
    kdst__handle_release(trainer);
    return status;
}

/* ---- reading ---- */

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
        {"epoch", (double)at->epoch}, {"epochs", (double)t->epochs}, {"step", (double)at->step},
        {"steps_per_epoch", (double)kdst_loader_get_batches(t->loader)}, {"samples", (double)at->samples},
        {"samples_per_epoch", (double)kdst_dataset_get_count(kdst_loader_get_dataset(t->loader))},
        {"learning_rate", at->learning_rate}, {"loss", at->loss}, {"epoch_loss", at->epoch_loss},
        {"epoch_accuracy", at->epoch_accuracy}, {"accuracy", last ? last[2] : NAN}, {"nll", last ? last[3] : NAN},
        {"ece", last ? last[4] : NAN}, {"best_accuracy", at->best_accuracy},
        {"best_epoch", at->best_epoch ? (double)at->best_epoch : NAN},
    };
    char known[256] = "";
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
