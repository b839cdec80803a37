/* SPDX-License-Identifier: Apache-2.0 */
/* batch_norm: normalisation by the statistics of each channel (Ioffe and Szegedy 2015), and in the same pass the end of a residual block.
 *
 * xhat = (x - mean_c) r_c with r_c = 1 / sqrt(var_c + eps); y = act(gamma_c xhat + beta_c + addend), act the identity, max(., 0) or
 * min(max(., 0), 6).
 * Training: mean and biased variance of the batch over N (and H, W), M values a channel;
 *   running = (1 - momentum) running + momentum statistic, the variance unbiased (M / (M - 1)), as in PyTorch.
 *   dx += gamma r (dy - mean(dy) - xhat mean(dy xhat)).
 * Evaluation: the running statistics, constants of the derivative: dx += gamma r dy.
 * dbeta += sum dy, dgamma += sum dy xhat, daddend += dy; with relu dy counts only where not y <= 0, with relu6 where
 * 0 < y < 6. x [N, C], [N, C, L] or [N, C, H, W], all others [C]; gamma and beta may be NULL.
 * The running statistics are written after everything that can fail, hence outside of forward.
 */
#include "autograd/broadcast.h"
#include "autograd/graph.h"
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>
#include <string.h>

static const kdst__option options_table[] = {
    KDST__INT(kdst__batch_norm_attrs, training, 1, 0, 1, "1: statistics of the batch, 0: running statistics"),
    KDST__FLOAT(kdst__batch_norm_attrs, momentum, 0.1, 0, 1, "weight of the new statistics"),
    KDST__FLOAT_OPEN(kdst__batch_norm_attrs, eps, 1e-5, 0, INFINITY, "added to the variance"),
    KDST__CHOICE(kdst__batch_norm_attrs, activation, "none", "none|relu|relu6", "applied to the result"),
};
const kdst__schema kdst__schema_batch_norm = {"batch_norm", options_table, KDST__COUNT(options_table), NULL, 0};

enum { X, GAMMA, BETA, RUNNING_MEAN, RUNNING_VAR, ADDEND, INPUTS };

typedef struct attrs {
    kdst__batch_norm_attrs options;
    double *
        batch; /* nullable; training: forward puts the mean [C] and the unbiased variance [C] here, nobody else looks */
} attrs;

static int64_t channels(const kdst_tensor *x)
{
    return x->shape[1];
}
static int64_t plane(const kdst_tensor *x)
{
    int64_t count = 1;
    for (int64_t i = 2; i < x->rank; i++)
        count *= x->shape[i];
    return count;
}

static kdst_status shape(kdst__call *call)
{
    static const char *const names[] = {"x", "gamma", "beta", "running_mean", "running_var"};
    const attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[X];
    char of_x[KDST__SHAPE_TEXT], of_other[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    if (x->rank < 2 || x->rank > 4)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "batch_norm: x is %s, expected [N, C], [N, C, L] or [N, C, H, W]", of_x);
    if (call->inputs[ADDEND] != NULL && !kdst__tensor_same_shape(call->inputs[ADDEND], x))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "batch_norm: addend is %s, x is %s",
            kdst__shape_text(call->inputs[ADDEND]->rank, call->inputs[ADDEND]->shape, of_other), of_x);
    for (int i = GAMMA; i < ADDEND; i++) {
        const kdst_tensor *t = call->inputs[i];
        if (t == NULL && i >= RUNNING_MEAN && !a->options.training)
            return kdst__fail(
                call->ctx, KDST_STATUS_INVALID_ARGUMENT, "batch_norm: %s is NULL, which is for training only",
                names[i]);
        if (t != NULL && (t->rank != 1 || t->shape[0] != channels(x)))
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE, "batch_norm: %s is %s, x is %s: expected [%" PRId64 "]", names[i],
                kdst__shape_text(t->rank, t->shape, of_other), of_x, channels(x));
    }
    if (a->options.training && x->shape[0] * plane(x) < 2)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "batch_norm: x is %s: training needs more than 1 value for each channel",
            of_x);
    return kdst__op_same_as_input(call);
}

static double value_at(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? ((const float *)data)[i * t->stride[0]]
                                          : ((const double *)data)[i * t->stride[0]];
}

static void *data_or_null(const kdst_tensor *t)
{
    return t == NULL ? NULL : kdst__tensor_data(t);
}

/* Those of the batch, unless the convolution in front has left them. */
static void statistics(kdst_tensor *x, double *mean, double *var)
{
    kdst__compute *cp = kdst__tensor_compute(x);
    int64_t n = x->shape[0], c = channels(x), s = plane(x);
    if (x->moments != NULL && x->moments_version == x->storage->version)
        memcpy(mean, kdst__tensor_data(x->moments), 2 * (size_t)c * sizeof *mean); /* mean, and var behind it */
    else if (kdst__tensor_blocked(x))
        kdst__blocked_statistics(cp, n, c, s, kdst__tensor_data(x), mean, var);
    else
        kdst__batch_norm_statistics(cp, x->dtype, n, c, s, kdst__tensor_data(x), mean, var);
}

