/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a suite; the exit status of a test program. */
#ifndef KDST_TESTS_RUN_H
#define KDST_TESTS_RUN_H

#include <check.h>
#include <stdlib.h>

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
