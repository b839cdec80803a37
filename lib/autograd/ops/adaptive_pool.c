/* SPDX-License-Identifier: Apache-2.0 */
/* adaptive_avg_pool2d: means of height x width windows that together cover the image.
 *
 * y[n, c, i, j] = mean of x over rows floor(i H / OH) to ceil((i + 1) H / OH) - 1 and columns likewise; windows overlap where OH
 * does not divide H, and repeat elements where OH > H. dx += dy / (size of the window) over the window.
 * x [N, C, H, W], y [N, C, OH, OW].
 */
#include "autograd/ops.h"
#include "compute/blocked.h"

#include <inttypes.h>

typedef struct attrs {
    int64_t size[2];
} attrs;

static const kdst__option shown[] = {KDST__INTS(attrs, size, 2, 1, 0, INT32_MAX, "[height, width] of the result")};
static const kdst__schema schema = {"adaptive_avg_pool2d", shown, KDST__COUNT(shown), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const attrs *a = call->attrs;
    const kdst_tensor *x = call->inputs[0];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__op_need_rank(call, 0, 4, "x");
    if (status != KDST_STATUS_OK) return status;
    for (int i = 0; i < 2; i++)
        if (a->size[i] < 0 || a->size[i] > INT32_MAX)
            return kdst__fail(
                call->ctx, KDST_STATUS_INVALID_ARGUMENT,
                "adaptive_avg_pool2d: %s is %" PRId64 ", allowed is 0 to %" PRId32, i == 0 ? "height" : "width",
                a->size[i], INT32_MAX);
    if (x->shape[2] == 0 || x->shape[3] == 0 || x->shape[2] > INT32_MAX || x->shape[3] > INT32_MAX)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "adaptive_avg_pool2d: x is %s: height and width must be 1 to %" PRId32,
            kdst__shape_text(x->rank, x->shape, text), INT32_MAX);
    call->rank = 4;
    for (int i = 0; i < 4; i++)
        call->shape[i] = i < 2 ? x->shape[i] : a->size[i - 2];
    return KDST_STATUS_OK;
}

static kdst__pool2d_shape sizes(const kdst_tensor *x, const kdst_tensor *y)
{
    return (kdst__pool2d_shape){
        .n = x->shape[0],
        .c = x->shape[1],
        .h = x->shape[2],
        .w = x->shape[3],
        .kh = 1,
        .kw = 1,
        .p = y->shape[2],
        .q = y->shape[3],
        .adaptive = 1};
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    if (kdst__tensor_count(y) == 0) return KDST_STATUS_OK; /* of a height or width without end, perhaps */
    kdst__pool2d_shape s = sizes(x, y);
    if (call->blocked)
        kdst__blocked_avg_pool2d(kdst__tensor_compute(x), &s, kdst__tensor_data(x), kdst__tensor_data(y));
    else
        kdst__avg_pool2d(kdst__tensor_compute(x), x->dtype, &s, kdst__tensor_data(x), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    if (dx == NULL || kdst__tensor_count(dy) == 0) return KDST_STATUS_OK;
    kdst__pool2d_shape s = sizes(dx, dy);
    if (call->blocked)
        kdst__blocked_avg_pool2d_backward(
            kdst__tensor_compute(dx), &s, kdst__tensor_data(dy), 1, kdst__tensor_data(dx));
    else
        kdst__avg_pool2d_backward(
            kdst__tensor_compute(dx), dx->dtype, &s, kdst__tensor_data(dy), kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_adaptive_avg_pool2d = {
    .name = "adaptive_avg_pool2d",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &schema,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .blocked_inputs = 1,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst_adaptive_avg_pool2d(kdst_tensor *x, int64_t height, int64_t width, kdst_tensor **out)
{
    const attrs a = {{height, width}};
    return kdst__op_run(&kdst__op_adaptive_avg_pool2d, &x, 1, &a, out);
}
