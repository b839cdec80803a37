/* SPDX-License-Identifier: Apache-2.0 */
/* concat and stack: any number of tensors behind each other along an axis, an existing or a new one.
 *
 * concat: y[.. b_i + j ..] = x_i[.. j ..] with b_i the sizes before x_i; stack: y[.. i ..] = x_i.
 * dx_i += the same part of dy. Any element type, the same for all; recorded for floating point. Inputs may have any
 * strides; each is copied in one pass, cut by its shape.
 */
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t axis;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "where the tensors lie behind each other"),
};
static const kdst__schema concat_attrs = {"concat", attr_table, KDST__COUNT(attr_table), NULL, 0};
static const kdst__schema stack_attrs = {"stack", attr_table, KDST__COUNT(attr_table), NULL, 0};

/* Equal types, and equal shapes but for `axis` (-1: no exception). */
static kdst_status check_alike(kdst__call *call, int64_t axis)
{
    const kdst_tensor *first = call->inputs[0];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    for (int32_t i = 1; i < call->count; i++) {
        const kdst_tensor *t = call->inputs[i];
        if (t->dtype != first->dtype)
            return kdst__fail(
                call->ctx, KDST_STATUS_DTYPE, "%s: tensor %d is %s, the first %s", call->op->name, i,
                kdst_dtype_get_name(t->dtype), kdst_dtype_get_name(first->dtype));
        bool alike = t->rank == first->rank;
        for (int32_t k = 0; alike && k < t->rank; k++)
            alike = k == axis || t->shape[k] == first->shape[k];
        if (!alike)
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE, "%s: tensor %d is %s, the first %s", call->op->name, i,
                kdst__shape_text(t->rank, t->shape, a), kdst__shape_text(first->rank, first->shape, b));
    }
    return KDST_STATUS_OK;
}

static kdst_status concat_shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_status status = kdst__tensor_axis("concat", call->inputs[0], at->axis, &at->axis);
    if (status == KDST_STATUS_OK) status = check_alike(call, at->axis);
    if (status != KDST_STATUS_OK) return status;
    status = kdst__op_same_as_input(call);
    int64_t *size = &call->shape[at->axis];
    for (int32_t i = 1; i < call->count; i++)
        if (__builtin_add_overflow(*size, call->inputs[i]->shape[at->axis], size))
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE, "concat: axis %" PRId64 " grows too large at tensor %d", at->axis, i);
    return status;
}

static kdst_status stack_shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    int64_t rank = x->rank;
    if (rank == KDST__MAX_RANK)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "stack: the tensors have rank %d, allowed is 0 to %d", KDST__MAX_RANK,
            KDST__MAX_RANK - 1);
    if (at->axis < -rank - 1 || at->axis > rank)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "stack: axis is %" PRId64 ", allowed is %" PRId64 " to %" PRId64,
            at->axis, -rank - 1, rank);
    if (at->axis < 0) at->axis += rank + 1;
    call->rank = (int32_t)rank + 1;
    memcpy(call->shape, x->shape, (size_t)at->axis * sizeof *x->shape);
    call->shape[at->axis] = call->count;
    memcpy(call->shape + at->axis + 1, x->shape + at->axis, (size_t)(rank - at->axis) * sizeof *x->shape);
    return check_alike(call, -1);
}

/* Strides of y for the axes of an input: without the one that stack adds. */
static void part_strides(const kdst_tensor *x, const kdst_tensor *y, int64_t axis, int64_t stride[KDST__MAX_RANK])
{
    for (int32_t i = 0; i < x->rank; i++)
        stride[i] = y->stride[y->rank > x->rank && i >= axis ? i + 1 : i];
}

/* Where the part of tensor i begins along the axis, by its size there (concat) or one after the other (stack). */
static int64_t next_begin(const kdst_tensor *x, const kdst_tensor *y, int64_t axis, int64_t begin)
{
    return begin + (y->rank > x->rank ? 1 : x->shape[axis]);
}

static void copy_part(kdst_tensor *x, kdst_tensor *y, int64_t axis, int64_t begin)
{
    int64_t stride[KDST__MAX_RANK];
    char *to = (char *)kdst__tensor_data(y) + begin * y->stride[axis] * kdst_dtype_get_size(y->dtype);
    part_strides(x, y, axis, stride);
    if (kdst__dtype_is_float(y->dtype))
        kdst__copy_strided(
            kdst__tensor_compute(y), y->dtype, x->rank, x->shape, 1, kdst__tensor_data(x), x->stride, 0, to, stride);
    else
        kdst__layout_copy(x->rank, x->shape, (kdst__layout){y->dtype, to, stride}, kdst__tensor_layout(x));
}

