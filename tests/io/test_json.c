/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader: texts with every kind of escape, numbers at their limits, marks, and what is refused. */
#include "io/json.h"

#include "support/run.h"

#include <stdio.h>
#include <string.h>

static char text[256];
static kdst__json json;

/* The bytes lie at the end of a heap block of their own, so that a sanitizer sees reading behind them. */
static char *block;

static void start(const char *source, size_t bytes)
{
    free(block);
    block = malloc(bytes ? bytes : 1);
    ck_assert_ptr_nonnull(block);
    memcpy(block, source, bytes);
    kdst__json_start(&json, block, bytes);
}

static void free_block(void)
{
    free(block);
    block = NULL;
}

static void reads(const char *source, const char *wanted)
{
    char *out;
    start(source, strlen(source));
    ck_assert_msg(kdst__json_text(&json, &out), "%s: %s", source, json.problem);
    ck_assert_str_eq(out, wanted);
    ck_assert(kdst__json_end(&json));
}

static void refuses(const char *source, const char *problem)
{
    char *out;
    start(source, strlen(source));
    ck_assert_msg(!kdst__json_text(&json, &out), "%s is read", source);
    ck_assert_msg(strstr(json.problem, problem) != NULL, "%s: %s", source, json.problem);
}

START_TEST(texts)
{
    reads("\"\"", "");
    reads(" \t\r\n\"plain\" ", "plain");
    reads("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    reads("\"\\u0041\\u00e4\\u20AC\\uD83D\\uDE00\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    reads("\"\\uffff\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
    reads("\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f");
}
END_TEST

START_TEST(refused_texts)
{
    static const char *const cases[][2] = {
        {"", "a text"},
        {"x", "a text"},
        {"'a'", "a text"},
        {"\"", "the end"},
        {"\"abc", "the end"},
        {"\"\\\"", "the end"},
        {"\"\\", "escaped"},
        {"\"\\x41\"", "escaped"},
        {"\"\\u\"", "hexadecimal"},
        {"\"\\u12\"", "hexadecimal"},
        {"\"\\u12g4\"", "hexadecimal"},
        {"\"\\u0000\"", "zero"},
        {"\"\\uD83D\"", "other half"},
        {"\"\\uD83Dx\"", "other half"},
        {"\"\\uD83D\\n\"", "other half"},
        {"\"\\uD83D\\u0041\"", "half"},
        {"\"\\uDE00\"", "half"},
        {"\"\\uD83D\\uD83D\"", "half"},
        {"\"a\nb\"", "control"},
        {"\"\x01\"", "control"},
        {"\"\xff\"", "UTF-8"},
        {"\"\xc3\"", "UTF-8"},
        {"\"\xed\xa0\x80\"", "UTF-8"},
        {"\"\xc0\xaf\"", "UTF-8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(cases[i][0], cases[i][1]);
}
END_TEST

/* A zero byte is a control character like others. */
START_TEST(zero_byte)
{
    char *out;
    start("\"a\0b\"", 5);
    ck_assert(!kdst__json_text(&json, &out));
    ck_assert_ptr_nonnull(strstr(json.problem, "control"));
}
END_TEST

/* Every beginning of a valid text is refused. */
START_TEST(cut_texts)
{
    const char *source = "\"a\\u20ac\xc3\xa4\\uD83D\\uDE00\\n\"";
    for (size_t n = 0; n < strlen(source); n++) {
        char *out;
        start(source, n);
        ck_assert_msg(!kdst__json_text(&json, &out), "%zu bytes are read", n);
        ck_assert_ptr_nonnull(json.problem);
    }
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0}, {" 7 ", 7}, {"1234567890", 1234567890}, {"9223372036854775807", INT64_MAX}};
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "00",
                                      "01",
                                      "9223372036854775808",
                                      "18446744073709551616",
                                      "99999999999999999999999999999999",
                                      "x",
                                      "\"1\"",
                                      "null",
                                      "-0"};
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        start(good[i].text, strlen(good[i].text));
        ck_assert(kdst__json_whole(&json, &value));
        ck_assert_int_eq(value, good[i].value);
        ck_assert(kdst__json_end(&json));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        start(bad[i], strlen(bad[i]));
        ck_assert_msg(!kdst__json_whole(&json, &value), "%s is read", bad[i]);
        ck_assert_ptr_nonnull(json.problem);
    }
    /* fractions and exponents are left over, so what must follow fails */
    start("1.5", 3);
    ck_assert(kdst__json_whole(&json, &value) && !kdst__json_end(&json));
    start("1e5", 3);
    ck_assert(kdst__json_whole(&json, &value) && !kdst__json_end(&json));
}
END_TEST

START_TEST(marks)
{
    bool more;
    strcpy(text, " { , ] } x");
    start(text, strlen(text));
    ck_assert(!kdst__json_take(&json, '['));
    ck_assert(kdst__json_take(&json, '{'));
    ck_assert(kdst__json_more(&json, ']', &more) && more);
    ck_assert(kdst__json_more(&json, ']', &more) && !more);
    ck_assert(kdst__json_expect(&json, '}', "first"));
    ck_assert(!kdst__json_expect(&json, '}', "second") && !strcmp(json.problem, "second"));
    ck_assert(!kdst__json_more(&json, ']', &more));
    ck_assert_str_eq(json.problem, "second"); /* the first failure stays */
    ck_assert_int_eq(json.at - json.text, 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *reading = tcase_create("reading");
    tcase_add_checked_fixture(reading, NULL, free_block);
    tcase_add_test(reading, texts);
    tcase_add_test(reading, refused_texts);
    tcase_add_test(reading, zero_byte);
    tcase_add_test(reading, cut_texts);
    tcase_add_test(reading, numbers);
    tcase_add_test(reading, marks);
    suite_add_tcase(suite, reading);
    return run_suite(suite);
}
