/* SPDX-License-Identifier: Apache-2.0 */
/* result.json of a run: written and read back through cJSON (see record.h). */
#include "record.h"

#include "../common/files.h"
#include "../common/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void describe_run(const settings *s, const char *name, int rule, uint64_t seed, run_record *r)
{
    *r = (run_record){.rule = rule, .seed = seed};
    snprintf(r->name, sizeof r->name, "%s", name);
    settings_fingerprint(s, rule, r->fingerprint, sizeof r->fingerprint);
}

double record_last(const run_record *r, int column)
{
    return r->epochs > 0 ? r->history[(r->epochs - 1) * COLUMNS + column] : NAN;
}

void record_free(run_record *r)
{
    free(r->history);
    free(r->confusion);
    *r = (run_record){0};
}

static bool add_layers(cJSON *root, const run_record *r)
{
    cJSON *layers = cJSON_AddArrayToObject(root, "layers");
    bool good = layers != NULL;
    for (int i = 0; good && i < r->layer_count; i++) {
        const layer_activity *l = &r->layers[i];
        cJSON *item = cJSON_CreateObject();
        good = item && cJSON_AddItemToArray(layers, item) && cJSON_AddStringToObject(item, "name", l->name) &&
            json_add_number(item, "neurons", (double)l->neurons) && json_add_number(item, "rate", l->rate) &&
            json_add_number(item, "silent", l->silent) && json_add_number(item, "dead", l->dead);
    }
    return good;
}

bool record_write(const run_record *r, const char *path)
{
    cJSON *root = cJSON_CreateObject();
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    bool good = root && cJSON_AddStringToObject(root, "name", r->name) &&
        cJSON_AddStringToObject(root, "rule", rule_names[r->rule]) &&
        cJSON_AddStringToObject(root, "settings", r->fingerprint) && cJSON_AddStringToObject(root, "seed", seed) &&
        json_add_number(root, "seconds", r->seconds) && json_add_number(root, "best_accuracy", r->best_accuracy) &&
        json_add_number(root, "best_epoch", (double)r->best_epoch) &&
        json_add_numbers(root, "history", r->history, r->epochs * COLUMNS) &&
        json_add_counts(root, "confusion", r->confusion, r->classes * r->classes) &&
        json_add_number(root, "images", (double)r->images) && add_layers(root, r);
    return json_write("spiking", root, good, path);
}

/* ---- reading ---- */

/* Anybody may have written the file: more than any run leaves behind is refused. */
enum { MOST_EPOCHS = 100000, MOST_CLASSES = 1000 };

static bool read_arrays(run_record *r, const cJSON *root)
{
    int64_t history = 0, confusion = 0;
    r->history = json_get_numbers(root, "history", &history);
    double *cells = json_get_numbers(root, "confusion", &confusion);
    r->confusion = calloc((size_t)confusion + 1, sizeof *r->confusion);
    bool good = r->history && cells && r->confusion;
    for (int64_t i = 0; good && i < confusion; i++)
        good = to_count(cells[i], &r->confusion[i]);
    free(cells);
    r->epochs = history / COLUMNS;
    r->classes = (int64_t)llround(sqrt((double)confusion));
    return good && r->epochs > 0 && r->epochs <= MOST_EPOCHS && r->epochs * COLUMNS == history &&
        r->classes <= MOST_CLASSES && r->classes * r->classes == confusion;
}

static bool read_layers(run_record *r, const cJSON *root)
{
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(root, "layers"), *item;
    if (!cJSON_IsArray(layers)) return false;
    cJSON_ArrayForEach(item, layers)
    {
        double neurons;
        if (r->layer_count == MAX_LAYERS) return false;
        layer_activity *l = &r->layers[r->layer_count++];
        if (!json_get_text(item, "name", l->name, sizeof l->name) || !json_get_number(item, "neurons", &neurons) ||
            !to_count(neurons, &l->neurons) || !json_get_number(item, "rate", &l->rate) ||
            !json_get_number(item, "silent", &l->silent) || !json_get_number(item, "dead", &l->dead))
            return false;
    }
    return true;
}

static bool read_fields(run_record *r, const cJSON *root)
{
    char seed[32], rule[32];
    double best_epoch, images;
    if (!json_get_text(root, "name", r->name, sizeof r->name) || !json_get_text(root, "rule", rule, sizeof rule) ||
        !json_get_text(root, "settings", r->fingerprint, sizeof r->fingerprint) ||
        !json_get_text(root, "seed", seed, sizeof seed) || !json_get_number(root, "seconds", &r->seconds) ||
        !json_get_number(root, "best_accuracy", &r->best_accuracy) ||
        !json_get_number(root, "best_epoch", &best_epoch) || !json_get_number(root, "images", &images))
        return false;
    r->seed = strtoull(seed, NULL, 10);
    if (!to_count(isnan(best_epoch) ? 0 : best_epoch, &r->best_epoch) || !to_count(images, &r->images)) return false;
    for (r->rule = 0; r->rule < RULES; r->rule++)
        if (!strcmp(rule, rule_names[r->rule])) return true;
    return false;
}

bool record_read(run_record *r, const char *path)
{
    *r = (run_record){0};
    char *text = read_text("spiking", path);
    if (!text) return false;
    cJSON *root = cJSON_Parse(text);
    bool good = cJSON_IsObject(root) && read_fields(r, root) && read_arrays(r, root) && read_layers(r, root);
    if (!good) {
        fprintf(stderr, "spiking: %s is no result of a run\n", path);
        record_free(r);
    }
    cJSON_Delete(root);
    free(text);
    return good;
}
