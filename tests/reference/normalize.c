/* SPDX-License-Identifier: Apache-2.0 */
/* y = x / max(|x|, eps) along the middle axis of [outer, n, inner].
 *
 * dy_i / dx_j = ([i = j] - y_i y_j) / |x|, and [i = j] / eps, or 0 without that gradient, where |x| < eps.
 */
#include "reference/reference.h"

#include <math.h>

void reference_normalize(
    int64_t outer, int64_t n, int64_t inner, double eps, const double *x, double *y, double *lengths)
{
    for (int64_t v = 0; v < outer * inner; v++) {
        int64_t first = v / inner * n * inner + v % inner;
        double squares = 0;
        for (int64_t i = 0; i < n; i++)
            squares += x[first + i * inner] * x[first + i * inner];
        lengths[v] = sqrt(squares);
        for (int64_t i = 0; i < n; i++)
            y[first + i * inner] = x[first + i * inner] / fmax(lengths[v], eps);
    }
}

void reference_normalize_backward(
    int64_t outer, int64_t n, int64_t inner, double eps, int32_t null_gradient, const double *y, const double *dy,
    const double *lengths, double *dx, double *size)
{
    for (int64_t v = 0; v < outer * inner; v++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) {
                int64_t first = v / inner * n * inner + v % inner, a = first + i * inner, b = first + j * inner;
                int32_t below = lengths[v] < eps;
                double own = below ? (null_gradient ? (i == j) / eps : 0) : (i == j) / lengths[v];
                double other = below ? 0 : y[a] * y[b] / lengths[v];
                dx[b] += dy[a] * (own - other);
                size[b] += fabs(dy[a]) * (own + fabs(other));
            }
}
