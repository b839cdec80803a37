/* SPDX-License-Identifier: Apache-2.0 */
/* gather: one element of the axis for each index.
 *
 * y[.. j ..] = x[.. i[.. j ..] ..];  dx[.. i[.. j ..] ..] += dy[.. j ..].
 * The indices, int32, have the rank of x and the result's shape; along the other axes they may be shorter than x. Any
 * element type; recorded for floating point.
 */
#include "autograd/indices.h"
#include "autograd/ops.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t axis;
    int64_t x_shape[KDST__MAX_RANK];
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that is indexed"),
};
static const kdst__schema attr_schema = {"gather", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0], *indices = call->inputs[1];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_status status = kdst__tensor_axis("gather", x, at->axis, &at->axis);
    if (status == KDST_STATUS_OK) status = kdst__indices_type(call, indices);
    if (status != KDST_STATUS_OK) return status;
    bool fits = indices->rank == x->rank;
    for (int32_t i = 0; fits && i < x->rank; i++)
        fits = i == at->axis || indices->shape[i] <= x->shape[i];
    if (!fits)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE,
            "gather: indices are %s, x is %s: expected the same rank and, but for axis %" PRId64 ", no larger size",
            kdst__shape_text(indices->rank, indices->shape, a), kdst__shape_text(x->rank, x->shape, b), at->axis);
    memcpy(at->x_shape, x->shape, sizeof at->x_shape);
    call->rank = x->rank;
    memcpy(call->shape, indices->shape, sizeof call->shape);
    return KDST_STATUS_OK;
}

static kdst__gather_shape shape_of(const kdst__call *call, const kdst_tensor *y)
{
    const attrs *at = call->attrs;
    kdst__gather_shape s = {.rank = y->rank, .axis = (int32_t)at->axis};
    memcpy(s.x, at->x_shape, sizeof s.x);
    memcpy(s.y, y->shape, sizeof s.y);
    return s;
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out;
    const kdst__gather_shape s = shape_of(call, y);
    kdst_status status = kdst__indices_check(call, call->inputs[1], x->shape[at->axis]);
    if (status != KDST_STATUS_OK) return status;
    kdst__gather(
        kdst__tensor_compute(y), kdst_dtype_get_size(y->dtype), &s, kdst__tensor_data(call->inputs[1]),
        kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL) return KDST_STATUS_OK;
    const kdst__gather_shape s = shape_of(call, dy);
    kdst__gather_backward(
        kdst__tensor_compute(dx), dx->dtype, &s, kdst__tensor_data(call->inputs[1]), kdst__tensor_data(dy),
        kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_gather = {
    .name = "gather",
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

kdst_status kdst_gather(kdst_tensor *x, int64_t axis, kdst_tensor *indices, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {x, indices};
    attrs at = {.axis = axis};
    return kdst__op_run(&kdst__op_gather, inputs, 2, &at, out);
}