/* Channels of blocked tensors go side by side. More of them than a mask has bits are made plain. */
static bool blocks(const kdst__call *call)
{
    bool any = false;
    for (int32_t i = 0; i < call->count; i++)
        any |= kdst__tensor_blocked(call->inputs[i]);
    return any && call->count <= 32 && ((const attrs *)call->attrs)->axis == 1;
}

static void copy_blocked(kdst_tensor *x, kdst_tensor *y, int64_t begin)
{
    kdst__blocked_move_channels(
        kdst__tensor_compute(y), y->shape[0], y->shape[2] * y->shape[3], x->shape[1], 0, x->shape[1],
        kdst__tensor_data(x), y->shape[1], begin, 0, kdst__tensor_data(y));
}

/* Saves the beginnings for backward, which does not see the inputs; as float64, which has no smaller limit than a size. */
static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    int64_t begin = 0, count = call->count;
    double *begins = NULL;
    if (call->recording) {
        kdst_status status =
            kdst__tensor_new(call->ctx, call->op->name, KDST_DTYPE_FLOAT64, 1, &count, false, &call->saved[0]);
        if (status != KDST_STATUS_OK) return status;
        begins = kdst__tensor_data(call->saved[0]);
    }
    if (call->blocked && call->shape[1] % kdst__blocked_width(kdst__tensor_compute(call->out)) != 0)
        memset(call->out->storage->data, 0, call->out->storage->bytes); /* the lanes behind the last channel */
    for (int64_t i = 0; i < count; i++) {
        kdst_tensor *x = call->inputs[i];
        if (begins != NULL) begins[i] = (double)begin;
        if (kdst__tensor_count(x) > 0 && call->blocked)
            copy_blocked(x, call->out, begin);
        else if (kdst__tensor_count(x) > 0)
            copy_part(x, call->out, at->axis, begin);
        begin = next_begin(x, call->out, at->axis, begin);
    }
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    const double *begins = kdst__tensor_data(call->saved[0]);
    kdst_tensor *dy = call->d_out;
    int64_t stride[KDST__MAX_RANK], step = dy->stride[at->axis] * kdst_dtype_get_size(dy->dtype);
    for (int32_t i = 0; i < call->count; i++) {
        kdst_tensor *dx = call->d_inputs[i];
        if (dx == NULL || kdst__tensor_count(dx) == 0) continue;
        if (call->blocked) {
            kdst__blocked_move_channels(
                kdst__tensor_compute(dx), dy->shape[0], dy->shape[2] * dy->shape[3], dy->shape[1], (int64_t)begins[i],
                dx->shape[1], kdst__tensor_data(dy), dx->shape[1], 0, 1, kdst__tensor_data(dx));
            continue;
        }
        const char *from = (const char *)kdst__tensor_data(dy) + (int64_t)begins[i] * step;
        part_strides(dx, dy, at->axis, stride);
        kdst__copy_strided(
            kdst__tensor_compute(dx), dx->dtype, dx->rank, dx->shape, 1, from, stride, 1, kdst__tensor_data(dx),
            dx->stride);
    }
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_concat = {
    .name = "concat",
    .min_inputs = KDST__MOST_INPUTS,
    .max_inputs = KDST__MOST_INPUTS,
    .any_dtype = true,
    .strided = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &concat_attrs,
    .shape = concat_shape,
    .forward = forward,
    .backward = backward,
    .blocked_inputs = UINT32_MAX,
    .blocks = blocks,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_stack = {
    .name = "stack",
    .min_inputs = KDST__MOST_INPUTS,
    .max_inputs = KDST__MOST_INPUTS,
    .any_dtype = true,
    .strided = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &stack_attrs,
    .shape = stack_shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

/* min_inputs is above any count: none of the tensors may be NULL. */
static kdst_status run(const kdst__op *op, kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out)
{
    attrs at = {axis};
    if (out != NULL) *out = NULL;
    if (tensors == NULL || count < 1 || tensors[0] == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    if (count > KDST__MOST_INPUTS) {
        kdst__enter(tensors[0]->base.ctx);
        return kdst__fail(
            tensors[0]->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: count is %" PRId64 ", allowed is 1 to %d",
            op->name, count, KDST__MOST_INPUTS);
    }
    return kdst__op_run(op, tensors, (int32_t)count, &at, out);
}

kdst_status kdst_concat(kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out)
{
    return run(&kdst__op_concat, tensors, count, axis, out);
}

kdst_status kdst_stack(kdst_tensor *const *tensors, int64_t count, int64_t axis, kdst_tensor **out)
{
    return run(&kdst__op_stack, tensors, count, axis, out);
}
