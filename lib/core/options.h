/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas and parsing of options, from the inside.
 *
 * A creator has a constant table of its options; kdst__options_parse fills a configuration struct with the
 * defaults, then the preset's values, then what the caller set, and checks types and bounds. The same table
 * is what kdst_schema_get shows. Every table is listed in lib/schemas.def.
 *
 *     typedef struct config { int64_t training; double momentum, eps; } config;
 *     static const kdst__option options[] = {
 *         KDST__INT(config, training, 1, 0, 1, "1: statistics of the batch"),
 *         KDST__FLOAT(config, momentum, 0.1, 0, 1, "weight of the new statistics"),
 *         KDST__FLOAT_OPEN(config, eps, 1e-5, 0, INFINITY, "added to the variance"),
 *     };
 *     const kdst__schema kdst__schema_batch_norm = {"batch_norm", options, KDST__COUNT(options), NULL, 0};
 */
#ifndef KDST_CORE_OPTIONS_H
#define KDST_CORE_OPTIONS_H

#include <kdst/context.h>

#include <math.h>
#include <stddef.h>

#define KDST__MAX_LIST 64 /* longest INTS / FLOATS option of a schema */

typedef struct kdst__option {
    const char *name;
    kdst_option_type type;
    double standard;      /* default of INT, FLOAT, and of each element of INTS, FLOATS (count = standard_count) */
    double min, max;      /* of the value, or of each element; an infinite bound is itself excluded */
    int32_t open;         /* 1: min excluded, 2: max excluded, 3: both */
    const char *choices;  /* CHOICE: "a|b|c"; the configuration gets the index as int32_t */
    const char *text;     /* the default as text: CHOICE, STRING the value ("" none), else how `standard` is written */
    int32_t count;        /* INTS, FLOATS: exact number of elements (one value set fills them all), or -n: up to n */
    size_t offset;        /* into the configuration struct */
    size_t count_offset;  /* INTS, FLOATS with count < 0: where the number of elements goes (int64_t) */
    const char *help;
} kdst__option;

/* A preset gives other defaults: `value` in textual form ("0.9", "elementmean"). A schema with presets has a CHOICE option
 * named "preset" whose choices include "none" first. */
typedef struct kdst__preset {
    const char *preset, *option, *value;
} kdst__preset;

typedef struct kdst__schema {
    const char *name;
    const kdst__option *options;
    int32_t count;
    const kdst__preset *presets;
    int32_t preset_count;
} kdst__schema;

/* Write defaults as plain numbers (0.1, 1e-5): the text of the macro argument is what kdst_schema_get shows. */
#define KDST__COUNT(array) ((int32_t)(sizeof(array) / sizeof *(array)))

/* int64_t member */
#define KDST__INT(type, member, value, low, high, help) \
    {#member, KDST_OPTION_INT, value, low, high, 0, "", #value, 1, offsetof(type, member), 0, help}
/* double member; bounds included */
#define KDST__FLOAT(type, member, value, low, high, help) \
    {#member, KDST_OPTION_FLOAT, value, low, high, 0, "", #value, 1, offsetof(type, member), 0, help}
/* double member; both bounds excluded */
#define KDST__FLOAT_OPEN(type, member, value, low, high, help) \
    {#member, KDST_OPTION_FLOAT, value, low, high, 3, "", #value, 1, offsetof(type, member), 0, help}
/* double member; the lower bound excluded */
#define KDST__FLOAT_ABOVE(type, member, value, low, high, help) \
    {#member, KDST_OPTION_FLOAT, value, low, high, 1, "", #value, 1, offsetof(type, member), 0, help}
/* double member; the upper bound excluded */
#define KDST__FLOAT_BELOW(type, member, value, low, high, help) \
    {#member, KDST_OPTION_FLOAT, value, low, high, 2, "", #value, 1, offsetof(type, member), 0, help}
/* int32_t member: index into choices */
#define KDST__CHOICE(type, member, value, choices, help) \
    {#member, KDST_OPTION_CHOICE, 0, 0, 0, 0, choices, value, 1, offsetof(type, member), 0, help}
/* const char * member: borrowed from the options, copy it to keep it */
#define KDST__STRING(type, member, value, help) \
    {#member, KDST_OPTION_STRING, 0, 0, 0, 0, "", value, 1, offsetof(type, member), 0, help}
/* int64_t member[n] */
#define KDST__INTS(type, member, n, value, low, high, help) \
    {#member, KDST_OPTION_INTS, value, low, high, 0, "", #value, n, offsetof(type, member), 0, help}
/* double member[n], 0 to n elements, their number in int64_t member_count; none by default */
#define KDST__FLOATS_UPTO(type, member, n, low, high, help) \
    {#member, KDST_OPTION_FLOATS, 0, low, high, 0, "", "", -(n), offsetof(type, member), offsetof(type, member##_count), help}
/* int64_t member[n], 0 to n elements, their number in int64_t member_count; none by default */
#define KDST__INTS_UPTO(type, member, n, low, high, help) \
    {#member, KDST_OPTION_INTS, 0, low, high, 0, "", "", -(n), offsetof(type, member), offsetof(type, member##_count), help}

/* Fills `config`. `function` begins the message: "kd: alpha is 1.5, allowed is [0, 1]"; unknown names suggest a near one. */
kdst_status kdst__options_parse(
    kdst_context *ctx, const char *function, const kdst__schema *schema, const kdst_options *options, void *config);
/* The same without a context: the message goes into the options. */
kdst_status kdst__options_parse_alone(
    const char *function, const kdst__schema *schema, kdst_options *options, void *config);
/* Sets kdst_options_message; NULL options are fine. */
void kdst__options_set_message(kdst_options *options, const char *message);
/* 1 when the option was set by the caller (to tell a default from a value). */
int kdst__options_has(const kdst_options *options, const char *name);

extern const kdst__schema kdst__schema_context;

#endif
