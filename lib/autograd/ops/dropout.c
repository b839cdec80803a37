/* SPDX-License-Identifier: Apache-2.0 */
/* dropout: zeroes elements with probability `rate`, scales the others (Srivastava et al. 2014, inverted).
 *
 * y_i = x_i m_i / (1 - rate), m_i = [u_i >= rate 2^32] with u_i word i of the context's next Philox stream, so the
 * mask does not
 * depend on the number of threads; dx_i += dy_i m_i / (1 - rate). The mask is saved as bytes. Rate 0 is a copy.
 */
#include "autograd/ops.h"
#include "core/random.h"

typedef struct attrs {
    double rate;
} attrs;

static const kdst__option shown[] = {
    KDST__FLOAT_BELOW(attrs, rate, 0, 0, 1, "probability of a zero"),
};
static const kdst__schema attr_schema = {"dropout", shown, KDST__COUNT(shown), NULL, 0};

/* Words of one Philox block. */
#define WORDS 4
/* Blocks worth a piece of work. */
#define GRAIN 1024

typedef struct draw {
    uint64_t seed, stream, threshold;
    int64_t count, blocks, pieces;
    uint8_t *mask; /* [count] */
} draw;

static void draw_piece(void *arg, int64_t piece, int32_t worker)
{
    const draw *d = arg;
    int64_t begin, end;
    (void)worker;
    kdst__piece_range(d->blocks, d->pieces, piece, &begin, &end);
    for (int64_t block = begin; block < end; block++) {
        uint32_t words[WORDS];
        kdst__philox(d->seed, d->stream, (uint64_t)block, words);
        for (int64_t i = 0; i < WORDS && block * WORDS + i < d->count; i++)
            d->mask[block * WORDS + i] = words[i] >= d->threshold;
    }
}

static kdst_status forward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *x = call->inputs[0], *y = call->out;
    kdst__compute *cp = kdst__tensor_compute(x);
    draw d = {.threshold = (uint64_t)(at->rate * 4294967296.0), .count = kdst__tensor_count(x)};
    kdst_status status =
        kdst__tensor_new(call->ctx, "dropout", KDST_DTYPE_UINT8, x->rank, x->shape, false, &call->saved[0]);
    if (status != KDST_STATUS_OK) return status;
    d.mask = kdst__tensor_data(call->saved[0]);
    d.blocks = d.count / WORDS + (d.count % WORDS != 0);
    d.pieces = kdst__pieces(d.blocks, GRAIN);
    kdst__next_stream(call->ctx, &d.seed, &d.stream);
    kdst__pool_run(kdst__compute_pool(cp), d.pieces, draw_piece, &d);
    kdst__mask(cp, x->dtype, d.count, kdst__tensor_data(x), d.mask, 1 / (1 - at->rate), kdst__tensor_data(y));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dx = call->d_inputs[0];
    if (dx != NULL)
        kdst__mask_backward(
            kdst__tensor_compute(dx), dx->dtype, kdst__tensor_count(dx), kdst__tensor_data(call->d_out),
            kdst__tensor_data(call->saved[0]), 1 / (1 - at->rate), kdst__tensor_data(dx));
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_dropout = {
    .name = "dropout",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &attr_schema,
    .shape = kdst__op_same_as_input,
    .forward = forward,
    .backward = backward,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__dropout_run(kdst_tensor *x, double rate, kdst_tensor **out)
{
    attrs at = {rate};
    return kdst__op_run(&kdst__op_dropout, &x, 1, &at, out);
}

kdst_status kdst_dropout(kdst_tensor *x, double rate, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        if (!(rate >= 0 && rate < 1))
            return kdst__fail(
                x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "dropout: rate is %g, allowed is 0 to below 1", rate);
    }
    return kdst__dropout_run(x, rate, out);
}
