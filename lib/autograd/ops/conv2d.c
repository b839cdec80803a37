/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d: two-dimensional cross-correlation with zero padding, dilation and groups.
 *
 * y[n, o, i, j] = bias[o] + sum_c,k,l x[n, b + c, i stride_h + k dilation_h - padding_h, j stride_w + l dilation_w - padding_w]
 *                                     weight[o, c, k, l], x zero outside;
 * b = (o div (O / G)) (C / G) is the first channel of o's group;
 * OH = floor((H + 2 padding_h - dilation_h (KH - 1) - 1) / stride_h) + 1, OW likewise.
 * dx and dweight are the sums of dy over the same index triples with the other factor; dbias[o] += sum dy[:, o].
 * x [N, C, H, W], weight [O, C / G, KH, KW], bias [O] or NULL, y [N, O, OH, OW]. With the activation relu y is max(y, 0), and dy counts only
 * where not y <= 0; with relu6 it is min(max(y, 0), 6), and dy counts only where 0 < y < 6.
 *
 * The result lies in blocked channels where compute/blocked.h says that it pays; x may then be plain.
 */
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>

#define LARGEST 1000000

static const kdst__option options_table[] = {
    KDST__INTS(kdst__conv2d_attrs, stride, 2, 1, 1, LARGEST, "distance of windows, [vertical, horizontal]"),
    KDST__INTS(kdst__conv2d_attrs, padding, 2, 0, 0, LARGEST, "zeros around the image, [vertical, horizontal]"),
    KDST__INTS(kdst__conv2d_attrs, dilation, 2, 1, 1, LARGEST, "distance of the kernel's taps, [vertical, horizontal]"),
    KDST__INT(kdst__conv2d_attrs, groups, 1, 1, LARGEST, "parts of the channels that do not see each other"),
    KDST__CHOICE(kdst__conv2d_attrs, activation, "none", "none|relu|relu6", "applied to the result"),
};
const kdst__schema kdst__schema_conv2d = {"conv2d", options_table, KDST__COUNT(options_table), NULL, 0};

/* Channels of x, groups and weight fit together. */
static kdst_status check_channels(kdst__call *call, const char *of_x, const char *of_weight)
{
    const int64_t groups = ((const kdst__conv2d_attrs *)call->attrs)->groups;
    const int64_t channels = call->inputs[0]->shape[1], *weight = call->inputs[1]->shape;
    if (channels % groups != 0 || weight[0] % groups != 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "conv2d: x is %s, weight is %s: %" PRId64 " %s channels cannot be cut into %" PRId64 " groups", of_x,
            of_weight, channels % groups != 0 ? channels : weight[0], channels % groups != 0 ? "input" : "output",
            groups);
    if (channels / groups != weight[1])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "conv2d: x is %s, weight is %s: %" PRId64 " channels%s, weight expects %" PRId64, of_x, of_weight,
            channels / groups, groups > 1 ? " a group" : "", weight[1]);
    return KDST_STATUS_OK;
}

/* Sides of the result. */
static kdst_status slide(kdst__call *call, const char *of_x, const char *of_weight)
{
    const kdst__conv2d_attrs *attrs = call->attrs;
    for (int i = 0; i < 2; i++) {
        int64_t size = call->inputs[0]->shape[2 + i], kernel = call->inputs[1]->shape[2 + i], padded, reach;
        if (kernel == 0 || __builtin_add_overflow(size, 2 * attrs->padding[i], &padded) ||
            __builtin_mul_overflow(kernel - 1, attrs->dilation[i], &reach) || padded <= reach)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE,
                "conv2d: x is %s, weight is %s: a kernel of %" PRId64 " does not fit %s %" PRId64
                " with padding %" PRId64 " and dilation %" PRId64,
                of_x, of_weight, kernel, i == 0 ? "height" : "width", size, attrs->padding[i], attrs->dilation[i]);
        call->shape[2 + i] = (padded - reach - 1) / attrs->stride[i] + 1;
    }
    return KDST_STATUS_OK;
}

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *bias = call->inputs[2];
    char of_x[KDST__SHAPE_TEXT], of_weight[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    kdst__shape_text(weight->rank, weight->shape, of_weight);
    if (x->rank != 4 || weight->rank != 4)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "conv2d: x is %s, weight is %s: both must have rank 4", of_x, of_weight);
    kdst_status status = check_channels(call, of_x, of_weight);
    if (status != KDST_STATUS_OK) return status;
    if (bias != NULL && (bias->rank != 1 || bias->shape[0] != weight->shape[0])) {
        char of_bias[KDST__SHAPE_TEXT];
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "conv2d: bias is %s, weight is %s: expected [%" PRId64 "]",
            kdst__shape_text(bias->rank, bias->shape, of_bias), of_weight, weight->shape[0]);
    }
    call->rank = 4;
    call->shape[0] = x->shape[0];
    call->shape[1] = weight->shape[0];
    return slide(call, of_x, of_weight);
}

