/* SPDX-License-Identifier: Apache-2.0 */
/* spiking: trains networks of spiking neurons by TSSL-BP and by surrogate gradients, and writes a report.
 *
 * Zhang and Li, "Temporal Spike Sequence Learning via Backpropagation for Deep Spiking Neural Networks", NeurIPS 2020 (docs/spiking.md).
 * There is a run of each rule for each seed. Read settings.c (options), configs.c (the official networks), data.c, parts.c and run.c (one
 * run), activity.c (who fires when), report.c and raster.c (the page).
 *
 *     build/examples/spiking --data examples/data --epochs 2 --seeds 1 --out /tmp/spiking
 */
#include "dry_run.h"
#include "report.h"

#include "../common/files.h"

enum { MAX_JOBS = MAX_SEEDS * RULES };

static int make_plan(const settings *s, job *jobs)
{
    int count = 0;
    for (int i = 0; i < s->seeds.count; i++)
        for (int rule = 0; rule < RULES; rule++) {
            if (!s->rules[rule]) continue;
            job *j = &jobs[count++];
            *j = (job){.rule = rule, .seed = s->seeds.values[i]};
            snprintf(j->name, sizeof j->name, "%s-seed%llu", rule_names[rule], (unsigned long long)j->seed);
        }
    return count;
}

static bool run_plan(experiment *e, const job *jobs, int count, run_record *records, int *done)
{
    bool good = true;
    *done = 0;
    catch_interrupts(e->ctx);
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
    if (*done < count) fprintf(stderr, "spiking: %d of %d runs are finished; the report shows those\n", *done, count);
    return *done > 0;
}

/* The spikes of the first run of each rule that is finished. */
static bool make_rasters(experiment *e, const run_record *records, int done, raster *rasters)
{
    bool good = true;
    for (int i = 0; i < done && good; i++) {
        const run_record *r = &records[i];
        kdst_neuron *neuron = NULL;
        kdst_layer *model = NULL;
        if (rasters[r->rule].layers) continue;
        good = load_run(e, r->rule, r->name, &neuron, &model) && record_raster(e, neuron, model, e->settings->sample, &rasters[r->rule]);
        kdst_layer_release(model);
        kdst_neuron_release(neuron);
    }
    return good;
}

int main(int argc, char **argv)
{
    static job jobs[MAX_JOBS];
    static run_record records[MAX_JOBS];
    settings s;
    experiment e;
    raster rasters[RULES] = {{0}};
    char path[4096];
    int done = 0, parsed = settings_parse(argc, argv, &s);
    if (parsed) return parsed == 1 ? 0 : 2;
    int count = make_plan(&s, jobs);
    bool good = experiment_open(&e, &s);
    if (good)
        printf("%lld training and %lld test images of %lld classes from %s; %s, %s threads, %s\n",
               (long long)kdst_dataset_get_count(e.train), (long long)kdst_dataset_get_count(e.test), (long long)e.classes, s.data,
               kdst_context_get_info(e.ctx, "level"), kdst_context_get_info(e.ctx, "threads"), kdst_context_get_info(e.ctx, "gemm"));
    if (good && s.dry_run) {
        good = dry_run(&e, jobs, count);
    } else if (good) {
        good = s.report_only ? read_plan(&e, jobs, count, records, &done) : run_plan(&e, jobs, count, records, &done);
        good = good && make_rasters(&e, records, done, rasters) && report_write(&e, records, done, rasters, path, sizeof path);
        if (good) printf("report: %s\n", path);
    }
    for (int i = 0; i < done; i++) record_free(&records[i]);
    for (int i = 0; i < RULES; i++) raster_free(&rasters[i]);
    good = experiment_close(&e) && good;
    if (!fflush(stdout) && !ferror(stdout)) return good ? 0 : 1;
    fprintf(stderr, "spiking: the output cannot be written\n");
    return 1;
}
