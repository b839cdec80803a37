/* SPDX-License-Identifier: Apache-2.0 */
/* minimum, maximum and pow_tensor: pairs of elements, shapes broadcast as in NumPy.
 *
 * y = min(a, b), NaN when either is: da += dy where a < b, dy / 2 where a = b; the same for b, and for the maximum.
 * y = a^b: da += dy b a^(b - 1), 0 where b = 0;  db += dy a^b ln a, 0 where a = 0 and b >= 0.
 * The gradient of a broadcast operand is summed over the axes it was stretched along. Operands may have any strides.
 */
#include "autograd/broadcast.h"
#include "autograd/ops.h"

static kdst_status minimum_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__MIN);
}
static kdst_status maximum_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__MAX);
}
static kdst_status pow_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__POW);
}

/* d += dy f(a, b), `combine` being the product. */
static kdst_status
add_slope(kdst__call *call, int32_t input, int32_t f, const kdst_tensor *a, const kdst_tensor *b, int32_t combine)
{
    kdst_tensor *d = call->d_inputs[input], *dy = call->d_out, *slope = NULL, *scratch = NULL;
    const char *name = call->op->name;
    if (d == NULL) return KDST_STATUS_OK;
    kdst_status status = kdst__tensor_new_like(name, dy, false, &slope);
    if (status == KDST_STATUS_OK) {
        kdst__broadcast_binary(f, a, b, slope);
        status = kdst__broadcast_combine(name, d, dy, combine, slope, &scratch);
    }
    kdst_tensor_release(scratch);
    kdst_tensor_release(slope);
    return status;
}

static kdst_status share_backward(kdst__call *call, int32_t share)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    kdst_status status = add_slope(call, 0, share, a, b, KDST__GATE);
    return status == KDST_STATUS_OK ? add_slope(call, 1, share, b, a, KDST__GATE) : status;
}

static kdst_status minimum_backward(kdst__call *call)
{
    return share_backward(call, KDST__MIN_SHARE);
}
static kdst_status maximum_backward(kdst__call *call)
{
    return share_backward(call, KDST__MAX_SHARE);
}

static kdst_status pow_backward(kdst__call *call)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    kdst_status status = add_slope(call, 0, KDST__POW_BASE, a, b, KDST__MUL);
    return status == KDST_STATUS_OK ? add_slope(call, 1, KDST__POW_EXPONENT, a, b, KDST__MUL) : status;
}

#define PAIR(stem)                                                                                                     \
  .name = #stem, .min_inputs = 2, .max_inputs = 2, .strided = true, .shape = kdst__op_broadcast, .keep_inputs = 3

const kdst__op kdst__op_minimum = {
    PAIR(minimum), .forward = minimum_forward, .backward = minimum_backward, KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_maximum = {
    PAIR(maximum), .forward = maximum_forward, .backward = maximum_backward, KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_pow_tensor = {
    PAIR(pow_tensor), .forward = pow_forward, .backward = pow_backward, KDST__DOMAIN(0.5, 2)};

static kdst_status run(const kdst__op *op, kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {a, b};
    return kdst__op_run(op, inputs, 2, NULL, out);
}

kdst_status kdst_minimum(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_minimum, a, b, out);
}
kdst_status kdst_maximum(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_maximum, a, b, out);
}
kdst_status kdst_pow_tensor(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_pow_tensor, a, b, out);
}
