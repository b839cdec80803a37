/* SPDX-License-Identifier: Apache-2.0 */
/* embedding: the rows of a table that int32 tokens name. weight [V, D], tokens of any shape, y [.., D].
 *
 * The table is drawn from N(0, 1); the row of the padding index is 0 and gets no gradient.
 */
#include "nn/layer.h"

#include <kdst/sequence.h>

#include <inttypes.h>
#include <string.h>

typedef struct embedding {
    kdst_layer base;
    int64_t padding_index;
} embedding;

static const kdst__option options[] = {
    KDST__INT(kdst__embedding_config, padding_index, -1, -1, INT32_MAX, "token whose row is 0 and stays so; -1: none"),
    KDST__CHOICE(kdst__embedding_config, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_layer_embedding = {"layer.embedding", options, KDST__COUNT(options), NULL, 0};

static kdst_status run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    return kdst__embedding_run(layer->tensors[0].tensor, x, ((embedding *)layer)->padding_index, out);
}

static const kdst__layer_kind kind = {.name = "embedding", .bytes = sizeof(embedding), .run = run};

kdst_status kdst__layer_embedding_new(
    kdst_context *ctx, int64_t vocabulary, int64_t features, const kdst__embedding_config *config, kdst_layer **out)
{
    const int64_t shape[2] = {vocabulary, features};
    const kdst__init_config init = {.std = 1};
    kdst_dtype dtype = config->dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    kdst_layer *layer;
    kdst_tensor *weight;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    ((embedding *)layer)->padding_index = config->padding_index;
    status = kdst__tensor_new(ctx, "embedding", dtype, 2, shape, true, &weight);
    if (status == KDST_STATUS_OK) status = kdst__layer_hold(layer, "weight", true, weight);
    if (status == KDST_STATUS_OK) status = kdst__init_run(weight, KDST__INIT_NORMAL, &init);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    if (config->padding_index >= 0) {
        size_t bytes = (size_t)features * (size_t)kdst_dtype_get_size(dtype);
        memset((char *)kdst__tensor_data(weight) + (size_t)config->padding_index * bytes, 0, bytes);
    }
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_embedding_create(
    kdst_context *ctx, int64_t vocabulary, int64_t features, const kdst_options *given, kdst_layer **out)
{
    kdst__embedding_config config;
    kdst_status status = kdst__layer_begin(ctx, "embedding", out);
    if (status != KDST_STATUS_OK) return status;
    if (vocabulary < 1 || features < 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "embedding: %s is %" PRId64 ", allowed is 1 and more",
            vocabulary < 1 ? "vocabulary" : "features", vocabulary < 1 ? vocabulary : features);
    status = kdst__options_parse(ctx, "embedding", &kdst__schema_layer_embedding, given, &config);
    if (status == KDST_STATUS_OK && config.padding_index >= vocabulary)
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "embedding: padding_index is %" PRId64 ", vocabulary is %" PRId64,
            config.padding_index, vocabulary);
    return status == KDST_STATUS_OK ? kdst__layer_embedding_new(ctx, vocabulary, features, &config, out) : status;
}
