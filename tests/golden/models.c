/* SPDX-License-Identifier: Apache-2.0 */
/* System "models": networks by name, with parameters made by an integer rule, in float32 and in float64.
 *
 * No weight is stored: models_rule.c makes them, and sums over them stand in the manifest. Logits in both modes, the loss,
 * running statistics after one training pass and gradients are compared, the float32 path by each expectation's rtol
 * and atol, the float64 path by tolerance_f64. Dropout is off.
 */
#include "models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entry i of the manifest's state must be entry i of the model's, by name and shape; fills it. */
static void fill_entry(model_case *c, kdst_layer *model, int64_t i, const cJSON *item, uint32_t *crc)
{
    const char *name = NULL;
    kdst_tensor *tensor = NULL;
    int64_t shape[MAX_RANK];
    double fan_in = 1;
    fields f;
    fields_open(&f, c->v, item, "state");
    const char *expected = fields_text(&f, "name"), *rule = fields_text(&f, "rule");
    int64_t rank = read_shape(c->v, fields_get(&f, "shape"), expected, shape);
    bool counter = !strcmp(rule, "count");
    int64_t t = counter ? 0 : fields_whole(&f, "t");
    fields_close(&f);
    if (!sound(c->v) || !check(c->v, c->r->ctx, kdst_layer_get_state(model, i, &name, &tensor, NULL), "state")) return;
    if (strcmp(name, expected)) problem(c->v, "state %lld is %s, expected %s", (long long)i, name, expected);
    bool alike = kdst_tensor_get_rank(tensor) == rank;
    for (int64_t axis = 0; alike && axis < rank; axis++) {
        alike = kdst_tensor_get_size(tensor, axis) == shape[axis];
        if (axis) fan_in *= (double)shape[axis];
    }
    if (!alike) problem(c->v, "%s has another shape than expected", name);
    if (!sound(c->v)) return;
    if (counter)
        check(c->v, c->r->ctx, kdst_tensor_set_value(tensor, 0), name);
    else
        model_fill(c, rule, (uint32_t)t, fan_in, tensor, crc);
}

/* Options of a network: those of its kind of input and output, and no dropout. */
static kdst_options *model_options(const model_case *c, kdst_dtype dtype)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (!status) status = kdst_options_set_string(options, "dtype", kdst_dtype_get_name(dtype));
    if (!status) status = kdst_options_set_float(options, "dropout", 0);
    if (c->listed) {
        if (!status) status = kdst_options_set_ints(options, "tasks", c->classes, c->tasks);
    } else {
        if (!status) status = kdst_options_set_int(options, "classes", c->classes[0]);
    }
    if (c->vocabulary > 0) {
        if (!status) status = kdst_options_set_int(options, "vocabulary", c->vocabulary);
    } else {
        if (!status) status = kdst_options_set_int(options, "channels", c->input_shape[1]);
        if (!status && !c->listed) status = kdst_options_set_int(options, "image_size", c->input_shape[2]);
    }
    if (!status) return options;
    kdst_options_release(options);
    return NULL;
}

static kdst_layer *make_model(model_case *c, kdst_dtype dtype)
{
    kdst_options *options = NULL;
    kdst_layer *model = NULL;
    const cJSON *item;
    uint32_t crc = 0;
    int64_t i = 0;
    if (!(options = model_options(c, dtype)))
        problem(c->v, "out of memory");
    else
        check(c->v, c->r->ctx, kdst_model_create(c->r->ctx, c->name, options, &model), "model");
    kdst_options_release(options);
    if (!model) return NULL;
    if (kdst_layer_get_state_count(model) != cJSON_GetArraySize(c->state))
        problem(
            c->v, "the model's state has %lld entries, the manifest %d", (long long)kdst_layer_get_state_count(model),
            cJSON_GetArraySize(c->state));
    if (kdst_layer_get_parameter_count(model) != c->parameter_count)
        problem(
            c->v, "trainable_parameters: got %lld want %lld", (long long)kdst_layer_get_parameter_count(model),
            (long long)c->parameter_count);
    cJSON_ArrayForEach(item, c->state)
    {
        if (sound(c->v)) fill_entry(c, model, i++, item, &crc);
    }
    if (crc != c->weights_crc) problem(c->v, "weights_crc32: got %08lx want %08lx", (unsigned long)crc, c->weights_crc);
    return model;
}

