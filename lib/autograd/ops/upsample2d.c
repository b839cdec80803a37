/* SPDX-License-Identifier: Apache-2.0 */
/* upsample2d: an image in another size, by the nearest element or by bilinear interpolation.
 *
 * Row p of the result is taken at (p + 1/2) H / P - 1/2 of x (bilinear, at least 0), at p (H - 1) / (P - 1) with aligned corners, or at
 * floor(p H / P) (nearest); columns likewise. A scale f stands for P = floor(H f), and 1 / f for H / P. dx is the transposed map of dy.
 * x [N, C, H, W], y [N, C, P, Q]. lib/compute/upsample.c has the rules.
 */
#include "autograd/ops.h"

#include <inttypes.h>

#define LARGEST INT32_MAX

enum { NEAREST, BILINEAR };

static const kdst__option options_table[] = {
    KDST__INTS_UPTO(kdst__upsample2d_attrs, size, 2, 1, LARGEST, "[height, width] of the result, or one for both"),
    {"scale", KDST_OPTION_FLOATS, 0, 0, INFINITY, 3, "", "", -2, offsetof(kdst__upsample2d_attrs, scale),
     offsetof(kdst__upsample2d_attrs, scale_count), "factors of height and width, or one for both"},
    KDST__CHOICE(kdst__upsample2d_attrs, mode, "nearest", "nearest|bilinear", "how elements are taken"),
    KDST__INT(kdst__upsample2d_attrs, align_corners, 0, 0, 1, "1: the corners' centres are kept; bilinear alone"),
};
const kdst__schema kdst__schema_upsample2d = {"upsample2d", options_table, KDST__COUNT(options_table), NULL, 0};

kdst_status kdst__upsample2d_check(kdst_context *ctx, const kdst__upsample2d_attrs *a)
{
    if ((a->size_count > 0) == (a->scale_count > 0))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "upsample2d: %s of size and scale are set, one is needed",
            a->size_count > 0 ? "both" : "none");
    if (a->align_corners && a->mode == NEAREST)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "upsample2d: align_corners is 1, which mode \"nearest\" does not have");
    return KDST_STATUS_OK;
}

static double factor(const kdst__upsample2d_attrs *a, int axis)
{
    return a->scale_count == 0 ? 0 : a->scale[a->scale_count > 1 ? axis : 0];
}

static kdst_status shape(kdst__call *call)
{
    const kdst__upsample2d_attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__upsample2d_check(call->ctx, a);
    if (status == KDST_STATUS_OK) status = kdst__op_need_rank(call, 0, 4, "x");
    if (status != KDST_STATUS_OK) return status;
    call->rank = 4;
    call->shape[0] = x->shape[0];
    call->shape[1] = x->shape[1];
    for (int i = 0; i < 2; i++) {
        const int64_t size = x->shape[2 + i];
        const double grown = floor((double)size * factor(a, i));
        if (size == 0 || size > LARGEST || (a->size_count == 0 && !(grown >= 1 && grown <= LARGEST)))
            return kdst__fail(
                call->ctx, KDST_STATUS_SHAPE,
                "upsample2d: x is %s: %s %" PRId64 " and scale %g give no size from 1 to %d",
                kdst__shape_text(x->rank, x->shape, text), i == 0 ? "height" : "width", size, factor(a, i), LARGEST);
        call->shape[2 + i] = a->size_count > 0 ? a->size[a->size_count > 1 ? i : 0] : (int64_t)grown;
    }
    return KDST_STATUS_OK;
}

static kdst__upsample_shape sizes(const kdst__upsample2d_attrs *a, const kdst_tensor *x, const kdst_tensor *y)
{
    return (kdst__upsample_shape){
        .planes = x->shape[0] * x->shape[1],
        .h = x->shape[2],
        .w = x->shape[3],
        .p = y->shape[2],
        .q = y->shape[3],
        .bilinear = a->mode == BILINEAR,
        .align_corners = (int32_t)a->align_corners,
        .factor = {factor(a, 0), factor(a, 1)}};
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    const kdst__upsample_shape s = sizes(call->attrs, x, y);
    kdst_status status =
        kdst__upsample2d(kdst__tensor_compute(x), x->dtype, &s, kdst__tensor_data(x), kdst__tensor_data(y));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "upsample2d");
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL) return KDST_STATUS_OK;
    const kdst__upsample_shape s = sizes(call->attrs, dx, dy);
    kdst_status status = kdst__upsample2d_backward(
        kdst__tensor_compute(dx), dx->dtype, &s, kdst__tensor_data(dy), kdst__tensor_data(dx));
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "upsample2d");
}

const kdst__op kdst__op_upsample2d = {
    .name = "upsample2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(kdst__upsample2d_attrs),
    .attr_schema = &kdst__schema_upsample2d,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__upsample2d_run(kdst_tensor *x, const kdst__upsample2d_attrs *attrs, kdst_tensor **out)
{
    return kdst__op_run(&kdst__op_upsample2d, &x, 1, attrs, out);
}

kdst_status kdst_upsample2d(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    kdst__upsample2d_attrs attrs = {.size_count = 0};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "upsample2d", &kdst__schema_upsample2d, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__upsample2d_run(x, &attrs, out);
}
