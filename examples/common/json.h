/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as JSON and back, for the records of the experiment drivers. JSON has no NaN: null stands for it.
 *
 * Anybody may have written what is read: wrong types, sizes and numbers give false.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool json_add_number(cJSON *object, const char *key, double value);
bool json_add_numbers(cJSON *object, const char *key, const double *values, int64_t count);
bool json_add_counts(cJSON *object, const char *key, const int64_t *values, int64_t count);

/* false when it is no text or does not fit. */
bool json_get_text(const cJSON *object, const char *key, char *out, size_t size);
bool json_get_number(const cJSON *object, const char *key, double *out);
/* malloc'ed; NULL when it is no list or memory runs out. */
double *json_get_numbers(const cJSON *object, const char *key, int64_t *out_count);

/* A number as a count; false for one that is none. */
bool to_count(double value, int64_t *out);

/* Prints and writes the object when `good`, and deletes it; false (explained). */
bool json_write(const char *program, cJSON *object, bool good, const char *path);

#endif
