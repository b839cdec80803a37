/* SPDX-License-Identifier: Apache-2.0 */
/* max, min, variance, std, logsumexp and norm over axes; the formulas and gradients stand in compute/kernels/fold.c.
 *
 * x is seen as [outer, n, inner] with the reduced axes in the middle. Where they are no neighbours, x is copied with the
 * kept axes in front, and the gradient goes the same way back.
 */
#include "autograd/axes.h"
#include "autograd/ops.h"

#include <inttypes.h>

typedef struct folded {
    int64_t outer, n, inner;
    bool moved; /* the axes are in another order than in x */
    int32_t rank;
    int64_t shape[KDST__MAX_RANK], stride[KDST__MAX_RANK]; /* of x with its axes in that order */
} folded;

/* t is contiguous. */
static folded fold_of(const kdst_tensor *t, const kdst__axes *at)
{
    folded f = {1, 1, 1, false, t->rank, {0}, {0}};
    int32_t place = 0, phase = 0; /* 0: in front of the reduced axes, 1: in them, 2: behind */
    for (int32_t i = 0; i < t->rank; i++) {
        bool reduced = at->mask >> i & 1;
        if (t->shape[i] != 1) {
            if (reduced && phase == 0) phase = 1;
            if (!reduced && phase == 1) phase = 2;
            if (reduced && phase == 2) f.moved = true;
        }
        *(reduced ? &f.n : phase == 0 ? &f.outer : &f.inner) *= t->shape[i];
    }
    for (uint32_t reduced = 0; reduced < 2; reduced++)
        for (int32_t i = 0; i < t->rank; i++)
            if ((at->mask >> i & 1) == reduced) {
                f.shape[place] = t->shape[i];
                f.stride[place++] = t->stride[i];
            }
    if (f.moved) f.outer *= f.inner, f.inner = 1;
    return f;
}

/* x in the order of f: a new reference. */
static kdst_status arrange(const char *name, kdst_tensor *x, const folded *f, kdst_tensor **out)
{
    kdst_tensor *view = NULL;
    if (!f->moved) {
        kdst_tensor_retain(*out = x);
        return KDST_STATUS_OK;
    }
    kdst_status status = kdst__tensor_view(name, x, f->rank, f->shape, f->stride, x->offset, &view);
    if (status == KDST_STATUS_OK) status = kdst__tensor_to_contiguous(name, view, out);
    kdst_tensor_release(view);
    return status;
}

static kdst_status forward(kdst__call *call)
{
    const kdst__axes *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out, *arranged = NULL;
    const folded f = fold_of(x, at);
    kdst_status status = arrange(call->op->name, x, &f, &arranged);
    if (status == KDST_STATUS_OK)
        kdst__fold(
            kdst__tensor_compute(x), x->dtype, call->op->variant, (double)at->correction, f.outer, f.n, f.inner,
            kdst__tensor_data(arranged), kdst__tensor_data(y));
    kdst_tensor_release(arranged);
    return status;
}

static kdst_status backward(kdst__call *call)
{
    const kdst__axes *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *dx = call->d_inputs[0], *arranged = NULL, *part = NULL;
    if (dx == NULL) return KDST_STATUS_OK;
    const folded f = fold_of(x, at);
    kdst__compute *cp = kdst__tensor_compute(dx);
    kdst_status status = arrange(call->op->name, x, &f, &arranged);
    if (status == KDST_STATUS_OK && f.moved)
        status = kdst__tensor_new(call->ctx, call->op->name, dx->dtype, f.rank, f.shape, true, &part);
    if (status == KDST_STATUS_OK) {
        kdst_tensor *to = f.moved ? part : dx;
        kdst__fold_backward(
            cp, dx->dtype, call->op->variant, (double)at->correction, f.outer, f.n, f.inner,
            kdst__tensor_data(arranged), kdst__tensor_data(call->out), kdst__tensor_data(call->d_out),
            kdst__tensor_data(to));
        if (f.moved) {
            const folded back = fold_of(dx, at);
            kdst__copy_strided(
                cp, dx->dtype, f.rank, f.shape, 1, kdst__tensor_data(part), part->stride, 1, kdst__tensor_data(dx),
                back.stride);
        }
    }
    kdst_tensor_release(part);
    kdst_tensor_release(arranged);
    return status;
}

/* max, min */
static kdst_status some_shape(kdst__call *call)
{
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    if (kdst__axes_elements(x, call->attrs) == 0)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: x is %s: nothing has no %s", call->op->name,
            kdst__shape_text(x->rank, x->shape, text), call->op->name);
    return kdst__axes_shape(call);
}

/* variance, std */
static kdst_status corrected_shape(kdst__call *call)
{
    const kdst__axes *at = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    const int64_t elements = kdst__axes_elements(x, at);
    char text[KDST__SHAPE_TEXT];
    if (elements <= at->correction)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "%s: x is %s: %" PRId64 " elements with a correction of %" PRId64,
            call->op->name, kdst__shape_text(x->rank, x->shape, text), elements, at->correction);
    return kdst__axes_shape(call);
}

#define FOLD(stem, code)                                                                                               \
  .name = #stem, .variant = KDST__FOLD_##code, .min_inputs = 1, .max_inputs = 1, .attr_bytes = sizeof(kdst__axes),     \
  .forward = forward, .backward = backward, .keep_inputs = 1, .keep_out = true, KDST__DOMAIN(-1, 1)

const kdst__op kdst__op_max = {FOLD(max, MAX), .shape = some_shape, .attr_schema = &kdst__axes_shown};
const kdst__op kdst__op_min = {FOLD(min, MIN), .shape = some_shape, .attr_schema = &kdst__axes_shown};
const kdst__op kdst__op_variance = {
    FOLD(variance, VARIANCE), .shape = corrected_shape, .attr_schema = &kdst__axes_shown_corrected};
const kdst__op kdst__op_std = {FOLD(std, STD), .shape = corrected_shape, .attr_schema = &kdst__axes_shown_corrected};
const kdst__op kdst__op_logsumexp = {
    FOLD(logsumexp, LOGSUMEXP), .shape = kdst__axes_shape, .attr_schema = &kdst__axes_shown};
const kdst__op kdst__op_norm = {FOLD(norm, NORM), .shape = kdst__axes_shape, .attr_schema = &kdst__axes_shown};

kdst_status kdst_max(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_max, x, axes, count, keep, 0, out);
}
kdst_status kdst_min(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_min, x, axes, count, keep, 0, out);
}
kdst_status kdst_logsumexp(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_logsumexp, x, axes, count, keep, 0, out);
}
kdst_status kdst_norm(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_norm, x, axes, count, keep, 0, out);
}
kdst_status
kdst_variance(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_variance, x, axes, count, keep, correction, out);
}
kdst_status
kdst_std(kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction, kdst_tensor **out)
{
    return kdst__axes_run(&kdst__op_std, x, axes, count, keep, correction, out);
}
