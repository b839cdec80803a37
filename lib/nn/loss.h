/* SPDX-License-Identifier: Apache-2.0 */
/* Losses from the inside: those of logits are settings of the fused pass in compute/distill.h, those of features have a pass of
 * their own (feature_loss.h). */
#ifndef KDST_NN_LOSS_H
#define KDST_NN_LOSS_H

#include "autograd/op.h"
#include "compute/distill.h"
#include "core/options.h"
#include "nn/feature_loss.h"

#include <kdst/loss.h>

/* Settings of a loss; the weights of a batch follow from them. */
struct kdst__loss_config {
    const char *name;
    double alpha;       /* weight of the soft part; 0 leaves the hard one alone */
    double temperature; /* of the target */
    double student_temperature;
    double factor;  /* multiplier and T^2 */
    double epsilon; /* label smoothing */
    int32_t others; /* smoothing over the other classes: eps / (K - 1) */
    int32_t element_mean;
    int32_t soft; /* KDST__SOFT_… */
    double correct_prob;
    int32_t logprob; /* virtual teacher: logits are log p^d, else p^d */
    const kdst__feature_loss *feature; /* a loss of features: only this and its settings count */
    kdst__feature_settings settings;
};

/* What cross-entropy may have besides (loss_classes.c). */
typedef struct kdst__loss_classes {
    bool enabled;
    int64_t ignore_index;
    double *weight; /* [count], owned, or NULL */
    int64_t count;
} kdst__loss_classes;

struct kdst_loss {
    kdst__handle base;
    kdst__loss_config config;
    kdst__loss_classes classes;
};

/* Creator of a loss of features: checks, options, handle. */
kdst_status kdst__feature_loss_create(
    kdst_context *ctx, const kdst__feature_loss *loss, const kdst__schema *schema, const kdst_options *options,
    kdst_loss **out);
kdst_status kdst__loss_new(kdst_context *ctx, const kdst__loss_config *config, kdst_loss **out);

/* SHAPE with a message when there are weights of another number of classes. */
kdst_status kdst__loss_classes_check(const kdst_loss *loss, const kdst_tensor *student);
/* Whether rows count differently: there are weights, or a label that is ignored. labels contiguous. */
bool kdst__loss_classes_apply(const kdst_loss *loss, const kdst_tensor *labels);
/* Value and gradient where they do; student and labels contiguous and checked, grad nullable, overwritten when OK. */
kdst_status kdst__loss_classes_run(
    const kdst_loss *loss, const kdst_tensor *student, const kdst_tensor *labels, double *value, kdst_tensor *grad);

/* A certain teacher (correct_prob 1) has no finite log p^d: INVALID_ARGUMENT with a message. */
kdst_status kdst__virtual_check(kdst_context *ctx, const char *name, double correct_prob, int32_t logprob);

/* Logits of the virtual teacher p^d: on the label and elsewhere. */
void kdst__virtual_logits(double correct_prob, int32_t logprob, int64_t classes, double *label, double *other);

#endif
