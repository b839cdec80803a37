/* SPDX-License-Identifier: Apache-2.0 */
/* System "distillation": losses with their gradients, distributions of the virtual teacher; training is next door.
 *
 * Each loss is taken twice, recorded (kdst_loss_run, kdst_backward) and directly (kdst_loss_compute). Float32 cases are
 * held against the float64 values of the same inputs (loss_exact, grad_exact); the official float32 results (loss,
 * grad_student) may be off by official_f32_error in addition, and that error must be what it says.
 */
#include "distillation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- losses from families and parameters ---- */

typedef kdst_status (*create_fn)(kdst_context *ctx, const kdst_options *options, kdst_loss **out);

void set_float(settings *s, const char *name, double value)
{
    if (!s->status) s->status = kdst_options_set_float(s->options, name, value);
}

void set_int(settings *s, const char *name, int64_t value)
{
    if (!s->status) s->status = kdst_options_set_int(s->options, name, value);
}

void set_text(settings *s, const char *name, const char *value)
{
    if (!s->status) s->status = kdst_options_set_string(s->options, name, value);
}

/* The manifest calls the mean over all elements "mean". */
static void set_reduction(settings *s, fields *params, const char *standard)
{
    const char *reduction = fields_text_or(params, "reduction", standard);
    set_text(s, "reduction", strcmp(reduction, "mean") ? reduction : "elementmean");
}

static void set_kd(settings *s, fields *params, const char *reduction)
{
    set_float(s, "temperature", fields_number(params, "T"));
    set_float(s, "alpha", fields_number(params, "alpha"));
    set_int(s, "t_squared", fields_flag_or(params, "t_squared", true));
    set_reduction(s, params, reduction);
}

static void set_regulariser(settings *s, fields *params)
{
    set_float(s, "temperature", fields_number(params, "T"));
    set_float(s, "alpha", fields_number(params, "alpha"));
    set_float(s, "multiplier", fields_number_or(params, "multiplier", 1));
    set_float(s, "correct_prob", fields_number_or(params, "correct_prob", 0.99));
    set_int(s, "t_squared", fields_flag_or(params, "t_squared", false));
    set_int(s, "soften_student", fields_flag_or(params, "soften_student", false));
    set_text(s, "virtual_logits", fields_text_or(params, "virtual_logits", "prob"));
    set_reduction(s, params, "mean");
}

/* Options of a family; returns its creator, NULL for an unknown family. */
static create_fn set_family(settings *s, const char *family, fields *params)
{
    if (!strcmp(family, "ce")) return kdst_loss_cross_entropy_create;
    if (!strcmp(family, "kd") || !strcmp(family, "kd_self") || !strcmp(family, "kd_batchmean")) {
        const cJSON *multiplier = fields_find(params, "multiplier");
        set_kd(s, params, strcmp(family, "kd_batchmean") ? "mean" : "batchmean");
        if (!multiplier && strcmp(family, "kd_self")) return kdst_loss_kd_create;
        set_float(s, "multiplier", fields_number_or(params, "multiplier", 1));
        return kdst_loss_tfkd_self_create;
    }
    if (!strcmp(family, "tfkd_reg") || !strcmp(family, "tfkd_reg_eq")) {
        set_regulariser(s, params);
        return kdst_loss_tfkd_reg_create;
    }
    if (!strcmp(family, "lsr_kminus1") || !strcmp(family, "lsr_uniform")) {
        set_text(s, "smoothing", strcmp(family, "lsr_uniform") ? "others" : "uniform");
        set_float(s, "epsilon", fields_number_or(params, "eps", 0.1));
        return kdst_loss_lsr_create;
    }
    return NULL;
}

