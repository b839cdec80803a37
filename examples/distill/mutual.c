/* SPDX-License-Identifier: Apache-2.0 */
/* Deep mutual learning (Zhang et al., CVPR 2018): all peers see the same batches and are updated together (see mutual.h).
 *
 * A checkpoint after each epoch holds networks, optimisers and history, so that an interrupted run goes on with the next epoch.
 */
#include "mutual.h"
#include "outcome.h"

#include "../common/files.h"
#include "../common/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PEER_SEED = 1000003 };

typedef struct group {
    experiment *e;
    const job *first;
    int count;
    job jobs[MAX_MEMBERS];
    parts parts[MAX_MEMBERS];
    run_record records[MAX_MEMBERS]; /* histories of all epochs */
    kdst_peers *peers;
    double rate;
    int64_t epoch;
} group;

static void group_free(group *g)
{
    kdst_peers_release(g->peers);
    for (int i = 0; i < g->count; i++) {
        parts_free(&g->parts[i]);
        record_free(&g->records[i]);
    }
}

/* Each peer has initial weights of its own; all see the images in the order of the first. */
static bool group_make(group *g)
{
    const settings *s = g->e->settings;
    kdst_options *o = NULL;
    int64_t epochs = epochs_of(s, g->first);
    for (int i = 0; i < g->count; i++) {
        job *j = &g->jobs[i];
        *j = *g->first;
        j->peer = i;
        j->seed = g->first->seed + (uint64_t)i * PEER_SEED;
        snprintf(j->name, sizeof j->name, "mutual%d-%.60s-seed%llu", i + 1, s->student, (unsigned long long)g->first->seed);
        if (!make_run_files("distill", s->out, j->name, &g->parts[i].files) || !make_parts(g->e, j, true, &g->parts[i])) return false;
        j->seed = g->first->seed;
        describe_run(g->e, j, &g->records[i]);
        g->records[i].history = calloc((size_t)(epochs * COLUMNS), sizeof *g->records[i].history);
        if (!g->records[i].history) return fprintf(stderr, "distill: out of memory\n"), false;
    }
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_peers_create(g->e->ctx, g->parts[0].loss, o, &g->peers);
    for (int i = 0; i < g->count && !status; i++) status = kdst_peers_add(g->peers, g->parts[i].model, g->parts[i].optimizer);
    if (!status) status = kdst_optimizer_get_learning_rate(g->parts[0].optimizer, &g->rate);
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(g->e->ctx, g->first->name, status);
}

/* ---- checkpoints ---- */

static kdst_status history_tensor(group *g, int i, kdst_tensor **out)
{
    const int64_t shape[] = {g->epoch, COLUMNS};
    return kdst_tensor_create_from(g->e->ctx, KDST_DTYPE_FLOAT64, 2, shape, g->records[i].history, out);
}

static kdst_status put_peer(group *g, int i, kdst_state *state)
{
    kdst_optimizer *optimizer = g->parts[i].optimizer;
    kdst_tensor *history = NULL, *tensor = NULL;
    const char *name = NULL;
    char key[600];
    snprintf(key, sizeof key, "peer%d.model.", i);
    kdst_status status = kdst_state_add_layer(state, key, g->parts[i].model);
    for (int64_t n = 0; n < kdst_optimizer_get_state_count(optimizer) && !status; n++) {
        status = kdst_optimizer_get_state(optimizer, n, &name, &tensor);
        snprintf(key, sizeof key, "peer%d.optimizer.%.500s", i, status ? "" : name);
        if (!status) status = kdst_state_set(state, key, tensor);
    }
    snprintf(key, sizeof key, "peer%d.history", i);
    if (!status) status = history_tensor(g, i, &history);
    if (!status) status = kdst_state_set(state, key, history);
    kdst_tensor_release(history);
    return status;
}

static bool save(group *g)
{
    kdst_state *state = NULL;
    char text[64];
    uint64_t seed = 0, stream = 0;
    kdst_status status = kdst_state_create(g->e->ctx, &state);
    for (int i = 0; i < g->count && !status; i++) status = put_peer(g, i, state);
    if (!status) status = kdst_context_get_random(g->e->ctx, &seed, &stream);
    snprintf(text, sizeof text, "%lld %llu %llu %lld", (long long)g->epoch, (unsigned long long)seed, (unsigned long long)stream,
             (long long)kdst_optimizer_get_steps(g->parts[0].optimizer));
    if (!status) status = kdst_state_set_text(state, "position", text);
    if (!status) status = kdst_state_save(state, g->parts[0].files.checkpoint);
    kdst_state_release(state);
    return status == KDST_STATUS_OK || explain_failure(g->e->ctx, g->parts[0].files.checkpoint, status);
}

