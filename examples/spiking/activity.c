/* SPDX-License-Identifier: Apache-2.0 */
/* What the neurons do (see activity.h).
 *
 * A layer passes currents on, not spikes. So the layer in front of the neurons keeps its output, the neurons' input current, and
 * kdst_neuron_observe says what they make of it. Where the input is static, that output stands for the currents of all steps: behind a
 * synapse, a constant r is r, r + (1 - 1/tau_s) r … over tau_s.
 */
#include "activity.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 1000, BATCH = 50 };

/* The layers with neurons. */
typedef struct probe {
    int count;
    char names[MAX_LAYERS][64];
    kdst_layer *inner[MAX_LAYERS]; /* what makes the currents */
} probe;

static void probe_free(probe *p)
{
    for (int i = 0; i < p->count; i++) {
        kdst_status ignored = kdst_layer_keep_output(p->inner[i], 0); /* of a layer that is there */
        (void)ignored;
        kdst_layer_release(p->inner[i]);
    }
}

/* A layer's parts follow it in the tree: the one behind a spiking layer is its inner one. */
static kdst_status probe_make(kdst_layer *model, probe *p)
{
    kdst_status status = KDST_STATUS_OK;
    *p = (probe){0};
    for (int64_t i = 0; i + 1 < kdst_layer_get_child_count(model) && !status && p->count < MAX_LAYERS; i++) {
        const char *path = NULL;
        kdst_layer *layer = NULL;
        status = kdst_layer_get_child(model, i, &path, &layer);
        if (status || strcmp(kdst_layer_get_kind(layer), "spiking")) continue;
        snprintf(p->names[p->count], sizeof p->names[0], "%.63s", path);
        status = kdst_layer_get_child(model, i + 1, &path, &layer);
        if (status) break;
        kdst_layer_retain(p->inner[p->count++] = layer);
        status = kdst_layer_keep_output(layer, 1);
    }
    return status;
}

/* ---- spikes of a layer ---- */

/* r [N, ...] at every step, behind the synapse: [T, N, ...]. */
static kdst_status unroll(const settings *s, kdst_tensor *response, int64_t rank, const int64_t *shape, kdst_tensor **out)
{
    kdst_options *o = NULL;
    kdst_tensor *copies = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_float(o, "tau_s", s->tau_s);
    if (!status) status = kdst_broadcast_to(response, rank, shape, &copies);
    if (!status) status = kdst_synapse(copies, o, out);
    kdst_tensor_release(copies);
    kdst_options_release(o);
    return status;
}

/* Spikes of layer i in the model's last run as malloc'ed [T, N, neurons]. */
static kdst_status
get_spikes(const settings *s, kdst_neuron *neuron, const probe *p, int i, int64_t n, float **out, int64_t *out_neurons)
{
    kdst_tensor *made = NULL, *current = NULL, *spikes = NULL;
    int64_t shape[8] = {s->steps, n};
    kdst_status status = kdst_layer_get_output(p->inner[i], 0, &made);
    if (status) return status;
    int64_t rank = kdst_tensor_get_rank(made) + 1, count = 1;
    for (int64_t a = 2; a < rank; a++)
        count *= shape[a] = kdst_tensor_get_size(made, a - 1);
    status = i ? kdst_reshape(made, rank, shape, &current) : unroll(s, made, rank, shape, &current);
    if (!status) status = kdst_neuron_observe(neuron, current, NULL, NULL, &spikes, NULL);
    int64_t bytes = s->steps * n * count * (int64_t)sizeof **out;
    *out = status ? NULL : malloc((size_t)bytes);
    *out_neurons = count;
    if (!status) status = *out ? kdst_tensor_get_data(spikes, *out, bytes) : KDST_STATUS_OUT_OF_MEMORY;
    kdst_tensor_release(spikes);
    kdst_tensor_release(current);
    kdst_tensor_release(made);
    return status;
}

/* ---- rates ---- */

typedef struct sums {
    double spikes, silent;
    uint8_t *fired; /* [neurons] */
} sums;

/* spikes [T, N, M] */
static bool add_spikes(const float *spikes, int64_t steps, int64_t n, int64_t neurons, sums *out)
{
    if (!out->fired) out->fired = calloc((size_t)neurons, 1);
    if (!out->fired) return false;
    for (int64_t b = 0; b < n; b++) {
        for (int64_t m = 0; m < neurons; m++) {
            int64_t count = 0;
            for (int64_t t = 0; t < steps; t++)
                count += spikes[(t * n + b) * neurons + m] > 0;
            out->spikes += (double)count;
            out->silent += !count;
            out->fired[m] |= count > 0;
        }
    }
    return true;
}

static kdst_status add_batch(const settings *s, kdst_neuron *neuron, const probe *p, int64_t n, sums *all, run_record *out)
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < p->count && !status; i++) {
        float *spikes = NULL;
        status = get_spikes(s, neuron, p, i, n, &spikes, &out->layers[i].neurons);
        if (!status && !add_spikes(spikes, s->steps, n, out->layers[i].neurons, &all[i])) status = KDST_STATUS_OUT_OF_MEMORY;
        free(spikes);
    }
    out->images += n;
    return status;
}

