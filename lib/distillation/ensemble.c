/* SPDX-License-Identifier: Apache-2.0 */
/* Several teachers as one: logits whose softmax at a temperature is the ensemble's distribution.
 *
 * "mean_probability": softmax(out / T) = sum_m w_m softmax(t_m / T), so out = T log of it (minimising the KL to it is minimising the
 * mean of the KLs to the teachers); "mean_logit": out = sum_m w_m t_m. Weights are divided by their sum; equal when none are given.
 */
#include "distillation/features.h"

#include "nn/layer.h"

#include <kdst/transfer.h>

#include <inttypes.h>

enum { MEAN_PROBABILITY, MEAN_LOGIT, MOST = KDST__MAX_LIST };
#define SMALLEST 1e-300 /* of a probability whose logarithm is taken */

typedef struct settings {
    int32_t mode;
    double temperature, weights[MOST];
    int64_t weights_count;
} settings;

static const kdst__option options_table[] = {
    KDST__CHOICE(
        settings, mode, "mean_probability", "mean_probability|mean_logit", "what is averaged over the teachers"),
    KDST__FLOAT_OPEN(settings, temperature, 4, 0, 1e100, "temperature at which the probabilities are averaged"),
    KDST__FLOATS_UPTO(settings, weights, MOST, 0, INFINITY, "a weight for each teacher; none: all the same"),
};
const kdst__schema kdst__schema_ensemble = {"ensemble", options_table, KDST__COUNT(options_table), NULL, 0};

static kdst_status check_weights(kdst_context *ctx, const char *function, const settings *c, int64_t teachers)
{
    double sum = 0;
    for (int64_t i = 0; i < c->weights_count; i++)
        sum += c->weights[i];
    if (c->weights_count > 0 && c->weights_count != teachers)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: there are %" PRId64 " weights and %" PRId64 " teachers", function,
            c->weights_count, teachers);
    if (c->weights_count > 0 && !(sum > 0 && isfinite(sum)))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the sum of the weights is %g, expected a positive number", function,
            sum);
    return KDST_STATUS_OK;
}

static double weight_of(const settings *c, int64_t m, int64_t teachers)
{
    double sum = 0;
    if (c->weights_count == 0) return 1 / (double)teachers;
    for (int64_t i = 0; i < teachers; i++)
        sum += c->weights[i];
    return c->weights[m] / sum;
}

/* Adds a teacher's row, in its mode's form, to out [k]. */
static void add_row(const settings *c, double w, int64_t k, const double *t, double *out)
{
    double top = t[0] / c->temperature, sum = 0;
    if (c->mode == MEAN_LOGIT) {
        for (int64_t i = 0; i < k; i++)
            out[i] += w * t[i];
        return;
    }
    for (int64_t i = 1; i < k; i++)
        top = fmax(top, t[i] / c->temperature);
    for (int64_t i = 0; i < k; i++)
        sum += exp(t[i] / c->temperature - top);
    for (int64_t i = 0; i < k; i++)
        out[i] += w * exp(t[i] / c->temperature - top) / sum;
}

static void combine(const settings *c, int64_t teachers, int64_t rows, int64_t k, const double *t, double *out)
{
    for (int64_t b = 0; b < rows; b++) {
        double *o = out + b * k;
        for (int64_t i = 0; i < k; i++)
            o[i] = 0;
        for (int64_t m = 0; m < teachers; m++)
            add_row(c, weight_of(c, m, teachers), k, t + (m * rows + b) * k, o);
        for (int64_t i = 0; i < k && c->mode == MEAN_PROBABILITY; i++)
            o[i] = c->temperature * log(fmax(o[i], SMALLEST));
    }
}

static kdst_status run(const char *function, const settings *c, kdst_tensor *teachers, kdst_tensor **out)
{
    kdst__shown shown;
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__shown_begin(function, teachers, 0, out, &shown);
    if (status == KDST_STATUS_OK && teachers->rank != 3)
        status = kdst__fail(
            teachers->base.ctx, KDST_STATUS_SHAPE, "%s: teachers are %s, expected [M, B, K]", function,
            kdst__shape_text(teachers->rank, teachers->shape, text));
    if (status == KDST_STATUS_OK) status = check_weights(teachers->base.ctx, function, c, teachers->shape[0]);
    if (status == KDST_STATUS_OK) status = kdst__shown_make(function, 2, teachers->shape + 1, &shown);
    if (status == KDST_STATUS_OK)
        combine(c, teachers->shape[0], teachers->shape[1], teachers->shape[2], shown.x, shown.y);
    kdst__shown_end(&shown, status, out);
    return status;
}

