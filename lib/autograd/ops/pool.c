/* SPDX-License-Identifier: Apache-2.0 */
/* max_pool2d, avg_pool2d, adaptive_avg_pool2d, global_avg_pool2d: the largest element or the mean of windows.
 *
 * Window (i, j) begins at (i stride_h - padding_h, j stride_w - padding_w); OH = floor((H + 2 padding_h - KH) /
 * stride_h) + 1. In ceil mode the division rounds up, but a last window that would begin behind the image is left out.
 * max: y = max over the window inside the image; dx[argmax] += dy, the first of equals. The argmax is saved.
 * avg: y = sum / M, M the size of the window inside of image and padding, or inside of the image alone; dx += dy / M.
 * adaptive: the same over rows floor(i H / OH) to ceil((i + 1) H / OH) - 1, columns likewise.
 * global: y[n, c] = mean x[n, c, :, :]; dx += dy / (H W).
 */
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>

#define LARGEST 1000000

/* The last option is for means alone. */
static const kdst__option options_table[] = {
    KDST__INTS(kdst__pool2d_attrs, kernel, 2, 2, 1, LARGEST, "size of windows, [vertical, horizontal]"),
    KDST__INTS(
        kdst__pool2d_attrs, stride, 2, 0, 0, LARGEST, "distance of windows, [vertical, horizontal]; 0: the kernel"),
    KDST__INTS(kdst__pool2d_attrs, padding, 2, 0, 0, LARGEST, "border around the image, at most half the kernel"),
    KDST__INT(kdst__pool2d_attrs, ceil_mode, 0, 0, 1, "1: a last window may leave image and padding"),
    KDST__INT(kdst__pool2d_attrs, count_include_pad, 1, 0, 1, "1: zeros of the padding count in the mean"),
};
const kdst__schema kdst__schema_max_pool2d = {"max_pool2d", options_table, KDST__COUNT(options_table) - 1, NULL, 0};
const kdst__schema kdst__schema_avg_pool2d = {"avg_pool2d", options_table, KDST__COUNT(options_table), NULL, 0};

/* Less than 1: the kernel does not fit. */
static int64_t window_count(int64_t size, int64_t padding, int64_t kernel, int64_t stride, int64_t ceil_mode)
{
    int64_t room = size + 2 * padding - kernel;
    if (!ceil_mode) return room < 0 ? 0 : room / stride + 1;
    int64_t count = room + stride - 1 < 0 ? 0 : (room + stride - 1) / stride + 1;
    return count > 1 && (count - 1) * stride >= size + padding ? count - 1 : count;
}

/* Also puts the kernel where the stride is 0. */
static kdst_status window_shape(kdst__call *call)
{
    kdst__pool2d_attrs *attrs = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__op_need_rank(call, 0, 4, "x");
    if (status != KDST_STATUS_OK) return status;
    call->rank = 4;
    call->shape[0] = x->shape[0];
    call->shape[1] = x->shape[1];
    for (int i = 0; i < 2; i++) {
        int64_t kernel = attrs->kernel[i], padding = attrs->padding[i], size = x->shape[2 + i], padded;
        if (padding > kernel / 2)
            return kdst__fail(
                call->ctx, KDST_STATUS_INVALID_ARGUMENT,
                "%s: padding is %" PRId64 ", allowed is 0 to %" PRId64 ", half the kernel", call->op->name, padding,
                kernel / 2);
        if (attrs->stride[i] == 0) attrs->stride[i] = kernel;
        if (!__builtin_add_overflow(size, 2 * padding + attrs->stride[i], &padded) && size > 0)
            call->shape[2 + i] = window_count(size, padding, kernel, attrs->stride[i], attrs->ceil_mode);
        else
            call->shape[2 + i] = 0;
        if (call->shape[2 + i] < 1)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE,
                "%s: x is %s: a kernel of %" PRId64 " does not fit %s %" PRId64 " with padding %" PRId64,
                call->op->name, kdst__shape_text(x->rank, x->shape, text), kernel, i == 0 ? "height" : "width", size,
                padding);
    }
    return KDST_STATUS_OK;
}

