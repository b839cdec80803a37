/* SPDX-License-Identifier: Apache-2.0 */
/* The loss handle: checks its inputs, turns its settings into the weights of the fused pass, runs it on or off the
 * tape.
 *
 * On the tape forward computes value and gradient together; backward scales the gradient that was kept.
 */
#include "nn/loss.h"

#include <math.h>

static void loss_destroy(void *object)
{
    kdst_loss *loss = object;
    kdst__free(
        kdst__context_memory(loss->base.ctx), loss->classes.weight, (size_t)loss->classes.count * sizeof(double));
}

static const kdst__class loss_class = {"loss", loss_destroy};

kdst_status kdst__loss_new(kdst_context *ctx, const kdst__loss_config *config, kdst_loss **out)
{
    kdst_loss *loss = kdst__handle_create(ctx, &loss_class, sizeof *loss);
    if (!loss) return kdst__fail_memory(ctx, config->name);
    loss->config = *config;
    *out = loss;
    return KDST_STATUS_OK;
}

void kdst_loss_retain(kdst_loss *loss)
{
    kdst__handle_retain(loss);
}
void kdst_loss_release(kdst_loss *loss)
{
    kdst__handle_release(loss);
}
const char *kdst_loss_get_name(const kdst_loss *loss)
{
    return loss ? loss->config.name : "";
}
int32_t kdst_loss_needs_teacher(const kdst_loss *loss)
{
    const kdst__feature_loss *feature = loss ? loss->config.feature : NULL;
    return loss && (loss->config.soft == KDST__SOFT_TEACHER || (feature && !feature->alone));
}

/* ---- settings of a batch ---- */

kdst_status kdst__virtual_check(kdst_context *ctx, const char *name, double correct_prob, int32_t logprob)
{
    if (!logprob || correct_prob < 1) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT,
        "%s: correct_prob is %g, with virtual_logits \"logprob\" it must be below 1: the other classes' 0 has no "
        "logarithm",
        name, correct_prob);
}

void kdst__virtual_logits(double correct_prob, int32_t logprob, int64_t classes, double *label, double *other)
{
    *label = correct_prob;
    *other = (1 - correct_prob) / (double)(classes - 1);
    if (logprob) *label = log(*label), *other = log(*other);
}

static kdst__distill_params params_of(const kdst__loss_config *c, int64_t batch, int64_t classes)
{
    double b = (double)batch, k = (double)classes;
    kdst__distill_params p = {
        .w_hard = (c->soft ? 1 - c->alpha : 1) / b,
        .label_share = 1,
        .soft = c->alpha > 0 ? c->soft : KDST__SOFT_NONE,
        .w_soft = c->alpha * c->factor / (c->element_mean ? b * k : b),
        .student_temperature = c->student_temperature,
        .teacher_temperature = c->temperature,
    };
    if (c->epsilon > 0) {
        p.other_share = c->epsilon / (c->others ? k - 1 : k);
        p.label_share = c->others ? 1 - c->epsilon : 1 - c->epsilon * (k - 1) / k;
    }
    if (c->soft == KDST__SOFT_VIRTUAL)
        kdst__virtual_logits(c->correct_prob, c->logprob, classes, &p.virtual_label, &p.virtual_other);
    return p;
}

/* ---- checks ---- */

static kdst_status check_labels(const kdst_loss *loss, const kdst_tensor *s, const int32_t *labels)
{
    const kdst__loss_classes *c = &loss->classes;
    for (int64_t b = 0; b < s->shape[0]; b++)
        if ((labels[b] < 0 || labels[b] >= s->shape[1]) && !(c->enabled && labels[b] == c->ignore_index))
            return kdst__fail(
                loss->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: label %d at row %lld, allowed is 0 to %lld",
                loss->config.name, labels[b], (long long)b, (long long)s->shape[1] - 1);
    return KDST_STATUS_OK;
}

