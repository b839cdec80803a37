/* SPDX-License-Identifier: Apache-2.0 */
/* normalize: vectors along an axis divided by their Euclidean length. cosine_similarity: what is between two of them.
 *
 * y = x / max(|x|, eps);  dx += (dy - y <y, dy>) / |x| where |x| >= eps. A null vector, shorter than eps, passes on nothing by
 * default; PyTorch's dy / eps, large as it is, comes with null_gradient "scaled".
 * cosine_similarity is the sum along the axis of the product of both, normalised: recorded as these operations.
 * x [outer, n, inner] around the axis. The lengths are kept in double.
 */
#include "autograd/indices.h"
#include "autograd/ops.h"

typedef struct attrs {
    int64_t axis;
    double eps;
    int32_t null_gradient; /* 1: dy / eps */
} attrs;

#define NULL_GRADIENT                                                                                                  \
  KDST__CHOICE(                                                                                                        \
      attrs, null_gradient, "zero", "zero|scaled", "gradient of a vector shorter than eps: nothing, or dy / eps")

static const kdst__option normalize_options[] = {
    KDST__FLOAT_OPEN(attrs, eps, 1e-12, 0, INFINITY, "the least length to divide by"), NULL_GRADIENT};
const kdst__schema kdst__schema_normalize = {"normalize", normalize_options, KDST__COUNT(normalize_options), NULL, 0};

static const kdst__option cosine_options[] = {
    KDST__FLOAT_OPEN(attrs, eps, 1e-8, 0, INFINITY, "the least length to divide by"), NULL_GRADIENT};
const kdst__schema kdst__schema_cosine_similarity = {
    "cosine_similarity", cosine_options, KDST__COUNT(cosine_options), NULL, 0};

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "along which the vectors lie"),
    KDST__FLOAT_OPEN(attrs, eps, 1e-12, 0, INFINITY, "the least length to divide by"), NULL_GRADIENT};
static const kdst__schema attr_schema = {"normalize", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_status status = kdst__tensor_axis("normalize", call->inputs[0], at->axis, &at->axis);
    return status != KDST_STATUS_OK ? status : kdst__op_same_as_input(call);
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out;
    int64_t outer, inner;
    kdst__around_axis(x, at->axis, &outer, &inner);
    kdst_status status = kdst__tensor_new(
        call->ctx, "normalize", KDST_DTYPE_FLOAT64, 2, (int64_t[]){outer, inner}, false, &call->saved[0]);
    if (status != KDST_STATUS_OK) return status;
    kdst__normalize(
        kdst__tensor_compute(x), x->dtype, outer, x->shape[at->axis], inner, at->eps, kdst__tensor_data(x),
        kdst__tensor_data(y), kdst__tensor_data(call->saved[0]));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0];
    int64_t outer, inner;
    if (dx == NULL) return KDST_STATUS_OK;
    kdst__around_axis(dx, at->axis, &outer, &inner);
    kdst__normalize_backward(
        kdst__tensor_compute(dx), dx->dtype, outer, dx->shape[at->axis], inner, at->eps, at->null_gradient,
        kdst__tensor_data(call->out), kdst__tensor_data(call->d_out), kdst__tensor_data(call->saved[0]),
        kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_normalize = {
    .name = "normalize",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_out = true,
    KDST__DOMAIN(0.2, 1)};

kdst_status kdst_normalize(kdst_tensor *x, int64_t axis, const kdst_options *options, kdst_tensor **out)
{
    attrs at = {.axis = axis};
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(x->base.ctx);
    kdst_status status = kdst__options_parse(x->base.ctx, "normalize", &kdst__schema_normalize, options, &at);
    return status != KDST_STATUS_OK ? status : kdst__op_run(&kdst__op_normalize, &x, 1, &at, out);
}

/* Both have the axis, whose size is the same: the product would stretch one. */
static kdst_status check_pair(kdst_tensor *a, kdst_tensor *b, int64_t axis)
{
    kdst_context *ctx = a->base.ctx;
    char of_a[KDST__SHAPE_TEXT], of_b[KDST__SHAPE_TEXT];
    const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    const int64_t from_end = axis < 0 ? axis : axis - rank;
    if (from_end < -rank || from_end >= 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "cosine_similarity: axis is %lld, the tensors have rank %d",
            (long long)axis, rank);
    if (from_end < -a->rank || from_end < -b->rank || a->shape[a->rank + from_end] != b->shape[b->rank + from_end])
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "cosine_similarity: a is %s, b is %s: expected the same size along axis %lld",
            kdst__shape_text(a->rank, a->shape, of_a), kdst__shape_text(b->rank, b->shape, of_b), (long long)axis);
    return KDST_STATUS_OK;
}

static kdst_status check_cosine(kdst_tensor *a, kdst_tensor *b, int64_t axis, kdst_tensor **out)
{
    kdst_context *ctx = a->base.ctx;
    if (b == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "cosine_similarity: %s is NULL", b == NULL ? "b" : "out");
    if (b->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "cosine_similarity: b belongs to another context");
    if (!kdst__dtype_is_float(a->dtype) || a->dtype != b->dtype)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "cosine_similarity: a is %s, b is %s: expected float32 or float64, both alike",
            kdst_dtype_get_name(a->dtype), kdst_dtype_get_name(b->dtype));
    return check_pair(a, b, axis);
}

kdst_status
kdst_cosine_similarity(kdst_tensor *a, kdst_tensor *b, int64_t axis, const kdst_options *options, kdst_tensor **out)
{
    attrs at = {0};
    kdst_tensor *unit_a = NULL, *unit_b = NULL, *product = NULL;
    if (out != NULL) *out = NULL;
    if (a == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = a->base.ctx;
    kdst__enter(ctx);
    kdst_status status = kdst__options_parse(ctx, "cosine_similarity", &kdst__schema_cosine_similarity, options, &at);
    if (status == KDST_STATUS_OK) status = check_cosine(a, b, axis, out);
    if (status != KDST_STATUS_OK) return status;
    const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    at.axis = axis < 0 ? axis : axis - rank; /* the same for both, from the end */
    const int64_t axes[] = {at.axis};
    attrs of_b = at;
    status = kdst__op_run(&kdst__op_normalize, &a, 1, &at, &unit_a);
    if (status == KDST_STATUS_OK) status = kdst__op_run(&kdst__op_normalize, &b, 1, &of_b, &unit_b);
    if (status == KDST_STATUS_OK) status = kdst_mul(unit_a, unit_b, &product);
    if (status == KDST_STATUS_OK) status = kdst_sum(product, axes, 1, 0, out);
    kdst__handle_release(product);
    kdst__handle_release(unit_b);
    kdst__handle_release(unit_a);
    return status;
}
