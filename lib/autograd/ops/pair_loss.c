/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of an input and a target of the same shape: L1, MSE, Huber, smooth L1, BCE with logits, Kullback-Leibler.
 *
 * One term an element (compute/kernels/pair_loss.c has the equations), then their mean, their sum, or none of it. The
 * gradient flows to input and target alike; weights are constants. Terms and sums are taken in double.
 */
#include "autograd/ops.h"

#include <kdst/criterion.h>

enum { MEAN, SUM, NONE, BATCH_MEAN };

typedef struct attrs {
    int32_t reduction;
    double delta, beta;
    int64_t log_target;
    const char *weight_names[2]; /* of inputs 2 and 3, for messages */
} attrs;

#define REDUCTION                                                                                                      \
  KDST__CHOICE(attrs, reduction, "mean", "mean|sum|none", "mean or sum over all elements, or each element's term")

static const kdst__option plain_options[] = {REDUCTION};
const kdst__schema kdst__schema_l1_loss = {"l1_loss", plain_options, KDST__COUNT(plain_options), NULL, 0};
const kdst__schema kdst__schema_mse_loss = {"mse_loss", plain_options, KDST__COUNT(plain_options), NULL, 0};
const kdst__schema kdst__schema_bce_with_logits = {
    "bce_with_logits", plain_options, KDST__COUNT(plain_options), NULL, 0};

static const kdst__option huber_options[] = {
    KDST__FLOAT_OPEN(attrs, delta, 1, 0, INFINITY, "distance from where on the loss is linear"), REDUCTION};
const kdst__schema kdst__schema_huber_loss = {"huber_loss", huber_options, KDST__COUNT(huber_options), NULL, 0};

static const kdst__option smooth_options[] = {
    KDST__FLOAT(attrs, beta, 1, 0, INFINITY, "distance from where on the loss is linear; 0: everywhere"), REDUCTION};
const kdst__schema kdst__schema_smooth_l1_loss = {
    "smooth_l1_loss", smooth_options, KDST__COUNT(smooth_options), NULL, 0};

static const kdst__option kl_options[] = {
    KDST__INT(attrs, log_target, 0, 0, 1, "1: the target holds logarithms, too"),
    KDST__CHOICE(
        attrs, reduction, "mean", "mean|sum|none|batchmean",
        "mean or sum over all elements, each element's term, or the sum divided by the first axis' size"),
};
const kdst__schema kdst__schema_kl_div = {"kl_div", kl_options, KDST__COUNT(kl_options), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0], *t = call->inputs[1];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (!kdst__tensor_same_shape(x, t))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: input is %s, target is %s: expected the same shape", call->op->name,
            kdst__shape_text(x->rank, x->shape, a), kdst__shape_text(t->rank, t->shape, b));
    if (at->reduction == BATCH_MEAN && x->rank == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: input has rank 0, reduction \"batchmean\" needs a first axis",
            call->op->name);
    if ((at->reduction == MEAN && kdst__tensor_count(x) == 0) || (at->reduction == BATCH_MEAN && x->shape[0] == 0))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: input is %s: nothing has no mean", call->op->name,
            kdst__shape_text(x->rank, x->shape, a));
    if (at->reduction == NONE) return kdst__op_same_as_input(call);
    call->rank = 0;
    return KDST_STATUS_OK;
}

static int32_t kind_of(const kdst__call *call)
{
    const attrs *at = call->attrs;
    if (call->op == &kdst__op_l1_loss) return KDST__L1;
    if (call->op == &kdst__op_mse_loss) return KDST__MSE;
    if (call->op == &kdst__op_huber_loss) return KDST__HUBER;
    if (call->op == &kdst__op_smooth_l1_loss) return KDST__SMOOTH_L1;
    if (call->op == &kdst__op_bce_with_logits) return KDST__BCE;
    return at->log_target ? KDST__KL_LOG : KDST__KL;
}

static kdst__pair_loss_data data_of(const kdst__call *call, const kdst_tensor *w, const kdst_tensor *v)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    return (kdst__pair_loss_data){
        .kind = kind_of(call),
        .dtype = x->dtype,
        .parameter = call->op == &kdst__op_huber_loss ? at->delta : at->beta,
        .n = kdst__tensor_count(x),
        .x = kdst__tensor_data(x),
        .t = kdst__tensor_data(call->inputs[1]),
        .w = w == NULL ? NULL : kdst__tensor_data(w),
        .v = v == NULL ? NULL : kdst__tensor_data(v)};
}

static double divisor(const kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    return at->reduction == MEAN      ? (double)kdst__tensor_count(x)
        : at->reduction == BATCH_MEAN ? (double)x->shape[0]
                                      : 1;
}

