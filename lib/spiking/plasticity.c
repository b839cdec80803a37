/* SPDX-License-Identifier: Apache-2.0 */
/* Trains, traces and bounds of local learning. Nothing is changed before everything that can fail has been done. */
#include "spiking/plasticity.h"

#include <inttypes.h>
#include <string.h>

kdst_status kdst__weight_bounds_check(kdst_context *ctx, const char *function, const kdst__weight_bounds *bounds)
{
    if (bounds->bounds == KDST__BOUNDS_NONE || bounds->w_min < bounds->w_max) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: w_min is %g, it must lie below w_max, %g", function, bounds->w_min,
        bounds->w_max);
}

/* ---- trains ---- */

static kdst_status check_tensor(kdst_context *ctx, const char *function, const char *name, const kdst_tensor *t)
{
    if (t != NULL && t->base.ctx == ctx) return kdst__tensor_need_data(function, t);
    return kdst__fail(
        ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s %s", function, name,
        t == NULL ? "is NULL" : "belongs to another context");
}

static kdst_status check_weight(kdst_context *ctx, const char *function, const kdst_tensor *weight)
{
    char text[KDST__SHAPE_TEXT];
    kdst_status status = check_tensor(ctx, function, "weight", weight);
    if (status != KDST_STATUS_OK) return status;
    if (!kdst__dtype_is_float(weight->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: weight is %s, expected float32 or float64", function,
            kdst_dtype_get_name(weight->dtype));
    if (weight->rank == 2) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_SHAPE, "%s: weight is %s, expected [post, pre]", function,
        kdst__shape_text(weight->rank, weight->shape, text));
}

static kdst_status
check_spikes(kdst_context *ctx, const char *function, const char *name, bool sequence, const kdst_tensor *x)
{
    char text[KDST__SHAPE_TEXT];
    kdst_status status = check_tensor(ctx, function, name, x);
    if (status != KDST_STATUS_OK) return status;
    if (x->dtype == KDST_DTYPE_INT32)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: %s is int32, expected uint8, bool, float32 or float64", function, name);
    if (x->rank == 1 + sequence || x->rank == 2 + sequence) {
        if (!sequence || x->shape[0] > 0) return KDST_STATUS_OK;
        return kdst__fail(ctx, KDST_STATUS_SHAPE, "%s: %s has no step, at least 1 is needed", function, name);
    }
    return kdst__fail(
        ctx, KDST_STATUS_SHAPE, "%s: %s is %s, expected %s", function, name, kdst__shape_text(x->rank, x->shape, text),
        sequence ? "[T, neurons] or [T, N, neurons]" : "[neurons] or [N, neurons]");
}

/* The same steps and samples on both sides, and neurons as the weight has them. */
static kdst_status check_sizes(
    kdst_context *ctx, const char *function, const kdst_tensor *pre, const kdst_tensor *post, const kdst_tensor *w)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT], c[KDST__SHAPE_TEXT];
    const int32_t last = pre->rank - 1;
    if (pre->rank == post->rank && memcmp(pre->shape, post->shape, (size_t)last * sizeof *pre->shape) == 0 &&
        pre->shape[last] == w->shape[1] && post->shape[last] == w->shape[0])
        return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_SHAPE, "%s: pre is %s, post is %s, weight [post, pre] is %s", function,
        kdst__shape_text(pre->rank, pre->shape, a), kdst__shape_text(post->rank, post->shape, b),
        kdst__shape_text(2, w->shape, c));
}

