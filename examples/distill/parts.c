/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is made of: model, teacher, loss, optimiser, schedule, loaders, trainer. */
#include "parts.h"
#include "terms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SELF_SEED_OFFSET = 1000003, /* Tf-KD self: a fresh student, not its teacher's initial weights */
    STOPPED_STEPS = 3000        /* De-KD's teacher may take so many steps, whatever the number of epochs */
};

void parts_free(parts *p)
{
    kdst_trainer_release(p->trainer);
    kdst_loader_release(p->test);
    kdst_loader_release(p->train);
    kdst_schedule_release(p->schedule);
    kdst_optimizer_release(p->optimizer);
    kdst_loss_release(p->loss);
    kdst_layer_release(p->regressors);
    kdst_layer_release(p->teacher);
    kdst_layer_release(p->model);
}

int64_t epochs_of(const settings *s, const job *j) { return j->teacher_net ? s->teacher_epochs : s->epochs; }
const char *net_of(const settings *s, const job *j) { return j->teacher_net ? s->teacher : s->student; }

/* ---- making the parts ---- */

/* --set values: whole numbers, numbers, or words, in this order of trying. */
kdst_status set_option(kdst_options *o, const char *key, const char *value)
{
    char *end;
    long long whole = strtoll(value, &end, 10);
    if (end != value && !*end) return kdst_options_set_int(o, key, whole);
    double number = strtod(value, &end);
    if (end != value && !*end) return kdst_options_set_float(o, key, number);
    return kdst_options_set_string(o, key, value);
}

bool make_loss(experiment *e, const job *j, kdst_loss **out)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status && j->variant == BORN_AGAIN) status = kdst_options_set_float(o, "temperature", 1);
    for (int i = 0; i < s->loss_count && !status && !matches_features(j->variant); i++)
        if (s->loss[i].variant == j->variant && strcmp(s->loss[i].key, "mode"))
            status = set_option(o, s->loss[i].key, s->loss[i].value);
    if (!status) {
        switch (j->variant) {
        case HINT: case ATTENTION: case SIMILARITY: case RELATIONAL:
        case BASELINE: status = kdst_loss_cross_entropy_create(e->ctx, o, out); break;
        case LSR: status = kdst_loss_lsr_create(e->ctx, o, out); break;
        case TFKD_SELF: status = kdst_loss_tfkd_self_create(e->ctx, o, out); break;
        case TFKD_REG: status = kdst_loss_tfkd_reg_create(e->ctx, o, out); break;
        case MUTUAL: status = kdst_loss_mutual_create(e->ctx, o, out); break;
        default: status = kdst_loss_kd_create(e->ctx, o, out); break;
        }
    }
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, variant_names[j->variant], status);
}

/* The parameters of the model, those of norms and biases without weight decay when it is to be so. */
static kdst_status add_parameters(const settings *s, kdst_optimizer *optimizer, kdst_layer *model)
{
    kdst_options *o = NULL;
    if (!s->no_decay_norms) return kdst_optimizer_add_layer(optimizer, model);
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_string(o, "no_decay", "biases_and_norms");
    if (!status) status = kdst_optimizer_add_group(optimizer, model, "*", o, NULL);
    kdst_options_release(o);
    return status;
}

bool make_optimizer(experiment *e, const job *j, double rate, kdst_layer *model, kdst_optimizer **out)
{
    const settings *s = e->settings;
    bool sgd = !strcmp(s->optimizer, "sgd");
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_float(o, "learning_rate", rate);
    if (!status) status = kdst_options_set_float(o, "weight_decay", s->weight_decay);
    if (!status && sgd) status = kdst_options_set_float(o, "momentum", s->momentum);
    if (!status && sgd) status = kdst_optimizer_sgd_create(e->ctx, o, out);
    else if (!status && !strcmp(s->optimizer, "adamw")) status = kdst_optimizer_adamw_create(e->ctx, o, out);
    else if (!status && !strcmp(s->optimizer, "rmsprop")) status = kdst_optimizer_rmsprop_create(e->ctx, o, out);
    else if (!status) status = kdst_optimizer_adam_create(e->ctx, o, out);
    if (!status) status = add_parameters(s, *out, model);
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, j->name, status);
}

