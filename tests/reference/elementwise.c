/* SPDX-License-Identifier: Apache-2.0 */
/* One element of each elementwise operation. */
#include "reference/reference.h"

#include <math.h>

double reference_binary(int32_t op, double a, double b)
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
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    case KDST__MAX:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    case KDST__MIN_SHARE:
        return a == b ? 0.5 : !(a > b);
    case KDST__MAX_SHARE:
        return a == b ? 0.5 : !(a < b);
    case KDST__GATE:
        return b == 0 ? 0 : a * b;
    case KDST__POW:
        return pow(a, b);
    case KDST__POW_BASE:
        return b == 0 ? 0 : b * pow(a, b - 1);
    default:
        return a == 0 && b >= 0 ? 0 : pow(a, b) * log(a);
    }
}

/* max(x, 0), NaN for NaN. */
double reference_relu(double x)
{
    return x < 0 ? 0 : x;
}
