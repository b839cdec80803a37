/* SPDX-License-Identifier: Apache-2.0 */
/* index_select: the elements of an axis that a list of indices names, in its order; of a matrix of word vectors, a lookup.
 *
 * y[.. j ..] = x[.. i_j ..];  dx[.. k ..] += sum over the j with i_j = k of dy[.. j ..].
 * x [outer, size, inner] of any element type, i int32 [n], y [outer, n, inner]; recorded for floating point. An index
 * may come any number of times (compute/rows.c says how their gradients are added).
 */
#include "autograd/ops.h"
#include "autograd/indices.h"

typedef struct attrs {
    int64_t axis, size; /* size: of x along the axis */
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that is indexed"),
};
static const kdst__schema attr_schema = {"index_select", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    kdst_status status = kdst__tensor_axis("index_select", x, at->axis, &at->axis);
    if (status == KDST_STATUS_OK) status = kdst__indices_type(call, call->inputs[1]);
    if (status == KDST_STATUS_OK) status = kdst__op_need_rank(call, 1, 1, "indices");
    if (status != KDST_STATUS_OK) return status;
    at->size = x->shape[at->axis];
    status = kdst__op_same_as_input(call);
    call->shape[at->axis] = call->inputs[1]->shape[0];
    return status;
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out;
    int64_t outer, inner;
    kdst_status status = kdst__indices_check(call, call->inputs[1], at->size);
    if (status != KDST_STATUS_OK) return status;
    kdst__around_axis(x, at->axis, &outer, &inner);
    kdst__rows_select(
        kdst__tensor_compute(x), kdst_dtype_get_size(x->dtype), outer, at->size, y->shape[at->axis], inner,
        kdst__tensor_data(call->inputs[1]), kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    int64_t outer, inner;
    if (dx == NULL) return KDST_STATUS_OK;
    kdst__around_axis(dx, at->axis, &outer, &inner);
    kdst_status status = kdst__rows_add(
        kdst__tensor_compute(dx), dx->dtype, outer, at->size, dy->shape[at->axis], inner,
        kdst__tensor_data(call->inputs[1]), kdst__tensor_data(dy), kdst__tensor_data(dx));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "index_select");
}

const kdst__op kdst__op_index_select = {
    .name = "index_select",
    .input_names = {"x", "indices"},
    .min_inputs = 2,
    .max_inputs = 2,
    .any_dtype = true,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 2,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_index_select(kdst_tensor *x, int64_t axis, kdst_tensor *indices, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, indices};
    attrs at = {axis, 0};
    return kdst__op_run(&kdst__op_index_select, inputs, 2, &at, out);
}
