/* SPDX-License-Identifier: Apache-2.0 */
/* Text with numbers in it, the same whatever locale the program has set: 0.5 is never "0,5".
 *
 * The calling thread is in the C locale meanwhile; no other thread notices.
 */
#ifndef KDST_CORE_FORMAT_H
#define KDST_CORE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* As snprintf and vsnprintf, but `out` is always ended; what cannot be formatted gives "". */
int kdst__format(char *out, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
int kdst__format_list(char *out, size_t bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
/* As strtod: the number that a formatted text stands for. */
double kdst__format_read(const char *text);

#endif
