/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside (see text.h). UTF-8 as in RFC 3629, table of well-formed sequences. */
#include "io/text.h"

#include <string.h>

size_t kdst__utf8_length(const char *text, size_t bytes)
{
    const unsigned char *s = (const unsigned char *)text;
    if (bytes == 0) return 0;
    if (s[0] < 0x80) return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || bytes < length) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] >= 0xa0;
    bool too_large = s[0] == 0xf4 && s[1] >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

bool kdst__utf8_valid(const char *text, size_t bytes)
{
    while (bytes > 0) {
        size_t length = kdst__utf8_length(text, bytes);
        if (length == 0) return false;
        text += length;
        bytes -= length;
    }
    return true;
}

size_t kdst__utf8_write(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(first[length] | code);
    return length;
}

/* Copies up to `room` bytes in whole characters; returns how many were written. */
static size_t copy_shown(const char *text, size_t bytes, char *out, size_t room)
{
    size_t written = 0;
    while (bytes > 0) {
        size_t length = kdst__utf8_length(text, bytes);
        const unsigned char *s = (const unsigned char *)text;
        bool control = s[0] < 0x20 || s[0] == 0x7f || (length == 2 && s[0] == 0xc2 && s[1] < 0xa0);
        bool shown = length > 0 && !control;
        size_t taken = length > 0 ? length : 1, needed = shown ? length : 1;
        if (written + needed > room) break;
        if (shown)
            memcpy(out + written, text, length);
        else
            out[written] = '?';
        written += needed;
        text += taken;
        bytes -= taken;
    }
    return written;
}

const char *kdst__text_shown(const char *text, char out[KDST__SHOWN_TEXT])
{
    enum { HEAD = 100, TAIL = 140 };
    size_t bytes = strlen(text), written;
    if (bytes < KDST__SHOWN_TEXT) {
        written = copy_shown(text, bytes, out, KDST__SHOWN_TEXT - 1);
    } else {
        const char *tail = text + bytes - TAIL;
        while (((unsigned char)*tail & 0xc0) == 0x80)
            tail++; /* not inside a character */
        written = copy_shown(text, bytes, out, HEAD);
        memcpy(out + written, "...", 3);
        written += 3;
        written += copy_shown(tail, (size_t)(text + bytes - tail), out + written, TAIL);
    }
    out[written] = '\0';
    return out;
}
