/* SPDX-License-Identifier: Apache-2.0 */
/* Similarity-preserving distillation (Tung and Mori, ICCV 2019).
 *
 * F [b, D] features of a batch, G = F F^T, row i of G~ = unit(row i of G), L = |G~_t - G~_s|_F^2 / b^2.
 * d_i = 2 (G~_s,i - G~_t,i) / b^2; D_i = (d_i - G~_s,i <G~_s,i, d_i>) / |G_s,i|; dF = (D + D^T) F.
 * row_norm "l1" divides rows by their L1 norm (torchdistill): D_i = (d_i - sign(G_s,i) <G~_s,i, d_i>) / |G_s,i|_1. A sample of zeros
 * has a null row, which passes no gradient.
 */
#include "distillation/features.h"

#include <kdst/transfer.h>

enum { L2, L1 };

static const kdst__option options[] = {
    KDST__CHOICE(
        kdst__feature_settings, row_norm, "l2", "l2|l1", "norm that the rows of the similarities are divided by"),
};
const kdst__schema kdst__schema_loss_similarity = {"loss.similarity", options, KDST__COUNT(options), NULL, 0};

/* G [b, b] = F F^T with F [b, d]. */
static kdst_status gram(kdst__compute *cp, int64_t b, int64_t d, const double *f, double *g)
{
    return kdst__gemm(cp, KDST_DTYPE_FLOAT64, b, b, d, f, d, 1, f, 1, d, 0, g, b, 1);
}

/* u = v / |v| by the norm wanted; returns |v|. */
static double normalise(int32_t norm, int64_t n, const double *v, double *u)
{
    if (norm == L2) return kdst__unit(n, v, u);
    double length = 0;
    for (int64_t i = 0; i < n; i++)
        length += fabs(v[i]);
    double by = length < KDST__NULL_LENGTH ? 0 : 1 / length;
    for (int64_t i = 0; i < n; i++)
        u[i] = v[i] * by;
    return length;
}

static void normalise_backward(int32_t norm, int64_t n, const double *u, double length, double *d)
{
    if (norm == L2) {
        kdst__unit_backward(n, u, length, d, d);
        return;
    }
    double along = 0, by = length < KDST__NULL_LENGTH ? 0 : 1 / length;
    for (int64_t i = 0; i < n; i++)
        along += u[i] * d[i];
    for (int64_t i = 0; i < n; i++)
        d[i] = (d[i] - (u[i] > 0 ? along : u[i] < 0 ? -along : 0)) * by;
}

/* gs, gt [b, b]: similarities; gs becomes D + D^T. Returns the loss. */
static double compare(int32_t norm, int64_t b, double *gs, double *gt, double *d)
{
    double sum = 0, by = 1 / ((double)b * (double)b);
    for (int64_t i = 0; i < b; i++) {
        double *us = gs + i * b, *ut = gt + i * b, *row = d + i * b;
        double length = normalise(norm, b, us, us);
        normalise(norm, b, ut, ut);
        for (int64_t k = 0; k < b; k++) {
            row[k] = 2 * by * (us[k] - ut[k]);
            sum += (us[k] - ut[k]) * (us[k] - ut[k]);
        }
        normalise_backward(norm, b, us, length, row);
    }
    for (int64_t i = 0; i < b; i++)
        for (int64_t k = 0; k < b; k++)
            gs[i * b + k] = d[i * b + k] + d[k * b + i];
    return sum * by;
}

static kdst_status pass(
    kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *s, const kdst__features *t,
    const int32_t *labels, double *value, double *grad)
{
    (void)labels;
    int64_t b = s->shape[0], width = kdst__features_row(s);
    size_t bytes;
    if (kdst__mul_overflows((size_t)b * sizeof(double) * 3, (size_t)b, &bytes)) return KDST_STATUS_OUT_OF_MEMORY;
    double *gs = kdst__alloc(kdst__compute_memory(cp), bytes), *gt = gs + b * b, *d = gt + b * b;
    if (gs == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    kdst_status status = gram(cp, b, width, s->x, gs);
    if (status == KDST_STATUS_OK) status = gram(cp, b, kdst__features_row(t), t->x, gt);
    if (status == KDST_STATUS_OK) *value = compare(settings->row_norm, b, gs, gt, d);
    if (status == KDST_STATUS_OK && grad != NULL)
        status = kdst__gemm(cp, KDST_DTYPE_FLOAT64, b, width, b, gs, b, 1, s->x, width, 1, 0, grad, width, 1);
    kdst__free(kdst__compute_memory(cp), gs, bytes);
    return status;
}

static const kdst__feature_loss similarity = {.name = "similarity", .check = kdst__features_same_samples, .pass = pass};

kdst_status kdst_loss_similarity_create(kdst_context *ctx, const kdst_options *given, kdst_loss **out)
{
    return kdst__feature_loss_create(ctx, &similarity, &kdst__schema_loss_similarity, given, out);
}

kdst_status kdst_similarity_matrix(kdst_tensor *x, const kdst_options *given, kdst_tensor **out)
{
    kdst__shown shown;
    kdst__feature_settings settings;
    kdst_status status = kdst__shown_begin("similarity_matrix", x, 0, out, &shown);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(x->base.ctx, "similarity_matrix", &kdst__schema_loss_similarity, given, &settings);
    if (status == KDST_STATUS_OK) {
        const int64_t b = x->shape[0], shape[] = {b, b};
        status = kdst__shown_make("similarity_matrix", 2, shape, &shown);
        if (status == KDST_STATUS_OK &&
            gram(kdst__tensor_compute(x), b, kdst__tensor_count(x) / b, shown.x, shown.y) != KDST_STATUS_OK)
            status = kdst__fail_memory(x->base.ctx, "similarity_matrix");
    }
    for (int64_t i = 0; status == KDST_STATUS_OK && i < x->shape[0]; i++)
        normalise(settings.row_norm, x->shape[0], shown.y + i * x->shape[0], shown.y + i * x->shape[0]);
    kdst__shown_end(&shown, status, out);
    return status;
}
