/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate of --dry-run (see dry_run.h).
 *
 * Runs of one kind (the same loss, network and teacher's network) take the same time, so each kind is measured once: a run is made
 * with fresh weights, takes a step to fill the caches and then a few that are timed; validation is timed on one batch. Nothing is
 * written.
 */
#include "dry_run.h"
#include "parts.h"

#include "../common/estimate.h"
#include "../common/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct estimate {
    double step, validation; /* seconds */
    int64_t steps, memory;   /* of the whole run; bytes at most */
} estimate;

static bool same_kind(const job *a, const job *b)
{
    return a->variant == b->variant && a->teacher_net == b->teacher_net && a->stopped == b->stopped
        && !*a->teacher == !*b->teacher && a->teacher_is_teacher_net == b->teacher_is_teacher_net;
}

/* Seconds of one batch of the test images through the model, times their batches. */
static bool time_validation(experiment *e, parts *p, double *out)
{
    kdst_dataset *few = NULL, *rest = NULL;
    kdst_loader *loader = NULL;
    int64_t all = kdst_dataset_get_count(e->test), count = all < 500 ? all : 500;
    double accuracy;
    if (count < all) {
        kdst_status status = kdst_dataset_create_split(e->test, count, 1, &few, &rest);
        if (status) return explain_failure(e->ctx, "test images", status);
    }
    bool good = make_loader(e, few ? few : e->test, false, 0, &loader);
    double begun = seconds_now();
    good = good && accuracy_of(e, p->model, loader, &accuracy);
    *out = (seconds_now() - begun) * (double)all / (double)count;
    kdst_loader_release(loader);
    kdst_dataset_release(rest);
    kdst_dataset_release(few);
    return good;
}

static bool measure(experiment *e, const job *j, estimate *out)
{
    parts p = {.teacher_accuracy = NAN};
    int64_t now;
    job alone = *j;
    if (j->variant == MUTUAL) alone.variant = BASELINE; /* a peer's part of a common step */
    bool good = make_parts(e, &alone, false, &p) && time_validation(e, &p, &out->validation) && time_steps("distill", e->ctx, j->name, p.trainer, &out->step);
    if (good) {
        out->steps = epochs_of(e->settings, j) * kdst_loader_get_batches(p.train);
        kdst_status status = kdst_context_get_memory(e->ctx, &now, &out->memory);
        good = !status || explain_failure(e->ctx, j->name, status);
    }
    parts_free(&p);
    return good;
}

static double seconds_of(const experiment *e, const job *j, const estimate *t)
{
    return (double)t->steps * t->step + (double)epochs_of(e->settings, j) * t->validation;
}

static void print_job(const experiment *e, const job *j, const estimate *t)
{
    printf("%-28s %s, %lld epochs, ", j->name, net_of(e->settings, j), (long long)epochs_of(e->settings, j));
    if (*j->teacher) printf("taught by %s, ", j->teacher);
    if (j->stopped) {
        printf("stopped early\n");
        return;
    }
    printf("%lld steps of %.1f ms: ", (long long)t->steps, 1000 * t->step);
    print_time(seconds_of(e, j, t));
    printf("\n");
}

static bool print_network(experiment *e, bool teacher_net)
{
    const settings *s = e->settings;
    kdst_layer *model = NULL;
    if (!load_model(e, teacher_net, NULL, false, &model)) return false;
    printf("%s %s: %lld parameters\n", teacher_net ? "teacher" : "student", teacher_net ? s->teacher : s->student,
           (long long)kdst_layer_get_parameter_count(model));
    bool good = print_summary("distill", e->ctx, model, 4, (const int64_t[]){1, e->shape[0], e->shape[1], e->shape[2]});
    kdst_layer_release(model);
    return good;
}

bool dry_run(experiment *e, const job *jobs, int count)
{
    estimate *times = calloc((size_t)count + 1, sizeof *times);
    double total = 0;
    int64_t memory = 0;
    bool good = times && print_network(e, false), teacher = false;
    if (!times) fprintf(stderr, "distill: out of memory\n");
    for (int i = 0; i < count; i++) teacher = teacher || jobs[i].teacher_net;
    if (good && teacher) good = print_network(e, true);
    for (int i = 0; i < count && good; i++) {
        int known = 0;
        while (known < i && !same_kind(&jobs[known], &jobs[i])) known++;
        if (known < i)
            times[i] = times[known];
        else
            good = measure(e, &jobs[i], &times[i]);
        if (!good) break;
        print_job(e, &jobs[i], &times[i]);
        if (!jobs[i].stopped) total += seconds_of(e, &jobs[i], &times[i]);
        memory = times[i].memory > memory ? times[i].memory : memory;
    }
    if (good) {
        printf("about ");
        print_time(total);
        printf(" on this machine as it is now, and %.0f MiB of memory\n", (double)memory / (1 << 20));
    }
    free(times);
    return good;
}
