/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors [...] as input over time [T, ...]; encode.c has the codes. */
#include "data/encode.h"

#include "core/threads.h"
#include "tensor/tensor.h"

#include <kdst/encoding.h>
#include <kdst/shape.h>

#include <math.h>
#include <string.h>

static const kdst__option poisson_options[] = {
    KDST__FLOAT(kdst__encode, rate, 1, 0, 1, "spikes a step where x is 1"),
};
const kdst__schema kdst__schema_encoding_poisson = {
    "encoding.poisson", poisson_options, KDST__COUNT(poisson_options), NULL, 0};

static const kdst__option latency_options[] = {
    KDST__CHOICE(kdst__encode, rule, "linear", "linear|logarithmic", "time of the spike"),
    KDST__FLOAT_BELOW(kdst__encode, threshold, 0.01, 0, 1, "what is not above it never fires"),
    KDST__FLOAT(
        kdst__encode, tau, 0, 0, INFINITY, "time constant in steps, logarithmic; 0: so that the steps are used"),
};
const kdst__schema kdst__schema_encoding_latency = {
    "encoding.latency", latency_options, KDST__COUNT(latency_options), NULL, 0};

/* Elements times steps worth a piece of work. */
enum { GRAIN = 16384, QUADS = 4 };

typedef struct cut {
    const kdst__encode *encode;
    kdst__encode_part whole;
    int64_t pieces;
} cut;

static void run_piece(void *arg, int64_t piece, int32_t worker)
{
    const cut *c = arg;
    kdst__encode_part part = c->whole;
    int64_t quads = part.count / QUADS + (part.count % QUADS != 0), begin, end;
    (void)worker;
    kdst__piece_range(quads, c->pieces, piece, &begin, &end);
    part.begin = begin * QUADS;
    part.end = end * QUADS < part.count ? end * QUADS : part.count;
    kdst__encode_run(c->encode, &part);
}

static kdst_status check_input(const char *function, const kdst_tensor *x, int64_t steps)
{
    kdst_context *ctx = x->base.ctx;
    if (!kdst__dtype_is_float(x->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "%s: x is %s, expected float32 or float64", function,
            kdst_dtype_get_name(x->dtype));
    if (steps < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: steps is %lld, allowed is 1 or more", function, (long long)steps);
    if (x->rank < KDST__MAX_RANK) return KDST_STATUS_OK;
    return kdst__fail(
        ctx, KDST_STATUS_SHAPE, "%s: x has %d axes, with time there would be more than %d", function, (int)x->rank,
        KDST__MAX_RANK);
}

static kdst_status check_values(const char *function, const kdst__encode *e, const kdst_tensor *x)
{
    bool wide = x->dtype == KDST_DTYPE_FLOAT64;
    int64_t count = kdst__tensor_count(x), i = kdst__encode_find_bad(e, kdst__tensor_data(x), wide, count);
    if (i == count) return KDST_STATUS_OK;
    const void *data = kdst__tensor_data(x);
    return kdst__fail(
        x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: element %lld is %g, allowed is [0, 1]", function, (long long)i,
        wide ? ((const double *)data)[i] : ((const float *)data)[i]);
}

static void shape_over_time(const kdst_tensor *x, int64_t steps, int64_t shape[KDST__MAX_RANK])
{
    shape[0] = steps;
    for (int32_t i = 0; i < x->rank; i++)
        shape[i + 1] = x->shape[i];
}

/* Spikes of a set up code. */
static kdst_status make_spikes(const char *function, const kdst__encode *e, kdst_tensor *x, kdst_tensor **out)
{
    kdst_tensor *from = NULL;
    int64_t shape[KDST__MAX_RANK];
    kdst_status status = kdst__tensor_need_data(function, x);
    if (!status) status = kdst__tensor_to_contiguous(function, x, &from);
    if (!status) status = check_values(function, e, from);
    shape_over_time(x, e->steps, shape);
    if (!status) status = kdst__tensor_new(x->base.ctx, function, x->dtype, x->rank + 1, shape, false, out);
    if (!status) {
        int64_t count = kdst__tensor_count(from);
        cut c = {.encode = e, .whole = {.x = kdst__tensor_data(from), .out = kdst__tensor_data(*out), .count = count}};
        c.whole.stride = count;
        c.whole.wide = x->dtype == KDST_DTYPE_FLOAT64;
        c.pieces = kdst__pieces(count / QUADS + (count % QUADS != 0), GRAIN / QUADS / e->steps + 1);
        if (e->kind == KDST__ENCODE_POISSON) kdst__next_stream(x->base.ctx, &c.whole.seed, &c.whole.stream);
        kdst__pool_run(kdst__compute_pool(kdst__tensor_compute(from)), c.pieces, run_piece, &c);
    }
    kdst__handle_release(from);
    return status;
}

/* Beginning of a function: INVALID_ARGUMENT, DTYPE, SHAPE. */
static kdst_status begin(const char *function, const kdst_tensor *x, int64_t steps, kdst_tensor **out)
{
    if (out) *out = NULL;
    if (!x) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(x->base.ctx);
    if (!out) return kdst__fail(x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    return check_input(function, x, steps);
}

kdst_status kdst_encoding_static(kdst_tensor *x, int64_t steps, kdst_tensor **out)
{
    kdst_tensor *once = NULL;
    int64_t shape[KDST__MAX_RANK];
    kdst_status status = begin("encoding_static", x, steps, out);
    if (status) return status;
    shape_over_time(x, 1, shape);
    status = kdst_reshape(x, x->rank + 1, shape, &once);
    shape[0] = steps;
    if (!status) status = kdst_broadcast_to(once, x->rank + 1, shape, out);
    kdst__handle_release(once);
    return status;
}

kdst_status kdst_encoding_poisson(kdst_tensor *x, int64_t steps, const kdst_options *options, kdst_tensor **out)
{
    static const char function[] = "encoding_poisson";
    kdst__encode e = {0};
    kdst_status status = begin(function, x, steps, out);
    if (!status) status = kdst__options_parse(x->base.ctx, function, &kdst__schema_encoding_poisson, options, &e);
    e.kind = KDST__ENCODE_POISSON;
    e.steps = steps;
    return status ? status : make_spikes(function, &e, x, out);
}

kdst_status kdst_encoding_latency(kdst_tensor *x, int64_t steps, const kdst_options *options, kdst_tensor **out)
{
    static const char function[] = "encoding_latency";
    kdst__encode e = {0};
    kdst_status status = begin(function, x, steps, out);
    if (!status) status = kdst__options_parse(x->base.ctx, function, &kdst__schema_encoding_latency, options, &e);
    e.kind = KDST__ENCODE_LATENCY;
    e.steps = steps;
    if (!status) status = kdst__encode_set_up(x->base.ctx, function, &e);
    return status ? status : make_spikes(function, &e, x, out);
}