static void divide(const settings *s, const probe *p, const sums *all, run_record *out)
{
    out->layer_count = p->count;
    for (int i = 0; i < p->count; i++) {
        layer_activity *l = &out->layers[i];
        double seen = (double)l->neurons * (double)out->images, dead = 0;
        snprintf(l->name, sizeof l->name, "%s", p->names[i]);
        for (int64_t m = 0; m < l->neurons; m++)
            dead += !all[i].fired[m];
        l->rate = all[i].spikes / (seen * (double)s->steps);
        l->silent = all[i].silent / seen;
        l->dead = dead / (double)l->neurons;
    }
}

static kdst_status run_batches(
    experiment *e, kdst_neuron *neuron, kdst_layer *model, const probe *p, kdst_loader *loader, sums *all, run_record *out)
{
    kdst_status status = kdst_layer_set_training(model, 0);
    while (!status && out->images < IMAGES) {
        kdst_tensor *x = NULL, *y = NULL, *currents = NULL;
        status = kdst_loader_next(loader, &x, &y);
        bool end = status || !x;
        if (!end) status = kdst_layer_run(model, x, &currents);
        if (!end && !status) status = add_batch(e->settings, neuron, p, kdst_tensor_get_size(x, 0), all, out);
        kdst_tensor_release(currents);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
        if (end) break;
    }
    return status;
}

bool measure_activity(experiment *e, kdst_neuron *neuron, kdst_layer *model, run_record *out)
{
    probe p;
    sums all[MAX_LAYERS] = {{0}};
    kdst_loader *loader = NULL;
    kdst_status status = probe_make(model, &p);
    bool good = make_loader(e, e->test, false, 0, BATCH, &loader);
    if (!status) status = kdst_no_grad_begin(e->ctx);
    if (good && !status) {
        status = run_batches(e, neuron, model, &p, loader, all, out);
        kdst_status ended = kdst_no_grad_end(e->ctx);
        if (!status) status = ended;
        if (!status && out->images) divide(e->settings, &p, all, out);
    }
    for (int i = 0; i < p.count; i++) free(all[i].fired);
    kdst_loader_release(loader);
    probe_free(&p);
    return good && (status == KDST_STATUS_OK || explain(e, out->name, status));
}

/* ---- one image ---- */

void raster_free(raster *r)
{
    for (int i = 0; i < r->layers; i++) free(r->spikes[i]);
    free(r->output);
    *r = (raster){0};
}

static kdst_status copy_layers(experiment *e, kdst_neuron *neuron, const probe *p, raster *out)
{
    kdst_status status = KDST_STATUS_OK;
    out->steps = e->settings->steps;
    for (int i = 0; i < p->count && !status; i++) {
        float *spikes = NULL;
        status = get_spikes(e->settings, neuron, p, i, 1, &spikes, &out->neurons[i]);
        int64_t count = out->steps * out->neurons[i];
        snprintf(out->names[i], sizeof out->names[i], "%s", p->names[i]);
        if (!status) out->spikes[out->layers++] = malloc((size_t)count);
        if (!status && !out->spikes[i]) status = KDST_STATUS_OUT_OF_MEMORY;
        for (int64_t k = 0; k < count && !status; k++) out->spikes[i][k] = spikes[k] > 0;
        free(spikes);
    }
    return status;
}

/* currents [T, 1, K] summed over time */
static kdst_status copy_output(experiment *e, kdst_tensor *currents, raster *out)
{
    int64_t count = e->settings->steps * e->classes;
    float *values = malloc((size_t)count * sizeof *values);
    out->output = calloc((size_t)e->classes, sizeof *out->output);
    kdst_status status = values && out->output ? kdst_tensor_get_data(currents, values, count * (int64_t)sizeof *values)
                                               : KDST_STATUS_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count && !status; i++) out->output[i % e->classes] += values[i];
    free(values);
    return status;
}

static kdst_status
run_sample(experiment *e, kdst_neuron *neuron, kdst_layer *model, const probe *p, kdst_loader *loader, raster *out)
{
    kdst_tensor *x = NULL, *y = NULL, *currents = NULL;
    int32_t label = 0;
    kdst_status status = kdst_layer_set_training(model, 0);
    if (!status) status = kdst_loader_next(loader, &x, &y);
    if (!status) status = kdst_tensor_get_data(y, &label, sizeof label);
    if (!status) status = kdst_layer_run(model, x, &currents);
    if (!status) status = copy_layers(e, neuron, p, out);
    if (!status) status = copy_output(e, currents, out);
    out->label = label;
    kdst_tensor_release(currents);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

bool record_raster(experiment *e, kdst_neuron *neuron, kdst_layer *model, int64_t sample, raster *out)
{
    probe p;
    kdst_dataset *one = NULL;
    kdst_loader *loader = NULL;
    *out = (raster){0};
    kdst_status status = kdst_dataset_create_subset(e->test, &sample, 1, &one);
    if (status) return explain(e, "--sample", status);
    status = probe_make(model, &p);
    bool good = make_loader(e, one, false, 0, 1, &loader);
    if (!status) status = kdst_no_grad_begin(e->ctx);
    if (good && !status) {
        status = run_sample(e, neuron, model, &p, loader, out);
        kdst_status ended = kdst_no_grad_end(e->ctx);
        if (!status) status = ended;
    }
    kdst_loader_release(loader);
    kdst_dataset_release(one);
    probe_free(&p);
    return good && (status == KDST_STATUS_OK || explain(e, "raster", status));
}
