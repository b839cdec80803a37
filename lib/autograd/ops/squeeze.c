/* SPDX-License-Identifier: Apache-2.0 */
/* squeeze and unsqueeze: takes an axis of size 1 away, or puts one in. Always views; dx += dy in the other shape.
 *
 * Any element type; recorded for floating point.
 */
#include "autograd/ops.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t axis;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that goes or comes"),
};
static const kdst__schema squeeze_attrs = {"squeeze", attr_table, KDST__COUNT(attr_table), NULL, 0};
static const kdst__schema unsqueeze_attrs = {"unsqueeze", attr_table, KDST__COUNT(attr_table), NULL, 0};

/* values without entry `axis`, into `to` [count - 1]. */
static void without(int64_t *to, const int64_t *values, int32_t count, int64_t axis)
{
    memcpy(to, values, (size_t)axis * sizeof *to);
    memcpy(to + axis, values + axis + 1, (size_t)(count - axis - 1) * sizeof *to);
}

/* values with `entry` in front of entry `axis`, into `to` [count + 1]. */
static void with(int64_t *to, const int64_t *values, int32_t count, int64_t axis, int64_t entry)
{
    memcpy(to, values, (size_t)axis * sizeof *to);
    to[axis] = entry;
    memcpy(to + axis + 1, values + axis, (size_t)(count - axis) * sizeof *to);
}

static kdst_status squeeze_shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__tensor_axis("squeeze", x, at->axis, &at->axis);
    if (status != KDST_STATUS_OK) return status;
    if (x->shape[at->axis] != 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "squeeze: x is %s: axis %" PRId64 " has size %" PRId64 ", expected 1",
            kdst__shape_text(x->rank, x->shape, text), at->axis, x->shape[at->axis]);
    call->rank = x->rank - 1;
    without(call->shape, x->shape, x->rank, at->axis);
    return KDST_STATUS_OK;
}

static kdst_status unsqueeze_shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    int64_t rank = x->rank;
    if (rank == KDST__MAX_RANK)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "unsqueeze: x has rank %d, allowed is 0 to %d", KDST__MAX_RANK,
            KDST__MAX_RANK - 1);
    if (at->axis < -rank - 1 || at->axis > rank)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "unsqueeze: axis is %" PRId64 ", allowed is %" PRId64 " to %" PRId64, at->axis, -rank - 1, rank);
    if (at->axis < 0) at->axis += rank + 1;
    call->rank = x->rank + 1;
    with(call->shape, x->shape, x->rank, at->axis, 1);
    return KDST_STATUS_OK;
}

static kdst_status squeeze_forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    int64_t stride[KDST__MAX_RANK];
    without(stride, x->stride, x->rank, at->axis);
    return kdst__tensor_view("squeeze", x, call->rank, call->shape, stride, x->offset, &call->out);
}

static kdst_status unsqueeze_forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    int64_t stride[KDST__MAX_RANK], step = at->axis < x->rank ? x->stride[at->axis] * x->shape[at->axis] : 1;
    with(stride, x->stride, x->rank, at->axis, step);
    return kdst__tensor_view("unsqueeze", x, call->rank, call->shape, stride, x->offset, &call->out);
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    if (dx != NULL)
        kdst__add_into(
            kdst__tensor_compute(dx), dx->dtype, kdst__tensor_count(dx), 1, kdst__tensor_data(call->d_out),
            kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_squeeze = {
    .name = "squeeze",
    .min_inputs = 1,
    .max_inputs = 1,
    .any_dtype = true,
    .strided = true,
    .makes_out = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &squeeze_attrs,
    .shape = squeeze_shape,
    .forward = squeeze_forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_unsqueeze = {
    .name = "unsqueeze",
    .min_inputs = 1,
    .max_inputs = 1,
    .any_dtype = true,
    .strided = true,
    .makes_out = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &unsqueeze_attrs,
    .shape = unsqueeze_shape,
    .forward = unsqueeze_forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_squeeze(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    attrs at = {axis};
    return kdst__op_run(&kdst__op_squeeze, &x, 1, &at, out);
}

kdst_status kdst_unsqueeze(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    attrs at = {axis};
    return kdst__op_run(&kdst__op_unsqueeze, &x, 1, &at, out);
}
