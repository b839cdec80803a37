/* SPDX-License-Identifier: Apache-2.0 */
/* Operations over an index of up to 8 axes: the index is counted up, and each operand is found by its strides. */
#include "reference/reference.h"

#include <math.h>

/* Offset of index number `number`, the last axis fastest. */
static int64_t offset(int32_t rank, const int64_t *shape, const int64_t *stride, int64_t number)
{
    int64_t at = 0;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        at += number % shape[axis] * stride[axis];
        number /= shape[axis];
    }
    return at;
}

static int64_t count(int32_t rank, const int64_t *shape)
{
    int64_t product = 1;
    for (int32_t axis = 0; axis < rank; axis++)
        product *= shape[axis];
    return product;
}

void reference_binary_strided(
    int32_t op, int32_t rank, const int64_t *shape, const double *a, const int64_t *a_stride, const double *b,
    const int64_t *b_stride, int32_t accumulate, double *y, const int64_t *y_stride)
{
    for (int64_t i = 0; i < count(rank, shape); i++) {
        double value = reference_binary(op, a[offset(rank, shape, a_stride, i)], b[offset(rank, shape, b_stride, i)]);
        double *to = &y[offset(rank, shape, y_stride, i)];
        *to = accumulate ? *to + value : value;
    }
}

void reference_copy_strided(
    int32_t rank, const int64_t *shape, double alpha, const double *x, const int64_t *x_stride, int32_t accumulate,
    double *y, const int64_t *y_stride)
{
    for (int64_t i = 0; i < count(rank, shape); i++) {
        double value = alpha * x[offset(rank, shape, x_stride, i)], *to = &y[offset(rank, shape, y_stride, i)];
        *to = accumulate ? *to + value : value;
    }
}

void reference_sum_strided(
    int32_t rank, const int64_t *shape, double alpha, const double *x, const int64_t *x_stride, int32_t accumulate,
    double *y, const int64_t *y_stride, double *size)
{
    /* the results begin as 0 or as they are: those that are no result stay as they are */
    int64_t kept[8];
    for (int32_t axis = 0; axis < rank; axis++)
        kept[axis] = y_stride[axis] ? shape[axis] : 1;
    for (int64_t i = 0; i < count(rank, kept); i++) {
        int64_t at = offset(rank, kept, y_stride, i);
        if (!accumulate) y[at] = 0;
        size[at] = fabs(y[at]);
    }
    for (int64_t i = 0; i < count(rank, shape); i++) {
        int64_t at = offset(rank, shape, y_stride, i);
        double term = alpha * x[offset(rank, shape, x_stride, i)];
        y[at] += term;
        size[at] += fabs(term);
    }
}
