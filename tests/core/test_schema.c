/* SPDX-License-Identifier: Apache-2.0 */
/* Every schema of the library agrees with itself: texts are there, defaults and presets are allowed values, names are free. */
#include "core/options.h"
#include "core/options_text.h"

#include "support/run.h"

#include <ctype.h>
#include <string.h>

#define SCHEMA(name) extern const kdst__schema kdst__schema_##name;
#include "schemas.def"
#undef SCHEMA
static const kdst__schema *const schemas[] = {
#define SCHEMA(name) &kdst__schema_##name,
#include "schemas.def"
#undef SCHEMA
};

static int is_text(const kdst__option *o)
{
    return o->type == KDST_OPTION_CHOICE || o->type == KDST_OPTION_STRING;
}

static void check_name(const char *name)
{
    ck_assert(name && islower((unsigned char)*name) && strlen(name) < 64);
    for (const char *c = name; *c; c++)
        ck_assert_msg(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_', "name %s", name);
}

static void check_option(const kdst__schema *s, const kdst__option *o)
{
    check_name(o->name);
    ck_assert_msg(o->type >= KDST_OPTION_INT && o->type <= KDST_OPTION_FLOATS, "%s.%s: type", s->name, o->name);
    ck_assert_msg(o->help && *o->help, "%s.%s: no help", s->name, o->name);
    ck_assert_msg(o->text && o->choices, "%s.%s: NULL text", s->name, o->name);
    if (o->type == KDST_OPTION_CHOICE)
        ck_assert_msg(kdst__text_choice(o->choices, o->text) >= 0, "%s.%s: default is no choice", s->name, o->name);
    if (is_text(o)) return;
    ck_assert_msg(o->min <= o->max, "%s.%s: bounds", s->name, o->name);
    if (o->count < 0) return; /* a list that is empty by default */
    double value = NAN;
    ck_assert_msg(kdst__option_allows(o, o->standard), "%s.%s: default %g is not allowed", s->name, o->name, o->standard);
    ck_assert_msg(
        !kdst__text_read_number(o->text, &value) && value == o->standard, "%s.%s: default \"%s\" is not a plain number",
        s->name, o->name, o->text);
}

START_TEST(test_options)
{
    const kdst__schema *s = schemas[_i];
    for (int32_t i = 0; i < s->count; i++) {
        check_option(s, &s->options[i]);
        for (int32_t k = 0; k < i; k++) ck_assert_str_ne(s->options[i].name, s->options[k].name);
    }
    for (int i = 0; i < _i; i++) ck_assert_str_ne(s->name, schemas[i]->name);
}
END_TEST

static const kdst__option *find(const kdst__schema *s, const char *name)
{
    for (int32_t i = 0; i < s->count; i++)
        if (!strcmp(s->options[i].name, name)) return &s->options[i];
    return NULL;
}

START_TEST(test_presets)
{
    const kdst__schema *s = schemas[_i];
    const kdst__option *preset = find(s, "preset");
    if (!s->preset_count) return;
    ck_assert_msg(preset && preset->type == KDST_OPTION_CHOICE, "%s: no choice named preset", s->name);
    ck_assert_msg(kdst__text_choice(preset->choices, "none") == 0, "%s: none is not the first preset", s->name);
    for (int32_t i = 0; i < s->preset_count; i++) {
        const kdst__preset *p = &s->presets[i];
        const kdst__option *o = find(s, p->option);
        double value = NAN;
        ck_assert_msg(kdst__text_choice(preset->choices, p->preset) > 0, "%s: no preset %s", s->name, p->preset);
        ck_assert_msg(o && o != preset, "%s: preset %s sets no option %s", s->name, p->preset, p->option);
        if (o->type == KDST_OPTION_CHOICE)
            ck_assert_msg(kdst__text_choice(o->choices, p->value) >= 0, "%s: %s of %s", s->name, p->value, p->preset);
        else if (o->type != KDST_OPTION_STRING)
            ck_assert_msg(
                !kdst__text_read_number(p->value, &value) && kdst__option_allows(o, value), "%s: %s of %s", s->name, p->value, p->preset);
    }
}
END_TEST

START_TEST(test_public_view)
{
    ck_assert_int_eq(kdst_schema_count(), KDST__COUNT(schemas));
    const char *schema = kdst_schema_get_name(_i), *name, *standard, *choices, *help;
    ck_assert_str_eq(schema, schemas[_i]->name);
    kdst_option_type type;
    double min, max;
    for (int32_t i = 0; i < schemas[_i]->count; i++) {
        const kdst__option *o = &schemas[_i]->options[i];
        ck_assert_int_eq(
            kdst_schema_get(schema, i, &name, &type, &standard, &min, &max, &choices, &help), KDST_STATUS_OK);
        ck_assert_str_eq(name, o->name);
        ck_assert_str_eq(help, o->help);
        ck_assert_str_eq(standard, o->text);
        ck_assert_str_eq(choices, o->choices);
        ck_assert_int_eq(type, o->type);
        ck_assert(min == (is_text(o) ? -INFINITY : o->min) && max == (is_text(o) ? INFINITY : o->max));
        ck_assert_int_eq(kdst_schema_get(schema, i, NULL, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_OK);
    }
    ck_assert_int_eq(
        kdst_schema_get(schema, schemas[_i]->count, &name, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
    ck_assert_ptr_null(name);
    ck_assert_int_eq(kdst_schema_get(schema, -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
}
END_TEST

/* The limits agree with what the parser lets pass. */
START_TEST(test_public_limits)
{
    const kdst__schema *s = schemas[_i];
    int32_t low = -1, high = -1;
    int64_t count = 0;
    for (int32_t i = 0; i < s->count; i++) {
        const kdst__option *o = &s->options[i];
        ck_assert_int_eq(kdst_schema_get_limits(s->name, i, &low, &high, &count), KDST_STATUS_OK);
        ck_assert_int_eq(low, !is_text(o) && kdst__option_allows(o, o->min));
        ck_assert_int_eq(high, !is_text(o) && kdst__option_allows(o, o->max));
        ck_assert_int_eq(count, o->count);
        ck_assert_int_eq(kdst_schema_get_limits(s->name, i, NULL, NULL, NULL), KDST_STATUS_OK);
    }
    ck_assert_int_eq(kdst_schema_get_limits(s->name, s->count, &low, &high, &count), KDST_STATUS_NOT_FOUND);
    ck_assert(!low && !high && !count);
    ck_assert_int_eq(kdst_schema_get_limits(s->name, -1, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
}
END_TEST

START_TEST(test_public_presets)
{
    const kdst__schema *s = schemas[_i];
    const char *preset, *option, *value;
    for (int32_t i = 0; i < s->preset_count; i++) {
        ck_assert_int_eq(kdst_schema_get_preset(s->name, i, &preset, &option, &value), KDST_STATUS_OK);
        ck_assert_str_eq(preset, s->presets[i].preset);
        ck_assert_str_eq(option, s->presets[i].option);
        ck_assert_str_eq(value, s->presets[i].value);
        ck_assert_int_eq(kdst_schema_get_preset(s->name, i, NULL, NULL, NULL), KDST_STATUS_OK);
    }
    ck_assert_int_eq(kdst_schema_get_preset(s->name, s->preset_count, &preset, &option, &value), KDST_STATUS_NOT_FOUND);
    ck_assert(!preset && !option && !value);
    ck_assert_int_eq(kdst_schema_get_preset(s->name, -1, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
}
END_TEST

/* As the headers write them: temperature (0,1e100), width (0,64], kernel one number or two, up to 64 milestones. */
START_TEST(test_limits_by_hand)
{
    static const struct {
        const char *schema, *option;
        int32_t low, high;
        int64_t count;
    } rows[] = {
        {"loss.kd", "alpha", 1, 1, 1},  {"loss.kd", "temperature", 0, 0, 1}, {"model", "width", 0, 1, 1},
        {"loss.kd", "preset", 0, 0, 1}, {"layer.conv2d", "kernel", 1, 1, 2}, {"optimizer.adam", "beta1", 1, 0, 1},
        {"init", "std", 1, 0, 1},       {"schedule.step", "milestones", 1, 1, -64},
    };
    const char *name = "";
    int32_t low, high;
    int64_t count, index = 0;
    while (strcmp(name, rows[_i].option))
        ck_assert_int_eq(
            kdst_schema_get(rows[_i].schema, index++, &name, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_OK);
    ck_assert_int_eq(kdst_schema_get_limits(rows[_i].schema, index - 1, &low, &high, &count), KDST_STATUS_OK);
    ck_assert_int_eq(low, rows[_i].low);
    ck_assert_int_eq(high, rows[_i].high);
    ck_assert_int_eq(count, rows[_i].count);
}
END_TEST

START_TEST(test_unknown)
{
    ck_assert_ptr_null(kdst_schema_get_name(-1));
    ck_assert_ptr_null(kdst_schema_get_name(kdst_schema_count()));
    ck_assert_int_eq(kdst_schema_get("no_such", 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
    ck_assert_int_eq(kdst_schema_get(NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_schema_get_limits("no_such", 0, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
    ck_assert_int_eq(kdst_schema_get_limits(NULL, 0, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(kdst_schema_get_preset("no_such", 0, NULL, NULL, NULL), KDST_STATUS_NOT_FOUND);
    ck_assert_int_eq(kdst_schema_get_preset(NULL, 0, NULL, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schema");
    TCase *tcase = tcase_create("schema");
    tcase_add_loop_test(tcase, test_options, 0, KDST__COUNT(schemas));
    tcase_add_loop_test(tcase, test_presets, 0, KDST__COUNT(schemas));
    tcase_add_loop_test(tcase, test_public_view, 0, KDST__COUNT(schemas));
    tcase_add_loop_test(tcase, test_public_limits, 0, KDST__COUNT(schemas));
    tcase_add_loop_test(tcase, test_public_presets, 0, KDST__COUNT(schemas));
    tcase_add_loop_test(tcase, test_limits_by_hand, 0, 8);
    tcase_add_test(tcase, test_unknown);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
