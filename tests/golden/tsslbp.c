/* SPDX-License-Identifier: Apache-2.0 */
/* System "tsslbp": spiking neurons, networks, losses and their gradients (Zhang and Li 2020). Each case runs in float64 and in float32, both
 * against the float64 values; networks are in tsslbp_network.c, what cases share in tsslbp_case.c.
 */
#include "tsslbp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- synapses and neurons ---- */

static void run_synapse(tsslbp_case *c)
{
    settings s = settings_new();
    set_float(&s, "tau_s", fields_number(&c->params, "tau_s"));
    kdst_tensor *x = leaf(c, read_sequence(c, "x")), *da = read_sequence(c, "grad_out"), *a = NULL;
    if (x && kdst_tensor_get_size(x, 0) != fields_whole(&c->params, "T")) problem(c->v, "T is not that of x");
    if (settings_sound(c, &s) && done(c, kdst_synapse(x, s.options, &a), "synapse") &&
        done(c, kdst_backward(own(c, a), da, NULL), "backward")) {
        expect_sequence(c, "a", a);
        expect_sequence(c, "grad_x", gradient(c, x));
    }
    kdst_options_release(s.options);
}

/* The neuron of an open kind "lif"; the official constants of its gradient are spelt out. */
static kdst_neuron *neuron_of(tsslbp_case *c)
{
    settings s = settings_new();
    kdst_neuron *neuron = NULL;
    const double tau_s = fields_number(&c->params, "tau_s");
    set_float(&s, "tau_s", tau_s);
    set_float(&s, "tau_m", fields_number(&c->params, "tau_m"));
    set_float(&s, "threshold", fields_number(&c->params, "threshold"));
    set_float(&s, "quiet_width", fields_number(&c->params, "surrogate_a"));
    set_float(&s, "slope_bound", fields_number(&c->params, "clamp"));
    set_float(&s, "quiet", fields_number(&c->params, "psc_silent_threshold") * tau_s);
    if (settings_sound(c, &s)) done(c, kdst_neuron_create(c->r->ctx, s.options, &neuron), "neuron");
    kdst_options_release(s.options);
    return neuron;
}

static void run_neuron(tsslbp_case *c)
{
    kdst_tensor *in = leaf(c, read_sequence(c, "current")), *da = read_sequence(c, "grad_psc"), *a = NULL;
    kdst_tensor *inside[4] = {NULL};
    static const char *const names[4] = {"membrane", "delta_u", "spikes", "psc"};
    double margin = INFINITY, fired = 0, of = 0;
    kdst_neuron *neuron = neuron_of(c);
    if (in && kdst_tensor_get_size(in, 0) != fields_whole(&c->params, "T")) problem(c->v, "T is not the current's");
    if (sound(c->v) && done(c, kdst_neuron_run(neuron, in, &a), "neuron_run") &&
        done(c, kdst_backward(own(c, a), da, NULL), "backward") &&
        done(c, kdst_neuron_observe(neuron, in, &inside[0], &inside[1], &inside[2], &inside[3]), "observe")) {
        expect_sequence(c, "psc", a);
        expect_sequence(c, "grad_current", gradient(c, in));
        for (int i = 0; i < 4; i++)
            expect_sequence(c, names[i], own(c, inside[i]));
        look_at(c, inside[0], fields_number(&c->params, "threshold"), &margin, &fired, &of);
        expect_parameter(c, "margin", margin);
        expect_parameter(c, "firing_rate", fired / of);
    }
    kdst_neuron_release(neuron);
}

/* ---- losses ---- */

/* The desired current of the true class, y = o - dL/do, for one number of filters. */
static void expect_target(
    tsslbp_case *c, fields *network, const char *filters, const char *name, kdst_tensor *o, kdst_tensor *labels)
{
    kdst_tensor *grad = NULL, *y = NULL;
    double value;
    kdst_loss *loss = spike_loss(c, network, filters, read_input(c, "desired_train"));
    if (sound(c->v) && done(c, kdst_tensor_copy(o, 0, &grad), name) &&
        done(c, kdst_loss_compute(loss, o, NULL, labels, &value, own(c, grad)), name) &&
        done(c, kdst_sub(o, grad, &y), name))
        expect_sequence(c, name, own(c, y));
    kdst_loss_release(loss);
}

static void run_loss(tsslbp_case *c)
{
    fields network;
    kdst_tensor *o = leaf(c, flat_classes(c, read_sequence(c, "psc_out"))), *labels = read_labels(c), *result = NULL;
    double value = NAN;
    fields_open(&network, c->v, fields_get(&c->params, "network"), "params.network");
    kdst_loss *loss = spike_loss(c, &network, NULL, NULL);
    if (sound(c->v) && kdst_tensor_get_size(o, 0) != fields_whole(&network, "n_steps"))
        problem(c->v, "n_steps is not that of psc_out");
    if (sound(c->v) && kdst_tensor_get_size(o, 2) != fields_whole(&network, "n_class"))
        problem(c->v, "n_class is not that of psc_out");
    if (sound(c->v) && done(c, kdst_loss_run(loss, o, NULL, labels, &result), "loss_run") &&
        done(c, kdst_backward(own(c, result), NULL, NULL), "backward") &&
        done(c, kdst_tensor_get_value(result, &value), "loss")) {
        expect_value(c, "loss", value);
        expect_sequence(c, "grad_psc_out", gradient(c, o));
        expect_plain(c, "score", summed(c, o, 0));
    }
    if (sound(c->v) && !strcmp(fields_text(&network, "loss"), "kernel")) {
        expect_target(c, &network, "1", "target_filtered_once", o, labels);
        expect_target(c, &network, "2", "target_filtered_twice", o, labels);
    }
    if (sound(c->v)) fields_close(&network);
    kdst_loss_release(loss);
}

