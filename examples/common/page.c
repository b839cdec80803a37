/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text for HTML and SVG (see page.h). */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(page *p, size_t more)
{
    if (p->failed || p->length + more < p->capacity) return !p->failed;
    size_t capacity = 2 * (p->length + more) + 4096;
    char *data = realloc(p->data, capacity);
    if (!data) return p->failed = true, false;
    p->data = data;
    p->capacity = capacity;
    return true;
}

void page_add(page *p, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) p->failed = true;
    else if (reserve(p, (size_t)n + 1)) p->length += (size_t)vsnprintf(p->data + p->length, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
}

void page_text(page *p, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': page_add(p, "&amp;"); break;
        case '<': page_add(p, "&lt;"); break;
        case '>': page_add(p, "&gt;"); break;
        case '"': page_add(p, "&quot;"); break;
        case '\'': page_add(p, "&#39;"); break;
        default: page_add(p, "%c", *text);
        }
    }
}

void page_free(page *p)
{
    free(p->data);
    *p = (page){0};
}
