/* SPDX-License-Identifier: Apache-2.0 */
/* Reading manifests: objects whose every member must be asked for, and the arrays that they name. */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MEMBERS 64

/* ---- the file ---- */

static char *read_file(verdict *v, const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    char *text = NULL;
    if (!file) {
        problem(v, "%s cannot be opened", path);
        return NULL;
    }
    if (!fseek(file, 0, SEEK_END)) size = ftell(file);
    if (size >= 0 && !fseek(file, 0, SEEK_SET)) text = calloc((size_t)size + 1, 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size || strlen(text) != (size_t)size) {
        problem(v, "%s cannot be read, or is no text", path);
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

cJSON *manifest_read(verdict *v, const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/manifest.json", directory);
    char *text = read_file(v, path);
    if (!text) return NULL;
    cJSON *manifest = cJSON_ParseWithOpts(text, NULL, true);
    free(text);
    if (manifest && cJSON_IsObject(manifest)) return manifest;
    problem(v, "%s is no JSON object", path);
    cJSON_Delete(manifest);
    return NULL;
}

/* ---- objects ---- */

void fields_open(fields *f, verdict *v, const cJSON *object, const char *name)
{
    *f = (fields){v, object, name, 0};
    if (!cJSON_IsObject(object)) {
        problem(v, "%s is missing or no object", name);
        f->object = NULL;
    } else if (cJSON_GetArraySize(object) > MAX_MEMBERS) {
        problem(v, "%s has more than %d members", name, MAX_MEMBERS);
        f->object = NULL;
    }
}

const cJSON *fields_find(fields *f, const char *name)
{
    const cJSON *item;
    int i = 0;
    if (!f->object) return NULL;
    cJSON_ArrayForEach(item, f->object)
    {
        if (!strcmp(item->string, name)) {
            f->seen |= UINT64_C(1) << i;
            return item;
        }
        i++;
    }
    return NULL;
}

const cJSON *fields_get(fields *f, const char *name)
{
    const cJSON *item = fields_find(f, name);
    if (!item) problem(f->v, "%s: field \"%s\" is missing", f->name, name);
    return item;
}

static double number_of(const fields *f, const cJSON *item, const char *name)
{
    if (cJSON_IsNumber(item) && isfinite(item->valuedouble)) return item->valuedouble;
    problem(f->v, "%s: field \"%s\" is no finite number", f->name, name);
    return 0;
}

double fields_number(fields *f, const char *name)
{
    const cJSON *item = fields_get(f, name);
    return number_of(f, item, name);
}

double fields_number_or(fields *f, const char *name, double standard)
{
    const cJSON *item = fields_find(f, name);
    return item ? number_of(f, item, name) : standard;
}

int64_t fields_whole(fields *f, const char *name)
{
    double number = fields_number(f, name);
    if (number >= 0 && number <= 9007199254740992.0 && number == floor(number)) return (int64_t)number;
    problem(f->v, "%s: field \"%s\" is no whole number", f->name, name);
    return 0;
}

bool fields_flag_or(fields *f, const char *name, bool standard)
{
    const cJSON *item = fields_find(f, name);
    if (!item) return standard;
    if (!cJSON_IsBool(item)) problem(f->v, "%s: field \"%s\" is neither true nor false", f->name, name);
    return cJSON_IsTrue(item);
}

static const char *text_of(const fields *f, const cJSON *item, const char *name)
{
    if (cJSON_IsString(item)) return item->valuestring;
    problem(f->v, "%s: field \"%s\" is no text", f->name, name);
    return "";
}

const char *fields_text(fields *f, const char *name)
{
    const cJSON *item = fields_get(f, name);
    return text_of(f, item, name);
}

const char *fields_text_or(fields *f, const char *name, const char *standard)
{
    const cJSON *item = fields_find(f, name);
    return item ? text_of(f, item, name) : standard;
}

void fields_inform(fields *f, const char *name)
{
    fields_find(f, name);
}

void fields_close(const fields *f)
{
    const cJSON *item;
    int i = 0;
    if (!f->object) return;
    cJSON_ArrayForEach(item, f->object)
    {
        if (!(f->seen >> i & 1)) problem(f->v, "%s: field \"%s\" is unknown here", f->name, item->string);
        i++;
    }
}

tolerance fields_tolerance(fields *f)
{
    tolerance t = {.rtol = fields_number(f, "rtol"), .atol = fields_number(f, "atol")};
    if (t.rtol < 0 || t.atol < 0) problem(f->v, "%s: a tolerance is negative", f->name);
    return t;
}

tolerance fields_tolerance_of(fields *f, const char *name, const char *against)
{
    fields t;
    fields_open(&t, f->v, fields_get(f, name), name);
    tolerance read = fields_tolerance(&t);
    if (against && strcmp(fields_text(&t, "against"), against)) problem(f->v, "%s: \"against\" is unknown", name);
    fields_close(&t);
    return read;
}

int64_t read_shape(verdict *v, const cJSON *list, const char *name, int64_t *shape)
{
    const cJSON *item;
    int64_t rank = 0;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > MAX_RANK) {
        problem(v, "%s: the shape is no list of at most %d numbers", name, MAX_RANK);
        return -1;
    }
    cJSON_ArrayForEach(item, list)
    {
        double size = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(size >= 0 && size <= 1e15 && size == floor(size))) {
            problem(v, "%s: the shape holds something else than whole numbers", name);
            return -1;
        }
        shape[rank++] = (int64_t)size;
    }
    return rank;
}