/* Logits are finite, and so is any difference of two of them, also divided by the temperature. */
static kdst_status
check_logits(kdst_context *ctx, const char *name, const char *whose, double temperature, const kdst_tensor *x)
{
    int64_t row, column;
    double limit = 1e300 * fmin(temperature, 1);
    if (!kdst__distill_find_bad(
            kdst__tensor_compute(x), x->dtype, x->shape[0], x->shape[1], limit, kdst__tensor_data(x), &row, &column))
        return KDST_STATUS_OK;
    int64_t i = row * x->shape[1] + column;
    double value = x->dtype == KDST_DTYPE_FLOAT32 ? (double)((const float *)kdst__tensor_data(x))[i]
                                                  : ((const double *)kdst__tensor_data(x))[i];
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the %s's logit at row %lld, class %lld is %g, allowed is -%g to %g",
        name, whose, (long long)row, (long long)column, value, limit, limit);
}

static kdst_status
check_values(const kdst_loss *loss, const kdst_tensor *s, const kdst_tensor *t, const int32_t *labels)
{
    kdst_context *ctx = loss->base.ctx;
    const kdst__loss_config *c = &loss->config;
    kdst_status status = check_labels(loss, s, labels);
    if (!status) status = check_logits(ctx, c->name, "student", c->student_temperature, s);
    if (!status && t) status = check_logits(ctx, c->name, "teacher", c->temperature, t);
    return status;
}

static kdst_status check_shapes(
    kdst_context *ctx, const kdst__loss_config *c, const kdst_tensor *s, const kdst_tensor *t, const kdst_tensor *y)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (s->rank != 2 || s->shape[0] < 1 || s->shape[1] < 1)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: student logits are %s, expected [B, K] with B and K at least 1", c->name,
            kdst__shape_text(s->rank, s->shape, a));
    if (y->rank != 1 || y->shape[0] != s->shape[0])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: labels are %s, student logits %s", c->name,
            kdst__shape_text(y->rank, y->shape, a), kdst__shape_text(s->rank, s->shape, b));
    if (t && !kdst__tensor_same_shape(s, t))
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: teacher logits are %s, student logits %s", c->name,
            kdst__shape_text(t->rank, t->shape, a), kdst__shape_text(s->rank, s->shape, b));
    if (s->shape[1] == 1 && (c->soft == KDST__SOFT_VIRTUAL || (c->epsilon > 0 && c->others)))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: there is 1 class, at least 2 are needed", c->name);
    return KDST_STATUS_OK;
}

static bool reads_labels(const kdst_loss *loss)
{
    return !loss->config.feature || loss->config.feature->labels;
}

