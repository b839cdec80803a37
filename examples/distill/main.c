/* SPDX-License-Identifier: Apache-2.0 */
/* distill: trains a student with every variant of knowledge distillation and writes a report.
 *
 * Yuan, Tay, Li, Wang, Feng, "Revisiting Knowledge Distillation via Label Smoothing Regularization", CVPR 2020, and the families of the
 * survey (docs/transfer.md). For each seed the plan is: the student alone; the teacher; De-KD's stopped teacher; then the variants, each
 * taught by a run made before it. Read settings.c (options), data.c (data, models), parts.c and run.c (one run), mutual.c (networks that
 * teach each other), report.c (the page).
 *
 *     build/examples/distill --data examples/data --epochs 2 --seeds 1 --out /tmp/distill
 */
#include "dry_run.h"
#include "report.h"

#include "../common/files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JOBS = MAX_SEEDS * (VARIANTS + 3 * MAX_MEMBERS), FURTHER_SEED = 1000033 };

/* ---- the plan ---- */

/* `role` begins the run's name: teacher and student may be one architecture. */
static job *add_job(const settings *s, job *jobs, int *count, int variant, bool teacher_net, const char *role, uint64_t seed)
{
    job *j = &jobs[(*count)++];
    *j = (job){.variant = variant, .teacher_net = teacher_net, .seed = seed};
    snprintf(j->name, sizeof j->name, "%s-%.60s-seed%llu", role, teacher_net ? s->teacher : s->student, (unsigned long long)seed);
    return j;
}

static void taught_by(job *j, const job *teacher)
{
    snprintf(j->teacher, sizeof j->teacher, "%s", teacher->name);
    j->teacher_is_teacher_net = teacher->teacher_net;
}

/* Students of the survey's methods, and what they need. */
static void plan_survey(const settings *s, job *jobs, int *count, uint64_t seed, const job *student, const job *teacher)
{
    const bool *v = s->variants;
    char role[32];
    for (int variant = HINT; variant <= RELATIONAL; variant++)
        if (v[variant]) taught_by(add_job(s, jobs, count, variant, false, variant_names[variant], seed), teacher);
    for (int i = 0; i < s->peers && v[MUTUAL]; i++) {
        snprintf(role, sizeof role, "mutual%d", i + 1);
        add_job(s, jobs, count, MUTUAL, false, role, seed)->peer = i;
    }
    const job *before = student;
    for (int i = 0; i < s->generations && v[BORN_AGAIN]; i++) {
        snprintf(role, sizeof role, "ban%d", i + 1);
        job *next = add_job(s, jobs, count, BORN_AGAIN, false, role, seed);
        next->seed += (uint64_t)(i + 1) * FURTHER_SEED; /* other initial weights than its teacher had */
        taught_by(next, before);
        before = next;
    }
    if (!v[ENSEMBLE]) return;
    const job *members[MAX_MEMBERS] = {teacher};
    for (int i = 1; i < s->teachers; i++) {
        snprintf(role, sizeof role, "teacher%d", i + 1);
        job *member = add_job(s, jobs, count, BASELINE, true, role, seed);
        member->seed += (uint64_t)i * FURTHER_SEED;
        members[i] = member;
    }
    job *last = add_job(s, jobs, count, ENSEMBLE, false, "ensemble", seed);
    taught_by(last, teacher);
    for (int i = 1; i < s->teachers; i++) snprintf(last->further[last->further_count++], sizeof last->name, "%s", members[i]->name);
}

