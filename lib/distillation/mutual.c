/* SPDX-License-Identifier: Apache-2.0 */
/* Deep mutual learning (Zhang et al., CVPR 2018): the loss of one network among M, whose predictions are constants for it.
 *
 * L = CE(z, y) + w T^2 sum_j KL(p_j || p) / B over the peers' p_j = softmax(z_j / T), p = softmax(z / T); w = 1 / (M - 1) with `average`,
 * else 1 (the authors' code); T = 1 in both. dL/dz = [softmax(z) - e_y + w T sum_j (p - p_j)] / B. target "ensemble": KL(mean_j p_j || p).
 * The authors' code smooths the labels and takes log(eps + p_j / (p + eps)) with eps = 1e-8: options smoothing and log_eps.
 */
#include "distillation/features.h"

#include <kdst/transfer.h>

enum { EACH, ENSEMBLE };

static const kdst__option options[] = {
    KDST__INT(kdst__feature_settings, average, 1, 0, 1, "1: mean over the peers, 0: sum"),
    KDST__CHOICE(
        kdst__feature_settings, target, "each", "each|ensemble", "every peer's prediction, or the mean of them"),
    KDST__FLOAT_OPEN(
        kdst__feature_settings, temperature, 1, 0, 1e100, "T of the divergences, which are multiplied by its square"),
    KDST__FLOAT(kdst__feature_settings, smoothing, 0, 0, 1, "label smoothing of the cross-entropy, over all classes"),
    KDST__FLOAT(kdst__feature_settings, log_eps, 0, 0, 1, "eps in log(eps + p_j / (p + eps)); 0: the plain logarithm"),
    {"preset", KDST_OPTION_CHOICE, 0, 0, 0, 0, "none|official", "none", 1, offsetof(kdst__feature_settings, mode), 0,
     "official: defaults of the authors' code"},
};
static const kdst__preset presets[] = {
    {"official", "average", "0"}, {"official", "smoothing", "0.1"}, {"official", "log_eps", "1e-8"}};
const kdst__schema kdst__schema_loss_mutual = {
    "loss.mutual", options, KDST__COUNT(options), presets, KDST__COUNT(presets)};

/* log softmax of z / by, z [k]. */
static void log_softmax(int64_t k, const double *z, double by, double *out)
{
    double top = z[0], sum = 0;
    for (int64_t i = 1; i < k; i++)
        top = z[i] > top ? z[i] : top;
    for (int64_t i = 0; i < k; i++)
        sum += exp((z[i] - top) / by);
    for (int64_t i = 0; i < k; i++)
        out[i] = (z[i] - top) / by - log(sum);
}

/* Cross-entropy to the smoothed label; grad [k] = its gradient for the logits. */
static double hard_part(int64_t k, const double *log_p, int32_t label, double smoothing, double *grad)
{
    double value = 0;
    for (int64_t i = 0; i < k; i++) {
        double target = smoothing / (double)k + (i == label ? 1 - smoothing : 0);
        if (target > 0) value -= target * log_p[i];
        grad[i] = exp(log_p[i]) - target;
    }
    return value;
}

/* KL(q || p), q = exp(log_q); adds w times its gradient. */
static double plain_part(int64_t k, const double *log_p, const double *log_q, double w, double *grad)
{
    double value = 0;
    for (int64_t i = 0; i < k; i++) {
        double q = exp(log_q[i]);
        if (q > 0) value += q * (log_q[i] - log_p[i]);
        grad[i] += w * (exp(log_p[i]) - q);
    }
    return value;
}

/* sum q log(eps + q / (p + eps)); d/dp_i = -q^2 / ((p + eps)^2 (eps + q / (p + eps))), through p's softmax. */
static double floored_part(int64_t k, const double *log_p, const double *log_q, double w, double eps, double *grad)
{
    double value = 0, along = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < k; i++) {
            double p = exp(log_p[i]), q = exp(log_q[i]), ratio = q / (p + eps);
            double slope = -q * ratio / ((p + eps) * (eps + ratio));
            if (pass == 0) {
                value += q * log(eps + ratio);
                along += p * slope;
            } else {
                grad[i] += w * p * (slope - along);
            }
        }
    return value;
}