kdst_loss *make_loss(run *r, verdict *v, fields *f)
{
    settings s = {NULL, KDST_STATUS_OK};
    kdst_loss *loss = NULL;
    fields params;
    const char *family = fields_text(f, "family");
    fields_open(&params, v, fields_get(f, "params"), "params");
    s.status = kdst_options_create(&s.options);
    create_fn create = set_family(&s, family, &params);
    if (s.status) problem(v, "params: %s", kdst_status_name(s.status));
    if (!create) problem(v, "family \"%.64s\" is unknown", family);
    fields_close(&params);
    if (sound(v)) check(v, r->ctx, create(r->ctx, s.options, &loss), "params");
    kdst_options_release(s.options);
    return loss;
}

/* ---- one case ---- */

typedef struct batch {
    array student, teacher, labels;
} batch;

static void batch_get(run *r, fields *f, kdst_dtype dtype, const kdst_loss *loss, batch *b)
{
    const int64_t shape[2] = {fields_whole(f, "batch"), fields_whole(f, "classes")};
    fields inputs;
    fields_open(&inputs, f->v, fields_get(f, "inputs"), "inputs");
    array_get(r, &inputs, "student_logits", dtype, 2, shape, &b->student);
    array_get(r, &inputs, "labels", KDST_DTYPE_INT32, 1, shape, &b->labels);
    if (kdst_loss_needs_teacher(loss) || fields_find(&inputs, "teacher_logits"))
        array_get(r, &inputs, "teacher_logits", dtype, 2, shape, &b->teacher);
    fields_close(&inputs);
}

typedef struct expected {
    double loss;
    tolerance loss_tolerance;
    const array *grad;
    tolerance grad_tolerance;
} expected;

static void compare_both(verdict *v, run *r, const char *way, const expected *e, double value, kdst_tensor *grad)
{
    char name[64];
    snprintf(name, sizeof name, "loss (%s)", way);
    compare_number(v, name, e->loss_tolerance, value, e->loss);
    snprintf(name, sizeof name, "grad_student (%s)", way);
    compare_tensor(v, r->ctx, name, e->grad_tolerance, e->grad->rank, e->grad->shape, grad, e->grad->values);
}

static void run_recorded(run *r, verdict *v, kdst_loss *loss, const batch *b, const expected *e, int count)
{
    kdst_tensor *result = NULL, *grad = NULL, *teacher = kdst_loss_needs_teacher(loss) ? b->teacher.tensor : NULL;
    double value = NAN;
    if (check(v, r->ctx, kdst_tensor_set_requires_grad(b->student.tensor, 1), "student_logits") &&
        check(v, r->ctx, kdst_loss_run(loss, b->student.tensor, teacher, b->labels.tensor, &result), "loss_run") &&
        check(v, r->ctx, kdst_tensor_get_value(result, &value), "loss_run") &&
        check(v, r->ctx, kdst_backward(result, NULL, NULL), "backward") &&
        check(v, r->ctx, kdst_tensor_get_grad(b->student.tensor, &grad), "get_grad"))
        for (int i = 0; i < count; i++)
            compare_both(v, r, "recorded", &e[i], value, grad);
    kdst_tensor_release(grad);
    kdst_tensor_release(result);
}

static void run_direct(run *r, verdict *v, kdst_loss *loss, const batch *b, const expected *e, int count)
{
    kdst_tensor *grad = NULL, *teacher = kdst_loss_needs_teacher(loss) ? b->teacher.tensor : NULL;
    double value = NAN;
    if (check(v, r->ctx, kdst_tensor_create(r->ctx, b->student.dtype, 2, b->student.shape, &grad), "gradient") &&
        check(
            v, r->ctx, kdst_loss_compute(loss, b->student.tensor, teacher, b->labels.tensor, &value, grad),
            "loss_compute"))
        for (int i = 0; i < count; i++)
            compare_both(v, r, "direct", &e[i], value, grad);
    kdst_tensor_release(grad);
}

