/* SPDX-License-Identifier: Apache-2.0 */
/* Command line and experiment files from one table (see options.h). */
#include "options.h"

#include "files.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 96, HELP_CODE = 256, CONFIG_CODE, FIRST_CODE, LIST_TEXT = 8192 };

/* ---- values ---- */

bool option_whole(const option_table *t, const char *name, const char *text, double low, double high, void *out_int64)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || (double)value < low || (double)value > high) {
        fprintf(
            stderr, "%s: --%s is \"%s\", expected a whole number from %.0f to %.0f\n", t->program, name, text, low,
            high);
        return false;
    }
    *(int64_t *)out_int64 = value;
    return true;
}

bool option_number(const option_table *t, const char *name, const char *text, double low, double high, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high)) {
        fprintf(stderr, "%s: --%s is \"%s\", expected a number from %g to %g\n", t->program, name, text, low, high);
        return false;
    }
    *out = value;
    return true;
}

bool option_word(const option_table *t, const char *name, const char *text, const char *const *choices, int *out)
{
    for (int i = 0; choices[i]; i++)
        if (!strcmp(text, choices[i])) return *out = i, true;
    fprintf(stderr, "%s: --%s is \"%s\", expected one of", t->program, name, text);
    for (int i = 0; choices[i]; i++)
        fprintf(stderr, "%s %s", i ? "," : "", choices[i]);
    fprintf(stderr, "\n");
    return false;
}

int option_item(const option_table *t, const char *name, const char **list, char *item, size_t size)
{
    if (!*list) return 0;
    const char *comma = strchr(*list, ',');
    size_t length = comma ? (size_t)(comma - *list) : strlen(*list);
    if (!length || length >= size) {
        fprintf(stderr, "%s: --%s has an empty or overlong entry\n", t->program, name);
        return -1;
    }
    memcpy(item, *list, length);
    item[length] = 0;
    *list = comma ? comma + 1 : NULL;
    return 1;
}

static bool set_text(const option_table *t, const char *name, const char *value, char *out)
{
    size_t length = strlen(value);
    if (length && length < OPTION_TEXT_SIZE) return memcpy(out, value, length + 1), true;
    fprintf(stderr, "%s: --%s is %s\n", t->program, name, length ? "too long" : "empty");
    return false;
}

static bool set_row(const option_table *t, const option_row *r, void *settings, const char *value)
{
    static const char *const answers[] = {"false", "true", NULL};
    void *to = (char *)settings + r->offset;
    int index = 0;
    switch (r->kind) {
    case OPTION_TEXT:
        return set_text(t, r->name, value, to);
    case OPTION_WHOLE:
        return option_whole(t, r->name, value, r->low, r->high, to);
    case OPTION_NUMBER:
        return option_number(t, r->name, value, r->low, r->high, to);
    case OPTION_FLAG:
        return option_word(t, r->name, value, answers, &index) && (*(bool *)to = index, true);
    case OPTION_CHOICE:
        return option_word(t, r->name, value, r->choices, &index) && (*(const char **)to = r->choices[index], true);
    default:
        return r->set(settings, value);
    }
}

static const option_row *find(const option_table *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (!strcmp(t->rows[i].name, name)) return &t->rows[i];
    return NULL;
}

bool options_set(const option_table *table, void *settings, const char *name, const char *value)
{
    const option_row *row = find(table, name);
    if (!row) fprintf(stderr, "%s: there is no option \"%s\"\n", table->program, name);
    return row && set_row(table, row, settings, value);
}

/* ---- reading an experiment file ---- */

/* A number, a text or a truth value as on the command line; false when it is none of these or too long. */
static bool as_text(const cJSON *item, char *out, size_t size)
{
    int n = -1;
    if (cJSON_IsBool(item)) n = snprintf(out, size, "%s", cJSON_IsTrue(item) ? "true" : "false");
    if (cJSON_IsString(item)) n = snprintf(out, size, "%s", item->valuestring);
    if (cJSON_IsNumber(item)) n = snprintf(out, size, "%.17g", item->valuedouble);
    return n >= 0 && (size_t)n < size;
}

static bool bad_value(const option_table *t, const char *path, const char *name)
{
    fprintf(stderr, "%s: %s: the value of \"%.64s\" is of no use\n", t->program, path, name);
    return false;
}

/* [1, 2] as "1,2" for a list; one by one for a repeated option. */
static bool
set_elements(const option_table *t, const option_row *r, void *settings, const cJSON *list, const char *path)
{
    char text[LIST_TEXT], all[LIST_TEXT] = "";
    const cJSON *item;
    size_t used = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (!as_text(item, text, sizeof text)) return bad_value(t, path, r->name);
        if (r->kind == OPTION_REPEAT && !set_row(t, r, settings, text)) return false;
        int n = snprintf(all + used, sizeof all - used, "%s%s", used ? "," : "", text);
        if (n < 0 || (size_t)n >= sizeof all - used) return bad_value(t, path, r->name);
        used += (size_t)n;
    }
    return r->kind == OPTION_REPEAT || (!used && r->may_be_empty) || set_row(t, r, settings, all);
}