static kdst_status get_peer(group *g, int i, kdst_state *state, int64_t steps)
{
    kdst_optimizer *optimizer = g->parts[i].optimizer;
    kdst_options *o = NULL;
    kdst_tensor *own = NULL, *saved = NULL;
    const char *name = NULL;
    char key[600];
    snprintf(key, sizeof key, "peer%d.model.", i);
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_string(o, "prefix", key);
    if (!status) status = kdst_layer_load_state(g->parts[i].model, state, o);
    kdst_options_release(o);
    for (int64_t n = 0; n < kdst_optimizer_get_state_count(optimizer) && !status; n++) {
        status = kdst_optimizer_get_state(optimizer, n, &name, &own);
        snprintf(key, sizeof key, "peer%d.optimizer.%.500s", i, status ? "" : name);
        if (!status) status = kdst_state_get(state, key, &saved);
        if (!status) status = kdst_tensor_set(own, saved);
    }
    if (!status) status = kdst_optimizer_set_steps(optimizer, steps);
    snprintf(key, sizeof key, "peer%d.history", i);
    if (!status) status = kdst_state_get(state, key, &saved);
    if (!status) status = kdst_tensor_get_data(saved, g->records[i].history, g->epoch * COLUMNS * (int64_t)sizeof(double));
    return status;
}

/* Goes on after the last whole epoch of the same run; a run of other settings starts anew. */
static bool go_on(group *g)
{
    const run_files *p = &g->parts[0].files;
    long long epoch = 0, steps = 0;
    unsigned long long seed = 0, stream = 0;
    const char *position = NULL;
    kdst_state *state = NULL;
    char *noted = file_exists(p->settings) ? read_text("distill", p->settings) : NULL;
    bool same = noted && !strcmp(noted, g->records[0].fingerprint);
    free(noted);
    if (!g->e->settings->resume || !same || !file_exists(p->checkpoint)) {
        remove(p->checkpoint);
        return write_text("distill", p->settings, g->records[0].fingerprint);
    }
    kdst_status status = kdst_state_load(g->e->ctx, p->checkpoint, &state);
    if (!status) status = kdst_state_get_text(state, "position", &position);
    if (!status && (sscanf(position, "%lld %llu %llu %lld", &epoch, &seed, &stream, &steps) != 4 || epoch < 1
                    || epoch > epochs_of(g->e->settings, g->first)))
        status = KDST_STATUS_FORMAT;
    g->epoch = status ? 0 : epoch;
    for (int i = 0; i < g->count && !status; i++) status = get_peer(g, i, state, steps);
    if (!status) status = kdst_context_set_random(g->e->ctx, seed, stream);
    if (!status) printf("%-28s goes on after %lld epochs\n", g->first->name, epoch);
    kdst_state_release(state);
    return status == KDST_STATUS_OK || explain_failure(g->e->ctx, p->checkpoint, status);
}

/* ---- training ---- */

static kdst_status step(group *g, kdst_tensor *x, kdst_tensor *y, int64_t number, double *losses)
{
    double factor = 1;
    kdst_status status = kdst_schedule_get_factor(g->parts[0].schedule, number, &factor);
    for (int i = 0; i < g->count && !status; i++)
        status = kdst_optimizer_set_learning_rate(g->parts[i].optimizer, g->rate * factor);
    return status ? status : kdst_peers_step(g->peers, x, y, losses, g->count);
}

static void show(group *g, progress *line, int64_t batch, int64_t batches, const double *losses)
{
    char text[256];
    int64_t epochs = epochs_of(g->e->settings, g->first);
    snprintf(text, sizeof text, "%s  epoch %lld/%lld  losses %.4f %.4f", g->first->name, (long long)g->epoch + 1, (long long)epochs, losses[0],
             losses[1]);
    progress_show(line, (double)(g->epoch * batches + batch), (double)(epochs * batches), "batches", text);
}

/* One epoch; the mean losses go into the rows of the records. */
static bool run_epoch(group *g, progress *line)
{
    kdst_loader *loader = g->parts[0].train;
    int64_t batches = kdst_loader_get_batches(loader), batch = 0;
    double losses[MAX_MEMBERS], sums[MAX_MEMBERS] = {0};
    kdst_status status = kdst_loader_set_epoch(loader, g->epoch);
    while (!status) {
        kdst_tensor *x = NULL, *y = NULL;
        status = kdst_loader_next(loader, &x, &y);
        bool more = !status && x;
        if (more) status = step(g, x, y, g->epoch * batches + batch, losses);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        if (!more || status) break;
        for (int i = 0; i < g->count; i++) sums[i] += losses[i];
        show(g, line, ++batch, batches, losses);
    }
    for (int i = 0; i < g->count; i++) g->records[i].history[g->epoch * COLUMNS + COL_LOSS] = sums[i] / (double)batches;
    return status == KDST_STATUS_OK || explain_failure(g->e->ctx, g->first->name, status);
}

