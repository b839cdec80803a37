/* SPDX-License-Identifier: Apache-2.0 */
/* add, sub, mul, div: element by element, shapes broadcast as in NumPy.
 *
 * y = a + b: da += dy, db += dy;          y = a - b: da += dy, db -= dy;
 * y = a b:   da += dy b, db += dy a;      y = a / b: da += dy / b, db -= (dy / b) y.
 * The gradient of a broadcast operand is summed over the axes it was stretched along. Operands may have any strides.
 */
#include "autograd/broadcast.h"
#include "autograd/ops.h"

static kdst_status add_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__ADD);
}
static kdst_status sub_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__SUB);
}
static kdst_status mul_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__MUL);
}
static kdst_status div_forward(kdst__call *call)
{
    return kdst__broadcast_forward(call, KDST__DIV);
}

static bool is_fresh(const kdst__call *call, int i)
{
    return call->fresh >> i & 1;
}

static kdst_status add_backward(kdst__call *call)
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < 2 && status == KDST_STATUS_OK; i++)
        if (call->d_inputs[i] != NULL)
            status = kdst__broadcast_add("add", call->d_inputs[i], call->d_out, 1, !is_fresh(call, i));
    return status;
}

static kdst_status sub_backward(kdst__call *call)
{
    kdst_tensor *da = call->d_inputs[0], *db = call->d_inputs[1];
    kdst_status status =
        da == NULL ? KDST_STATUS_OK : kdst__broadcast_add("sub", da, call->d_out, 1, !is_fresh(call, 0));
    return status != KDST_STATUS_OK || db == NULL ? status
                                                  : kdst__broadcast_add("sub", db, call->d_out, -1, !is_fresh(call, 1));
}

static kdst_status mul_backward(kdst__call *call)
{
    kdst_tensor *product = NULL;
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < 2 && status == KDST_STATUS_OK; i++)
        if (call->d_inputs[i] != NULL)
            status = kdst__broadcast_combine(
                "mul", call->d_inputs[i], call->d_out, KDST__MUL, call->inputs[1 - i], &product);
    kdst_tensor_release(product);
    return status;
}

static kdst_status div_backward(kdst__call *call)
{
    kdst_tensor *da = call->d_inputs[0], *db = call->d_inputs[1], *dy = call->d_out, *scratch = NULL;
    if (db == NULL) {
        kdst_status status =
            da == NULL ? KDST_STATUS_OK : kdst__broadcast_combine("div", da, dy, KDST__DIV, call->inputs[1], &scratch);
        kdst_tensor_release(scratch);
        return status;
    }
    kdst_status status = kdst__tensor_new_like("div", dy, true, &scratch);
    if (status != KDST_STATUS_OK) return status;
    kdst_tensor *unused = NULL; /* scratch has dy's shape, so no second one is made */
    status = kdst__broadcast_combine("div", scratch, dy, KDST__DIV, call->inputs[1], &unused);
    if (status == KDST_STATUS_OK && da != NULL) status = kdst__broadcast_add("div", da, scratch, 1, true);
    if (status == KDST_STATUS_OK) {
        void *values = kdst__tensor_data(scratch);
        kdst__binary(
            kdst__tensor_compute(dy), dy->dtype, KDST__MUL, kdst__tensor_count(dy), values,
            kdst__tensor_data(call->out), 0, values);
        status = kdst__broadcast_add("div", db, scratch, -1, true);
    }
    kdst_tensor_release(scratch);
    return status;
}

/* Blocked operands are added block by block when none is stretched. */
static bool blocks(const kdst__call *call)
{
    const kdst_tensor *a = call->inputs[0], *b = call->inputs[1];
    return (kdst__tensor_blocked(a) || kdst__tensor_blocked(b)) && kdst__tensor_same_shape(a, b);
}

const kdst__op kdst__op_add = {
    .name = "add",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = add_forward,
    .backward = add_backward,
    .blocked_inputs = 3,
    .blocks = blocks,
    .writes = 3,
    .in_place = 3,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_sub = {
    .name = "sub",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = sub_forward,
    .backward = sub_backward,
    .blocked_inputs = 3,
    .blocks = blocks,
    .writes = 3,
    .in_place = 3,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_mul = {
    .name = "mul",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = mul_forward,
    .backward = mul_backward,
    .blocked_inputs = 3,
    .blocks = blocks,
    .keep_inputs = 3,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_div = {
    .name = "div",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = div_forward,
    .backward = div_backward,
    .keep_inputs = 2,
    .keep_out = true,
    KDST__DOMAIN(0.5, 2)};

static kdst_status run(const kdst__op *op, kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {a, b};
    return kdst__op_run(op, inputs, 2, NULL, out);
}

kdst_status kdst_add(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_add, a, b, out);
}
kdst_status kdst_sub(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_sub, a, b, out);
}
kdst_status kdst_mul(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_mul, a, b, out);
}
kdst_status kdst_div(kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    return run(&kdst__op_div, a, b, out);
}
