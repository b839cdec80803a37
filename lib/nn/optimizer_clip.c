/* SPDX-License-Identifier: Apache-2.0 */
/* Clipping of gradients: by their joint norm (Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
 * ICML 2013) or element by element.
 *
 * norm = (sum over tensors and elements of g^2)^(1/2), or max |g|; g *= max_norm / (norm + 1e-6) where that is below 1, as in
 * PyTorch. Sums are doubles in the order of the tensors and of their pieces. Weights, too, can be held in a range, as the official code of
 * TSSL-BP does after each update (Zhang and Li 2020).
 */
#include "nn/optimizer.h"

#include <float.h>

enum { NORM_2, NORM_INF };
enum { ON_ERROR, ON_KEEP };

typedef struct config {
    int32_t norm, non_finite;
} config;

static const kdst__option options[] = {
    KDST__CHOICE(config, norm, "2", "2|inf", "root of the sum of squares, or the largest size"),
    KDST__CHOICE(
        config, non_finite, "error", "error|keep", "a norm that is not finite: fail, or leave the gradients alone"),
};
const kdst__schema kdst__schema_optimizer_clip_norm = {"optimizer.clip_norm", options, KDST__COUNT(options), NULL, 0};

static kdst__compute *compute_of(const kdst_optimizer *optimizer)
{
    return kdst__slot_get(optimizer->base.ctx, KDST__SLOT_COMPUTE);
}

static double largest(const kdst_optimizer *optimizer, const kdst__optimizer_entry **out_where)
{
    double most = 0;
    *out_where = NULL;
    for (int64_t i = 0; i < optimizer->count && isfinite(most); i++) {
        const kdst_tensor *g = kdst__optimizer_grad(&optimizer->entries[i]);
        if (g == NULL) continue;
        double size = kdst__largest(compute_of(optimizer), g->dtype, kdst__tensor_count(g), kdst__tensor_data(g));
        if (size <= most) continue;
        most = size;
        *out_where = &optimizer->entries[i];
    }
    return most;
}

/* The norm, and where it is not finite the tensor with such an element. Squares may overflow or vanish: then once more, scaled. */
static double norm_of(kdst_optimizer *optimizer, int32_t kind, const kdst__optimizer_entry **out_where)
{
    if (kind == NORM_INF) return largest(optimizer, out_where);
    int64_t count = kdst__optimizer_spans(optimizer);
    double sum = kdst__spans_squares(compute_of(optimizer), count, optimizer->spans, 1);
    if (isfinite(sum) && sum >= 1e-280) return sqrt(sum);
    double most = largest(optimizer, out_where);
    if (!isfinite(most) || most < DBL_MIN) return most;
    return most * sqrt(kdst__spans_squares(compute_of(optimizer), count, optimizer->spans, 1 / most));
}

/* Whoever asks for `error` gets it; else a norm that is not finite leaves the scale at 1. */
static kdst_status measure(
    kdst_optimizer *optimizer, const char *function, const config *c, double max_norm, double *out_norm,
    double *out_scale)
{
    const kdst__optimizer_entry *where = NULL;
    double norm = norm_of(optimizer, c->norm, &where), factor = max_norm / (norm + 1e-6);
    *out_scale = isfinite(norm) && factor < 1 ? factor : 1;
    if (!isfinite(norm) && c->non_finite == ON_ERROR)
        return kdst__fail(
            optimizer->base.ctx, KDST_STATUS_STATE, "%s: the norm is %g, the gradient of \"%.200s\" is not finite",
            function, norm, where != NULL ? where->names : "");
    *out_norm = norm;
    return KDST_STATUS_OK;
}

kdst_status kdst__optimizer_measure(
    kdst_optimizer *optimizer, const char *function, double max_norm, double *out_norm, double *out_scale)
{
    const config c = {NORM_2, ON_ERROR};
    return measure(optimizer, function, &c, max_norm, out_norm, out_scale);
}

static void touch(const kdst_optimizer *optimizer)
{
    for (int64_t i = 0; i < optimizer->count; i++) {
        kdst_tensor *g = kdst__optimizer_grad(&optimizer->entries[i]);
        if (g != NULL) kdst__tensor_touch(g);
    }
}

void kdst__optimizer_scale(kdst_optimizer *optimizer, double factor)
{
    kdst__spans_scale(compute_of(optimizer), kdst__optimizer_spans(optimizer), optimizer->spans, factor);
    touch(optimizer);
}

kdst_status
kdst_optimizer_clip_norm(kdst_optimizer *optimizer, double max_norm, const kdst_options *given, double *out_norm)
{
    static const char function[] = "optimizer_clip_norm";
    config c;
    if (out_norm != NULL) *out_norm = NAN;
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = optimizer->base.ctx;
    kdst__enter(ctx);
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_optimizer_clip_norm, given, &c);
    if (status != KDST_STATUS_OK) return status;
    if (!(max_norm > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: max_norm is %g, allowed is above 0", function, max_norm);
    double norm = NAN, scale = 1;
    status = measure(optimizer, function, &c, max_norm, &norm, &scale);
    if (status == KDST_STATUS_OK && scale != 1) kdst__optimizer_scale(optimizer, scale);
    if (out_norm != NULL) *out_norm = norm;
    return status;
}

kdst_status kdst_optimizer_clip_value(kdst_optimizer *optimizer, double max_value)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = optimizer->base.ctx;
    kdst__enter(ctx);
    if (!(max_value > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "optimizer_clip_value: max_value is %g, allowed is above 0", max_value);
    kdst__spans_clip(compute_of(optimizer), kdst__optimizer_spans(optimizer), optimizer->spans, max_value);
    touch(optimizer);
    return KDST_STATUS_OK;
}

static void clamp(kdst_optimizer *optimizer, double low, double high)
{
    int64_t count = 0;
    for (int64_t i = 0; i < optimizer->count; i++) {
        kdst_tensor *w = optimizer->entries[i].tensor;
        if (!w->requires_grad) continue;
        optimizer->spans[count++] =
            (kdst__span){.dtype = w->dtype, .n = kdst__tensor_count(w), .g = kdst__tensor_data(w)};
        kdst__tensor_touch(w);
    }
    kdst__spans_clamp(compute_of(optimizer), count, optimizer->spans, low, high);
}

kdst_status kdst_optimizer_clamp(kdst_optimizer *optimizer, double low, double high)
{
    if (optimizer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = optimizer->base.ctx;
    kdst__enter(ctx);
    if (!(low <= high))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "optimizer_clamp: low is %g, high is %g, low <= high is needed", low,
            high);
    clamp(optimizer, low, high);
    return KDST_STATUS_OK;
}
