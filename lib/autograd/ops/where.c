/* SPDX-License-Identifier: Apache-2.0 */
/* where: y = condition ? a : b, shapes broadcast as in NumPy.
 *
 * da += condition ? dy : 0, db += condition ? 0 : dy, summed over the axes that the operand was stretched along. What is
 * not chosen does not matter: neither its value nor its gradient reaches the other side. Any element type; recorded for
 * floating point.
 */
#include "autograd/broadcast.h"
#include "autograd/ops.h"

static kdst_status shape(kdst__call *call)
{
    const kdst_tensor *condition = call->inputs[0], *a = call->inputs[1], *b = call->inputs[2];
    if (condition->dtype != KDST_DTYPE_BOOL)
        return kdst__fail(
            call->ctx, KDST_STATUS_DTYPE, "where: condition is %s, expected bool",
            kdst_dtype_get_name(condition->dtype));
    if (a->dtype != b->dtype)
        return kdst__fail(
            call->ctx, KDST_STATUS_DTYPE, "where: a is %s, b is %s", kdst_dtype_get_name(a->dtype),
            kdst_dtype_get_name(b->dtype));
    call->dtype = a->dtype;
    return kdst__op_broadcast_from(call, 0);
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *y = call->out;
    kdst__operand of[3] = {{NULL, NULL, 0}, {NULL, NULL, 0}, {NULL, NULL, 0}};
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < 3 && status == KDST_STATUS_OK; i++)
        status = kdst__broadcast_operand("where", call->inputs[i], call->inputs[i]->dtype, y->rank, y->shape, &of[i]);
    if (status == KDST_STATUS_OK)
        kdst__choose(
            kdst__tensor_compute(y), kdst_dtype_get_size(y->dtype), kdst__tensor_count(y), of[0].data, of[0].step,
            of[1].data, of[1].step, of[2].data, of[2].step, kdst__tensor_data(y));
    for (int i = 0; i < 3; i++)
        kdst_tensor_release(of[i].tensor);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    static const double zero = 0;
    kdst_tensor *dy = call->d_out, *part = NULL;
    kdst__operand mask = {NULL, NULL, 0};
    kdst_status status = kdst__tensor_new_like("where", dy, false, &part);
    if (status == KDST_STATUS_OK)
        status = kdst__broadcast_operand("where", call->inputs[0], KDST_DTYPE_BOOL, dy->rank, dy->shape, &mask);
    for (int i = 1; i < 3 && status == KDST_STATUS_OK; i++) {
        if (call->d_inputs[i] == NULL) continue;
        const void *g = kdst__tensor_data(dy);
        kdst__choose(
            kdst__tensor_compute(dy), kdst_dtype_get_size(dy->dtype), kdst__tensor_count(dy), mask.data, mask.step,
            i == 1 ? g : &zero, i == 1, i == 1 ? &zero : g, i == 2, kdst__tensor_data(part));
        status = kdst__broadcast_add("where", call->d_inputs[i], part, 1, true);
    }
    kdst_tensor_release(mask.tensor);
    kdst_tensor_release(part);
    return status;
}

const kdst__op kdst__op_where = {
    .name = "where",
    .input_names = {"condition", "a", "b"},
    .min_inputs = 3,
    .max_inputs = 3,
    .any_dtype = true,
    .strided = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 1,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_where(kdst_tensor *condition, kdst_tensor *a, kdst_tensor *b, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {condition, a, b};
    return kdst__op_run(&kdst__op_where, inputs, 3, NULL, out);
}
