/* SPDX-License-Identifier: Apache-2.0 */
/* System "models": networks by name, with parameters made by an integer rule, in float32 and in float64.
 *
 * No weight is stored. u(i, t) = mix(mix(i) ^ mix(t 0x9E3779B9 + seed)) for element i of tensor t, and h = (u >> 8)
 * / 2^23 - 1; a weight is sqrt(g / fan_in) h, gamma 1 + 0.1 h, var 1 + 0.5 |h|, the others 0.1 h, and the image 2 h
 * with t = 65536, all rounded to float32. CRC-32 sums over these numbers stand in the manifest. Logits in both
 * modes, the loss, running statistics after one training pass and gradients are compared, the float32 path by each
 * expectation's rtol and atol, the float64 path by tolerance_f64.
 */
#include "golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE 65536

/* ---- numbers ---- */

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    return x ^ x >> 16;
}

static double unit(uint32_t i, uint32_t t, uint32_t seed)
{
    return (double)(mix(mix(i) ^ mix(t * 0x9E3779B9u + seed)) >> 8) / 8388608.0 - 1.0;
}

/* CRC-32 of zlib, continued from `crc` (0 at first). */
static uint32_t crc32_add(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* ---- a case ---- */

typedef struct model_case {
    run *r;
    verdict *v;
    const char *name, *first, *last, *bn_first, *bn_last; /* bn_…: NULL without batch norm */
    int64_t classes, batch, parameter_count, input_shape[4];
    int32_t *labels;
    double g;
    uint32_t seed;
    const cJSON *state, *parameters, *expected;
    unsigned long weights_crc, input_crc;
    tolerance wide, wide_grad; /* of the float64 path: values, and gradients stored as float32 */
} model_case;

/* Element i under a rule; `scale` of weights. False: the rule is unknown. */
static bool value_of(const char *rule, double scale, double h, double *value)
{
    if (!strcmp(rule, "weight"))
        *value = scale * h;
    else if (!strcmp(rule, "gamma"))
        *value = 1 + 0.1 * h;
    else if (!strcmp(rule, "var"))
        *value = 1 + 0.5 * fabs(h);
    else if (!strcmp(rule, "image"))
        *value = 2 * h;
    else if (!strcmp(rule, "beta") || !strcmp(rule, "bias") || !strcmp(rule, "mean"))
        *value = 0.1 * h;
    else
        return false;
    return true;
}

/* Elements of a tensor, rounded to float32, into the tensor of either type; continues the sum. */
static void fill(model_case *c, const char *rule, uint32_t t, double fan_in, kdst_tensor *tensor, uint32_t *crc)
{
    int64_t count = kdst_tensor_get_count(tensor);
    double scale = sqrt(c->g / fan_in), value = 0;
    kdst_tensor *narrow = NULL;
    void *map = NULL;
    int64_t shape[MAX_RANK];
    for (int64_t i = 0; i < kdst_tensor_get_rank(tensor); i++)
        shape[i] = kdst_tensor_get_size(tensor, i);
    if (!check(
            c->v, c->r->ctx,
            kdst_tensor_create(c->r->ctx, KDST_DTYPE_FLOAT32, kdst_tensor_get_rank(tensor), shape, &narrow), "state") ||
        !check(c->v, c->r->ctx, kdst_tensor_map(narrow, KDST_MAP_WRITE, &map), "state"))
        goto end;
    for (int64_t i = 0; i < count; i++) {
        if (!value_of(rule, scale, unit((uint32_t)i, t, c->seed), &value))
            problem(c->v, "rule \"%.32s\" is unknown", rule);
        ((float *)map)[i] = (float)value;
    }
    *crc = crc32_add(*crc, map, (size_t)count * sizeof(float));
    if (check(c->v, c->r->ctx, kdst_tensor_unmap(narrow), "state"))
        check(c->v, c->r->ctx, kdst_tensor_set(tensor, narrow), "state");
end:
    kdst_tensor_release(narrow);
}

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
        fill(c, rule, (uint32_t)t, fan_in, tensor, crc);
}

