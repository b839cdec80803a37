/* SPDX-License-Identifier: Apache-2.0 */
/* System "background": methods that the five papers are compared with. Each case runs in float64 and, where it has a tolerance for it,
 * in float32, against the same float64 values. The kinds are in background_<topic>.c.
 */
#include "background.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kdst_tensor *input(background_case *c, const char *name, bool leaf)
{
    array a;
    kdst_tensor *t = NULL;
    if (!array_get(c->r, &c->inputs, name, 0, -1, NULL, &a)) return NULL;
    if (c->made_count == MAX_INPUTS) problem(c->v, "%s: too many inputs", name);
    bool whole = a.dtype == KDST_DTYPE_INT32;
    if (sound(c->v)) check(c->v, c->r->ctx, kdst_tensor_copy(a.tensor, whole ? a.dtype : c->dtype, &t), name);
    if (t && leaf) check(c->v, c->r->ctx, kdst_tensor_set_requires_grad(t, 1), name);
    array_free(&a);
    if (t) c->made[c->made_count++] = t;
    return t;
}

/* ---- expectations ---- */

static tolerance allowed(const background_case *c, int64_t count, const double *want)
{
    double most = 0.01;
    if (c->dtype == KDST_DTYPE_FLOAT64) return (tolerance){.rtol = c->rel, .atol = c->abs};
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(want[i]));
    return (tolerance){.rtol = c->rel, .atol = c->of_max * most};
}

static void label(const background_case *c, const char *name, char text[128])
{
    snprintf(text, 128, "%s (%s)", name, kdst_dtype_get_name(c->dtype));
}

void expect_tensor(background_case *c, const char *name, kdst_tensor *got)
{
    array a;
    char text[128];
    if (!array_get(c->r, &c->expected, name, KDST_DTYPE_FLOAT64, -1, NULL, &a)) return;
    label(c, name, text);
    if (got) compare_tensor(c->v, c->r->ctx, text, allowed(c, a.count, a.values), a.rank, a.shape, got, a.values);
    array_free(&a);
}

void expect_number(background_case *c, const char *name, double got)
{
    char text[128];
    double want = fields_number(&c->expected, name);
    label(c, name, text);
    compare_number(c->v, text, allowed(c, 1, &want), got, want);
}

void expect_grad(background_case *c, const char *name, kdst_tensor *leaf)
{
    kdst_tensor *grad = NULL;
    if (leaf && check(c->v, c->r->ctx, kdst_tensor_get_grad(leaf, &grad), name)) expect_tensor(c, name, grad);
    kdst_tensor_release(grad);
}

void expect_loss(
    background_case *c, kdst_loss *loss, kdst_tensor *student, kdst_tensor *teacher, kdst_tensor *labels,
    const char *value, const char *grad)
{
    kdst_context *ctx = c->r->ctx;
    kdst_tensor *result = NULL, *direct = NULL;
    double got = NAN;
    if (!sound(c->v) || !student || !teacher) return;
    if (check(c->v, ctx, kdst_loss_run(loss, student, teacher, labels, &result), "loss_run") &&
        check(c->v, ctx, kdst_tensor_get_value(result, &got), "loss_run") &&
        check(c->v, ctx, kdst_backward(result, NULL, NULL), "backward")) {
        expect_number(c, value, got);
        expect_grad(c, grad, student);
    }
    if (sound(c->v) && check(c->v, ctx, kdst_tensor_copy(student, 0, &direct), "gradient") &&
        check(c->v, ctx, kdst_loss_compute(loss, student, teacher, labels, &got, direct), "loss_compute")) {
        expect_number(c, value, got);
        expect_tensor(c, grad, direct);
    }
    kdst_tensor_release(direct);
    kdst_tensor_release(result);
}

/* ---- a case ---- */

