/* SPDX-License-Identifier: Apache-2.0 */
/* Hints: the squared distance of a student's (regressed) features from a teacher's (Romero et al., FitNets, ICLR 2015).
 *
 * L = w sum (r - h)^2, dL/dr = 2 w (r - h), over elements of r = regressor(v) and h [N, ...]:
 * w = 1 / count ("mean", the usual code), 1 / (2 N) ("half_sum_batchmean", the paper), 1 ("sum").
 */
#include "distillation/features.h"

#include <kdst/transfer.h>

enum { MEAN, HALF_SUM_BATCHMEAN, SUM };

static const kdst__option options[] = {
    KDST__CHOICE(
        kdst__feature_settings, reduction, "mean", "mean|half_sum_batchmean|sum",
        "over all elements; half of the sum over a sample, averaged over the batch (paper); sum"),
};
const kdst__schema kdst__schema_loss_hint = {"loss.hint", options, KDST__COUNT(options), NULL, 0};

static kdst_status check(
    const char *name, const kdst__feature_settings *settings, const kdst_tensor *student, const kdst_tensor *teacher)
{
    (void)settings;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (kdst__tensor_same_shape(student, teacher)) return KDST_STATUS_OK;
    return kdst__fail(
        student->base.ctx, KDST_STATUS_SHAPE, "%s: the student's features are %s, the teacher's %s", name,
        kdst__shape_text(student->rank, student->shape, a), kdst__shape_text(teacher->rank, teacher->shape, b));
}

static kdst_status pass(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *s, const kdst__features *t,
    const int32_t *labels, double *value, double *grad)
{
    (void)labels;
    int64_t n = s->shape[0], count = n * kdst__features_row(s);
    double w = settings->reduction == MEAN ? 1 / (double)count : settings->reduction == SUM ? 1 : 0.5 / (double)n;
    size_t bytes = (size_t)count * sizeof(double);
    double *difference = grad != NULL ? grad : kdst__alloc(kdst__compute_memory(cp), bytes);
    if (difference == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__binary(cp, KDST_DTYPE_FLOAT64, KDST__SUB, count, s->x, t->x, 0, difference);
    kdst_status status = kdst__dot(cp, KDST_DTYPE_FLOAT64, count, difference, difference, value);
    *value *= w;
    if (grad != NULL)
        kdst__scale(cp, KDST_DTYPE_FLOAT64, count, 2 * w, grad);
    else
        kdst__free(kdst__compute_memory(cp), difference, bytes);
    return status;
}

static const kdst__feature_loss hint = {.name = "hint", .check = check, .pass = pass};

kdst_status kdst_loss_hint_create(kdst_context *ctx, const kdst_options *given, kdst_loss **out)
{
    return kdst__feature_loss_create(ctx, &hint, &kdst__schema_loss_hint, given, out);
}
