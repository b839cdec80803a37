/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves behind (see outcome.h). */
#include "outcome.h"

#include "../common/files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The variant whose settings made the teacher. */
static int teacher_variant(const job *j)
{
    if (j->variant == BORN_AGAIN && !strncmp(j->teacher, "ban", 3)) return BORN_AGAIN;
    return j->variant == DEKD ? DEKD : BASELINE;
}

void describe_run(experiment *e, const job *j, run_record *r)
{
    const settings *s = e->settings;
    const int size = (int)sizeof r->fingerprint;
    *r = (run_record){.variant = j->variant, .seed = j->seed, .teacher_accuracy = NAN};
    snprintf(r->name, sizeof r->name, "%s", j->name);
    snprintf(r->net, sizeof r->net, "%.63s", net_of(s, j));
    snprintf(r->teacher, sizeof r->teacher, "%s", j->teacher);
    settings_fingerprint(s, j->stopped ? DEKD : j->variant, j->teacher_net, r->fingerprint, size);
    if (!*j->teacher) return;
    /* another teacher makes another run */
    int used = (int)strlen(r->fingerprint);
    used += snprintf(r->fingerprint + used, (size_t)(size - used), " taught by: ");
    if (used < size)
        settings_fingerprint(s, teacher_variant(j), j->teacher_is_teacher_net, r->fingerprint + used, size - used);
}

bool read_diagrams(experiment *e, kdst_metrics *metrics, run_record *r)
{
    kdst_tensor *reliability = NULL;
    kdst_status status = kdst_metrics_get_reliability(metrics, &reliability);
    if (status) return explain_failure(e->ctx, r->name, status);
    r->classes = e->classes;
    r->bins = kdst_tensor_get_size(reliability, 0);
    r->confusion = copy_confusion("distill", e->ctx, metrics, e->classes);
    r->reliability = malloc((size_t)r->bins * 3 * sizeof *r->reliability);
    bool good = r->confusion && copy_tensor(reliability, r->reliability, r->bins * 3 * (int64_t)sizeof *r->reliability);
    kdst_tensor_release(reliability);
    return good;
}

void print_line(const run_record *r, const char *note)
{
    printf("%-28s last %.2f %%  best %.2f %% (epoch %lld)  nll %.4f  ece %.4f  %s\n", r->name, 100 * record_last(r, COL_ACCURACY),
           100 * r->best_accuracy, (long long)r->best_epoch, record_last(r, COL_NLL), record_last(r, COL_ECE), note);
    fflush(stdout);
}

bool reuse_run(const parts *p, const run_record *expected, run_record *out)
{
    if (!file_exists(p->files.result) || !record_read(out, p->files.result)) return false;
    if (!strcmp(out->fingerprint, expected->fingerprint) && out->seed == expected->seed) return true;
    fprintf(stderr, "distill: %s was made with other settings; it is made again\n", expected->name);
    record_free(out);
    return false;
}
