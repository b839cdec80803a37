/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons, logic and is_finite: bool tensors, which have no gradient. Shapes are broadcast as in NumPy.
 *
 * Whole numbers are compared in float64, which holds them all. A comparison with NaN is false, but for not_equal.
 */
#include "autograd/broadcast.h"
#include "autograd/ops.h"

#include <string.h>

static kdst_status same_types(const kdst__call *call)
{
    for (int32_t i = 1; i < call->count; i++)
        if (call->inputs[i]->dtype != call->inputs[0]->dtype)
            return kdst__fail(
                call->ctx, KDST_STATUS_DTYPE, "%s: input %d is %s, input 0 is %s", call->op->name, i,
                kdst_dtype_get_name(call->inputs[i]->dtype), kdst_dtype_get_name(call->inputs[0]->dtype));
    return KDST_STATUS_OK;
}

static kdst_status compare_shape(kdst__call *call)
{
    kdst_status status = same_types(call);
    call->dtype = KDST_DTYPE_BOOL;
    return status == KDST_STATUS_OK ? kdst__op_broadcast(call) : status;
}

static kdst_status logical_shape(kdst__call *call)
{
    for (int32_t i = 0; i < call->count; i++)
        if (call->inputs[i]->dtype != KDST_DTYPE_BOOL)
            return kdst__fail(
                call->ctx, KDST_STATUS_DTYPE, "%s: input %d is %s, expected bool", call->op->name, i,
                kdst_dtype_get_name(call->inputs[i]->dtype));
    return kdst__op_broadcast(call);
}

static kdst_status finite_shape(kdst__call *call)
{
    call->dtype = KDST_DTYPE_BOOL;
    return kdst__op_same_as_input(call);
}

/* Both operands in the result's shape and, where numbers are not floating point, in `type`. */
static kdst_status operands(kdst__call *call, kdst_dtype type, kdst__operand of[2])
{
    kdst_status status = KDST_STATUS_OK;
    of[0] = of[1] = (kdst__operand){NULL, NULL, 0};
    for (int32_t i = 0; i < call->count && status == KDST_STATUS_OK; i++)
        status =
            kdst__broadcast_operand(call->op->name, call->inputs[i], type, call->out->rank, call->out->shape, &of[i]);
    return status;
}

static void release(kdst__operand of[2])
{
    kdst_tensor_release(of[0].tensor);
    kdst_tensor_release(of[1].tensor);
}

static kdst_status compare_forward(kdst__call *call)
{
    kdst__operand of[2];
    kdst_dtype type = call->inputs[0]->dtype;
    if (!kdst__dtype_is_float(type)) type = KDST_DTYPE_FLOAT64;
    kdst_status status = operands(call, type, of);
    if (status == KDST_STATUS_OK)
        kdst__compare(
            kdst__tensor_compute(call->out), type, call->op->variant, kdst__tensor_count(call->out), of[0].data,
            of[0].step, of[1].data, of[1].step, kdst__tensor_data(call->out));
    release(of);
    return status;
}

static kdst_status logical_forward(kdst__call *call)
{
    kdst__operand of[2];
    kdst_status status = operands(call, KDST_DTYPE_BOOL, of);
    if (status == KDST_STATUS_OK)
        kdst__logical(
            kdst__tensor_compute(call->out), call->op->variant, kdst__tensor_count(call->out), of[0].data, of[0].step,
            of[1].data, of[1].step, kdst__tensor_data(call->out));
    release(of);
    return status;
}

static kdst_status finite_forward(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    uint8_t *y = kdst__tensor_data(call->out);
    const int64_t count = kdst__tensor_count(x);
    if (kdst__dtype_is_float(x->dtype))
        kdst__is_finite(kdst__tensor_compute(x), x->dtype, count, kdst__tensor_data(x), y);
    else if (count > 0)
        memset(y, 1, (size_t)count);
    return KDST_STATUS_OK;
}

#define TRUTH(stem, code)                                                                                              \
  .name = #stem, .variant = code, .any_dtype = true, .no_backward = "truth values have no derivative",                 \
  KDST__DOMAIN(-1, 1)
#define COMPARISON(stem, code)                                                                                         \
  TRUTH(stem, code), .min_inputs = 2, .max_inputs = 2, .strided = true, .shape = compare_shape,                        \
                     .forward = compare_forward
#define LOGIC(stem, code, inputs)                                                                                      \
  TRUTH(stem, code), .min_inputs = inputs, .max_inputs = inputs, .strided = true, .shape = logical_shape,              \
                     .forward = logical_forward

const kdst__op kdst__op_equal = {COMPARISON(equal, KDST__EQUAL)};
const kdst__op kdst__op_not_equal = {COMPARISON(not_equal, KDST__NOT_EQUAL)};
const kdst__op kdst__op_less = {COMPARISON(less, KDST__LESS)};
const kdst__op kdst__op_less_equal = {COMPARISON(less_equal, KDST__LESS_EQUAL)};
const kdst__op kdst__op_greater = {COMPARISON(greater, KDST__GREATER)};
const kdst__op kdst__op_greater_equal = {COMPARISON(greater_equal, KDST__GREATER_EQUAL)};
const kdst__op kdst__op_logical_and = {LOGIC(logical_and, KDST__AND, 2)};
const kdst__op kdst__op_logical_or = {LOGIC(logical_or, KDST__OR, 2)};
const kdst__op kdst__op_logical_not = {LOGIC(logical_not, KDST__NOT, 1)};
const kdst__op kdst__op_is_finite = {
    TRUTH(is_finite, 0), .min_inputs = 1, .max_inputs = 1, .shape = finite_shape, .forward = finite_forward};

static kdst_status run(const kdst__op *op, kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {a, b};
    return kdst__op_run(op, inputs, op->max_inputs, NULL, out);
}

kdst_status kdst_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_equal, a, b, out);
}
kdst_status kdst_not_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_not_equal, a, b, out);
}
kdst_status kdst_less(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_less, a, b, out);
}
kdst_status kdst_less_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_less_equal, a, b, out);
}
kdst_status kdst_greater(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_greater, a, b, out);
}
kdst_status kdst_greater_equal(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_greater_equal, a, b, out);
}
kdst_status kdst_logical_and(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_logical_and, a, b, out);
}
kdst_status kdst_logical_or(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_logical_or, a, b, out);
}
kdst_status kdst_logical_not(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_logical_not, x, NULL, out);
}
kdst_status kdst_is_finite(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_is_finite, x, NULL, out);
}