static double value_at(const kdst_tensor *t, int64_t i)
{
    const void *data = kdst__tensor_data(t);
    return t->dtype == KDST_DTYPE_FLOAT32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* New contiguous numbers of `dtype`; each 0 or 1. */
static kdst_status take_spikes(
    kdst_context *ctx, const char *function, const char *name, kdst_dtype dtype, kdst_tensor *x, kdst_tensor **out)
{
    kdst_status status = kdst__tensor_new(ctx, function, dtype, x->rank, x->shape, false, out);
    if (status == KDST_STATUS_OK) status = kdst__tensor_assign(function, *out, x);
    if (status != KDST_STATUS_OK) return status;
    const int64_t count = kdst__tensor_count(*out);
    for (int64_t i = 0; i < count; i++) {
        const double value = value_at(*out, i);
        if (value != 0 && value != 1)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: element %" PRId64 " of %s is %g, spikes are 0 or 1", function,
                i, name, value);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__train_open(
    kdst_context *ctx, const char *function, bool sequence, kdst_tensor *pre, kdst_tensor *post, kdst_tensor *weight,
    kdst__train *out)
{
    memset(out, 0, sizeof *out);
    kdst_status status = check_spikes(ctx, function, "pre", sequence, pre);
    if (status == KDST_STATUS_OK) status = check_spikes(ctx, function, "post", sequence, post);
    if (status == KDST_STATUS_OK) status = check_weight(ctx, function, weight);
    if (status == KDST_STATUS_OK) status = check_sizes(ctx, function, pre, post, weight);
    if (status == KDST_STATUS_OK) status = take_spikes(ctx, function, "pre", weight->dtype, pre, &out->pre);
    if (status == KDST_STATUS_OK) status = take_spikes(ctx, function, "post", weight->dtype, post, &out->post);
    if (status == KDST_STATUS_OK) status = kdst__tensor_to_contiguous(function, weight, &out->work);
    if (status != KDST_STATUS_OK) return status;
    out->given = weight;
    out->rank = pre->rank - sequence;
    out->steps = sequence ? pre->shape[0] : 1;
    out->samples = out->rank == 2 ? pre->shape[pre->rank - 2] : 1;
    out->m = weight->shape[0];
    out->n = weight->shape[1];
    return KDST_STATUS_OK;
}

void kdst__train_close(kdst__train *train)
{
    kdst__handle_release(train->work);
    kdst__handle_release(train->post);
    kdst__handle_release(train->pre);
}

kdst_status kdst__train_keep(const char *function, const kdst__train *train)
{
    kdst__tensor_touch(train->work);
    return train->work == train->given ? KDST_STATUS_OK : kdst__tensor_assign(function, train->given, train->work);
}

/* ---- traces ---- */

void kdst__traces_drop(kdst__traces *traces)
{
    for (int i = 0; i < KDST__TRACES; i++) {
        kdst__handle_release(traces->trace[i]);
        traces->trace[i] = NULL;
    }
}

static bool fits(const kdst_tensor *trace, const kdst__train *train, int64_t neurons)
{
    return trace->rank == train->rank && trace->shape[trace->rank - 1] == neurons &&
        (trace->rank == 1 || trace->shape[0] == train->samples);
}

kdst_status kdst__traces_fit(
    kdst_context *ctx, const char *function, kdst__traces *traces, int count, const kdst__train *train, bool *out_new)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_tensor **trace = traces->trace;
    *out_new = trace[0] == NULL;
    if (!*out_new && trace[0]->dtype != train->work->dtype)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: weight is %s, the traces are %s", function,
            kdst_dtype_get_name(train->work->dtype), kdst_dtype_get_name(trace[0]->dtype));
    if (!*out_new && fits(trace[0], train, train->n) && fits(trace[1], train, train->m)) return KDST_STATUS_OK;
    if (!*out_new)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE,
            "%s: %s%" PRId64 " samples of %" PRId64 " neurons before and %" PRId64 " behind, the traces are %s and %s",
            function, train->rank == 1 ? "unbatched, " : "", train->samples, train->n, train->m,
            kdst__shape_text(trace[0]->rank, trace[0]->shape, a), kdst__shape_text(trace[1]->rank, trace[1]->shape, b));
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < count && status == KDST_STATUS_OK; i++) {
        const int64_t neurons = i == 0 ? train->n : train->m, shape[2] = {train->samples, neurons};
        status = kdst__tensor_new(
            ctx, function, train->work->dtype, train->rank, train->rank == 2 ? shape : &neurons, true, &trace[i]);
    }
    if (status != KDST_STATUS_OK) kdst__traces_drop(traces);
    return status;
}

