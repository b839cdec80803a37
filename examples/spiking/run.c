/* SPDX-License-Identifier: Apache-2.0 */
/* One run: trained, measured, recorded. What it is made of comes from parts.c, the loop from ../common/training.c. */
#include "activity.h"

#include "../common/files.h"

#include <string.h>

typedef struct silencer {
    experiment *e;
    const job *job;
    parts *parts;
} silencer;

/* The surrogate of silent neurons is on in the first epochs; a run that goes on is in the right one, too. */
static bool set_silent(void *user_data)
{
    const silencer *s = user_data;
    bool on = trainer_figure(s->parts->trainer, "epoch") < (double)s->e->settings->silent_epochs;
    kdst_status status = kdst_neuron_set_silent_surrogate(s->parts->neuron, on);
    return status == KDST_STATUS_OK || explain(s->e, s->job->name, status);
}

static void print_line(const run_record *r, const char *note)
{
    printf(
        "%-20s last %.2f %%  best %.2f %% (epoch %lld)  training %.2f %%  %s\n", r->name,
        100 * record_last(r, COL_ACCURACY), 100 * r->best_accuracy, (long long)r->best_epoch,
        100 * record_last(r, COL_TRAIN_ACCURACY), note);
    fflush(stdout);
}

/* Takes the record of a finished run over; false when there is none, or it was made with other settings. */
static bool reuse_run(const parts *p, const run_record *expected, run_record *out)
{
    if (!file_exists(p->files.result) || !record_read(out, p->files.result)) return false;
    if (!strcmp(out->fingerprint, expected->fingerprint) && out->seed == expected->seed) return true;
    fprintf(stderr, "spiking: %s was made with other settings; it is made again\n", expected->name);
    record_free(out);
    return false;
}

static bool finish(experiment *e, const training *t, parts *p, run_record *r)
{
    kdst_metrics *metrics = NULL;
    r->history = training_history(t, &r->epochs);
    r->best_accuracy = trainer_figure(p->trainer, "best_accuracy");
    r->best_epoch = (int64_t)trainer_figure(p->trainer, "best_epoch");
    r->classes = e->classes;
    bool good = r->history && training_metrics(t, p->model, p->test, e->classes, &metrics) &&
        (r->confusion = copy_confusion("spiking", e->ctx, metrics, e->classes));
    kdst_metrics_release(metrics);
    good = good && measure_activity(e, p->neuron, p->model, r);
    kdst_status status = good ? kdst_layer_save(p->model, p->files.weights) : KDST_STATUS_OK;
    if (status) return explain(e, r->name, status);
    /* the record last: a run counts as finished when it is there */
    good = good && record_write(r, p->files.result);
    if (good) remove(p->files.checkpoint);
    return good;
}

bool run_job(experiment *e, const job *j, run_record *out)
{
    const settings *s = e->settings;
    parts p = {0};
    silencer silencer = {e, j, &p};
    char note[64];
    run_record expected;
    describe_run(s, j->name, j->rule, j->seed, &expected);
    bool good = make_run_files("spiking", s->out, j->name, &p.files);
    if (good && s->resume && reuse_run(&p, &expected, out)) return print_line(out, "reused"), true;
    *out = expected;
    good = good && make_parts(e, j, &p);
    const training t = {.program = "spiking", .ctx = e->ctx, .name = j->name, .files = &p.files, .trainer = p.trainer, .log = e->log,
                        .checkpoint_seconds = (double)s->checkpoint_seconds, .quiet = s->quiet, .before_step = set_silent,
                        .user_data = &silencer};
    good = good && training_resume(&t, expected.fingerprint, s->resume) && training_run(&t, &out->seconds) &&
        finish(e, &t, &p, out);
    parts_free(&p);
    if (!good) return record_free(out), false;
    snprintf(note, sizeof note, "%.0f s", out->seconds);
    print_line(out, note);
    return true;
}

bool load_run(experiment *e, int rule, const char *name, kdst_neuron **out_neuron, kdst_layer **out_model)
{
    char folder[4096], path[4096];
    if (!join_path(folder, sizeof folder, e->settings->out, name) ||
        !join_path(path, sizeof path, folder, "model.safetensors") || !make_network(e, rule, out_neuron, out_model))
        return false;
    kdst_status status = kdst_layer_load(*out_model, path, NULL);
    return status == KDST_STATUS_OK || explain(e, name, status);
}
