/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text for HTML and SVG. Everything that comes from outside goes through page_text, the one place that escapes. */
#ifndef COMMON_PAGE_H
#define COMMON_PAGE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct page {
    char *data; /* zero-terminated */
    size_t length, capacity;
    bool failed; /* memory ran out: what follows is ignored */
} page;

/* Markup of the program's own, printf-like. */
void page_add(page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text: & < > " ' are escaped. */
void page_text(page *p, const char *text);
/* The page up to and with its heading, in the style of the drivers' reports; page_end closes it. */
void page_begin(page *p, const char *title, const char *heading);
void page_end(page *p);
void page_free(page *p);

#endif
