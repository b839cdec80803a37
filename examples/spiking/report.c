/* SPDX-License-Identifier: Apache-2.0 */
/* The report of the spiking driver: seeds, curves, firing rates, spikes (see report.h). */
#include "report.h"

#include "../common/chart.h"
#include "../common/files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const colours[RULES] = {"#1f77b4", "#d62728"};

/* The runs of one rule. */
typedef struct group {
    const run_record *runs[MAX_SEEDS];
    int rule, count;
} group;

static int collect(const run_record *runs, int count, group *out)
{
    int used = 0;
    for (int rule = 0; rule < RULES; rule++) {
        group g = {.rule = rule};
        for (int i = 0; i < count; i++)
            if (runs[i].rule == rule && g.count < MAX_SEEDS) g.runs[g.count++] = &runs[i];
        if (g.count) out[used++] = g;
    }
    return used;
}

/* ---- head and table ---- */

static void write_head(page *p, const experiment *e)
{
    const settings *s = e->settings;
    page_begin(p, "Spiking networks", s->title);
    page_add(p, "<p>");
    page_text(p, s->data);
    page_add(p, ": %lld training and %lld %s images, %lld classes. Network ", (long long)kdst_dataset_get_count(e->train),
             (long long)kdst_dataset_get_count(e->test), s->holdout ? "held-out" : "test", (long long)e->classes);
    page_text(p, s->architecture);
    page_add(p, ", %lld steps, τ<sub>m</sub> %g, τ<sub>s</sub> %g, threshold %g; %s loss%s; AdamW, rate %g, weight decay %g, norm of the "
                "gradient at most %g, batch %lld, %lld epochs. libkdst %s.</p>\n",
             (long long)s->steps, s->tau_m, s->tau_s, s->threshold, s->loss,
             strcmp(s->loss, "kernel") || !strcmp(s->filters, "twice") ? "" : " (desired train filtered once)", s->learning_rate,
             s->weight_decay, s->clip_norm, (long long)s->batch, (long long)s->epochs, kdst_version());
    page_add(p, "<p>");
    page_text(p, s->note);
    page_add(p, "</p>\n");
}

typedef double (*figure_fn)(const run_record *);
static double best_accuracy(const run_record *r) { return 100 * r->best_accuracy; }
static double last_accuracy(const run_record *r) { return 100 * record_last(r, COL_ACCURACY); }
static double training_accuracy(const run_record *r) { return 100 * record_last(r, COL_TRAIN_ACCURACY); }

/* Mean and sample deviation (n - 1) over the seeds. */
static void mean_cell(page *p, const group *g, figure_fn figure)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < g->count; i++) sum += figure(g->runs[i]);
    double mean = sum / g->count;
    for (int i = 0; i < g->count; i++) squares += pow(figure(g->runs[i]) - mean, 2);
    if (!isfinite(mean)) page_add(p, "<td>–</td>");
    else if (g->count == 1) page_add(p, "<td>%.2f</td>", mean);
    else page_add(p, "<td>%.2f ± %.2f</td>", mean, sqrt(squares / (g->count - 1)));
}

static void number_cell(page *p, double value)
{
    if (isfinite(value)) page_add(p, "<td>%.2f</td>", value);
    else page_add(p, "<td>–</td>");
}

static void write_table(page *p, const group *groups, int count)
{
    page_add(p, "<h2>Accuracy</h2>\n<table><tr><th>rule</th><th>seed</th><th>best epoch, %%</th><th>epoch</th><th>last epoch, %%</th>"
                "<th>training, %%</th><th>minutes</th></tr>\n");
    for (int i = 0; i < count; i++) {
        const group *g = &groups[i];
        for (int k = 0; k < g->count; k++) {
            const run_record *r = g->runs[k];
            page_add(p, "<tr><td>%s</td><td>%llu</td>", rule_titles[g->rule], (unsigned long long)r->seed);
            number_cell(p, best_accuracy(r));
            page_add(p, "<td>%lld</td>", (long long)r->best_epoch);
            number_cell(p, last_accuracy(r));
            number_cell(p, training_accuracy(r));
            page_add(p, "<td>%.1f</td></tr>\n", r->seconds / 60);
        }
        page_add(p, "<tr class=\"base\"><td>%s</td><td>%d seed%s</td>", rule_titles[g->rule], g->count, g->count == 1 ? "" : "s");
        mean_cell(p, g, best_accuracy);
        page_add(p, "<td></td>");
        mean_cell(p, g, last_accuracy);
        mean_cell(p, g, training_accuracy);
        page_add(p, "<td></td></tr>\n");
    }
    page_add(p, "</table>\n<p class=\"note\">Mean ± sample deviation over the seeds. The best epoch is chosen on the images it is measured on, "
                "as in the official code; the last epoch is not.</p>\n");
}

