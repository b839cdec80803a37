/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy with distributions as targets: rows of [outer, K, inner], numbered (o, s).
 *
 * Row r's value is -sum_k c_k l_k, c_k = w_k ((1 - e) t_k + e / K), l its log-probabilities, t its target.
 */
#ifndef KDST_COMPUTE_SOFT_LOSS_H
#define KDST_COMPUTE_SOFT_LOSS_H

#include "compute/compute.h"

typedef struct kdst__soft_loss {
    int64_t outer, k, inner;
    const double *weight; /* [k], NULL: 1 */
    double smoothing;     /* e */
} kdst__soft_loss;

/* The sum of the rows' values; t, l [outer, k, inner]; rows [outer, inner], nullable: the values. */
double kdst__soft_loss_value(
    kdst__compute *cp, int32_t dtype, const kdst__soft_loss *loss, const void *t, const void *l, void *rows);
/* Adds scale dy_r times the derivatives: p_k sum c - c_k to dz, where l = log softmax(z) and p = softmax(z), and
 * -(1 - e) w_k l_k to dt. dy [outer, inner], NULL: 1. dz and t, p with it, or dt and l with it, may be NULL. */
void kdst__soft_loss_backward(
    kdst__compute *cp, int32_t dtype, const kdst__soft_loss *loss, const void *t, const void *l, const void *p,
    double scale, const void *dy, void *dz, void *dt);

#endif
