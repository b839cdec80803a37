/* SPDX-License-Identifier: Apache-2.0 */
/* One element of each elementwise operation. */
#include "reference/reference.h"

double reference_binary(int32_t op, double a, double b)
{
    switch (op) {
    case KDST__ADD:
        return a + b;
    case KDST__SUB:
        return a - b;
    case KDST__MUL:
        return a * b;
    default:
        return a / b;
    }
}

/* max(x, 0), NaN for NaN. */
double reference_relu(double x)
{
    return x < 0 ? 0 : x;
}
