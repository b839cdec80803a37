/* SPDX-License-Identifier: Apache-2.0 */
/* c[i, j] += sum_p a[i, p] b[p, j]. */
#include "reference/reference.h"

#include <math.h>

void reference_gemm(
    int64_t m, int64_t n, int64_t k, const double *a, int64_t rs_a, int64_t cs_a, const double *b, int64_t rs_b,
    int64_t cs_b, double *c, int64_t rs_c, int64_t cs_c, double *size)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            int64_t at = i * rs_c + j * cs_c;
            double sum = 0, terms = fabs(c[at]);
            for (int64_t p = 0; p < k; p++) {
                double product = a[i * rs_a + p * cs_a] * b[p * rs_b + j * cs_b];
                sum += product;
                terms += fabs(product);
            }
            c[at] += sum;
            if (size) size[at] = terms;
        }
}
