/* SPDX-License-Identifier: Apache-2.0 */
/* A case of the system "tsslbp": its inputs and expectations on one of the two paths. In the files time is the last axis, in the library the
 * first.
 */
#ifndef KDST_TESTS_GOLDEN_TSSLBP_H
#define KDST_TESTS_GOLDEN_TSSLBP_H

#include "distillation.h"

#define MAX_TENSORS 256

typedef struct tsslbp_case {
    run *r;
    verdict *v;
    kdst_dtype dtype; /* of this path */
    tolerance tol;
    fields params, inputs, expected;
    kdst_tensor *made[MAX_TENSORS];
    int made_count;
} tsslbp_case;

/* Whether the status is OK. */
bool done(tsslbp_case *c, kdst_status status, const char *what);
/* Leaves the tensor to the case, which releases it; NULL stays NULL. */
kdst_tensor *own(tsslbp_case *c, kdst_tensor *t);
/* Empty options; a status that is not OK is a problem by the time they are used. */
settings settings_new(void);
bool settings_sound(tsslbp_case *c, const settings *s);

/* ---- inputs ---- */

/* An input of the path's type (int32 stays) as the file has it. */
kdst_tensor *read_input(tsslbp_case *c, const char *name);
/* The same with the last axis first. */
kdst_tensor *read_sequence(tsslbp_case *c, const char *name);
/* x [a, ..., t] as [t, a, ...], or the other way round; a new tensor of its own memory. */
kdst_tensor *time_first(tsslbp_case *c, kdst_tensor *x);
kdst_tensor *time_last(tsslbp_case *c, kdst_tensor *x);
/* Wants a gradient of a leaf. */
kdst_tensor *leaf(tsslbp_case *c, kdst_tensor *x);
/* x in another shape; NULL when x is. */
kdst_tensor *shaped(tsslbp_case *c, kdst_tensor *x, int64_t rank, const int64_t *shape);
/* o [T, N, K] from [T, N, K, 1, 1]. */
kdst_tensor *flat_classes(tsslbp_case *c, kdst_tensor *x);
/* labels int32 [N], which are those of `params`, too. */
kdst_tensor *read_labels(tsslbp_case *c);
kdst_tensor *gradient(tsslbp_case *c, kdst_tensor *leaf);
kdst_tensor *summed(tsslbp_case *c, kdst_tensor *x, int64_t axis);

/* ---- expectations ---- */

/* Compares with an expectation of as many elements in the same order; int32 exactly. */
void expect_plain(tsslbp_case *c, const char *name, kdst_tensor *got);
/* The same for [T, ...]: time goes last. */
void expect_sequence(tsslbp_case *c, const char *name, kdst_tensor *got);
/* An expectation's sum over time. */
void expect_sequence_sum(tsslbp_case *c, const char *name, kdst_tensor *got);
void expect_value(tsslbp_case *c, const char *name, double got);
/* A number of `params`, whatever it was computed from. */
void expect_parameter(tsslbp_case *c, const char *name, double got);
/* |u - threshold| at its smallest, and how many of u are above, as the smaller of *margin and what it adds to *fired and *of. */
void look_at(tsslbp_case *c, kdst_tensor *membrane, double threshold, double *margin, double *fired, double *of);

/* ---- kinds ---- */

/* The loss that the open "network" names, for these classes. */
kdst_loss *spike_loss(tsslbp_case *c, fields *network, const char *filters, kdst_tensor *train);
void run_network(tsslbp_case *c);
void run_spike_training(tsslbp_case *c);

#endif
