/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a set of options, for options.c and options_parse.c alone. */
#ifndef KDST_CORE_OPTIONS_PRIVATE_H
#define KDST_CORE_OPTIONS_PRIVATE_H

#include "core/context.h"

#define KDST__OPTION_NAME_BYTES 64

/* One value. `type` is the setter's: INT, FLOAT, STRING, INTS or FLOATS; a single number has count 1. */
typedef struct kdst__value {
    char name[KDST__OPTION_NAME_BYTES];
    kdst_option_type type;
    int64_t whole;
    double number;
    int64_t count;
    void *data; /* STRING: text; INTS: int64_t[count]; FLOATS: double[count]; NULL otherwise */
} kdst__value;

struct kdst_options {
    _Atomic int64_t references;
    kdst__value *values; /* in the order of their first setting */
    int64_t count, capacity;
    char message[KDST__MESSAGE_BYTES];
};

/* NULL when it was not set. */
const kdst__value *kdst__options_find(const kdst_options *options, const char *name);

#endif
