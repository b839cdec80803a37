/* SPDX-License-Identifier: Apache-2.0 */
/* One run: the loop with progress, log and checkpoints, and its record. What it is made of comes from parts.c. */
#include "mutual.h"
#include "outcome.h"
#include "terms.h"

#include "../common/files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool check_job(experiment *e, const job *j)
{
    kdst_loss *loss = NULL;
    kdst_layer *model = NULL;
    run_record record;
    describe_run(e, j, &record);
    if (strlen(record.fingerprint) + 1 >= sizeof record.fingerprint) {
        /* what is cut off could not tell this run from another one */
        fprintf(stderr, "distill: the settings of %s take more than %zu bytes\n", j->name, sizeof record.fingerprint - 2);
        return false;
    }
    bool good = make_loss(e, j, &loss) && load_model(e, j->teacher_net, NULL, false, &model);
    if (good && matches_features(j->variant)) {
        kdst_loss_release(loss);
        loss = NULL;
        good = make_term(e, j->variant, &loss);
    }
    kdst_layer_release(model);
    kdst_loss_release(loss);
    return good;
}

/* ---- the loop ---- */

/* Training images that De-KD's teacher is stopped by: 1,000, or all but one of fewer. */
static int64_t probe_count(const experiment *e)
{
    int64_t count = kdst_dataset_get_count(e->train);
    return count > 1000 ? 1000 : count - 1;
}

/* De-KD: one batch at a time at a small rate until the accuracy on the probe reaches the wanted one. An overshoot past one
 * half starts again with a fifth of the rate. */
static bool train_until(experiment *e, const job *j, parts *p, double *reached)
{
    const double wanted = e->settings->dekd_accuracy;
    kdst_dataset *probe = NULL, *rest = NULL;
    kdst_loader *loader = NULL;
    kdst_event event = 0;
    kdst_status status = kdst_dataset_create_split(e->train, probe_count(e), 22, &probe, &rest);
    bool good = (status == KDST_STATUS_OK || explain_failure(e->ctx, j->name, status)) && make_loader(e, probe, false, 0, &loader);
    *reached = 0;
    while (good && *reached < wanted) {
        status = kdst_trainer_step(p->trainer, &event);
        if (event == KDST_EVENT_FINISHED) {
            fprintf(stderr, "distill: %s never reached %.0f %%\n", j->name, 100 * wanted);
            good = false;
        }
        good = good && (status == KDST_STATUS_OK || explain_failure(e->ctx, j->name, status))
            && accuracy_of(e, p->model, loader, reached);
    }
    kdst_loader_release(loader);
    kdst_dataset_release(probe);
    kdst_dataset_release(rest);
    return good;
}

static bool train_stopped(experiment *e, const job *j, parts *p)
{
    double rate = e->settings->teacher_rate / 10, reached = 1, test = 0;
    for (int attempt = 0; attempt < 6; attempt++, rate /= 5) {
        kdst_trainer_release(p->trainer);
        kdst_optimizer_release(p->optimizer);
        kdst_schedule_release(p->schedule);
        kdst_layer_release(p->model);
        p->trainer = NULL, p->optimizer = NULL, p->schedule = NULL, p->model = NULL;
        if (kdst_context_set_seed(e->ctx, j->seed) || !load_model(e, true, NULL, false, &p->model)
            || !make_optimizer(e, j, rate, p->model, &p->optimizer) || !make_trainer(e, j, p) || !train_until(e, j, p, &reached))
            return false;
        if (!accuracy_of(e, p->model, p->test, &test)) return false;
        if (test < 0.15 || test > 0.5) continue;
        printf("%-28s stopped after %.0f steps at %.2f %% on %lld training images, %.2f %% on the test images\n", j->name,
               trainer_figure(p->trainer, "step"), 100 * reached, (long long)probe_count(e), 100 * test);
        return true;
    }
    fprintf(stderr, "distill: %s cannot be stopped between 15 %% and 50 %%: last at %.2f %%\n", j->name, 100 * test);
    return false;
}

/* ---- the record ---- */

