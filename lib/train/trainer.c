/* SPDX-License-Identifier: Apache-2.0 */
/* A trainer: what it is made of, and its loop. What a step does is in trainer_step.c and trainer_epoch.c. */
#include "train/trainer.h"

#include "autograd/op.h"
#include "core/options.h"
#include "nn/average.h"
#include "nn/optimizer.h"
#include "train/recompute.h"

#include <math.h>
#include <string.h>

typedef kdst__trainer_config config;

static const kdst__option options_table[] = {
    KDST__INT(config, epochs, 1, 1, 1000000, "passes over the training data"),
    KDST__INT(config, bins, 15, 1, 1000, "confidence bins of the validation's calibration"),
    KDST__INT(config, accumulate, 1, 1, 1000000, "batches whose gradients make one update"),
    KDST__FLOAT(config, clip_norm, 0, 0, INFINITY, "largest norm of all gradients together; 0: not clipped"),
    KDST__FLOAT(config, clip_value, 0, 0, INFINITY, "largest size of a gradient's element; 0: not clipped"),
    KDST__FLOAT(config, weight_bound, 0, 0, INFINITY, "largest size of a weight after a step; 0: not clamped"),
    KDST__FLOAT_BELOW(config, average_decay, 0, 0, 1, "decay of the moving average of the weights; 0: none"),
    KDST__CHOICE(config, average_kind, "exponential", "exponential|equal", "equal: the plain mean; needs no decay"),
    KDST__CHOICE(config, average_warmup, "none", "none|ramp|corrected", "smaller decay at first"),
    KDST__INT(config, average_from, 0, 0, 1000000, "epochs before the average begins; until then it is the weights"),
    KDST__INT(config, average_validate, 1, 0, 1, "1: the average is validated, and kept as the best"),
    KDST__CHOICE(config, monitor, "accuracy", "accuracy|nll", "validation figure for the best and for stopping"),
    KDST__FLOAT(config, min_delta, 0, 0, INFINITY, "an improvement is larger than this"),
    KDST__INT(config, patience, 0, 0, 1000000, "epochs in a row without improvement that end the run; 0: none do"),
    KDST__INT(config, keep_best, 0, 0, 1, "1: a copy of the best weights in memory and in checkpoints"),
    KDST__CHOICE(config, recompute, "none", "none|auto", "auto: the model's blocks, once a step runs out of memory"),
};
const kdst__schema kdst__schema_trainer = {"trainer", options_table, KDST__COUNT(options_table), NULL, 0};

static void trainer_destroy(void *object)
{
    kdst_trainer *t = object;
    if (t->progress_destroy) t->progress_destroy(t->progress_data);
    kdst__recompute_release(t);
    kdst__handle_release(t->model);
    kdst__handle_release(t->teacher);
    kdst__handle_release(t->loss);
    kdst__handle_release(t->optimizer);
    kdst__handle_release(t->schedule);
    kdst__handle_release(t->loader);
    kdst__handle_release(t->validation);
    kdst__handle_release(t->metrics);
    kdst__terms_release(t->base.ctx, &t->terms);
    kdst__handle_release(t->average);
    kdst__handle_release(t->best);
    if (t->best_path) kdst__free(kdst__context_memory(t->base.ctx), t->best_path, strlen(t->best_path) + 1);
    kdst__free(kdst__context_memory(t->base.ctx), t->history,
               (size_t)(t->config.epochs * KDST__HISTORY_COLUMNS) * sizeof *t->history);
}

static const kdst__class trainer_class = {"trainer", trainer_destroy};

/* Every handle begins with its kdst__handle; NULL and foreign ones are refused with the argument's name. */
kdst_status kdst__trainer_check_handle(kdst_context *ctx, const char *function, const char *name, const void *handle)
{
    if (!handle) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, name);
    if (((const kdst__handle *)handle)->ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s belongs to another context", function, name);
    return KDST_STATUS_OK;
}

/* The average and the copy of the best weights, where they are wanted. */
static kdst_status make_averages(kdst_trainer *t)
{
    const config *c = &t->config;
    const kdst__average_config moving = {c->average_decay, c->average_kind, c->average_warmup, KDST__AVERAGE_BUFFERS_COPY};
    const kdst__average_config copy = {0, KDST__AVERAGE_EQUAL, KDST__AVERAGE_WARMUP_NONE, KDST__AVERAGE_BUFFERS_COPY};
    kdst_status status = KDST_STATUS_OK;
    if (c->average_decay > 0 || c->average_kind == KDST__AVERAGE_EQUAL)
        status = kdst__average_new("trainer_create", t->model, &moving, &t->average);
    if (!status && c->keep_best) status = kdst__average_new("trainer_create", t->model, &copy, &t->best);
    return status;
}

