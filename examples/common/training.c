/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a training run (see training.h). */
#include "training.h"

#include "files.h"
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool make_run_files(const char *program, const char *out, const char *name, run_files *f)
{
    return join_path(f->folder, sizeof f->folder, out, name) &&
        join_path(f->checkpoint, sizeof f->checkpoint, f->folder, "checkpoint.safetensors") &&
        join_path(f->settings, sizeof f->settings, f->folder, "settings.txt") &&
        join_path(f->result, sizeof f->result, f->folder, "result.json") &&
        join_path(f->weights, sizeof f->weights, f->folder, "model.safetensors") && make_folder(program, f->folder);
}

/* ---- going on ---- */

static bool has_settings(const training *t, const char *expected)
{
    char *text = read_text(t->program, t->files->settings);
    bool same = text && !strcmp(text, expected);
    free(text);
    return same;
}

bool training_resume(const training *t, const char *settings, bool resume)
{
    const run_files *f = t->files;
    bool there = file_exists(f->checkpoint);
    if (there && resume && file_exists(f->settings)) {
        if (has_settings(t, settings)) {
            kdst_status status = kdst_trainer_load(t->trainer, f->checkpoint);
            if (status) return explain_status(t->program, t->ctx, f->checkpoint, status);
            printf("%-28s goes on after %.0f steps\n", t->name, trainer_figure(t->trainer, "step"));
            return true;
        }
        fprintf(stderr, "%s: %s was begun with other settings; it is made again\n", t->program, t->name);
    }
    if (there && remove(f->checkpoint)) {
        fprintf(stderr, "%s: cannot remove %s\n", t->program, f->checkpoint);
        return false;
    }
    return write_text(t->program, f->settings, settings);
}

/* ---- the loop ---- */

static void log_epoch(const training *t, double seconds)
{
    fprintf(
        t->log,
        "{\"run\":\"%s\",\"epoch\":%.0f,\"loss\":%.6g,\"train_accuracy\":%.6f,\"accuracy\":%.6f,\"nll\":%.6f,\"ece\":%.6f,"
        "\"learning_rate\":%.6g,\"seconds\":%.2f}\n",
        t->name, trainer_figure(t->trainer, "epoch"), trainer_figure(t->trainer, "epoch_loss"),
        trainer_figure(t->trainer, "epoch_accuracy"), trainer_figure(t->trainer, "accuracy"),
        trainer_figure(t->trainer, "nll"), trainer_figure(t->trainer, "ece"),
        trainer_figure(t->trainer, "learning_rate"), seconds);
    fflush(t->log);
}

static void show(const training *t, progress *line)
{
    char text[256];
    double epoch = trainer_figure(t->trainer, "epoch"), samples = trainer_figure(t->trainer, "samples");
    double all = trainer_figure(t->trainer, "samples_per_epoch"), epochs = trainer_figure(t->trainer, "epochs");
    /* at the end of an epoch `samples` still counts it */
    double done = epoch * all + (samples < all ? samples : 0);
    snprintf(
        text, sizeof text, "%s  epoch %.0f/%.0f  loss %.4f  train %.2f %%  test %.2f %%", t->name, fmin(epoch + 1, epochs),
        epochs, trainer_figure(t->trainer, "epoch_loss"), 100 * trainer_figure(t->trainer, "epoch_accuracy"),
        100 * trainer_figure(t->trainer, "accuracy"));
    progress_show(line, done, epochs * all, "images", text);
}

bool training_run(const training *t, double *out_seconds)
{
    progress line;
    double saved = seconds_now(), begun = saved;
    kdst_event event = 0;
    kdst_status status = KDST_STATUS_OK;
    bool good = true;
    progress_begin(&line, t->quiet);
    while (good && event != KDST_EVENT_FINISHED) {
        good = !t->before_step || t->before_step(t->user_data);
        if (good) status = kdst_trainer_step(t->trainer, &event);
        if (!good || status) break;
        if (event == KDST_EVENT_EPOCH) log_epoch(t, seconds_now() - begun);
        show(t, &line);
        if (seconds_now() - saved < t->checkpoint_seconds || event == KDST_EVENT_FINISHED) continue;
        status = kdst_trainer_save(t->trainer, t->files->checkpoint);
        if (status) break;
        saved = seconds_now();
    }
    progress_end(&line);
    *out_seconds = seconds_now() - begun;
    if (good && !status) return true;
    if (!good) return false;
    explain_status(t->program, t->ctx, t->name, status);
    if (status == KDST_STATUS_CANCELLED && !kdst_trainer_save(t->trainer, t->files->checkpoint))
        fprintf(stderr, "%s: stopped; the same command with --resume goes on from here\n", t->program);
    return false;
}

/* ---- what it left behind ---- */

bool copy_tensor(kdst_tensor *tensor, void *out, int64_t bytes)
{
    return out && kdst_tensor_get_data(tensor, out, bytes) == KDST_STATUS_OK;
}

double *training_history(const training *t, int64_t *out_epochs)
{
    kdst_tensor *history = NULL;
    kdst_status status = kdst_trainer_get_history(t->trainer, &history);
    if (status) return explain_status(t->program, t->ctx, t->name, status), NULL;
    int64_t epochs = *out_epochs = kdst_tensor_get_size(history, 0);
    double *rows = malloc((size_t)(epochs * COLUMNS + 1) * sizeof *rows);
    bool good = copy_tensor(history, rows, epochs * COLUMNS * (int64_t)sizeof *rows);
    kdst_tensor_release(history);
    if (good) return rows;
    free(rows);
    return fprintf(stderr, "%s: out of memory\n", t->program), NULL;
}

bool training_metrics(const training *t, kdst_layer *model, kdst_loader *test, int64_t classes, kdst_metrics **out)
{
    kdst_status status = kdst_trainer_get_metrics(t->trainer, out);
    if (!status) kdst_metrics_retain(*out);
    if (status == KDST_STATUS_NOT_FOUND) {
        status = kdst_metrics_create(t->ctx, classes, NULL, out);
        if (!status) status = kdst_metrics_add_loader(*out, model, test);
    }
    return status == KDST_STATUS_OK || explain_status(t->program, t->ctx, t->name, status);
}

int64_t *copy_confusion(const char *program, kdst_context *ctx, kdst_metrics *metrics, int64_t classes)
{
    kdst_tensor *confusion = NULL;
    kdst_status status = kdst_metrics_get_confusion(metrics, &confusion);
    if (status) return explain_status(program, ctx, "confusion", status), NULL;
    int64_t cells = classes * classes, *out = malloc((size_t)cells * sizeof *out);
    int32_t *counts = malloc((size_t)cells * sizeof *counts);
    bool good = out && copy_tensor(confusion, counts, cells * (int64_t)sizeof *counts);
    for (int64_t i = 0; good && i < cells; i++)
        out[i] = counts[i];
    free(counts);
    kdst_tensor_release(confusion);
    if (good) return out;
    free(out);
    return fprintf(stderr, "%s: no room for the confusion matrix\n", program), NULL;
}
