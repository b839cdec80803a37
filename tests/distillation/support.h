/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the losses share: the losses as a table with their formulas, batches, both ways of running one. */
#ifndef KDST_TESTS_DISTILLATION_SUPPORT_H
#define KDST_TESTS_DISTILLATION_SUPPORT_H

#include "../autograd/support.h"
#include "reference/distill.h"

#include <stdbool.h>
#include <stdio.h>

/* Values and float64 gradients: of about a hundred roundings, with logits within some tens of temperatures. */
#define LOSS_TOLERANCE 2e-14
/* Float32 gradients and recorded float32 values are computed in double and rounded once: half a unit is 6e-8. */
#define ROUNDED_TOLERANCE 6.1e-8

typedef kdst_status (*loss_create_fn)(kdst_context *ctx, const kdst_options *options, kdst_loss **out);

/* A loss by its options and by its formula. */
typedef struct loss_row {
    const char *name;
    loss_create_fn create;
    const char *options; /* "alpha=0.9 t_squared=1": whole numbers for the switches, numbers or choices else */
    distill_reference reference;
} loss_row;

extern const loss_row loss_rows[];
extern const int loss_row_count;

/* Student, teacher and labels of a batch, also as doubles; the tensors are of one type. */
typedef struct loss_batch {
    kdst_dtype dtype;
    int64_t b, k;
    double *s, *t;
    int32_t *y;
    kdst_tensor *student, *teacher, *labels;
} loss_batch;

/* Logits in [-scale, scale]. */
loss_batch batch_of(kdst_context *in, kdst_dtype dtype, int64_t b, int64_t k, double scale, int seed);
/* The same from given rows of logits; t nullable. */
loss_batch batch_from(kdst_dtype dtype, int64_t b, int64_t k, const double *s, const double *t, const int32_t *y);
void batch_free(loss_batch *batch);

kdst_options *options_of(const char *text);
kdst_loss *make_loss(kdst_context *in, loss_create_fn create, const char *options);

/* What a loss gives: the direct value and gradient, and the recorded ones. Gradients [b, k]. */
typedef struct loss_result {
    double value, recorded_value;
    double *grad, *recorded_grad;
} loss_result;

/* Fails the test when a call fails. */
loss_result run_loss(kdst_loss *loss, loss_batch *batch);
void result_free(loss_result *result);
/* Both ways against the formula. `tolerance` of the value and of the largest gradient; LOSS_TOLERANCE as a rule. */
void expect_formula(const loss_row *row, loss_batch *batch, double tolerance);
/* Both values and gradients are the same bits. */
void expect_same(const loss_result *a, const loss_result *b, int64_t count);
/* |got - want| <= tolerance |want| */
void expect_near(double got, double want, double tolerance, const char *what);

#endif
