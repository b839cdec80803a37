/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number and their derivatives; compute.h lists them. All [n]; backward adds dy f' to dx.
 *
 * `plain` and `plain_slope` are loops over numbers, which compilers turn into vectors where no libm function stands in
 * them; `smooth` and `smooth_slope` are written in vectors, because of the exponential and the logarithm. Each is
 * compiled once for every function, `op` being a constant there. Slopes that are 0 somewhere choose instead of
 * multiplying, so that an infinite dy does not become NaN.
 */
#include "compute/simd/log.h"
#include "compute/simd/sigmoid.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))

#if KDST_REAL == 32
#  define POW powf
#  define SQRT sqrtf
#  define ABS fabsf
#  define ERFC erfcf
#  define EXP expf
#else
#  define POW pow
#  define SQRT sqrt
#  define ABS fabs
#  define ERFC erfc
#  define EXP exp
#endif

#define ROOT_HALF ((real)0.70710678118654752440)      /* sqrt(1 / 2) */
#define NORMAL_DENSITY ((real)0.39894228040143267794) /* 1 / sqrt(2 pi) */
#define GELU_SCALE ((real)1.59576912160573071176)     /* 2 sqrt(2 / pi) */
#define GELU_CUBE ((real)0.044715)
#define GELU_FLAT ((real)1e4) /* the slope is constant there */

/* Phi(x) = erfc(-x / sqrt 2) / 2, which keeps its precision where it is small. */
INLINE real normal(real x)
{
    return (real)0.5 * ERFC(-x * ROOT_HALF);
}

INLINE real plain(int32_t op, real x, real p, real q)
{
    switch (op) {
    case KDST__UNARY_SQRT:
        return SQRT(x);
    case KDST__UNARY_ABS:
        return ABS(x);
    case KDST__UNARY_SIGN:
        return (real)(x > 0) - (real)(x < 0);
    case KDST__UNARY_NEG:
        return -x;
    case KDST__UNARY_SQUARE:
        return x * x;
    case KDST__UNARY_RECIPROCAL:
        return 1 / x;
    case KDST__UNARY_ADD:
        return x + p;
    case KDST__UNARY_MUL:
        return p * x;
    case KDST__UNARY_POW:
        return POW(x, p);
    case KDST__UNARY_CLAMP:
        return x < p ? p : x > q ? q : x;
    case KDST__UNARY_LEAKY_RELU:
        return x > 0 ? x : p * x;
    case KDST__UNARY_RELU6:
        return x < 0 ? 0 : x > 6 ? 6 : x;
    default:
        return x * normal(x); /* GELU */
    }
}

/* dy f'; t is x or y. */
INLINE real plain_slope(int32_t op, real t, real dy, real p, real q)
{
    switch (op) {
    case KDST__UNARY_EXP:
        return dy * t;
    case KDST__UNARY_LOG:
        return dy / t;
    case KDST__UNARY_SQRT:
        return dy / (2 * t);
    case KDST__UNARY_ABS:
        return t > 0 ? dy : t < 0 ? -dy : 0;
    case KDST__UNARY_SIGN:
        return 0;
    case KDST__UNARY_NEG:
        return -dy;
    case KDST__UNARY_SQUARE:
        return dy * (2 * t);
    case KDST__UNARY_RECIPROCAL:
        return -dy * (t * t);
    case KDST__UNARY_ADD:
        return dy;
    case KDST__UNARY_MUL:
        return dy * p;
    case KDST__UNARY_POW:
        return dy * (p * POW(t, p - 1));
    case KDST__UNARY_CLAMP:
        return t >= p && t <= q ? dy : 0;
    case KDST__UNARY_SIGMOID:
        return dy * ((1 - t) * t);
    case KDST__UNARY_TANH:
        return dy * (1 - t * t);
    case KDST__UNARY_LEAKY_RELU:
        return t > 0 ? dy : dy * p;
    case KDST__UNARY_RELU6:
        return t > 0 && t < 6 ? dy : 0;
    default:
        return dy * (normal(t) + t * (NORMAL_DENSITY * EXP(-t * t / 2))); /* GELU */
    }
}

