/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of leaves: asking for them, reading them, forgetting them; and cutting a tensor off from the record. */
#include "autograd/record.h"

kdst_status kdst_tensor_set_requires_grad(kdst_tensor *tensor, int32_t required)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = tensor->base.ctx;
    kdst__enter(ctx);
    if (required != 0 && required != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_set_requires_grad: required is %d, allowed is 0 or 1", required);
    if (!kdst__dtype_is_float(tensor->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "tensor_set_requires_grad: tensor is %s, expected float32 or float64",
            kdst_dtype_get_name(tensor->dtype));
    if (tensor->node)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "tensor_set_requires_grad: the tensor is the result of %s; only leaves can be set",
            tensor->node->op->name);
    tensor->requires_grad = required;
    return KDST_STATUS_OK;
}

int32_t kdst_tensor_get_requires_grad(const kdst_tensor *tensor)
{
    return tensor && tensor->requires_grad;
}

kdst_status kdst_tensor_get_grad(kdst_tensor *tensor, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    if (!out) return kdst__fail(tensor->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_get_grad: out is NULL");
    if (!tensor->grad)
        return kdst__fail(tensor->base.ctx, KDST_STATUS_NOT_FOUND, "tensor_get_grad: the tensor has no gradient yet");
    kdst__handle_retain(tensor->grad);
    *out = tensor->grad;
    return KDST_STATUS_OK;
}

kdst_status kdst_tensor_clear_grad(kdst_tensor *tensor)
{
    if (!tensor) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(tensor->base.ctx);
    kdst__handle_release(tensor->grad);
    tensor->grad = NULL;
    return KDST_STATUS_OK;
}

kdst_status kdst_detach(kdst_tensor *x, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!x) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(x->base.ctx);
    if (!out) return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "detach: out is NULL");
    return kdst__tensor_view("detach", x, x->rank, x->shape, x->stride, x->offset, out);
}
