/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operations on contiguous buffers: parts of the range, one a piece. */
#include "compute/state.h"

#define GRAIN 16384

typedef struct job {
    kdst__compute *cp;
    int32_t dtype, op, accumulate;
    int64_t n, pieces;
    double alpha;
    const void *a, *b;
    const uint8_t *mask;
    void *y;
    void (*part)(const struct job *j, int64_t begin, int64_t n);
} job;

static void piece_fn(void *arg, int64_t piece, int32_t worker)
{
    const job *j = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(j->n, j->pieces, piece, &begin, &end);
    j->part(j, begin, end - begin);
}

static void run(job *j)
{
    j->pieces = kdst__pieces(j->n, GRAIN);
    kdst__pool_run(j->cp->pool, j->pieces, piece_fn, j);
}

#define AT(x) kdst__at(j->dtype, j->x, begin)

static void fill_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, fill, n, j->alpha, AT(y));
}
static void scale_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, scale, n, j->alpha, AT(y));
}
static void axpy_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, axpy, n, j->alpha, AT(a), AT(y));
}
static void relu_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, relu, n, AT(a), AT(y));
}

static void relu_backward_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, relu_backward, n, AT(a), AT(b), AT(y));
}

static void relu_mask_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, relu_mask, n, AT(a), AT(b), AT(y));
}

static void relu6_mask_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, relu6_mask, n, AT(a), AT(b), AT(y));
}

static void copy_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, copy, n, j->alpha, AT(a), 1, 0, AT(y), 1);
}

static void mask_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, mask, n, AT(a), j->mask + begin, j->alpha, j->accumulate, AT(y));
}

static void binary_part(const job *j, int64_t begin, int64_t n)
{
    KDST__CALL(j->cp, j->dtype, binary, j->op, n, AT(a), 1, AT(b), 1, j->accumulate, AT(y), 1);
}

void kdst__fill(kdst__compute *cp, int32_t dtype, int64_t n, double value, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .alpha = value, .y = y, .part = fill_part});
}

void kdst__scale(kdst__compute *cp, int32_t dtype, int64_t n, double alpha, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .alpha = alpha, .y = y, .part = scale_part});
}

void kdst__add_into(kdst__compute *cp, int32_t dtype, int64_t n, double alpha, const void *x, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .alpha = alpha, .a = x, .y = y, .part = axpy_part});
}

void kdst__relu(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .a = x, .y = y, .part = relu_part});
}

void kdst__relu_backward(kdst__compute *cp, int32_t dtype, int64_t n, const void *y, const void *dy, void *dx)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .a = y, .b = dy, .y = dx, .part = relu_backward_part});
}

void kdst__relu_mask(kdst__compute *cp, int32_t dtype, int64_t n, const void *y, const void *dy, void *g)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .a = y, .b = dy, .y = g, .part = relu_mask_part});
}

void kdst__activate(kdst__compute *cp, int32_t dtype, int32_t activation, int64_t n, void *y)
{
    if (activation == KDST__FUSED_RELU) kdst__relu(cp, dtype, n, y, y);
    if (activation == KDST__FUSED_RELU6) kdst__unary(cp, dtype, KDST__UNARY_RELU6, n, 0, 0, y, y);
}

void kdst__activation_mask(
    kdst__compute *cp, int32_t dtype, int32_t activation, int64_t n, const void *y, const void *dy, void *g)
{
    if (activation == KDST__FUSED_RELU6)
        run(&(job){.cp = cp, .dtype = dtype, .n = n, .a = y, .b = dy, .y = g, .part = relu6_mask_part});
    else if (activation == KDST__FUSED_RELU)
        kdst__relu_mask(cp, dtype, n, y, dy, g);
    else if (g != dy)
        kdst__copy(cp, dtype, n, 1, dy, g);
}

void kdst__copy(kdst__compute *cp, int32_t dtype, int64_t n, double alpha, const void *x, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .alpha = alpha, .a = x, .y = y, .part = copy_part});
}

void kdst__mask(kdst__compute *cp, int32_t dtype, int64_t n, const void *x, const uint8_t *mask, double scale, void *y)
{
    run(&(job){.cp = cp, .dtype = dtype, .n = n, .alpha = scale, .a = x, .mask = mask, .y = y, .part = mask_part});
}

void kdst__mask_backward(
    kdst__compute *cp, int32_t dtype, int64_t n, const void *dy, const uint8_t *mask, double scale, void *dx)
{
    run(&(job){
        .cp = cp,
        .dtype = dtype,
        .n = n,
        .alpha = scale,
        .a = dy,
        .mask = mask,
        .y = dx,
        .accumulate = 1,
        .part = mask_part});
}

void kdst__binary(
    kdst__compute *cp, int32_t dtype, int32_t op, int64_t n, const void *a, const void *b, int32_t accumulate, void *y)
{
    run(&(job){
        .cp = cp,
        .dtype = dtype,
        .op = op,
        .n = n,
        .a = a,
        .b = b,
        .accumulate = accumulate,
        .y = y,
        .part = binary_part});
}
