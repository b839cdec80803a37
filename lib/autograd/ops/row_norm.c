/* SPDX-License-Identifier: Apache-2.0 */
/* layer_norm, group_norm: normalisation by the statistics of each sample (Ba et al. 2016; Wu and He 2018).
 *
 * xhat = (x - mean_r) r_r with r_r = 1 / sqrt(var_r + eps), the variance biased; y = gamma xhat + beta.
 * layer_norm: a row r is what the last axes hold; gamma and beta have their shape.
 * group_norm: a row is one of G groups of channels of a sample, with all its pixels; gamma, beta [C]. G = C is instance norm.
 * With g = dy gamma: dx += r (g - mean(g) - xhat mean(g xhat)), dbeta += sum dy, dgamma += sum dy xhat.
 * Statistics are double whatever the type; gamma and beta may be NULL.
 */
#include "autograd/ops.h"

#include <inttypes.h>

static const kdst__option layer_options[] = {
    KDST__FLOAT_OPEN(kdst__row_norm_attrs, eps, 1e-5, 0, INFINITY, "added to the variance"),
    KDST__INT(kdst__row_norm_attrs, axes, 1, 1, KDST__MAX_RANK, "how many of the last axes are normalised"),
};
static const kdst__option group_options[] = {
    KDST__FLOAT_OPEN(kdst__row_norm_attrs, eps, 1e-5, 0, INFINITY, "added to the variance"),
    KDST__INT(kdst__row_norm_attrs, groups, 1, 1, INT32_MAX, "groups of channels"),
};
/* The last option is an argument of the public functions, and shown in a trace. */
const kdst__schema kdst__schema_layer_norm = {"layer_norm", layer_options, KDST__COUNT(layer_options) - 1, NULL, 0};
const kdst__schema kdst__schema_group_norm = {"group_norm", group_options, KDST__COUNT(group_options) - 1, NULL, 0};
static const kdst__schema layer_shown = {"layer_norm", layer_options, KDST__COUNT(layer_options), NULL, 0};
static const kdst__schema group_shown = {"group_norm", group_options, KDST__COUNT(group_options), NULL, 0};

enum { X, GAMMA, BETA, INPUTS };

/* Rows of `k` channels of `s` values; the parameters repeat after `period` rows. */
typedef struct rows {
    int64_t count, period, k, s;
} rows;

static int64_t product(const kdst_tensor *x, int64_t from, int64_t to)
{
    int64_t count = 1;
    for (int64_t i = from; i < to; i++)
        count *= x->shape[i];
    return count;
}

static rows rows_of(const kdst__call *call)
{
    const kdst__row_norm_attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[X];
    if (a->groups == 0) return (rows){product(x, 0, x->rank - a->axes), 1, product(x, x->rank - a->axes, x->rank), 1};
    return (rows){x->shape[0] * a->groups, a->groups, x->shape[1] / a->groups, product(x, 2, x->rank)};
}

/* gamma and beta have the shape [rank]. */
static kdst_status check_parameters(kdst__call *call, int64_t rank, const int64_t *shape, const char *of_x)
{
    static const char *const names[] = {"x", "gamma", "beta"};
    char of_other[KDST__SHAPE_TEXT], expected[KDST__SHAPE_TEXT];
    for (int i = GAMMA; i < INPUTS; i++) {
        const kdst_tensor *t = call->inputs[i];
        if (t == NULL) continue;
        bool same = t->rank == rank;
        for (int64_t axis = 0; same && axis < rank; axis++)
            same = t->shape[axis] == shape[axis];
        if (!same)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE, "%s: %s is %s, x is %s: expected %s", call->op->name, names[i],
                kdst__shape_text(t->rank, t->shape, of_other), of_x, kdst__shape_text((int32_t)rank, shape, expected));
    }
    return kdst__op_same_as_input(call);
}

static kdst_status layer_shape(kdst__call *call)
{
    const kdst__row_norm_attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[X];
    char of_x[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    if (a->axes < 1 || a->axes > x->rank)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_norm: axes is %" PRId64 ", x is %s: allowed is 1 to %" PRId64, a->axes, of_x, (int64_t)x->rank);
    if (product(x, x->rank - a->axes, x->rank) == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "layer_norm: x is %s: nothing has no mean over %" PRId64 " axes", of_x,
            a->axes);
    return check_parameters(call, a->axes, x->shape + x->rank - a->axes, of_x);
}

static kdst_status group_shape(kdst__call *call)
{
    const kdst__row_norm_attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[X];
    char of_x[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    if (a->groups < 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "group_norm: groups is %" PRId64 ", allowed is 1 and more",
            a->groups);
    if (x->rank < 2) return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "group_norm: x is %s, expected [N, C, ...]", of_x);
    if (x->shape[1] % a->groups != 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "group_norm: x is %s: %" PRId64 " channels cannot be cut into %" PRId64 " groups", of_x, x->shape[1],
            a->groups);
    if (product(x, 1, x->rank) == 0)
        return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "group_norm: x is %s: nothing has no mean", of_x);
    return check_parameters(call, 1, &x->shape[1], of_x);
}

