/* SPDX-License-Identifier: Apache-2.0 */
/* argmax, argmin and top_k: places along an axis, int32, which have no gradient.
 *
 * argmax and argmin give the first of equal elements, and NaN wins in both. top_k gives the places of the k largest or
 * smallest in order, NaN counting as largest, and of equal ones the lower place first; its values are gathered from there,
 * so the gradient goes to those elements.
 */
#include "autograd/ops.h"

#include <inttypes.h>

typedef struct attrs {
    int64_t axis, k, largest;
} attrs;

static const kdst__option shown[] = {
    KDST__INT(attrs, axis, 0, 0, KDST__MAX_RANK - 1, "the axis that is searched"),
    KDST__INT(attrs, k, 1, 0, INFINITY, "how many places"),
    KDST__INT(attrs, largest, 1, 0, 1, "1: the largest first, 0: the smallest"),
};
static const kdst__schema one_shown = {"axis", shown, 1, NULL, 0};
static const kdst__schema all_shown = {"top_k", shown, KDST__COUNT(shown), NULL, 0};

static kdst_status find_axis(kdst__call *call)
{
    attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__tensor_axis(call->op->name, x, at->axis, &at->axis);
    if (status == KDST_STATUS_OK && x->shape[at->axis] > INT32_MAX)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: x is %s: places go up to %" PRId32, call->op->name,
            kdst__shape_text(x->rank, x->shape, text), INT32_MAX);
    call->dtype = KDST_DTYPE_INT32;
    return status;
}

static kdst_status one_shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = find_axis(call);
    if (status != KDST_STATUS_OK) return status;
    if (x->shape[at->axis] == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: x is %s: axis %" PRId64 " is empty", call->op->name,
            kdst__shape_text(x->rank, x->shape, text), at->axis);
    call->rank = 0;
    for (int32_t i = 0; i < x->rank; i++)
        if (i != at->axis) call->shape[call->rank++] = x->shape[i];
    return KDST_STATUS_OK;
}

static kdst_status top_shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    kdst_status status = find_axis(call);
    if (status != KDST_STATUS_OK) return status;
    if (at->k < 0 || at->k > x->shape[at->axis])
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "top_k: k is %" PRId64 ", allowed is 0 to %" PRId64 ", the size of axis %" PRId64, at->k,
            x->shape[at->axis], at->axis);
    if (at->largest != 0 && at->largest != 1)
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT, "top_k: largest is %" PRId64 ", allowed is 0 or 1", at->largest);
    status = kdst__op_same_as_input(call);
    call->shape[at->axis] = at->k;
    return status;
}

static void rank(kdst__call *call, int32_t largest, int32_t nan_first, int64_t k)
{
    const attrs *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    int64_t outer = 1, inner = 1;
    if (kdst__tensor_count(call->out) == 0) return; /* `outer` may be as large as it likes */
    for (int32_t i = 0; i < x->rank; i++) {
        if (i < at->axis) outer *= x->shape[i];
        if (i > at->axis) inner *= x->shape[i];
    }
    kdst__rank(
        kdst__tensor_compute(x), x->dtype, largest, nan_first, outer, x->shape[at->axis], k, inner,
        kdst__tensor_data(x), kdst__tensor_data(call->out));
}

static kdst_status one_forward(kdst__call *call)
{
    rank(call, call->op->variant, 1, 1);
    return KDST_STATUS_OK;
}

static kdst_status top_forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    rank(call, (int32_t)at->largest, (int32_t)at->largest, at->k);
    return KDST_STATUS_OK;
}

#define RANK(stem)                                                                                                     \
  .name = #stem, .min_inputs = 1, .max_inputs = 1, .attr_bytes = sizeof(attrs),                                        \
  .no_backward = "places have no derivative", KDST__DOMAIN(-1, 1)

const kdst__op kdst__op_argmax = {
    RANK(argmax), .variant = 1, .attr_schema = &one_shown, .shape = one_shape, .forward = one_forward};
const kdst__op kdst__op_argmin = {
    RANK(argmin), .variant = 0, .attr_schema = &one_shown, .shape = one_shape, .forward = one_forward};
const kdst__op kdst__op_top_k = {RANK(top_k), .attr_schema = &all_shown, .shape = top_shape, .forward = top_forward};

kdst_status kdst_argmax(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_argmax, &x, 1, &(attrs){.axis = axis}, out);
}

kdst_status kdst_argmin(kdst_tensor *x, int64_t axis, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_argmin, &x, 1, &(attrs){.axis = axis}, out);
}

kdst_status kdst_top_k(
    kdst_tensor *x, int64_t k, int64_t axis, int32_t largest, kdst_tensor **out_values, kdst_tensor **out_indices)
{
    kdst_tensor *values = NULL, *indices = NULL;
    if (out_values != NULL) *out_values = NULL;
    if (out_indices != NULL) *out_indices = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    attrs at = {axis, k, largest};
    kdst_status status = kdst__op_run(&kdst__op_top_k, &x, 1, &at, &indices);
    if (status == KDST_STATUS_OK && out_values != NULL) status = kdst_gather(x, axis, indices, &values);
    if (status == KDST_STATUS_OK && out_values != NULL) *out_values = values;
    if (status == KDST_STATUS_OK && out_indices != NULL)
        *out_indices = indices;
    else
        kdst_tensor_release(indices);
    return status;
}
