/* SPDX-License-Identifier: Apache-2.0 */
/* flip: an axis backwards.
 *
 * y[.. i ..] = x[.. n - 1 - i ..], a copy; dx the same from dy. Any element type; recorded for floating point.
 */
#include "autograd/ops.h"

#include <string.h>

typedef struct attrs {
    int64_t axis;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that runs backwards"),
};
static const kdst__schema attr_schema = {"flip", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    kdst_status status = kdst__tensor_axis("flip", call->inputs[0], at->axis, &at->axis);
    return status != KDST_STATUS_OK ? status : kdst__op_same_as_input(call);
}

/* y (+)= x backwards; y has at least one element. */
static void copy_backwards(const kdst_tensor *x, kdst_tensor *y, int64_t axis, int32_t accumulate)
{
    int64_t stride[KDST__MAX_RANK] = {0};
    memcpy(stride, x->stride, sizeof stride);
    const char *last =
        (const char *)kdst__tensor_data(x) + (x->shape[axis] - 1) * x->stride[axis] * kdst_dtype_get_size(x->dtype);
    stride[axis] = -stride[axis];
    if (kdst__dtype_is_float(x->dtype))
        kdst__copy_strided(
            kdst__tensor_compute(y), y->dtype, y->rank, y->shape, 1, last, stride, accumulate, kdst__tensor_data(y),
            y->stride);
    else
        kdst__layout_copy(
            y->rank, y->shape, kdst__tensor_layout(y), (kdst__layout){x->dtype, (void *)(uintptr_t)last, stride});
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    if (kdst__tensor_count(call->out) > 0) copy_backwards(call->inputs[0], call->out, at->axis, 0);
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0];
    if (dx != NULL && kdst__tensor_count(dx) > 0) copy_backwards(call->d_out, dx, at->axis, 1);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_flip = {
    .name = "flip",
    .min_inputs = 1,
    .max_inputs = 1,
    .any_dtype = true,
    .strided = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_flip(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    attrs at = {axis};
    return kdst__op_run(&kdst__op_flip, &x, 1, &at, out);
}