kdst_status kdst_ensemble_logits(kdst_tensor *teachers, const kdst_options *given, kdst_tensor **out)
{
    settings c;
    if (out != NULL) *out = NULL;
    if (teachers == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(teachers->base.ctx);
    kdst_status status = kdst__options_parse(teachers->base.ctx, "ensemble_logits", &kdst__schema_ensemble, given, &c);
    return status == KDST_STATUS_OK ? run("ensemble_logits", &c, teachers, out) : status;
}

/* ---- as a layer ---- */

typedef struct ensemble {
    kdst_layer base;
    settings settings;
} ensemble;

/* Copies a member's logits into its place in all [M, B, K], which is made with the first. */
static kdst_status place(kdst_layer *layer, int64_t m, kdst_tensor *logits, kdst_tensor **all)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_context *ctx = layer->base.ctx;
    kdst_tensor *slot = NULL;
    if (logits->rank != 2)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "ensemble: member %" PRId64 " gives %s, expected [B, K]", m,
            kdst__shape_text(logits->rank, logits->shape, a));
    if (*all == NULL) {
        const int64_t shape[] = {layer->child_count, logits->shape[0], logits->shape[1]};
        kdst_status status = kdst__tensor_new(ctx, "ensemble", logits->dtype, 3, shape, false, all);
        if (status != KDST_STATUS_OK) return status;
    }
    if ((*all)->shape[1] != logits->shape[0] || (*all)->shape[2] != logits->shape[1] || (*all)->dtype != logits->dtype)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "ensemble: member %" PRId64 " gives %s %s, the first %s %s", m,
            kdst_dtype_get_name(logits->dtype), kdst__shape_text(2, logits->shape, a),
            kdst_dtype_get_name((*all)->dtype), kdst__shape_text(2, (*all)->shape + 1, b));
    int64_t size = logits->shape[0] * logits->shape[1];
    kdst_status status =
        kdst__tensor_view("ensemble", *all, 2, (*all)->shape + 1, (*all)->stride + 1, (*all)->offset + m * size, &slot);
    if (status == KDST_STATUS_OK) status = kdst__tensor_assign("ensemble", slot, logits);
    kdst_tensor_release(slot);
    return status;
}

static kdst_status run_layer(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor *all = NULL, *logits = NULL;
    kdst_status status = KDST_STATUS_OK;
    if (!kdst__no_grad_push(layer->base.ctx)) return kdst__fail_memory(layer->base.ctx, "ensemble");
    for (int64_t m = 0; m < layer->child_count && status == KDST_STATUS_OK; m++) {
        status = kdst__layer_run(layer->children[m], x, &logits);
        if (status == KDST_STATUS_OK) status = place(layer, m, logits, &all);
        kdst_tensor_release(logits);
        logits = NULL;
    }
    if (status == KDST_STATUS_OK) status = run("ensemble", &((ensemble *)layer)->settings, all, out);
    kdst__no_grad_pop(layer->base.ctx);
    kdst_tensor_release(all);
    return status;
}

static const kdst__layer_kind kind = {.name = "ensemble", .bytes = sizeof(ensemble), .run = run_layer};

kdst_status kdst_layer_ensemble_create(
    kdst_context *ctx, kdst_layer *const *members, int64_t count, const kdst_options *given, kdst_layer **out)
{
    kdst_layer *layer = NULL;
    settings c;
    kdst_status status = kdst__layer_begin(ctx, "ensemble", out);
    if (status != KDST_STATUS_OK) return status;
    if (members == NULL || count < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "ensemble: %s",
            members == NULL ? "members is NULL" : "there is no member");
    for (int64_t m = 0; m < count; m++)
        if (members[m] == NULL)
            return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "ensemble: member %" PRId64 " is NULL", m);
    status = kdst__options_parse(ctx, "ensemble", &kdst__schema_ensemble, given, &c);
    if (status == KDST_STATUS_OK) status = check_weights(ctx, "ensemble", &c, count);
    if (status == KDST_STATUS_OK) status = kdst__layer_new(ctx, &kind, &layer);
    if (status == KDST_STATUS_OK) ((ensemble *)layer)->settings = c;
    for (int64_t m = 0; m < count && status == KDST_STATUS_OK; m++)
        status = kdst__layer_attach("ensemble", layer, NULL, members[m]);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}
