/* SPDX-License-Identifier: Apache-2.0 */
/* sum_i x_i and sum_i x_i y_i, one after the other. */
#include "reference/reference.h"

#include <math.h>

double reference_sum(int64_t n, const double *x, double *size)
{
    double sum = 0, terms = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        terms += fabs(x[i]);
    }
    if (size) *size = terms;
    return sum;
}

double reference_dot(int64_t n, const double *x, const double *y, double *size)
{
    double sum = 0, terms = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
        terms += fabs(x[i] * y[i]);
    }
    if (size) *size = terms;
    return sum;
}
