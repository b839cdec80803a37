/* SPDX-License-Identifier: Apache-2.0 */
/* one_hot: y[.., k] = [k = label[..]] for k < classes; of any element type. Labels have no gradient. */
#include "autograd/indices.h"
#include "autograd/ops.h"

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t classes;
    int32_t dtype;
} attrs;

static const kdst__option attr_table[] = {
    KDST__INT(attrs, classes, 1, 1, INFINITY, "size of the new last axis"),
};
static const kdst__schema attr_schema = {"one_hot", attr_table, KDST__COUNT(attr_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *labels = call->inputs[0];
    if (labels->rank == KDST__MAX_RANK)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "one_hot: labels have rank %d, allowed is 0 to %d", KDST__MAX_RANK,
            KDST__MAX_RANK - 1);
    kdst_status status = kdst__op_same_as_input(call);
    call->dtype = at->dtype;
    call->shape[call->rank++] = at->classes;
    return status;
}

static void set_one(kdst_dtype dtype, void *data, int64_t i)
{
    switch (dtype) {
    case KDST_DTYPE_FLOAT32:
        ((float *)data)[i] = 1;
        break;
    case KDST_DTYPE_FLOAT64:
        ((double *)data)[i] = 1;
        break;
    case KDST_DTYPE_INT32:
        ((int32_t *)data)[i] = 1;
        break;
    default:
        ((uint8_t *)data)[i] = 1;
    }
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *labels = call->inputs[0], *y = call->out;
    kdst_status status = kdst__indices_check(call, labels, at->classes);
    if (status != KDST_STATUS_OK) return status;
    const int32_t *values = kdst__tensor_data(labels);
    int64_t count = kdst__tensor_count(labels);
    if (count == 0) return KDST_STATUS_OK;
    memset(kdst__tensor_data(y), 0, (size_t)(kdst__tensor_count(y) * kdst_dtype_get_size(y->dtype)));
    for (int64_t i = 0; i < count; i++)
        set_one(y->dtype, kdst__tensor_data(y), i * at->classes + values[i]);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_one_hot = {
    .name = "one_hot",
    .input_names = {"labels"},
    .min_inputs = 1,
    .max_inputs = 1,
    .int_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = shape,
    .forward = forward,
    .no_backward = "labels are whole numbers",
    KDST__DOMAIN(0, 1)};

kdst_status kdst_one_hot(kdst_tensor *labels, int64_t classes, kdst_dtype dtype, kdst_tensor **out)
{
    attrs at = {classes, dtype};
    if (labels != NULL && out != NULL) {
        *out = NULL;
        kdst__enter(labels->base.ctx);
        if (classes < 1)
            return kdst__fail(
                labels->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
                "one_hot: classes is %" PRId64 ", allowed is 1 and more", classes);
    }
    return kdst__op_run(&kdst__op_one_hot, &labels, 1, &at, out);
}
