/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of options, and reading them by a schema: defaults, presets, types, bounds, suggestions. */
#include "core/options.h"
#include "core/options_text.h"

#include "support/run.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

typedef struct config {
    int64_t epochs, kernel[2], milestones[8], milestones_count;
    double alpha, temperature, decay, width, mean[4];
    int64_t mean_count;
    int32_t reduction, preset;
    const char *prefix;
} config;

static const kdst__option options_list[] = {
    KDST__INT(config, epochs, 10, 1, 1000, "passes"),
    KDST__INTS(config, kernel, 2, 3, 1, 64, "kernel"),
    KDST__INTS_UPTO(config, milestones, 8, 0, INFINITY, "steps"),
    KDST__FLOAT(config, alpha, 0.5, 0, 1, "weight"),
    KDST__FLOAT_OPEN(config, temperature, 4, 0, INFINITY, "temperature"),
    KDST__FLOAT_BELOW(config, decay, 0.9, 0, 1, "decay"),
    KDST__FLOAT_ABOVE(config, width, 1, 0, 64, "width"),
    KDST__FLOATS_UPTO(config, mean, 4, -INFINITY, INFINITY, "means"),
    KDST__CHOICE(config, reduction, "batchmean", "batchmean|elementmean", "reduction"),
    KDST__CHOICE(config, preset, "none", "none|paper|official", "preset"),
    KDST__STRING(config, prefix, "net", "prefix"),
};
static const kdst__preset presets[] = {
    {"paper", "temperature", "20"},
    {"official", "temperature", "6"},
    {"official", "alpha", "9.5e-1"},
    {"official", "reduction", "elementmean"},
    {"official", "epochs", "200"},
    {"official", "kernel", "5"},
    {"official", "prefix", "module"},
};
static const kdst__schema schema = {
    "test", options_list, KDST__COUNT(options_list), presets, KDST__COUNT(presets),
};

static kdst_options *o;
static config c;

static void setup(void)
{
    ck_assert_int_eq(kdst_options_create(&o), KDST_STATUS_OK);
    memset(&c, 0x55, sizeof c);
}

static void teardown(void)
{
    kdst_options_release(o);
}

static void works(kdst_status status)
{
    ck_assert_msg(status == KDST_STATUS_OK, "%s: %s", kdst_status_name(status), kdst_options_message(o));
    ck_assert_str_eq(kdst_options_message(o), "");
}

static void parses(void)
{
    works(kdst__options_parse_alone("kd", &schema, o, &c));
}

static void refused(const char *message)
{
    ck_assert_int_eq(kdst__options_parse_alone("kd", &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), message);
}

START_TEST(test_defaults)
{
    if (_i)
        parses();
    else
        ck_assert_int_eq(kdst__options_parse_alone("kd", &schema, NULL, &c), KDST_STATUS_OK);
    ck_assert_int_eq(c.epochs, 10);
    ck_assert_int_eq(c.kernel[0], 3);
    ck_assert_int_eq(c.kernel[1], 3);
    ck_assert_int_eq(c.milestones_count, 0);
    ck_assert_int_eq(c.mean_count, 0);
    ck_assert_double_eq(c.alpha, 0.5);
    ck_assert_double_eq(c.temperature, 4);
    ck_assert_int_eq(c.reduction, 0);
    ck_assert_int_eq(c.preset, 0);
    ck_assert_str_eq(c.prefix, "net");
}
END_TEST

START_TEST(test_values)
{
    const int64_t kernel[] = {5, 7}, milestones[] = {10, 20, 30};
    const double mean[] = {0.1, -0.2};
    works(kdst_options_set_int(o, "epochs", 3));
    works(kdst_options_set_int(o, "epochs", 4)); /* replaces */
    works(kdst_options_set_ints(o, "kernel", kernel, 2));
    works(kdst_options_set_ints(o, "milestones", milestones, 3));
    works(kdst_options_set_float(o, "alpha", 1));
    works(kdst_options_set_int(o, "temperature", 2)); /* a whole number is a number */
    works(kdst_options_set_floats(o, "mean", mean, 2));
    works(kdst_options_set_string(o, "reduction", "elementmean"));
    works(kdst_options_set_string(o, "prefix", "\xc3\xa9t\xc3\xa9"));
    parses();
    ck_assert_int_eq(c.epochs, 4);
    ck_assert_int_eq(c.kernel[0], 5);
    ck_assert_int_eq(c.kernel[1], 7);
    ck_assert_int_eq(c.milestones_count, 3);
    ck_assert_int_eq(c.milestones[2], 30);
    ck_assert_double_eq(c.alpha, 1);
    ck_assert_double_eq(c.temperature, 2);
    ck_assert_int_eq(c.mean_count, 2);
    ck_assert_double_eq(c.mean[1], -0.2);
    ck_assert_int_eq(c.reduction, 1);
    ck_assert_str_eq(c.prefix, "\xc3\xa9t\xc3\xa9");
    ck_assert_int_eq(kdst__options_has(o, "alpha"), 1);
    ck_assert_int_eq(kdst__options_has(o, "preset"), 0);
    ck_assert_int_eq(kdst__options_has(NULL, "alpha"), 0);
}
END_TEST

