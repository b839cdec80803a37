/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of the system "tsslbp" share: inputs, expectations, losses. */
#include "tsslbp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool done(tsslbp_case *c, kdst_status status, const char *what)
{
    return check(c->v, c->r->ctx, status, what) && sound(c->v);
}

kdst_tensor *own(tsslbp_case *c, kdst_tensor *t)
{
    if (!t) return NULL;
    if (c->made_count < MAX_TENSORS) return c->made[c->made_count++] = t;
    problem(c->v, "a case has too many tensors");
    kdst_tensor_release(t);
    return NULL;
}

settings settings_new(void)
{
    settings s = {NULL, KDST_STATUS_OK};
    s.status = kdst_options_create(&s.options);
    return s;
}

bool settings_sound(tsslbp_case *c, const settings *s)
{
    if (s->status) problem(c->v, "options: %s", kdst_status_name(s->status));
    return sound(c->v);
}

/* ---- tensors ---- */

kdst_tensor *shaped(tsslbp_case *c, kdst_tensor *x, int64_t rank, const int64_t *shape)
{
    kdst_tensor *y = NULL;
    if (!x || !done(c, kdst_reshape(x, rank, shape, &y), "reshape")) return NULL;
    return own(c, y);
}

/* Axes in this order, and memory of its own. */
static kdst_tensor *ordered(tsslbp_case *c, kdst_tensor *x, const int64_t *axes, int64_t rank)
{
    kdst_tensor *view = NULL, *y = NULL;
    if (done(c, kdst_permute(x, axes, rank, &view), "permute")) done(c, kdst_tensor_copy(view, 0, &y), "copy");
    kdst_tensor_release(view);
    return own(c, y);
}

kdst_tensor *time_first(tsslbp_case *c, kdst_tensor *x)
{
    int64_t axes[MAX_RANK], rank = kdst_tensor_get_rank(x);
    for (int64_t i = 0; i < rank; i++)
        axes[i] = i ? i - 1 : rank - 1;
    return x && rank > 0 ? ordered(c, x, axes, rank) : NULL;
}

kdst_tensor *time_last(tsslbp_case *c, kdst_tensor *x)
{
    int64_t axes[MAX_RANK], rank = kdst_tensor_get_rank(x);
    for (int64_t i = 0; i < rank; i++)
        axes[i] = i == rank - 1 ? 0 : i + 1;
    return x && rank > 0 ? ordered(c, x, axes, rank) : NULL;
}

kdst_tensor *read_input(tsslbp_case *c, const char *name)
{
    array a;
    kdst_tensor *t = NULL;
    if (!array_get(c->r, &c->inputs, name, 0, -1, NULL, &a)) return NULL;
    const bool whole = a.dtype == KDST_DTYPE_INT32;
    if (sound(c->v)) done(c, kdst_tensor_copy(a.tensor, whole ? a.dtype : c->dtype, &t), name);
    array_free(&a);
    return own(c, t);
}

kdst_tensor *read_sequence(tsslbp_case *c, const char *name)
{
    kdst_tensor *x = read_input(c, name);
    return x ? time_first(c, x) : NULL;
}

kdst_tensor *leaf(tsslbp_case *c, kdst_tensor *x)
{
    return x && done(c, kdst_tensor_set_requires_grad(x, 1), "leaf") ? x : NULL;
}

kdst_tensor *flat_classes(tsslbp_case *c, kdst_tensor *x)
{
    const int64_t shape[3] = {kdst_tensor_get_size(x, 0), kdst_tensor_get_size(x, 1), -1};
    kdst_tensor *view = shaped(c, x, 3, shape), *y = NULL;
    return view && done(c, kdst_tensor_copy(view, 0, &y), "copy") ? own(c, y) : NULL;
}

kdst_tensor *read_labels(tsslbp_case *c)
{
    array a;
    const cJSON *list = fields_get(&c->params, "labels");
    if (!array_get(c->r, &c->inputs, "labels", KDST_DTYPE_INT32, 1, (const int64_t[]){ANY_SIZE}, &a)) return NULL;
    bool alike = cJSON_IsArray(list) && cJSON_GetArraySize(list) == a.count;
    for (int i = 0; alike && i < a.count; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);
        alike = cJSON_IsNumber(item) && item->valuedouble == a.values[i];
    }
    if (!alike) problem(c->v, "params.labels are not the labels of the file");
    kdst_tensor_retain(a.tensor);
    kdst_tensor *labels = own(c, a.tensor);
    array_free(&a);
    return labels;
}

kdst_tensor *gradient(tsslbp_case *c, kdst_tensor *from)
{
    kdst_tensor *grad = NULL;
    return from && done(c, kdst_tensor_get_grad(from, &grad), "gradient") ? own(c, grad) : NULL;
}

kdst_tensor *summed(tsslbp_case *c, kdst_tensor *x, int64_t axis)
{
    kdst_tensor *sum = NULL;
    return x && done(c, kdst_sum(x, &axis, 1, 0, &sum), "sum") ? own(c, sum) : NULL;
}

/* ---- expectations ---- */

static void label(const tsslbp_case *c, const char *name, char text[128])
{
    snprintf(text, 128, "%s (%s)", name, kdst_dtype_get_name(c->dtype));
}

