/* SPDX-License-Identifier: Apache-2.0 */
/* Texts about options (see options_text.h). The distance is that of Damerau and Levenshtein, neighbours only. */
#include "core/options_text.h"

#include "core/format.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

void kdst__text_number(int whole, int64_t integer, double number, char out[KDST__NUMBER_TEXT])
{
    if (whole) {
        snprintf(out, KDST__NUMBER_TEXT, "%lld", (long long)integer);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        kdst__format(out, KDST__NUMBER_TEXT, "%.*g", digits, number);
        if (kdst__format_read(out) == number) return;
    }
}

/* An infinite bound is no value of its own. */
static int open_below(const kdst__option *o)
{
    return (o->open & 1) || isinf(o->min);
}

static int open_above(const kdst__option *o)
{
    return (o->open & 2) || isinf(o->max);
}

int kdst__option_allows(const kdst__option *o, double v)
{
    return (open_below(o) ? v > o->min : v >= o->min) && (open_above(o) ? v < o->max : v <= o->max);
}

static void text_bound(const kdst__option *o, double bound, char out[KDST__NUMBER_TEXT])
{
    if (fabs(bound) == DBL_MAX) { /* a finite number of any size */
        snprintf(out, KDST__NUMBER_TEXT, "%sinf", bound < 0 ? "-" : "");
        return;
    }
    int whole = (o->type == KDST_OPTION_INT || o->type == KDST_OPTION_INTS) && fabs(bound) <= 9007199254740992.0;
    kdst__text_number(whole, whole ? (int64_t)bound : 0, bound, out);
}

void kdst__text_bounds(const kdst__option *o, char out[KDST__BOUNDS_TEXT])
{
    char low[KDST__NUMBER_TEXT], high[KDST__NUMBER_TEXT];
    text_bound(o, o->min, low);
    text_bound(o, o->max, high);
    snprintf(
        out, KDST__BOUNDS_TEXT, "%c%s, %s%c", open_below(o) || o->min == -DBL_MAX ? '(' : '[', low, high,
        open_above(o) || o->max == DBL_MAX ? ')' : ']');
}

const char *kdst__text_type(kdst_option_type type)
{
    static const char *const names[] = {
        "",       "a whole number",          "a number",          "one of a list of texts",
        "a text", "a list of whole numbers", "a list of numbers",
    };
    return type >= KDST_OPTION_INT && type <= KDST_OPTION_FLOATS ? names[type] : "of an unknown type";
}

int32_t kdst__text_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    if (!length || strchr(text, '|')) return -1;
    for (int32_t index = 0; *choices; index++) {
        size_t n = strcspn(choices, "|");
        if (n == length && !memcmp(choices, text, n)) return index;
        choices += n;
        if (*choices) choices++;
    }
    return -1;
}

int kdst__text_read_number(const char *text, double *out)
{
    double mantissa = 0, sign = 1;
    int digits = 0, exponent = 0, written = 0, exponent_sign = 1;
    if (*text == '-') sign = -1, text++;
    if (!strcmp(text, "INFINITY")) {
        *out = sign * INFINITY;
        return 0;
    }
    for (; *text >= '0' && *text <= '9'; text++, digits++)
        mantissa = 10 * mantissa + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, digits++, exponent--)
            mantissa = 10 * mantissa + (*text - '0');
    if (!digits) return -1;
    if (*text == 'e' || *text == 'E') {
        text++;
        if (*text == '-' || *text == '+') exponent_sign = *text++ == '-' ? -1 : 1;
        if (*text < '0' || *text > '9') return -1;
        for (; *text >= '0' && *text <= '9'; text++)
            if (written < 1000) written = 10 * written + (*text - '0');
        exponent += exponent_sign * written;
    }
    if (*text) return -1;
    /* 10^22 is the largest exact power: one rounding here. */
    double power = pow(10, exponent < 0 ? -exponent : exponent);
    *out = sign * (exponent < 0 ? mantissa / power : mantissa * power);
    return 0;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

int kdst__text_distance(const char *a, const char *b)
{
    int rows[3][65];
    size_t n = strlen(a), m = strlen(b);
    if (n > 64 || m > 64) return 64;
    if (n >= 3 && m >= 3 && !memcmp(a, b, n < m ? n : m)) return n == m ? 0 : 1;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}
