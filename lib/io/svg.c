/* SPDX-License-Identifier: Apache-2.0 */
/* SVG into a file (see svg.h). */
#include "io/svg.h"

#include "io/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(kdst__svg *svg, const char *text, size_t bytes)
{
    if (svg->status == KDST_STATUS_OK) svg->status = kdst__sink_write(svg->sink, text, bytes);
}

void kdst__svg_add(kdst__svg *svg, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0) put(svg, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void kdst__svg_text(kdst__svg *svg, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t bytes = kdst__utf8_length(text, left);
        const char *instead = bytes == 1 ? entity(*text) : NULL;
        bool shown = bytes > 0 && (unsigned char)*text >= 32 && (unsigned char)*text != 127;
        if (instead != NULL)
            put(svg, instead, strlen(instead));
        else
            put(svg, shown ? text : "?", shown ? bytes : 1);
        text += bytes > 0 ? bytes : 1;
        left -= bytes > 0 ? bytes : 1;
    }
}
