/* SPDX-License-Identifier: Apache-2.0 */
/* What all losses between features share: checks, conversion to double and back (see feature_loss.h). */
#include "nn/loss.h"

#include <inttypes.h>

int64_t kdst__features_row(const kdst__features *f)
{
    int64_t count = 1;
    for (int32_t i = 1; i < f->rank; i++)
        count *= f->shape[i];
    return count;
}

/* ---- checks ---- */

static kdst_status check_finite(const char *name, const char *whose, const kdst_tensor *t)
{
    kdst_tensor *plain;
    kdst_status status = kdst__tensor_to_contiguous(name, (kdst_tensor *)t, &plain);
    if (status != KDST_STATUS_OK) return status;
    int finite =
        kdst__all_finite(kdst__tensor_compute(t), t->dtype, kdst__tensor_count(plain), kdst__tensor_data(plain));
    kdst__handle_release(plain);
    if (finite) return KDST_STATUS_OK;
    return kdst__fail(
        t->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the %s's features hold a value that is not finite", name,
        whose);
}

static kdst_status check_labels(const char *name, int32_t axis, const kdst_tensor *student, const kdst_tensor *labels)
{
    kdst_context *ctx = student->base.ctx;
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_tensor *plain;
    if (labels->dtype != KDST_DTYPE_INT32)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: labels are %s, expected int32", name, kdst_dtype_get_name(labels->dtype));
    if (labels->rank != 1 || labels->shape[0] != student->shape[axis])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: labels are %s, the student's features %s", name,
            kdst__shape_text(labels->rank, labels->shape, a), kdst__shape_text(student->rank, student->shape, b));
    kdst_status status = kdst__tensor_to_contiguous(name, (kdst_tensor *)labels, &plain);
    if (status != KDST_STATUS_OK) return status;
    const int32_t *y = kdst__tensor_data(plain);
    int64_t classes = student->shape[student->rank - 1];
    for (int64_t i = 0; i < labels->shape[0] && status == KDST_STATUS_OK; i++)
        if (y[i] < 0 || y[i] >= classes)
            status = kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: label %" PRId32 " at row %" PRId64 ", allowed is 0 to %" PRId64,
                name, y[i], i, classes - 1);
    kdst__handle_release(plain);
    return status;
}

kdst_status kdst__feature_check(
    const kdst__feature_loss *loss, const kdst__feature_settings *settings, const kdst_tensor *student,
    const kdst_tensor *teacher, const kdst_tensor *labels)
{
    kdst_context *ctx = student->base.ctx;
    char text[KDST__SHAPE_TEXT];
    if (!kdst__dtype_is_float(student->dtype) || (teacher != NULL && teacher->dtype != student->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE,
            "%s: the student's features are %s, the teacher's %s; float32 or float64 is expected, both alike",
            loss->name, kdst_dtype_get_name(student->dtype),
            teacher != NULL ? kdst_dtype_get_name(teacher->dtype) : "none");
    if (student->rank < 2 || kdst__tensor_count(student) == 0)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: the student's features are %s, expected at least one sample [N, …]",
            loss->name, kdst__shape_text(student->rank, student->shape, text));
    kdst_status status = loss->check(loss->name, settings, student, teacher);
    if (status == KDST_STATUS_OK && loss->labels) status = check_labels(loss->name, loss->sample_axis, student, labels);
    if (status == KDST_STATUS_OK) status = check_finite(loss->name, "student", student);
    return status == KDST_STATUS_OK && teacher != NULL ? check_finite(loss->name, "teacher", teacher) : status;
}

/* ---- running ---- */

/* The elements as doubles: the tensor's own, or a copy of `bytes` (0: none was made) that the caller frees. */
static const double *doubles_of(const kdst_tensor *t, double **copy, size_t *bytes)
{
    int64_t count = kdst__tensor_count(t), stride[KDST__MAX_RANK];
    *copy = NULL;
    *bytes = 0;
    if (t->dtype == KDST_DTYPE_FLOAT64) return kdst__tensor_data(t);
    *bytes = (size_t)count * sizeof(double);
    *copy = kdst__alloc(kdst__tensor_memory(t), *bytes);
    if (*copy == NULL) return NULL;
    kdst__row_major(t->rank, t->shape, stride);
    kdst__layout_copy(t->rank, t->shape, (kdst__layout){KDST_DTYPE_FLOAT64, *copy, stride}, kdst__tensor_layout(t));
    return *copy;
}

static void store(const double *from, kdst_tensor *grad)
{
    float *to = kdst__tensor_data(grad);
    for (int64_t i = 0; i < kdst__tensor_count(grad); i++)
        to[i] = (float)from[i];
}

kdst_status kdst__feature_run(
    const kdst__feature_loss *loss, const kdst__feature_settings *settings, const kdst_tensor *student,
    const kdst_tensor *teacher, const kdst_tensor *labels, double *value, kdst_tensor *grad)
{
    kdst__memory *memory = kdst__tensor_memory(student);
    double *copies[2] = {NULL}, *wide = NULL;
    size_t bytes[2] = {0}, wide_bytes = (size_t)kdst__tensor_count(student) * sizeof *wide;
    bool narrow = grad != NULL && grad->dtype == KDST_DTYPE_FLOAT32;
    const kdst__features s = {doubles_of(student, &copies[0], &bytes[0]), student->rank, student->shape};
    kdst__features t = {0};
    if (teacher != NULL)
        t = (kdst__features){doubles_of(teacher, &copies[1], &bytes[1]), teacher->rank, teacher->shape};
    kdst_status status = KDST_STATUS_OUT_OF_MEMORY;
    if (narrow) wide = kdst__alloc(memory, wide_bytes);
    double *to = grad == NULL ? NULL : narrow ? wide : kdst__tensor_data(grad);
    if (s.x != NULL && (t.x != NULL || teacher == NULL) && (to != NULL || grad == NULL))
        status = loss->pass(
            kdst__tensor_compute(student), settings, &s, &t, labels == NULL ? NULL : kdst__tensor_data(labels), value,
            to);
    if (status == KDST_STATUS_OK && narrow) store(wide, grad);
    kdst__free(memory, wide, wide_bytes);
    for (int i = 0; i < 2; i++)
        kdst__free(memory, copies[i], bytes[i]);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(student->base.ctx, loss->name);
}

/* ---- creation ---- */

kdst_status kdst__feature_loss_create(
    kdst_context *ctx, const kdst__feature_loss *loss, const kdst__schema *schema, const kdst_options *options,
    kdst_loss **out)
{
    kdst__loss_config config = {.name = loss->name, .feature = loss};
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", loss->name);
    kdst_status status = kdst__options_parse(ctx, loss->name, schema, options, &config.settings);
    return status == KDST_STATUS_OK ? kdst__loss_new(ctx, &config, out) : status;
}