/* official_f32_error must be what the official float32 results are off; it widens their tolerance. */
static void
compare_errors(verdict *v, fields *expect, const expected *official, const expected *exact, double errors[2])
{
    const tolerance rounding = {.rtol = 1e-6, .atol = 1e-15};
    double worst = 0;
    fields error;
    fields_open(&error, v, fields_get(expect, "official_f32_error"), "expect.official_f32_error");
    errors[0] = fields_number(&error, "loss");
    errors[1] = fields_number(&error, "grad");
    fields_close(&error);
    for (int64_t i = 0; sound(v) && i < official->grad->count; i++)
        worst = fmax(worst, fabs(official->grad->values[i] - exact->grad->values[i]));
    compare_number(v, "official_f32_error.loss", rounding, fabs(official->loss - exact->loss), errors[0]);
    compare_number(v, "official_f32_error.grad", rounding, worst, errors[1]);
}

/* Fills e[0], and e[1] for the official float32 results; returns their number. grads: the arrays behind them. */
static int expected_get(run *r, fields *f, const array *student, expected e[2], array grads[2])
{
    bool narrow = student->dtype == KDST_DTYPE_FLOAT32;
    tolerance t = fields_tolerance_of(f, "tol", narrow ? "loss_exact/grad_exact" : NULL);
    tolerance t_grad = narrow ? fields_tolerance_of(f, "tol_grad", NULL) : t;
    double errors[2];
    fields expect;
    fields_open(&expect, f->v, fields_get(f, "expect"), "expect");
    array_get(r, &expect, "grad_student", student->dtype, 2, student->shape, &grads[0]);
    e[0] = (expected){fields_number(&expect, "loss"), t, &grads[0], t_grad};
    if (narrow) {
        array_get(r, &expect, "grad_exact", KDST_DTYPE_FLOAT64, 2, student->shape, &grads[1]);
        e[1] = e[0];
        e[0] = (expected){fields_number(&expect, "loss_exact"), t, &grads[1], t_grad};
        compare_errors(f->v, &expect, &e[1], &e[0], errors);
        e[1].loss_tolerance.atol += errors[0];
        e[1].grad_tolerance.atol += errors[1];
    }
    fields_close(&expect);
    return narrow ? 2 : 1;
}

static void run_loss_case(run *r, verdict *v, fields *f)
{
    batch b = {{0}, {0}, {0}};
    array grads[2] = {{0}, {0}};
    expected e[2];
    const char *dtype = fields_text(f, "dtype");
    kdst_dtype type = !strcmp(dtype, "float32") ? KDST_DTYPE_FLOAT32
        : !strcmp(dtype, "float64")             ? KDST_DTYPE_FLOAT64
                                                : 0;
    if (!type) problem(v, "dtype \"%.64s\" is unknown", dtype);
    kdst_loss *loss = make_loss(r, v, f);
    batch_get(r, f, type, loss, &b);
    fields_inform(f, "origin");
    fields_inform(f, "input_seed");
    fields_inform(f, "input_styles");
    int count = sound(v) ? expected_get(r, f, &b.student, e, grads) : 0;
    if (count) fields_close(f);
    if (sound(v)) {
        run_recorded(r, v, loss, &b, e, count);
        run_direct(r, v, loss, &b, e, count);
    }
    for (int i = 0; i < 2; i++)
        array_free(&grads[i]);
    array_free(&b.student);
    array_free(&b.teacher);
    array_free(&b.labels);
    kdst_loss_release(loss);
}

/* ---- virtual teacher ---- */