static kdst_status copy_of(const char *function, kdst_tensor *t, kdst_tensor **out)
{
    kdst_status status = kdst__tensor_new_like(function, t, false, out);
    if (status == KDST_STATUS_OK) status = kdst__tensor_assign(function, *out, t);
    return status;
}

kdst_status kdst__traces_get(
    kdst_context *ctx, const char *function, const kdst__traces *traces, int count, kdst_tensor **const out[])
{
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < count; i++)
        if (out[i] == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    if (traces->trace[0] == NULL)
        return kdst__fail(ctx, KDST_STATUS_STATE, "%s: no step has been taken yet, nor have traces been set", function);
    for (int i = 0; i < count && status == KDST_STATUS_OK; i++)
        status = copy_of(function, traces->trace[i], out[i]);
    for (int i = 0; i < count && status != KDST_STATUS_OK; i++) {
        kdst__handle_release(*out[i]);
        *out[i] = NULL;
    }
    return status;
}

static kdst_status
check_trace(kdst_context *ctx, const char *function, const char *name, const kdst_tensor *x, const kdst_tensor *like)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_status status = check_tensor(ctx, function, name, x);
    if (status != KDST_STATUS_OK) return status;
    if (!kdst__dtype_is_float(x->dtype) || x->dtype != like->dtype)
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: %s is %s, expected %s", function, name, kdst_dtype_get_name(x->dtype),
            kdst__dtype_is_float(like->dtype) ? kdst_dtype_get_name(like->dtype) : "float32 or float64");
    if ((x->rank == 1 || x->rank == 2) && x->rank == like->rank && (x->rank == 1 || x->shape[0] == like->shape[0]))
        return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_SHAPE, "%s: pre is %s and %s is %s, expected [neurons] or [N, neurons], both alike", function,
        kdst__shape_text(like->rank, like->shape, a), name, kdst__shape_text(x->rank, x->shape, b));
}

static kdst_status
check_values(kdst_context *ctx, const char *function, const char *name, const kdst_tensor *x, double most)
{
    const int64_t count = kdst__tensor_count(x);
    for (int64_t i = 0; i < count; i++) {
        const double value = value_at(x, i);
        if (!(value >= 0 && value <= most) || isinf(value))
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: element %" PRId64 " of %s is %g, allowed is 0 to %g", function,
                i, name, value, most);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst__traces_set(
    kdst_context *ctx, const char *function, kdst__traces *traces, int count, const char *const names[],
    kdst_tensor *const given[], const double most[])
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst__traces made = {{NULL}};
    kdst_status status = check_tensor(ctx, function, names[0], given[0]);
    for (int i = 0; i < count && status == KDST_STATUS_OK; i++)
        status = check_trace(ctx, function, names[i], given[i], given[0]);
    if (status == KDST_STATUS_OK && count == 3 && !kdst__tensor_same_shape(given[1], given[2]))
        status = kdst__fail(
            ctx, KDST_STATUS_SHAPE, "%s: %s is %s, %s is %s", function, names[1],
            kdst__shape_text(given[1]->rank, given[1]->shape, a), names[2],
            kdst__shape_text(given[2]->rank, given[2]->shape, b));
    for (int i = 0; i < count && status == KDST_STATUS_OK; i++) {
        status = copy_of(function, given[i], &made.trace[i]);
        if (status == KDST_STATUS_OK) status = check_values(ctx, function, names[i], made.trace[i], most[i]);
    }
    if (status != KDST_STATUS_OK) {
        kdst__traces_drop(&made);
        return status;
    }
    kdst__traces_drop(traces);
    *traces = made;
    return KDST_STATUS_OK;
}
