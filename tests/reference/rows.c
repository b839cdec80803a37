/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by a list, element by element: y[o, j, c] = x[o, i_j, c], dx[o, i_j, c] += dy[o, j, c], y[i_j, c] = or += x[j, c]. */
#include "reference/reference.h"

#include <math.h>

void reference_rows_select(
    int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices, const double *x, double *y)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t c = 0; c < inner; c++)
                y[(o * n + j) * inner + c] = x[(o * size + indices[j]) * inner + c];
}

void reference_rows_add(
    int64_t outer, int64_t size, int64_t n, int64_t inner, const int32_t *indices, const double *dy, double *dx,
    double *terms)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t c = 0; c < inner; c++) {
                dx[(o * size + indices[j]) * inner + c] += dy[(o * n + j) * inner + c];
                terms[(o * size + indices[j]) * inner + c] += fabs(dy[(o * n + j) * inner + c]);
            }
}

void reference_rows_place(
    int64_t n, int64_t inner, const int32_t *indices, const double *x, int32_t accumulate, double *y)
{
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < inner; c++) {
            double before = y[indices[j] * inner + c];
            y[indices[j] * inner + c] = x[j * inner + c] + (accumulate ? before : 0);
        }
}
