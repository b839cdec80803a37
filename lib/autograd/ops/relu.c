/* SPDX-License-Identifier: Apache-2.0 */
/* relu: y = max(x, 0), NaN stays NaN; dx += dy unless y <= 0 (so 0 at the kink). */
#include "autograd/ops.h"

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *y = call->out;
    kdst__relu(
        kdst__tensor_compute(y), y->dtype, kdst__tensor_room(y), kdst__tensor_data(call->inputs[0]),
        kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    if (dx != NULL)
        (call->fresh & 1 ? kdst__relu_mask : kdst__relu_backward)(
            kdst__tensor_compute(dx), dx->dtype, kdst__tensor_room(dx), kdst__tensor_data(call->out),
            kdst__tensor_data(call->d_out), kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_relu = {
    .name = "relu",
    .min_inputs = 1,
    .max_inputs = 1,
    .shape = kdst__op_same_as_input,
    .forward = forward,
    .backward = backward,
    .blocked_inputs = 1,
    .writes = 1,
    .in_place = 1,
    .keep_out = true,
    .low = -1,
    .high = 1,
    .kink = 0};

kdst_status
kdst__fused_gradient(const char *name, int32_t activation, const kdst_tensor *y, kdst_tensor *dy, kdst_tensor **out)
{
    kdst_status status = KDST_STATUS_OK;
    *out = NULL;
    if (kdst__handle_references(dy) == 1 && atomic_load(&dy->storage->references) == 1)
        kdst_tensor_retain(*out = dy);
    else if (kdst__tensor_blocked(dy))
        status = kdst__tensor_new_blocked(dy->base.ctx, name, dy->rank, dy->shape, out);
    else
        status = kdst__tensor_new_like(name, dy, false, out);
    if (status == KDST_STATUS_OK)
        kdst__activation_mask(
            kdst__tensor_compute(dy), dy->dtype, activation, kdst__tensor_room(dy), kdst__tensor_data(y),
            kdst__tensor_data(dy), kdst__tensor_data(*out));
    return status;
}

kdst_status kdst_relu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_relu, &x, 1, NULL, out);
}
