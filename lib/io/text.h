/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside: is it UTF-8, and how it is shown in a message. */
#ifndef KDST_IO_TEXT_H
#define KDST_IO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KDST__SHOWN_TEXT 256 /* longest text in a message, with its end */

/* Bytes of the character at `text`; 0 when it is none, as overlong forms, surrogates and numbers over 10ffff are. */
size_t kdst__utf8_length(const char *text, size_t bytes);
bool kdst__utf8_valid(const char *text, size_t bytes);
/* Writes one character; returns its bytes, 1 to 4. `code` is no surrogate and at most 10ffff. */
size_t kdst__utf8_write(uint32_t code, char out[4]);
/* Copies text for a message: control characters and what is no UTF-8 become '?', a text that is too long loses its
 * middle. */
const char *kdst__text_shown(const char *text, char out[KDST__SHOWN_TEXT]);

#endif