static kdst_status global_shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__op_need_rank(call, 0, 4, "x");
    if (status != KDST_STATUS_OK) return status;
    if (x->shape[2] * x->shape[3] == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "global_avg_pool2d: x is %s: an image without pixels has no mean",
            kdst__shape_text(x->rank, x->shape, text));
    call->rank = 2;
    call->shape[0] = x->shape[0];
    call->shape[1] = x->shape[1];
    return KDST_STATUS_OK;
}

static kdst__pool2d_shape sizes(const kdst__call *call, const kdst_tensor *x, const kdst_tensor *y)
{
    const kdst__pool2d_attrs *attrs = call->attrs;
    return (kdst__pool2d_shape){
        .n = x->shape[0],
        .c = x->shape[1],
        .h = x->shape[2],
        .w = x->shape[3],
        .kh = attrs->kernel[0],
        .kw = attrs->kernel[1],
        .p = y->shape[2],
        .q = y->shape[3],
        .stride = {attrs->stride[0], attrs->stride[1]},
        .padding = {attrs->padding[0], attrs->padding[1]},
        .count_include_pad = (int32_t)attrs->count_include_pad};
}

static kdst_status max_shape(kdst__call *call)
{
    kdst_status status = window_shape(call);
    const int64_t *size = call->inputs[0]->shape;
    if (status == KDST_STATUS_OK && size[2] > INT32_MAX / size[3])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "max_pool2d: height %" PRId64 " and width %" PRId64 " give too many pixels",
            size[2], size[3]);
    return status;
}

/* The plain functions add. */
static void begin_plain(const kdst__call *call, kdst_tensor *dx)
{
    if (call->fresh & 1)
        kdst__fill(kdst__tensor_compute(dx), dx->dtype, kdst__tensor_count(dx), 0, kdst__tensor_data(dx));
}

static kdst_status max_forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    kdst__pool2d_shape s = sizes(call, x, y);
    const int64_t room = kdst__tensor_room(y); /* the indices lie as y does */
    if (call->recording) {
        kdst_status status =
            kdst__tensor_new(call->ctx, "max_pool2d", KDST_DTYPE_INT32, 1, &room, false, &call->saved[0]);
        if (status != KDST_STATUS_OK) return status;
    }
    int32_t *argmax = call->recording ? kdst__tensor_data(call->saved[0]) : NULL;
    if (call->blocked)
        kdst__blocked_max_pool2d(kdst__tensor_compute(x), &s, kdst__tensor_data(x), kdst__tensor_data(y), argmax);
    else
        kdst__max_pool2d(kdst__tensor_compute(x), x->dtype, &s, kdst__tensor_data(x), kdst__tensor_data(y), argmax);
    return KDST_STATUS_OK;
}

