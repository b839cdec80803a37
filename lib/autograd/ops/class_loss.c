/* SPDX-License-Identifier: Apache-2.0 */
/* nll_loss and cross_entropy_loss: negative log-likelihood of labels, of log-probabilities or of logits.
 *
 * l_r = (1 - e) w_y (-log p_y) + (e / K) sum_k w_k (-log p_k) for a row r with label y, 0 for one that is ignored; e is the
 * label smoothing, w the classes' weights. mean: sum_r l_r / sum_r w_y over the rows that are not ignored.
 * input [N, K, ..] or [K], labels [N, ..] or a scalar. Rows are computed in double (compute/class_loss.h); of logits the
 * softmax is kept for backward.
 */
#include "autograd/ops.h"
#include "compute/class_loss.h"

#include <kdst/criterion.h>

#include <inttypes.h>
#include <string.h>

enum { MEAN, SUM, NONE };

typedef struct attrs {
    int32_t reduction;
    int64_t ignore_index;
    double label_smoothing;
    double divisor; /* set by forward: what the sum is divided by */
} attrs;

#define IGNORE KDST__INT(attrs, ignore_index, -100, INT32_MIN, INT32_MAX, "rows with this label count for nothing")
#define REDUCTION                                                                                                      \
  KDST__CHOICE(                                                                                                        \
      attrs, reduction, "mean", "mean|sum|none",                                                                       \
      "mean over the rows by their labels' weights, sum, or each row's value")

static const kdst__option nll_options[] = {IGNORE, REDUCTION};
const kdst__schema kdst__schema_nll_loss = {"nll_loss", nll_options, KDST__COUNT(nll_options), NULL, 0};

static const kdst__option cross_options[] = {
    IGNORE, KDST__FLOAT(attrs, label_smoothing, 0, 0, 1, "share of the target that is spread over all classes"),
    REDUCTION};
const kdst__schema kdst__schema_cross_entropy_loss = {
    "cross_entropy_loss", cross_options, KDST__COUNT(cross_options), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0], *labels = call->inputs[1], *weight = call->inputs[2];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    const int32_t axis = x->rank > 1;
    bool fits = x->rank > 0 && labels->rank == x->rank - 1;
    kdst__shape_text(x->rank, x->shape, a);
    for (int32_t i = 0; fits && i < labels->rank; i++)
        fits = labels->shape[i] == x->shape[i < axis ? i : i + 1];
    if (!fits)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: input is %s, labels are %s: expected [N, K, ..] and [N, ..]",
            call->op->name, a, kdst__shape_text(labels->rank, labels->shape, b));
    if (x->shape[axis] == 0)
        return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "%s: input is %s: there are no classes", call->op->name, a);
    if (weight != NULL && (weight->rank != 1 || weight->shape[0] != x->shape[axis]))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: weight is %s, input is %s: expected [%" PRId64 "]", call->op->name,
            kdst__shape_text(weight->rank, weight->shape, b), a, x->shape[axis]);
    if (at->reduction == MEAN && kdst__tensor_count(labels) == 0)
        return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "%s: input is %s: nothing has no mean", call->op->name, a);
    call->rank = at->reduction == NONE ? labels->rank : 0;
    memcpy(call->shape, labels->shape, sizeof call->shape);
    return KDST_STATUS_OK;
}

static double value_at(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* The rows of x, the input or its gradient; `weights` is scratch of K doubles, filled when there are weights. */
static kdst__class_loss rows_of(const kdst__call *call, const kdst_tensor *x, double *weights)
{
    const attrs *at = call->attrs;
    const kdst_tensor *weight = call->inputs[2];
    const int32_t axis = x->rank > 1;
    kdst__class_loss c = {
        .outer = 1,
        .k = x->shape[axis],
        .inner = 1,
        .labels = kdst__tensor_data(call->inputs[1]),
        .ignore_index = at->ignore_index,
        .smoothing = at->label_smoothing};
    for (int32_t i = 0; i < x->rank; i++)
        if (i != axis) *(i < axis ? &c.outer : &c.inner) *= x->shape[i];
    c.weight_sum = weight == NULL ? (double)c.k : 0;
    for (int64_t k = 0; weight != NULL && k < c.k; k++)
        c.weight_sum += weights[k] = value_at(weight, k);
    c.weight = weight == NULL ? NULL : weights;
    return c;
}

kdst_status
kdst__class_labels_check(kdst_context *ctx, const char *name, const kdst_tensor *labels, int64_t k, int64_t ignore)
{
    const int32_t *values = kdst__tensor_data(labels);
    int64_t count = kdst__tensor_count(labels), i = 0, at[KDST__MAX_RANK];
    char text[KDST__SHAPE_TEXT];
    while (i < count && ((values[i] >= 0 && values[i] < k) || values[i] == ignore))
        i++;
    if (i == count) return KDST_STATUS_OK;
    for (int64_t rest = i, axis = labels->rank - 1; axis >= 0; rest /= labels->shape[axis], axis--)
        at[axis] = rest % labels->shape[axis];
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT,
        "%s: label %d at %s, allowed is 0 to %" PRId64 ", and %" PRId64 " for what is ignored", name, values[i],
        kdst__shape_text(labels->rank, at, text), k - 1, ignore);
}

