/* SPDX-License-Identifier: Apache-2.0 */
/* conv_transpose2d: the transposed map of a convolution, as PyTorch defines it (Zeiler et al. 2010).
 *
 * y[n, o, i stride_h + k dilation_h - padding_h, j stride_w + l dilation_w - padding_w] += x[n, c, i, j] weight[c, o, k, l], plus bias[o];
 * OH = (H - 1) stride_h - 2 padding_h + dilation_h (KH - 1) + output_padding_h + 1, OW likewise. It is the gradient of the data of a
 * conv2d that makes x's shape from y's; so its own gradient of the data is that convolution's forward pass, and the gradient
 * of the weight that convolution's with x and dy in exchanged parts.
 * x [N, C, H, W], weight [C, O / G, KH, KW], bias [O] or NULL, y [N, O, OH, OW].
 */
#include "autograd/ops.h"

#include <inttypes.h>

#define LARGEST 1000000

static const kdst__option options_table[] = {
    KDST__INTS(kdst__conv_transpose2d_attrs, stride, 2, 1, 1, LARGEST, "distance of x's elements in the result"),
    KDST__INTS(kdst__conv_transpose2d_attrs, padding, 2, 0, 0, LARGEST, "border of the result that is left out"),
    KDST__INTS(
        kdst__conv_transpose2d_attrs, output_padding, 2, 0, 0, LARGEST,
        "rows and columns more at the end; less than stride or dilation"),
    KDST__INTS(kdst__conv_transpose2d_attrs, dilation, 2, 1, 1, LARGEST, "distance of the kernel's taps"),
    KDST__INT(kdst__conv_transpose2d_attrs, groups, 1, 1, LARGEST, "parts of the channels that do not see each other"),
};
const kdst__schema kdst__schema_conv_transpose2d = {
    "conv_transpose2d", options_table, KDST__COUNT(options_table), NULL, 0};

static kdst_status check_channels(kdst__call *call, const char *of_x, const char *of_weight)
{
    const kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *bias = call->inputs[2];
    const int64_t groups = ((const kdst__conv_transpose2d_attrs *)call->attrs)->groups;
    int64_t results;
    if (x->shape[1] != weight->shape[0])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "conv_transpose2d: x is %s, weight is %s: %" PRId64 " channels, weight expects %" PRId64, of_x, of_weight,
            x->shape[1], weight->shape[0]);
    if (x->shape[1] % groups != 0 || __builtin_mul_overflow(weight->shape[1], groups, &results))
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "conv_transpose2d: x is %s, weight is %s: %" PRId64 " input channels cannot be cut into %" PRId64 " groups",
            of_x, of_weight, x->shape[1], groups);
    if (bias != NULL && (bias->rank != 1 || bias->shape[0] != results)) {
        char of_bias[KDST__SHAPE_TEXT];
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "conv_transpose2d: bias is %s, weight is %s: expected [%" PRId64 "]",
            kdst__shape_text(bias->rank, bias->shape, of_bias), of_weight, results);
    }
    call->shape[1] = results;
    return KDST_STATUS_OK;
}

/* Side `axis` of the result. */
static kdst_status grow(kdst__call *call, int axis, const char *of_x, const char *of_weight)
{
    const kdst__conv_transpose2d_attrs *a = call->attrs;
    const int64_t size = call->inputs[0]->shape[2 + axis], kernel = call->inputs[1]->shape[2 + axis];
    const int64_t most = a->stride[axis] > a->dilation[axis] ? a->stride[axis] : a->dilation[axis];
    const char *side = axis == 0 ? "height" : "width";
    int64_t reach, side_size;
    if (a->output_padding[axis] >= most)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "conv_transpose2d: output_padding is %" PRId64 ", allowed is less than stride or dilation, %" PRId64,
            a->output_padding[axis], most);
    if (size == 0 || kernel == 0 || __builtin_mul_overflow(size - 1, a->stride[axis], &side_size) ||
        __builtin_mul_overflow(kernel - 1, a->dilation[axis], &reach) ||
        __builtin_add_overflow(side_size, reach, &side_size) ||
        __builtin_add_overflow(side_size, a->output_padding[axis] + 1 - 2 * a->padding[axis], &side_size) ||
        side_size < 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "conv_transpose2d: x is %s, weight is %s: no result of %s %" PRId64 " with a kernel of %" PRId64
            " and padding %" PRId64,
            of_x, of_weight, side, size, kernel, a->padding[axis]);
    call->shape[2 + axis] = side_size;
    return KDST_STATUS_OK;
}

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0], *weight = call->inputs[1];
    char of_x[KDST__SHAPE_TEXT], of_weight[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    kdst__shape_text(weight->rank, weight->shape, of_weight);
    if (x->rank != 4 || weight->rank != 4)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "conv_transpose2d: x is %s, weight is %s: both must have rank 4", of_x,
            of_weight);
    call->rank = 4;
    call->shape[0] = x->shape[0];
    kdst_status status = check_channels(call, of_x, of_weight);
    if (status == KDST_STATUS_OK) status = grow(call, 0, of_x, of_weight);
    return status == KDST_STATUS_OK ? grow(call, 1, of_x, of_weight) : status;
}

