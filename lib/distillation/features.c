/* SPDX-License-Identifier: Apache-2.0 */
/* Common part of the losses between features (see features.h). */
#include "distillation/features.h"

kdst_status kdst__features_same_samples(
    const char *name, const kdst__feature_settings *settings, const kdst_tensor *student, const kdst_tensor *teacher)
{
    (void)settings;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (teacher->rank >= 2 && teacher->shape[0] == student->shape[0] && kdst__tensor_count(teacher) > 0)
        return KDST_STATUS_OK;
    return kdst__fail(
        student->base.ctx, KDST_STATUS_SHAPE,
        "%s: the student's features are %s, the teacher's %s: expected as many samples", name,
        kdst__shape_text(student->rank, student->shape, a), kdst__shape_text(teacher->rank, teacher->shape, b));
}

/* Euclidean length; high powers of large features have squares that overflow: then once more, scaled. */
static double length_of(int64_t n, const double *v)
{
    double sum = 0, most = 0, scaled = 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i] * v[i];
    if (!isinf(sum)) return sqrt(sum);
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(v[i]));
    for (int64_t i = 0; i < n; i++)
        scaled += v[i] / most * (v[i] / most);
    return most * sqrt(scaled);
}

double kdst__unit(int64_t n, const double *v, double *u)
{
    double length = length_of(n, v), by = length < KDST__NULL_LENGTH ? 0 : 1 / length;
    for (int64_t i = 0; i < n; i++)
        u[i] = v[i] * by;
    return length;
}

void kdst__unit_backward(int64_t n, const double *u, double length, const double *du, double *dv)
{
    double along = 0, by = length < KDST__NULL_LENGTH ? 0 : 1 / length;
    for (int64_t i = 0; i < n; i++)
        along += u[i] * du[i];
    for (int64_t i = 0; i < n; i++)
        dv[i] = (du[i] - u[i] * along) * by;
}

/* ---- functions that show something of features ---- */

kdst_status kdst__shown_begin(const char *function, kdst_tensor *x, int32_t rank, kdst_tensor **out, kdst__shown *shown)
{
    char text[KDST__SHAPE_TEXT];
    *shown = (kdst__shown){0};
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    if (!kdst__dtype_is_float(x->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: x is %s, expected float32 or float64", function,
            kdst_dtype_get_name(x->dtype));
    if ((rank > 0 ? x->rank != rank : x->rank < 2) || kdst__tensor_count(x) == 0)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: x is %s, expected %s with at least one element", function,
            kdst__shape_text(x->rank, x->shape, text), rank == 4 ? "[N, C, H, W]" : "[N, …]");
    shown->x_bytes = (size_t)kdst__tensor_count(x) * sizeof(double);
    shown->x = kdst__alloc(kdst__tensor_memory(x), shown->x_bytes);
    if (shown->x == NULL) return kdst__fail_memory(ctx, function);
    int64_t stride[KDST__MAX_RANK];
    kdst__row_major(x->rank, x->shape, stride);
    kdst__layout_copy(x->rank, x->shape, (kdst__layout){KDST_DTYPE_FLOAT64, shown->x, stride}, kdst__tensor_layout(x));
    kdst__handle_retain(shown->plain = x);
    return KDST_STATUS_OK;
}

kdst_status kdst__shown_make(const char *function, int32_t rank, const int64_t *shape, kdst__shown *shown)
{
    kdst_tensor *x = shown->plain;
    kdst_status status = kdst__tensor_new(x->base.ctx, function, x->dtype, rank, shape, false, &shown->out);
    if (status != KDST_STATUS_OK) return status;
    shown->y_bytes = (size_t)kdst__tensor_count(shown->out) * sizeof(double);
    shown->y = kdst__alloc(kdst__tensor_memory(x), shown->y_bytes);
    return shown->y != NULL ? KDST_STATUS_OK : kdst__fail_memory(x->base.ctx, function);
}

void kdst__shown_end(kdst__shown *shown, kdst_status status, kdst_tensor **out)
{
    if (shown->plain == NULL) return;
    kdst__memory *memory = kdst__tensor_memory(shown->plain);
    if (status == KDST_STATUS_OK) {
        kdst_tensor *t = shown->out;
        int64_t stride[KDST__MAX_RANK];
        kdst__row_major(t->rank, t->shape, stride);
        kdst__layout_copy(
            t->rank, t->shape, kdst__tensor_layout(t), (kdst__layout){KDST_DTYPE_FLOAT64, shown->y, stride});
        *out = t;
        shown->out = NULL;
    }
    kdst__free(memory, shown->y, shown->y_bytes);
    kdst__free(memory, shown->x, shown->x_bytes);
    kdst__handle_release(shown->out);
    kdst__handle_release(shown->plain);
}
