/* SPDX-License-Identifier: Apache-2.0 */
/* embedding: the rows of a table that tokens name.
 *
 * y[.., :] = weight[tokens[..], :]; dweight[v, :] += sum of dy over the positions where the token is v, in their order, and
 * nothing for the padding index, whose row of weight is read as any other.
 * weight [V, D], tokens int32 of any shape up to rank 7, y [.., D].
 */
#include "autograd/indices.h"
#include "autograd/ops.h"

#include <kdst/sequence.h>

#include <inttypes.h>
#include <string.h>

typedef struct attrs {
    int64_t padding_index; /* -1: none */
} attrs;

static const kdst__option options_table[] = {
    KDST__INT(attrs, padding_index, -1, -1, INT32_MAX, "token whose row gets no gradient; -1: none"),
};
const kdst__schema kdst__schema_embedding = {"embedding", options_table, KDST__COUNT(options_table), NULL, 0};

static kdst_status shape(kdst__call *call)
{
    const attrs *at = call->attrs;
    const kdst_tensor *weight = call->inputs[0], *tokens = call->inputs[1];
    char text[KDST__SHAPE_TEXT];
    kdst_status status = kdst__op_need_rank(call, 0, 2, "weight");
    if (status != KDST_STATUS_OK) return status;
    if (tokens->rank >= KDST__MAX_RANK)
        return kdst__fail(
            call->ctx, KDST_STATUS_SHAPE, "embedding: tokens is %s, allowed is a rank of at most %d",
            kdst__shape_text(tokens->rank, tokens->shape, text), KDST__MAX_RANK - 1);
    if (at->padding_index >= weight->shape[0])
        return kdst__fail(
            call->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "embedding: padding_index is %" PRId64 ", weight has %" PRId64 " rows", at->padding_index,
            weight->shape[0]);
    call->rank = tokens->rank + 1;
    memcpy(call->shape, tokens->shape, sizeof call->shape);
    call->shape[tokens->rank] = weight->shape[1];
    return KDST_STATUS_OK;
}

static kdst_status forward(kdst__call *call)
{
    kdst_tensor *weight = call->inputs[0], *tokens = call->inputs[1];
    kdst_status status = kdst__indices_check(call, tokens, weight->shape[0]);
    if (status != KDST_STATUS_OK) return status;
    kdst__rows_select(
        kdst__tensor_compute(weight), kdst_dtype_get_size(weight->dtype), 1, weight->shape[0],
        kdst__tensor_count(tokens), weight->shape[1], kdst__tensor_data(tokens), kdst__tensor_data(weight),
        kdst__tensor_data(call->out));
    return KDST_STATUS_OK;
}

/* What has been added to the row of the padding index is taken back by putting there what was there before. */
static kdst_status backward(kdst__call *call)
{
    const attrs *at = call->attrs;
    kdst_tensor *dweight = call->d_inputs[0], *tokens = call->inputs[1];
    kdst__memory *memory = kdst__context_memory(call->ctx);
    if (dweight == NULL) return KDST_STATUS_OK;
    size_t bytes = (size_t)dweight->shape[1] * (size_t)kdst_dtype_get_size(dweight->dtype);
    char *row = NULL, *kept = NULL;
    if (at->padding_index >= 0) {
        row = (char *)kdst__tensor_data(dweight) + (size_t)at->padding_index * bytes;
        kept = kdst__alloc(memory, bytes);
        if (kept == NULL) return kdst__fail_memory(call->ctx, "embedding");
        memcpy(kept, row, bytes);
    }
    kdst_status status = kdst__rows_add(
        kdst__tensor_compute(dweight), dweight->dtype, 1, dweight->shape[0], kdst__tensor_count(tokens),
        dweight->shape[1], kdst__tensor_data(tokens), kdst__tensor_data(call->d_out), kdst__tensor_data(dweight));
    if (row != NULL) memcpy(row, kept, bytes);
    kdst__free(memory, kept, bytes);
    return status == KDST_STATUS_OK ? status : kdst__fail_memory(call->ctx, "embedding");
}

const kdst__op kdst__op_embedding = {
    .name = "embedding",
    .input_names = {"weight", "tokens"},
    .min_inputs = 2,
    .max_inputs = 2,
    .int_inputs = 2,
    .attr_bytes = sizeof(attrs),
    .attr_schema = &kdst__schema_embedding,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .keep_inputs = 2,
    KDST__DOMAIN(-1, 1)};

kdst_status kdst__embedding_run(kdst_tensor *weight, kdst_tensor *tokens, int64_t padding, kdst_tensor **out)
{
    kdst_tensor *inputs[] = {weight, tokens};
    const attrs at = {padding};
    return kdst__op_run(&kdst__op_embedding, inputs, 2, &at, out);
}

kdst_status kdst_embedding(kdst_tensor *weight, kdst_tensor *tokens, const kdst_options *options, kdst_tensor **out)
{
    attrs at = {-1};
    if (out != NULL) *out = NULL;
    if (weight != NULL) {
        kdst__enter(weight->base.ctx);
        kdst_status status = kdst__options_parse(weight->base.ctx, "embedding", &kdst__schema_embedding, options, &at);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__embedding_run(weight, tokens, at.padding_index, out);
}
