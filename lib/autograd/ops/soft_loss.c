/* SPDX-License-Identifier: Apache-2.0 */
/* cross_entropy_soft: cross-entropy of logits and distributions.
 *
 * l_r = -sum_k w_k ((1 - e) t_k + e / K) log p_k for a row r with target t, p = softmax(logits), e the label smoothing,
 * w the classes' weights. mean: sum_r l_r over the number of rows, whatever the weights. logits, targets [N, K, ..] or [K].
 * Rows are computed in double (compute/soft_loss.h). The log-probabilities are kept for backward, which takes the softmax
 * from them; the gradient flows to logits and targets.
 */
#include "autograd/ops.h"
#include "compute/soft_loss.h"

#include <kdst/criterion.h>

#include <inttypes.h>

enum { MEAN, SUM, NONE };

typedef struct attrs {
    int32_t reduction;
    double label_smoothing;
} attrs;

static const kdst__option soft_options[] = {
    KDST__FLOAT(attrs, label_smoothing, 0, 0, 1, "share of the target that is spread over all classes"),
    KDST__CHOICE(
        attrs, reduction, "mean", "mean|sum|none",
        "mean over the rows, whatever their weights, sum, or each row's value")};
const kdst__schema kdst__schema_cross_entropy_soft = {
    "cross_entropy_soft", soft_options, KDST__COUNT(soft_options), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0], *t = call->inputs[1], *weight = call->inputs[2];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    const int32_t axis = x->rank > 1;
    kdst__shape_text(x->rank, x->shape, a);
    if (x->rank == 0 || !kdst__tensor_same_shape(x, t))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: logits are %s, targets are %s: expected [N, K, ..] for both",
            call->op->name, a, kdst__shape_text(t->rank, t->shape, b));
    if (x->shape[axis] == 0)
        return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "%s: logits are %s: there are no classes", call->op->name, a);
    if (weight != NULL && (weight->rank != 1 || weight->shape[0] != x->shape[axis]))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: weight is %s, logits are %s: expected [%" PRId64 "]", call->op->name,
            kdst__shape_text(weight->rank, weight->shape, b), a, x->shape[axis]);
    if (at->reduction == MEAN && kdst__tensor_count(x) == 0)
        return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "%s: logits are %s: nothing has no mean", call->op->name, a);
    call->rank = 0;
    for (int32_t i = 0; i < x->rank && at->reduction == NONE; i++)
        if (i != axis) call->shape[call->rank++] = x->shape[i];
    return KDST_STATUS_OK;
}

static double value_at(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* The rows of x, which has the logits' shape; `weights` is scratch of K doubles, filled when there are weights. */
static kdst__soft_loss rows_of(const kdst__call *call, const kdst_tensor *x, double *weights)
{
    const attrs *at = call->attrs;
    const kdst_tensor *weight = call->inputs[2];
    const int32_t axis = x->rank > 1;
    kdst__soft_loss c = {.outer = 1, .k = x->shape[axis], .inner = 1, .smoothing = at->label_smoothing};
    for (int32_t i = 0; i < x->rank; i++)
        if (i != axis) *(i < axis ? &c.outer : &c.inner) *= x->shape[i];
    for (int64_t k = 0; weight != NULL && k < c.k; k++)
        weights[k] = value_at(weight, k);
    c.weight = weight == NULL ? NULL : weights;
    return c;
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out, *l = NULL;
    kdst__compute *cp = kdst__tensor_compute(x);
    const size_t bytes = (size_t)x->shape[x->rank > 1] * sizeof(double);
    double *weights = kdst__alloc(kdst__context_memory(call->ctx), bytes);
    if (weights == NULL) return kdst__fail_memory(call->ctx, call->op->name);
    kdst_status status = kdst__tensor_new_like(call->op->name, x, false, &l);
    if (status == KDST_STATUS_OK) {
        const kdst__soft_loss rows = rows_of(call, x, weights);
        kdst__log_softmax(cp, x->dtype, rows.outer, rows.k, rows.inner, kdst__tensor_data(x), kdst__tensor_data(l));
        double sum = kdst__soft_loss_value(
            cp, x->dtype, &rows, kdst__tensor_data(call->inputs[1]), kdst__tensor_data(l),
            at->reduction == NONE ? kdst__tensor_data(y) : NULL);
        if (at->reduction == MEAN) sum /= (double)(rows.outer * rows.inner);
        if (at->reduction != NONE) kdst__fill(cp, y->dtype, 1, sum, kdst__tensor_data(y));
    }
    call->saved[0] = l;
    kdst__free(kdst__context_memory(call->ctx), weights, bytes);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *l = call->saved[0], *t = call->inputs[1], *dx = call->d_inputs[0], *dt = call->d_inputs[1], *p = NULL;
    kdst__compute *cp = kdst__tensor_compute(l);
    const size_t bytes = (size_t)l->shape[l->rank > 1] * sizeof(double);
    const int64_t count = kdst__tensor_count(l);
    kdst_status status = KDST_STATUS_OK;
    if (count == 0) return status;
    double *weights = kdst__alloc(kdst__context_memory(call->ctx), bytes);
    if (weights == NULL) return kdst__fail_memory(call->ctx, call->op->name);
    const kdst__soft_loss rows = rows_of(call, l, weights);
    double scale = at->reduction == NONE ? 1 : value_at(call->d_out, 0);
    if (at->reduction == MEAN) scale /= (double)(rows.outer * rows.inner);
    if (dx != NULL) status = kdst__tensor_new_like(call->op->name, l, false, &p);
    if (p != NULL) kdst__unary(cp, l->dtype, KDST__UNARY_EXP, count, 0, 0, kdst__tensor_data(l), kdst__tensor_data(p));
    if (status == KDST_STATUS_OK)
        kdst__soft_loss_backward(
            cp, l->dtype, &rows, kdst__tensor_data(t), kdst__tensor_data(l), p == NULL ? NULL : kdst__tensor_data(p),
            scale, at->reduction == NONE ? kdst__tensor_data(call->d_out) : NULL,
            dx == NULL ? NULL : kdst__tensor_data(dx), dt == NULL ? NULL : kdst__tensor_data(dt));
    kdst__handle_release(p);
    kdst__free(kdst__context_memory(call->ctx), weights, bytes);
    return status;
}

/* Targets and weights are read again by backward. */
const kdst__op kdst__op_cross_entropy_soft = {
    .name = "cross_entropy_soft",
    .min_inputs = 2,
    .max_inputs = 3,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &kdst__schema_cross_entropy_soft,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 6,
    KDST__DOMAIN(-3, 3)};

kdst_status kdst_cross_entropy_soft(
    kdst_tensor *logits, kdst_tensor *targets, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out)
{
    const kdst__op *op = &kdst__op_cross_entropy_soft;
    attrs at = {0};
    kdst_tensor *constant = NULL;
    if (out != NULL) *out = NULL;
    if (logits == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(logits->base.ctx);
    kdst_status status = kdst__options_parse(logits->base.ctx, op->name, op->attr_schema, options, &at);
    if (status == KDST_STATUS_OK && weight != NULL) /* a view without a record: no gradient flows to the weights */
        status =
            kdst__tensor_view(op->name, weight, weight->rank, weight->shape, weight->stride, weight->offset, &constant);
    kdst_tensor *inputs[] = {logits, targets, constant};
    if (status == KDST_STATUS_OK) status = kdst__op_run(op, inputs, 3, &at, out);
    kdst__handle_release(constant);
    return status;
}