static bool run_kind(background_case *c, const char *kind)
{
    if (!strcmp(kind, "fitnet"))
        run_fitnet(c);
    else if (!strcmp(kind, "attention_transfer"))
        run_attention(c);
    else if (!strcmp(kind, "similarity_preserving"))
        run_similarity(c);
    else if (!strncmp(kind, "rkd_", 4))
        run_relational(c, kind + 4);
    else if (!strcmp(kind, "dml"))
        run_mutual(c);
    else if (!strcmp(kind, "dml_schedule"))
        run_mutual_schedule(c);
    else if (!strcmp(kind, "teacher_ensemble"))
        run_ensemble(c);
    else if (!strcmp(kind, "stdp"))
        run_stdp(c);
    else if (!strcmp(kind, "stdp_window"))
        run_stdp_window(c);
    else if (!strcmp(kind, "srdp"))
        run_srdp(c);
    else if (!strcmp(kind, "surrogate"))
        run_slope(c);
    else
        return false;
    return true;
}

static void run_path(background_case c, fields *f, const char *kind)
{
    fields_open(&c.params, c.v, fields_get(f, "params"), "params");
    fields_open(&c.inputs, c.v, fields_get(f, "inputs"), "inputs");
    fields_open(&c.expected, c.v, fields_get(f, "expected_f64"), "expected_f64");
    if (sound(c.v) && !run_kind(&c, kind)) problem(c.v, "kind \"%.64s\" is unknown", kind);
    if (sound(c.v)) {
        fields_close(&c.params);
        fields_close(&c.inputs);
        fields_close(&c.expected);
    }
    for (int i = 0; i < c.made_count; i++)
        kdst_tensor_release(c.made[i]);
}

static double bound(fields *f, const char *name)
{
    double value = fields_number(f, name);
    if (value < 0) problem(f->v, "%s: a tolerance is negative", name);
    return value;
}

static void run_case(run *r, verdict *v, fields *f, const char *kind)
{
    background_case wide = {.r = r, .v = v, .dtype = KDST_DTYPE_FLOAT64},
                    narrow = {.r = r, .v = v, .dtype = KDST_DTYPE_FLOAT32};
    fields all, tol;
    fields_open(&all, v, fields_get(f, "tol"), "tol");
    fields_open(&tol, v, fields_get(&all, "f64"), "tol.f64");
    wide.rel = bound(&tol, "rel");
    wide.abs = bound(&tol, "abs");
    fields_close(&tol);
    const cJSON *item = fields_get(&all, "f32");
    if (!cJSON_IsNull(item)) {
        fields_open(&tol, v, item, "tol.f32");
        narrow.rel = bound(&tol, "rel");
        narrow.of_max = bound(&tol, "abs_of_max");
        fields_close(&tol);
    }
    fields_close(&all);
    fields_inform(f, "note");
    fields_inform(f, "checked_against");
    if (sound(v)) run_path(wide, f, kind);
    if (sound(v) && !cJSON_IsNull(item)) run_path(narrow, f, kind);
    if (sound(v)) fields_close(f);
}

/* ---- the manifest ---- */

void run_background(run *r, verdict *v, const cJSON *manifest)
{
    static const char *const information[] = {"system", "half", "source", "layout", "tolerance", "checks"};
    const cJSON *item;
    fields f;
    fields_open(&f, v, manifest, "manifest");
    if (fields_number(&f, "version") != 1) problem(v, "the manifest's version is unknown");
    for (size_t i = 0; i < sizeof information / sizeof *information; i++)
        fields_inform(&f, information[i]);
    const cJSON *cases = fields_get(&f, "cases");
    if (!cJSON_IsArray(cases)) problem(v, "cases is no list");
    fields_close(&f);
    cJSON_ArrayForEach(item, cases)
    {
        const cJSON *kind = cJSON_GetObjectItemCaseSensitive(item, "kind");
        verdict one;
        fields one_case;
        if (!wanted(r, cJSON_IsString(kind) ? kind->valuestring : "")) continue;
        verdict_start(&one);
        fields_open(&one_case, &one, item, "case");
        const char *name = fields_text(&one_case, "name");
        run_case(r, &one, &one_case, fields_text(&one_case, "kind"));
        verdict_end(r, &one, *name ? name : "?");
    }
}