START_TEST(test_one_value_for_every_element)
{
    const int64_t whole = 8, wholes[] = {1, 2};
    works(kdst_options_set_int(o, "kernel", 9));
    works(kdst_options_set_int(o, "milestones", 7));
    works(kdst_options_set_ints(o, "mean", wholes, 2)); /* whole numbers are numbers */
    parses();
    ck_assert_int_eq(c.kernel[0], 9);
    ck_assert_int_eq(c.kernel[1], 9);
    ck_assert_int_eq(c.milestones_count, 1);
    ck_assert_int_eq(c.milestones[0], 7);
    ck_assert_double_eq(c.mean[1], 2);
    works(kdst_options_set_ints(o, "kernel", &whole, 1));
    works(kdst_options_set_ints(o, "milestones", NULL, 0));
    works(kdst_options_set_float(o, "mean", 0.25));
    parses();
    ck_assert_int_eq(c.kernel[1], 8);
    ck_assert_int_eq(c.milestones_count, 0);
    ck_assert_int_eq(c.mean_count, 1);
    ck_assert_double_eq(c.mean[0], 0.25);
}
END_TEST

START_TEST(test_presets)
{
    works(kdst_options_set_string(o, "preset", "paper"));
    parses();
    ck_assert_double_eq(c.temperature, 20);
    ck_assert_double_eq(c.alpha, 0.5);
    works(kdst_options_set_int(o, "epochs", 7)); /* the caller's value wins, in whatever order */
    works(kdst_options_set_string(o, "preset", "official"));
    parses();
    ck_assert_int_eq(c.preset, 2);
    ck_assert_double_eq(c.temperature, 6);
    ck_assert_double_eq(c.alpha, 0.95);
    ck_assert_int_eq(c.reduction, 1);
    ck_assert_int_eq(c.epochs, 7);
    ck_assert_int_eq(c.kernel[1], 5);
    ck_assert_str_eq(c.prefix, "module");
    works(kdst_options_set_string(o, "preset", "papr"));
    refused("kd: preset is \"papr\", allowed is none|paper|official");
    works(kdst_options_set_int(o, "preset", 1));
    refused("kd: preset is a whole number, expected is one of a list of texts");
}
END_TEST

