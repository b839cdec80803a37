/* SPDX-License-Identifier: Apache-2.0 */
/* A reader of JSON for formats whose structure is known: the caller asks for what must come next, so nothing nests and
 * nothing is allocated.
 *
 * Texts are unescaped in place. After the first failure `problem` says what was expected, and `at` where.
 */
#ifndef KDST_IO_JSON_H
#define KDST_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kdst__json {
    char *text, *at, *end;
    const char *problem; /* "should be a text" */
} kdst__json;

void kdst__json_start(kdst__json *json, char *text, size_t bytes);
/* Takes a punctuation mark if it comes next, after white space. */
bool kdst__json_take(kdst__json *json, char mark);
/* The same, a failure otherwise; `problem` says what the mark is for. */
bool kdst__json_expect(kdst__json *json, char mark, const char *problem);
/* After an element of a list or object: a comma (*out_more) or the closing mark. */
bool kdst__json_more(kdst__json *json, char closing, bool *out_more);
/* A text: valid UTF-8 without zeros, surrogates in pairs. *out is within the text and ends in a zero. */
bool kdst__json_text(kdst__json *json, char **out);
/* A whole number from 0 below 2^63. */
bool kdst__json_whole(kdst__json *json, int64_t *out);
/* Nothing but white space follows. */
bool kdst__json_end(kdst__json *json);

#endif