/* Accuracy, nll and ece of each peer; diagrams too when they are wanted. */
static bool validate(group *g, bool last)
{
    static const char *const keys[] = {"accuracy", "nll", "ece"};
    for (int i = 0; i < g->count; i++) {
        run_record *r = &g->records[i];
        double *row = r->history + g->epoch * COLUMNS;
        kdst_metrics *metrics = NULL;
        kdst_status status = kdst_metrics_create(g->e->ctx, g->e->classes, NULL, &metrics);
        if (!status) status = kdst_metrics_add_loader(metrics, g->parts[i].model, g->parts[i].test);
        for (int k = 0; k < 3 && !status; k++) status = kdst_metrics_get(metrics, keys[k], &row[COL_ACCURACY + k]);
        if (!status) status = kdst_optimizer_get_learning_rate(g->parts[i].optimizer, &row[COL_RATE]);
        row[COL_TRAIN_ACCURACY] = NAN; /* the step gives losses, not predictions */
        bool good = !status && (!last || read_diagrams(g->e, metrics, r));
        kdst_metrics_release(metrics);
        if (status) return explain_failure(g->e->ctx, g->jobs[i].name, status);
        if (!good) return false;
        fprintf(g->e->log, "{\"run\":\"%s\",\"epoch\":%lld,\"loss\":%.6g,\"accuracy\":%.6f,\"nll\":%.6f,\"ece\":%.6f}\n", g->jobs[i].name,
                (long long)g->epoch + 1, row[COL_LOSS], row[COL_ACCURACY], row[COL_NLL], row[COL_ECE]);
    }
    fflush(g->e->log);
    return true;
}

/* ---- the records ---- */

static bool finish(group *g, double seconds)
{
    for (int i = 0; i < g->count; i++) {
        run_record *r = &g->records[i];
        r->epochs = epochs_of(g->e->settings, g->first);
        r->seconds = seconds;
        for (int64_t n = 0; n < r->epochs; n++) {
            double accuracy = r->history[n * COLUMNS + COL_ACCURACY];
            if (n && accuracy <= r->best_accuracy) continue;
            r->best_accuracy = accuracy;
            r->best_epoch = n + 1;
        }
        kdst_status status = kdst_layer_save(g->parts[i].model, g->parts[i].files.weights);
        if (status) return explain_failure(g->e->ctx, g->jobs[i].name, status);
    }
    for (int i = g->count - 1; i >= 0; i--) /* the first one last: it says that all are there */
        if (!record_write(&g->records[i], g->parts[i].files.result)) return false;
    remove(g->parts[0].files.checkpoint);
    return true;
}

/* Accuracy of the mean of the peers' predictions. */
static bool print_ensemble(group *g)
{
    kdst_layer *members[MAX_MEMBERS], *all = NULL;
    kdst_options *o = NULL;
    double accuracy = NAN;
    for (int i = 0; i < g->count; i++) members[i] = g->parts[i].model;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_float(o, "temperature", 1);
    if (!status) status = kdst_layer_ensemble_create(g->e->ctx, members, g->count, o, &all);
    bool good = status ? explain_failure(g->e->ctx, "ensemble", status) : accuracy_of(g->e, all, g->parts[0].test, &accuracy);
    if (good) printf("%-28s the mean of the %d peers' predictions: %.2f %%\n", g->first->name, g->count, 100 * accuracy);
    kdst_layer_release(all);
    kdst_options_release(o);
    return good;
}

bool train_peers(experiment *e, const job *j, run_record *out)
{
    group *g = calloc(1, sizeof *g);
    progress line;
    char note[64];
    double begun = seconds_now();
    *out = (run_record){0};
    if (!g) return fprintf(stderr, "distill: out of memory\n"), false;
    *g = (group){.e = e, .first = j, .count = (int)e->settings->peers};
    int64_t epochs = epochs_of(e->settings, j);
    bool good = group_make(g) && go_on(g);
    progress_begin(&line, e->settings->quiet);
    if (good && g->epoch == epochs) g->epoch--, good = validate(g, true), g->epoch++; /* interrupted behind the last epoch */
    for (; good && g->epoch < epochs; g->epoch++) {
        good = run_epoch(g, &line) && validate(g, g->epoch + 1 == epochs);
        if (!good) break;
        g->epoch++;
        good = save(g);
        g->epoch--;
    }
    progress_end(&line);
    good = good && finish(g, seconds_now() - begun) && print_ensemble(g);
    if (good) {
        *out = g->records[0];
        g->records[0] = (run_record){0}; /* its arrays are the caller's now */
        snprintf(note, sizeof note, "%.0f s", out->seconds);
        print_line(out, note);
    }
    group_free(g);
    free(g);
    return good;
}
