/* SPDX-License-Identifier: Apache-2.0 */
/* add, sub, mul, div: element by element, shapes broadcast as in NumPy.
 *
 * y = a + b: da += dy, db += dy;          y = a - b: da += dy, db -= dy;
 * y = a b:   da += dy b, db += dy a;      y = a / b: da += dy / b, db -= (dy / b) y.
 * The gradient of a broadcast operand is summed over the axes it was stretched along. Operands may have any strides.
 */
#include "autograd/ops.h"

/* Strides of t as seen from the broadcast shape: 0 where it is stretched. */
static void stretched(const kdst_tensor *t, int32_t rank, int64_t stride[KDST__MAX_RANK])
{
    for (int32_t i = 0; i < rank; i++) {
        int32_t own = i - (rank - t->rank);
        stride[i] = own < 0 || t->shape[own] == 1 ? 0 : t->stride[own];
    }
}

static kdst_status forward(kdst__call *call, int32_t op)
{
    kdst_tensor *a = call->inputs[0], *b = call->inputs[1], *y = call->out;
    kdst__compute *cp = kdst__tensor_compute(y);
    int64_t a_stride[KDST__MAX_RANK], b_stride[KDST__MAX_RANK];
    if (kdst__tensor_same_shape(a, b) && kdst__tensor_contiguous(a) && kdst__tensor_contiguous(b)) {
        kdst__binary(
            cp, y->dtype, op, kdst__tensor_count(y), kdst__tensor_data(a), kdst__tensor_data(b), 0,
            kdst__tensor_data(y));
        return KDST_STATUS_OK;
    }
    stretched(a, y->rank, a_stride);
    stretched(b, y->rank, b_stride);
    kdst__binary_strided(
        cp, y->dtype, op, y->rank, y->shape, kdst__tensor_data(a), a_stride, kdst__tensor_data(b), b_stride, 0,
        kdst__tensor_data(y), y->stride);
    return KDST_STATUS_OK;
}

/* d += alpha g, summed where d is stretched; g has the result's shape. */
static kdst_status add_summed(const char *name, kdst_tensor *d, const kdst_tensor *g, double alpha)
{
    int64_t stride[KDST__MAX_RANK];
    kdst__compute *cp = kdst__tensor_compute(d);
    if (kdst__tensor_same_shape(d, g)) {
        kdst__add_into(cp, d->dtype, kdst__tensor_count(d), alpha, kdst__tensor_data(g), kdst__tensor_data(d));
        return KDST_STATUS_OK;
    }
    stretched(d, g->rank, stride);
    kdst_status status = kdst__sum_strided(
        cp, d->dtype, g->rank, g->shape, alpha, kdst__tensor_data(g), g->stride, 1, kdst__tensor_data(d), stride);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(d->base.ctx, name);
}

/* d += g op other, summed where d is stretched; `product` is scratch of g's shape, made when first needed. */
static kdst_status add_combined(
    const char *name, kdst_tensor *d, const kdst_tensor *g, int32_t op, const kdst_tensor *other, kdst_tensor **product)
{
    int64_t stride[KDST__MAX_RANK];
    kdst__compute *cp = kdst__tensor_compute(d);
    bool direct = kdst__tensor_same_shape(d, g);
    if (!direct && *product == NULL) {
        kdst_status status = kdst__tensor_new_like(name, g, false, product);
        if (status != KDST_STATUS_OK) return status;
    }
    kdst_tensor *y = direct ? d : *product;
    stretched(other, g->rank, stride);
    kdst__binary_strided(
        cp, g->dtype, op, g->rank, g->shape, kdst__tensor_data(g), g->stride, kdst__tensor_data(other), stride, direct,
        kdst__tensor_data(y), y->stride);
    return direct ? KDST_STATUS_OK : add_summed(name, d, y, 1);
}

static kdst_status add_forward(kdst__call *call)
{
    return forward(call, KDST__ADD);
}
static kdst_status sub_forward(kdst__call *call)
{
    return forward(call, KDST__SUB);
}
static kdst_status mul_forward(kdst__call *call)
{
    return forward(call, KDST__MUL);
}
static kdst_status div_forward(kdst__call *call)
{
    return forward(call, KDST__DIV);
}

static kdst_status add_backward(kdst__call *call)
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < 2 && status == KDST_STATUS_OK; i++)
        if (call->d_inputs[i] != NULL) status = add_summed("add", call->d_inputs[i], call->d_out, 1);
    return status;
}

static kdst_status sub_backward(kdst__call *call)
{
    kdst_tensor *da = call->d_inputs[0], *db = call->d_inputs[1];
    kdst_status status = da == NULL ? KDST_STATUS_OK : add_summed("sub", da, call->d_out, 1);
    return status != KDST_STATUS_OK || db == NULL ? status : add_summed("sub", db, call->d_out, -1);
}

static kdst_status mul_backward(kdst__call *call)
{
    kdst_tensor *product = NULL;
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < 2 && status == KDST_STATUS_OK; i++)
        if (call->d_inputs[i] != NULL)
            status = add_combined("mul", call->d_inputs[i], call->d_out, KDST__MUL, call->inputs[1 - i], &product);
    kdst_tensor_release(product);
    return status;
}

static kdst_status div_backward(kdst__call *call)
{
    kdst_tensor *da = call->d_inputs[0], *db = call->d_inputs[1], *dy = call->d_out, *scratch = NULL;
    if (db == NULL) {
        kdst_status status =
            da == NULL ? KDST_STATUS_OK : add_combined("div", da, dy, KDST__DIV, call->inputs[1], &scratch);
        kdst_tensor_release(scratch);
        return status;
    }
    kdst_status status = kdst__tensor_new_like("div", dy, true, &scratch);
    if (status != KDST_STATUS_OK) return status;
    kdst_tensor *unused = NULL; /* scratch has dy's shape, so no second one is made */
    status = add_combined("div", scratch, dy, KDST__DIV, call->inputs[1], &unused);
    if (status == KDST_STATUS_OK && da != NULL) status = add_summed("div", da, scratch, 1);
    if (status == KDST_STATUS_OK) {
        void *values = kdst__tensor_data(scratch);
        kdst__binary(
            kdst__tensor_compute(dy), dy->dtype, KDST__MUL, kdst__tensor_count(dy), values,
            kdst__tensor_data(call->out), 0, values);
        status = add_summed("div", db, scratch, -1);
    }
    kdst_tensor_release(scratch);
    return status;
}

const kdst__op kdst__op_add = {
    .name = "add",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = add_forward,
    .backward = add_backward,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_sub = {
    .name = "sub",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = sub_forward,
    .backward = sub_backward,
    KDST__DOMAIN(-1, 1)};

const kdst__op kdst__op_mul = {
    .name = "mul",
    .min_inputs = 2,
    .max_inputs = 2,
    .strided = true,
    .shape = kdst__op_broadcast,
    .forward = mul_forward,
    .backward = mul_backward,
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
