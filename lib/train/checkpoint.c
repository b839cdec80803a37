/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints of a training run: one safetensors file with everything that decides what comes next.
 *
 * Tensors: "model.<name>" parameters and buffers, "optimizer.<name>" the optimiser's state, "average.<name>" and
 * "best.<name>" the moving average and the best weights where there are any, "term<i>.<name>" regressors, "history" the rows so far.
 * Text (metadata): "kdst.checkpoint" the format's number and "kdst.<field>" the position; doubles as the 16 hexadecimal digits of
 * their bits, which neither rounding nor a locale can touch. Fields that came later are optional, so that older files load. Loading
 * checks everything before it changes anything.
 */
#include "train/trainer.h"

#include "io/state.h"
#include "nn/average.h"
#include "nn/schedule.h"
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT_NUMBER "1"
#define OPTIMIZER "optimizer."

/* Fields of the position, and of the set-up that must be the same. */
typedef struct field {
    const char *key;
    int64_t *whole;
    double *real;
} field;

typedef struct setup {
    int64_t batches, samples, epochs, optimizer_steps;
    int64_t seed, stream; /* random streams of the context, the bits of uint64_t */
    double base_rate;
    int64_t accumulate, average_updates;
    int64_t schedule_count; /* of the numbers that follow: a schedule with a state */
    double schedule[KDST__SCHEDULE_STATE];
} setup;

enum { REQUIRED = 18, FIELDS = 28 };

static void list_fields(kdst__run_position *at, setup *s, field out[FIELDS])
{
    const field fields[FIELDS] = {
        {"kdst.epoch", &at->epoch, NULL}, {"kdst.step", &at->step, NULL}, {"kdst.batch", &at->batch, NULL},
        {"kdst.samples", &at->samples, NULL}, {"kdst.hits", &at->hits, NULL}, {"kdst.best_epoch", &at->best_epoch, NULL},
        {"kdst.loss_sum", NULL, &at->loss_sum}, {"kdst.loss", NULL, &at->loss},
        {"kdst.learning_rate", NULL, &at->learning_rate}, {"kdst.epoch_loss", NULL, &at->epoch_loss},
        {"kdst.epoch_accuracy", NULL, &at->epoch_accuracy}, {"kdst.best_accuracy", NULL, &at->best_accuracy},
        {"kdst.batches", &s->batches, NULL}, {"kdst.dataset", &s->samples, NULL},
        {"kdst.optimizer_steps", &s->optimizer_steps, NULL}, {"kdst.seed", &s->seed, NULL},
        {"kdst.stream", &s->stream, NULL}, {"kdst.base_rate", NULL, &s->base_rate},
        {"kdst.accumulate", &s->accumulate, NULL}, {"kdst.average_updates", &s->average_updates, NULL},
        {"kdst.monitor_best", NULL, &at->monitor_best}, {"kdst.monitor_epoch", &at->monitor_epoch, NULL},
        {"kdst.waiting", &at->waiting, NULL}, {"kdst.schedule", &s->schedule_count, NULL},
        {"kdst.schedule.0", NULL, &s->schedule[0]}, {"kdst.schedule.1", NULL, &s->schedule[1]},
        {"kdst.schedule.2", NULL, &s->schedule[2]}, {"kdst.schedule.3", NULL, &s->schedule[3]},
    };
    memcpy(out, fields, sizeof fields);
}

