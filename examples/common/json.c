/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as JSON and back, through cJSON (see json.h). */
#include "json.h"

#include "files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool json_add_number(cJSON *object, const char *key, double value)
{
    return isfinite(value) ? cJSON_AddNumberToObject(object, key, value) != NULL
                           : cJSON_AddNullToObject(object, key) != NULL;
}

bool json_add_numbers(cJSON *object, const char *key, const double *values, int64_t count)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (int64_t i = 0; array && i < count; i++) {
        cJSON *item = isfinite(values[i]) ? cJSON_CreateNumber(values[i]) : cJSON_CreateNull();
        if (!item || !cJSON_AddItemToArray(array, item)) return false;
    }
    return array != NULL;
}

bool json_add_counts(cJSON *object, const char *key, const int64_t *values, int64_t count)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (int64_t i = 0; array && i < count; i++) {
        cJSON *item = cJSON_CreateNumber((double)values[i]);
        if (!item || !cJSON_AddItemToArray(array, item)) return false;
    }
    return array != NULL;
}

bool json_get_text(const cJSON *object, const char *key, char *out, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsString(item) || strlen(item->valuestring) >= size) return false;
    strcpy(out, item->valuestring);
    return true;
}

bool json_get_number(const cJSON *object, const char *key, double *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) && !cJSON_IsNull(item)) return false;
    *out = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return true;
}

double *json_get_numbers(const cJSON *object, const char *key, int64_t *out_count)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, key), *item;
    if (!cJSON_IsArray(array)) return NULL;
    *out_count = cJSON_GetArraySize(array);
    double *values = malloc((size_t)(*out_count + 1) * sizeof *values);
    int64_t i = 0;
    cJSON_ArrayForEach(item, array)
        if (values) values[i++] = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return values;
}

bool to_count(double value, int64_t *out)
{
    if (!(value >= 0 && value <= 9007199254740992.0 && value == floor(value))) return false;
    *out = (int64_t)value;
    return true;
}

bool json_write(const char *program, cJSON *object, bool good, const char *path)
{
    char *text = good ? cJSON_Print(object) : NULL;
    cJSON_Delete(object);
    if (!text) return fprintf(stderr, "%s: out of memory\n", program), false;
    good = write_text(program, path, text);
    cJSON_free(text);
    return good;
}
