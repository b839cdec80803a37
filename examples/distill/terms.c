/* SPDX-License-Identifier: Apache-2.0 */
/* Where the features are taken, and what is done with them (see terms.h). */
#include "terms.h"

#include <stdlib.h>
#include <string.h>

/* Weights beside the cross-entropy as RepDistiller has them for CIFAR-100. */
static double weight_of(const settings *s, int variant)
{
    static const double standard[] = {100, 1000, 3000, 1};
    const char *text = settings_of(s, variant, "weight");
    return text ? strtod(text, NULL) : standard[variant - HINT];
}

bool make_term(experiment *e, int variant, kdst_loss **out)
{
    const settings *s = e->settings;
    kdst_options *o = NULL;
    kdst_status status = kdst_options_create(&o);
    for (int i = 0; i < s->loss_count && !status; i++)
        if (s->loss[i].variant == variant && strcmp(s->loss[i].key, "weight"))
            status = set_option(o, s->loss[i].key, s->loss[i].value);
    if (!status && variant == HINT) status = kdst_loss_hint_create(e->ctx, o, out);
    if (!status && variant == ATTENTION) status = kdst_loss_attention_create(e->ctx, o, out);
    if (!status && variant == SIMILARITY) status = kdst_loss_similarity_create(e->ctx, o, out);
    if (!status && variant == RELATIONAL) {
        /* RepDistiller's weights of the parts, unless --set has others */
        if (!settings_of(s, variant, "distance")) status = kdst_options_set_float(o, "distance", 25);
        if (!status && !settings_of(s, variant, "angle")) status = kdst_options_set_float(o, "angle", 50);
        if (!status) status = kdst_loss_relational_create(e->ctx, o, out);
    }
    kdst_options_release(o);
    return status == KDST_STATUS_OK || explain_failure(e->ctx, variant_names[variant], status);
}

/* ---- taps ---- */

/* Runs a network once on two images of zeros, in evaluation mode and without recording. */
static kdst_status probe(experiment *e, kdst_layer *model)
{
    const int64_t shape[4] = {2, e->shape[0], e->shape[1], e->shape[2]};
    kdst_tensor *x = NULL, *y = NULL;
    int32_t training = kdst_layer_get_training(model);
    kdst_status status = kdst_tensor_create(e->ctx, KDST_DTYPE_FLOAT32, 4, shape, &x);
    if (!status) status = kdst_layer_set_training(model, 0);
    if (!status) status = kdst_no_grad_begin(e->ctx);
    if (!status) {
        status = kdst_layer_run(model, x, &y);
        kdst_status ended = kdst_no_grad_end(e->ctx), back = kdst_layer_set_training(model, training);
        if (!status) status = ended ? ended : back;
    }
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    return status;
}

/* The shape of a layer's output on two images; count 0 where it has none. */
static kdst_status shape_at(kdst_layer *layer, int64_t shape[8], int64_t *rank)
{
    kdst_tensor *y = NULL;
    kdst_status status = kdst_layer_get_output(layer, 0, &y);
    *rank = 0;
    if (status == KDST_STATUS_NOT_FOUND) return KDST_STATUS_OK; /* not on the way of the images */
    if (status) return status;
    *rank = kdst_tensor_get_rank(y);
    for (int64_t i = 0; i < *rank && i < 8; i++) shape[i] = kdst_tensor_get_size(y, i);
    kdst_tensor_release(y);
    return KDST_STATUS_OK;
}

/* The last layer on the top level whose output is a map of more than one position; *out stays NULL when there is none. */
static kdst_status last_map(experiment *e, kdst_layer *model, kdst_layer **out)
{
    kdst_status status = KDST_STATUS_OK;
    int64_t count = kdst_layer_get_child_count(model), shape[8], rank;
    for (int keep = 1; keep >= 0 && !status; keep--) {
        for (int64_t i = 1; i < count && !status; i++) {
            const char *path = NULL;
            kdst_layer *child = NULL;
            status = kdst_layer_get_child(model, i, &path, &child);
            if (status || strchr(path, '.')) continue;
            if (keep) {
                status = kdst_layer_keep_output(child, 1);
                continue;
            }
            status = shape_at(child, shape, &rank);
            if (!status && rank == 4 && shape[2] * shape[3] > 1) *out = child;
            if (!status) status = kdst_layer_keep_output(child, 0);
        }
        if (keep && !status) status = probe(e, model);
    }
    return status;
}

static bool find_tap(experiment *e, kdst_layer *model, const char *path, const char *whose, kdst_layer **out)
{
    *out = NULL;
    kdst_status status = *path ? kdst_layer_find_child(model, path, out) : last_map(e, model, out);
    if (status) return explain_failure(e->ctx, "--taps", status);
    if (!*out) fprintf(stderr, "distill: the %s has no map to look at; --taps names layers\n", whose);
    return *out != NULL;
}

/* ---- hints ---- */

/* The regressor between two places, added to the optimiser under a name of its own. */
static bool make_regressor(experiment *e, parts *p, int index, kdst_layer *at, kdst_layer *from, kdst_layer **out)
{
    int64_t s[8] = {0}, t[8] = {0}, rank_s = 0, rank_t = 0;
    kdst_layer *one = NULL, *whole = NULL;
    char name[32];
    kdst_status status = kdst_layer_keep_output(at, 1);
    if (!status) status = kdst_layer_keep_output(from, 1);
    if (!status) status = probe(e, p->model);
    if (!status) status = probe(e, p->teacher);
    if (!status) status = shape_at(at, s, &rank_s);
    if (!status) status = shape_at(from, t, &rank_t);
    if (!status && (rank_s != 4 || rank_t != 4)) {
        fprintf(stderr, "distill: hints join maps, and here is none\n");
        return false;
    }
    snprintf(name, sizeof name, "regressor%d", index);
    if (!status) status = kdst_layer_regressor_create(e->ctx, s + 1, t + 1, NULL, &one);
    if (!status) status = kdst_layer_sequential_create(e->ctx, &whole);
    if (!status) status = kdst_layer_add(whole, name, one);
    if (!status && !p->regressors) status = kdst_layer_sequential_create(e->ctx, &p->regressors);
    if (!status) status = kdst_optimizer_add_layer(p->optimizer, whole);
    if (!status) status = kdst_layer_add(p->regressors, NULL, whole);
    kdst_layer_release(one);
    kdst_layer_release(whole); /* held by p->regressors */
    *out = whole;
    return status == KDST_STATUS_OK || explain_failure(e->ctx, "regressor", status);
}

bool add_terms(experiment *e, const job *j, parts *p)
{
    const settings *s = e->settings;
    kdst_loss *loss = NULL;
    bool good = make_term(e, j->variant, &loss);
    for (int i = 0; good && i < (s->tap_count ? s->tap_count : 1); i++) {
        kdst_layer *at = NULL, *from = NULL, *regressor = NULL;
        good = find_tap(e, p->model, s->tap_count ? s->taps[i][0] : "", "student", &at)
            && find_tap(e, p->teacher, s->tap_count ? s->taps[i][1] : "", "teacher", &from)
            && (j->variant != HINT || make_regressor(e, p, i, at, from, &regressor));
        kdst_status status = good ? kdst_trainer_add_term(p->trainer, loss, weight_of(s, j->variant), at, from, regressor) : KDST_STATUS_OK;
        if (status) good = explain_failure(e->ctx, j->name, status);
    }
    kdst_loss_release(loss);
    return good;
}