static kdst__conv2d_shape sizes(const kdst__call *call, const int64_t *y)
{
    const kdst__conv2d_attrs *attrs = call->attrs;
    const int64_t *x = call->inputs[0]->shape, *weight = call->inputs[1]->shape;
    return (kdst__conv2d_shape){
        .n = x[0],
        .c = x[1],
        .h = x[2],
        .w = x[3],
        .o = weight[0],
        .kh = weight[2],
        .kw = weight[3],
        .p = y[2],
        .q = y[3],
        .stride = {attrs->stride[0], attrs->stride[1]},
        .padding = {attrs->padding[0], attrs->padding[1]},
        .dilation = {attrs->dilation[0], attrs->dilation[1]},
        .groups = attrs->groups};
}

static void *data_or_null(const kdst_tensor *t)
{
    return t == NULL ? NULL : kdst__tensor_data(t);
}

static bool blocks(const kdst__call *call)
{
    const kdst__conv2d_shape s = sizes(call, call->shape);
    return s.c > 0 && kdst__conv_blocked_fits(kdst__tensor_compute(call->inputs[0]), &s);
}

/* With the statistics of the result, where they are wanted. */
static kdst_status forward_blocked(kdst__call *call, const kdst__conv2d_shape *s)
{
    const kdst__conv2d_attrs *attrs = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out, *moments = NULL;
    kdst__conv_tail tail = {.bias = data_or_null(call->inputs[2]), .activation = attrs->activation};
    if (attrs->moments) {
        kdst_status status =
            kdst__tensor_new(call->ctx, "conv2d", KDST_DTYPE_FLOAT64, 2, (int64_t[]){2, s->o}, false, &moments);
        if (status != KDST_STATUS_OK) return status;
        tail.mean = kdst__tensor_data(moments);
        tail.var = tail.mean + s->o;
    }
    kdst_status status = kdst__conv_blocked_forward(
        kdst__tensor_compute(y), s, !kdst__tensor_blocked(x), kdst__tensor_data(x), kdst__tensor_data(call->inputs[1]),
        &tail, kdst__tensor_data(y));
    if (status != KDST_STATUS_OK) {
        kdst_tensor_release(moments);
        return kdst__fail_memory(call->ctx, "conv2d");
    }
    y->moments = moments;
    y->moments_version = y->storage->version;
    return KDST_STATUS_OK;
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *y = call->out;
    kdst__conv2d_shape s = sizes(call, y->shape);
    if (call->blocked) return forward_blocked(call, &s);
    kdst__compute *cp = kdst__tensor_compute(y);
    kdst_status status = kdst__conv2d_forward(
        cp, y->dtype, &s, kdst__tensor_data(call->inputs[0]), kdst__tensor_data(call->inputs[1]),
        data_or_null(call->inputs[2]), 0, kdst__tensor_data(y));
    if (status != KDST_STATUS_OK) return kdst__fail_memory(call->ctx, "conv2d");
    const int32_t activation = ((const kdst__conv2d_attrs *)call->attrs)->activation;
    kdst__activate(cp, y->dtype, activation, kdst__tensor_count(y), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward_blocked(kdst__call *call, const kdst__conv2d_shape *s, const float *dy)
{
    kdst_tensor *x = call->inputs[0], *dx = call->d_inputs[0], *dweight = call->d_inputs[1], *dbias = call->d_inputs[2];
    kdst__compute *cp = kdst__tensor_compute(call->d_out);
    kdst_status status = KDST_STATUS_OK;
    if (dweight != NULL || dbias != NULL)
        status = kdst__conv_blocked_backward_weights(
            cp, s, !kdst__tensor_blocked(x), kdst__tensor_data(x), dy, data_or_null(dweight), data_or_null(dbias));
    if (status == KDST_STATUS_OK && dx != NULL)
        status = kdst__conv_blocked_backward_data(
            cp, s, kdst__tensor_data(call->inputs[1]), dy, !(call->fresh & 1), kdst__tensor_data(dx));
    return status;
}

static kdst_status backward_plain(kdst__call *call, const kdst__conv2d_shape *s, const void *dy)
{
    kdst_tensor *dx = call->d_inputs[0], *dweight = call->d_inputs[1], *dbias = call->d_inputs[2];
    kdst__compute *cp = kdst__tensor_compute(call->d_out);
    const kdst_dtype dtype = call->d_out->dtype;
    kdst_status status = KDST_STATUS_OK;
    if (dx != NULL && (call->fresh & 1)) kdst__fill(cp, dtype, kdst__tensor_count(dx), 0, kdst__tensor_data(dx));
    if (dx != NULL)
        status =
            kdst__conv2d_backward_data(cp, dtype, s, kdst__tensor_data(call->inputs[1]), dy, kdst__tensor_data(dx));
    if (status == KDST_STATUS_OK && (dweight != NULL || dbias != NULL))
        status = kdst__conv2d_backward_weights(
            cp, dtype, s, kdst__tensor_data(call->inputs[0]), dy, data_or_null(dweight), data_or_null(dbias));
    return status;
}

static kdst_status backward(kdst__call *call)
{
    const kdst__conv2d_attrs *attrs = call->attrs;
    const kdst__conv2d_shape s = sizes(call, call->d_out->shape);
    kdst_tensor *masked = NULL;
    const void *dy = kdst__tensor_data(call->d_out);
    if (attrs->activation != KDST__FUSED_NONE) {
        kdst_status made = kdst__fused_gradient("conv2d", attrs->activation, call->out, call->d_out, &masked);
        if (made != KDST_STATUS_OK) return made;
        dy = kdst__tensor_data(masked);
    }
    kdst_status status = call->blocked ? backward_blocked(call, &s, dy) : backward_plain(call, &s, dy);
    kdst_tensor_release(masked);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "conv2d");
}

/* The result is read for the mask of an activation alone. */
#define CONV2D                                                                                                         \
  .name = "conv2d", .input_names = {"x", "weight", "bias"}, .min_inputs = 2, .max_inputs = 3,                          \
  .attr_bytes = sizeof(kdst__conv2d_attrs), .attr_schema = &kdst__schema_conv2d, .shape = shape, .forward = forward,   \
  .backward = backward, .blocked_inputs = 1, .plain_too = 1, .blocks = blocks, .writes = 1, .keep_inputs = 3,          \
  KDST__DOMAIN(-1, 1)

const kdst__op kdst__op_conv2d = {CONV2D};
const kdst__op kdst__op_conv2d_relu = {CONV2D, .keep_out = true};

kdst_status kdst__conv2d_run(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst__conv2d_attrs *attrs, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, weight, bias};
    return kdst__op_run(
        attrs->activation == KDST__FUSED_NONE ? &kdst__op_conv2d : &kdst__op_conv2d_relu, inputs, 3, attrs, out);
}

kdst_status
kdst_conv2d(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out)
{
    kdst__conv2d_attrs attrs = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "conv2d", &kdst__schema_conv2d, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__conv2d_run(x, weight, bias, &attrs, out);
}
