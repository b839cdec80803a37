/* SPDX-License-Identifier: Apache-2.0 */
/* Text with numbers in it (see format.h). The C locale is part of the C library: newlocale takes no memory for it. */
#include "core/format.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* The thread's locale before, to be given back; where there is no C locale nothing is changed. */
typedef struct scope {
    locale_t own, before;
} scope;

static scope begin(void)
{
    scope s = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};
    if (s.own) s.before = uselocale(s.own);
    return s;
}

static void end(scope s)
{
    if (!s.own) return;
    uselocale(s.before);
    freelocale(s.own);
}

int kdst__format_list(char *out, size_t bytes, const char *format, va_list arguments)
{
    scope s = begin();
    int length = vsnprintf(out, bytes, format, arguments);
    end(s);
    if (length >= 0) return length;
    if (bytes) out[0] = '\0';
    return 0;
}

int kdst__format(char *out, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = kdst__format_list(out, bytes, format, arguments);
    va_end(arguments);
    return length;
}

double kdst__format_read(const char *text)
{
    scope s = begin();
    double value = strtod(text, NULL);
    end(s);
    return value;
}