static void run_spike_dropout(tsslbp_case *c)
{
    kdst_tensor *x = read_sequence(c, "x"), *bits = read_input(c, "keep"), *keep = NULL, *y = NULL;
    const double rate = fields_number(&c->params, "p");
    int64_t shape[4] = {0, 0, 0, 1};
    for (int64_t i = 0; i < 3 && bits; i++)
        shape[i] = kdst_tensor_get_size(bits, i);
    if (sound(c->v)) done(c, kdst_tensor_copy(bits, c->dtype, &keep), "keep");
    keep = shaped(c, own(c, keep), 4, shape);
    if (sound(c->v) && done(c, kdst_spike_dropout(x, keep, rate, &y), "dropout")) expect_sequence(c, "y", own(c, y));
}

/* ---- a case ---- */

static bool run_kind(tsslbp_case *c, const char *kind)
{
    static const struct {
        const char *name;
        void (*run)(tsslbp_case *c);
    } kinds[] = {{"psp", run_synapse},     {"lif", run_neuron},           {"loss", run_loss},
                 {"network", run_network}, {"train", run_spike_training}, {"dropout", run_spike_dropout}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kind, kinds[i].name)) {
            kinds[i].run(c);
            return true;
        }
    return false;
}

static void run_path(run *r, verdict *v, fields *f, const char *kind, kdst_dtype dtype, tolerance tol)
{
    tsslbp_case c = {.r = r, .v = v, .dtype = dtype, .tol = tol};
    fields_open(&c.params, v, fields_get(f, "params"), "params");
    fields_open(&c.inputs, v, fields_get(f, "inputs"), "inputs");
    fields_open(&c.expected, v, fields_get(f, "expected_f64"), "expected_f64");
    if (sound(v) && !run_kind(&c, kind)) problem(v, "kind \"%.64s\" is unknown", kind);
    if (sound(v)) {
        fields_close(&c.params);
        fields_close(&c.inputs);
        fields_close(&c.expected);
    }
    for (int i = 0; i < c.made_count; i++)
        kdst_tensor_release(c.made[i]);
}

static tolerance tolerance_of(fields *f, const char *name)
{
    fields t;
    fields_open(&t, f->v, fields_get(f, name), name);
    tolerance read = {.rtol = fields_number(&t, "rel"), .atol = fields_number(&t, "abs")};
    if (read.rtol < 0 || read.atol < 0) problem(f->v, "%s: a tolerance is negative", name);
    fields_close(&t);
    return read;
}

static void run_case(run *r, verdict *v, fields *f, const char *kind, const tolerance tol[2])
{
    fields_inform(f, "notes");
    fields_inform(f, "expected_f32");
    if (sound(v)) run_path(r, v, f, kind, KDST_DTYPE_FLOAT64, tol[0]);
    if (sound(v)) run_path(r, v, f, kind, KDST_DTYPE_FLOAT32, tol[1]);
    if (sound(v)) fields_close(f);
}

/* ---- the manifest ---- */

void run_tsslbp(run *r, verdict *v, const cJSON *manifest)
{
    static const char *const information[] = {"system", "source", "layout", "inputs_note"};
    const cJSON *item;
    fields f, all;
    fields_open(&f, v, manifest, "manifest");
    if (fields_number(&f, "version") != 1) problem(v, "the manifest's version is unknown");
    for (size_t i = 0; i < sizeof information / sizeof *information; i++)
        fields_inform(&f, information[i]);
    fields_open(&all, v, fields_get(&f, "tolerance"), "tolerance");
    const tolerance tol[2] = {tolerance_of(&all, "expected_f64"), tolerance_of(&all, "expected_f32")};
    if (strncmp(fields_text(&all, "spikes"), "exact", 5)) problem(v, "the tolerance of spikes is unknown");
    fields_close(&all);
    const cJSON *cases = fields_get(&f, "cases");
    if (!cJSON_IsArray(cases)) problem(v, "cases is no list");
    fields_close(&f);
    cJSON_ArrayForEach(item, cases)
    {
        const cJSON *kind = cJSON_GetObjectItemCaseSensitive(item, "kind");
        verdict one;
        fields one_case;
        if (!wanted(r, cJSON_IsString(kind) ? kind->valuestring : "")) continue;
        verdict_start(&one);
        fields_open(&one_case, &one, item, "case");
        const char *name = fields_text(&one_case, "name");
        run_case(r, &one, &one_case, fields_text(&one_case, "kind"), tol);
        verdict_end(r, &one, *name ? name : "?");
    }
}