static kdst_status max_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL) return KDST_STATUS_OK;
    kdst__pool2d_shape s = sizes(call, dx, dy);
    if (call->blocked) {
        kdst__blocked_max_pool2d_backward(
            kdst__tensor_compute(dx), &s, kdst__tensor_data(dy), kdst__tensor_data(call->saved[0]), !(call->fresh & 1),
            kdst__tensor_data(dx));
        return KDST_STATUS_OK;
    }
    begin_plain(call, dx);
    kdst__max_pool2d_backward(
        kdst__tensor_compute(dx), dx->dtype, &s, kdst__tensor_data(dy), kdst__tensor_data(call->saved[0]),
        kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

static kdst_status avg_forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    kdst__pool2d_shape s = sizes(call, x, y);
    if (call->blocked)
        kdst__blocked_avg_pool2d(kdst__tensor_compute(x), &s, kdst__tensor_data(x), kdst__tensor_data(y));
    else
        kdst__avg_pool2d(kdst__tensor_compute(x), x->dtype, &s, kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status avg_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL) return KDST_STATUS_OK;
    kdst__pool2d_shape s = sizes(call, dx, dy);
    if (call->blocked) {
        kdst__blocked_avg_pool2d_backward(
            kdst__tensor_compute(dx), &s, kdst__tensor_data(dy), !(call->fresh & 1), kdst__tensor_data(dx));
        return KDST_STATUS_OK;
    }
    begin_plain(call, dx);
    kdst__avg_pool2d_backward(kdst__tensor_compute(dx), dx->dtype, &s, kdst__tensor_data(dy), kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

static kdst_status global_forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    const int64_t n = x->shape[0], c = x->shape[1], s = x->shape[2] * x->shape[3];
    kdst__compute *cp = kdst__tensor_compute(x);
    if (call->blocked)
        kdst__blocked_mean(cp, n, c, s, kdst__tensor_data(x), kdst__tensor_data(y));
    else
        kdst__row_mean(cp, x->dtype, n * c, s, kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status global_backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    if (dx == NULL) return KDST_STATUS_OK;
    const int64_t n = dx->shape[0], c = dx->shape[1], s = dx->shape[2] * dx->shape[3];
    kdst__compute *cp = kdst__tensor_compute(dx);
    if (call->blocked) {
        kdst__blocked_mean_backward(
            cp, n, c, s, kdst__tensor_data(call->d_out), !(call->fresh & 1), kdst__tensor_data(dx));
        return KDST_STATUS_OK;
    }
    begin_plain(call, dx);
    kdst__row_mean_backward(cp, dx->dtype, n * c, s, kdst__tensor_data(call->d_out), kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_max_pool2d = {
    .name = "max_pool2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(kdst__pool2d_attrs),
    .attr_schema = &kdst__schema_max_pool2d,
    .shape = max_shape,
    .forward = max_forward,
    .backward = max_backward,
    .blocked_inputs = 1,
    .writes = 1,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_avg_pool2d = {
    .name = "avg_pool2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(kdst__pool2d_attrs),
    .attr_schema = &kdst__schema_avg_pool2d,
    .shape = window_shape,
    .forward = avg_forward,
    .backward = avg_backward,
    .blocked_inputs = 1,
    .writes = 1,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_global_avg_pool2d = {
    .name = "global_avg_pool2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = global_shape,
    .forward = global_forward,
    .backward = global_backward,
    .blocked_inputs = 1,
    .plain_out = true,
    .writes = 1,
    KDST__DOMAIN(-1, 1)};

/* The shape rule fills in strides, hence the copy. */
kdst_status kdst__max_pool2d_run(kdst_tensor *x, const kdst__pool2d_attrs *attrs, kdst_tensor **out)
{
    kdst__pool2d_attrs own = *attrs;
    return kdst__op_run(&kdst__op_max_pool2d, &x, 1, &own, out);
}

kdst_status kdst__avg_pool2d_run(kdst_tensor *x, const kdst__pool2d_attrs *attrs, kdst_tensor **out)
{
    kdst__pool2d_attrs own = *attrs;
    return kdst__op_run(&kdst__op_avg_pool2d, &x, 1, &own, out);
}

kdst_status kdst_global_avg_pool2d(kdst_tensor *x, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_global_avg_pool2d, &x, 1, NULL, out);
}

kdst_status kdst_max_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    kdst__pool2d_attrs attrs = {{2, 2}, {0, 0}, {0, 0}, 0, 1};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "max_pool2d", &kdst__schema_max_pool2d, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__max_pool2d_run(x, &attrs, out);
}

kdst_status kdst_avg_pool2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    kdst__pool2d_attrs attrs = {{2, 2}, {0, 0}, {0, 0}, 0, 1};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "avg_pool2d", &kdst__schema_avg_pool2d, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__avg_pool2d_run(x, &attrs, out);
}