static kdst_status read_setup(kdst_trainer *t, setup *s)
{
    uint64_t seed, stream;
    kdst_status status = kdst_context_get_random(t->base.ctx, &seed, &stream);
    *s = (setup){.batches = kdst_loader_get_batches(t->loader),
                 .samples = kdst_dataset_get_count(kdst_loader_get_dataset(t->loader)),
                 .epochs = t->config.epochs,
                 .optimizer_steps = kdst_optimizer_get_steps(t->optimizer),
                 .seed = (int64_t)seed,
                 .stream = (int64_t)stream,
                 .base_rate = t->base_rate,
                 .accumulate = t->config.accumulate,
                 .average_updates = kdst_average_get_updates(t->average)};
    kdst_schedule *watcher = kdst__schedule_watcher(t->schedule);
    if (!watcher) return status;
    s->schedule_count = watcher->kind->state_count;
    memcpy(s->schedule, watcher->kind->state(watcher), (size_t)s->schedule_count * sizeof *s->schedule);
    return status;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ---- saving ---- */

static kdst_status put_fields(kdst_trainer *t, kdst_state *state)
{
    setup s;
    field fields[FIELDS];
    char text[64];
    kdst_status status = read_setup(t, &s);
    list_fields(&t->at, &s, fields);
    if (!status) status = kdst_state_set_text(state, "kdst.checkpoint", FORMAT_NUMBER);
    for (int i = 0; i < FIELDS && !status; i++) {
        if (fields[i].whole) snprintf(text, sizeof text, "%" PRId64, *fields[i].whole);
        else snprintf(text, sizeof text, "%016" PRIx64, bits_of(*fields[i].real));
        status = kdst_state_set_text(state, fields[i].key, text);
    }
    return status;
}

/* Tensor `index` of the optimiser, and its name in a checkpoint. A name that was cut could be another tensor's. */
static kdst_status get_optimizer_entry(
    kdst_trainer *t, const char *function, int64_t index, char name[KDST__STATE_NAME + 1], kdst_tensor **out)
{
    const char *own;
    kdst_status status = kdst_optimizer_get_state(t->optimizer, index, &own, out);
    if (status) return status;
    size_t bytes = strlen(OPTIMIZER) + strlen(own);
    if (bytes > KDST__STATE_NAME)
        return kdst__fail(t->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
                          "%s: the name of the optimizer's \"%.100s...\" has %zu bytes, allowed are %d", function, own, bytes,
                          KDST__STATE_NAME);
    snprintf(name, KDST__STATE_NAME + 1, OPTIMIZER "%s", own);
    return KDST_STATUS_OK;
}

static kdst_status put_optimizer(kdst_trainer *t, kdst_state *state)
{
    char name[KDST__STATE_NAME + 1];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < kdst_optimizer_get_state_count(t->optimizer) && !status; i++) {
        kdst_tensor *tensor;
        status = get_optimizer_entry(t, "trainer_save", i, name, &tensor);
        if (!status) status = kdst_state_set(state, name, tensor);
    }
    return status;
}

/* Tensor `index` of an average, and its name in a checkpoint. */
static kdst_status get_average_entry(
    kdst_average *average, kdst_context *ctx, const char *prefix, int64_t index, char name[KDST__STATE_NAME + 1], kdst_tensor **out)
{
    const char *own;
    kdst_status status = kdst_average_get_state(average, index, &own, out);
    if (status) return status;
    size_t bytes = strlen(prefix) + strlen(own);
    if (bytes > KDST__STATE_NAME)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_save: the name \"%s%.100s...\" has %zu bytes, allowed are %d",
                          prefix, own, bytes, KDST__STATE_NAME);
    strcpy(name, prefix);
    strcat(name, own);
    return KDST_STATUS_OK;
}

static kdst_status put_average(kdst_context *ctx, kdst_state *state, const char *prefix, kdst_average *average)
{
    char name[KDST__STATE_NAME + 1];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < kdst_average_get_state_count(average) && !status; i++) {
        kdst_tensor *tensor;
        status = get_average_entry(average, ctx, prefix, i, name, &tensor);
        if (!status) status = kdst_state_set(state, name, tensor);
    }
    return status;
}

kdst_status kdst_trainer_save(kdst_trainer *t, const char *path)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    if (!path) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_save: path is NULL");
    kdst_state *state = NULL;
    kdst_tensor *history = NULL;
    kdst_status status = kdst_state_create(ctx, &state);
    if (!status) status = kdst_state_add_layer(state, "model.", t->model);
    if (!status) status = put_optimizer(t, state);
    if (!status) status = kdst__terms_put(&t->terms, state);
    if (!status) status = put_average(ctx, state, "average.", t->average);
    if (!status && t->at.monitor_epoch > 0) status = put_average(ctx, state, "best.", t->best);
    if (!status) status = kdst_trainer_get_history(t, &history);
    if (!status) status = kdst_state_set(state, "history", history);
    if (!status) status = put_fields(t, state);
    if (!status) status = kdst_state_save(state, path);
    kdst__handle_release(history);
    kdst__handle_release(state);
    return status;
}