/* max(x, 0), NaN stays. */
INLINE vec above_zero(vec x)
{
    return vselect((ivec)(x < 0), (vec){0}, x);
}

INLINE vec smooth(int32_t op, vec x, real p, real q)
{
    vec u = x * p;
    switch (op) {
    case KDST__UNARY_EXP:
        return vexp(x);
    case KDST__UNARY_LOG:
        return vlog(x);
    case KDST__UNARY_SIGMOID:
        return vsigmoid(x);
    case KDST__UNARY_LOG_SIGMOID:
        return -(above_zero(-x) + vlog1p(vexp(-vabs(x))));
    case KDST__UNARY_TANH:
        return vtanh(x);
    case KDST__UNARY_SOFTPLUS:
        return vselect((ivec)(u > q), x, (above_zero(u) + vlog1p(vexp(-vabs(u)))) / p);
    case KDST__UNARY_SILU:
        return x / (1 + vexp(-x));
    case KDST__UNARY_GELU_TANH:
        return x * vsigmoid(GELU_SCALE * (x + GELU_CUBE * x * x * x));
    default:
        return vselect((ivec)(x > 0), x, p * vexpm1(x)); /* ELU */
    }
}

INLINE vec smooth_slope(int32_t op, vec x, vec dy, real p, real q)
{
    vec s, u;
    switch (op) {
    case KDST__UNARY_LOG_SIGMOID:
        return dy * vsigmoid(-x);
    case KDST__UNARY_SOFTPLUS:
        return vselect((ivec)(x * p > q), dy, dy * vsigmoid(x * p));
    case KDST__UNARY_SILU:
        s = vsigmoid(x);
        return dy * (s * (1 + x * (1 - s)));
    case KDST__UNARY_GELU_TANH:
        s = vsigmoid(GELU_SCALE * (x + GELU_CUBE * x * x * x));
        u = vselect((ivec)(vabs(x) < GELU_FLAT), x, (vec){0}); /* beyond, s (1 - s) is 0, and x * x may overflow */
        return dy * (s + x * (s * (1 - s) * (GELU_SCALE * (1 + 3 * GELU_CUBE * u * u))));
    default:
        return vselect((ivec)(x > 0), dy, dy * (p * vexp(x))); /* ELU */
    }
}

INLINE void plain_loop(int32_t op, int64_t n, real p, real q, const real *x, real *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = plain(op, x[i], p, q);
}

INLINE void plain_backward(int32_t op, int64_t n, real p, real q, const real *t, const real *dy, real *dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] += plain_slope(op, t[i], dy[i], p, q);
}

INLINE void smooth_loop(int32_t op, int64_t n, real p, real q, const real *x, real *y)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vstore(y + i, smooth(op, vload(x + i), p, q));
    if (i < n) vstore_part(y + i, smooth(op, vload_part(x + i, n - i, 1), p, q), n - i);
}

INLINE void smooth_backward(int32_t op, int64_t n, real p, real q, const real *x, const real *dy, real *dx)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vstore(dx + i, vload(dx + i) + smooth_slope(op, vload(x + i), vload(dy + i), p, q));
    if (i == n) return;
    vec slope = smooth_slope(op, vload_part(x + i, n - i, 1), vload_part(dy + i, n - i, 0), p, q);
    vstore_part(dx + i, vload_part(dx + i, n - i, 0) + slope, n - i);
}

/* Powers that are another function of the list. */
static int32_t simpler(int32_t op, double p)
{
    if (op != KDST__UNARY_POW) return op;
    return p == 2 ? KDST__UNARY_SQUARE : p == 0.5 ? KDST__UNARY_SQRT : p == -1 ? KDST__UNARY_RECIPROCAL : op;
}

