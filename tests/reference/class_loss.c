/* SPDX-License-Identifier: Apache-2.0 */
/* Negative log-likelihood of labels: row r of [outer, K, inner] has the value -sum_k c_k l_k, c_k = (1 - e) w_k [k = y] + e w_k / K.
 *
 * By l the derivative is -c_k; with l = log softmax(z), dl_k / dz_j = [k = j] - p_j. Ignored rows are 0.
 */
#include "reference/reference.h"

#include <math.h>

static double share(const kdst__class_loss *c, int64_t r, int64_t k)
{
    double w = c->weight ? c->weight[k] : 1;
    if (c->labels[r] == c->ignore_index) return 0;
    return (k == c->labels[r] ? (1 - c->smoothing) * w : 0) + c->smoothing * w / (double)c->k;
}

static int64_t element_of(const kdst__class_loss *c, int64_t r, int64_t k)
{
    return (r / c->inner * c->k + k) * c->inner + r % c->inner;
}

void reference_class_loss(const kdst__class_loss *c, const double *l, double *rows, double *size, double *total)
{
    *total = 0;
    for (int64_t r = 0; r < c->outer * c->inner; r++) {
        rows[r] = size[r] = 0;
        for (int64_t k = 0; k < c->k; k++) {
            rows[r] -= share(c, r, k) * l[element_of(c, r, k)];
            size[r] += fabs(share(c, r, k) * l[element_of(c, r, k)]);
        }
        if (c->labels[r] != c->ignore_index) *total += c->weight ? c->weight[c->labels[r]] : 1;
    }
}

void reference_class_loss_backward(const kdst__class_loss *c, double scale, const double *dy, double *dl)
{
    for (int64_t r = 0; r < c->outer * c->inner; r++)
        for (int64_t k = 0; k < c->k; k++)
            dl[element_of(c, r, k)] -= scale * (dy ? dy[r] : 1) * share(c, r, k);
}

void reference_class_loss_softmax_backward(
    const kdst__class_loss *c, const double *p, double scale, const double *dy, double *dz, double *size)
{
    for (int64_t r = 0; r < c->outer * c->inner; r++)
        for (int64_t j = 0; j < c->k; j++)
            for (int64_t k = 0; k < c->k; k++) {
                double g = scale * (dy ? dy[r] : 1) * share(c, r, k), pj = p[element_of(c, r, j)];
                dz[element_of(c, r, j)] -= g * ((k == j) - pj);
                size[element_of(c, r, j)] += fabs(g) * ((k == j) + pj);
            }
}