/* ---- loading ---- */

/* As it was written: no space, no plus, nothing that does not fit. */
static bool read_whole(const char *text, int64_t *out)
{
    bool negative = *text == '-';
    int64_t value = 0;
    text += negative;
    if (!*text) return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return !*text;
}

/* The 16 digits of a double's bits. */
static bool read_bits(const char *text, double *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = 0;
    if (strlen(text) != 16) return false;
    for (; *text; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit) return false;
        bits = bits << 4 | (uint64_t)(digit - digits);
    }
    memcpy(out, &bits, sizeof bits);
    return true;
}

static kdst_status get_fields(kdst_context *ctx, kdst_state *state, field fields[FIELDS])
{
    const char *text = NULL;
    kdst_status status = kdst_state_get_text(state, "kdst.checkpoint", &text);
    if (status || strcmp(text, FORMAT_NUMBER))
        return kdst__fail(ctx, KDST_STATUS_FORMAT, "trainer_load: the file is %s%s", status ? "no checkpoint" : "a checkpoint of format ",
                          status ? "" : text);
    for (int i = 0; i < FIELDS; i++) {
        kdst_status missing = kdst_state_get_text(state, fields[i].key, &text);
        if (missing && i >= REQUIRED) continue;
        if (missing)
            return kdst__fail(ctx, KDST_STATUS_FORMAT, "trainer_load: the checkpoint has no %s", fields[i].key);
        if (fields[i].whole ? !read_whole(text, fields[i].whole) : !read_bits(text, fields[i].real))
            return kdst__fail(ctx, KDST_STATUS_FORMAT, "trainer_load: %s is \"%.40s\"", fields[i].key, text);
    }
    return KDST_STATUS_OK;
}

/* Each step took `group` batches, or what was left of its epoch. */
static bool step_fits(const kdst__run_position *at, int64_t batches, int64_t group)
{
    int64_t steps;
    int64_t per_epoch = (batches - 1) / group + 1, here = at->batch / group + (at->batch % group != 0);
    return (at->batch % group == 0 || at->batch == batches) && !__builtin_mul_overflow(at->epoch, per_epoch, &steps)
        && !__builtin_add_overflow(steps, here, &steps) && steps == at->step;
}

/* The fields that came later. */
static kdst_status check_later(kdst_trainer *t, const kdst__run_position *at, const setup *own, const setup *file)
{
    kdst_context *ctx = t->base.ctx;
    kdst_schedule *watcher = kdst__schedule_watcher(t->schedule);
    if (file->accumulate != own->accumulate)
        return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint accumulates %lld batches, the trainer %lld",
                          (long long)file->accumulate, (long long)own->accumulate);
    if (at->monitor_epoch < 0 || at->monitor_epoch > at->epoch || at->waiting < 0 || at->waiting > at->epoch || file->average_updates < 0)
        return kdst__fail(ctx, KDST_STATUS_FORMAT,
                          "trainer_load: monitor_epoch %lld, waiting %lld, average_updates %lld after %lld epochs are impossible",
                          (long long)at->monitor_epoch, (long long)at->waiting, (long long)file->average_updates, (long long)at->epoch);
    if (watcher && file->schedule_count != own->schedule_count)
        return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint has %lld numbers of the schedule's state, the schedule %lld",
                          (long long)file->schedule_count, (long long)own->schedule_count);
    if (watcher && !watcher->kind->state_fits(file->schedule))
        return kdst__fail(ctx, KDST_STATUS_FORMAT, "trainer_load: the schedule's state %g, %g, %g, %g is impossible",
                          file->schedule[0], file->schedule[1], file->schedule[2], file->schedule[3]);
    return KDST_STATUS_OK;
}

