/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a set of options by a schema: defaults, then the preset's values, then the caller's, each checked.
 *
 * Texts in presets are read here, not by strtod, whose decimal point is that of the process's locale.
 */
#include "core/options.h"

#include "core/options_private.h"
#include "core/options_text.h"

#include <stdio.h>
#include <string.h>

/* Where a parse reports: "function: …" in `message`. */
typedef struct parse {
    const char *function;
    const kdst__schema *schema;
    char *config;
    char message[KDST__MESSAGE_BYTES];
} parse;

static kdst_status refuse(parse *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static kdst_status refuse(parse *p, const char *format, ...)
{
    int used = snprintf(p->message, sizeof p->message, "%s: ", p->function);
    if (used < 0 || (size_t)used >= sizeof p->message) used = 0;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(p->message + used, sizeof p->message - (size_t)used, format, arguments) < 0) p->message[used] = '\0';
    va_end(arguments);
    return KDST_STATUS_INVALID_ARGUMENT;
}

static const kdst__option *find(const kdst__schema *schema, const char *name)
{
    for (int32_t i = 0; i < schema->count; i++)
        if (!strcmp(schema->options[i].name, name)) return &schema->options[i];
    return NULL;
}

/* ---- one value into the configuration ---- */

static int is_list(const kdst__option *o)
{
    return o->type == KDST_OPTION_INTS || o->type == KDST_OPTION_FLOATS;
}

static int is_whole(const kdst__option *o)
{
    return o->type == KDST_OPTION_INT || o->type == KDST_OPTION_INTS;
}

static int is_numeric(const kdst__option *o)
{
    return o->type != KDST_OPTION_CHOICE && o->type != KDST_OPTION_STRING;
}

static void store(parse *p, const kdst__option *o, int64_t index, int64_t whole, double number)
{
    char *place = p->config + o->offset + (size_t)index * sizeof(int64_t);
    if (is_whole(o))
        memcpy(place, &whole, sizeof whole);
    else
        memcpy(place, &number, sizeof number);
}

static void store_count(parse *p, const kdst__option *o, int64_t count)
{
    if (o->count < 0) memcpy(p->config + o->count_offset, &count, sizeof count);
}

/* The same number in every element. */
static void fill(parse *p, const kdst__option *o, int64_t whole, double number)
{
    int64_t count = is_list(o) && o->count > 0 ? o->count : 1;
    for (int64_t i = 0; i < count; i++)
        store(p, o, i, whole, number);
    store_count(p, o, 1);
}

static kdst_status check_bounds(parse *p, const kdst__option *o, int64_t whole, double number)
{
    char value[KDST__NUMBER_TEXT], bounds[KDST__BOUNDS_TEXT];
    double v = is_whole(o) ? (double)whole : number;
    if (kdst__option_allows(o, v)) return KDST_STATUS_OK;
    kdst__text_number(is_whole(o), whole, number, value);
    kdst__text_bounds(o, bounds);
    return refuse(p, "%s is %s, allowed is %s", o->name, value, bounds);
}

static kdst_status set_choice(parse *p, const kdst__option *o, const char *text)
{
    int32_t index = kdst__text_choice(o->choices, text);
    if (index < 0) return refuse(p, "%s is \"%.64s\", allowed is %s", o->name, text, o->choices);
    memcpy(p->config + o->offset, &index, sizeof index);
    return KDST_STATUS_OK;
}

static kdst_status set_number(parse *p, const kdst__option *o, int64_t whole, double number)
{
    kdst_status status = check_bounds(p, o, whole, number);
    if (!status) fill(p, o, whole, number);
    return status;
}

static kdst_status set_list(parse *p, const kdst__option *o, const kdst__value *value)
{
    const int64_t *wholes = value->data;
    const double *numbers = value->data;
    int from_wholes = value->type == KDST_OPTION_INTS;
    if (value->count == 1 && o->count > 0)
        return set_number(p, o, from_wholes ? wholes[0] : 0, from_wholes ? (double)wholes[0] : numbers[0]);
    if (o->count > 0 && value->count != o->count)
        return refuse(p, "%s has %lld values, expected are %d", o->name, (long long)value->count, (int)o->count);
    if (o->count < 0 && value->count > -o->count)
        return refuse(
            p, "%s has %lld values, at most %d are allowed", o->name, (long long)value->count, -(int)o->count);
    for (int64_t i = 0; i < value->count; i++) {
        int64_t whole = from_wholes ? wholes[i] : 0;
        double number = from_wholes ? (double)wholes[i] : numbers[i];
        kdst_status status = check_bounds(p, o, whole, number);
        if (status) return status;
        store(p, o, i, whole, number);
    }
    store_count(p, o, value->count);
    return KDST_STATUS_OK;
}

