/* SPDX-License-Identifier: Apache-2.0 */
/* Losses between the features of a student and of a teacher, or of a student's alone, from the inside.
 *
 * A method is a pass in double over both: value and, when it is wanted, the gradient for the student. Conversion, checks common to
 * all, recording and handles are shared (feature_loss.c, loss.c).
 */
#ifndef KDST_NN_FEATURE_LOSS_H
#define KDST_NN_FEATURE_LOSS_H

#include "compute/compute.h"
#include "core/options.h"
#include "tensor/tensor.h"

typedef struct kdst__loss_config kdst__loss_config;

/* Settings of all methods; each reads its own. */
typedef struct kdst__feature_settings {
    int32_t mode, reduction, row_norm, target;
    int64_t average;
    double power, distance, angle, smoothing, log_eps, temperature;
    double tau_s, desired, undesired;
    int64_t filters, train[KDST__MAX_LIST], train_count;
} kdst__feature_settings;

typedef struct kdst__features {
    const double *x;
    int32_t rank;
    const int64_t *shape;
} kdst__features;

typedef struct kdst__feature_loss {
    const char *name;
    bool labels;         /* reads labels int32 [N] */
    bool alone;          /* there is no teacher */
    int32_t sample_axis; /* of the student's features: N */
    /* SHAPE with a message when student and teacher do not fit. */
    kdst_status (*check)(
        const char *name, const kdst__feature_settings *settings, const kdst_tensor *student, const kdst_tensor *teacher);
    /* OK or OUT_OF_MEMORY. grad, of the student's shape: nullable, overwritten. Labels are in [0, last size). */
    kdst_status (*pass)(
        kdst__compute *cp, const kdst__feature_settings *settings, const kdst__features *s, const kdst__features *t,
        const int32_t *labels, double *value, double *grad);
} kdst__feature_loss;

/* Elements of one sample: the product of all sizes but the first. */
int64_t kdst__features_row(const kdst__features *f);

/* Types, shapes and values of the inputs of a feature loss. */
kdst_status kdst__feature_check(
    const kdst__feature_loss *loss, const kdst__feature_settings *settings, const kdst_tensor *student,
    const kdst_tensor *teacher, const kdst_tensor *labels);

/* student, teacher, labels: contiguous and checked; grad: like the student, nullable, overwritten when OK. */
kdst_status kdst__feature_run(
    const kdst__feature_loss *loss, const kdst__feature_settings *settings, const kdst_tensor *student,
    const kdst_tensor *teacher, const kdst_tensor *labels, double *value, kdst_tensor *grad);

#endif