static tolerance allowed(const tsslbp_case *c, const array *a)
{
    return a->dtype == KDST_DTYPE_INT32 ? (tolerance){0} : c->tol;
}

void expect_plain(tsslbp_case *c, const char *name, kdst_tensor *got)
{
    array a;
    char text[128];
    if (!array_get(c->r, &c->expected, name, 0, -1, NULL, &a)) return;
    label(c, name, text);
    if (!got)
        problem(c->v, "%s: there is no result", text);
    else if (kdst_tensor_get_count(got) != a.count)
        problem(c->v, "%s: the result has another size than expected", text);
    else if ((got = shaped(c, got, a.rank, a.shape)))
        compare_tensor(c->v, c->r->ctx, text, allowed(c, &a), a.rank, a.shape, got, a.values);
    array_free(&a);
}

void expect_sequence(tsslbp_case *c, const char *name, kdst_tensor *got)
{
    expect_plain(c, name, got ? time_last(c, got) : NULL);
}

void expect_sequence_sum(tsslbp_case *c, const char *name, kdst_tensor *got)
{
    array a;
    char text[128];
    if (!got || !array_get(c->r, &c->expected, name, KDST_DTYPE_FLOAT64, -1, NULL, &a)) return;
    const int64_t steps = a.shape[a.rank - 1];
    tolerance t = c->tol;
    t.atol *= (double)steps;
    label(c, name, text);
    for (int64_t i = 0; i < a.count / steps; i++) {
        double sum = 0;
        for (int64_t k = 0; k < steps; k++)
            sum += a.values[i * steps + k];
        a.values[i] = sum;
    }
    if ((got = shaped(c, got, a.rank - 1, a.shape)))
        compare_tensor(c->v, c->r->ctx, text, t, a.rank - 1, a.shape, got, a.values);
    array_free(&a);
}

void expect_value(tsslbp_case *c, const char *name, double got)
{
    array a;
    char text[128];
    if (!array_get(c->r, &c->expected, name, KDST_DTYPE_FLOAT64, 1, (const int64_t[]){1}, &a)) return;
    label(c, name, text);
    compare_number(c->v, text, c->tol, got, a.values[0]);
    array_free(&a);
}

void expect_parameter(tsslbp_case *c, const char *name, double got)
{
    char text[128];
    label(c, name, text);
    compare_number(c->v, text, c->tol, got, fields_number(&c->params, name));
}

void look_at(tsslbp_case *c, kdst_tensor *membrane, double threshold, double *margin, double *fired, double *of)
{
    kdst_tensor *wide = NULL;
    const int64_t count = kdst_tensor_get_count(membrane);
    double *u = malloc((size_t)count * sizeof *u + 1);
    if (!u) problem(c->v, "out of memory");
    if (u && done(c, kdst_tensor_copy(membrane, KDST_DTYPE_FLOAT64, &wide), "membrane") &&
        done(c, kdst_tensor_get_data(wide, u, count * 8), "membrane"))
        for (int64_t i = 0; i < count; i++) {
            *margin = fmin(*margin, fabs(u[i] - threshold));
            *fired += u[i] > threshold;
        }
    *of += (double)count;
    kdst_tensor_release(wide);
    free(u);
}

/* ---- losses ---- */

static void set_train(tsslbp_case *c, settings *s, kdst_tensor *train)
{
    int64_t values[64];
    int32_t data[64];
    const int64_t count = kdst_tensor_get_count(train);
    if (count > 64) problem(c->v, "desired_train is too long");
    if (count > 64 || !done(c, kdst_tensor_get_data(train, data, count * 4), "desired_train")) return;
    for (int64_t i = 0; i < count; i++)
        values[i] = data[i];
    if (!s->status) s->status = kdst_options_set_ints(s->options, "train", values, count);
}

kdst_loss *spike_loss(tsslbp_case *c, fields *network, const char *filters, kdst_tensor *train)
{
    settings s = settings_new();
    kdst_context *ctx = c->r->ctx;
    kdst_loss *loss = NULL;
    const char *kind = fields_text(network, "loss");
    const double tau_s = fields_number(network, "tau_s"), desired = fields_number(network, "desired_count"),
                 undesired = fields_number(network, "undesired_count");
    fields_inform(network, "tau_m"); /* of the neurons that made psc_out */
    if (!strcmp(kind, "kernel")) {
        set_float(&s, "tau_s", tau_s);
        if (filters) set_int(&s, "filters", filters[0] - '0');
        if (train) set_train(c, &s, train);
        if (settings_sound(c, &s)) done(c, kdst_loss_spike_kernel_create(ctx, s.options, &loss), kind);
    } else if (!strcmp(kind, "count")) {
        set_float(&s, "desired", desired);
        set_float(&s, "undesired", undesired);
        if (settings_sound(c, &s)) done(c, kdst_loss_spike_count_create(ctx, s.options, &loss), kind);
    } else if (!strcmp(kind, "softmax"))
        done(c, kdst_loss_spike_softmax_create(ctx, &loss), kind);
    else
        problem(c->v, "loss \"%.64s\" is unknown", kind);
    kdst_options_release(s.options);
    return loss;
}
