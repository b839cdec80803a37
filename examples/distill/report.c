/* SPDX-License-Identifier: Apache-2.0 */
/* The report of the distillation driver: table, curves, calibration, confusion, and the softness of the teacher (see report.h). */
#include "report.h"

#include "../common/chart.h"
#include "../common/files.h"
#include "../common/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const colours[VARIANTS] = {"#555555", "#1f77b4", "#2ca02c", "#d62728", "#9467bd", "#ff7f0e", "#17a2b8",
                                              "#8c564b", "#e377c2", "#7f7f00", "#393b79", "#637939", "#843c39", "#3182bd"};

/* Student, teacher, the other variants, and a row for each generation of born-again networks. */
enum { MAX_GROUPS = VARIANTS + 2 + MAX_MEMBERS, MIN_PAIRS = 3 /* for a test */ };

/* A row of the table: the same variant and net over the seeds. */
typedef struct group {
    const run_record *runs[MAX_SEEDS * MAX_MEMBERS]; /* mutual learning has several a seed */
    int count;
    const char *title;
    bool teacher_net; /* Re-KD and the teacher stand beside the teacher's baseline */
} group;

/* ---- mean and deviation over seeds ---- */

typedef double (*figure_fn)(const run_record *);
static double last_accuracy(const run_record *r) { return record_last(r, COL_ACCURACY); }
static double best_accuracy(const run_record *r) { return r->best_accuracy; }
static double last_nll(const run_record *r) { return record_last(r, COL_NLL); }
static double last_ece(const run_record *r) { return record_last(r, COL_ECE); }
static double teacher_accuracy(const run_record *r) { return r->teacher_accuracy; }

/* Sample deviation (n - 1); NaN for a single run. */
static void statistics(const group *g, figure_fn figure, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < g->count; i++) sum += figure(g->runs[i]);
    *mean = g->count ? sum / g->count : NAN;
    for (int i = 0; i < g->count; i++) squares += pow(figure(g->runs[i]) - *mean, 2);
    *deviation = g->count > 1 ? sqrt(squares / (g->count - 1)) : NAN;
}

static void cell(page *p, const group *g, figure_fn figure, double scale, const char *format)
{
    char text[64];
    double mean, deviation;
    statistics(g, figure, &mean, &deviation);
    page_add(p, "<td>");
    if (isfinite(mean)) {
        snprintf(text, sizeof text, format, scale * mean);
        page_text(p, text);
    } else {
        page_add(p, "–");
    }
    if (isfinite(deviation)) {
        snprintf(text, sizeof text, format, scale * deviation);
        page_add(p, " ± ");
        page_text(p, text);
    }
    page_add(p, "</td>");
}

static void gain_cell(page *p, const group *g, const group *base)
{
    double own, reference, deviation;
    statistics(g, last_accuracy, &own, &deviation);
    statistics(base, last_accuracy, &reference, &deviation);
    double gain = 100 * (own - reference);
    if (g == base || !isfinite(gain)) page_add(p, "<td></td>");
    else page_add(p, "<td class=\"%s\">%+.2f</td>", gain >= 0 ? "up" : "down", gain);
}

/* ---- the test ---- */

/* Mean accuracy of the group's runs with this seed (mutual learning has several); false without one. */
static bool accuracy_at(const group *g, uint64_t seed, double *out)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < g->count; i++)
        if (g->runs[i]->seed == seed) sum += last_accuracy(g->runs[i]), count++;
    *out = sum / (count ? count : 1);
    return count > 0;
}

/* p of a paired t-test against the baseline over the seeds that both have; NaN with fewer than three. */
static double paired_p(const group *g, const group *base)
{
    double own[MAX_SEEDS], theirs[MAX_SEEDS], t, p;
    int pairs = 0;
    for (int i = 0; i < base->count && pairs < MAX_SEEDS; i++) {
        uint64_t seed = base->runs[i]->seed;
        if (accuracy_at(g, seed, &own[pairs]) && accuracy_at(base, seed, &theirs[pairs])) pairs++;
    }
    return g == base || pairs < MIN_PAIRS || kdst_stats_run_paired_test(own, theirs, pairs, &t, &p) ? NAN : p;
}

static void test_cell(page *p, const group *g, const group *base)
{
    double value = paired_p(g, base);
    if (!isfinite(value)) page_add(p, "<td></td>");
    else if (value < 0.001) page_add(p, "<td>&lt; 0.001</td>");
    else page_add(p, "<td>%.3f</td>", value);
}

/* ---- grouping ---- */

