/* SPDX-License-Identifier: Apache-2.0 */
/* What the losses between features have in common inside this folder. */
#ifndef KDST_DISTILLATION_FEATURES_H
#define KDST_DISTILLATION_FEATURES_H

#include "nn/loss.h"

/* Check of methods that take any features of as many samples. */
kdst_status kdst__features_same_samples(
    const char *name, const kdst__feature_settings *settings, const kdst_tensor *student, const kdst_tensor *teacher);

/* A null vector, one shorter than this, has no direction: its unit vector is null and passes no gradient. */
#define KDST__NULL_LENGTH 1e-12

/* u [n] = v / |v|, or null; returns |v|. u may be v. */
double kdst__unit(int64_t n, const double *v, double *u);
/* dv [n] = (du - u <u, du>) / length, or null. dv may be du. */
void kdst__unit_backward(int64_t n, const double *u, double length, const double *du, double *dv);

/* New contiguous tensor for a function that shows something of features x (of float type, not empty, of `rank` or, at 0, of
 * rank 2 and more), and x as doubles; on failure the message is set. kdst__shown_end stores and frees. */
typedef struct kdst__shown {
    kdst_tensor *plain, *out;
    double *x, *y; /* [count of x], [count of out] */
    size_t x_bytes, y_bytes;
} kdst__shown;
kdst_status kdst__shown_begin(
    const char *function, kdst_tensor *x, int32_t rank, kdst_tensor **out, kdst__shown *shown);
kdst_status kdst__shown_make(const char *function, int32_t rank, const int64_t *shape, kdst__shown *shown);
void kdst__shown_end(kdst__shown *shown, kdst_status status, kdst_tensor **out);

#endif
