/* SPDX-License-Identifier: Apache-2.0 */
/* Reading JSON (RFC 8259) piece by piece; see json.h. */
#include "io/json.h"

#include "io/text.h"

#include <string.h>

void kdst__json_start(kdst__json *json, char *text, size_t bytes)
{
    *json = (kdst__json){text, text, text + bytes, NULL};
}

static bool fail(kdst__json *json, const char *problem)
{
    if (json->problem == NULL) json->problem = problem;
    return false;
}

static void skip_space(kdst__json *json)
{
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r'))
        json->at++;
}

bool kdst__json_take(kdst__json *json, char mark)
{
    skip_space(json);
    if (json->at == json->end || *json->at != mark) return false;
    json->at++;
    return true;
}

bool kdst__json_expect(kdst__json *json, char mark, const char *problem)
{
    return kdst__json_take(json, mark) || fail(json, problem);
}

bool kdst__json_more(kdst__json *json, char closing, bool *out_more)
{
    *out_more = kdst__json_take(json, ',');
    return *out_more || kdst__json_take(json, closing) || fail(json, "should be a comma or the closing bracket");
}

static bool read_hex(kdst__json *json, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = json->at < json->end ? *json->at : '\0';
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0')
            : c >= 'a' && c <= 'f'            ? (uint32_t)(c - 'a') + 10
            : c >= 'A' && c <= 'F'            ? (uint32_t)(c - 'A') + 10
                                              : 16;
        if (digit == 16) return fail(json, "should be a hexadecimal digit");
        *out = *out << 4 | digit;
        json->at++;
    }
    return true;
}

/* After "\u": one unit of UTF-16, or two that belong together. */
static bool read_unicode(kdst__json *json, char **to)
{
    uint32_t code, low;
    if (!read_hex(json, &code)) return false;
    if (code >= 0xdc00 && code < 0xe000) return fail(json, "follows half a character");
    if (code >= 0xd800 && code < 0xdc00) {
        if (json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u')
            return fail(json, "should be the other half of a character");
        json->at += 2;
        if (!read_hex(json, &low)) return false;
        if (low < 0xdc00 || low >= 0xe000) return fail(json, "follows half a character");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code == 0) return fail(json, "follows a zero within a text");
    *to += kdst__utf8_write(code, *to);
    return true;
}

/* After the backslash. What is written is never longer than what was read. */
static bool read_escape(kdst__json *json, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = json->at < json->end ? *json->at : '\0';
    if (c == 'u') {
        json->at++;
        return read_unicode(json, to);
    }
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (found == NULL) return fail(json, "should be an escaped character");
    json->at++;
    *(*to)++ = into[found - from];
    return true;
}

bool kdst__json_text(kdst__json *json, char **out)
{
    if (!kdst__json_take(json, '"')) return fail(json, "should be a text");
    char *to = json->at;
    *out = to;
    while (json->at < json->end && *json->at != '"') {
        size_t length = kdst__utf8_length(json->at, (size_t)(json->end - json->at));
        if (length == 0) return fail(json, "is no UTF-8");
        if ((unsigned char)*json->at < 0x20) return fail(json, "is a bare control character");
        if (*json->at == '\\') {
            json->at++;
            if (!read_escape(json, &to)) return false;
            continue;
        }
        memmove(to, json->at, length);
        to += length;
        json->at += length;
    }
    if (json->at == json->end) return fail(json, "should be the end of a text");
    json->at++;
    *to = '\0';
    return true;
}

bool kdst__json_whole(kdst__json *json, int64_t *out)
{
    int64_t value = 0;
    skip_space(json);
    char *first = json->at;
    for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *json->at - '0', &value))
            return fail(json, "makes a number too large");
    if (json->at == first || (*first == '0' && json->at > first + 1))
        return fail(json, "should be a whole number from 0");
    *out = value;
    return true;
}

bool kdst__json_end(kdst__json *json)
{
    skip_space(json);
    return json->at == json->end || fail(json, "should be the end");
}
