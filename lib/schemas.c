/* SPDX-License-Identifier: Apache-2.0 */
/* Every option schema by name: what bindings and documentation are generated from. The list is schemas.def. */
#include "core/options.h"

#include <string.h>

#define SCHEMA(name) extern const kdst__schema kdst__schema_##name;
#include "schemas.def"
#undef SCHEMA

static const kdst__schema *const schemas[] = {
#define SCHEMA(name) &kdst__schema_##name,
#include "schemas.def"
#undef SCHEMA
};

int64_t kdst_schema_count(void)
{
    return KDST__COUNT(schemas);
}

const char *kdst_schema_get_name(int64_t index)
{
    return index >= 0 && index < KDST__COUNT(schemas) ? schemas[index]->name : NULL;
}

kdst_status kdst_schema_get(
    const char *schema, int64_t index, const char **out_name, kdst_option_type *out_type, const char **out_default,
    double *out_min, double *out_max, const char **out_choices, const char **out_help)
{
    if (out_name) *out_name = NULL;
    if (out_type) *out_type = 0;
    if (out_default) *out_default = NULL;
    if (out_min) *out_min = -INFINITY;
    if (out_max) *out_max = INFINITY;
    if (out_choices) *out_choices = NULL;
    if (out_help) *out_help = NULL;
    if (!schema) return KDST_STATUS_INVALID_ARGUMENT;
    for (int32_t i = 0; i < KDST__COUNT(schemas); i++) {
        if (strcmp(schemas[i]->name, schema)) continue;
        if (index < 0 || index >= schemas[i]->count) return KDST_STATUS_NOT_FOUND;
        const kdst__option *option = &schemas[i]->options[index];
        int numeric = option->type != KDST_OPTION_CHOICE && option->type != KDST_OPTION_STRING;
        if (out_name) *out_name = option->name;
        if (out_type) *out_type = option->type;
        if (out_default) *out_default = option->text;
        if (out_min && numeric) *out_min = option->min;
        if (out_max && numeric) *out_max = option->max;
        if (out_choices) *out_choices = option->choices;
        if (out_help) *out_help = option->help;
        return KDST_STATUS_OK;
    }
    return KDST_STATUS_NOT_FOUND;
}
