/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of spiking networks on the output's postsynaptic currents o [T, N, K] (Zhang and Li 2020, section 3.2).
 *
 * kernel: L = 1/2 sum (o - y)^2, the van Rossum distance of output and desired train: y = S(S(train)) for the true class, 0 for others, S
 *     the synapse. The official code filters the train twice, where the paper's distance filters both trains once: option `filters`.
 *     dL/do = o - y.
 * count: delta = (c - target) / T, c = sum_t o[t], set to 0 where the true class has more or another class less than its target;
 *     L = 1/2 sum_{n, k, t} delta^2, dL/do[t] = delta.
 * softmax: cross-entropy of c, mean over the batch; dL/do[t] = (softmax(c) - 1[k = label]) / N.
 */
#include "nn/loss.h"

#include <kdst/spiking.h>

#include <inttypes.h>
#include <string.h>

static const kdst__option kernel_options[] = {
    KDST__FLOAT(kdst__feature_settings, tau_s, 3, 1, INFINITY, "time constant of the synapse, in steps"),
    KDST__INT(kdst__feature_settings, filters, 2, 1, 2, "how often the desired train passes the synapse"),
    KDST__INTS_UPTO(
        kdst__feature_settings, train, KDST__MAX_LIST, 0, 1,
        "desired train of the true class, one entry a step; none: 0 1 1 1 1 again and again, from T = 10 on 0 1"),
};
const kdst__schema kdst__schema_loss_spike_kernel = {
    "loss.spike_kernel", kernel_options, KDST__COUNT(kernel_options), NULL, 0};

static const kdst__option count_options[] = {
    KDST__FLOAT(kdst__feature_settings, desired, 5, -INFINITY, INFINITY, "summed current of the true class"),
    KDST__FLOAT(kdst__feature_settings, undesired, 1, -INFINITY, INFINITY, "summed current of the others"),
};
const kdst__schema kdst__schema_loss_spike_count = {
    "loss.spike_count", count_options, KDST__COUNT(count_options), NULL, 0};

static kdst_status
check(const char *name, const kdst__feature_settings *settings, const kdst_tensor *psc, const kdst_tensor *teacher)
{
    char text[KDST__SHAPE_TEXT];
    (void)teacher;
    if (psc->rank != 3)
        return kdst__fail(
            psc->base.ctx, KDST_STATUS_SHAPE, "%s: the output is %s, expected [T, N, K]", name,
            kdst__shape_text(psc->rank, psc->shape, text));
    if (settings->train_count > 0 && settings->train_count != psc->shape[0])
        return kdst__fail(
            psc->base.ctx, KDST_STATUS_SHAPE, "%s: the output has %" PRId64 " steps, the desired train %" PRId64, name,
            psc->shape[0], settings->train_count);
    return KDST_STATUS_OK;
}

/* ---- kernel ---- */

static double desired_spike(const kdst__feature_settings *s, int64_t steps, int64_t t)
{
    if (s->train_count > 0) return (double)s->train[t];
    return steps < 10 ? t % 5 != 0 : t % 2;
}

/* y of the true class. */
static void desired_current(const kdst__feature_settings *s, int64_t steps, double *y)
{
    for (int64_t t = 0; t < steps; t++)
        y[t] = desired_spike(s, steps, t);
    for (int64_t i = 0; i < s->filters; i++) {
        double q = 0;
        for (int64_t t = 0; t < steps; t++) {
            q += y[t] - q / s->tau_s;
            y[t] = q / s->tau_s;
        }
    }
}