/* Figures of a model that was stopped within an epoch: one row, measured now. */
static bool measure(experiment *e, parts *p, run_record *r, kdst_metrics **out)
{
    static const char *const keys[] = {"accuracy", "nll", "ece"};
    kdst_status status = kdst_metrics_create(e->ctx, e->classes, NULL, out);
    if (!status) status = kdst_metrics_add_loader(*out, p->model, p->test);
    r->epochs = 1;
    r->history = calloc(COLUMNS, sizeof *r->history);
    if (!r->history) return false;
    r->history[COL_LOSS] = trainer_figure(p->trainer, "epoch_loss");
    r->history[COL_TRAIN_ACCURACY] = trainer_figure(p->trainer, "epoch_accuracy");
    for (int i = 0; i < 3 && !status; i++) status = kdst_metrics_get(*out, keys[i], &r->history[COL_ACCURACY + i]);
    r->best_accuracy = r->history[COL_ACCURACY];
    r->best_epoch = 1;
    return status == KDST_STATUS_OK || explain_failure(e->ctx, r->name, status);
}

static training training_of(experiment *e, const job *j, parts *p)
{
    const settings *s = e->settings;
    return (training){.program = "distill", .ctx = e->ctx, .name = j->name, .files = &p->files, .trainer = p->trainer, .log = e->log,
                      .checkpoint_seconds = (double)s->checkpoint_seconds, .quiet = s->quiet};
}

static bool read_history(experiment *e, const job *j, parts *p, run_record *r, kdst_metrics **out)
{
    const training t = training_of(e, j, p);
    r->history = training_history(&t, &r->epochs);
    r->best_accuracy = trainer_figure(p->trainer, "best_accuracy");
    r->best_epoch = (int64_t)trainer_figure(p->trainer, "best_epoch");
    return r->history && training_metrics(&t, p->model, p->test, e->classes, out);
}

/* What was validated is what is kept: the average of the weights where there is one. */
static kdst_status take_average(parts *p)
{
    kdst_average *average = NULL;
    kdst_status status = kdst_trainer_get_average(p->trainer, &average);
    return status == KDST_STATUS_NOT_FOUND ? KDST_STATUS_OK : status ? status : kdst_average_apply(average);
}

static bool finish(experiment *e, const job *j, parts *p, run_record *r)
{
    kdst_metrics *metrics = NULL;
    r->teacher_accuracy = p->teacher_accuracy;
    kdst_status status = take_average(p);
    if (status) return explain_failure(e->ctx, j->name, status);
    bool good = (j->stopped ? measure(e, p, r, &metrics) : read_history(e, j, p, r, &metrics)) && read_diagrams(e, metrics, r);
    kdst_metrics_release(metrics);
    status = good ? kdst_layer_save(p->model, p->files.weights) : KDST_STATUS_OK;
    if (status) return explain_failure(e->ctx, j->name, status);
    /* the record last: a run counts as finished when it is there */
    good = good && record_write(r, p->files.result);
    if (good) remove(p->files.checkpoint);
    return good;
}

static bool train(experiment *e, const job *j, parts *p, const run_record *expected, run_record *out)
{
    const settings *s = e->settings;
    const training t = training_of(e, j, p);
    if (!training_resume(&t, expected->fingerprint, s->resume && !j->stopped)) return false;
    return j->stopped ? train_stopped(e, j, p) : training_run(&t, &out->seconds);
}

bool run_job(experiment *e, const job *j, run_record *out)
{
    parts p = {.teacher_accuracy = NAN};
    run_record expected;
    char note[64];
    bool good = make_run_files("distill", e->settings->out, j->name, &p.files);
    describe_run(e, j, &expected);
    /* the first of the peers has just trained all of them, or they were all reused */
    if (good && (e->settings->resume || j->peer) && reuse_run(&p, &expected, out)) return print_line(out, j->peer ? "with the first" : "reused"), true;
    if (good && j->variant == MUTUAL) return train_peers(e, j, out);
    *out = expected;
    good = good && make_parts(e, j, true, &p) && train(e, j, &p, &expected, out) && finish(e, j, &p, out);
    parts_free(&p);
    if (!good) return record_free(out), false;
    snprintf(note, sizeof note, "%.0f s", out->seconds);
    print_line(out, note);
    return true;
}
