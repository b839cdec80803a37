/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of operations share: a context, tensors from doubles, comparisons and expected failures. */
#ifndef KDST_TESTS_AUTOGRAD_SUPPORT_H
#define KDST_TESTS_AUTOGRAD_SUPPORT_H

#include "support/tolerance.h"

#include <kdst/kdst.h>

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define F32 KDST_DTYPE_FLOAT32
#define F64 KDST_DTYPE_FLOAT64
#define SHAPE(...)                                                                                                     \
  (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                           \
  {                                                                                                                    \
    __VA_ARGS__                                                                                                        \
  }

extern kdst_context *ctx;

void setup(void);
/* Every handle must be gone. */
void teardown(void);
/* At the level that KDST_TEST_LEVEL asks for; releases the options. */
kdst_context *context_of(kdst_options *options);
kdst_context *context_with_threads(int64_t threads);

/* Loop tests run over both types. */
static inline kdst_dtype real_type(int i)
{
    return i == 0 ? F32 : F64;
}

/* Repeatable numbers in [-1, 1]. */
double number(int64_t i, int seed);
kdst_tensor *filled_in(kdst_context *in, kdst_dtype dtype, int64_t rank, const int64_t *shape, int seed);
kdst_tensor *filled(kdst_dtype dtype, int64_t rank, const int64_t *shape, int seed);
kdst_tensor *from_doubles(kdst_dtype dtype, int64_t rank, const int64_t *shape, const double *values);
kdst_tensor *from_labels(int64_t count, const int32_t *labels);
/* The same values as `t`, not contiguous: a transposed view of a transposed copy. Releases t. */
kdst_tensor *scattered(kdst_tensor *t);
/* Its elements as doubles; freed by the caller. */
double *doubles(kdst_tensor *t);

void expect_ok(kdst_status status);
void expect_failure(kdst_status status, kdst_status expected, const char *text);
void expect_shape(kdst_tensor *t, int64_t rank, const int64_t *shape);
void expect_close(kdst_tensor *t, const double *expected);
kdst_tensor *grad_of(kdst_tensor *t);
kdst_options *options_ints(const char *name, const int64_t *values, int64_t count);

/* Runs the suite of one TCase-building function and returns main's result. */
int run_suite(const char *name, void (*build)(TCase *tests));

#endif
