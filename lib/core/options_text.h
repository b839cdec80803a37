/* SPDX-License-Identifier: Apache-2.0 */
/* Texts about options: numbers and bounds for messages, numbers from presets, names that are nearly right. */
#ifndef KDST_CORE_OPTIONS_TEXT_H
#define KDST_CORE_OPTIONS_TEXT_H

#include "core/options.h"

#define KDST__NUMBER_TEXT 32
#define KDST__BOUNDS_TEXT 80

/* Shortest text that reads back as the same number. */
void kdst__text_number(int whole, int64_t integer, double number, char out[KDST__NUMBER_TEXT]);
/* 1 when a number is within the bounds; never for NaN. */
int kdst__option_allows(const kdst__option *option, double value);
/* "[0, 1)" */
void kdst__text_bounds(const kdst__option *option, char out[KDST__BOUNDS_TEXT]);
/* "a whole number" */
const char *kdst__text_type(kdst_option_type type);
/* Index of `text` in "a|b|c", or -1. */
int32_t kdst__text_choice(const char *choices, const char *text);
/* "-1.5e-3" or "INFINITY", with a point whatever the locale. 0, or -1 when it is no number. Correctly rounded for
 * up to 15 digits and exponents to 22. */
int kdst__text_read_number(const char *text, double *out);
/* Insertions, deletions, replacements and swaps of neighbours between two names of up to 63 bytes; 1 when one is the beginning of
 * the other and has at least three bytes. */
int kdst__text_distance(const char *a, const char *b);

#endif
