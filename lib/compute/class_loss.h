/* SPDX-License-Identifier: Apache-2.0 */
/* Negative log-likelihood of labels: what operations and loss handles run on rows of [outer, K, inner].
 *
 * Rows are numbered (o, s); row r's value is (1 - e) w_y (-l_y) + (e / K) sum_k w_k (-l_k), 0 when its label is ignored.
 */
#ifndef KDST_COMPUTE_CLASS_LOSS_H
#define KDST_COMPUTE_CLASS_LOSS_H

#include "compute/compute.h"

typedef struct kdst__class_loss {
    int64_t outer, k, inner;
    const int32_t *labels; /* [outer, inner], in [0, k) or ignore_index */
    int64_t ignore_index;
    const double *weight;  /* [k], NULL: 1 */
    double weight_sum;     /* of all k */
    double smoothing;      /* e */
} kdst__class_loss;

/* Sums over the rows: *sum of the values, *total of the labels' weights, ignored ones left out. l: log-probabilities; rows [outer,
 * inner], nullable: the values. */
void kdst__class_loss_value(
    kdst__compute *cp, int32_t dtype, const kdst__class_loss *loss, const void *l, void *rows, double *sum, double *total);
/* Adds scale dy_r d value_r / dl, without smoothing; dy [outer, inner], NULL: 1. */
void kdst__class_loss_backward(
    kdst__compute *cp, int32_t dtype, const kdst__class_loss *loss, double scale, const void *dy, void *dl);
/* Adds scale dy_r d value_r / dz where l = log softmax(z) and p = softmax(z). */
void kdst__class_loss_softmax_backward(
    kdst__compute *cp, int32_t dtype, const kdst__class_loss *loss, const void *p, double scale, const void *dy, void *dz);

#endif
