/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number and their derivatives in double, from the definitions. */
#include "reference/reference.h"

#include <math.h>

#define PI 3.14159265358979323846

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* ln(1 + e^x) */
static double bend(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double gelu_argument(double x)
{
    return sqrt(2 / PI) * (x + 0.044715 * x * x * x);
}

static double normal(double x)
{
    return erfc(-x / sqrt(2)) / 2;
}

double reference_unary(int32_t op, double x, double p, double q)
{
    if (isnan(x) && op != KDST__UNARY_SIGN && op != KDST__UNARY_POW) return x;
    switch (op) {
    case KDST__UNARY_EXP:
        return exp(x);
    case KDST__UNARY_LOG:
        return log(x);
    case KDST__UNARY_SQRT:
        return sqrt(x);
    case KDST__UNARY_ABS:
        return fabs(x);
    case KDST__UNARY_SIGN:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    case KDST__UNARY_NEG:
        return -x;
    case KDST__UNARY_SQUARE:
        return x * x;
    case KDST__UNARY_RECIPROCAL:
        return 1 / x;
    case KDST__UNARY_ADD:
        return x + p;
    case KDST__UNARY_MUL:
        return x * p;
    case KDST__UNARY_POW:
        return p == 0.5 ? sqrt(x) : pow(x, p); /* as PyTorch: they differ at -infinity */
    case KDST__UNARY_CLAMP:
        return fmin(fmax(x, p), q);
    case KDST__UNARY_SIGMOID:
        return logistic(x);
    case KDST__UNARY_LOG_SIGMOID:
        return -bend(-x);
    case KDST__UNARY_TANH:
        return tanh(x);
    case KDST__UNARY_SOFTPLUS:
        return p * x > q ? x : bend(p * x) / p;
    case KDST__UNARY_LEAKY_RELU:
        return x > 0 ? x : p * x;
    case KDST__UNARY_RELU6:
        return fmin(fmax(x, 0), 6);
    case KDST__UNARY_SILU:
        return x * logistic(x);
    case KDST__UNARY_GELU:
        return x * normal(x);
    case KDST__UNARY_GELU_TANH:
        return x * logistic(2 * gelu_argument(x));
    default: /* ELU */
        return x > 0 ? x : p * expm1(x);
    }
}

double reference_unary_slope(int32_t op, double x, double p, double q)
{
    double s, slope;
    switch (op) {
    case KDST__UNARY_EXP:
        return exp(x);
    case KDST__UNARY_LOG:
        return 1 / x;
    case KDST__UNARY_SQRT:
        return 1 / (2 * sqrt(x));
    case KDST__UNARY_ABS:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    case KDST__UNARY_SIGN:
        return 0;
    case KDST__UNARY_NEG:
        return -1;
    case KDST__UNARY_SQUARE:
        return 2 * x;
    case KDST__UNARY_RECIPROCAL:
        return -1 / (x * x);
    case KDST__UNARY_ADD:
        return 1;
    case KDST__UNARY_MUL:
        return p;
    case KDST__UNARY_POW:
        return p == 0 ? 0 : p * pow(x, p - 1);
    case KDST__UNARY_CLAMP:
        return x >= p && x <= q;
    case KDST__UNARY_SIGMOID:
        return logistic(x) * logistic(-x);
    case KDST__UNARY_LOG_SIGMOID:
        return logistic(-x);
    case KDST__UNARY_TANH:
        return 1 / (cosh(x) * cosh(x));
    case KDST__UNARY_SOFTPLUS:
        return p * x > q ? 1 : logistic(p * x);
    case KDST__UNARY_LEAKY_RELU:
        return x > 0 ? 1 : p;
    case KDST__UNARY_RELU6:
        return x > 0 && x < 6;
    case KDST__UNARY_SILU:
        return logistic(x) + x * logistic(x) * logistic(-x);
    case KDST__UNARY_GELU:
        return normal(x) + x * exp(-x * x / 2) / sqrt(2 * PI);
    case KDST__UNARY_GELU_TANH:
        s = logistic(2 * gelu_argument(x));
        slope = sqrt(2 / PI) * (1 + 3 * 0.044715 * x * x);
        return s + x * s * logistic(-2 * gelu_argument(x)) * 2 * slope;
    default: /* ELU */
        return x > 0 ? 1 : p * exp(x);
    }
}
