/* SPDX-License-Identifier: Apache-2.0 */
/* The header of an npy file: "\x93NUMPY", version, length, and a Python dictionary such as
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * in any order and spacing, closed by a line feed. Only this much of Python is read; structured types are lists, hence
 * refused early.
 */
#include "io/npy_header.h"

#include "io/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };

typedef struct reader {
    kdst__source *source;
    const char *text, *at, *end;
} reader;

static kdst_status fail(reader *r, const char *what)
{
    return kdst__source_fail(
        r->source, KDST_STATUS_FORMAT, "byte %zu of the npy header's text should be %s", (size_t)(r->at - r->text),
        what);
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

/* Takes a character, after spaces. */
static bool take(reader *r, char wanted)
{
    skip_space(r);
    if (r->at == r->end || *r->at != wanted) return false;
    r->at++;
    return true;
}

static bool take_word(reader *r, const char *word)
{
    size_t bytes = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < bytes || memcmp(r->at, word, bytes) != 0) return false;
    r->at += bytes;
    return true;
}

/* A text without escapes, which no key and no simple type needs. */
static bool take_text(reader *r, char *out, size_t room)
{
    skip_space(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"')) return false;
    char quote = *r->at++;
    size_t bytes = 0;
    while (r->at < r->end && *r->at != quote && *r->at != '\\' && *r->at != '\n' && bytes + 1 < room)
        out[bytes++] = *r->at++;
    out[bytes] = '\0';
    if (memchr(out, '\0', bytes) != NULL || r->at == r->end || *r->at != quote) return false;
    r->at++;
    return true;
}

static kdst__element element_of(char kind, int size)
{
    switch (kind) {
    case 'b':
    case '?':
        return size == 1 ? KDST__ELEMENT_BOOL : 0;
    case 'i':
        return size == 1 ? KDST__ELEMENT_I8
            : size == 2  ? KDST__ELEMENT_I16
            : size == 4  ? KDST__ELEMENT_I32
            : size == 8  ? KDST__ELEMENT_I64
                         : 0;
    case 'u':
        return size == 1 ? KDST__ELEMENT_U8
            : size == 2  ? KDST__ELEMENT_U16
            : size == 4  ? KDST__ELEMENT_U32
            : size == 8  ? KDST__ELEMENT_U64
                         : 0;
    case 'f':
        return size == 2 ? KDST__ELEMENT_F16 : size == 4 ? KDST__ELEMENT_F32 : size == 8 ? KDST__ELEMENT_F64 : 0;
    default:
        return 0;
    }
}

/* "<f4": byte order, kind, size. */
static kdst_status read_descr(reader *r, kdst__npy_header *h)
{
    char text[32], shown[KDST__SHOWN_TEXT];
    skip_space(r);
    if (r->at < r->end && (*r->at == '[' || *r->at == '('))
        return kdst__source_fail(r->source, KDST_STATUS_UNSUPPORTED, "has structured elements");
    if (!take_text(r, text, sizeof text)) return fail(r, "an element type");
    const char *at = text;
    h->big_endian = *at == '>' || (*at == '=' && KDST__HOST_BIG_ENDIAN);
    bool ordered = *at == '<' || *at == '>' || *at == '=';
    if (ordered || *at == '|') at++;
    char kind = *at;
    const char *digits = kind != '\0' ? at + 1 : at;
    int size = kind == '?' && *digits == '\0'                   ? 1
        : *digits >= '1' && *digits <= '9' && digits[1] == '\0' ? *digits - '0'
                                                                : 0;
    h->element = element_of(kind, size);
    if (h->element != 0 && (size == 1 || at == text || ordered)) return KDST_STATUS_OK;
    /* what NumPy knows is a valid file's */
    bool known = kind != '\0' && strchr("?biufcmMOSUVa", kind) != NULL &&
        (digits[strspn(digits, "0123456789")] == '\0' || kind == 'M' || kind == 'm');
    return kdst__source_fail(
        r->source, known ? KDST_STATUS_UNSUPPORTED : KDST_STATUS_FORMAT, "has elements of type \"%s\"",
        kdst__text_shown(text, shown));
}

static kdst_status read_order(reader *r, kdst__npy_header *h)
{
    h->column_major = take_word(r, "True");
    return h->column_major || take_word(r, "False") ? KDST_STATUS_OK : fail(r, "True or False");
}

static bool take_size(reader *r, int64_t *out)
{
    skip_space(r);
    const char *first = r->at;
    int64_t value = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *r->at - '0', &value))
            return false;
    bool found = r->at > first;
    if (found && r->at < r->end && *r->at == 'L') r->at++; /* as Python 2 wrote */
    *out = value;
    return found;
}