/* Steps where the rate falls: after 3, 6 and 8 tenths of the epochs. Of few epochs some of these are the same, or none. */
static int64_t milestones_of(int64_t epochs, int64_t steps_per_epoch, int64_t out[3])
{
    static const int64_t tenths[3] = {3, 6, 8};
    int64_t count = 0, last = 0;
    for (int i = 0; i < 3; i++) {
        int64_t epoch = epochs * tenths[i] / 10;
        if (epoch > last) out[count++] = epoch * steps_per_epoch;
        last = epoch;
    }
    return count;
}

/* exponential, polynomial and one-cycle; the first two behind a warm-up. */
static kdst_status make_decay(experiment *e, int64_t epochs, int64_t warmup, int64_t steps_per_epoch, kdst_schedule **out)
{
    const char *kind = e->settings->schedule;
    kdst_options *o = NULL;
    kdst_schedule *decay = NULL;
    if (!strcmp(kind, "one-cycle")) return kdst_schedule_one_cycle_create(e->ctx, epochs * steps_per_epoch, NULL, out);
    if (!strcmp(kind, "polynomial")) {
        kdst_status status = kdst_schedule_polynomial_create(e->ctx, epochs * steps_per_epoch, NULL, &decay);
        if (!status) status = kdst_schedule_warmup_create(decay, warmup * steps_per_epoch, NULL, out);
        kdst_schedule_release(decay);
        return status;
    }
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_float(o, "gamma", pow(0.01, 1 / (double)epochs));
    if (!status) status = kdst_options_set_int(o, "every", steps_per_epoch);
    if (!status) status = kdst_schedule_exponential_create(e->ctx, o, &decay);
    if (!status) status = kdst_schedule_warmup_create(decay, warmup * steps_per_epoch, NULL, out);
    kdst_schedule_release(decay);
    kdst_options_release(o);
    return status;
}

static bool make_schedule(experiment *e, const job *j, int64_t steps_per_epoch, kdst_schedule **out)
{
    const settings *s = e->settings;
    int64_t epochs = epochs_of(s, j), warmup = s->warmup_epochs < epochs ? s->warmup_epochs : epochs - 1;
    int64_t milestones[3], count = milestones_of(epochs, steps_per_epoch, milestones);
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    bool step = !strcmp(s->schedule, "step"), cosine = !strcmp(s->schedule, "cosine");
    if (!status && (step || cosine)) status = kdst_options_set_int(o, "warmup", warmup * steps_per_epoch);
    if (!status && step) {
        if (count) status = kdst_options_set_ints(o, "milestones", milestones, count);
        if (!status) status = kdst_options_set_float(o, "gamma", 0.2);
        if (!status) status = kdst_schedule_step_create(e->ctx, o, out);
    } else if (!status && cosine) {
        status = kdst_schedule_cosine_create(e->ctx, epochs * steps_per_epoch, o, out);
    } else if (!status && !strcmp(s->schedule, "constant")) {
        status = kdst_schedule_constant_create(e->ctx, out);
    } else if (!status) {
        status = make_decay(e, epochs, warmup, steps_per_epoch, out);
    }
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, j->name, status);
}