/* ---- curves ---- */

static void write_curves(page *p, const group *groups, int count, int column, const char *title, const char *y_label, bool percent)
{
    series lines[RULES] = {{0}};
    double *values[RULES] = {NULL};
    int used = 0;
    for (int i = 0; i < count; i++) {
        const group *g = &groups[i];
        int64_t epochs = g->runs[0]->epochs;
        for (int k = 1; k < g->count; k++) epochs = g->runs[k]->epochs < epochs ? g->runs[k]->epochs : epochs;
        double *v = values[used] = malloc((size_t)epochs * 2 * sizeof *v);
        if (!v) {
            p->failed = true;
            break;
        }
        for (int64_t n = 0; n < epochs; n++) {
            v[n] = (double)n + 1;
            v[epochs + n] = 0;
            for (int k = 0; k < g->count; k++) v[epochs + n] += g->runs[k]->history[n * COLUMNS + column] / g->count;
        }
        lines[used++] = (series){.name = rule_titles[g->rule], .colour = colours[g->rule], .x = v, .y = v + epochs, .count = (int)epochs};
    }
    const chart c = {.title = title, .x_label = "epoch", .y_label = y_label, .y_percent = percent};
    chart_lines(p, &c, lines, used);
    for (int i = 0; i < used; i++) free(values[i]);
}

/* ---- activity ---- */

static void write_activity(page *p, const group *groups, int count)
{
    page_add(p, "<h2>Firing</h2>\n<p class=\"note\">At the end of the first seed's run, on %lld test images. Silent: the share of neurons that "
                "do not fire for an image, mean over the images; never: the share that fires for none of them.</p>\n<table><tr><th>rule</th>"
                "<th>layer</th><th>neurons</th><th>spikes per neuron and step</th><th>silent, %%</th><th>never, %%</th></tr>\n",
             (long long)groups[0].runs[0]->images);
    for (int i = 0; i < count; i++) {
        const run_record *r = groups[i].runs[0];
        for (int k = 0; k < r->layer_count; k++) {
            const layer_activity *l = &r->layers[k];
            page_add(p, "<tr><td>%s</td><td>", rule_titles[r->rule]);
            page_text(p, l->name);
            page_add(p, "</td><td>%lld</td><td>%.4f</td><td>%.1f</td><td>%.1f</td></tr>\n", (long long)l->neurons, l->rate, 100 * l->silent,
                     100 * l->dead);
        }
    }
    page_add(p, "</table>\n");
}

static void write_rasters(page *p, const experiment *e, const group *groups, int count, const raster *rasters)
{
    page_add(p, "<h2>Spikes</h2>\n<p class=\"note\">Test image %lld through the layers, first seed; time runs to the right.</p>\n",
             (long long)e->settings->sample);
    for (int i = 0; i < count; i++) {
        const raster *r = &rasters[groups[i].rule];
        char title[128];
        int64_t guess = 0;
        if (!r->layers) continue;
        for (int64_t k = 1; k < e->classes; k++) guess = r->output[k] > r->output[guess] ? k : guess;
        snprintf(title, sizeof title, "%s: class %lld, predicted %lld%s", rule_titles[groups[i].rule], (long long)r->label, (long long)guess,
                 r->output[guess] > 0 ? "" : " (no output fires)");
        draw_raster(p, r, title);
    }
}

bool report_write(
    const experiment *e, const run_record *runs, int count, const raster *rasters, char *path, size_t path_size)
{
    group groups[RULES];
    page p = {0};
    int used = collect(runs, count, groups);
    write_head(&p, e);
    write_table(&p, groups, used);
    page_add(&p, "<h2>Curves</h2>\n<p class=\"note\">Means over the seeds.</p>\n");
    write_curves(&p, groups, used, COL_ACCURACY, "Test accuracy", "accuracy", true);
    write_curves(&p, groups, used, COL_TRAIN_ACCURACY, "Training accuracy", "accuracy", true);
    write_curves(&p, groups, used, COL_LOSS, "Training loss", "loss of a batch", false);
    write_activity(&p, groups, used);
    write_rasters(&p, e, groups, used, rasters);
    page_add(&p, "<h2>Confusion</h2>\n<p class=\"note\">Rows are labels, columns predictions; colour is the share of the row. First seed, last "
                 "epoch.</p>\n");
    for (int i = 0; i < used; i++)
        chart_confusion(&p, rule_titles[groups[i].rule], groups[i].runs[0]->confusion, groups[i].runs[0]->classes);
    page_end(&p);
    bool good = !p.failed && join_path(path, path_size, e->settings->out, "report.html") && write_text("spiking", path, p.data);
    if (p.failed) fprintf(stderr, "spiking: out of memory for the report\n");
    page_free(&p);
    return good;
}