static kdst_status check_setup(kdst_trainer *t, const kdst__run_position *at, const setup *own, const setup *file)
{
    kdst_context *ctx = t->base.ctx;
    if (file->batches != own->batches || file->samples != own->samples)
        return kdst__fail(ctx, KDST_STATUS_STATE,
                          "trainer_load: the checkpoint is of %lld samples in %lld batches, the loader has %lld in %lld",
                          (long long)file->samples, (long long)file->batches, (long long)own->samples, (long long)own->batches);
    if (file->base_rate != own->base_rate)
        return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint has learning rate %g, the optimizer %g",
                          file->base_rate, own->base_rate);
    if (at->epoch < 0 || at->epoch > t->config.epochs)
        return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint has done %lld epochs, the trainer makes %lld",
                          (long long)at->epoch, (long long)t->config.epochs);
    if (at->batch < 0 || at->batch > own->batches || !step_fits(at, own->batches, own->accumulate) || at->samples < 0 || at->samples > own->samples || at->hits < 0
        || at->hits > at->samples || file->optimizer_steps < 0 || at->best_epoch < 0 || at->best_epoch > at->epoch)
        return kdst__fail(ctx, KDST_STATUS_FORMAT,
                          "trainer_load: the position (epoch %lld, batch %lld, step %lld, %lld samples) is impossible",
                          (long long)at->epoch, (long long)at->batch, (long long)at->step, (long long)at->samples);
    return KDST_STATUS_OK;
}

/* The whole numbers of an optimiser count updates. */
static kdst_status check_counter(kdst_context *ctx, const char *name, const kdst_tensor *saved)
{
    const int32_t *count = kdst__tensor_data(saved);
    if (saved->dtype != KDST_DTYPE_INT32 || kdst__tensor_count(saved) != 1 || *count >= 0) return KDST_STATUS_OK;
    return kdst__fail(ctx, KDST_STATUS_FORMAT, "trainer_load: %s is %d, allowed is 0 or more", name, (int)*count);
}

/* Finds "optimizer.<name>" and checks it against the optimiser's own tensor. */
static kdst_status find_optimizer_entry(
    kdst_trainer *t, kdst_state *state, int64_t index, kdst_tensor **out_own, kdst_tensor **out_saved)
{
    char name[KDST__STATE_NAME + 1], a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_status status = get_optimizer_entry(t, "trainer_load", index, name, out_own);
    if (status) return status;
    if (kdst_state_get(state, name, out_saved))
        return kdst__fail(t->base.ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint has no %s", name);
    if ((*out_saved)->dtype == (*out_own)->dtype && kdst__tensor_same_shape(*out_saved, *out_own))
        return check_counter(t->base.ctx, name, *out_saved);
    return kdst__fail(t->base.ctx, KDST_STATUS_STATE, "trainer_load: %s is %s %s, the optimizer has %s %s", name,
                      kdst_dtype_get_name((*out_saved)->dtype),
                      kdst__shape_text((*out_saved)->rank, (*out_saved)->shape, a), kdst_dtype_get_name((*out_own)->dtype),
                      kdst__shape_text((*out_own)->rank, (*out_own)->shape, b));
}

/* Checks the tensors of an average in the checkpoint, or copies them. */
static kdst_status take_average(kdst_context *ctx, kdst_state *state, const char *prefix, kdst_average *average, bool copies)
{
    char name[KDST__STATE_NAME + 1];
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < kdst_average_get_state_count(average) && !status; i++) {
        kdst_tensor *own, *saved;
        status = get_average_entry(average, ctx, prefix, i, name, &own);
        if (status) return status;
        if (kdst_state_get(state, name, &saved))
            return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: the checkpoint has no %s", name);
        if (saved->dtype != own->dtype || !kdst__tensor_same_shape(saved, own))
            return kdst__fail(ctx, KDST_STATUS_STATE, "trainer_load: %s has another type or shape than the trainer's", name);
        if (copies) status = kdst__tensor_assign("trainer_load", own, saved);
    }
    return status;
}