static int make_plan(const settings *s, job *jobs)
{
    int count = 0;
    for (int i = 0; i < s->seeds.count; i++) {
        uint64_t seed = s->seeds.values[i];
        const bool *v = s->variants;
        bool taught = v[KD] || v[REKD] || v[HINT] || v[ATTENTION] || v[SIMILARITY] || v[RELATIONAL] || v[ENSEMBLE];
        job *student = add_job(s, jobs, &count, BASELINE, false, "baseline", seed);
        job *teacher = taught ? add_job(s, jobs, &count, BASELINE, true, "teacher", seed) : NULL;
        job *stopped = v[DEKD] ? add_job(s, jobs, &count, BASELINE, true, "stopped", seed) : NULL;
        if (stopped) stopped->stopped = true;
        if (v[LSR]) add_job(s, jobs, &count, LSR, false, "lsr", seed);
        if (v[KD]) taught_by(add_job(s, jobs, &count, KD, false, "kd", seed), teacher);
        if (v[DEKD]) taught_by(add_job(s, jobs, &count, DEKD, false, "dekd", seed), stopped);
        if (v[TFKD_SELF]) taught_by(add_job(s, jobs, &count, TFKD_SELF, false, "self", seed), student);
        if (v[TFKD_REG]) add_job(s, jobs, &count, TFKD_REG, false, "reg", seed);
        if (v[REKD]) taught_by(add_job(s, jobs, &count, REKD, true, "rekd", seed), student);
        plan_survey(s, jobs, &count, seed, student, teacher);
    }
    return count;
}

/* ---- carrying it out ---- */

static bool run_plan(experiment *e, const job *jobs, int count, run_record *records, int *done)
{
    catch_interrupts(e->ctx);
    bool good = true;
    *done = 0;
    for (int i = 0; i < count && good; i++) good = check_job(e, &jobs[i]);
    while (good && *done < count) {
        good = run_job(e, &jobs[*done], &records[*done]);
        *done += good;
    }
    release_interrupts(); /* from here on there may be no context to cancel */
    return good;
}

static bool read_plan(experiment *e, const job *jobs, int count, run_record *records, int *done)
{
    char folder[4096], path[4096];
    *done = 0;
    for (int i = 0; i < count; i++) {
        if (!join_path(folder, sizeof folder, e->settings->out, jobs[i].name) || !join_path(path, sizeof path, folder, "result.json"))
            return false;
        if (file_exists(path) && record_read(&records[*done], path)) ++*done;
    }
    if (*done < count) fprintf(stderr, "distill: %d of %d runs are finished; the report shows those\n", *done, count);
    return *done > 0;
}

/* The first trained teacher, or the first student when there is none, is the one whose softness is shown. */
static bool measure_softness(experiment *e, const job *jobs, int count, softness *soft)
{
    const job *chosen = NULL;
    for (int i = 0; i < count; i++) {
        if (jobs[i].variant != BASELINE || jobs[i].stopped) continue;
        if (!chosen || (jobs[i].teacher_net && !chosen->teacher_net)) chosen = &jobs[i];
    }
    kdst_layer *model = NULL;
    if (!chosen || !load_model(e, chosen->teacher_net, chosen->name, true, &model)) return false;
    bool good = softness_measure(e, model, soft);
    snprintf(soft->teacher, sizeof soft->teacher, "%s", chosen->name);
    kdst_layer_release(model);
    return good;
}

int main(int argc, char **argv)
{
    static job jobs[MAX_JOBS];
    static run_record records[MAX_JOBS];
    settings s;
    experiment e;
    softness soft = {0};
    char path[4096];
    int done = 0, parsed = settings_parse(argc, argv, &s);
    if (parsed) return parsed == 1 ? 0 : 2;
    int count = make_plan(&s, jobs);
    bool good = experiment_open(&e, &s);
    if (good) {
        printf("%lld training and %lld test images of %lld classes from %s; %s, %s threads, %s\n",
               (long long)kdst_dataset_get_count(e.train), (long long)kdst_dataset_get_count(e.test), (long long)e.classes, s.data,
               kdst_context_get_info(e.ctx, "level"), kdst_context_get_info(e.ctx, "threads"), kdst_context_get_info(e.ctx, "gemm"));
        if (s.dry_run) {
            good = dry_run(&e, jobs, count);
            good = experiment_close(&e) && good;
            return good && !fflush(stdout) ? 0 : 1;
        }
        good = s.report_only ? read_plan(&e, jobs, count, records, &done) : run_plan(&e, jobs, count, records, &done);
    }
    good = good && measure_softness(&e, jobs, count, &soft) && report_write(&e, records, done, &soft, path, sizeof path);
    if (good) printf("report: %s\n", path);
    for (int i = 0; i < done; i++) record_free(&records[i]);
    good = experiment_close(&e) && good;
    if (!fflush(stdout) && !ferror(stdout)) return good ? 0 : 1;
    fprintf(stderr, "distill: the output cannot be written\n");
    return 1;
}
