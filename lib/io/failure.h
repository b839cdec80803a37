/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed, for code that runs on threads without a context's message: the one who started it reports. */
#ifndef KDST_IO_FAILURE_H
#define KDST_IO_FAILURE_H

#include "core/format.h"

#include <kdst/status.h>

#define KDST__FAILURE_TEXT 640

typedef struct kdst__failure {
    kdst_status status; /* OK: nothing failed */
    char text[KDST__FAILURE_TEXT];
} kdst__failure;

/* Sets both and returns the status. */
__attribute__((format(printf, 3, 4))) static inline kdst_status
kdst__failure_set(kdst__failure *failure, kdst_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    failure->status = status;
    kdst__format_list(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    return status;
}

#endif
