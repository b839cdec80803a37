/* SPDX-License-Identifier: Apache-2.0 */
/* result.json of a run: written and read back through cJSON (see record.h). */
#include "record.h"

#include "../common/files.h"
#include "../common/json.h"
#include "settings.h"

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

bool record_write(const run_record *r, const char *path)
{
    cJSON *root = cJSON_CreateObject();
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    bool good = root && cJSON_AddStringToObject(root, "name", r->name) && cJSON_AddStringToObject(root, "net", r->net)
        && cJSON_AddStringToObject(root, "variant", variant_names[r->variant])
        && cJSON_AddStringToObject(root, "teacher", r->teacher) && cJSON_AddStringToObject(root, "settings", r->fingerprint)
        && cJSON_AddStringToObject(root, "seed", seed) && json_add_number(root, "teacher_accuracy", r->teacher_accuracy)
        && json_add_number(root, "seconds", r->seconds) && json_add_number(root, "best_accuracy", r->best_accuracy)
        && json_add_number(root, "best_epoch", (double)r->best_epoch)
        && json_add_numbers(root, "history", r->history, r->epochs * COLUMNS)
        && json_add_counts(root, "confusion", r->confusion, r->classes * r->classes)
        && json_add_numbers(root, "reliability", r->reliability, r->bins * 3);
    return json_write("distill", root, good, path);
}

/* ---- reading ---- */

/* Anybody may have written the file: more than any run leaves behind is refused. */
enum { MOST_EPOCHS = 100000, MOST_CLASSES = 1000, MOST_BINS = 1000 };

static bool read_arrays(run_record *r, const cJSON *root)
{
    int64_t history = 0, confusion = 0, reliability = 0;
    r->history = json_get_numbers(root, "history", &history);
    double *cells = json_get_numbers(root, "confusion", &confusion);
    r->reliability = json_get_numbers(root, "reliability", &reliability);
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
    if (!json_get_text(root, "name", r->name, sizeof r->name) || !json_get_text(root, "net", r->net, sizeof r->net)
        || !json_get_text(root, "teacher", r->teacher, sizeof r->teacher)
        || !json_get_text(root, "settings", r->fingerprint, sizeof r->fingerprint) || !json_get_text(root, "seed", seed, sizeof seed)
        || !json_get_text(root, "variant", variant, sizeof variant) || !json_get_number(root, "teacher_accuracy", &r->teacher_accuracy)
        || !json_get_number(root, "seconds", &r->seconds) || !json_get_number(root, "best_accuracy", &r->best_accuracy)
        || !json_get_number(root, "best_epoch", &best_epoch))
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