static void normalise(const kdst__call *call, const double *mean, const double *inverse)
{
    const attrs *a = call->attrs;
    kdst_tensor *x = call->inputs[X], *y = call->out, *addend = call->inputs[ADDEND];
    kdst__compute *cp = kdst__tensor_compute(x);
    const void *gamma = data_or_null(call->inputs[GAMMA]), *beta = data_or_null(call->inputs[BETA]);
    const int32_t activation = a->options.activation;
    if (call->blocked) {
        kdst__blocked_normalise(
            cp, x->shape[0], channels(x), plane(x), kdst__tensor_data(x), mean, inverse, gamma, beta,
            data_or_null(addend), activation, kdst__tensor_data(y));
        return;
    }
    const int64_t count = kdst__tensor_count(y);
    void *values = kdst__tensor_data(y);
    kdst__batch_norm_normalise(
        cp, x->dtype, x->shape[0], channels(x), plane(x), kdst__tensor_data(x), mean, inverse, gamma, beta, values);
    if (addend != NULL) kdst__add_into(cp, x->dtype, count, 1, kdst__tensor_data(addend), values);
    kdst__activate(cp, x->dtype, activation, count, values);
}

/* The mask of the activation is found from x again where nothing was added to it. */
static bool without_out(const kdst__call *call)
{
    return call->blocked && call->inputs[ADDEND] == NULL;
}

/* saved[0], float64 [2, C]: mean and inverse deviation, which the backward pass takes from there. */
static kdst_status forward(kdst__call *call)
{
    const attrs *a = call->attrs;
    kdst_tensor *x = call->inputs[X];
    int64_t c = channels(x), count = x->shape[0] * plane(x);
    kdst_status status =
        kdst__tensor_new(call->ctx, "batch_norm", KDST_DTYPE_FLOAT64, 2, (int64_t[]){2, c}, false, &call->saved[0]);
    if (status != KDST_STATUS_OK) return status;
    double *mean = kdst__tensor_data(call->saved[0]), *inverse = mean + c;
    if (a->options.training) statistics(x, mean, inverse);
    for (int64_t i = 0; i < c; i++) {
        if (!a->options.training) {
            mean[i] = value_at(call->inputs[RUNNING_MEAN], i);
            inverse[i] = value_at(call->inputs[RUNNING_VAR], i);
        }
        if (a->batch != NULL) {
            a->batch[i] = mean[i];
            a->batch[c + i] = inverse[i] * (double)count / (double)(count - 1);
        }
        inverse[i] = 1 / sqrt(inverse[i] + a->options.eps);
    }
    normalise(call, mean, inverse);
    call->without_out = without_out(call);
    return KDST_STATUS_OK;
}

static kdst_status remake(kdst__call *call)
{
    const double *mean = kdst__tensor_data(call->saved[0]);
    normalise(call, mean, mean + channels(call->inputs[X]));
    return KDST_STATUS_OK;
}

/* The addend's gradient is there before dx is: where x is the addend too, dx is what is added. */
static kdst_status backward_blocked(const kdst__call *call, const double *mean)
{
    const attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[X];
    const bool same = call->d_inputs[X] != NULL && call->d_inputs[X] == call->d_inputs[ADDEND];
    const kdst__blocked_norm_gradient g = {
        .n = x->shape[0],
        .c = channels(x),
        .s = plane(x),
        .training = (int32_t)a->options.training,
        .x = kdst__tensor_data(x),
        .dy = kdst__tensor_data(call->d_out),
        .activation = a->options.activation,
        .y = data_or_null(call->out),
        .mean = mean,
        .inverse = mean + channels(x),
        .gamma = data_or_null(call->inputs[GAMMA]),
        .beta = data_or_null(call->inputs[BETA]),
        .add_dx = same || !(call->fresh >> X & 1),
        .add_addend = !(call->fresh >> (same ? X : ADDEND) & 1),
        .dx = data_or_null(call->d_inputs[X]),
        .d_addend = data_or_null(call->d_inputs[ADDEND]),
        .dgamma = data_or_null(call->d_inputs[GAMMA]),
        .dbeta = data_or_null(call->d_inputs[BETA])};
    kdst_status status = kdst__blocked_normalise_backward(kdst__tensor_compute(x), &g);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "batch_norm");
}

