/* SPDX-License-Identifier: Apache-2.0 */
/* A set of named values. It belongs to no context, so its memory is the C library's. */
#include "core/options_private.h"

#include "core/format.h"
#include "core/options.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LIST 4096

kdst_status kdst_options_create(kdst_options **out)
{
    if (!out) return KDST_STATUS_INVALID_ARGUMENT;
    *out = calloc(1, sizeof **out);
    if (!*out) return KDST_STATUS_OUT_OF_MEMORY;
    atomic_init(&(*out)->references, 1);
    return KDST_STATUS_OK;
}

void kdst_options_retain(kdst_options *options)
{
    if (options) atomic_fetch_add(&options->references, 1);
}

void kdst_options_release(kdst_options *options)
{
    if (!options || atomic_fetch_sub(&options->references, 1) != 1) return;
    for (int64_t i = 0; i < options->count; i++)
        free(options->values[i].data);
    free(options->values);
    free(options);
}

const char *kdst_options_message(const kdst_options *options)
{
    return options ? options->message : "";
}

void kdst__options_set_message(kdst_options *options, const char *message)
{
    if (!options) return;
    size_t length = strlen(message);
    if (length >= sizeof options->message) length = sizeof options->message - 1;
    memmove(options->message, message, length);
    options->message[length] = '\0';
}

const kdst__value *kdst__options_find(const kdst_options *options, const char *name)
{
    for (int64_t i = 0; options && i < options->count; i++)
        if (!strcmp(options->values[i].name, name)) return &options->values[i];
    return NULL;
}

int kdst__options_has(const kdst_options *options, const char *name)
{
    return kdst__options_find(options, name) != NULL;
}

static kdst_status refuse(kdst_options *options, kdst_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static kdst_status refuse(kdst_options *options, kdst_status status, const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    kdst__format_list(message, sizeof message, format, arguments);
    va_end(arguments);
    kdst__options_set_message(options, message);
    return status;
}

/* Room for one more value; NULL when there is none. */
static kdst__value *append(kdst_options *options)
{
    if (options->count == options->capacity) {
        int64_t capacity = options->capacity ? 2 * options->capacity : 8;
        kdst__value *values = realloc(options->values, (size_t)capacity * sizeof *values);
        if (!values) return NULL;
        options->values = values;
        options->capacity = capacity;
    }
    return &options->values[options->count++];
}

static kdst_status check_name(kdst_options *options, const char *name)
{
    if (!options) return KDST_STATUS_INVALID_ARGUMENT;
    if (!name || !*name)
        return refuse(options, KDST_STATUS_INVALID_ARGUMENT, "options_set: name is %s", name ? "empty" : "NULL");
    if (strlen(name) < sizeof options->values->name) return KDST_STATUS_OK;
    return refuse(
        options, KDST_STATUS_INVALID_ARGUMENT, "options_set: name has %zu bytes, allowed are 1 to 63", strlen(name));
}

/* Stores `value` under `name`, with a copy of `bytes` bytes of data. */
static kdst_status put(kdst_options *options, const char *name, kdst__value value, const void *data, size_t bytes)
{
    kdst_status status = check_name(options, name);
    if (status) return status;
    strcpy(value.name, name);
    if (bytes) {
        value.data = malloc(bytes);
        if (!value.data) goto memory;
        memcpy(value.data, data, bytes);
    }
    kdst__value *place = (kdst__value *)kdst__options_find(options, name);
    if (place) {
        free(place->data);
    } else {
        place = append(options);
        if (!place) goto memory;
    }
    *place = value;
    options->message[0] = '\0';
    return KDST_STATUS_OK;
memory:
    free(value.data);
    return refuse(options, KDST_STATUS_OUT_OF_MEMORY, "options_set: out of memory");
}

kdst_status kdst_options_set_int(kdst_options *options, const char *name, int64_t value)
{
    return put(
        options, name, (kdst__value){.type = KDST_OPTION_INT, .whole = value, .number = (double)value, .count = 1},
        NULL, 0);
}

kdst_status kdst_options_set_float(kdst_options *options, const char *name, double value)
{
    return put(options, name, (kdst__value){.type = KDST_OPTION_FLOAT, .number = value, .count = 1}, NULL, 0);
}

kdst_status kdst_options_set_string(kdst_options *options, const char *name, const char *value)
{
    kdst_status status = check_name(options, name);
    if (status) return status;
    if (!value) return refuse(options, KDST_STATUS_INVALID_ARGUMENT, "options_set: value of %s is NULL", name);
    return put(options, name, (kdst__value){.type = KDST_OPTION_STRING}, value, strlen(value) + 1);
}

static kdst_status
put_list(kdst_options *options, const char *name, kdst_option_type type, const void *values, int64_t count)
{
    kdst_status status = check_name(options, name);
    if (status) return status;
    if (count < 0 || count > MAX_LIST)
        return refuse(
            options, KDST_STATUS_INVALID_ARGUMENT, "options_set: count of %s is %lld, allowed is 0 to %d", name,
            (long long)count, MAX_LIST);
    if (count && !values)
        return refuse(options, KDST_STATUS_INVALID_ARGUMENT, "options_set: values of %s are NULL", name);
    return put(options, name, (kdst__value){.type = type, .count = count}, values, (size_t)count * sizeof(int64_t));
}

kdst_status kdst_options_set_ints(kdst_options *options, const char *name, const int64_t *values, int64_t count)
{
    return put_list(options, name, KDST_OPTION_INTS, values, count);
}

kdst_status kdst_options_set_floats(kdst_options *options, const char *name, const double *values, int64_t count)
{
    _Static_assert(sizeof(double) == sizeof(int64_t), "both lists are copied with one element size");
    return put_list(options, name, KDST_OPTION_FLOATS, values, count);
}