/* What the caller set. A whole number serves as a number, never the other way round. */
static kdst_status set_value(parse *p, const kdst__option *o, const kdst__value *value)
{
    int whole = value->type == KDST_OPTION_INT, number = whole || value->type == KDST_OPTION_FLOAT;
    int wholes = value->type == KDST_OPTION_INTS, numbers = wholes || value->type == KDST_OPTION_FLOATS;
    int text = value->type == KDST_OPTION_STRING;
    if (text && o->type == KDST_OPTION_CHOICE) return set_choice(p, o, value->data);
    if (text && o->type == KDST_OPTION_STRING) {
        memcpy(p->config + o->offset, &value->data, sizeof value->data);
        return KDST_STATUS_OK;
    }
    if (is_numeric(o) && (is_whole(o) ? whole : number)) return set_number(p, o, value->whole, value->number);
    if (is_list(o) && (is_whole(o) ? wholes : numbers)) return set_list(p, o, value);
    return refuse(p, "%s is %s, expected is %s", o->name, kdst__text_type(value->type), kdst__text_type(o->type));
}

/* A preset's value. It comes from a constant table, which the tests check. */
static kdst_status set_text(parse *p, const kdst__option *o, const char *text)
{
    double number;
    if (o->type == KDST_OPTION_CHOICE) return set_choice(p, o, text);
    if (o->type == KDST_OPTION_STRING) {
        memcpy(p->config + o->offset, &text, sizeof text);
        return KDST_STATUS_OK;
    }
    if (kdst__text_read_number(text, &number)) return refuse(p, "%s is \"%s\", expected is a number", o->name, text);
    return set_number(p, o, is_whole(o) ? (int64_t)number : 0, number);
}

/* ---- the three layers ---- */

static void set_default(parse *p, const kdst__option *o)
{
    if (o->type == KDST_OPTION_CHOICE) {
        int32_t index = kdst__text_choice(o->choices, o->text);
        memcpy(p->config + o->offset, &index, sizeof index);
    } else if (o->type == KDST_OPTION_STRING) {
        memcpy(p->config + o->offset, &o->text, sizeof o->text);
    } else if (o->count < 0) {
        store_count(p, o, 0);
    } else {
        fill(p, o, (int64_t)o->standard, o->standard);
    }
}

static kdst_status set_preset(parse *p, const kdst_options *options)
{
    const kdst__schema *schema = p->schema;
    const kdst__option *o = schema->preset_count ? find(schema, "preset") : NULL;
    const kdst__value *value = kdst__options_find(options, "preset");
    if (!o) return KDST_STATUS_OK;
    const char *preset = o->text;
    if (value) {
        kdst_status status = set_value(p, o, value);
        if (status) return status;
        preset = value->data;
    }
    for (int32_t i = 0; i < schema->preset_count; i++) {
        const kdst__preset *entry = &schema->presets[i];
        const kdst__option *target = strcmp(entry->preset, preset) ? NULL : find(schema, entry->option);
        kdst_status status = target ? set_text(p, target, entry->value) : KDST_STATUS_OK;
        if (status) return status;
    }
    return KDST_STATUS_OK;
}

static kdst_status unknown(parse *p, const char *name)
{
    const kdst__schema *schema = p->schema;
    const char *near = NULL;
    int best = 3; /* more than two edits are no slip of the keyboard */
    for (int32_t i = 0; i < schema->count; i++) {
        int distance = kdst__text_distance(name, schema->options[i].name);
        if (distance < best) best = distance, near = schema->options[i].name;
    }
    if (near) return refuse(p, "unknown option \"%s\"; did you mean \"%s\"?", name, near);
    if (!schema->count) return refuse(p, "unknown option \"%s\"; there are no options", name);
    char names[KDST__MESSAGE_BYTES] = "";
    size_t used = 0;
    for (int32_t i = 0; i < schema->count && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", schema->options[i].name);
    return refuse(p, "unknown option \"%s\"; known are %s", name, names);
}

static kdst_status parse_all(parse *p, const kdst_options *options)
{
    for (int32_t i = 0; i < p->schema->count; i++)
        set_default(p, &p->schema->options[i]);
    kdst_status status = set_preset(p, options);
    for (int64_t i = 0; !status && options && i < options->count; i++) {
        const kdst__value *value = &options->values[i];
        const kdst__option *o = find(p->schema, value->name);
        status = o ? set_value(p, o, value) : unknown(p, value->name);
    }
    return status;
}

kdst_status kdst__options_parse(
    kdst_context *ctx, const char *function, const kdst__schema *schema, const kdst_options *options, void *config)
{
    parse p = {.function = function, .schema = schema, .config = config};
    kdst_status status = parse_all(&p, options);
    return status ? kdst__fail(ctx, status, "%s", p.message) : status;
}

kdst_status
kdst__options_parse_alone(const char *function, const kdst__schema *schema, kdst_options *options, void *config)
{
    parse p = {.function = function, .schema = schema, .config = config};
    kdst_status status = parse_all(&p, options);
    kdst__options_set_message(options, p.message);
    return status;
}