static kdst_layer *make_model(model_case *c, kdst_dtype dtype)
{
    kdst_options *options = NULL;
    kdst_layer *model = NULL;
    const cJSON *item;
    uint32_t crc = 0;
    int64_t i = 0;
    bool set = !kdst_options_create(&options) && !kdst_options_set_int(options, "classes", c->classes) &&
        !kdst_options_set_int(options, "channels", c->input_shape[1]) &&
        !kdst_options_set_int(options, "image_size", c->input_shape[2]) &&
        !kdst_options_set_float(options, "dropout", 0) &&
        !kdst_options_set_string(options, "dtype", kdst_dtype_get_name(dtype));
    if (!set)
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

static kdst_tensor *make_input(model_case *c, kdst_dtype dtype)
{
    kdst_tensor *x = NULL;
    uint32_t crc = 0;
    if (!check(c->v, c->r->ctx, kdst_tensor_create(c->r->ctx, dtype, 4, c->input_shape, &x), "input")) return NULL;
    fill(c, "image", IMAGE, 1, x, &crc);
    if (crc != c->input_crc) problem(c->v, "input_crc32: got %08lx want %08lx", (unsigned long)crc, c->input_crc);
    return x;
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

static kdst_tensor *grad_of(model_case *c, kdst_layer *model, const char *name)
{
    kdst_tensor *parameter = NULL, *grad = NULL;
    if (check(c->v, c->r->ctx, kdst_layer_find(model, name, &parameter), "gradient of a parameter"))
        check(c->v, c->r->ctx, kdst_tensor_get_grad(parameter, &grad), name);
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
        if (grad) compare(c, all, names[k], grad);
        kdst_tensor_release(grad);
    }
}

/* ---- one path ---- */

static void run_eval(model_case *c, fields *all, kdst_layer *model, kdst_tensor *x)
{
    kdst_tensor *logits = NULL;
    if (!check(c->v, c->r->ctx, kdst_no_grad_begin(c->r->ctx), "no_grad")) return;
    if (check(c->v, c->r->ctx, kdst_layer_set_training(model, 0), "eval") &&
        check(c->v, c->r->ctx, kdst_layer_run(model, x, &logits), "eval"))
        compare(c, all, "logits_eval", logits);
    check(c->v, c->r->ctx, kdst_no_grad_end(c->r->ctx), "no_grad");
    kdst_tensor_release(logits);
}

static void run_train(model_case *c, fields *all, kdst_layer *model, kdst_tensor *x)
{
    kdst_tensor *logits = NULL, *labels = NULL, *value = NULL;
    kdst_loss *loss = NULL;
    kdst_context *ctx = c->r->ctx;
    if (check(c->v, ctx, kdst_layer_set_training(model, 1), "train") &&
        check(c->v, ctx, kdst_layer_run(model, x, &logits), "train") &&
        check(c->v, ctx, kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &c->batch, c->labels, &labels), "labels") &&
        check(c->v, ctx, kdst_loss_cross_entropy_create(ctx, NULL, &loss), "loss") &&
        check(c->v, ctx, kdst_loss_run(loss, logits, NULL, labels, &value), "loss")) {
        compare(c, all, "logits_train", logits);
        compare_loss(c, all, value);
        if (c->bn_first) compare_statistics(c, all, model, "bn_first", c->bn_first);
        if (c->bn_last) compare_statistics(c, all, model, "bn_last", c->bn_last);
        if (check(c->v, ctx, kdst_backward(value, NULL, NULL), "backward"))
            compare_gradients(c, all, model, kdst_tensor_get_dtype(x));
    }
    kdst_loss_release(loss);
    kdst_tensor_release(value);
    kdst_tensor_release(labels);
    kdst_tensor_release(logits);
}

static void run_path(model_case *c, kdst_dtype dtype)
{
    fields all;
    fields_open(&all, c->v, c->expected, "expected");
    kdst_layer *model = make_model(c, dtype);
    kdst_tensor *x = sound(c->v) ? make_input(c, dtype) : NULL;
    if (sound(c->v)) run_eval(c, &all, model, x);
    if (sound(c->v)) run_train(c, &all, model, x);
    fields_close(&all);
    kdst_tensor_release(x);
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

/* One list of labels: a network with several outputs is not known here. */
static void read_labels(model_case *c, const cJSON *tasks)
{
    const cJSON *list = cJSON_GetArrayItem(tasks, 0), *item;
    int64_t i = 0;
    c->labels = calloc((size_t)c->batch + 1, sizeof *c->labels);
    if (!c->labels || !cJSON_IsArray(tasks) || cJSON_GetArraySize(tasks) != 1 || cJSON_GetArraySize(list) != c->batch) {
        problem(c->v, "labels: one list of %lld labels is expected", (long long)c->batch);
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item) || item->valuedouble != (double)item->valueint)
            problem(c->v, "labels: not whole numbers");
        c->labels[i++] = item->valueint;
    }
}

static void read_sizes(model_case *c, fields *f)
{
    double seed = fields_number(f, "seed");
    c->classes = fields_whole(f, "num_classes");
    c->batch = fields_whole(f, "batch");
    c->g = fields_number(f, "g");
    c->seed = seed >= 0 && seed <= UINT32_MAX ? (uint32_t)seed : 0;
    c->parameter_count = fields_whole(f, "trainable_parameters");
    if (c->seed != seed) problem(c->v, "the seed is no 32-bit number");
    if (!(c->g > 0)) problem(c->v, "g is not positive");
    if (c->batch > 1 << 16) problem(c->v, "the batch is too large");
    if (read_shape(c->v, fields_get(f, "input_shape"), "input_shape", c->input_shape) != 4 ||
        c->input_shape[0] != c->batch || c->input_shape[2] != c->input_shape[3])
        problem(c->v, "input_shape: a batch of square images is expected");
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
    const cJSON *labels = fields_get(&f, "labels");
    fields_get(&f, "input_shape");
    read_sizes(c, &f);
    fields_close(&f);
    if (!cJSON_IsArray(c->state) || !cJSON_IsArray(c->parameters)) problem(c->v, "state and parameters must be lists");
    if (sound(c->v)) read_labels(c, labels);
    if (sound(c->v)) run_path(c, KDST_DTYPE_FLOAT32);
    if (sound(c->v)) run_path(c, KDST_DTYPE_FLOAT64);
    free(c->labels);
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
