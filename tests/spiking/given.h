/* SPDX-License-Identifier: Apache-2.0 */
/* Options from a text, "alpha=0.9 switch=1 rule=bcm": whole numbers, numbers with a point or an exponent, words. */
#ifndef KDST_TESTS_SPIKING_GIVEN_H
#define KDST_TESTS_SPIKING_GIVEN_H

#include <kdst/options.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline kdst_options *given(const char *text)
{
    kdst_options *options = NULL;
    char name[64], value[64], *end;
    int used;
    ck_assert_int_eq(kdst_options_create(&options), KDST_STATUS_OK);
    for (; sscanf(text, " %63[^= ]=%63s%n", name, value, &used) == 2; text += used) {
        kdst_status status;
        const double number = strtod(value, &end);
        if (*end)
            status = kdst_options_set_string(options, name, value);
        else if (strpbrk(value, ".en"))
            status = kdst_options_set_float(options, name, number);
        else
            status = kdst_options_set_int(options, name, (int64_t)number);
        ck_assert_int_eq(status, KDST_STATUS_OK);
    }
    return options;
}

#endif