START_TEST(test_bounds)
{
    works(kdst_options_set_float(o, "alpha", 1.5));
    refused("kd: alpha is 1.5, allowed is [0, 1]");
    works(kdst_options_set_float(o, "alpha", 1.0000000000000002));
    refused("kd: alpha is 1.0000000000000002, allowed is [0, 1]");
    works(kdst_options_set_float(o, "alpha", NAN));
    ck_assert_int_eq(kdst__options_parse_alone("kd", &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(kdst_options_message(o), "nan, allowed is [0, 1]"));
    works(kdst_options_set_float(o, "alpha", -0.0));
    works(kdst_options_set_float(o, "temperature", 0));
    refused("kd: temperature is 0, allowed is (0, inf)");
    works(kdst_options_set_float(o, "temperature", INFINITY));
    refused("kd: temperature is inf, allowed is (0, inf)");
    works(kdst_options_set_float(o, "temperature", 1e-300));
    works(kdst_options_set_int(o, "epochs", INT64_MIN));
    refused("kd: epochs is -9223372036854775808, allowed is [1, 1000]");
    works(kdst_options_set_int(o, "epochs", 1000));
    const int64_t kernel[] = {3, 0}, milestones[] = {1, -1};
    works(kdst_options_set_ints(o, "kernel", kernel, 2));
    refused("kd: kernel is 0, allowed is [1, 64]");
    works(kdst_options_set_int(o, "kernel", 64));
    works(kdst_options_set_ints(o, "milestones", milestones, 2));
    refused("kd: milestones is -1, allowed is [0, inf)");
    works(kdst_options_set_int(o, "milestones", 0));
    works(kdst_options_set_float(o, "mean", NAN));
    ck_assert_int_eq(kdst__options_parse_alone("kd", &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    works(kdst_options_set_float(o, "mean", -INFINITY));
    refused("kd: mean is -inf, allowed is (-inf, inf)");
    works(kdst_options_set_float(o, "mean", -1e308));
    parses();
    works(kdst_options_set_int(o, "decay", 1));
    refused("kd: decay is 1, allowed is [0, 1)");
    works(kdst_options_set_int(o, "decay", 0));
    works(kdst_options_set_int(o, "width", 0));
    refused("kd: width is 0, allowed is (0, 64]");
    works(kdst_options_set_int(o, "width", 64));
    parses();
    ck_assert_double_eq(c.width, 64);
}
END_TEST

START_TEST(test_types)
{
    works(kdst_options_set_float(o, "epochs", 3));
    refused("kd: epochs is a number, expected is a whole number");
    works(kdst_options_set_string(o, "epochs", "3"));
    refused("kd: epochs is a text, expected is a whole number");
    works(kdst_options_set_int(o, "epochs", 3));
    works(kdst_options_set_int(o, "prefix", 3));
    refused("kd: prefix is a whole number, expected is a text");
    works(kdst_options_set_string(o, "prefix", ""));
    works(kdst_options_set_string(o, "reduction", "mean"));
    refused("kd: reduction is \"mean\", allowed is batchmean|elementmean");
    works(kdst_options_set_string(o, "reduction", "batchmean|elementmean"));
    ck_assert_int_eq(kdst__options_parse_alone("kd", &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    works(kdst_options_set_string(o, "reduction", ""));
    ck_assert_int_eq(kdst__options_parse_alone("kd", &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    works(kdst_options_set_string(o, "reduction", "batchmean"));
    const double numbers[] = {1, 2};
    const int64_t wholes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    works(kdst_options_set_floats(o, "kernel", numbers, 2));
    refused("kd: kernel is a list of numbers, expected is a list of whole numbers");
    works(kdst_options_set_ints(o, "kernel", wholes, 3));
    refused("kd: kernel has 3 values, expected are 2");
    works(kdst_options_set_ints(o, "kernel", wholes, 0));
    refused("kd: kernel has 0 values, expected are 2");
    works(kdst_options_set_ints(o, "kernel", wholes, 2));
    works(kdst_options_set_ints(o, "milestones", wholes, 9));
    refused("kd: milestones has 9 values, at most 8 are allowed");
    works(kdst_options_set_ints(o, "milestones", wholes, 8));
    works(kdst_options_set_ints(o, "alpha", wholes, 1));
    refused("kd: alpha is a list of whole numbers, expected is a number");
}
END_TEST

START_TEST(test_suggestions)
{
    static const struct {
        const char *name, *message;
    } cases[] = {
        {"temprature", "kd: unknown option \"temprature\"; did you mean \"temperature\"?"},
        {"tempearture", "kd: unknown option \"tempearture\"; did you mean \"temperature\"?"},
        {"temp", "kd: unknown option \"temp\"; did you mean \"temperature\"?"},
        {"Alpha", "kd: unknown option \"Alpha\"; did you mean \"alpha\"?"},
        {"epoch", "kd: unknown option \"epoch\"; did you mean \"epochs\"?"},
        {"x", "kd: unknown option \"x\"; known are epochs, kernel, milestones, alpha, temperature, decay, "
              "width, mean, reduction, preset, prefix"},
        {"learning_rate", "kd: unknown option \"learning_rate\"; known are epochs, kernel, milestones, alpha, temperature, "
                          "decay, width, mean, reduction, preset, prefix"},
    };
    works(kdst_options_set_int(o, cases[_i].name, 1));
    refused(cases[_i].message);
}
END_TEST

START_TEST(test_bad_calls)
{
    char name[65];
    memset(name, 'n', 64);
    name[64] = '\0';
    ck_assert_int_eq(kdst_options_create(NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_options_set_int(NULL, "alpha", 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_options_set_int(o, NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "options_set: name is NULL");
    ck_assert_int_eq(kdst_options_set_float(o, "", 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "options_set: name is empty");
    ck_assert_int_eq(kdst_options_set_string(o, name, "1"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "options_set: name has 64 bytes, allowed are 1 to 63");
    ck_assert_int_eq(kdst_options_set_string(o, NULL, "1"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_options_set_ints(o, NULL, NULL, 0), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_options_set_string(o, "prefix", NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "options_set: value of prefix is NULL");
    ck_assert_int_eq(kdst_options_set_string(NULL, "prefix", "x"), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_options_set_ints(o, "kernel", NULL, 1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "options_set: values of kernel are NULL");
    ck_assert_int_eq(kdst_options_set_ints(o, "kernel", (const int64_t[]){1}, -1), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_options_message(o), "options_set: count of kernel is -1, allowed is 0 to 4096");
    ck_assert_int_eq(kdst_options_set_floats(o, "mean", (const double[]){1}, 4097), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_options_set_floats(NULL, "mean", NULL, 0), KDST_STATUS_INVALID_ARGUMENT);
    name[63] = '\0';
    works(kdst_options_set_int(o, name, 1));
    ck_assert_str_eq(kdst_options_message(NULL), "");
    kdst_options_retain(NULL);
    kdst_options_release(NULL);
    kdst_options_retain(o);
    kdst_options_release(o);
    ck_assert_int_eq(kdst__options_has(o, name), 1);
}
END_TEST

START_TEST(test_many_values_and_long_names)
{
    char name[64], text[2000];
    memset(text, 't', sizeof text);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "option%d", i);
        works(kdst_options_set_string(o, name, text));
    }
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "option%d", i);
        ck_assert_int_eq(kdst__options_has(o, name), 1);
    }
    kdst_options_release(o);
    ck_assert_int_eq(kdst_options_create(&o), KDST_STATUS_OK);
    works(kdst_options_set_string(o, "reduction", text)); /* the message stays within its bounds */
    ck_assert_int_eq(kdst__options_parse_alone(text, &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_uint_lt(strlen(kdst_options_message(o)), 1024);
}
END_TEST

START_TEST(test_numbers_as_text)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0}, {"-1", -1}, {"0.1", 0.1}, {"1e-5", 1e-5}, {"9.5e-1", 0.95}, {"2.5E+3", 2500}, {".5", 0.5},
                {"1e22", 1e22}, {"0.0005", 0.0005}, {"INFINITY", INFINITY}, {"-INFINITY", -INFINITY}};
    static const char *const bad[] = {"", "-", ".", "1e", "1e+", "1x", "0.1 ", "1/2", "nan"};
    /* The decimal comma of a process's locale must not matter; machines without that locale test the same with a point. */
    setlocale(LC_ALL, "de_DE.UTF-8");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 77;
        ck_assert_int_eq(kdst__text_read_number(good[i].text, &value), 0);
        ck_assert_double_eq(value, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 77;
        ck_assert_msg(kdst__text_read_number(bad[i], &value) != 0, "\"%s\" was read as %g", bad[i], value);
    }
}
END_TEST

START_TEST(test_message_goes_to_the_context)
{
    kdst_context *ctx = NULL;
    works(kdst_context_create(o, &ctx));
    works(kdst_options_set_float(o, "alpha", 2));
    ck_assert_int_eq(kdst__options_parse(ctx, "kd", &schema, o, &c), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_str_eq(kdst_context_message(ctx), "kd: alpha is 2, allowed is [0, 1]");
    ck_assert_str_eq(kdst_options_message(o), "");
    kdst_context_release(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test_defaults, 0, 2);
    tcase_add_test(tcase, test_values);
    tcase_add_test(tcase, test_one_value_for_every_element);
    tcase_add_test(tcase, test_presets);
    tcase_add_test(tcase, test_bounds);
    tcase_add_test(tcase, test_types);
    tcase_add_loop_test(tcase, test_suggestions, 0, 7);
    tcase_add_test(tcase, test_bad_calls);
    tcase_add_test(tcase, test_many_values_and_long_names);
    tcase_add_test(tcase, test_numbers_as_text);
    tcase_add_test(tcase, test_message_goes_to_the_context);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
