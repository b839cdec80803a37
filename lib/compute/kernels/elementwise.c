/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise kernels: fill, scale, axpy, binary operations, copies, relu, masks.
 *
 * Plain loops that compilers turn into vectors; y may be one of the inputs. Strides count elements, 0 repeats one.
 */
#include "compute/simd/vector.h"

#define INLINE static inline __attribute__((always_inline))

void KDST__KERNEL(fill)(int64_t n, double value, real *y)
{
    real v = (real)value;
    for (int64_t i = 0; i < n; i++)
        y[i] = v;
}

void KDST__KERNEL(scale)(int64_t n, double alpha, real *y)
{
    real f = (real)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] *= f;
}

void KDST__KERNEL(axpy)(int64_t n, double alpha, const real *x, real *y)
{
    real f = (real)alpha;
    for (int64_t i = 0; i < n; i++)
        y[i] += f * x[i];
}

INLINE real apply(int32_t op, real a, real b)
{
    return op == KDST__ADD ? a + b : op == KDST__SUB ? a - b : op == KDST__MUL ? a * b : a / b;
}

INLINE void loop(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y, int64_t sy)
{
    for (int64_t i = 0; i < n; i++) {
        real r = apply(op, a[i * sa], b[i * sb]);
        y[i * sy] = accumulate ? y[i * sy] + r : r;
    }
}

/* One loop for each usual combination of strides, so that it becomes vectors. A repeated operand is read once, before y,
 * which may be the same memory, is written: no rule is broken, an operand of stride 0 is never y. */
INLINE void by_strides(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y, int64_t sy)
{
    if (n == 0) return;
    if (sy == 1 && sa == 1 && sb == 1) {
        loop(op, n, a, 1, b, 1, accumulate, y, 1);
    } else if (sy == 1 && sa == 1 && sb == 0) {
        real kept = *b;
        loop(op, n, a, 1, &kept, 0, accumulate, y, 1);
    } else if (sy == 1 && sa == 0 && sb == 1) {
        real kept = *a;
        loop(op, n, &kept, 0, b, 1, accumulate, y, 1);
    } else {
        loop(op, n, a, sa, b, sb, accumulate, y, sy);
    }
}

INLINE void by_target(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y, int64_t sy)
{
    if (accumulate)
        by_strides(op, n, a, sa, b, sb, 1, y, sy);
    else
        by_strides(op, n, a, sa, b, sb, 0, y, sy);
}

void KDST__KERNEL(binary)(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y, int64_t sy)
{
    switch (op) {
    case KDST__ADD:
        by_target(KDST__ADD, n, a, sa, b, sb, accumulate, y, sy);
        break;
    case KDST__SUB:
        by_target(KDST__SUB, n, a, sa, b, sb, accumulate, y, sy);
        break;
    case KDST__MUL:
        by_target(KDST__MUL, n, a, sa, b, sb, accumulate, y, sy);
        break;
    default:
        by_target(KDST__DIV, n, a, sa, b, sb, accumulate, y, sy);
        break;
    }
}

INLINE void copy_loop(int64_t n, real f, const real *x, int64_t sx, int32_t accumulate, real *y, int64_t sy)
{
    for (int64_t i = 0; i < n; i++)
        y[i * sy] = accumulate ? y[i * sy] + f * x[i * sx] : f * x[i * sx];
}

void KDST__KERNEL(copy)(int64_t n, double alpha, const real *x, int64_t sx, int32_t accumulate, real *y, int64_t sy)
{
    real f = (real)alpha;
    if (n == 0) return;
    if (sx == 1 && sy == 1 && accumulate) {
        copy_loop(n, f, x, 1, 1, y, 1);
    } else if (sx == 1 && sy == 1) {
        copy_loop(n, f, x, 1, 0, y, 1);
    } else if (sx == 0 && sy == 1) {
        real kept = *x;
        copy_loop(n, f, &kept, 0, accumulate, y, 1);
    } else {
        copy_loop(n, f, x, sx, accumulate, y, sy);
    }
}

/* Written so that NaN stays NaN, and lets the gradient through. */
void KDST__KERNEL(relu)(int64_t n, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

void KDST__KERNEL(relu_backward)(int64_t n, const real *y, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] += y[i] <= 0 ? 0 : dy[i];
}

void KDST__KERNEL(mask)(int64_t n, const real *x, const uint8_t *mask, double scale, int32_t accumulate, real *y)
{
    real f = (real)scale;
    if (accumulate)
        for (int64_t i = 0; i < n; i++)
            y[i] += x[i] * (f * (real)mask[i]);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] * (f * (real)mask[i]);
}
