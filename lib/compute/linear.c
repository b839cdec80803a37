/* SPDX-License-Identifier: Apache-2.0 */
/* Fully connected layers: y = x W^T + bias, then max(y, 0) where asked; and the three gradients.
 *
 * g = dy, or dy where y > 0 (NaN counts) with relu: dx = g W, dW = g^T x, dbias = sum_n g[n, :].
 * x [N, I], W [O, I], bias [O], y and dy [N, O].
 */
#include "compute/state.h"

kdst_status kdst__linear_forward(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t i, int64_t o, const void *x, const void *w, const void *bias,
    int32_t relu, void *y)
{
    const kdst__tail tail = {bias, relu};
    const kdst__product product = {
        .dtype = dtype,
        .m = n,
        .n = o,
        .k = i,
        .a = {.kind = KDST__STRIDED, .data = x, .si = i, .sp = 1},
        .b = {.kind = KDST__STRIDED, .data = w, .si = i, .sp = 1},
        .c = y,
        .rs = o,
        .i = 1,
        .j = o,
        .js = 1,
    };
    kdst_status status;
    if (n > 3 && kdst__gemm_skinny(cp, &product, &tail, &status)) return status;
    if (bias) kdst__copy_strided(cp, dtype, 2, (int64_t[]){n, o}, 1, bias, (int64_t[]){0, 1}, 0, y, (int64_t[]){o, 1});
    status = kdst__gemm(cp, dtype, n, o, i, x, i, 1, w, 1, i, bias != NULL, y, o, 1);
    if (status == KDST_STATUS_OK && relu) kdst__relu(cp, dtype, n * o, y, y);
    return status;
}

static kdst_status gradients(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t i, int64_t o, const void *x, const void *w, const void *g,
    const kdst__linear_gradients *d)
{
    kdst_status status = KDST_STATUS_OK;
    if (d->x) status = kdst__gemm(cp, dtype, n, i, o, g, o, 1, w, i, 1, d->add_x, d->x, i, 1);
    if (d->w && !status) status = kdst__gemm(cp, dtype, o, i, n, g, 1, o, x, i, 1, d->add_w, d->w, i, 1);
    if (d->bias && !status)
        status = kdst__sum_strided(
            cp, dtype, 2, (int64_t[]){n, o}, 1, g, (int64_t[]){o, 1}, d->add_bias, d->bias, (int64_t[]){0, 1});
    return status;
}

kdst_status kdst__linear_backward(
    kdst__compute *cp, int32_t dtype, int64_t n, int64_t i, int64_t o, const void *x, const void *w, const void *y,
    const void *dy, const kdst__linear_gradients *d)
{
    if (!y) return gradients(cp, dtype, n, i, o, x, w, dy, d);
    const size_t bytes = (size_t)(n * o) * kdst__size_of(dtype);
    void *g = kdst__alloc(cp->memory, bytes);
    if (!g) return KDST_STATUS_OUT_OF_MEMORY;
    kdst__relu_mask(cp, dtype, n * o, y, dy, g);
    kdst_status status = gradients(cp, dtype, n, i, o, x, w, g, d);
    kdst__free(cp->memory, g, bytes);
    return status;
}