static kdst_status check_handles(kdst_loss *loss, kdst_tensor *student, kdst_tensor **teacher, kdst_tensor *labels)
{
    kdst_context *ctx = loss->base.ctx;
    const char *name = loss->config.name;
    if (!kdst_loss_needs_teacher(loss))
        *teacher = NULL;
    else if (!*teacher)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: teacher logits are NULL", name);
    if (!student || (!labels && reads_labels(loss)))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s NULL", name, student ? "labels are" : "student logits are");
    if (student->base.ctx != ctx || (labels && labels->base.ctx != ctx) || (*teacher && (*teacher)->base.ctx != ctx))
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: a tensor belongs to another context", name);
    if (loss->config.feature) return kdst__feature_check(loss->config.feature, &loss->config.settings, student, *teacher, labels);
    if (!kdst__dtype_is_float(student->dtype) || (*teacher && (*teacher)->dtype != student->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE,
            "%s: student logits are %s, teacher logits %s; float32 or float64 is expected, both alike", name,
            kdst_dtype_get_name(student->dtype), *teacher ? kdst_dtype_get_name((*teacher)->dtype) : "none");
    if (labels->dtype != KDST_DTYPE_INT32)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: labels are %s, expected int32", name, kdst_dtype_get_name(labels->dtype));
    kdst_status status = check_shapes(ctx, &loss->config, student, *teacher, labels);
    return status ? status : kdst__loss_classes_check(loss, student);
}

/* ---- on the tape ---- */

typedef struct attrs {
    kdst_loss *loss;
} attrs;

static void attrs_retain(void *a)
{
    kdst__handle_retain(((attrs *)a)->loss);
}
static void attrs_release(void *a)
{
    kdst__handle_release(((attrs *)a)->loss);
}

/* The logits' pass: value, and the gradient when one is wanted. Everything is contiguous and checked. */
static kdst_status run_pass(
    const kdst_loss *loss, const kdst_tensor *s, const kdst_tensor *t, const kdst_tensor *y, double *value,
    kdst_tensor *grad)
{
    if (kdst__loss_classes_apply(loss, y)) return kdst__loss_classes_run(loss, s, y, value, grad);
    const kdst__distill_params params = params_of(&loss->config, s->shape[0], s->shape[1]);
    kdst_status status = kdst__distill(
        kdst__tensor_compute(s), s->dtype, s->shape[0], s->shape[1], &params, kdst__tensor_data(s),
        t ? kdst__tensor_data(t) : NULL, kdst__tensor_data(y), value, grad ? kdst__tensor_data(grad) : NULL);
    return status ? kdst__fail_memory(loss->base.ctx, loss->config.name) : KDST_STATUS_OK;
}

static kdst_status shape(kdst__call *call)
{
    call->rank = 0;
    return KDST_STATUS_OK;
}

static void store_value(kdst__call *call, double value)
{
    if (call->out->dtype == KDST_DTYPE_FLOAT32)
        *(float *)kdst__tensor_data(call->out) = (float)value;
    else
        *(double *)kdst__tensor_data(call->out) = value;
}

static kdst_status feature_forward(kdst__call *call)
{
    const kdst__loss_config *c = &((attrs *)call->attrs)->loss->config;
    double value = 0;
    kdst_status status = KDST_STATUS_OK;
    if (call->recording) status = kdst__tensor_new_like(c->name, call->inputs[0], false, &call->saved[0]);
    if (!status)
        status = kdst__feature_run(
            c->feature, &c->settings, call->inputs[0], call->inputs[2], call->inputs[1], &value, call->saved[0]);
    if (!status) store_value(call, value);
    return status;
}

/* The value, and the gradient kept for backward. */
static kdst_status forward(kdst__call *call)
{
    const kdst_loss *loss = ((attrs *)call->attrs)->loss;
    const kdst_tensor *s = call->inputs[0], *y = call->inputs[1], *t = call->inputs[2];
    double value;
    kdst_status status = check_values(loss, s, t, kdst__tensor_data(y));
    if (!status && call->recording) status = kdst__tensor_new_like(loss->config.name, s, false, &call->saved[0]);
    if (!status) status = run_pass(loss, s, t, y, &value, call->saved[0]);
    if (!status) store_value(call, value);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    double dy;
    const kdst_tensor *d = call->d_out;
    kdst_tensor *ds = call->d_inputs[0];
    if (!ds) return KDST_STATUS_OK;
    dy = d->dtype == KDST_DTYPE_FLOAT32 ? (double)*(const float *)kdst__tensor_data(d)
                                        : *(const double *)kdst__tensor_data(d);
    kdst__add_into(
        kdst__tensor_compute(ds), ds->dtype, kdst__tensor_count(ds), dy, kdst__tensor_data(call->saved[0]),
        kdst__tensor_data(ds));
    return KDST_STATUS_OK;
}

/* Not an operation of the list: its domain is tested through the losses (tests/distillation). */
static const kdst__op loss_op = {
    .name = "loss",
    .min_inputs = 2,
    .max_inputs = 3,
    .int_inputs = 1u << 1,
    .attr_bytes = sizeof(attrs),
    .retain_attrs = attrs_retain,
    .release_attrs = attrs_release,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-3, 3),
};

