/* SPDX-License-Identifier: Apache-2.0 */
/* The system's reason for an error number, as text, from any thread. */
#ifndef KDST_IO_REASON_H
#define KDST_IO_REASON_H

#include <string.h>

#define KDST__REASON_TEXT 128

/* strerror_r gives the text in GNU's form and a number in that of POSIX. */
static inline const char *kdst__reason_gnu(const char *result, const char *text)
{
    (void)text;
    return result;
}
static inline const char *kdst__reason_posix(int result, const char *text)
{
    return result == 0 ? text : "unknown error";
}

static inline const char *kdst__reason(int number, char text[KDST__REASON_TEXT])
{
    return _Generic(strerror_r(number, text, KDST__REASON_TEXT), char *: kdst__reason_gnu, default: kdst__reason_posix)(
        strerror_r(number, text, KDST__REASON_TEXT), text);
}

#endif
