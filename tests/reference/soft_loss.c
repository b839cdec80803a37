/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy of distributions: row r of [outer, K, inner] has the value -sum_k c_k l_k, c_k = w_k ((1 - e) t_k + e / K).
 *
 * With l = log softmax(z), dl_k / dz_j = [k = j] - p_j; by t_k the derivative is -(1 - e) w_k l_k.
 */
#include "reference/reference.h"

#include <math.h>

static double share(const kdst__soft_loss *c, int64_t k, double t)
{
    return (c->weight ? c->weight[k] : 1) * ((1 - c->smoothing) * t + c->smoothing / (double)c->k);
}

void reference_soft_loss(const kdst__soft_loss *c, const double *t, const double *l, double *rows, double *size)
{
    for (int64_t r = 0; r < c->outer * c->inner; r++) {
        rows[r] = size[r] = 0;
        for (int64_t k = 0; k < c->k; k++) {
            int64_t e = (r / c->inner * c->k + k) * c->inner + r % c->inner;
            rows[r] -= share(c, k, t[e]) * l[e];
            size[r] += fabs(share(c, k, t[e]) * l[e]);
        }
    }
}

void reference_soft_loss_backward(
    const kdst__soft_loss *c, const double *t, const double *l, const double *p, double scale, const double *dy,
    double *dz, double *size, double *dt)
{
    for (int64_t r = 0; r < c->outer * c->inner; r++) {
        int64_t first = r / c->inner * c->k * c->inner + r % c->inner;
        double g = scale * (dy ? dy[r] : 1);
        for (int64_t j = 0; j < c->k; j++) {
            int64_t at = first + j * c->inner;
            for (int64_t k = 0; k < c->k; k++) {
                double part = g * share(c, k, t[first + k * c->inner]);
                dz[at] -= part * ((k == j) - p[at]);
                size[at] += fabs(part) * ((k == j) + p[at]);
            }
            dt[at] -= g * (1 - c->smoothing) * (c->weight ? c->weight[j] : 1) * l[at];
        }
    }
}