static void *data_or_null(const kdst_tensor *t)
{
    return t == NULL ? NULL : kdst__tensor_data(t);
}

/* saved[0], float64 [2, R]: mean and inverse deviation. */
static kdst_status forward(kdst__call *call)
{
    const kdst__row_norm_attrs *a = call->attrs;
    const rows r = rows_of(call);
    kdst_tensor *x = call->inputs[X], *y = call->out;
    kdst_status status = kdst__tensor_new(
        call->ctx, call->op->name, KDST_DTYPE_FLOAT64, 2, (int64_t[]){2, r.count}, false, &call->saved[0]);
    if (status != KDST_STATUS_OK) return status;
    double *mean = kdst__tensor_data(call->saved[0]), *inverse = mean + r.count;
    kdst__compute *cp = kdst__tensor_compute(x);
    kdst__batch_norm_statistics(cp, x->dtype, 1, r.count, r.k * r.s, kdst__tensor_data(x), mean, inverse);
    for (int64_t i = 0; i < r.count; i++)
        inverse[i] = 1 / sqrt(inverse[i] + a->eps);
    kdst__row_norm(
        cp, x->dtype, r.count, r.period, r.k, r.s, kdst__tensor_data(x), mean, inverse,
        data_or_null(call->inputs[GAMMA]), data_or_null(call->inputs[BETA]), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const rows r = rows_of(call);
    const kdst_tensor *x = call->inputs[X];
    const double *mean = kdst__tensor_data(call->saved[0]);
    kdst__row_norm_backward(
        kdst__tensor_compute(x), x->dtype, r.count, r.period, r.k, r.s, kdst__tensor_data(x),
        kdst__tensor_data(call->d_out), mean, mean + r.count, data_or_null(call->inputs[GAMMA]),
        data_or_null(call->d_inputs[X]), data_or_null(call->d_inputs[GAMMA]), data_or_null(call->d_inputs[BETA]));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_layer_norm = {
    .name = "layer_norm",
    .input_names = {"x", "gamma", "beta"},
    .min_inputs = 1,
    .max_inputs = INPUTS,
    .attr_bytes = sizeof(kdst__row_norm_attrs),
    .attr_schema = &layer_shown,
    .shape = layer_shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 1u << X | 1u << GAMMA,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_group_norm = {
    .name = "group_norm",
    .input_names = {"x", "gamma", "beta"},
    .min_inputs = 1,
    .max_inputs = INPUTS,
    .attr_bytes = sizeof(kdst__row_norm_attrs),
    .attr_schema = &group_shown,
    .shape = group_shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 1u << X | 1u << GAMMA,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__layer_norm_run(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, const kdst__row_norm_attrs *attrs, kdst_tensor **out)
{
    kdst_tensor *inputs[INPUTS] = {x, gamma, beta};
    return kdst__op_run(&kdst__op_layer_norm, inputs, INPUTS, attrs, out);
}

kdst_status kdst__group_norm_run(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, const kdst__row_norm_attrs *attrs, kdst_tensor **out)
{
    kdst_tensor *inputs[INPUTS] = {x, gamma, beta};
    return kdst__op_run(&kdst__op_group_norm, inputs, INPUTS, attrs, out);
}

static kdst_status parse(
    kdst_tensor *x, const char *name, const kdst__schema *schema, const kdst_options *options,
    kdst__row_norm_attrs *attrs, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_OK;
    kdst__enter(x->base.ctx);
    return kdst__options_parse(x->base.ctx, name, schema, options, attrs);
}

kdst_status kdst_layer_norm(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, int64_t axes, const kdst_options *options, kdst_tensor **out)
{
    kdst__row_norm_attrs attrs = {.eps = 1e-5};
    kdst_status status = parse(x, "layer_norm", &kdst__schema_layer_norm, options, &attrs, out);
    attrs.axes = axes;
    return status == KDST_STATUS_OK ? kdst__layer_norm_run(x, gamma, beta, &attrs, out) : status;
}

kdst_status kdst_group_norm(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, int64_t groups, const kdst_options *options,
    kdst_tensor **out)
{
    kdst__row_norm_attrs attrs = {.eps = 1e-5};
    kdst_status status = parse(x, "group_norm", &kdst__schema_group_norm, options, &attrs, out);
    attrs.groups = groups;
    return status == KDST_STATUS_OK ? kdst__group_norm_run(x, gamma, beta, &attrs, out) : status;
}
