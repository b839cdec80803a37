/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 against its definition, for every number; texts in messages. */
#include "io/text.h"

#include "support/run.h"

#include <string.h>

START_TEST(every_character)
{
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char bytes[5] = {0};
        if (code >= 0xd800 && code < 0xe000) continue;
        size_t n = kdst__utf8_write(code, bytes);
        bool right = n == (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        right = right && kdst__utf8_length(bytes, n) == n && kdst__utf8_length(bytes, n - 1) == 0;
        uint32_t read = n == 1 ? (unsigned char)bytes[0] : (unsigned char)bytes[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++)
            read = read << 6 | ((unsigned char)bytes[i] & 0x3f);
        if (!right || read != code) ck_abort_msg("%06x becomes %06x in %zu bytes", code, read, n);
    }
}
END_TEST

/* Of all sequences of three bytes those pass that the writer makes. */
static bool passes_rightly(const char bytes[3])
{
    size_t n = kdst__utf8_length(bytes, 3);
    unsigned char first = (unsigned char)bytes[0];
    char again[4];
    if (n == 0 || n == 1) return n == (first < 0x80);
    uint32_t code = n == 2 ? first & 0x1fu : first & 0x0fu;
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
    return (code < 0xd800 || code > 0xdfff) && kdst__utf8_write(code, again) == n && !memcmp(again, bytes, n);
}

START_TEST(only_the_writers_form)
{
    size_t passed = 0;
    for (uint32_t bits = 0; bits < 0x1000000; bits++) {
        char bytes[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
        if (!passes_rightly(bytes)) ck_abort_msg("%06x is judged wrongly", bits);
        passed += kdst__utf8_length(bytes, 3) > 1;
    }
    ck_assert_uint_eq(passed, 0x780 * 0x100 + 0x10000 - 0x800 - 0x800); /* of two bytes, with any third, and of three */
}
END_TEST

START_TEST(refused_sequences)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "a\xe2\x82",
        "\xc3(",
        "\xf0\x9f\x98",
        "\xf0\x9f(\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!kdst__utf8_valid(bad[i], strlen(bad[i])), "sequence %zu passes", i);
    ck_assert(kdst__utf8_valid("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10));
    ck_assert(kdst__utf8_valid("", 0));
}
END_TEST

static void shows(const char *text, const char *wanted)
{
    char shown[KDST__SHOWN_TEXT];
    ck_assert_str_eq(kdst__text_shown(text, shown), wanted);
}

START_TEST(shown_text)
{
    shows("", "");
    shows("weights \xc3\xa4\xe2\x82\xac", "weights \xc3\xa4\xe2\x82\xac");
    shows("a\nb\x1b[31m\x7f", "a?b?[31m?");
    shows("\xc2\x85z", "?z");
    shows("a\xff\xe2\x82z", "a???z");
}
END_TEST

START_TEST(shown_text_is_cut_in_the_middle)
{
    char text[3000], shown[KDST__SHOWN_TEXT];
    for (size_t n = 200; n + 2 < sizeof text; n += 7) {
        for (size_t i = 0; i < n; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        size_t bytes = (n + 2) / 3 * 3;
        text[bytes] = '\0';
        kdst__text_shown(text, shown);
        size_t have = strlen(shown);
        ck_assert(kdst__utf8_valid(shown, have));
        if (bytes < KDST__SHOWN_TEXT) {
            ck_assert_str_eq(shown, text);
        } else {
            const char *dots = strstr(shown, "...");
            ck_assert_ptr_nonnull(dots);
            ck_assert_mem_eq(shown, text, (size_t)(dots - shown));
            ck_assert_str_eq(dots + 3, text + bytes - strlen(dots + 3));
            ck_assert_uint_gt(have, 200);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *utf8 = tcase_create("utf8"), *shown = tcase_create("shown");
    tcase_set_timeout(utf8, 60);
    tcase_add_test(utf8, every_character);
    tcase_add_test(utf8, only_the_writers_form);
    tcase_add_test(utf8, refused_sequences);
    tcase_add_test(shown, shown_text);
    tcase_add_test(shown, shown_text_is_cut_in_the_middle);
    suite_add_tcase(suite, utf8);
    suite_add_tcase(suite, shown);
    return run_suite(suite);
}
