/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d: two-dimensional cross-correlation with zero padding.
 *
 * y[n, o, i, j] = bias[o] + sum_c,k,l x[n, c, i stride_h + k - padding_h, j stride_w + l - padding_w] weight[o, c, k,
 * l],
 * with x zero outside; OH = floor((H + 2 padding_h - KH) / stride_h) + 1, OW likewise.
 * dx and dweight are the sums of dy over the same index triples with the other factor; dbias[o] += sum dy[:, o].
 * x [N, C, H, W], weight [O, C, KH, KW], bias [O] or NULL, y [N, O, OH, OW].
 */
#include "autograd/ops.h"

#include <inttypes.h>

#define LARGEST 1000000

static const kdst__option options_table[] = {
    KDST__INTS(kdst__conv2d_attrs, stride, 2, 1, 1, LARGEST, "distance of windows, [vertical, horizontal]"),
    KDST__INTS(kdst__conv2d_attrs, padding, 2, 0, 0, LARGEST, "zeros around the image, [vertical, horizontal]"),
};
const kdst__schema kdst__schema_conv2d = {"conv2d", options_table, KDST__COUNT(options_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const kdst__conv2d_attrs *attrs = call->attrs;
    const kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *bias = call->inputs[2];
    char of_x[KDST__SHAPE_TEXT], of_weight[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    kdst__shape_text(weight->rank, weight->shape, of_weight);
    if (x->rank != 4 || weight->rank != 4)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "conv2d: x is %s, weight is %s: both must have rank 4", of_x, of_weight);
    if (x->shape[1] != weight->shape[1])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "conv2d: x is %s, weight is %s: %" PRId64 " channels, weight expects %" PRId64, of_x, of_weight,
            x->shape[1], weight->shape[1]);
    if (bias != NULL && (bias->rank != 1 || bias->shape[0] != weight->shape[0])) {
        char of_bias[KDST__SHAPE_TEXT];
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "conv2d: bias is %s, weight is %s: expected [%" PRId64 "]",
            kdst__shape_text(bias->rank, bias->shape, of_bias), of_weight, weight->shape[0]);
    }
    call->rank = 4;
    call->shape[0] = x->shape[0];
    call->shape[1] = weight->shape[0];
    for (int i = 0; i < 2; i++) {
        int64_t padded, kernel = weight->shape[2 + i];
        if (kernel == 0 || __builtin_add_overflow(x->shape[2 + i], 2 * attrs->padding[i], &padded) || padded < kernel)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE,
                "conv2d: x is %s, weight is %s: a kernel of %" PRId64 " does not fit %s %" PRId64
                " with padding %" PRId64,
                of_x, of_weight, kernel, i == 0 ? "height" : "width", x->shape[2 + i], attrs->padding[i]);
        call->shape[2 + i] = (padded - kernel) / attrs->stride[i] + 1;
    }
    return KDST_STATUS_OK;
}

static kdst__conv2d_shape sizes(const kdst__call *call, const kdst_tensor *y)
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
        .p = y->shape[2],
        .q = y->shape[3],
        .stride = {attrs->stride[0], attrs->stride[1]},
        .padding = {attrs->padding[0], attrs->padding[1]},
        .dilation = {1, 1},
        .groups = 1};
}

static void *data_or_null(const kdst_tensor *t)
{
    return t == NULL ? NULL : kdst__tensor_data(t);
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *y = call->out;
    kdst__conv2d_shape s = sizes(call, y);
    kdst_status status = kdst__conv2d_forward(
        kdst__tensor_compute(y), y->dtype, &s, kdst__tensor_data(call->inputs[0]), kdst__tensor_data(call->inputs[1]),
        data_or_null(call->inputs[2]), kdst__tensor_data(y));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "conv2d");
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dy = call->d_out, *dx = call->d_inputs[0], *dweight = call->d_inputs[1], *dbias = call->d_inputs[2];
    kdst__compute *cp = kdst__tensor_compute(dy);
    kdst__conv2d_shape s = sizes(call, dy);
    const void *g = kdst__tensor_data(dy);
    kdst_status status = KDST_STATUS_OK;
    if (dx != NULL)
        status =
            kdst__conv2d_backward_data(cp, dy->dtype, &s, kdst__tensor_data(call->inputs[1]), g, kdst__tensor_data(dx));
    if (status == KDST_STATUS_OK && (dweight != NULL || dbias != NULL))
        status = kdst__conv2d_backward_weights(
            cp, dy->dtype, &s, kdst__tensor_data(call->inputs[0]), g, data_or_null(dweight), data_or_null(dbias));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "conv2d");
}

const kdst__op kdst__op_conv2d = {
    .name = "conv2d",
    .min_inputs = 2,
    .max_inputs = 3,
    .attr_bytes = sizeof(kdst__conv2d_attrs),
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 3,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__conv2d_run(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst__conv2d_attrs *attrs, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, weight, bias};
    return kdst__op_run(&kdst__op_conv2d, inputs, 3, attrs, out);
}

kdst_status
kdst_conv2d(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out)
{
    kdst__conv2d_attrs attrs = {{1, 1}, {0, 0}};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "conv2d", &kdst__schema_conv2d, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__conv2d_run(x, weight, bias, &attrs, out);
}