/* ---- comparisons ---- */

/* Opens an expectation and gives its tolerance on this path. */
static bool want_open(model_case *c, fields *all, const char *name, kdst_dtype dtype, array *a, tolerance *t)
{
    fields f;
    fields_open(&f, c->v, fields_get(all, name), name);
    bool loaded = array_open(c->r, &f, a);
    *t = fields_tolerance(&f);
    if (dtype == KDST_DTYPE_FLOAT64) *t = a->dtype == KDST_DTYPE_FLOAT32 ? c->wide_grad : c->wide;
    fields_inform(&f, "measured_float32");
    fields_inform(&f, "measured_noise");
    fields_close(&f);
    return loaded;
}

static void compare(model_case *c, fields *all, const char *name, kdst_tensor *got)
{
    array a;
    tolerance t;
    char text[128];
    kdst_dtype dtype = kdst_tensor_get_dtype(got);
    snprintf(text, sizeof text, "%s (%s)", name, kdst_dtype_get_name(dtype));
    if (want_open(c, all, name, dtype, &a, &t))
        compare_tensor(c->v, c->r->ctx, text, t, a.rank, a.shape, got, a.values);
    array_free(&a);
}

static void compare_loss(model_case *c, fields *all, kdst_tensor *loss)
{
    const int64_t one = 1;
    kdst_tensor *row = NULL;
    if (check(c->v, c->r->ctx, kdst_reshape(loss, 1, &one, &row), "loss_train")) compare(c, all, "loss_train", row);
    kdst_tensor_release(row);
}

static void compare_statistics(model_case *c, fields *all, kdst_layer *model, const char *which, const char *layer)
{
    static const char *const parts[] = {"running_mean", "running_var"};
    for (int i = 0; i < 2; i++) {
        char entry[256], name[64];
        kdst_tensor *statistics = NULL;
        snprintf(entry, sizeof entry, "%s.%s", layer, parts[i]);
        snprintf(name, sizeof name, "%s.%s", which, parts[i]);
        if (check(c->v, c->r->ctx, kdst_layer_find(model, entry, &statistics), name)) compare(c, all, name, statistics);
    }
}

/* NULL where none has reached the parameter, which is a gradient of 0. */
static kdst_tensor *grad_of(model_case *c, kdst_layer *model, const char *name)
{
    kdst_tensor *parameter = NULL, *grad = NULL;
    kdst_status status = KDST_STATUS_OK;
    if (check(c->v, c->r->ctx, kdst_layer_find(model, name, &parameter), "gradient of a parameter"))
        status = kdst_tensor_get_grad(parameter, &grad);
    if (status != KDST_STATUS_NOT_FOUND) check(c->v, c->r->ctx, status, name);
    return grad;
}

static double norm_of(model_case *c, kdst_tensor *grad)
{
    kdst_tensor *wide = NULL;
    void *map = NULL;
    double sum = 0;
    if (grad && check(c->v, c->r->ctx, kdst_tensor_copy(grad, KDST_DTYPE_FLOAT64, &wide), "norm") &&
        check(c->v, c->r->ctx, kdst_tensor_map(wide, KDST_MAP_READ, &map), "norm")) {
        for (int64_t i = 0; i < kdst_tensor_get_count(wide); i++)
            sum += ((const double *)map)[i] * ((const double *)map)[i];
        check(c->v, c->r->ctx, kdst_tensor_unmap(wide), "norm");
    }
    kdst_tensor_release(wide);
    return sqrt(sum);
}

