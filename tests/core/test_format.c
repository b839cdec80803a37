/* SPDX-License-Identifier: Apache-2.0 */
/* Text with numbers in it. Its independence of the locale is tested in tests/failures/test_locale.c. */
#include "core/format.h"

#include "support/run.h"

#include <locale.h>
#include <math.h>
#include <string.h>

START_TEST(test_as_snprintf)
{
    char text[8] = "";
    ck_assert_int_eq(kdst__format(text, sizeof text, "%d %s", 12, "ab"), 5);
    ck_assert_str_eq(text, "12 ab");
    ck_assert_int_eq(kdst__format(text, sizeof text, "%.3f and more", 0.5), 14);
    ck_assert_str_eq(text, "0.500 a");
    memset(text, 'x', sizeof text);
    ck_assert_int_eq(kdst__format(text, 0, "%d", 12), 2);
    ck_assert_int_eq(text[0], 'x');
}
END_TEST

/* A wide character that the locale has no bytes for. */
START_TEST(test_what_cannot_be_formatted)
{
    char text[8] = "old";
    const wchar_t wide[] = {0x20ac, 0};
    ck_assert_int_eq(kdst__format(text, sizeof text, "%ls", wide), 0);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(kdst__format(text, 0, "%ls", wide), 0);
}
END_TEST

START_TEST(test_reads_back)
{
    static const double numbers[] = {0, -0.5, 0.1, 5e-324, 1.7976931348623157e308, 1.0 / 3};
    char text[40];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        kdst__format(text, sizeof text, "%.17g", numbers[i]);
        ck_assert_double_eq(kdst__format_read(text), numbers[i]);
    }
    ck_assert(isinf(kdst__format_read("inf")) && isnan(kdst__format_read("nan")));
}
END_TEST

START_TEST(test_locale_is_given_back)
{
    char text[8];
    locale_t own = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ck_assert(own != (locale_t)0);
    locale_t copy = duplocale(own), before = uselocale(copy);
    kdst__format(text, sizeof text, "%g", 0.5);
    (void)kdst__format_read(text);
    ck_assert(uselocale((locale_t)0) == copy);
    uselocale(before);
    freelocale(copy);
    freelocale(own);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("format");
    TCase *tests = tcase_create("format");
    tcase_add_test(tests, test_as_snprintf);
    tcase_add_test(tests, test_what_cannot_be_formatted);
    tcase_add_test(tests, test_reads_back);
    tcase_add_test(tests, test_locale_is_given_back);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