/* dx or the addend's gradient may be in dy's memory: then dx is computed from a copy, and the addend's gradient is there already. */
static kdst_status backward_plain(const kdst__call *call, const double *mean)
{
    const attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[X];
    kdst_tensor *dx = call->d_inputs[X], *d_addend = call->d_inputs[ADDEND], *dy = call->d_out, *masked = NULL;
    kdst__compute *cp = kdst__tensor_compute(x);
    const int64_t count = kdst__tensor_count(x);
    if (call->out != NULL) {
        kdst_status status = kdst__fused_gradient("batch_norm", a->options.activation, call->out, dy, &masked);
        if (status != KDST_STATUS_OK) return status;
        dy = masked;
    } else if (dx == dy) {
        kdst_status status = kdst__tensor_new_like("batch_norm", dy, false, &masked);
        if (status != KDST_STATUS_OK) return status;
        kdst__copy(cp, x->dtype, count, 1, kdst__tensor_data(dy), kdst__tensor_data(masked));
        dy = masked;
    }
    if (dx != NULL && (call->fresh >> X & 1)) kdst__fill(cp, x->dtype, count, 0, kdst__tensor_data(dx));
    kdst__batch_norm_backward(
        cp, x->dtype, x->shape[0], channels(x), plane(x), (int32_t)a->options.training, kdst__tensor_data(x),
        kdst__tensor_data(dy), mean, mean + channels(x), data_or_null(call->inputs[GAMMA]), data_or_null(dx),
        data_or_null(call->d_inputs[GAMMA]), data_or_null(call->d_inputs[BETA]));
    kdst_status status = d_addend == NULL
        ? KDST_STATUS_OK
        : kdst__broadcast_add("batch_norm", d_addend, dy, 1, !(call->fresh >> ADDEND & 1));
    kdst_tensor_release(masked);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    const double *mean = kdst__tensor_data(call->saved[0]);
    return call->blocked ? backward_blocked(call, mean) : backward_plain(call, mean);
}

/* The result is read for the mask of an activation alone. */
#define BATCH_NORM                                                                                                     \
  .name = "batch_norm", .input_names = {"x", "gamma", "beta", "running_mean", "running_var", "addend"},                \
  .min_inputs = 1, .max_inputs = INPUTS, .attr_bytes = sizeof(attrs),                                                  \
  .attr_schema = &kdst__schema_batch_norm, /* `options` comes first */                                                 \
      .shape = shape, .forward = forward, .backward = backward, .blocked_inputs = 1u << X | 1u << ADDEND,              \
  .writes = 1u << X | 1u << ADDEND, .in_place = 1u << X | 1u << ADDEND, KDST__DOMAIN(-1, 1)

const kdst__op kdst__op_batch_norm = {BATCH_NORM, .keep_inputs = 1u << X | 1u << GAMMA};
const kdst__op kdst__op_batch_norm_relu = {
    BATCH_NORM, .keep_inputs = 1u << X | 1u << GAMMA | 1u << BETA, .keep_out = true, .remake = remake};

/* running = (1 - momentum) running + momentum statistic, at any stride. */
static void move(kdst_tensor *running, const double *statistic, double momentum)
{
    if (running == NULL) return;
    for (int64_t i = 0; i < running->shape[0]; i++) {
        double value = (1 - momentum) * value_at(running, i) + momentum * statistic[i];
        if (running->dtype == KDST_DTYPE_FLOAT32)
            ((float *)kdst__tensor_data(running))[i * running->stride[0]] = (float)value;
        else
            ((double *)kdst__tensor_data(running))[i * running->stride[0]] = value;
    }
    kdst__tensor_touch(running);
}

static kdst_status refuse_gradient(kdst_context *ctx, const kdst_tensor *running, const char *name)
{
    if (running == NULL || !running->requires_grad) return KDST_STATUS_OK;
    return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "batch_norm: %s requires a gradient, but has none", name);
}

kdst_status kdst__batch_norm_run(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var,
    kdst_tensor *addend, const kdst__batch_norm_attrs *options, kdst_tensor **out)
{
    kdst_tensor *inputs[INPUTS] = {x, gamma, beta, running_mean, running_var, addend};
    const kdst__op *op = options->activation == KDST__FUSED_NONE ? &kdst__op_batch_norm : &kdst__op_batch_norm_relu;
    attrs a = {.options = *options};
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    kdst_status status = refuse_gradient(ctx, running_mean, "running_mean");
    if (status == KDST_STATUS_OK) status = refuse_gradient(ctx, running_var, "running_var");
    if (status != KDST_STATUS_OK) return status;
    bool moves =
        options->training && (running_mean != NULL || running_var != NULL) && x->rank >= 2 && !kdst__tracing(ctx) && !kdst__replaying(ctx);
    int64_t c = moves ? channels(x) : 0;
    size_t bytes = (size_t)c * 2 * sizeof *a.batch;
    if (moves && (a.batch = kdst__alloc(kdst__context_memory(ctx), bytes)) == NULL)
        return kdst__fail_memory(ctx, "batch_norm");
    status = kdst__op_run(op, inputs, INPUTS, &a, out);
    if (status == KDST_STATUS_OK && moves) {
        move(running_mean, a.batch, options->momentum);
        move(running_var, a.batch + c, options->momentum);
    }
    kdst__free(kdst__context_memory(ctx), a.batch, bytes);
    return status;
}

kdst_status kdst_batch_norm(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var,
    const kdst_options *options, kdst_tensor **out)
{
    return kdst_batch_norm_add(x, gamma, beta, running_mean, running_var, NULL, options, out);
}

kdst_status kdst_batch_norm_add(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var,
    kdst_tensor *addend, const kdst_options *options, kdst_tensor **out)
{
    kdst__batch_norm_attrs attrs = {1, 0.1, 1e-5, KDST__FUSED_NONE};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "batch_norm", &kdst__schema_batch_norm, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__batch_norm_run(x, gamma, beta, running_mean, running_var, addend, &attrs, out);
}