static bool set_item(const option_table *t, void *settings, const cJSON *item, const char *path)
{
    char text[LIST_TEXT];
    const option_row *r = find(t, item->string);
    if (!r || r->kind == OPTION_PRESET) {
        fprintf(stderr, "%s: %s: there is no option \"%.64s\"\n", t->program, path, item->string);
        return false;
    }
    if (cJSON_IsArray(item) && (r->kind == OPTION_LIST || r->kind == OPTION_REPEAT))
        return set_elements(t, r, settings, item, path);
    if (!as_text(item, text, sizeof text) || (r->kind == OPTION_FLAG && !cJSON_IsBool(item)))
        return bad_value(t, path, r->name);
    return set_row(t, r, settings, text);
}

static bool read_config(const option_table *t, void *settings, const char *path)
{
    char *text = read_text(t->program, path);
    if (!text) return false;
    cJSON *file = cJSON_ParseWithOpts(text, NULL, 1); /* nothing may stand behind the object */
    bool good = cJSON_IsObject(file);
    if (!good) fprintf(stderr, "%s: %s is not a JSON object\n", t->program, path);
    const cJSON *item;
    if (good) {
        cJSON_ArrayForEach(item, file)
        {
            if (strcmp(item->string, "made_by")) good = good && set_item(t, settings, item, path);
        }
    }
    cJSON_Delete(file);
    free(text);
    return good;
}

/* ---- the command line ---- */

static void print_help(const option_table *table)
{
    for (const char *const *part = table->help; *part; part++) fputs(*part, stdout);
}

int options_parse(const option_table *table, int argc, char **argv, void *settings)
{
    struct option known[MAX_OPTIONS + 3] = {{"help", 0, 0, HELP_CODE}, {"config", 1, 0, CONFIG_CODE}};
    for (int i = 0; i < table->count && i < MAX_OPTIONS; i++)
        known[i + 2] = (struct option){table->rows[i].name, table->rows[i].kind != OPTION_FLAG, 0, FIRST_CODE + i};
    int code;
    while ((code = getopt_long(argc, argv, "", known, NULL)) != -1) {
        bool good = false;
        if (code == HELP_CODE) return print_help(table), 1;
        if (code == CONFIG_CODE)
            good = (table->configure && table->configure(settings, optarg)) || read_config(table, settings, optarg);
        if (code >= FIRST_CODE)
            good = set_row(table, &table->rows[code - FIRST_CODE], settings, optarg ? optarg : "true");
        if (!good) return fprintf(stderr, "%s: --help lists the options\n", table->program), 2; /* getopt has spoken */
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument \"%s\"\n", table->program, argv[optind]);
        return 2;
    }
    return 0;
}

/* ---- writing an experiment file ---- */

/* Words that are numbers are written as numbers. */
static cJSON *element(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return end != text && !*end && isfinite(value) && fabs(value) < 9e15 ? cJSON_CreateNumber(value)
                                                                         : cJSON_CreateString(text);
}

static cJSON *elements(const option_row *r, const void *settings)
{
    char text[OPTION_TEXT_SIZE];
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; list && r->get(settings, i, text, sizeof text); i++)
        if (!cJSON_AddItemToArray(list, element(text))) {
            cJSON_Delete(list);
            return NULL;
        }
    return list;
}

static cJSON *value_of(const option_row *r, const void *settings)
{
    const void *from = (const char *)settings + r->offset;
    switch (r->kind) {
    case OPTION_TEXT:
        return cJSON_CreateString(from);
    case OPTION_WHOLE:
        return cJSON_CreateNumber((double)*(const int64_t *)from);
    case OPTION_NUMBER:
        return cJSON_CreateNumber(*(const double *)from);
    case OPTION_FLAG:
        return cJSON_CreateBool(*(const bool *)from);
    case OPTION_CHOICE:
        return cJSON_CreateString(*(const char *const *)from);
    default:
        return elements(r, settings);
    }
}

static bool fill(const option_table *t, const void *settings, const char *const *info, cJSON *file)
{
    cJSON *made_by = cJSON_AddObjectToObject(file, "made_by");
    bool good = made_by && cJSON_AddStringToObject(made_by, "program", t->program);
    for (int i = 0; good && info && info[i]; i += 2)
        good = cJSON_AddStringToObject(made_by, info[i], info[i + 1]) != NULL;
    for (int i = 0; good && i < t->count; i++)
        if (!t->rows[i].transient && t->rows[i].kind != OPTION_PRESET)
            good = cJSON_AddItemToObject(file, t->rows[i].name, value_of(&t->rows[i], settings));
    return good;
}

bool options_write(const option_table *table, const void *settings, const char *const *info, const char *path)
{
    cJSON *file = cJSON_CreateObject();
    char *text = file && fill(table, settings, info, file) ? cJSON_Print(file) : NULL;
    bool good = text && write_text(table->program, path, text);
    if (!text) fprintf(stderr, "%s: out of memory for %s\n", table->program, path);
    cJSON_free(text);
    cJSON_Delete(file);
    return good;
}
