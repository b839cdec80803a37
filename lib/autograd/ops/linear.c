/* SPDX-License-Identifier: Apache-2.0 */
/* linear: affine map of rows; linear_relu: the same, and negative results become 0.
 *
 * y[n, o] = act(sum_i x[n, i] weight[o, i] + bias[o]), act the identity or max(., 0);
 * dx += dy weight, dweight += dy^T x, dbias[o] += sum_n dy[n, o]; of linear_relu dy counts only where not y <= 0.
 * x [N, I], weight [O, I], bias [O] or NULL, y [N, O].
 */
#include "autograd/ops.h"

#include <inttypes.h>

enum { RELU = 1 };

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *bias = call->inputs[2];
    char of_x[KDST__SHAPE_TEXT], of_weight[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    kdst__shape_text(weight->rank, weight->shape, of_weight);
    if (x->rank != 2 || weight->rank != 2)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: x is %s, weight is %s: both must have rank 2", call->op->name, of_x,
            of_weight);
    if (x->shape[1] != weight->shape[1])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: x is %s, weight is %s: %" PRId64 " features, weight expects %" PRId64,
            call->op->name, of_x, of_weight, x->shape[1], weight->shape[1]);
    if (bias != NULL && (bias->rank != 1 || bias->shape[0] != weight->shape[0])) {
        char of_bias[KDST__SHAPE_TEXT];
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: bias is %s, weight is %s: expected [%" PRId64 "]", call->op->name,
            kdst__shape_text(bias->rank, bias->shape, of_bias), of_weight, weight->shape[0]);
    }
    call->rank = 2;
    call->shape[0] = x->shape[0];
    call->shape[1] = weight->shape[0];
    return KDST_STATUS_OK;
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *bias = call->inputs[2], *y = call->out;
    kdst_status status = kdst__linear_forward(
        kdst__tensor_compute(y), y->dtype, x->shape[0], x->shape[1], weight->shape[0], kdst__tensor_data(x),
        kdst__tensor_data(weight), bias != NULL ? kdst__tensor_data(bias) : NULL, call->op->variant == RELU,
        kdst__tensor_data(y));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, call->op->name);
}

static void *data_or_null(kdst_tensor *t)
{
    return t != NULL ? kdst__tensor_data(t) : NULL;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *dy = call->d_out;
    const kdst__linear_gradients d = {
        data_or_null(call->d_inputs[0]),
        data_or_null(call->d_inputs[1]),
        data_or_null(call->d_inputs[2]),
        !(call->fresh & 1),
        !(call->fresh & 2),
        !(call->fresh & 4)};
    kdst_status status = kdst__linear_backward(
        kdst__tensor_compute(dy), dy->dtype, x->shape[0], x->shape[1], weight->shape[0], kdst__tensor_data(x),
        kdst__tensor_data(weight), data_or_null(call->out), kdst__tensor_data(dy), &d);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, call->op->name);
}

#define LINEAR                                                                                                         \
  .input_names = {"x", "weight", "bias"}, .min_inputs = 2, .max_inputs = 3, .shape = shape, .forward = forward,        \
  .backward = backward, .keep_inputs = 3, .writes = 7, KDST__DOMAIN(-1, 1)

const kdst__op kdst__op_linear = {.name = "linear", LINEAR};
const kdst__op kdst__op_linear_relu = {.name = "linear_relu", .variant = RELU, .keep_out = true, LINEAR};

kdst_status kdst_linear(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, weight, bias};
    return kdst__op_run(&kdst__op_linear, inputs, 3, NULL, out);
}

kdst_status kdst_linear_relu(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, weight, bias};
    return kdst__op_run(&kdst__op_linear_relu, inputs, 3, NULL, out);
}