static void compare_gradients(model_case *c, fields *all, kdst_layer *model, kdst_dtype dtype)
{
    const char *names[] = {"grad_first", "grad_last"}, *parameters[] = {c->first, c->last};
    const cJSON *item;
    array a;
    tolerance t;
    int64_t count = cJSON_GetArraySize(c->parameters), i = 0;
    double *norms = calloc((size_t)count + 1, sizeof *norms);
    if (!norms) problem(c->v, "out of memory");
    cJSON_ArrayForEach(item, c->parameters)
    {
        kdst_tensor *grad = sound(c->v) ? grad_of(c, model, cJSON_IsString(item) ? item->valuestring : "") : NULL;
        if (norms) norms[i++] = norm_of(c, grad);
        kdst_tensor_release(grad);
    }
    bool loaded = want_open(c, all, "grad_norms", dtype, &a, &t);
    if (loaded && (a.rank != 1 || a.shape[0] != count)) problem(c->v, "grad_norms: %lld parameters", (long long)count);
    if (loaded && sound(c->v))
        compare_values(
            c->v, dtype == KDST_DTYPE_FLOAT32 ? "grad_norms (float32)" : "grad_norms (float64)", t, 1, a.shape, norms,
            a.values);
    array_free(&a);
    free(norms);
    for (int k = 0; sound(c->v) && k < 2; k++) {
        kdst_tensor *grad = grad_of(c, model, parameters[k]);
        if (grad)
            compare(c, all, names[k], grad);
        else
            problem(c->v, "%s: %s has no gradient", names[k], parameters[k]);
        kdst_tensor_release(grad);
    }
}

/* The outputs of a run, each by its name. */
static void compare_outputs(model_case *c, fields *all, const char *which, kdst_tensor *const *logits)
{
    char name[64];
    for (int64_t t = 0; t < c->tasks; t++) {
        snprintf(name, sizeof name, c->listed ? "%s.%d" : "%s", which, (int)t);
        compare(c, all, name, logits[t]);
    }
}

/* ---- one path ---- */

typedef struct inputs {
    kdst_tensor *tensors[MODEL_INPUTS];
    int64_t count;
} inputs;

/* Runs the network in a mode; `logits` [tasks] are the caller's. */
static bool run_mode(model_case *c, kdst_layer *model, const inputs *in, int32_t training, kdst_tensor **logits)
{
    const char *what = training ? "train" : "eval";
    int64_t count = 0;
    if (!check(c->v, c->r->ctx, kdst_layer_set_training(model, training), what) ||
        !check(c->v, c->r->ctx, kdst_layer_run_many(model, in->tensors, in->count, logits, MODEL_TASKS, &count), what))
        return false;
    if (count != c->tasks) problem(c->v, "%s: got %lld outputs want %lld", what, (long long)count, (long long)c->tasks);
    return count == c->tasks;
}

static void release_all(kdst_tensor **tensors, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        kdst_tensor_release(tensors[i]);
}

static void run_eval(model_case *c, fields *all, kdst_layer *model, const inputs *in)
{
    kdst_tensor *logits[MODEL_TASKS] = {NULL};
    if (!check(c->v, c->r->ctx, kdst_no_grad_begin(c->r->ctx), "no_grad")) return;
    if (run_mode(c, model, in, 0, logits)) compare_outputs(c, all, "logits_eval", logits);
    check(c->v, c->r->ctx, kdst_no_grad_end(c->r->ctx), "no_grad");
    release_all(logits, MODEL_TASKS);
}

static void run_train(model_case *c, fields *all, kdst_layer *model, const inputs *in, kdst_dtype dtype)
{
    kdst_tensor *logits[MODEL_TASKS] = {NULL}, *value = NULL;
    if (run_mode(c, model, in, 1, logits)) {
        compare_outputs(c, all, "logits_train", logits);
        value = model_loss(c, logits);
    }
    if (value) {
        compare_loss(c, all, value);
        if (c->bn_first) compare_statistics(c, all, model, "bn_first", c->bn_first);
        if (c->bn_last) compare_statistics(c, all, model, "bn_last", c->bn_last);
        if (check(c->v, c->r->ctx, kdst_backward(value, NULL, NULL), "backward"))
            compare_gradients(c, all, model, dtype);
    }
    kdst_tensor_release(value);
    release_all(logits, MODEL_TASKS);
}

