/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of lib/compute share: a compute state for each level and type, arrays between guard pages, comparisons.
 *
 * A loop test's number names its configuration: level and element type. With KDST_TEST_LEVEL set there is that level alone.
 */
#ifndef KDST_TESTS_COMPUTE_SUPPORT_H
#define KDST_TESTS_COMPUTE_SUPPORT_H

#include "compute/state.h"

#include "support/tolerance.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the running test. */
extern kdst__compute *cp;
extern int32_t dtype;
extern double unit; /* roundoff of dtype */
extern int64_t lanes;

/* Levels to be tested times two types. */
int configurations(void);
/* Begins a test in configuration `number`, with a pool of three threads. The end is the fixture's, which also sees to it
 * that nothing has leaked. */
void begin(int number);
void finish(void);
/* Another state of the same configuration; closed by the end of the test. */
kdst__compute *with_threads(int32_t threads);

/* An array of the test's type between guard pages, and its elements as doubles: what the type has made of them. */
typedef struct array {
    int64_t count;
    void *data;
    double *values;
} array;

/* Repeatable numbers in [-1, 1]. Freed by the end of the test. */
array *random_array(int64_t count, int seed);
array *array_of(int64_t count, const double *values);
array *filled_array(int64_t count, double value);
/* Flush with the page before it instead of the one behind. */
array *early_array(int64_t count, int seed);
double element(const array *a, int64_t i);
void set_element(array *a, int64_t i, double value);
/* Scratch doubles, zeroed; freed by the end of the test. */
double *numbers(int64_t count);

/* Gives up all arrays and numbers, or all but the first `count` arrays, between the rounds of a loop: at most 64 of each live. */
void drop_arrays(void);
void drop_arrays_but(int count);
/* The type's numbers as they are: what a result must equal where nothing may have been written. */
double *values_of(const array *a);

/* |a[i] - expected[i]| <= bound[i], and equal where they are not finite. `what` begins the message. */
void expect_within(const array *a, const double *expected, const double *bound, const char *what);
void expect_equal(const array *a, const double *expected, const char *what);
void expect_same_bits(const array *a, const array *b, const char *what);

/* Sizes around a vector of w elements: 0, 1, w - 1, w, w + 1, 2 w + 1, and past four vectors and a block. */
enum { SIZES = 8 };
void sizes_around(int64_t w, int64_t sizes[SIZES]);

/* Runs a suite whose test case is built by `build`. Where BLIS is told to use AVX2 and there is none, skips it. */
int run_compute_suite(const char *name, void (*build)(TCase *tests));

#endif