static bool has_prefix(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

/* Adds the runs of a variant whose names begin so as a row, when there are any. */
static void add_group(const run_record *runs, int count, int variant, const char *prefix, const char *title, group *out, int *groups)
{
    group g = {.title = title, .teacher_net = variant == REKD || !strcmp(prefix, "teacher-")};
    for (int i = 0; i < count; i++)
        if (runs[i].variant == variant && has_prefix(runs[i].name, prefix) && g.count < MAX_SEEDS * MAX_MEMBERS) g.runs[g.count++] = &runs[i];
    if (g.count) out[(*groups)++] = g;
}

static int collect(const run_record *runs, int count, group out[MAX_GROUPS])
{
    static const char *const generations[MAX_MEMBERS] = {"Born again 1", "Born again 2", "Born again 3", "Born again 4",
                                                         "Born again 5", "Born again 6", "Born again 7", "Born again 8"};
    int groups = 0;
    char prefix[16];
    add_group(runs, count, BASELINE, "baseline-", "Student alone", out, &groups);
    add_group(runs, count, BASELINE, "teacher-", "Teacher alone", out, &groups);
    for (int variant = LSR; variant < VARIANTS; variant++) {
        if (variant != BORN_AGAIN) add_group(runs, count, variant, "", variant_titles[variant], out, &groups);
        for (int i = 0; i < MAX_MEMBERS && variant == BORN_AGAIN; i++) {
            snprintf(prefix, sizeof prefix, "ban%d-", i + 1);
            add_group(runs, count, variant, prefix, generations[i], out, &groups);
        }
    }
    return groups;
}

static const group *base_of(const group *groups, int count, const group *g)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(groups[i].title, g->teacher_net ? "Teacher alone" : "Student alone")) return &groups[i];
    return g;
}

static const char *colour_of(const group *g)
{
    return g->teacher_net && g->runs[0]->variant == BASELINE ? "#bcbd22" : colours[g->runs[0]->variant];
}

static bool has_tests(const group *groups, int count)
{
    for (int i = 0; i < count; i++)
        if (isfinite(paired_p(&groups[i], base_of(groups, count, &groups[i])))) return true;
    return false;
}

/* ---- parts of the page ---- */

static void write_head(page *p, const experiment *e)
{
    const settings *s = e->settings;
    char heading[2 * OPTION_TEXT_SIZE + 64];
    snprintf(heading, sizeof heading, "Knowledge distillation: %s teaches %s", s->teacher, s->student);
    page_begin(p, "Distillation report", heading);
    page_add(p, "<p>");
    page_text(p, s->data);
    page_add(p, ": %lld training and %lld %s images, %lld classes. %lld epochs (teacher %lld), batch %lld, ",
             (long long)kdst_dataset_get_count(e->train), (long long)kdst_dataset_get_count(e->test), s->holdout ? "held-out" : "test",
             (long long)e->classes, (long long)s->epochs, (long long)s->teacher_epochs, (long long)s->batch);
    page_text(p, s->optimizer);
    page_add(p, ", learning rate %g (teacher %g), weight decay %g, ", s->learning_rate, s->teacher_rate, s->weight_decay);
    page_text(p, s->schedule);
    page_add(p, " schedule, %d seed%s. libkdst %s.</p>\n", s->seeds.count, s->seeds.count == 1 ? "" : "s", kdst_version());
}

static void write_table(page *p, const group *groups, int count)
{
    bool tests = has_tests(groups, count);
    page_add(p, "<h2>All variants</h2>\n<table><tr><th>variant</th><th>net</th><th>teacher's accuracy, %%</th><th>accuracy at the last "
                "epoch, %%</th><th>against its baseline</th>%s<th>best epoch, %%</th><th>NLL</th><th>ECE</th><th>seeds</th></tr>\n",
             tests ? "<th>p</th>" : "");
    for (int i = 0; i < count; i++) {
        const group *g = &groups[i], *base = base_of(groups, count, g);
        page_add(p, "<tr%s><td>%s</td><td>", g == base ? " class=\"base\"" : "", g->title);
        page_text(p, g->runs[0]->net);
        page_add(p, "</td>");
        cell(p, g, teacher_accuracy, 100, "%.2f");
        cell(p, g, last_accuracy, 100, "%.2f");
        gain_cell(p, g, base);
        if (tests) test_cell(p, g, base);
        cell(p, g, best_accuracy, 100, "%.2f");
        cell(p, g, last_nll, 1, "%.4f");
        cell(p, g, last_ece, 1, "%.4f");
        page_add(p, "<td>%d</td></tr>\n", g->count);
    }
    page_add(p, "</table>\n<p class=\"note\">Mean ± sample deviation over the seeds. The best epoch is chosen on the images it is measured on, as "
                "in the paper; the last epoch is not. The baseline of Re-KD is the teacher's net alone, that of all others the "
                "student's.%s</p>\n",
             tests ? " p: the chance of a mean difference at least as large, either way, if the variant made none (paired "
                     "t-test on the accuracy at the last epoch of runs with the same seed). It is not adjusted for the number of "
                     "variants in the table."
                   : "");
}