static void run_path(model_case *c, kdst_dtype dtype)
{
    fields all;
    inputs in = {.count = 0};
    fields_open(&all, c->v, c->expected, "expected");
    kdst_layer *model = make_model(c, dtype);
    if (sound(c->v)) in.count = model_inputs(c, dtype, in.tensors);
    if (sound(c->v)) run_eval(c, &all, model, &in);
    if (sound(c->v)) run_train(c, &all, model, &in, dtype);
    fields_close(&all);
    release_all(in.tensors, MODEL_INPUTS);
    kdst_layer_release(model);
}

/* ---- reading a case ---- */

static unsigned long read_crc(fields *f, const char *name)
{
    char *end;
    const char *text = fields_text(f, name);
    unsigned long crc = strtoul(text, &end, 16);
    if (strlen(text) != 8 || *end) problem(f->v, "%s: \"%.32s\" is no sum", name, text);
    return crc;
}

static const char *text_or_null(fields *f, const char *name)
{
    const cJSON *item = fields_get(f, name);
    return cJSON_IsNull(item) ? NULL : fields_text(f, name);
}

static void run_case(model_case *c, const cJSON *item)
{
    static const char *const information[] = {"source", "class", "macs_per_sample", "macs_full"};
    fields f;
    fields_open(&f, c->v, item, "case");
    c->name = fields_text(&f, "name");
    for (size_t i = 0; i < sizeof information / sizeof *information; i++)
        fields_inform(&f, information[i]);
    c->first = fields_text(&f, "first");
    c->last = fields_text(&f, "last");
    c->bn_first = text_or_null(&f, "bn_first");
    c->bn_last = text_or_null(&f, "bn_last");
    c->weights_crc = read_crc(&f, "weights_crc32");
    c->input_crc = read_crc(&f, "input_crc32");
    c->state = fields_get(&f, "state");
    c->parameters = fields_get(&f, "parameters");
    c->expected = fields_get(&f, "expected");
    model_read(c, &f);
    fields_close(&f);
    if (!cJSON_IsArray(c->state) || !cJSON_IsArray(c->parameters)) problem(c->v, "state and parameters must be lists");
    if (sound(c->v)) run_path(c, KDST_DTYPE_FLOAT32);
    if (sound(c->v)) run_path(c, KDST_DTYPE_FLOAT64);
    for (int i = 0; i < MODEL_TASKS; i++)
        free(c->labels[i]);
}

/* ---- the manifest ---- */

static tolerance read_wide(fields *f, const char *name)
{
    fields t;
    fields_open(&t, f->v, fields_get(f, name), name);
    tolerance read = {.rtol = fields_number(&t, "rtol"), .atol_of_max = fields_number(&t, "atol_of_max")};
    if (read.rtol < 0 || read.atol_of_max < 0) problem(f->v, "%s: a tolerance is negative", name);
    fields_close(&t);
    return read;
}

void run_models(run *r, verdict *v, const cJSON *manifest)
{
    static const char *const information[] = {"system", "half", "rule", "source", "layout", "meaning", "tolerance"};
    const cJSON *item;
    fields f, wide;
    fields_open(&f, v, manifest, "manifest");
    if (fields_number(&f, "version") != 1) problem(v, "the manifest's version is unknown");
    for (size_t i = 0; i < sizeof information / sizeof *information; i++)
        fields_inform(&f, information[i]);
    fields_open(&wide, v, fields_get(&f, "tolerance_f64"), "tolerance_f64");
    tolerance standard = read_wide(&wide, "default");
    tolerance gradients = read_wide(&wide, "grad_first, grad_last (stored as float32)");
    fields_close(&wide);
    const cJSON *cases = fields_get(&f, "cases");
    fields_close(&f);
    cJSON_ArrayForEach(item, cases)
    {
        const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
        verdict one;
        verdict_start(&one);
        model_case c = {.r = r, .v = &one, .wide = standard, .wide_grad = gradients};
        if (!wanted(r, cJSON_IsString(name) ? name->valuestring : "")) continue;
        run_case(&c, item);
        verdict_end(r, &one, cJSON_IsString(name) && *name->valuestring ? name->valuestring : "?");
    }
}
