/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise kernels: fill, scale, axpy, binary operations, copies, relu, masks.
 *
 * Plain loops that compilers turn into vectors; y may be one of the inputs. Strides count elements, 0 repeats one.
 */
#include "compute/simd/vector.h"

#include <math.h>

#if KDST_REAL == 32
#  define POW powf
#  define LOG logf
#else
#  define POW pow
#  define LOG log
#endif

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
    switch (op) {
    case KDST__ADD:
        return a + b;
    case KDST__SUB:
        return a - b;
    case KDST__MUL:
        return a * b;
    case KDST__DIV:
        return a / b;
    case KDST__MIN:
        return a < b || a != a ? a : b;
    case KDST__MAX:
        return a > b || a != a ? a : b;
    case KDST__MIN_SHARE:
        return a == b ? (real)0.5 : a > b ? 0 : 1;
    case KDST__MAX_SHARE:
        return a == b ? (real)0.5 : a < b ? 0 : 1;
    case KDST__GATE:
        return b != 0 ? a * b : 0;
    case KDST__POW:
        return POW(a, b);
    case KDST__POW_BASE:
        return b == 0 ? 0 : b * POW(a, b - 1);
    default: /* POW_EXPONENT */
        return a == 0 && b >= 0 ? 0 : POW(a, b) * LOG(a);
    }
}

INLINE void loop(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y,
    int64_t sy)
{
    for (int64_t i = 0; i < n; i++) {
        real r = apply(op, a[i * sa], b[i * sb]);
        y[i * sy] = accumulate ? y[i * sy] + r : r;
    }
}

/* One loop for each usual combination of strides, so that it becomes vectors. A repeated operand is read once, before y,
 * which may be the same memory, is written: no rule is broken, an operand of stride 0 is never y. */
INLINE void by_strides(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y,
    int64_t sy)
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
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y,
    int64_t sy)
{
    if (accumulate)
        by_strides(op, n, a, sa, b, sb, 1, y, sy);
    else
        by_strides(op, n, a, sa, b, sb, 0, y, sy);
}

void KDST__KERNEL(binary)(
    int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, int32_t accumulate, real *y,
    int64_t sy)
{
#define CASE(op)                                                                                                       \
  case op:                                                                                                             \
    by_target(op, n, a, sa, b, sb, accumulate, y, sy);                                                                 \
    break
    switch (op) {
        CASE(KDST__ADD);
        CASE(KDST__SUB);
        CASE(KDST__MUL);
        CASE(KDST__DIV);
        CASE(KDST__MIN);
        CASE(KDST__MAX);
        CASE(KDST__MIN_SHARE);
        CASE(KDST__MAX_SHARE);
        CASE(KDST__GATE);
    default: /* a libm function dwarfs the loop around it */
        for (int64_t i = 0; i < n; i++) {
            real r = apply(op, a[i * sa], b[i * sb]);
            y[i * sy] = accumulate ? y[i * sy] + r : r;
        }
    }
#undef CASE
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

void KDST__KERNEL(relu_mask)(int64_t n, const real *y, const real *dy, real *g)
{
    for (int64_t i = 0; i < n; i++)
        g[i] = y[i] <= 0 ? 0 : dy[i];
}

void KDST__KERNEL(relu6_mask)(int64_t n, const real *y, const real *dy, real *g)
{
    for (int64_t i = 0; i < n; i++)
        g[i] = y[i] > 0 && y[i] < 6 ? dy[i] : 0;
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

#define TRUTH(op, relation)                                                                                            \
  case op:                                                                                                             \
    for (int64_t i = 0; i < n; i++)                                                                                    \
      y[i] = a[i * sa] relation b[i * sb];                                                                             \
    break

INLINE void truths(int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, uint8_t *y)
{
    switch (op) {
        TRUTH(KDST__EQUAL, ==);
        TRUTH(KDST__NOT_EQUAL, !=);
        TRUTH(KDST__LESS, <);
        TRUTH(KDST__LESS_EQUAL, <=);
        TRUTH(KDST__GREATER, >);
    default:
        TRUTH(KDST__GREATER_EQUAL, >=);
    }
}

void KDST__KERNEL(compare)(int32_t op, int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, uint8_t *y)
{
    if (sa == 1 && sb == 1)
        truths(op, n, a, 1, b, 1, y);
    else if (sa == 1)
        truths(op, n, a, 1, b, 0, y);
    else if (sb == 1)
        truths(op, n, a, 0, b, 1, y);
    else
        truths(op, n, a, 0, b, 0, y);
}

void KDST__KERNEL(is_finite)(int64_t n, const real *x, uint8_t *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - x[i] == 0;
}
