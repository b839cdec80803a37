/* SPDX-License-Identifier: Apache-2.0 */
/* pad_axes: padding of several axes, by a value or by elements of x.
 *
 * One axis after the other: constant by pad; the others are selections, recorded as index_select. With n the size of the
 * axis, element i of the padded one is that of x at
 *   reflect    |i - before| from the front, mirrored at the end without repeating it; before, after < n
 *   replicate  clamp(i - before, 0, n - 1)
 *   circular   (i - before) mod n; before, after <= n
 */
#include "autograd/ops.h"

#include <inttypes.h>

enum { CONSTANT, REFLECT, REPLICATE, CIRCULAR };

typedef struct config {
    int32_t mode;
    double value;
} config;

static const kdst__option options_table[] = {
    KDST__CHOICE(config, mode, "constant", "constant|reflect|replicate|circular", "what stands in the padding"),
    KDST__FLOAT(config, value, 0, -INFINITY, INFINITY, "mode \"constant\": the value"),
};
const kdst__schema kdst__schema_pad = {"pad", options_table, KDST__COUNT(options_table), NULL, 0};

/* Where in x element i - before lies. */
static int64_t source(int64_t at, int64_t n, int32_t mode)
{
    if (mode == REPLICATE) return at < 0 ? 0 : at < n ? at : n - 1;
    if (mode == CIRCULAR) return at < 0 ? at + n : at < n ? at : at - n;
    return at < 0 ? -at : at < n ? at : 2 * (n - 1) - at;
}

static kdst_status check_axis(kdst_context *ctx, int64_t axis, int64_t n, int64_t before, int64_t after, int32_t mode)
{
    static const char *const names[] = {"constant", "reflect", "replicate", "circular"};
    int64_t most = mode == REFLECT ? n - 1 : mode == CIRCULAR ? n : INT64_MAX, total = n;
    const char *which = before < 0 || before > most ? "before" : "after";
    int64_t wrong = before < 0 || before > most ? before : after;
    if (wrong < 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "pad_axes: %s of axis %" PRId64 " is %" PRId64 ", allowed is 0 and more",
            which, axis, wrong);
    if (mode == CONSTANT || (before == 0 && after == 0)) return KDST_STATUS_OK;
    if (n == 0)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "pad_axes: axis %" PRId64 " has size 0: mode \"%s\" has nothing to pad with", axis,
            names[mode]);
    if (wrong > most)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE,
            "pad_axes: %s of axis %" PRId64 " is %" PRId64 ", allowed in mode \"%s\" is 0 to %" PRId64, which, axis,
            wrong, names[mode], most);
    if (__builtin_add_overflow(total, before, &total) || __builtin_add_overflow(total, after, &total) || n > INT32_MAX)
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE,
            "pad_axes: axis %" PRId64 " of size %" PRId64 " grows too large by %" PRId64 " and %" PRId64, axis, n,
            before, after);
    return KDST_STATUS_OK;
}

/* One axis by its own elements. */
static kdst_status
pad_axis(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, int32_t mode, kdst_tensor **out)
{
    kdst_tensor *indices = NULL;
    int64_t n = x->shape[axis], total = before + n + after;
    kdst_status status = kdst__tensor_new(x->base.ctx, "pad_axes", KDST_DTYPE_INT32, 1, &total, false, &indices);
    if (status != KDST_STATUS_OK) return status;
    int32_t *values = kdst__tensor_data(indices);
    for (int64_t i = 0; i < total; i++)
        values[i] = (int32_t)source(i - before, n, mode);
    status = kdst_index_select(x, axis, indices, out);
    kdst__handle_release(indices);
    return status;
}

static kdst_status check(kdst_tensor *x, const int64_t *before, const int64_t *after, int64_t count, int32_t mode)
{
    kdst_context *ctx = x->base.ctx;
    if (!kdst__dtype_is_float(x->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "pad_axes: x is %s, expected float32 or float64", kdst_dtype_get_name(x->dtype));
    if (count != x->rank)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "pad_axes: count is %" PRId64 ", x has rank %d", count, x->rank);
    if (count > 0 && (before == NULL || after == NULL))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "pad_axes: %s is NULL", before == NULL ? "before" : "after");
    kdst_status status = KDST_STATUS_OK;
    for (int32_t i = 0; i < x->rank && status == KDST_STATUS_OK; i++)
        status = check_axis(ctx, i, x->shape[i], before[i], after[i], mode);
    return status;
}

kdst_status kdst_pad_axes(
    kdst_tensor *x, const int64_t *before, const int64_t *after, int64_t count, const kdst_options *options,
    kdst_tensor **out)
{
    config c;
    if (out != NULL) *out = NULL;
    if (x == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "pad_axes: out is NULL");
    kdst_status status = kdst__options_parse(ctx, "pad_axes", &kdst__schema_pad, options, &c);
    if (status == KDST_STATUS_OK) status = check(x, before, after, count, c.mode);
    if (status != KDST_STATUS_OK) return status;
    kdst_tensor *y = NULL;
    for (int32_t i = 0; i < x->rank && status == KDST_STATUS_OK; i++) {
        kdst_tensor *from = y == NULL ? x : y, *to = NULL;
        if (before[i] == 0 && after[i] == 0) continue;
        status = c.mode == CONSTANT ? kdst__pad_run(from, i, before[i], after[i], c.value, &to)
                                    : pad_axis(from, i, before[i], after[i], c.mode, &to);
        kdst__handle_release(y);
        y = to;
    }
    if (status == KDST_STATUS_OK && y == NULL) return kdst_reshape(x, x->rank, x->shape, out);
    *out = y;
    return status;
}
