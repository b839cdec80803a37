/* SPDX-License-Identifier: Apache-2.0 */
/* The list of cases, and the choice of a command line: names or lists of names with commas. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "bench.h"

extern const bench_case bench_cases[];
extern const int bench_case_count;

/* Without lists every case is wanted. */
bool bench_is_wanted(const bench_case *c, const char *const *wanted, int count);
/* 0, or 2 after a message about a name that no case has. */
int bench_check_names(const char *const *wanted, int count);

#endif
