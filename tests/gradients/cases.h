/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of the gradient test: for each operation of ops.def the shapes, options and views it is checked on.
 *
 * `views` has one letter an input: '.' as it is, 't' first and last axis exchanged by kdst_transpose, 's' every
 * second element of the
 * first axis from 1 on by kdst_slice, '0' NULL in its place (not a leaf).
 * Shapes are the leaves'. `p` holds what the operation needs besides its inputs.
 */
#ifndef KDST_TESTS_GRADIENTS_CASES_H
#define KDST_TESTS_GRADIENTS_CASES_H

#include <kdst/kdst.h>

#define CASE_INPUTS 7

typedef struct gradient_case gradient_case;
typedef kdst_status (*gradient_build_fn)(
    const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out);

typedef struct gradient_shape {
    int64_t rank;
    int64_t size[5];
} gradient_shape;

struct gradient_case {
    const char *op, *what;
    gradient_build_fn build;
    const char *views;
    gradient_shape in[CASE_INPUTS];
    int64_t p[8];
};

/* Shapes of rank 0 to 4. */
/* clang-format off */
#define S0 {0, {0}}
#define S1(a) {1, {a}}
#define S2(a, b) {2, {a, b}}
#define S3(a, b, c) {3, {a, b, c}}
#define S4(a, b, c, d) {4, {a, b, c, d}}
/* clang-format on */

/* One table a file: cases.c has the first operations, cases_<topic>.c the others. groups.def lists them. */
#define GROUP(cases, count)                                                                                            \
  extern const gradient_case cases[];                                                                                  \
  extern const int count;
#include "groups.def"
#undef GROUP

#endif