/* The convolution from y's shape to x's. */
static kdst__conv2d_shape sizes(const kdst__call *call, const kdst_tensor *y)
{
    const kdst__conv_transpose2d_attrs *a = call->attrs;
    const int64_t *x = call->inputs[0]->shape, *weight = call->inputs[1]->shape;
    return (kdst__conv2d_shape){
        .n = x[0],
        .c = y->shape[1],
        .h = y->shape[2],
        .w = y->shape[3],
        .o = x[1],
        .kh = weight[2],
        .kw = weight[3],
        .p = x[2],
        .q = x[3],
        .stride = {a->stride[0], a->stride[1]},
        .padding = {a->padding[0], a->padding[1]},
        .dilation = {a->dilation[0], a->dilation[1]},
        .groups = a->groups};
}

/* The result begins as the bias. */
static void begin(kdst_tensor *y, const kdst_tensor *bias)
{
    const int64_t plane = y->shape[2] * y->shape[3], shape[3] = {y->shape[0], y->shape[1], plane};
    kdst__compute *cp = kdst__tensor_compute(y);
    if (bias == NULL)
        kdst__fill(cp, y->dtype, kdst__tensor_count(y), 0, kdst__tensor_data(y));
    else
        kdst__copy_strided(
            cp, y->dtype, 3, shape, 1, kdst__tensor_data(bias), (const int64_t[]){0, 1, 0}, 0, kdst__tensor_data(y),
            (const int64_t[]){y->shape[1] * plane, plane, 1});
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *y = call->out;
    kdst__conv2d_shape s = sizes(call, y);
    begin(y, call->inputs[2]);
    kdst_status status = kdst__conv2d_backward_data(
        kdst__tensor_compute(y), y->dtype, &s, kdst__tensor_data(call->inputs[1]), kdst__tensor_data(call->inputs[0]),
        kdst__tensor_data(y));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "conv_transpose2d");
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dy = call->d_out, *dx = call->d_inputs[0], *dweight = call->d_inputs[1], *dbias = call->d_inputs[2];
    kdst__compute *cp = kdst__tensor_compute(dy);
    const kdst__conv2d_shape s = sizes(call, dy);
    const kdst__conv2d_shape of_bias = {.n = s.n, .o = s.c, .p = s.h, .q = s.w, .groups = 1};
    const void *g = kdst__tensor_data(dy);
    kdst_status status = KDST_STATUS_OK;
    if (dx != NULL)
        status = kdst__conv2d_forward(
            cp, dy->dtype, &s, g, kdst__tensor_data(call->inputs[1]), NULL, 1, kdst__tensor_data(dx));
    if (status == KDST_STATUS_OK && dweight != NULL)
        status = kdst__conv2d_backward_weights(
            cp, dy->dtype, &s, g, kdst__tensor_data(call->inputs[0]), kdst__tensor_data(dweight), NULL);
    if (status == KDST_STATUS_OK && dbias != NULL)
        status = kdst__conv2d_backward_weights(cp, dy->dtype, &of_bias, NULL, g, NULL, kdst__tensor_data(dbias));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "conv_transpose2d");
}

const kdst__op kdst__op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .input_names = {"x", "weight", "bias"},
    .min_inputs = 2,
    .max_inputs = 3,
    .attr_bytes = sizeof(kdst__conv_transpose2d_attrs),
    .attr_schema = &kdst__schema_conv_transpose2d,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 3,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__conv_transpose2d_run(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst__conv_transpose2d_attrs *attrs,
    kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, weight, bias};
    return kdst__op_run(&kdst__op_conv_transpose2d, inputs, 3, attrs, out);
}

kdst_status kdst_conv_transpose2d(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst_options *options, kdst_tensor **out)
{
    kdst__conv_transpose2d_attrs attrs = {{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status =
            kdst__options_parse(x->base.ctx, "conv_transpose2d", &kdst__schema_conv_transpose2d, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__conv_transpose2d_run(x, weight, bias, &attrs, out);
}