bool make_trainer(experiment *e, const job *j, parts *p)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    int64_t epochs = epochs_of(s, j), enough = STOPPED_STEPS / kdst_loader_get_batches(p->train) + 1;
    kdst_status status = kdst_options_create(&o);
    if (!status) status = kdst_options_set_int(o, "epochs", j->stopped && epochs < enough ? enough : epochs);
    if (!status) status = kdst_options_set_float(o, "clip_norm", s->clip_norm);
    if (!status && !j->stopped) status = kdst_options_set_int(o, "patience", s->patience);
    if (!status && s->average_decay > 0 && !j->stopped) { /* a run that is stopped after some steps is as it is then */
        status = kdst_options_set_float(o, "average_decay", s->average_decay);
        if (!status) status = kdst_options_set_string(o, "average_warmup", "ramp");
    }
    if (!status) status = kdst_trainer_create(p->model, p->loss, p->optimizer, p->train, o, &p->trainer);
    if (!status) status = kdst_trainer_set_validation(p->trainer, p->test);
    if (!status) status = kdst_trainer_set_schedule(p->trainer, p->schedule);
    if (!status && p->teacher) status = kdst_trainer_set_teacher(p->trainer, p->teacher);
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, j->name, status);
}

bool accuracy_of(experiment *e, kdst_layer *model, kdst_loader *loader, double *out)
{
    kdst_metrics *metrics = NULL;
    kdst_status status = kdst_metrics_create(e->ctx, e->classes, NULL, &metrics);
    if (!status) status = kdst_metrics_add_loader(metrics, model, loader);
    if (!status) status = kdst_metrics_get(metrics, "accuracy", out);
    kdst_metrics_release(metrics);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, "accuracy", status);
}

/* The teacher of a run: one network, or the ensemble of several at the temperature of the loss. */
static bool make_teacher(experiment *e, const job *j, bool trained, kdst_layer **out)
{
    kdst_layer *members[MAX_MEMBERS] = {NULL};
    const char *temperature = settings_of(e->settings, ENSEMBLE, "temperature"), *mode = settings_of(e->settings, ENSEMBLE, "mode");
    kdst_options *o = NULL;
    if (!load_model(e, j->teacher_is_teacher_net, j->teacher, trained, &members[0])) return false;
    if (j->variant != ENSEMBLE) return *out = members[0], true;
    bool good = true;
    for (int i = 0; i < j->further_count && good; i++)
        good = load_model(e, j->teacher_is_teacher_net, j->further[i], trained, &members[i + 1]);
    kdst_status status = good ? kdst_options_create(&o) : KDST_STATUS_OK;
    if (good && !status && temperature) status = set_option(o, "temperature", temperature);
    if (good && !status && mode) status = set_option(o, "mode", mode);
    if (good && !status) status = kdst_layer_ensemble_create(e->ctx, members, j->further_count + 1, o, out);
    kdst_options_release(o);
    for (int i = 0; i < MAX_MEMBERS; i++) kdst_layer_release(members[i]);
    return good && (status == KDST_STATUS_OK || explain_failure(e->ctx, "ensemble", status));
}

bool make_parts(experiment *e, const job *j, bool trained, parts *p)
{
    const settings *s = e->settings;
    uint64_t seed = j->seed + (j->variant == TFKD_SELF ? SELF_SEED_OFFSET : 0);
    kdst_status status = kdst_context_set_seed(e->ctx, seed);
    if (status) return explain_failure(e->ctx, j->name, status);
    p->teacher_accuracy = NAN;
    if (!load_model(e, j->teacher_net, NULL, false, &p->model) || !make_loader(e, e->train, true, seed, &p->train)
        || !make_loader(e, e->test, false, 0, &p->test) || !make_loss(e, j, &p->loss)
        || !make_optimizer(e, j, j->teacher_net ? s->teacher_rate : s->learning_rate, p->model, &p->optimizer)
        || !make_schedule(e, j, kdst_loader_get_batches(p->train), &p->schedule))
        return false;
    if (*j->teacher
        && (!make_teacher(e, j, trained, &p->teacher)
            || (trained && !accuracy_of(e, p->teacher, p->test, &p->teacher_accuracy))))
        return false;
    return make_trainer(e, j, p) && (!matches_features(j->variant) || add_terms(e, j, p));
}