static kdst_status take_averages(
    kdst_trainer *t, kdst_state *state, const kdst__run_position *at, const setup *file, bool copies)
{
    kdst_status status = take_average(t->base.ctx, state, "average.", t->average, copies);
    if (!status && at->monitor_epoch > 0) status = take_average(t->base.ctx, state, "best.", t->best, copies);
    if (!status && copies && t->average) status = kdst_average_set_updates(t->average, file->average_updates);
    return status;
}

static kdst_status check_history(kdst_trainer *t, kdst_state *state, const kdst__run_position *at, kdst_tensor **out)
{
    if (kdst_state_get(state, "history", out))
        return kdst__fail(t->base.ctx, KDST_STATUS_FORMAT, "trainer_load: the checkpoint has no history");
    kdst_tensor *h = *out;
    if (h->dtype == KDST_DTYPE_FLOAT64 && h->rank == 2 && h->shape[0] == at->epoch && h->shape[1] == KDST__HISTORY_COLUMNS)
        return KDST_STATUS_OK;
    char text[KDST__SHAPE_TEXT];
    return kdst__fail(t->base.ctx, KDST_STATUS_FORMAT, "trainer_load: history is %s, expected [%lld, %d]",
                      kdst__shape_text(h->rank, h->shape, text), (long long)at->epoch, KDST__HISTORY_COLUMNS);
}

/* Everything has been checked: from here on only copies between equal shapes and types. */
static kdst_status apply(
    kdst_trainer *t, kdst_state *state, const kdst__run_position *at, const setup *file, kdst_tensor *history)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_string(options, "prefix", "model.");
    if (status) status = kdst__fail_memory(t->base.ctx, "trainer_load");
    else status = kdst_layer_load_state(t->model, state, options);
    kdst_options_release(options);
    if (!status) status = kdst__terms_load(&t->terms, state);
    for (int64_t i = 0; i < kdst_optimizer_get_state_count(t->optimizer) && !status; i++) {
        kdst_tensor *own, *saved;
        status = find_optimizer_entry(t, state, i, &own, &saved);
        if (!status) status = kdst__tensor_assign("trainer_load", own, saved);
    }
    if (!status) status = take_averages(t, state, at, file, true);
    if (!status) status = kdst_optimizer_set_steps(t->optimizer, file->optimizer_steps);
    if (!status) status = kdst_context_set_random(t->base.ctx, (uint64_t)file->seed, (uint64_t)file->stream);
    if (status) return status;
    kdst_schedule *watcher = kdst__schedule_watcher(t->schedule);
    if (watcher) memcpy(watcher->kind->state(watcher), file->schedule, (size_t)file->schedule_count * sizeof *file->schedule);
    memcpy(t->history, kdst__tensor_data(history), (size_t)(at->epoch * KDST__HISTORY_COLUMNS) * sizeof(double));
    t->at = *at;
    t->gradient_norm = NAN;
    t->validated = false;
    return KDST_STATUS_OK;
}

kdst_status kdst_trainer_load(kdst_trainer *t, const char *path)
{
    if (!t) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = t->base.ctx;
    kdst__enter(ctx);
    if (!path) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "trainer_load: path is NULL");
    kdst_state *state = NULL;
    kdst_tensor *history = NULL;
    kdst__run_position at = {.monitor_best = NAN};
    setup own, file = {.accumulate = 1};
    field fields[FIELDS];
    list_fields(&at, &file, fields);
    kdst_status status = kdst_state_load(ctx, path, &state);
    if (!status) status = get_fields(ctx, state, fields);
    if (!status) status = read_setup(t, &own);
    if (!status) status = check_later(t, &at, &own, &file);
    if (!status) status = check_setup(t, &at, &own, &file);
    if (!status) status = check_history(t, state, &at, &history);
    for (int64_t i = 0; i < kdst_optimizer_get_state_count(t->optimizer) && !status; i++) {
        kdst_tensor *mine, *saved;
        status = find_optimizer_entry(t, state, i, &mine, &saved);
    }
    if (!status) status = kdst__terms_check(&t->terms, state);
    if (!status) status = take_averages(t, state, &at, &file, false);
    if (!status) status = apply(t, state, &at, &file, history);
    kdst__handle_release(state);
    return status;
}
