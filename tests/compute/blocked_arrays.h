/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays in blocked channels, for the tests of lib/compute/blocked.h: a plain [N, C, S] and [N, ceil(C / B), S, B], B = lanes. */
#ifndef KDST_TESTS_COMPUTE_BLOCKED_ARRAYS_H
#define KDST_TESTS_COMPUTE_BLOCKED_ARRAYS_H

#include "support.h"

#include "compute/blocked.h"

/* Float32 alone: number of levels, and begin for one of them. */
int blocked_configurations(void);
void begin_blocked(int number);

/* Where element i of a plain tensor lies. */
int64_t blocked_place(int64_t c, int64_t s, int64_t i);
int64_t blocked_size(int64_t n, int64_t c, int64_t s);
/* A copy of plain numbers, lanes behind C are 0. */
array *blocked_array(int64_t n, int64_t c, int64_t s, const double *plain);
/* Space for a result: NaN everywhere. */
array *blocked_space(int64_t n, int64_t c, int64_t s);
/* Plain `expected` and `bound`; lanes behind C must be 0. */
void expect_blocked(
    const array *a, int64_t n, int64_t c, int64_t s, const double *expected, const double *bound, const char *what);

#endif
