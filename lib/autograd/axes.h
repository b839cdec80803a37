/* SPDX-License-Identifier: Apache-2.0 */
/* What operations that reduce axes share: reading the axes, the result's shape. */
#ifndef KDST_AUTOGRAD_AXES_H
#define KDST_AUTOGRAD_AXES_H

#include "autograd/op.h"

typedef struct kdst__axes {
    int64_t axes[KDST__MAX_RANK], axes_count; /* rising, from the front */
    int64_t keep;
    int64_t correction; /* of variances */
    uint32_t mask;      /* bit i: axis i is reduced */
} kdst__axes;

/* What a trace shows; the second has the correction too. */
extern const kdst__schema kdst__axes_shown, kdst__axes_shown_corrected;

/* Checks what the caller gave; none are all axes. */
kdst_status kdst__axes_read(
    const char *function, const kdst_tensor *x, const int64_t *axes, int64_t count, int64_t keep, kdst__axes *out);
/* Shape rule: input 0 without the reduced axes, or with size 1 there; attrs are kdst__axes. */
kdst_status kdst__axes_shape(kdst__call *call);
/* How many elements become one. */
int64_t kdst__axes_elements(const kdst_tensor *x, const kdst__axes *axes);

/* Enters the context of x and reads the axes; then runs `op`. */
kdst_status kdst__axes_run(
    const kdst__op *op, kdst_tensor *x, const int64_t *axes, int64_t count, int32_t keep, int64_t correction,
    kdst_tensor **out);

#endif
