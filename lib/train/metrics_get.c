/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of metrics.
 *
 *     precision = hits / predictions of a class,  recall = hits / labels of a class,  f1 = 2 hits / (predictions + labels)
 *
 * A fraction of nothing is 0. The macro figures are means over the classes that occur among labels or predictions, the
 * weighted ones over the labels, and the balanced accuracy is the mean recall of the classes that occur among the labels.
 */
#include "train/metrics.h"

#include <math.h>
#include <string.h>

static double ece(const kdst_metrics *m)
{
    double sum = 0;
    for (int64_t b = 0; b < m->bins; b++)
        sum += fabs((double)m->bin_hits[b] - m->confidence[b]);
    return sum / (double)m->count;
}

/* ---- by class ---- */

typedef struct scores {
    double precision, recall, f1;
} scores;

static double fraction(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static scores scores_of(const kdst__class_counts *c)
{
    return (scores){
        fraction(c->hits, c->predictions), fraction(c->hits, c->labels),
        fraction(2 * c->hits, c->labels + c->predictions)};
}

static scores macro(const kdst_metrics *m)
{
    scores sum = {0, 0, 0};
    int64_t n = 0;
    for (int64_t k = 0; k < m->classes; k++) {
        const kdst__class_counts *c = &m->of_class[k];
        scores s = scores_of(c);
        if (!c->labels && !c->predictions) continue;
        n++;
        sum.precision += s.precision;
        sum.recall += s.recall;
        sum.f1 += s.f1;
    }
    double count = (double)n; /* 0: no sample, hence NaN */
    return (scores){sum.precision / count, sum.recall / count, sum.f1 / count};
}

static double weighted_f1(const kdst_metrics *m)
{
    double sum = 0;
    for (int64_t k = 0; k < m->classes; k++)
        sum += (double)m->of_class[k].labels * scores_of(&m->of_class[k]).f1;
    return sum / (double)m->count;
}

static double balanced_accuracy(const kdst_metrics *m)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t k = 0; k < m->classes; k++) {
        sum += scores_of(&m->of_class[k]).recall;
        n += m->of_class[k].labels > 0;
    }
    return sum / (double)n;
}

/* ---- public ---- */

kdst_status kdst_metrics_get(kdst_metrics *m, const char *key, double *out)
{
    if (out) *out = NAN;
    if (!m) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(m->base.ctx);
    if (!key || !out)
        return kdst__fail(m->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_get: %s is NULL", key ? "out" : "key");
    double n = (double)m->count; /* 0 samples: 0/0, which is the NaN that is promised */
    scores mean = macro(m);
    const struct {
        const char *key;
        double value;
    } figures[] = {
        {"count", n},
        {"accuracy", (double)m->hits / n},
        {"top5", (double)m->top5_hits / n},
        {"top", (double)m->top_hits / n},
        {"nll", m->nll / n},
        {"brier", m->brier / n},
        {"ece", ece(m)},
        {"macro_precision", mean.precision},
        {"macro_recall", mean.recall},
        {"macro_f1", mean.f1},
        {"weighted_f1", weighted_f1(m)},
        {"balanced_accuracy", balanced_accuracy(m)},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        if (strcmp(key, figures[i].key)) continue;
        *out = figures[i].value;
        return KDST_STATUS_OK;
    }
    return kdst__fail(
        m->base.ctx, KDST_STATUS_NOT_FOUND,
        "metrics_get: no figure \"%.64s\"; there are count, accuracy, top5, top, nll, ece, brier, macro_precision, "
        "macro_recall, macro_f1, weighted_f1, balanced_accuracy",
        key);
}

kdst_status kdst_metrics_get_classes(kdst_metrics *m, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!m) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(m->base.ctx);
    if (!out) return kdst__fail(m->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_get_classes: out is NULL");
    const int64_t shape[] = {m->classes, 4};
    kdst_status status = kdst__tensor_new(m->base.ctx, "metrics_get_classes", KDST_DTYPE_FLOAT64, 2, shape, false, out);
    if (status) return status;
    double *row = kdst__tensor_data(*out);
    for (int64_t k = 0; k < m->classes; k++, row += 4) {
        scores s = scores_of(&m->of_class[k]);
        row[0] = s.precision;
        row[1] = s.recall;
        row[2] = s.f1;
        row[3] = (double)m->of_class[k].labels;
    }
    return KDST_STATUS_OK;
}

kdst_status kdst_metrics_get_confusion(kdst_metrics *m, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!m) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(m->base.ctx);
    if (!out) return kdst__fail(m->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_get_confusion: out is NULL");
    if (!m->confusion)
        return kdst__fail(
            m->base.ctx, KDST_STATUS_STATE,
            "metrics_get_confusion: no matrix is kept of %lld classes; option confusion", (long long)m->classes);
    const int64_t shape[] = {m->classes, m->classes};
    kdst_status status = kdst__tensor_new(m->base.ctx, "metrics_get_confusion", KDST_DTYPE_INT32, 2, shape, false, out);
    if (status) return status;
    int32_t *data = kdst__tensor_data(*out);
    for (int64_t i = 0; i < m->classes * m->classes; i++)
        data[i] = m->confusion[i] > INT32_MAX ? INT32_MAX : (int32_t)m->confusion[i];
    return KDST_STATUS_OK;
}

kdst_status kdst_metrics_get_reliability(kdst_metrics *m, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!m) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(m->base.ctx);
    if (!out) return kdst__fail(m->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "metrics_get_reliability: out is NULL");
    const int64_t shape[] = {m->bins, 3};
    kdst_status status =
        kdst__tensor_new(m->base.ctx, "metrics_get_reliability", KDST_DTYPE_FLOAT64, 2, shape, true, out);
    if (status) return status;
    double *data = kdst__tensor_data(*out);
    for (int64_t b = 0; b < m->bins; b++, data += 3) {
        if (!m->bin_count[b]) continue;
        data[0] = (double)m->bin_count[b];
        data[1] = m->confidence[b] / data[0];
        data[2] = (double)m->bin_hits[b] / data[0];
    }
    return KDST_STATUS_OK;
}