static void write_curves(page *p, const group *groups, int count, int column, const char *title, const char *y_label, bool percent)
{
    series lines[MAX_GROUPS] = {{0}};
    double *values[MAX_GROUPS] = {NULL};
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
        lines[used++] = (series){.name = g->title, .colour = colour_of(g), .x = v, .y = v + epochs, .count = (int)epochs, .dashed = g->teacher_net};
    }
    const chart c = {.title = title, .x_label = "epoch", .y_label = y_label, .y_percent = percent};
    chart_lines(p, &c, lines, used);
    for (int i = 0; i < used; i++) free(values[i]);
}

static void write_diagrams(page *p, const group *groups, int count)
{
    page_add(p, "<h2>Calibration</h2>\n<p class=\"note\">Bars: accuracy of the test images whose top probability falls into the bin; darker bars hold "
                "more images. On the dashed diagonal confidence equals accuracy. ECE is the mean distance from it, weighted by images. First "
                "seed of each variant, last epoch.</p>\n");
    for (int i = 0; i < count; i++) {
        const run_record *r = groups[i].runs[0];
        chart_reliability(p, groups[i].title, r->reliability, r->bins, record_last(r, COL_ECE), colour_of(&groups[i]));
    }
    page_add(p, "<h2>Confusion</h2>\n<p class=\"note\">Rows are labels, columns predictions; colour is the share of the row. First seed.</p>\n");
    for (int i = 0; i < count; i++) chart_confusion(p, groups[i].title, groups[i].runs[0]->confusion, groups[i].runs[0]->classes);
}

static void write_softness(page *p, const softness *soft)
{
    if (!soft->there) return;
    page_add(p, "<h2>A soft teacher is a label smoother</h2>\n<p class=\"note\">The paper's argument, measured on the trained teacher <code>");
    page_text(p, soft->teacher);
    page_add(p, "</code> over the test set: with growing temperature the teacher's distribution q<sub>T</sub> comes close to the uniform one, which is "
                "what label smoothing uses. The virtual teacher p<sup>d</sup><sub>T</sub> (label probability 0.99) stands beside it.</p>\n");
    const series kl[] = {{"teacher", "#1f77b4", report_temperatures, soft->kl, TEMPERATURES, false},
                         {"virtual teacher", "#d62728", report_temperatures, soft->virtual_kl, TEMPERATURES, true}};
    const series top[] = {{"teacher", "#1f77b4", report_temperatures, soft->top, TEMPERATURES, false},
                          {"virtual teacher", "#d62728", report_temperatures, soft->virtual_top, TEMPERATURES, true}};
    const chart a = {"Distance from uniform", "temperature T", "mean KL(q_T || uniform), nats", true, false, true, true};
    const chart b = {"Confidence", "temperature T", "mean top probability", true, true, true, true};
    chart_lines(p, &a, kl, 2);
    chart_lines(p, &b, top, 2);
    page_add(p, "<table><tr><th>T</th>");
    for (int t = 0; t < TEMPERATURES; t++) page_add(p, "<th>%g</th>", report_temperatures[t]);
    const struct { const char *name; const double *values; } rows[] = {
        {"KL(q_T || uniform)", soft->kl}, {"top probability", soft->top}, {"KL(p^d_T || uniform)", soft->virtual_kl},
        {"top probability of p^d_T", soft->virtual_top}};
    for (int i = 0; i < 4; i++) {
        page_add(p, "</tr>\n<tr><td>");
        page_text(p, rows[i].name);
        page_add(p, "</td>");
        for (int t = 0; t < TEMPERATURES; t++) page_add(p, "<td>%.4g</td>", rows[i].values[t]);
    }
    page_add(p, "</tr></table>\n");
}

bool report_write(const experiment *e, const run_record *runs, int count, const softness *soft, char *path, size_t path_size)
{
    group groups[MAX_GROUPS];
    page p = {0};
    int used = collect(runs, count, groups);
    write_head(&p, e);
    write_table(&p, groups, used);
    page_add(&p, "<h2>Curves</h2>\n<p class=\"note\">Means over the seeds.</p>\n");
    write_curves(&p, groups, used, COL_ACCURACY, "Test accuracy", "accuracy", true);
    write_curves(&p, groups, used, COL_TRAIN_ACCURACY, "Training accuracy", "accuracy", true);
    write_curves(&p, groups, used, COL_NLL, "Test NLL", "nats", false);
    write_curves(&p, groups, used, COL_ECE, "Calibration error", "ECE", false);
    write_softness(&p, soft);
    write_diagrams(&p, groups, used);
    page_end(&p);
    bool good = !p.failed && join_path(path, path_size, e->settings->out, "report.html") && write_text("distill", path, p.data);
    if (p.failed) fprintf(stderr, "distill: out of memory for the report\n");
    page_free(&p);
    return good;
}