/* Weights as long as x: saved[i] is input 2 + i stretched to its shape. */
static kdst_status stretch_weights(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    for (int32_t i = 0; i < 2 && 2 + i < call->count; i++) {
        const kdst_tensor *w = call->inputs[2 + i];
        int64_t stride[KDST__MAX_RANK];
        if (w == NULL) continue;
        int32_t front = x->rank - w->rank;
        bool fits = front >= 0;
        for (int32_t k = 0; fits && k < x->rank; k++) {
            bool own = k >= front, one = own && w->shape[k - front] == 1;
            fits = !own || one || w->shape[k - front] == x->shape[k];
            stride[k] = own && !one ? w->stride[k - front] : 0;
        }
        if (!fits)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE, "%s: %s is %s, which does not stretch to the input's %s", call->op->name,
                at->weight_names[i], kdst__shape_text(w->rank, w->shape, a), kdst__shape_text(x->rank, x->shape, b));
        kdst_status status = kdst__tensor_new_like(call->op->name, x, false, &call->saved[i]);
        if (status != KDST_STATUS_OK) return status;
        kdst__layout_copy(
            x->rank, x->shape, kdst__tensor_layout(call->saved[i]),
            (kdst__layout){w->dtype, kdst__tensor_data(w), stride});
    }
    return KDST_STATUS_OK;
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *y = call->out;
    kdst__compute *cp = kdst__tensor_compute(y);
    kdst_status status = stretch_weights(call);
    if (status != KDST_STATUS_OK) return status;
    const kdst__pair_loss_data data = data_of(call, call->saved[0], call->saved[1]);
    double sum = kdst__pair_loss(cp, &data, at->reduction == NONE ? kdst__tensor_data(y) : NULL);
    if (at->reduction != NONE) kdst__fill(cp, y->dtype, 1, sum / divisor(call), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0], *dt = call->d_inputs[1];
    const void *dy = kdst__tensor_data(call->d_out);
    const kdst__pair_loss_data data = data_of(call, call->saved[0], call->saved[1]);
    double scale = 1;
    if (at->reduction != NONE) {
        scale = call->d_out->dtype == KDST_DTYPE_FLOAT32 ? (double)*(const float *)dy : *(const double *)dy;
        scale /= divisor(call);
    }
    kdst__pair_loss_backward(
        kdst__tensor_compute(call->d_out), &data, scale, at->reduction == NONE ? dy : NULL,
        dx == NULL ? NULL : kdst__tensor_data(dx), dt == NULL ? NULL : kdst__tensor_data(dt));
    return KDST_STATUS_OK;
}

/* What the descriptors share; `top` is the number of inputs with weights. */
#define PAIR_LOSS(stem, first, top)                                                                                    \
  .name = #stem, .input_names = {first, "target", "weight", "positive_weight"}, .min_inputs = 2, .max_inputs = (top),  \
  .attr_bytes = sizeof(attrs), .attr_schema = &kdst__schema_##stem, .shape = shape, .forward = forward,                \
  .backward = backward, .keep_inputs = 3

const kdst__op kdst__op_l1_loss = {PAIR_LOSS(l1_loss, "input", 2), KDST__DOMAIN(-1, 1)};
const kdst__op kdst__op_mse_loss = {PAIR_LOSS(mse_loss, "input", 2), KDST__DOMAIN(-1, 1)};
const kdst__op kdst__op_huber_loss = {PAIR_LOSS(huber_loss, "input", 2), KDST__DOMAIN(-1, 1)};
const kdst__op kdst__op_smooth_l1_loss = {PAIR_LOSS(smooth_l1_loss, "input", 2), KDST__DOMAIN(-1, 1)};
const kdst__op kdst__op_bce_with_logits = {PAIR_LOSS(bce_with_logits, "logits", 4), KDST__DOMAIN(0.1, 0.9)};
const kdst__op kdst__op_kl_div = {PAIR_LOSS(kl_div, "input", 2), KDST__DOMAIN(0.1, 0.9)};

/* Parses, hides where the weights come from, so that no gradient flows to them, and runs. */
static kdst_status
run(const kdst__op *op, kdst_tensor *const *inputs, int32_t count, const kdst_options *options, kdst_tensor **out)
{
    attrs at = {.weight_names = {"weight", "positive_weight"}};
    kdst_tensor *used[4] = {NULL};
    if (out != NULL) *out = NULL;
    if (inputs[0] == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(inputs[0]->base.ctx);
    kdst_status status = kdst__options_parse(inputs[0]->base.ctx, op->name, op->attr_schema, options, &at);
    for (int32_t i = 0; i < count && status == KDST_STATUS_OK; i++) {
        kdst_tensor *t = inputs[i];
        if (i < 2 || t == NULL)
            kdst__handle_retain(used[i] = t);
        else
            status = kdst__tensor_view(op->name, t, t->rank, t->shape, t->stride, t->offset, &used[i]);
    }
    if (status == KDST_STATUS_OK) status = kdst__op_run(op, used, count, &at, out);
    for (int32_t i = 0; i < count; i++)
        kdst__handle_release(used[i]);
    return status;
}

kdst_status kdst_l1_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_l1_loss, (kdst_tensor *[]){input, target}, 2, options, out);
}

kdst_status kdst_mse_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_mse_loss, (kdst_tensor *[]){input, target}, 2, options, out);
}

kdst_status kdst_huber_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_huber_loss, (kdst_tensor *[]){input, target}, 2, options, out);
}

kdst_status kdst_smooth_l1_loss(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_smooth_l1_loss, (kdst_tensor *[]){input, target}, 2, options, out);
}

kdst_status kdst_kl_div(kdst_tensor *input, kdst_tensor *target, const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_kl_div, (kdst_tensor *[]){input, target}, 2, options, out);
}

kdst_status kdst_bce_with_logits(
    kdst_tensor *logits, kdst_tensor *target, kdst_tensor *weight, kdst_tensor *positive_weight,
    const kdst_options *options, kdst_tensor **out)
{
    return run(&kdst__op_bce_with_logits, (kdst_tensor *[]){logits, target, weight, positive_weight}, 4, options, out);
}