/* The rows' values, and what is left of them after the reduction; l holds log-probabilities. */
static void reduce(kdst__call *call, const kdst__class_loss *rows, const kdst_tensor *l)
{
    attrs *at = call->attrs;
    kdst_tensor *y = call->out;
    double sum, total;
    kdst__class_loss_value(
        kdst__tensor_compute(y), y->dtype, rows, kdst__tensor_data(l),
        at->reduction == NONE ? kdst__tensor_data(y) : NULL, &sum, &total);
    at->divisor = at->reduction == MEAN ? total : 1;
    if (at->reduction != NONE)
        kdst__fill(kdst__tensor_compute(y), y->dtype, 1, sum / at->divisor, kdst__tensor_data(y));
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    const bool logits = call->op == &kdst__op_cross_entropy_loss;
    kdst_tensor *x = call->inputs[0], *l = NULL, *p = NULL;
    kdst__compute *cp = kdst__tensor_compute(x);
    const size_t bytes = (size_t)x->shape[x->rank > 1] * sizeof(double);
    kdst_status status =
        kdst__class_labels_check(call->ctx, call->op->name, call->inputs[1], x->shape[x->rank > 1], at->ignore_index);
    if (status != KDST_STATUS_OK) return status;
    double *weights = kdst__alloc(kdst__context_memory(call->ctx), bytes);
    if (weights == NULL) return kdst__fail_memory(call->ctx, call->op->name);
    const kdst__class_loss rows = rows_of(call, x, weights);
    if (logits) status = kdst__tensor_new_like(call->op->name, x, false, &l);
    if (logits && status == KDST_STATUS_OK && call->recording)
        status = kdst__tensor_new_like(call->op->name, x, false, &p);
    call->saved[0] = p;
    if (status == KDST_STATUS_OK) {
        const void *z = kdst__tensor_data(x);
        if (l != NULL) kdst__log_softmax(cp, x->dtype, rows.outer, rows.k, rows.inner, z, kdst__tensor_data(l));
        if (p != NULL) kdst__softmax(cp, x->dtype, rows.outer, rows.k, rows.inner, z, kdst__tensor_data(p));
        reduce(call, &rows, l == NULL ? x : l);
    }
    kdst__handle_release(l);
    kdst__free(kdst__context_memory(call->ctx), weights, bytes);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0];
    const void *dy = kdst__tensor_data(call->d_out);
    if (dx == NULL || kdst__tensor_count(dx) == 0) return KDST_STATUS_OK;
    const size_t bytes = (size_t)dx->shape[dx->rank > 1] * sizeof(double);
    double scale = at->reduction == NONE ? 1 : value_at(call->d_out, 0) / at->divisor;
    double *weights = kdst__alloc(kdst__context_memory(call->ctx), bytes);
    if (weights == NULL) return kdst__fail_memory(call->ctx, call->op->name);
    const kdst__class_loss rows = rows_of(call, dx, weights);
    if (at->reduction != NONE) dy = NULL;
    if (call->saved[0] != NULL)
        kdst__class_loss_softmax_backward(
            kdst__tensor_compute(dx), dx->dtype, &rows, kdst__tensor_data(call->saved[0]), scale, dy,
            kdst__tensor_data(dx));
    else
        kdst__class_loss_backward(kdst__tensor_compute(dx), dx->dtype, &rows, scale, dy, kdst__tensor_data(dx));
    kdst__free(kdst__context_memory(call->ctx), weights, bytes);
    return KDST_STATUS_OK;
}

/* Labels and weights are read again by backward. */
const kdst__op kdst__op_nll_loss = {
    .name = "nll_loss",
    .input_names = {"log_probabilities", "labels", "weight"},
    .min_inputs = 2,
    .max_inputs = 3,
    .int_inputs = 2,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &kdst__schema_nll_loss,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 6,
    KDST__DOMAIN(-3, -0.1)};

const kdst__op kdst__op_cross_entropy_loss = {
    .name = "cross_entropy_loss",
    .input_names = {"logits", "labels", "weight"},
    .min_inputs = 2,
    .max_inputs = 3,
    .int_inputs = 2,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &kdst__schema_cross_entropy_loss,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 6,
    KDST__DOMAIN(-3, 3)};

/* Parses, hides where the weights come from, so that no gradient flows to them, and runs. */
static kdst_status
run(const kdst__op *op, kdst_tensor *input, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options,
    kdst_tensor **out)
{
    attrs at = {0};
    kdst_tensor *constant = NULL;
    if (out != NULL) *out = NULL;
    if (input == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(input->base.ctx);
    kdst_status status = kdst__options_parse(input->base.ctx, op->name, op->attr_schema, options, &at);
    if (status == KDST_STATUS_OK && weight != NULL)
        status =
            kdst__tensor_view(op->name, weight, weight->rank, weight->shape, weight->stride, weight->offset, &constant);
    kdst_tensor *inputs[] = {input, labels, constant};
    if (status == KDST_STATUS_OK) status = kdst__op_run(op, inputs, 3, &at, out);
    kdst__handle_release(constant);
    return status;
}

kdst_status kdst_nll_loss(
    kdst_tensor *log_probabilities, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options,
    kdst_tensor **out)
{
    return run(&kdst__op_nll_loss, log_probabilities, labels, weight, options, out);
}

kdst_status kdst_cross_entropy_loss(
    kdst_tensor *logits, kdst_tensor *labels, kdst_tensor *weight, const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_cross_entropy_loss, logits, labels, weight, options, out);
}
