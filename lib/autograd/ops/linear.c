/* SPDX-License-Identifier: Apache-2.0 */
/* linear: affine map of rows.
 *
 * y[n, o] = sum_i x[n, i] weight[o, i] + bias[o];
 * dx += dy weight, dweight += dy^T x, dbias[o] += sum_n dy[n, o].
 * x [N, I], weight [O, I], bias [O] or NULL, y [N, O].
 */
#include "autograd/ops.h"

#include <inttypes.h>

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *bias = call->inputs[2];
    char of_x[KDST__SHAPE_TEXT], of_weight[KDST__SHAPE_TEXT];
    kdst__shape_text(x->rank, x->shape, of_x);
    kdst__shape_text(weight->rank, weight->shape, of_weight);
    if (x->rank != 2 || weight->rank != 2)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "linear: x is %s, weight is %s: both must have rank 2", of_x, of_weight);
    if (x->shape[1] != weight->shape[1])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "linear: x is %s, weight is %s: %" PRId64 " features, weight expects %" PRId64, of_x, of_weight,
            x->shape[1], weight->shape[1]);
    if (bias != NULL && (bias->rank != 1 || bias->shape[0] != weight->shape[0])) {
        char of_bias[KDST__SHAPE_TEXT];
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "linear: bias is %s, weight is %s: expected [%" PRId64 "]",
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
    kdst__compute *cp = kdst__tensor_compute(y);
    int64_t n = x->shape[0], i = x->shape[1], o = weight->shape[0];
    if (bias != NULL)
        kdst__copy_strided(
            cp, y->dtype, 2, y->shape, 1, kdst__tensor_data(bias), (int64_t[]){0, 1}, 0, kdst__tensor_data(y),
            y->stride);
    kdst_status status = kdst__gemm(
        cp, y->dtype, n, o, i, kdst__tensor_data(x), i, 1, kdst__tensor_data(weight), 1, i, bias != NULL,
        kdst__tensor_data(y), o, 1);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "linear");
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *weight = call->inputs[1], *dy = call->d_out;
    kdst_tensor *dx = call->d_inputs[0], *dweight = call->d_inputs[1], *dbias = call->d_inputs[2];
    kdst__compute *cp = kdst__tensor_compute(dy);
    int64_t n = x->shape[0], i = x->shape[1], o = weight->shape[0];
    const void *g = kdst__tensor_data(dy);
    kdst_status status = KDST_STATUS_OK;
    if (dx != NULL)
        status = kdst__gemm(
            cp, dy->dtype, n, i, o, g, o, 1, kdst__tensor_data(weight), i, 1, 1, kdst__tensor_data(dx), i, 1);
    if (status == KDST_STATUS_OK && dweight != NULL)
        status = kdst__gemm(
            cp, dy->dtype, o, i, n, g, 1, o, kdst__tensor_data(x), i, 1, 1, kdst__tensor_data(dweight), i, 1);
    if (status == KDST_STATUS_OK && dbias != NULL)
        status = kdst__sum_strided(
            cp, dy->dtype, 2, dy->shape, 1, g, dy->stride, 1, kdst__tensor_data(dbias), (int64_t[]){0, 1});
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "linear");
}

const kdst__op kdst__op_linear = {
    .name = "linear",
    .input_names = {"x", "weight", "bias"},
    .min_inputs = 2,
    .max_inputs = 3,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 3,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_linear(kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, weight, bias};
    return kdst__op_run(&kdst__op_linear, inputs, 3, NULL, out);
}