/* log of the mean of the peers' predictions at row b; t [peers, rows, k]. */
static void
mean_prediction(int64_t peers, int64_t rows, int64_t k, int64_t b, const double *t, double by, double *log_q, double *q)
{
    for (int64_t i = 0; i < k; i++)
        q[i] = 0;
    for (int64_t j = 0; j < peers; j++) {
        log_softmax(k, t + (j * rows + b) * k, by, log_q);
        for (int64_t i = 0; i < k; i++)
            q[i] += exp(log_q[i]) / (double)peers;
    }
    for (int64_t i = 0; i < k; i++)
        log_q[i] = log(q[i]);
}

/* scratch [3, k] */
static double
row(const kdst__feature_settings *c, const kdst__features *s, const kdst__features *t, int32_t label, int64_t b,
    double *scratch, double *grad)
{
    int64_t rows = s->shape[0], k = s->shape[1], peers = t->rank == 3 ? t->shape[0] : 1;
    double *log_p = scratch, *log_q = log_p + k, *q = log_q + k, by = c->temperature;
    log_softmax(k, s->x + b * k, 1, log_p);
    double value = hard_part(k, log_p, label, c->smoothing, grad);
    log_softmax(k, s->x + b * k, by, log_p);
    int64_t targets = c->target == ENSEMBLE ? 1 : peers;
    double w = (c->average ? 1 / (double)targets : 1) * by;
    for (int64_t j = 0; j < targets; j++) {
        if (c->target == ENSEMBLE)
            mean_prediction(peers, rows, k, b, t->x, by, log_q, q);
        else
            log_softmax(k, t->x + (j * rows + b) * k, by, log_q);
        value += w * by *
            (c->log_eps > 0 ? floored_part(k, log_p, log_q, w, c->log_eps, grad)
                            : plain_part(k, log_p, log_q, w, grad));
    }
    return value;
}

static kdst_status pass(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *s, const kdst__features *t,
    const int32_t *labels, double *value, double *grad)
{
    int64_t rows = s->shape[0], k = s->shape[1];
    size_t bytes = 4 * (size_t)k * sizeof(double);
    double *scratch = kdst__alloc(kdst__compute_memory(cp), bytes);
    if (scratch == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    *value = 0;
    for (int64_t b = 0; b < rows; b++) {
        double *d = grad != NULL ? grad + b * k : scratch + 3 * k;
        *value += row(settings, s, t, labels[b], b, scratch, d) / (double)rows;
        for (int64_t i = 0; i < k; i++)
            d[i] /= (double)rows;
    }
    kdst__free(kdst__compute_memory(cp), scratch, bytes);
    return KDST_STATUS_OK;
}

static kdst_status check(
    const char *name, const kdst__feature_settings *settings, const kdst_tensor *s, const kdst_tensor *t)
{
    (void)settings;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    int32_t skip = t->rank - 2;
    if (s->rank == 2 && (skip == 0 || (skip == 1 && t->shape[0] > 0)) && t->shape[skip] == s->shape[0] &&
        t->shape[skip + 1] == s->shape[1])
        return KDST_STATUS_OK;
    return kdst__fail(
        s->base.ctx, KDST_STATUS_SHAPE,
        "%s: the student's logits are %s, the peers' %s: expected [B, K] and [M - 1, B, K]", name,
        kdst__shape_text(s->rank, s->shape, a), kdst__shape_text(t->rank, t->shape, b));
}

static const kdst__feature_loss mutual = {.name = "mutual", .labels = true, .check = check, .pass = pass};

kdst_status kdst_loss_mutual_create(kdst_context *ctx, const kdst_options *given, kdst_loss **out)
{
    return kdst__feature_loss_create(ctx, &mutual, &kdst__schema_loss_mutual, given, out);
}