/* ---- arrays ---- */

static void describe(const kdst_tensor *t, char *text, size_t bytes)
{
    size_t used = (size_t)snprintf(text, bytes, "%s [", kdst_dtype_get_name(kdst_tensor_get_dtype(t)));
    for (int64_t i = 0; i < kdst_tensor_get_rank(t) && used < bytes; i++)
        used +=
            (size_t)snprintf(text + used, bytes - used, "%s%lld", i ? ", " : "", (long long)kdst_tensor_get_size(t, i));
    if (used < bytes) snprintf(text + used, bytes - used, "]");
}

static bool fits(const kdst_tensor *t, kdst_dtype dtype, int64_t rank, const int64_t *shape)
{
    if (dtype && kdst_tensor_get_dtype(t) != dtype) return false;
    if (rank >= 0 && kdst_tensor_get_rank(t) != rank) return false;
    for (int64_t i = 0; i < rank; i++)
        if (shape[i] != ANY_SIZE && kdst_tensor_get_size(t, i) != shape[i]) return false;
    return true;
}

/* The elements as doubles. */
static bool widen(run *r, verdict *v, const char *name, array *a)
{
    kdst_tensor *wide = NULL;
    a->count = kdst_tensor_get_count(a->tensor);
    a->dtype = kdst_tensor_get_dtype(a->tensor);
    a->rank = kdst_tensor_get_rank(a->tensor);
    for (int64_t i = 0; i < a->rank; i++)
        a->shape[i] = kdst_tensor_get_size(a->tensor, i);
    a->values = malloc((size_t)a->count * sizeof *a->values + 1);
    if (!a->values) problem(v, "%s: out of memory", name);
    bool done = a->values && check(v, r->ctx, kdst_tensor_copy(a->tensor, KDST_DTYPE_FLOAT64, &wide), name) &&
        check(v, r->ctx, kdst_tensor_get_data(wide, a->values, a->count * 8), name);
    kdst_tensor_release(wide);
    return done;
}

bool array_load(
    run *r, verdict *v, const char *file, const char *name, kdst_dtype dtype, int64_t rank, const int64_t *shape,
    array *a)
{
    char path[4096], found[160];
    size_t length = strlen(file);
    *a = (array){0};
    if (length < 5 || strcmp(file + length - 4, ".npy")) {
        problem(v, "%s: \"%.200s\" is no name of an npy file", name, file);
        return false;
    }
    snprintf(path, sizeof path, "%s/%s", r->directory, file);
    if (!check(v, r->ctx, kdst_npy_load(r->ctx, path, NULL, &a->tensor), name)) return false;
    if (fits(a->tensor, dtype, rank, shape) && widen(r, v, name, a)) return true;
    describe(a->tensor, found, sizeof found);
    problem(v, "%s: %s holds %s, which is not what belongs here", name, file, found);
    array_free(a);
    return false;
}

static kdst_dtype dtype_of(const char *name)
{
    static const kdst_dtype types[] = {
        KDST_DTYPE_FLOAT32, KDST_DTYPE_FLOAT64, KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(name, kdst_dtype_get_name(types[i]))) return types[i];
    return 0;
}

bool array_open(run *r, fields *reference, array *a)
{
    int64_t shape[MAX_RANK];
    const char *file = fields_text(reference, "file");
    kdst_dtype dtype = dtype_of(fields_text(reference, "dtype"));
    int64_t rank = read_shape(reference->v, fields_get(reference, "shape"), reference->name, shape);
    *a = (array){0};
    if (!dtype) problem(reference->v, "%s: the dtype is unknown", reference->name);
    if (!dtype || rank < 0) return false;
    return array_load(r, reference->v, file, reference->name, dtype, rank, shape, a);
}

bool array_get(run *r, fields *f, const char *name, kdst_dtype dtype, int64_t rank, const int64_t *shape, array *a)
{
    const cJSON *item = fields_get(f, name);
    char where[256], found[160];
    fields reference;
    *a = (array){0};
    if (!item) return false;
    snprintf(where, sizeof where, "%s.%s", f->name, name);
    if (cJSON_IsString(item)) return array_load(r, f->v, item->valuestring, where, dtype, rank, shape, a);
    fields_open(&reference, f->v, item, where);
    bool loaded = array_open(r, &reference, a);
    fields_close(&reference);
    if (!loaded || fits(a->tensor, dtype, rank, shape)) return loaded;
    describe(a->tensor, found, sizeof found);
    problem(f->v, "%s is %s, which is not what belongs here", where, found);
    array_free(a);
    return false;
}

void array_free(array *a)
{
    kdst_tensor_release(a->tensor);
    free(a->values);
    *a = (array){0};
}
