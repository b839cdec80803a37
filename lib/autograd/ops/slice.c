/* SPDX-License-Identifier: Apache-2.0 */
/* slice: elements start, start + step, … below stop of one axis.
 *
 * y[.. i ..] = x[.. start + i step ..]; always a view. dx[.. start + i step ..] += dy[.. i ..]. Any element type;
 * recorded for floating point.
 */
#include "autograd/ops.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t axis, start, stop, step;
} attrs;

static const kdst__option shown[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that is cut"),
    KDST__INT(attrs, start, 0, 0, INFINITY, "first element"),
    KDST__INT(attrs, stop, 0, 0, INFINITY, "behind the last element"),
    KDST__INT(attrs, step, 1, 1, INFINITY, "distance of elements"),
};
static const kdst__schema attr_schema = {"slice", shown, KDST__COUNT(shown), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    kdst_status status = kdst__tensor_axis("slice", x, at->axis, &at->axis);
    if (status != KDST_STATUS_OK) return status;
    int64_t size = x->shape[at->axis];
    if (at->start < 0 || at->start > size)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "slice: start is %" PRId64 ", allowed is 0 to %" PRId64 ", the size of axis %" PRId64, at->start, size,
            at->axis);
    if (at->stop < at->start || at->stop > size)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "slice: stop is %" PRId64 ", allowed is %" PRId64 " (start) to %" PRId64 ", the size of axis %" PRId64,
            at->stop, at->start, size, at->axis);
    if (at->step < 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "slice: step is %" PRId64 ", allowed is 1 and more", at->step);
    status = kdst__op_same_as_input(call);
    int64_t span = at->stop - at->start;
    call->shape[at->axis] = span / at->step + (span % at->step != 0);
    return status;
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0];
    int64_t stride[KDST__MAX_RANK] = {0};
    memcpy(stride, x->stride, sizeof stride);
    /* A step past the end is only legal when one element is left, whose stride nobody follows. */
    if (call->shape[at->axis] > 1) stride[at->axis] *= at->step;
    int64_t first = call->shape[at->axis] > 0 ? at->start * x->stride[at->axis] : 0;
    return kdst__tensor_view("slice", x, x->rank, call->shape, stride, x->offset + first, &call->out);
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL || kdst__tensor_count(dy) == 0) return KDST_STATUS_OK;
    int64_t stride[KDST__MAX_RANK] = {0};
    memcpy(stride, dx->stride, sizeof stride);
    if (dy->shape[at->axis] > 1) stride[at->axis] *= at->step;
    char *first = (char *)kdst__tensor_data(dx) + at->start * dx->stride[at->axis] * kdst_dtype_get_size(dx->dtype);
    kdst__copy_strided(
        kdst__tensor_compute(dx), dx->dtype, dy->rank, dy->shape, 1, kdst__tensor_data(dy), dy->stride, 1, first,
        stride);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_slice = {
    .name = "slice",
    .min_inputs = 1,
    .max_inputs = 1,
    .any_dtype = true,
    .strided = true,
    .makes_out = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_slice(kdst_tensor *x, int64_t axis, int64_t start, int64_t stop, int64_t step, kdst_tensor **out)
{
    attrs at = {axis, start, stop, step};
    return kdst__op_run(&kdst__op_slice, &x, 1, &at, out);
}
