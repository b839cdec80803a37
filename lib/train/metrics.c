/* SPDX-License-Identifier: Apache-2.0 */
/* Classification metrics over batches.
 *
 * Calibration as in Guo, Pleiss, Sun and Weinberger, ICML 2017: ECE = sum_b n_b / n |accuracy_b - confidence_b| over
 * equal-width bins of the top probability. All sums are doubles added in sample order.
 */
#include "train/metrics.h"

#include "core/options.h"

#include <kdst/ops.h>

#include <math.h>
#include <string.h>

enum { MOST_CLASSES = 100000, MOST_PAIRS = 2048 };

typedef struct config {
    int64_t bins, top;
    int32_t confusion;
} config;

static const kdst__option options_table[] = {
    KDST__INT(config, bins, 15, 1, 1000, "confidence bins of the reliability diagram"),
    KDST__INT(config, top, 5, 1, 100000, "logits among which the label counts as found, for \"top\""),
    KDST__CHOICE(config, confusion, "auto", "auto|yes|no", "keep the matrix; auto: up to 2048 classes"),
};
const kdst__schema kdst__schema_metrics = {"metrics", options_table, KDST__COUNT(options_table), NULL, 0};

/* Bytes of the confusion matrix, 0 without. */
static size_t pair_bytes(const kdst_metrics *m, int64_t classes)
{
    bool kept = m->pairs == 1 || (m->pairs == 0 && classes <= MOST_PAIRS);
    return kept ? (size_t)(classes * classes) * sizeof *m->confusion : 0;
}

static void metrics_destroy(void *object)
{
    kdst_metrics *m = object;
    kdst__memory *memory = kdst__context_memory(m->base.ctx);
    kdst__free(memory, m->confusion, pair_bytes(m, m->classes));
    kdst__free(memory, m->of_class, (size_t)m->classes * sizeof *m->of_class);
    kdst__free(memory, m->bin_count, (size_t)m->bins * sizeof *m->bin_count);
    kdst__free(memory, m->confidence, (size_t)m->bins * sizeof *m->confidence);
    kdst__free(memory, m->bin_hits, (size_t)m->bins * sizeof *m->bin_hits);
}

static const kdst__class metrics_class = {"metrics", metrics_destroy};

kdst_status kdst_metrics_create(kdst_context *ctx, int64_t classes, const kdst_options *options, kdst_metrics **out)
{
    config settings;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_create: out is NULL");
    if (classes < 1 || classes > MOST_CLASSES)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_create: classes is %lld, allowed is 1 to %d",
                          (long long)classes, MOST_CLASSES);
    kdst_status status = kdst__options_parse(ctx, "metrics_create", &kdst__schema_metrics, options, &settings);
    if (status) return status;
    kdst_metrics *m = kdst__handle_create(ctx, &metrics_class, sizeof *m);
    if (!m) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__memory *memory = kdst__context_memory(ctx);
    m->classes = classes;
    m->bins = settings.bins;
    m->top = settings.top;
    m->pairs = settings.confusion;
    size_t pairs = pair_bytes(m, classes);
    if (pairs) m->confusion = kdst__alloc_zero(memory, pairs);
    m->of_class = kdst__alloc_zero(memory, (size_t)classes * sizeof *m->of_class);
    m->bin_count = kdst__alloc_zero(memory, (size_t)m->bins * sizeof *m->bin_count);
    m->confidence = kdst__alloc_zero(memory, (size_t)m->bins * sizeof *m->confidence);
    m->bin_hits = kdst__alloc_zero(memory, (size_t)m->bins * sizeof *m->bin_hits);
    if ((pairs && !m->confusion) || !m->of_class || !m->bin_count || !m->confidence || !m->bin_hits) {
        kdst__handle_release(m);
        return kdst__fail_memory(ctx, "metrics_create");
    }
    *out = m;
    return KDST_STATUS_OK;
}

void kdst_metrics_retain(kdst_metrics *metrics) { kdst__handle_retain(metrics); }
void kdst_metrics_release(kdst_metrics *metrics) { kdst__handle_release(metrics); }

kdst_status kdst_metrics_reset(kdst_metrics *m)
{
    if (!m) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(m->base.ctx);
    m->count = m->hits = m->top5_hits = m->top_hits = 0;
    m->nll = m->brier = 0;
    if (m->confusion) memset(m->confusion, 0, pair_bytes(m, m->classes));
    memset(m->of_class, 0, (size_t)m->classes * sizeof *m->of_class);
    memset(m->bin_count, 0, (size_t)m->bins * sizeof *m->bin_count);
    memset(m->confidence, 0, (size_t)m->bins * sizeof *m->confidence);
    memset(m->bin_hits, 0, (size_t)m->bins * sizeof *m->bin_hits);
    return KDST_STATUS_OK;
}