static const kdst__op feature_op = {
    .name = "feature_loss",
    .min_inputs = 1,
    .max_inputs = 3,
    .int_inputs = 1u << 1,
    .attr_bytes = sizeof(attrs),
    .retain_attrs = attrs_retain,
    .release_attrs = attrs_release,
    .shape = shape,
    .forward = feature_forward,
    .backward = backward,
    KDST__DOMAIN(-3, 3),
};

kdst_status
kdst_loss_run(kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!loss) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = loss->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", loss->config.name);
    kdst_status status = check_handles(loss, student, &teacher, labels);
    kdst_tensor *constant = NULL;
    if (!status && teacher) /* no gradient flows to the teacher */
        status = kdst__tensor_view(
            loss->config.name, teacher, teacher->rank, teacher->shape, teacher->stride, teacher->offset, &constant);
    const attrs a = {loss};
    kdst_tensor *inputs[] = {student, reads_labels(loss) ? labels : NULL, constant};
    if (!status) status = kdst__op_run(loss->config.feature ? &feature_op : &loss_op, inputs, 3, &a, out);
    kdst__handle_release(constant);
    return status;
}

/* ---- off the tape ---- */

static kdst_status check_grad(kdst_loss *loss, const kdst_tensor *student, const kdst_tensor *grad)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (!grad) return KDST_STATUS_OK;
    if (grad->base.ctx != loss->base.ctx)
        return kdst__fail(
            loss->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: grad belongs to another context", loss->config.name);
    if (grad->dtype != student->dtype)
        return kdst__fail(
            loss->base.ctx, KDST_STATUS_DTYPE, "%s: grad is %s, student logits are %s", loss->config.name,
            kdst_dtype_get_name(grad->dtype), kdst_dtype_get_name(student->dtype));
    if (!kdst__tensor_same_shape(grad, student))
        return kdst__fail(
            loss->base.ctx, KDST_STATUS_SHAPE, "%s: grad is %s, student logits are %s", loss->config.name,
            kdst__shape_text(grad->rank, grad->shape, a), kdst__shape_text(student->rank, student->shape, b));
    return KDST_STATUS_OK;
}

kdst_status kdst_loss_compute(
    kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels, double *out_value,
    kdst_tensor *out_grad)
{
    kdst_tensor *s = NULL, *t = NULL, *y = NULL, *g = NULL;
    double value;
    if (!loss) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = loss->base.ctx;
    const char *name = loss->config.name;
    kdst__enter(ctx);
    kdst_status status = check_handles(loss, student, &teacher, labels);
    if (!status) status = check_grad(loss, student, out_grad);
    if (!status) status = kdst__tensor_to_contiguous(name, student, &s);
    if (!status && teacher) status = kdst__tensor_to_contiguous(name, teacher, &t);
    if (!status && reads_labels(loss)) status = kdst__tensor_to_contiguous(name, labels, &y);
    if (!status && !loss->config.feature) status = check_values(loss, s, t, kdst__tensor_data(y));
    if (!status && out_grad && kdst__tensor_contiguous(out_grad))
        kdst__handle_retain(g = out_grad);
    else if (!status && out_grad)
        status = kdst__tensor_new_like(name, out_grad, false, &g);
    if (!status && loss->config.feature)
        status = kdst__feature_run(loss->config.feature, &loss->config.settings, s, t, y, &value, g);
    else if (!status)
        status = run_pass(loss, s, t, y, &value, g);
    if (!status && out_grad && g != out_grad) status = kdst__tensor_assign(name, out_grad, g);
    if (!status && out_grad) kdst__tensor_touch(out_grad);
    if (!status && out_value) *out_value = value;
    kdst__handle_release(g);
    kdst__handle_release(y);
    kdst__handle_release(t);
    kdst__handle_release(s);
    return status;
}