#define PLAIN(op)                                                                                                      \
  case op:                                                                                                             \
    plain_loop(op, n, a, b, x, y);                                                                                     \
    break
#define SMOOTH(op)                                                                                                     \
  case op:                                                                                                             \
    smooth_loop(op, n, a, b, x, y);                                                                                    \
    break

void KDST__KERNEL(unary)(int32_t op, int64_t n, double p, double q, const real *x, real *y)
{
    real a = (real)p, b = (real)q;
    switch (simpler(op, p)) {
        PLAIN(KDST__UNARY_SQRT);
        PLAIN(KDST__UNARY_ABS);
        PLAIN(KDST__UNARY_SIGN);
        PLAIN(KDST__UNARY_NEG);
        PLAIN(KDST__UNARY_SQUARE);
        PLAIN(KDST__UNARY_RECIPROCAL);
        PLAIN(KDST__UNARY_ADD);
        PLAIN(KDST__UNARY_MUL);
        PLAIN(KDST__UNARY_POW);
        PLAIN(KDST__UNARY_CLAMP);
        PLAIN(KDST__UNARY_LEAKY_RELU);
        PLAIN(KDST__UNARY_RELU6);
        PLAIN(KDST__UNARY_GELU);
        SMOOTH(KDST__UNARY_EXP);
        SMOOTH(KDST__UNARY_LOG);
        SMOOTH(KDST__UNARY_SIGMOID);
        SMOOTH(KDST__UNARY_LOG_SIGMOID);
        SMOOTH(KDST__UNARY_TANH);
        SMOOTH(KDST__UNARY_SOFTPLUS);
        SMOOTH(KDST__UNARY_SILU);
        SMOOTH(KDST__UNARY_GELU_TANH);
        SMOOTH(KDST__UNARY_ELU);
    }
}

#undef PLAIN
#undef SMOOTH
#define PLAIN(op)                                                                                                      \
  case op:                                                                                                             \
    plain_backward(op, n, a, b, t, dy, dx);                                                                            \
    break
#define SMOOTH(op)                                                                                                     \
  case op:                                                                                                             \
    smooth_backward(op, n, a, b, t, dy, dx);                                                                           \
    break

void KDST__KERNEL(unary_backward)(int32_t op, int64_t n, double p, double q, const real *t, const real *dy, real *dx)
{
    real a = (real)p, b = (real)q;
    if (op == KDST__UNARY_POW && p == 0) return; /* also where t is 0, and 0 t^-1 would be NaN */
    switch (op == KDST__UNARY_POW && p == 2 ? KDST__UNARY_SQUARE : op) {
        PLAIN(KDST__UNARY_EXP);
        PLAIN(KDST__UNARY_LOG);
        PLAIN(KDST__UNARY_SQRT);
        PLAIN(KDST__UNARY_ABS);
        PLAIN(KDST__UNARY_NEG);
        PLAIN(KDST__UNARY_SQUARE);
        PLAIN(KDST__UNARY_RECIPROCAL);
        PLAIN(KDST__UNARY_ADD);
        PLAIN(KDST__UNARY_MUL);
        PLAIN(KDST__UNARY_POW);
        PLAIN(KDST__UNARY_CLAMP);
        PLAIN(KDST__UNARY_SIGMOID);
        PLAIN(KDST__UNARY_TANH);
        PLAIN(KDST__UNARY_LEAKY_RELU);
        PLAIN(KDST__UNARY_RELU6);
        PLAIN(KDST__UNARY_GELU);
        SMOOTH(KDST__UNARY_LOG_SIGMOID);
        SMOOTH(KDST__UNARY_SOFTPLUS);
        SMOOTH(KDST__UNARY_SILU);
        SMOOTH(KDST__UNARY_GELU_TANH);
        SMOOTH(KDST__UNARY_ELU);
    }
}