static kdst_status read_shape(reader *r, kdst__npy_header *h)
{
    h->rank = 0;
    if (!take(r, '(')) return fail(r, "a shape");
    while (!take(r, ')')) {
        int64_t size;
        if (!take_size(r, &size)) return fail(r, "a size below 2^63");
        if (h->rank == KDST__MAX_RANK)
            return kdst__source_fail(r->source, KDST_STATUS_UNSUPPORTED, "has more than %d axes", KDST__MAX_RANK);
        h->shape[h->rank++] = size;
        skip_space(r);
        if (!take(r, ',') && (r->at == r->end || *r->at != ')')) return fail(r, "a comma or the end of the shape");
    }
    return KDST_STATUS_OK;
}

static kdst_status read_dictionary(reader *r, kdst__npy_header *h)
{
    int seen = 0;
    if (!take(r, '{')) return fail(r, "a dictionary");
    while (!take(r, '}')) {
        char key[16], shown[KDST__SHOWN_TEXT];
        if (!take_text(r, key, sizeof key) || !take(r, ':')) return fail(r, "a key");
        int which = strcmp(key, "descr") == 0   ? DESCR
            : strcmp(key, "fortran_order") == 0 ? ORDER
            : strcmp(key, "shape") == 0         ? SHAPE
                                                : 0;
        if (which == 0 || (seen & which) != 0)
            return kdst__source_fail(
                r->source, KDST_STATUS_FORMAT,
                which == 0 ? "its header has the unknown key \"%s\"" : "its header has \"%s\" twice",
                kdst__text_shown(key, shown));
        kdst_status status = which == DESCR ? read_descr(r, h) : which == ORDER ? read_order(r, h) : read_shape(r, h);
        if (status != KDST_STATUS_OK) return status;
        seen |= which;
        skip_space(r);
        if (!take(r, ',') && (r->at == r->end || *r->at != '}')) return fail(r, "a comma or the end of the dictionary");
    }
    skip_space(r);
    return seen == ALL && r->at == r->end
        ? KDST_STATUS_OK
        : fail(r, seen == ALL ? "its end" : "preceded by descr, fortran_order and shape");
}

kdst_status kdst__npy_read_header(kdst__source *source, kdst__npy_header *out)
{
    unsigned char head[12];
    char text[KDST__NPY_LONGEST];
    kdst_status status = kdst__source_read(source, "an npy file's beginning", head, 8);
    if (status != KDST_STATUS_OK) return status;
    if (memcmp(head, "\x93NUMPY", 6) != 0)
        return kdst__source_fail(source, KDST_STATUS_FORMAT, "no npy file: it does not begin with \"\\x93NUMPY\"");
    if (head[6] < 1 || head[6] > 3 || head[7] != 0)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "is of npy version %u.%u, known are 1.0 to 3.0", head[6], head[7]);
    status = kdst__source_read(source, "its header's length", head + 8, head[6] == 1 ? 2 : 4);
    if (status != KDST_STATUS_OK) return status;
    size_t bytes = head[8] | (size_t)head[9] << 8;
    if (head[6] > 1) bytes |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
    if (bytes > sizeof text)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "its header has %zu bytes, allowed are %zu", bytes, sizeof text);
    status = kdst__source_read(source, "its header", text, bytes);
    if (status != KDST_STATUS_OK) return status;
    reader r = {source, text, text, text + bytes};
    return read_dictionary(&r, out);
}

size_t kdst__npy_write_header(const kdst_tensor *tensor, char out[KDST__NPY_WRITTEN])
{
    static const char *const types[] = {"", "<f4", "<f8", "<i4", "|u1", "|b1"};
    char *text = out + 10;
    size_t room = KDST__NPY_WRITTEN - 10;
    int n = snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[tensor->dtype]);
    for (int32_t i = 0; i < tensor->rank; i++)
        n += snprintf(
            text + n, room - (size_t)n, "%s%" PRId64 "%s", i > 0 ? ", " : "", tensor->shape[i],
            tensor->rank == 1 ? "," : "");
    n += snprintf(text + n, room - (size_t)n, "), }");
    size_t total = ((size_t)n + 10 + 1 + 63) / 64 * 64;
    memset(text + n, ' ', total - 10 - (size_t)n);
    out[total - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)((total - 10) & 0xff);
    out[9] = (char)((total - 10) >> 8);
    return total;
}
