/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text for HTML and SVG (see page.h). */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #ddd}"
    "table{border-collapse:collapse}td{white-space:nowrap}td,th{padding:.3em .8em;text-align:right;border-bottom:1px solid #e4e4e4}"
    "td:first-child,th:first-child{text-align:left}tr.base{background:#f4f4f4}"
    "svg{margin:.4em .8em .4em 0;vertical-align:top}svg text{font:12px system-ui,sans-serif;fill:#333}"
    "svg text.title{font-weight:600;font-size:13px}svg text.cell{font-size:10px}.grid{stroke:#e4e4e4}"
    ".frame{fill:none;stroke:#bbb}.ideal{stroke:#333;stroke-dasharray:4 4}.up{color:#19752b}.down{color:#a61c1c}"
    "code{background:#f4f4f4;padding:0 .25em}p.note{color:#555;max-width:60em}";

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

void page_begin(page *p, const char *title, const char *heading)
{
    page_add(p, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    page_text(p, title);
    page_add(p, "</title><style>%s</style></head><body>\n<h1>", style);
    page_text(p, heading);
    page_add(p, "</h1>\n");
}

void page_end(page *p)
{
    page_add(p, "</body></html>\n");
}

void page_free(page *p)
{
    free(p->data);
    *p = (page){0};
}
