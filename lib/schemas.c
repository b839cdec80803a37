/* SPDX-License-Identifier: Apache-2.0 */
/* Every option schema by name: what bindings and documentation are generated from. The list is schemas.def. */
#include "core/options_text.h"

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

/* NULL when there is no schema of that name. */
static const kdst__schema *find(const char *name)
{
    for (int32_t i = 0; i < KDST__COUNT(schemas); i++)
        if (!strcmp(schemas[i]->name, name)) return schemas[i];
    return NULL;
}

static const kdst__option *find_option(const char *name, int64_t index)
{
    const kdst__schema *schema = find(name);
    return schema && index >= 0 && index < schema->count ? &schema->options[index] : NULL;
}

static int is_numeric(const kdst__option *option)
{
    return option->type != KDST_OPTION_CHOICE && option->type != KDST_OPTION_STRING;
}

kdst_status kdst_schema_get(
    const char *schema, int64_t index, const char **out_name, kdst_option_type *out_type, const char **out_default,
    double *out_min, double *out_max, const char **out_choices, const char **out_help)
{
    const kdst__option *option = schema ? find_option(schema, index) : NULL;
    if (out_name) *out_name = option ? option->name : NULL;
    if (out_type) *out_type = option ? option->type : 0;
    if (out_default) *out_default = option ? option->text : NULL;
    if (out_min) *out_min = option && is_numeric(option) ? option->min : -INFINITY;
    if (out_max) *out_max = option && is_numeric(option) ? option->max : INFINITY;
    if (out_choices) *out_choices = option ? option->choices : NULL;
    if (out_help) *out_help = option ? option->help : NULL;
    if (!schema) return KDST_STATUS_INVALID_ARGUMENT;
    return option ? KDST_STATUS_OK : KDST_STATUS_NOT_FOUND;
}

kdst_status kdst_schema_get_limits(
    const char *schema, int64_t index, int32_t *out_min_allowed, int32_t *out_max_allowed, int64_t *out_count)
{
    const kdst__option *option = schema ? find_option(schema, index) : NULL;
    int numeric = option && is_numeric(option);
    if (out_min_allowed) *out_min_allowed = numeric && kdst__option_allows(option, option->min);
    if (out_max_allowed) *out_max_allowed = numeric && kdst__option_allows(option, option->max);
    if (out_count) *out_count = option ? option->count : 0;
    if (!schema) return KDST_STATUS_INVALID_ARGUMENT;
    return option ? KDST_STATUS_OK : KDST_STATUS_NOT_FOUND;
}

kdst_status kdst_schema_get_preset(
    const char *schema, int64_t index, const char **out_preset, const char **out_option, const char **out_value)
{
    const kdst__schema *s = schema ? find(schema) : NULL;
    const kdst__preset *preset = s && index >= 0 && index < s->preset_count ? &s->presets[index] : NULL;
    if (out_preset) *out_preset = preset ? preset->preset : NULL;
    if (out_option) *out_option = preset ? preset->option : NULL;
    if (out_value) *out_value = preset ? preset->value : NULL;
    if (!schema) return KDST_STATUS_INVALID_ARGUMENT;
    return preset ? KDST_STATUS_OK : KDST_STATUS_NOT_FOUND;
}