static kdst_status kernel(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *o, const kdst__features *teacher,
    const int32_t *labels, double *value, double *grad)
{
    const int64_t steps = o->shape[0], n = o->shape[1], classes = o->shape[2];
    const size_t bytes = (size_t)steps * sizeof(double);
    double *y = kdst__alloc(kdst__compute_memory(cp), bytes), sum = 0;
    (void)teacher;
    if (y == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    desired_current(settings, steps, y);
    for (int64_t t = 0, i = 0; t < steps; t++)
        for (int64_t b = 0; b < n; b++)
            for (int64_t k = 0; k < classes; k++, i++) {
                const double d = o->x[i] - (k == labels[b] ? y[t] : 0);
                sum += d * d;
                if (grad != NULL) grad[i] = d;
            }
    *value = sum / 2;
    kdst__free(kdst__compute_memory(cp), y, bytes);
    return KDST_STATUS_OK;
}

/* ---- count and softmax, of c ---- */

static void sum_over_time(const kdst__features *o, double *c)
{
    const int64_t rows = o->shape[1] * o->shape[2];
    memset(c, 0, (size_t)rows * sizeof *c);
    for (int64_t t = 0; t < o->shape[0]; t++)
        for (int64_t i = 0; i < rows; i++)
            c[i] += o->x[t * rows + i];
}

/* c becomes the gradient, the same at every step; returns the value. */
static double
count_row(const kdst__feature_settings *s, int64_t steps, int64_t n, int64_t classes, int32_t label, double *c)
{
    double sum = 0;
    (void)n;
    for (int64_t k = 0; k < classes; k++) {
        const int own = k == label;
        double delta = (c[k] - (own ? s->desired : s->undesired)) / (double)steps;
        if (own ? delta > 0 : delta < 0) delta = 0;
        sum += delta * delta;
        c[k] = delta;
    }
    return (double)steps * sum / 2;
}

static double
softmax_row(const kdst__feature_settings *s, int64_t steps, int64_t n, int64_t classes, int32_t label, double *c)
{
    double most = c[0], sum = 0;
    const double own = c[label];
    (void)s;
    (void)steps;
    for (int64_t k = 1; k < classes; k++)
        most = fmax(most, c[k]);
    for (int64_t k = 0; k < classes; k++)
        sum += c[k] = exp(c[k] - most);
    for (int64_t k = 0; k < classes; k++)
        c[k] = (c[k] / sum - (k == label)) / (double)n;
    return (log(sum) + most - own) / (double)n;
}

typedef double (*row_fn)(
    const kdst__feature_settings *s, int64_t steps, int64_t n, int64_t classes, int32_t label, double *c);

static kdst_status of_sums(
    kdst__compute *cp, row_fn row, const kdst__feature_settings *settings, const kdst__features *o,
    const int32_t *labels, double *value, double *grad)
{
    const int64_t steps = o->shape[0], n = o->shape[1], classes = o->shape[2];
    const size_t bytes = (size_t)(n * classes) * sizeof(double);
    double *c = kdst__alloc(kdst__compute_memory(cp), bytes);
    if (c == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    sum_over_time(o, c);
    *value = 0;
    for (int64_t b = 0; b < n; b++)
        *value += row(settings, steps, n, classes, labels[b], c + b * classes);
    for (int64_t t = 0; t < steps && grad != NULL; t++)
        memcpy(grad + t * n * classes, c, bytes);
    kdst__free(kdst__compute_memory(cp), c, bytes);
    return KDST_STATUS_OK;
}

static kdst_status count(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *o, const kdst__features *teacher,
    const int32_t *labels, double *value, double *grad)
{
    (void)teacher;
    return of_sums(cp, count_row, settings, o, labels, value, grad);
}

static kdst_status softmax(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *o, const kdst__features *teacher,
    const int32_t *labels, double *value, double *grad)
{
    (void)teacher;
    return of_sums(cp, softmax_row, settings, o, labels, value, grad);
}

/* ---- creation ---- */

static const kdst__feature_loss kernel_loss = {
    .name = "spike_kernel", .labels = true, .alone = true, .sample_axis = 1, .check = check, .pass = kernel};
static const kdst__feature_loss count_loss = {
    .name = "spike_count", .labels = true, .alone = true, .sample_axis = 1, .check = check, .pass = count};
static const kdst__feature_loss softmax_loss = {
    .name = "spike_softmax", .labels = true, .alone = true, .sample_axis = 1, .check = check, .pass = softmax};

kdst_status kdst_loss_spike_kernel_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    return kdst__feature_loss_create(ctx, &kernel_loss, &kdst__schema_loss_spike_kernel, options, out);
}

kdst_status kdst_loss_spike_count_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    kdst_status status = kdst__feature_loss_create(ctx, &count_loss, &kdst__schema_loss_spike_count, options, out);
    if (status != KDST_STATUS_OK) return status;
    const double desired = (*out)->config.settings.desired;
    if (desired != (*out)->config.settings.undesired) return KDST_STATUS_OK;
    kdst_loss_release(*out);
    *out = NULL;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "spike_count: desired and undesired are both %g, they must differ", desired);
}

kdst_status kdst_loss_spike_softmax_create(kdst_context *ctx, kdst_loss **out)
{
    static const kdst__schema none = {"loss.spike_softmax", NULL, 0, NULL, 0};
    return kdst__feature_loss_create(ctx, &softmax_loss, &none, NULL, out);
}
