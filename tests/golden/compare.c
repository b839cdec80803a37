/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: the first problem or the worst element of a case, and its line in the report. */
#include "golden.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void verdict_start(verdict *v)
{
    memset(v, 0, sizeof *v);
    v->ratio = -1;
}

void problem(verdict *v, const char *format, ...)
{
    if (v->problem[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(v->problem, sizeof v->problem, format, arguments);
    va_end(arguments);
    if (!v->problem[0]) strcpy(v->problem, "unknown problem");
    for (char *c = v->problem; *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
}

bool sound(const verdict *v)
{
    return !v->problem[0];
}

bool check(verdict *v, kdst_context *ctx, kdst_status status, const char *what)
{
    if (status) problem(v, "%s: %s: %s", what, kdst_status_name(status), kdst_context_message(ctx));
    return !status;
}

/* "[2,3]" of the element at a row-major position; "" for a number. */
static void index_text(int64_t rank, const int64_t *shape, int64_t at, char *text, size_t bytes)
{
    int64_t index[MAX_RANK];
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = rank - 1; i >= 0; i--) {
        index[i] = at % shape[i];
        at /= shape[i];
    }
    for (int64_t i = 0; i < rank && used < bytes; i++)
        used += (size_t)snprintf(
            text + used, bytes - used, "%s%lld%s", i ? "," : "[", (long long)index[i], i == rank - 1 ? "]" : "");
}

void compare_values(
    verdict *v, const char *name, tolerance t, int64_t rank, const int64_t *shape, const double *got,
    const double *want)
{
    int64_t count = 1;
    double largest = 0;
    char index[96];
    for (int64_t i = 0; i < rank; i++)
        count *= shape[i];
    if (count < 1) problem(v, "%s: there is nothing to compare", name);
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(want[i])) problem(v, "%s: the expected value %lld is not finite", name, (long long)i);
        largest = fmax(largest, fabs(want[i]));
    }
    for (int64_t i = 0; i < count; i++) {
        double allowed = t.atol + t.rtol * fabs(want[i]) + t.atol_of_max * largest;
        double distance = fabs(got[i] - want[i]);
        double ratio = distance <= allowed ? (allowed > 0 ? distance / allowed : 0) : distance / allowed;
        if (isnan(ratio)) ratio = INFINITY;
        if (ratio <= v->ratio) continue;
        v->ratio = ratio;
        v->got = got[i];
        v->want = want[i];
        v->tolerance = allowed;
        index_text(rank, shape, i, index, sizeof index);
        snprintf(v->worst, sizeof v->worst, "%s%s", name, index);
    }
}

void compare_number(verdict *v, const char *name, tolerance t, double got, double want)
{
    compare_values(v, name, t, 0, NULL, &got, &want);
}

void compare_tensor(
    verdict *v, kdst_context *ctx, const char *name, tolerance t, int64_t rank, const int64_t *shape, kdst_tensor *got,
    const double *want)
{
    kdst_tensor *wide = NULL;
    int64_t count = kdst_tensor_get_count(got);
    bool alike = kdst_tensor_get_rank(got) == rank;
    for (int64_t i = 0; alike && i < rank; i++)
        alike = kdst_tensor_get_size(got, i) == shape[i];
    if (!alike) {
        problem(v, "%s: the result has another shape than expected", name);
        return;
    }
    double *values = malloc((size_t)count * sizeof *values + 1);
    if (!values) problem(v, "%s: out of memory", name);
    if (values && check(v, ctx, kdst_tensor_copy(got, KDST_DTYPE_FLOAT64, &wide), name) &&
        check(v, ctx, kdst_tensor_get_data(wide, values, count * 8), name))
        compare_values(v, name, t, rank, shape, values, want);
    kdst_tensor_release(wide);
    free(values);
}

bool wanted(run *r, const char *kind)
{
    bool met = false;
    r->cases++;
    for (int i = 0; i < r->only_count; i++)
        if (!strcmp(kind, r->only[i])) met = r->only_met[i] = true;
    return met || !r->only_count;
}

void verdict_end(run *r, const verdict *v, const char *name)
{
    if (sound(v) && v->ratio >= 0 && v->ratio <= 1) {
        r->passed++;
        return;
    }
    r->failed++;
    printf("FAIL %s/%s: ", r->system, name);
    if (!sound(v))
        printf("%s\n", v->problem);
    else if (v->ratio < 0)
        printf("nothing was compared\n");
    else
        printf("%s got %.17g want %.17g tolerance %.3g\n", v->worst, v->got, v->want, v->tolerance);
}
