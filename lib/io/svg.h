/* SPDX-License-Identifier: Apache-2.0 */
/* SVG into a file: elements by format, text only through the escaping function. */
#ifndef KDST_IO_SVG_H
#define KDST_IO_SVG_H

#include "io/file.h"

typedef struct kdst__svg {
    kdst__sink *sink;
    kdst_status status; /* the first failure */
} kdst__svg;

/* Up to 511 bytes; only constants and numbers. */
void kdst__svg_add(kdst__svg *svg, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text as content or in an attribute: & < > " ' as entities; '?' for control characters and what is no UTF-8. */
void kdst__svg_text(kdst__svg *svg, const char *text);

#endif
