/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual teacher p^d_T of Tf-KD reg as a tensor (Yuan et al. 2020, eq. 8), for losses of one's own. */
#include "nn/loss.h"

#include <kdst/distillation.h>

enum { PROB, LOGPROB, RAW };

typedef struct settings {
    double correct_prob, temperature;
    int32_t virtual_logits, dtype;
} settings;

static const kdst__option options_table[] = {
    KDST__FLOAT_ABOVE(settings, correct_prob, 0.99, 0, 1, "probability of the label before softening"),
    KDST__FLOAT_OPEN(settings, temperature, 20, 0, 1e100, "temperature"),
    KDST__CHOICE(
        settings, virtual_logits, "prob", "prob|logprob|raw", "what the temperature divides; raw: nothing is softened"),
    KDST__CHOICE(settings, dtype, "float32", "float32|float64", "type of the result"),
};
const kdst__schema kdst__schema_virtual_teacher = {
    "virtual_teacher", options_table, KDST__COUNT(options_table), NULL, 0};

/* Values on the label and on each other class. */
static void soften(const settings *s, int64_t classes, double *label, double *other)
{
    kdst__virtual_logits(s->correct_prob, s->virtual_logits == LOGPROB, classes, label, other);
    if (s->virtual_logits == RAW) return;
    kdst__distill_virtual((*label - *other) / s->temperature, classes, label, other);
}

static kdst_status check(kdst_context *ctx, const kdst_tensor *labels, int64_t classes)
{
    char text[KDST__SHAPE_TEXT];
    if (!labels || labels->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "virtual_teacher: labels %s",
            labels ? "belong to another context" : "are NULL");
    kdst_status elements = kdst__tensor_need_data("virtual_teacher", labels);
    if (elements) return elements;
    if (labels->dtype != KDST_DTYPE_INT32)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "virtual_teacher: labels are %s, expected int32",
            kdst_dtype_get_name(labels->dtype));
    if (labels->rank != 1)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "virtual_teacher: labels are %s, expected [B]",
            kdst__shape_text(labels->rank, labels->shape, text));
    if (classes < 2)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "virtual_teacher: classes is %lld, at least 2 are needed",
            (long long)classes);
    return KDST_STATUS_OK;
}

static kdst_status check_labels(kdst_context *ctx, const int32_t *y, int64_t count, int64_t classes)
{
    for (int64_t b = 0; b < count; b++)
        if (y[b] < 0 || y[b] >= classes)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "virtual_teacher: label %d at row %lld, allowed is 0 to %lld", y[b],
                (long long)b, (long long)classes - 1);
    return KDST_STATUS_OK;
}

kdst_status kdst_virtual_teacher_create(
    kdst_context *ctx, kdst_tensor *labels, int64_t classes, const kdst_options *options, kdst_tensor **out)
{
    settings s;
    kdst_tensor *y = NULL, *p = NULL;
    double label, other;
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "virtual_teacher: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "virtual_teacher", &kdst__schema_virtual_teacher, options, &s);
    if (!status) status = kdst__virtual_check(ctx, "virtual_teacher", s.correct_prob, s.virtual_logits == LOGPROB);
    if (!status) status = check(ctx, labels, classes);
    if (!status) status = kdst__tensor_to_contiguous("virtual_teacher", labels, &y);
    if (!status) status = check_labels(ctx, kdst__tensor_data(y), y->shape[0], classes);
    if (!status) {
        const int64_t shape[] = {y->shape[0], classes};
        status = kdst__tensor_new(
            ctx, "virtual_teacher", s.dtype ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32, 2, shape, false, &p);
    }
    if (!status) {
        const int32_t *at = kdst__tensor_data(y);
        soften(&s, classes, &label, &other);
        for (int64_t i = 0; i < y->shape[0] * classes; i++) {
            double value = i % classes == at[i / classes] ? label : other;
            if (s.dtype)
                ((double *)kdst__tensor_data(p))[i] = value;
            else
                ((float *)kdst__tensor_data(p))[i] = (float)value;
        }
        *out = p;
    }
    kdst__handle_release(y);
    return status;
}
