/* SPDX-License-Identifier: Apache-2.0 */
/* Prints every option schema of the library as JSON: an object of arrays, one entry an option. */
#include <kdst/options.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const types[] = {"", "int", "float", "choice", "string", "ints", "floats"};

static void print_text(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20) printf("\\u%04x", *c);
        else putchar(*c);
    }
    putchar('"');
}

/* JSON has no infinity: no bound is null. */
static void print_bound(const char *key, double value)
{
    if (isfinite(value)) printf(", \"%s\": %.17g", key, value);
    else printf(", \"%s\": null", key);
}

/* The values that presets give the option instead of its default. */
static void print_presets(const char *schema, const char *name)
{
    const char *preset, *option, *value;
    int printed = 0;
    printf(", \"presets\": {");
    for (int64_t i = 0; kdst_schema_get_preset(schema, i, &preset, &option, &value) == KDST_STATUS_OK; i++) {
        if (strcmp(option, name)) continue;
        printf("%s", printed++ ? ", " : "");
        print_text(preset);
        printf(": ");
        print_text(value);
    }
    printf("}");
}

static int print_schema(const char *schema)
{
    const char *name, *fallback, *choices, *help;
    kdst_option_type type;
    double min, max;
    int32_t low, high;
    int64_t i = 0, count;
    while (kdst_schema_get(schema, i, &name, &type, &fallback, &min, &max, &choices, &help) == KDST_STATUS_OK) {
        if (type < 1 || type > 6 || kdst_schema_get_limits(schema, i, &low, &high, &count)) return 0;
        printf("%s\n  {\"name\": ", i++ ? "," : "");
        print_text(name);
        printf(", \"type\": \"%s\", \"default\": ", types[type]);
        print_text(fallback ? fallback : "");
        print_bound("min", min);
        print_bound("max", max);
        printf(", \"min_allowed\": %s, \"max_allowed\": %s", low ? "true" : "false", high ? "true" : "false");
        printf(", \"count\": %lld", (long long)count);
        printf(", \"choices\": ");
        print_text(choices ? choices : "");
        print_presets(schema, name);
        printf(", \"help\": ");
        print_text(help ? help : "");
        printf("}");
    }
    return 1;
}

int main(void)
{
    int64_t count = kdst_schema_count();
    printf("{");
    for (int64_t i = 0; i < count; i++) {
        const char *schema = kdst_schema_get_name(i);
        printf("%s\n ", i ? "," : "");
        print_text(schema);
        printf(": [");
        if (!print_schema(schema)) return 1;
        printf("]");
    }
    printf("\n}\n");
    return fflush(stdout) || ferror(stdout);
}
