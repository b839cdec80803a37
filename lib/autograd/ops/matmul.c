/* SPDX-License-Identifier: Apache-2.0 */
/* matmul: product of two matrices.
 *
 * y[m, n] = sum_k a[m, k] b[k, n];  da += dy b^T, db += a^T dy.
 * a [M, K], b [K, N], y [M, N]; K = 0 gives zeros.
 */
#include "autograd/ops.h"

#include <inttypes.h>

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    char of_a[KDST__SHAPE_TEXT], of_b[KDST__SHAPE_TEXT];
    kdst__shape_text(a->rank, a->shape, of_a);
    kdst__shape_text(b->rank, b->shape, of_b);
    if (a->rank != 2 || b->rank != 2)
        return kdst__fail(call->ctx, KDST_STATUS_SHAPE, "matmul: a is %s, b is %s: both must have rank 2", of_a, of_b);
    if (a->shape[1] != b->shape[0])
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "matmul: a is %s, b is %s: inner sizes %" PRId64 " and %" PRId64 " differ",
            of_a, of_b, a->shape[1], b->shape[0]);
    call->rank = 2;
    call->shape[0] = a->shape[0];
    call->shape[1] = b->shape[1];
    return KDST_STATUS_OK;
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1], *y = call->out;
    int64_t m = a->shape[0], k = a->shape[1], n = b->shape[1];
    kdst_status status = kdst__gemm(
        kdst__tensor_compute(y), y->dtype, m, n, k, kdst__tensor_data(a), k, 1, kdst__tensor_data(b), n, 1, 0,
        kdst__tensor_data(y), n, 1);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "matmul");
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1], *dy = call->d_out;
    kdst_tensor *da = call->d_inputs[0], *db = call->d_inputs[1];
    int64_t m = a->shape[0], k = a->shape[1], n = b->shape[1];
    kdst__compute *cp = kdst__tensor_compute(dy);
    const void *g = kdst__tensor_data(dy);
    kdst_status status = KDST_STATUS_OK;
    if (da != NULL)
        status =
            kdst__gemm(cp, dy->dtype, m, k, n, g, n, 1, kdst__tensor_data(b), 1, n, 1, kdst__tensor_data(da), k, 1);
    if (status == KDST_STATUS_OK && db != NULL)
        status =
            kdst__gemm(cp, dy->dtype, k, n, m, kdst__tensor_data(a), 1, k, g, n, 1, 1, kdst__tensor_data(db), n, 1);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "matmul");
}

const kdst__op kdst__op_matmul = {
    .name = "matmul",
    .min_inputs = 2,
    .max_inputs = 2,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 3,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_matmul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {a, b};
    return kdst__op_run(&kdst__op_matmul, inputs, 2, NULL, out);
}
