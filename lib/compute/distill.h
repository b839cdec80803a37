/* SPDX-License-Identifier: Apache-2.0 */
/* The fused pass of all distillation losses over rows of logits: value and gradient at once.
 *
 *     value = w_hard * CE_eps(s, y) + w_soft * KL(q || softmax(s / Ts))
 *
 * q is softmax(t / Tt) of a teacher's logits, or of a virtual teacher that has one logit on the label and another
 * elsewhere. CE_eps is the cross-entropy to a smoothed label: `label_share` on the label, `other_share` on each other
 * class. Weights are per row: the caller has divided by B or B K. Rows are computed in double whatever the element type
 * is: a float32 result has the error of one rounding.
 */
#ifndef KDST_COMPUTE_DISTILL_H
#define KDST_COMPUTE_DISTILL_H

#include "compute/compute.h"

enum { KDST__SOFT_NONE, KDST__SOFT_TEACHER, KDST__SOFT_VIRTUAL };

typedef struct kdst__distill_params {
    double w_hard, label_share, other_share;
    double w_soft, student_temperature, teacher_temperature;
    double virtual_label, virtual_other; /* logits of the virtual teacher, before teacher_temperature */
    int32_t soft;                        /* KDST__SOFT_… */
} kdst__distill_params;

/* 1 when some element of x [rows, k] is not finite or larger than `limit`: *row, *column of the first. */
int32_t kdst__distill_find_bad(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t k, double limit, const void *x, int64_t *row,
    int64_t *column);

/* Softmax of k logits of which one is larger than the others by `gap`: its value and that of each other class. */
void kdst__distill_virtual(double gap, int64_t k, double *label, double *other);

/* *value: sum over the rows. grad [rows, k]: nullable, overwritten, may be s itself; untouched when OUT_OF_MEMORY. */
kdst_status kdst__distill(
    kdst__compute *cp, int32_t dtype, int64_t rows, int64_t k, const kdst__distill_params *params, const void *s,
    const void *t, const int32_t *labels, double *value, void *grad);

#endif