/* On label 0 want[0] is expected, on each other class want[1]. */
static void compare_teacher(run *r, verdict *v, fields *row, tolerance t, const char *kind)
{
    static const int32_t label = 0;
    const int64_t one = 1, shape[2] = {1, fields_whole(row, "K")};
    const cJSON *pair = fields_get(row, kind);
    settings s = {NULL, kdst_options_create(&s.options)};
    kdst_tensor *labels = NULL, *p = NULL;
    double *want = shape[1] < 1 << 24 ? malloc(sizeof *want * (size_t)(shape[1] + 1)) : NULL;
    set_float(&s, "correct_prob", fields_number(row, "correct_prob"));
    set_float(&s, "temperature", fields_number(row, "T"));
    set_text(&s, "virtual_logits", kind);
    set_text(&s, "dtype", "float64");
    if (cJSON_GetArraySize(pair) != 2 || !cJSON_IsNumber(pair->child) || !cJSON_IsNumber(pair->child->next))
        problem(v, "%s is no pair of numbers", kind);
    if (s.status || !want) problem(v, "%s: the row cannot be run", kind);
    for (int64_t i = 0; sound(v) && i < shape[1]; i++)
        want[i] = i ? pair->child->next->valuedouble : pair->child->valuedouble;
    if (sound(v) &&
        check(v, r->ctx, kdst_tensor_create_from(r->ctx, KDST_DTYPE_INT32, 1, &one, &label, &labels), kind) &&
        check(v, r->ctx, kdst_virtual_teacher_create(r->ctx, labels, shape[1], s.options, &p), kind))
        compare_tensor(v, r->ctx, kind, t, 2, shape, p, want);
    kdst_tensor_release(p);
    kdst_tensor_release(labels);
    kdst_options_release(s.options);
    free(want);
}

static void run_teachers(run *r, verdict *v, const cJSON *section)
{
    static const char *const kinds[] = {"raw", "prob", "logprob"};
    const cJSON *item, *table;
    int index = 0;
    fields f;
    fields_open(&f, v, section, "virtual_teacher");
    tolerance allowed = fields_tolerance_of(&f, "tolerance", NULL);
    fields_inform(&f, "text");
    table = fields_get(&f, "table");
    fields_close(&f);
    if (!cJSON_IsArray(table)) problem(v, "virtual_teacher.table is no list");
    cJSON_ArrayForEach(item, table)
    {
        char name[64];
        verdict row;
        fields one;
        snprintf(name, sizeof name, "virtual_teacher[%d]", index++);
        if (!wanted(r, "virtual_teacher")) continue;
        verdict_start(&row);
        fields_open(&one, &row, item, "row");
        for (int i = 0; i < 3; i++)
            compare_teacher(r, &row, &one, allowed, kinds[i]);
        fields_close(&one);
        verdict_end(r, &row, name);
    }
}

/* ---- the manifest ---- */

static void run_list(
    run *r, verdict *v, const cJSON *list, const char *name, const char *kind, void (*fn)(run *, verdict *, fields *))
{
    const cJSON *item;
    if (!cJSON_IsArray(list)) problem(v, "%s is no list", name);
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *family = cJSON_GetObjectItemCaseSensitive(item, "family");
        verdict one;
        fields f;
        if (!wanted(r, kind ? kind : cJSON_IsString(family) ? family->valuestring : "")) continue;
        verdict_start(&one);
        fields_open(&f, &one, item, "case");
        const char *id = fields_text(&f, "id");
        fn(r, &one, &f);
        verdict_end(r, &one, *id ? id : "?");
    }
}

void run_distillation(run *r, verdict *v, const cJSON *manifest)
{
    static const char *const information[] = {"system", "half", "official", "note", "families"};
    fields f;
    fields_open(&f, v, manifest, "manifest");
    if (fields_number(&f, "format") != 1) problem(v, "the manifest's format is unknown");
    for (size_t i = 0; i < sizeof information / sizeof *information; i++)
        fields_inform(&f, information[i]);
    const cJSON *cases = fields_find(&f, "cases"), *teachers = fields_find(&f, "virtual_teacher");
    const cJSON *runs = fields_find(&f, "training");
    if (cases) run_list(r, v, cases, "cases", NULL, run_loss_case);
    if (teachers) run_teachers(r, v, teachers);
    if (runs) run_list(r, v, runs, "training", "training", run_training_case);
    fields_close(&f);
}
