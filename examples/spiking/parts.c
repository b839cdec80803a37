/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is made of: neurons, network, loss, optimiser, loaders, trainer. */
#include "run.h"

#include <string.h>

void parts_free(parts *p)
{
    kdst_trainer_release(p->trainer);
    kdst_loader_release(p->test);
    kdst_loader_release(p->train);
    kdst_optimizer_release(p->optimizer);
    kdst_loss_release(p->loss);
    kdst_layer_release(p->model);
    kdst_neuron_release(p->neuron);
}

/* ---- network ---- */

static kdst_status make_neuron(experiment *e, int rule, kdst_neuron **out)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_float(o, "tau_m", s->tau_m);
    if (!status) status = kdst_options_set_float(o, "tau_s", s->tau_s);
    if (!status) status = kdst_options_set_float(o, "threshold", s->threshold);
    if (!status) status = kdst_options_set_string(o, "rule", rule_names[rule]);
    if (!status && rule == RULE_TSSL_BP) status = kdst_options_set_float(o, "slope_bound", s->slope_bound);
    if (!status && rule == RULE_SURROGATE) {
        status = kdst_options_set_string(o, "surrogate", s->surrogate);
        if (!status) status = kdst_options_set_float(o, "steepness", s->steepness);
        if (!status) status = kdst_options_set_int(o, "detach_reset", !s->reset_gradient);
    }
    if (!status) status = kdst_neuron_create(e->ctx, o, out);
    kdst_options_release(o);
    return status;
}

static kdst_status make_layers(experiment *e, kdst_neuron *neuron, kdst_layer **out)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "channels", e->shape[0]);
    if (!status) status = kdst_options_set_int(o, "image_size", e->shape[1]);
    if (!status) status = kdst_options_set_int(o, "steps", s->steps);
    if (!status) status = kdst_options_set_ints(o, "padding", s->padding, s->padding_count);
    if (!status) status = kdst_options_set_float(o, "weight_scale", s->weight_scale);
    if (!status) status = kdst_options_set_float(o, "linear_scale", s->linear_scale);
    if (!status) status = kdst_options_set_float(o, "theta", s->pooling_factor);
    if (!status) status = kdst_options_set_float(o, "dropout", s->dropout);
    if (!status) status = kdst_options_set_string(o, "dropout_unit", s->dropout_unit);
    if (!status) status = kdst_spiking_network_create(e->ctx, s->architecture, neuron, o, out);
    kdst_options_release(o);
    return status;
}

bool make_network(experiment *e, int rule, kdst_neuron **out_neuron, kdst_layer **out_model)
{
    kdst_status status = make_neuron(e, rule, out_neuron);
    if (!status) status = make_layers(e, *out_neuron, out_model);
    return status == KDST_STATUS_OK || explain(e, rule_names[rule], status);
}

/* ---- training ---- */

static kdst_status make_loss(experiment *e, kdst_loss **out)
{
    const settings *s = e->settings;
    bool kernel = !strcmp(s->loss, "kernel"), count = !strcmp(s->loss, "count");
    if (!kernel && !count) return kdst_loss_spike_softmax_create(e->ctx, out);
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status && kernel) {
        status = kdst_options_set_float(o, "tau_s", s->tau_s);
        if (!status) status = kdst_options_set_int(o, "filters", strcmp(s->filters, "once") ? 2 : 1);
        if (!status) status = kdst_loss_spike_kernel_create(e->ctx, o, out);
    } else if (!status) {
        status = kdst_options_set_float(o, "desired", s->desired);
        if (!status) status = kdst_options_set_float(o, "undesired", s->undesired);
        if (!status) status = kdst_loss_spike_count_create(e->ctx, o, out);
    }
    kdst_options_release(o);
    return status;
}

static kdst_status make_optimizer(experiment *e, kdst_layer *model, kdst_optimizer **out)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_float(o, "learning_rate", e->settings->learning_rate);
    if (!status) status = kdst_options_set_float(o, "weight_decay", e->settings->weight_decay);
    if (!status) status = kdst_optimizer_adamw_create(e->ctx, o, out);
    if (!status) status = kdst_optimizer_add_layer(*out, model);
    kdst_options_release(o);
    return status;
}

static kdst_status make_trainer(experiment *e, parts *p)
{
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "epochs", e->settings->epochs);
    if (!status) status = kdst_options_set_float(o, "clip_norm", e->settings->clip_norm);
    if (!status) status = kdst_trainer_create(p->model, p->loss, p->optimizer, p->train, o, &p->trainer);
    if (!status) status = kdst_trainer_set_validation(p->trainer, p->test);
    kdst_options_release(o);
    return status;
}

bool make_parts(experiment *e, const job *j, parts *p)
{
    kdst_status status = kdst_context_set_seed(e->ctx, j->seed);
    if (status) return explain(e, j->name, status);
    if (!make_network(e, j->rule, &p->neuron, &p->model) || !make_loader(e, e->train, true, j->seed, e->settings->batch, &p->train) ||
        !make_loader(e, e->test, false, 0, TEST_BATCH, &p->test))
        return false;
    status = make_loss(e, &p->loss);
    if (!status) status = make_optimizer(e, p->model, &p->optimizer);
    if (!status) status = make_trainer(e, p);
    return status == KDST_STATUS_OK || explain(e, j->name, status);
}

bool check_job(experiment *e, const job *j)
{
    parts p = {0};
    run_record record;
    describe_run(e->settings, j->name, j->rule, j->seed, &record);
    if (strlen(record.fingerprint) + 1 >= sizeof record.fingerprint) {
        fprintf(stderr, "spiking: the settings of %s take more than %zu bytes\n", j->name, sizeof record.fingerprint - 2);
        return false;
    }
    bool good = make_parts(e, j, &p);
    parts_free(&p);
    return good;
}
