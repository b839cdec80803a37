/* SPDX-License-Identifier: Apache-2.0 */
/* result.json of a run: written and read back through cJSON (see record.h). */
#include "record.h"

#include "../common/files.h"
#include "settings.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double record_last(const run_record *r, int column)
{
    return r->epochs > 0 ? r->history[(r->epochs - 1) * COLUMNS + column] : NAN;
}

void record_free(run_record *r)
{
    free(r->history);
    free(r->confusion);
    free(r->reliability);
    *r = (run_record){0};
}

/* JSON has no NaN: null stands for it. */
static bool add_number(cJSON *object, const char *key, double value)
{
    return isfinite(value) ? cJSON_AddNumberToObject(object, key, value) != NULL : cJSON_AddNullToObject(object, key) != NULL;
}

static bool add_numbers(cJSON *object, const char *key, const double *values, int64_t count)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (int64_t i = 0; array && i < count; i++) {
        cJSON *item = isfinite(values[i]) ? cJSON_CreateNumber(values[i]) : cJSON_CreateNull();
        if (!item || !cJSON_AddItemToArray(array, item)) return false;
    }
    return array != NULL;
}

static bool add_counts(cJSON *object, const char *key, const int64_t *values, int64_t count)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (int64_t i = 0; array && i < count; i++) {
        cJSON *item = cJSON_CreateNumber((double)values[i]);
        if (!item || !cJSON_AddItemToArray(array, item)) return false;
    }
    return array != NULL;
}

bool record_write(const run_record *r, const char *path)
{
    cJSON *root = cJSON_CreateObject();
    char seed[32], *text = NULL;
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    bool good = root && cJSON_AddStringToObject(root, "name", r->name) && cJSON_AddStringToObject(root, "net", r->net)
        && cJSON_AddStringToObject(root, "variant", variant_names[r->variant])
        && cJSON_AddStringToObject(root, "teacher", r->teacher) && cJSON_AddStringToObject(root, "settings", r->fingerprint)
        && cJSON_AddStringToObject(root, "seed", seed) && add_number(root, "teacher_accuracy", r->teacher_accuracy)
        && add_number(root, "seconds", r->seconds) && add_number(root, "best_accuracy", r->best_accuracy)
        && add_number(root, "best_epoch", (double)r->best_epoch)
        && add_numbers(root, "history", r->history, r->epochs * COLUMNS)
        && add_counts(root, "confusion", r->confusion, r->classes * r->classes)
        && add_numbers(root, "reliability", r->reliability, r->bins * 3);
    if (good) text = cJSON_Print(root);
    cJSON_Delete(root);
    if (!text) return fprintf(stderr, "distill: out of memory\n"), false;
    good = write_text("distill", path, text);
    free(text);
    return good;
}

/* ---- reading ---- */

/* Anybody may have written the file: more than any run leaves behind is refused. */
enum { MOST_EPOCHS = 100000, MOST_CLASSES = 1000, MOST_BINS = 1000 };

static bool get_text(const cJSON *root, const char *key, char *out, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size) return false;
    strcpy(out, item->valuestring);
    return true;
}

static bool get_number(const cJSON *root, const char *key, double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!cJSON_IsNumber(item) && !cJSON_IsNull(item)) return false;
    *out = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return true;
}

static double *get_numbers(const cJSON *root, const char *key, int64_t *count)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(root, key), *item;
    if (!cJSON_IsArray(array)) return NULL;
    *count = cJSON_GetArraySize(array);
    double *values = malloc((size_t)(*count + 1) * sizeof *values);
    int64_t i = 0;
    cJSON_ArrayForEach(item, array)
        if (values) values[i++] = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return values;
}

/* A number as a count; false for one that is none. */
static bool to_count(double value, int64_t *out)
{
    if (!(value >= 0 && value <= 9007199254740992.0 && value == floor(value))) return false;
    *out = (int64_t)value;
    return true;
}

static bool read_arrays(run_record *r, const cJSON *root)
{
    int64_t history = 0, confusion = 0, reliability = 0;
    r->history = get_numbers(root, "history", &history);
    double *cells = get_numbers(root, "confusion", &confusion);
    r->reliability = get_numbers(root, "reliability", &reliability);
    r->confusion = calloc((size_t)confusion + 1, sizeof *r->confusion);
    bool good = r->history && cells && r->reliability && r->confusion;
    for (int64_t i = 0; good && i < confusion; i++) good = to_count(cells[i], &r->confusion[i]);
    free(cells);
    r->epochs = history / COLUMNS;
    r->bins = reliability / 3;
    r->classes = (int64_t)llround(sqrt((double)confusion));
    return good && r->epochs > 0 && r->epochs <= MOST_EPOCHS && r->epochs * COLUMNS == history && r->bins <= MOST_BINS
        && r->bins * 3 == reliability && r->classes <= MOST_CLASSES && r->classes * r->classes == confusion;
}

static bool read_fields(run_record *r, const cJSON *root)
{
    char seed[32], variant[32];
    double best_epoch;
    if (!get_text(root, "name", r->name, sizeof r->name) || !get_text(root, "net", r->net, sizeof r->net)
        || !get_text(root, "teacher", r->teacher, sizeof r->teacher)
        || !get_text(root, "settings", r->fingerprint, sizeof r->fingerprint) || !get_text(root, "seed", seed, sizeof seed)
        || !get_text(root, "variant", variant, sizeof variant) || !get_number(root, "teacher_accuracy", &r->teacher_accuracy)
        || !get_number(root, "seconds", &r->seconds) || !get_number(root, "best_accuracy", &r->best_accuracy)
        || !get_number(root, "best_epoch", &best_epoch))
        return false;
    r->seed = strtoull(seed, NULL, 10);
    if (!to_count(isnan(best_epoch) ? 0 : best_epoch, &r->best_epoch)) return false;
    for (r->variant = 0; r->variant < VARIANTS; r->variant++)
        if (!strcmp(variant, variant_names[r->variant])) return true;
    return false;
}

bool record_read(run_record *r, const char *path)
{
    *r = (run_record){0};
    char *text = read_text("distill", path);
    if (!text) return false;
    cJSON *root = cJSON_Parse(text);
    bool good = cJSON_IsObject(root) && read_fields(r, root) && read_arrays(r, root);
    if (!good) {
        fprintf(stderr, "distill: %s is no result of a run\n", path);
        record_free(r);
    }
    cJSON_Delete(root);
    free(text);
    return good;
}