static double logit(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

/* ---- adding a batch ---- */

static kdst_status check_kinds(kdst_metrics *m, const kdst_tensor *logits, const kdst_tensor *labels)
{
    kdst_context *ctx = m->base.ctx;
    char text[KDST__SHAPE_TEXT], other[KDST__SHAPE_TEXT];
    if (!logits || !labels)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_add: %s is NULL", logits ? "labels" : "logits");
    if (logits->base.ctx != ctx || labels->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_add: %s belong to another context",
                          logits->base.ctx != ctx ? "logits" : "labels");
    kdst_status status = kdst__tensor_need_data("metrics_add", logits);
    if (!status) status = kdst__tensor_need_data("metrics_add", labels);
    if (status) return status;
    if (!kdst__dtype_is_float(logits->dtype))
        return kdst__fail(ctx, KDST_STATUS_DTYPE, "metrics_add: logits are %s, expected float32 or float64",
                          kdst_dtype_get_name(logits->dtype));
    if (labels->dtype != KDST_DTYPE_INT32)
        return kdst__fail(ctx, KDST_STATUS_DTYPE, "metrics_add: labels are %s, expected int32",
                          kdst_dtype_get_name(labels->dtype));
    if (logits->rank != 2 || logits->shape[1] != m->classes || labels->rank != 1 || labels->shape[0] != logits->shape[0])
        return kdst__fail(ctx, KDST_STATUS_SHAPE, "metrics_add: logits are %s and labels %s, expected [B, %lld] and [B]",
                          kdst__shape_text(logits->rank, logits->shape, text),
                          kdst__shape_text(labels->rank, labels->shape, other), (long long)m->classes);
    return KDST_STATUS_OK;
}

static kdst_status check_values(kdst_metrics *m, const kdst_tensor *logits, const int32_t *labels)
{
    for (int64_t b = 0; b < logits->shape[0]; b++) {
        if (labels[b] < 0 || labels[b] >= m->classes)
            return kdst__fail(m->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
                              "metrics_add: label %d at row %lld, allowed is 0 to %lld", labels[b], (long long)b,
                              (long long)m->classes - 1);
        for (int64_t k = 0; k < m->classes; k++)
            if (!isfinite(logit(logits, b * m->classes + k)))
                return kdst__fail(m->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
                                  "metrics_add: logit %g at row %lld, class %lld", logit(logits, b * m->classes + k),
                                  (long long)b, (long long)k);
    }
    return KDST_STATUS_OK;
}

static void add_row(kdst_metrics *m, const kdst_tensor *logits, int64_t row, int32_t label)
{
    int64_t first = row * m->classes, best = 0, ahead = 0;
    double own = logit(logits, first + label), largest = own, sum = 0, squares = 0;
    for (int64_t k = 0; k < m->classes; k++) {
        double z = logit(logits, first + k);
        if (z > logit(logits, first + best)) best = k;
        /* ties go to the smaller class, as in the prediction */
        if (z > own || (z == own && k < label)) ahead++;
        if (z > largest) largest = z;
    }
    for (int64_t k = 0; k < m->classes; k++) sum += exp(logit(logits, first + k) - largest);
    for (int64_t k = 0; k < m->classes; k++) {
        double p = exp(logit(logits, first + k) - largest) / sum, gap = p - (k == label);
        squares += gap * gap;
    }
    double confidence = 1 / sum; /* the largest logit's probability */
    int64_t bin = (int64_t)ceil(confidence * (double)m->bins) - 1;
    if (bin < 0) bin = 0;
    if (bin >= m->bins) bin = m->bins - 1;
    m->count++;
    m->hits += best == label;
    m->top5_hits += ahead < 5;
    m->top_hits += ahead < m->top;
    m->nll += log(sum) + (largest - own); /* in this order: large logits would swallow the logarithm */
    m->brier += squares;
    if (m->confusion) m->confusion[label * m->classes + best]++;
    m->of_class[label].labels++;
    m->of_class[best].predictions++;
    m->of_class[label].hits += best == label;
    m->bin_count[bin]++;
    m->confidence[bin] += confidence;
    m->bin_hits[bin] += best == label;
}

kdst_status kdst__metrics_scores(kdst_tensor *output, kdst_tensor **out)
{
    const int64_t time = 0;
    if (!output || output->rank != 3) {
        kdst__handle_retain(*out = output);
        return KDST_STATUS_OK;
    }
    if (!kdst__no_grad_push(output->base.ctx)) return kdst__fail_memory(output->base.ctx, "metrics");
    kdst_status status = kdst_sum(output, &time, 1, 0, out);
    kdst__no_grad_pop(output->base.ctx);
    return status;
}

static kdst_status add_batch(kdst_metrics *m, kdst_tensor *logits, kdst_tensor *labels)
{
    kdst_tensor *z = NULL, *y = NULL;
    kdst_status status = check_kinds(m, logits, labels);
    if (status) return status;
    status = kdst__tensor_to_contiguous("metrics_add", logits, &z);
    if (!status) status = kdst__tensor_to_contiguous("metrics_add", labels, &y);
    if (!status) status = check_values(m, z, kdst__tensor_data(y));
    for (int64_t b = 0; !status && b < z->shape[0]; b++) add_row(m, z, b, ((const int32_t *)kdst__tensor_data(y))[b]);
    kdst__handle_release(y);
    kdst__handle_release(z);
    return status;
}

kdst_status kdst_metrics_add(kdst_metrics *metrics, kdst_tensor *logits, kdst_tensor *labels)
{
    kdst_tensor *scores = NULL;
    if (!metrics) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(metrics->base.ctx);
    kdst_status status = kdst__metrics_scores(logits, &scores);
    if (!status) status = add_batch(metrics, scores, labels);
    kdst__handle_release(scores);
    return status;
}

/* Makes room for a model with more outputs than the data has classes; no sample has been added yet. */
static kdst_status widen(kdst_metrics *m, const char *function, int64_t classes)
{
    kdst__memory *memory = kdst__context_memory(m->base.ctx);
    if (classes > MOST_CLASSES)
        return kdst__fail(m->base.ctx, KDST_STATUS_SHAPE, "%s: the model has %lld outputs, allowed are %d classes", function,
                          (long long)classes, MOST_CLASSES);
    size_t pairs = pair_bytes(m, classes);
    int64_t *confusion = pairs ? kdst__alloc_zero(memory, pairs) : NULL;
    kdst__class_counts *of_class = kdst__alloc_zero(memory, (size_t)classes * sizeof *of_class);
    if ((pairs && !confusion) || !of_class) {
        kdst__free(memory, of_class, (size_t)classes * sizeof *of_class);
        kdst__free(memory, confusion, pairs);
        return kdst__fail_memory(m->base.ctx, function);
    }
    kdst__free(memory, m->confusion, pair_bytes(m, m->classes));
    kdst__free(memory, m->of_class, (size_t)m->classes * sizeof *m->of_class);
    m->confusion = confusion;
    m->of_class = of_class;
    m->classes = classes;
    return KDST_STATUS_OK;
}

static kdst_status add_epoch(const char *function, kdst_metrics *m, kdst_layer *model, kdst_loader *loader, bool widens)
{
    kdst_status status = kdst_loader_set_epoch(loader, kdst_loader_get_epoch(loader));
    while (!status && !(status = kdst__check_cancelled(m->base.ctx, function))) {
        kdst_tensor *x = NULL, *y = NULL, *output = NULL, *logits = NULL;
        status = kdst_loader_next(loader, &x, &y);
        bool end = !x;
        if (!status && !end) status = kdst_layer_run(model, x, &output);
        if (!status && !end) status = kdst__metrics_scores(output, &logits);
        if (!status && !end && widens && !m->count && logits->rank == 2 && logits->shape[1] > m->classes)
            status = widen(m, function, logits->shape[1]);
        if (!status && !end) status = add_batch(m, logits, y);
        kdst__handle_release(logits);
        kdst__handle_release(output);
        kdst__handle_release(y);
        kdst__handle_release(x);
        if (end) break;
    }
    return status;
}

kdst_status kdst__metrics_add_loader(
    const char *function, kdst_metrics *m, kdst_layer *model, kdst_loader *loader, bool widens)
{
    kdst_context *ctx = m->base.ctx;
    if (!kdst__eval_push(ctx)) return kdst__fail_memory(ctx, function);
    kdst_status status = add_epoch(function, m, model, loader, widens);
    kdst__eval_pop(ctx);
    if (!status) status = kdst_loader_set_epoch(loader, kdst_loader_get_epoch(loader));
    return status;
}

kdst_status kdst_metrics_add_loader(kdst_metrics *m, kdst_layer *model, kdst_loader *loader)
{
    if (!m) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = m->base.ctx;
    kdst__enter(ctx);
    if (!model || !loader)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_add_loader: %s is NULL", model ? "loader" : "model");
    if (((kdst__handle *)model)->ctx != ctx || ((kdst__handle *)loader)->ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_add_loader: %s belongs to another context",
                          ((kdst__handle *)model)->ctx != ctx ? "model" : "loader");
    return kdst__metrics_add_loader("metrics_add_loader", m, model, loader, false);
}

int64_t kdst__metrics_count_hits(kdst_tensor *logits, kdst_tensor *labels)
{
    int64_t hits = 0, classes = logits->shape[1];
    const int32_t *y = kdst__tensor_data(labels);
    for (int64_t b = 0; b < logits->shape[0]; b++) {
        int64_t best = 0;
        for (int64_t k = 1; k < classes; k++)
            if (logit(logits, b * classes + k) > logit(logits, b * classes + best)) best = k;
        hits += best == y[b];
    }
    return hits;
}