static kdst_status fill(kdst_trainer *t, kdst_layer *model, kdst_loss *loss, kdst_optimizer *optimizer, kdst_loader *loader)
{
    kdst_context *ctx = t->base.ctx;
    kdst__handle_retain(t->model = model);
    kdst__handle_retain(t->loss = loss);
    kdst__handle_retain(t->optimizer = optimizer);
    kdst__handle_retain(t->loader = loader);
    t->gradient_norm = NAN;
    t->at = (kdst__run_position){.loss = NAN, .learning_rate = NAN, .epoch_loss = NAN, .epoch_accuracy = NAN,
                                 .best_accuracy = NAN, .monitor_best = NAN};
    t->history = kdst__alloc_zero(
        kdst__context_memory(ctx), (size_t)(t->config.epochs * KDST__HISTORY_COLUMNS) * sizeof *t->history);
    return t->history ? make_averages(t) : kdst__fail_memory(ctx, "trainer_create");
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
    kdst_status status = kdst__trainer_check_handle(ctx, "trainer_create", "loss", loss);
    if (!status) status = kdst__trainer_check_handle(ctx, "trainer_create", "optimizer", optimizer);
    if (!status) status = kdst__trainer_check_handle(ctx, "trainer_create", "loader", loader);
    if (!status) status = kdst__options_parse(ctx, "trainer_create", &kdst__schema_trainer, options, &settings);
    if (!status) status = kdst_optimizer_get_learning_rate(optimizer, &base_rate);
    if (status) return status;
    kdst_trainer *t = kdst__handle_create(ctx, &trainer_class, sizeof *t);
    if (!t) return KDST_STATUS_OUT_OF_MEMORY;
    t->config = settings;
    t->base_rate = base_rate;
    status = fill(t, model, loss, optimizer, loader);
    if (status) kdst__handle_release(t);
    else *out = t;
    return status;
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
    kdst_status status = teacher ? kdst__trainer_check_handle(t->base.ctx, "trainer_set_teacher", "teacher", teacher) : KDST_STATUS_OK;
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
    kdst_status status = schedule ? kdst__trainer_check_handle(t->base.ctx, "trainer_set_schedule", "schedule", schedule) : KDST_STATUS_OK;
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
    kdst_status status = kdst__trainer_check_handle(ctx, "trainer_set_validation", "loader", loader);
    if (status) return status;
    if (loader == t->loader)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT,
                          "trainer_set_validation: the loader is the one that is trained on; make a second one");
    if (kdst_loader_get_mixes(loader))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT,
                          "trainer_set_validation: the loader mixes images (mixup or cutmix), whose labels are two");
    int64_t classes = kdst_dataset_get_classes(kdst_loader_get_dataset(t->loader));
    int64_t others = kdst_dataset_get_classes(kdst_loader_get_dataset(loader));
    if (others > classes)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT,
                          "trainer_set_validation: the data has %lld classes, the training data %lld", (long long)others,
                          (long long)classes);
    kdst_options *options = NULL;
    kdst_metrics *metrics = NULL;
    status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_int(options, "bins", t->config.bins);
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

/* ---- running ---- */

static kdst_status step(kdst_trainer *t, kdst_event *event)
{
    int64_t batches = kdst_loader_get_batches(t->loader);
    kdst_status status = kdst__trainer_check_validation(t);
    if (!status && kdst__average_applied(t->average))
        status = kdst__fail(
            t->base.ctx, KDST_STATUS_STATE, "trainer_step: the model holds its average; average_restore comes first");
    /* the last batch of an epoch was learnt but its validation failed or was cancelled: only that is left */
    if (!status && t->at.batch < batches) status = kdst__trainer_update(t);
    if (status) return status;
    *event = KDST_EVENT_STEP;
    if (t->at.batch < batches) return KDST_STATUS_OK;
    status = kdst__trainer_end_epoch(t);
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
    if (t->at.epoch == t->config.epochs || kdst__trainer_stopped(t)) {
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
