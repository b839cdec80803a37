/* SPDX-License-Identifier: Apache-2.0 */
/* relu: y = max(x, 0), NaN stays NaN; dx += dy unless y <= 0 (so 0 at the kink). */
#include "autograd/ops.h"

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *y = call->out;
    kdst__relu(
        kdst__tensor_compute(y), y->dtype, kdst__tensor_count(y), kdst__tensor_data(call->inputs[0]),
        kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0];
    if (dx != NULL)
        kdst__relu_backward(
            kdst__tensor_compute(dx), dx->dtype, kdst__tensor_count(dx), kdst__tensor_data(call->out),
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
    .keep_out = true,
    .low = -1,
    .high = 1,
    .kink = 0};

kdst_status kdst_relu(kdst_tensor *x, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_relu, &x, 1, NULL, out);
}
