/* SPDX-License-Identifier: Apache-2.0 */
/* Networks on sentences: natural-language inference on pairs, and sentiment (Mu and Andreas, Compositional Explanations of Neurons,
 * 2020; the pair model after Bowman et al., 2016).
 *
 * encoder: embedding (padding index 1), one LSTM layer; e = its h at the last real token. With u and v of both sentences:
 *   nli_bowman   z = [u, v, u - v, u v], batch norm, dropout 0.1, linear to 1024, relu, dropout 0.1, linear to the classes;
 *   nli_minimal  z = u v, batch norm, dropout 0.1, linear to the classes;
 *   sentiment    e, dropout 0.5, linear to 50, relu, dropout 0.5, linear to 1, output [N].
 * The neurons explained are those of "mlp.1", of "pair" and of "mlp.1". Tokens int32 [T, N], lengths int32 [N] in any order.
 */
#include "nn/text.h"

#include <kdst/indexing.h>
#include <kdst/sequence.h>

#include <inttypes.h>
#include <string.h>

#define PADDING 1 /* token */

typedef struct config {
    int64_t vocabulary, embedding, hidden, mlp, classes;
    double dropout;
    int32_t dtype;
} config;

static const kdst__option options[] = {
    KDST__INT(config, vocabulary, 0, 0, INT32_MAX, "number of tokens, at least 2; must be set"),
    KDST__INT(config, embedding, 300, 1, 1000000, "size of a token's vector"),
    KDST__INT(config, hidden, 512, 1, 1000000, "units of the LSTM"),
    KDST__INT(config, mlp, 0, 0, 1000000, "hidden units of the classifier; 0: the network's own"),
    KDST__INT(config, classes, 0, 0, 1000000, "number of outputs; 0: the network's own"),
    KDST__FLOAT_BELOW(config, dropout, -1, -1, 1, "rate of the dropout layers; -1: the network's own"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_model_text = {"model.text", options, KDST__COUNT(options), NULL, 0};

/* ---- encoder: (tokens, lengths) -> e [N, H]; children emb, rnn ---- */

static void encoder_ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    (void)layer;
    *out = (kdst__layer_ports){2, 0, 1};
}

static kdst_status encoder_run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const kdst_tensor *tokens = inputs[0], *lengths = inputs[1];
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    kdst_tensor *rows[2] = {NULL, inputs[1]};
    (void)count;
    if (tokens->rank != 2 || lengths->rank != 1 || lengths->shape[0] != tokens->shape[1])
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_SHAPE,
            "text_encoder: tokens is %s, lengths is %s: layer expects [T, N] and [N]",
            kdst__shape_text(tokens->rank, tokens->shape, a), kdst__shape_text(lengths->rank, lengths->shape, b));
    kdst_status status = kdst__layer_run(layer->children[0], inputs[0], &rows[0]);
    if (status == KDST_STATUS_OK) status = kdst__layer_run_many(layer->children[1], rows, 2, out);
    kdst_tensor_release(rows[0]);
    return status;
}

static const kdst__layer_kind encoder_kind = {
    .name = "text_encoder", .bytes = sizeof(kdst_layer), .run_many = encoder_run, .ports = encoder_ports};

/* ---- pair: (u, v) -> z ---- */

static void pair_ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    (void)layer;
    *out = (kdst__layer_ports){2, 0, 1};
}

static kdst_status check_pair(const kdst_layer *layer, const kdst_tensor *u, const kdst_tensor *v)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    if (kdst__tensor_same_shape(u, v)) return KDST_STATUS_OK;
    return kdst__fail(
        layer->base.ctx, KDST_STATUS_SHAPE, "%s: the first sentences give %s, the second %s", layer->kind->name,
        kdst__shape_text(u->rank, u->shape, a), kdst__shape_text(v->rank, v->shape, b));
}

static kdst_status product_run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)count;
    kdst_status status = check_pair(layer, inputs[0], inputs[1]);
    return status == KDST_STATUS_OK ? kdst_mul(inputs[0], inputs[1], out) : status;
}

static kdst_status features_run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *parts[4] = {inputs[0], inputs[1], NULL, NULL};
    (void)count;
    kdst_status status = check_pair(layer, inputs[0], inputs[1]);
    if (status == KDST_STATUS_OK) status = kdst_sub(inputs[0], inputs[1], &parts[2]);
    if (status == KDST_STATUS_OK) status = kdst_mul(inputs[0], inputs[1], &parts[3]);
    if (status == KDST_STATUS_OK) status = kdst_concat(parts, 4, 1, out);
    kdst_tensor_release(parts[3]);
    kdst_tensor_release(parts[2]);
    return status;
}

static const kdst__layer_kind product_kind = {
    .name = "pair_product", .bytes = sizeof(kdst_layer), .run_many = product_run, .ports = pair_ports};
static const kdst__layer_kind features_kind = {
    .name = "pair_features", .bytes = sizeof(kdst_layer), .run_many = features_run, .ports = pair_ports};

/* ---- pair_encoder: (tokens1, lengths1, tokens2, lengths2) -> z; children encoder, pair ---- */

static void pair_encoder_ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    (void)layer;
    *out = (kdst__layer_ports){4, 0, 1};
}

static kdst_status pair_encoder_run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    kdst_tensor *both[2] = {NULL, NULL};
    (void)count;
    kdst_status status = kdst__layer_run_many(layer->children[0], inputs, 2, &both[0]);
    if (status == KDST_STATUS_OK) status = kdst__layer_run_many(layer->children[0], inputs + 2, 2, &both[1]);
    if (status == KDST_STATUS_OK) status = kdst__layer_run_many(layer->children[1], both, 2, out);
    kdst_tensor_release(both[1]);
    kdst_tensor_release(both[0]);
    return status;
}

static const kdst__layer_kind pair_encoder_kind = {
    .name = "pair_encoder", .bytes = sizeof(kdst_layer), .run_many = pair_encoder_run, .ports = pair_encoder_ports};

/* ---- score: [N, 1] -> [N] ---- */

static kdst_status score_run(kdst_layer *layer, kdst_tensor *x, kdst_tensor **out)
{
    (void)layer;
    if (x->rank == 2 && x->shape[1] == 1) return kdst_reshape(x, 1, x->shape, out);
    kdst_tensor_retain(*out = x);
    return KDST_STATUS_OK;
}

static const kdst__layer_kind score_kind = {.name = "score", .bytes = sizeof(kdst_layer), .run = score_run};

/* ---- building ---- */

typedef struct builder {
    kdst_context *ctx;
    const config *c;
    double rate; /* of dropout */
    kdst_status status;
} builder;

/* Adds what has just been made, and lets go of it. After a failure this and what follows do nothing. */
static void add(builder *b, kdst_layer *parent, const char *name, kdst_layer *child)
{
    if (b->status == KDST_STATUS_OK) b->status = kdst__layer_attach("model_create", parent, name, child);
    kdst_layer_release(child);
}

static kdst_layer *of_kind(builder *b, const kdst__layer_kind *kind)
{
    kdst_layer *layer = NULL;
    if (b->status == KDST_STATUS_OK) b->status = kdst__layer_new(b->ctx, kind, &layer);
    return layer;
}

static kdst_layer *sequence(builder *b)
{
    kdst_layer *layer = NULL;
    if (b->status == KDST_STATUS_OK) b->status = kdst_layer_sequential_create(b->ctx, &layer);
    return layer;
}

static kdst_layer *linear(builder *b, int64_t in, int64_t out)
{
    const kdst__weighted_config settings = {.bias = 1, .dtype = b->c->dtype, .init = KDST__INIT_PYTORCH};
    kdst_layer *layer = NULL;
    if (b->status == KDST_STATUS_OK) b->status = kdst__layer_linear_new(b->ctx, in, out, &settings, &layer);
    return layer;
}

static kdst_layer *norm(builder *b, int64_t features)
{
    const kdst__norm_config settings = {.eps = 1e-5, .momentum = 0.1, .affine = 1, .dtype = b->c->dtype};
    kdst_layer *layer = NULL;
    if (b->status == KDST_STATUS_OK) b->status = kdst__layer_batch_norm_new(b->ctx, features, &settings, &layer);
    return layer;
}

static kdst_layer *dropout(builder *b)
{
    kdst_layer *layer = NULL;
    if (b->status == KDST_STATUS_OK) b->status = kdst_layer_dropout_create(b->ctx, b->rate, &layer);
    return layer;
}

static kdst_layer *relu(builder *b)
{
    kdst_layer *layer = NULL;
    if (b->status == KDST_STATUS_OK) b->status = kdst_layer_activation_create(b->ctx, "relu", &layer);
    return layer;
}

static kdst_layer *encoder(builder *b)
{
    const kdst__embedding_config table = {PADDING, b->c->dtype};
    const kdst__lstm_config recurrent = {.num_layers = 1, .bias = 1, .result = 2, .dtype = b->c->dtype};
    kdst_layer *layer = of_kind(b, &encoder_kind), *child = NULL;
    if (b->status == KDST_STATUS_OK)
        b->status = kdst__layer_embedding_new(b->ctx, b->c->vocabulary, b->c->embedding, &table, &child);
    add(b, layer, "emb", child);
    child = NULL;
    if (b->status == KDST_STATUS_OK)
        b->status = kdst__layer_lstm_new(b->ctx, b->c->embedding, b->c->hidden, &recurrent, &child);
    add(b, layer, "rnn", child);
    return layer;
}

/* linear, relu, dropout, linear */
static kdst_layer *classifier(builder *b, int64_t in, int64_t hidden, int64_t out)
{
    kdst_layer *layer = sequence(b);
    add(b, layer, NULL, linear(b, in, hidden));
    add(b, layer, NULL, relu(b));
    add(b, layer, NULL, dropout(b));
    add(b, layer, NULL, linear(b, hidden, out));
    return layer;
}

static kdst_layer *pairs(builder *b, bool bowman)
{
    int64_t features = (bowman ? 4 : 1) * b->c->hidden, classes = b->c->classes > 0 ? b->c->classes : 3;
    kdst_layer *layer = sequence(b), *both = of_kind(b, &pair_encoder_kind);
    add(b, both, "encoder", encoder(b));
    add(b, both, "pair", of_kind(b, bowman ? &features_kind : &product_kind));
    add(b, layer, "", both);
    add(b, layer, "bn", norm(b, features));
    add(b, layer, "dropout", dropout(b));
    if (bowman)
        add(b, layer, "mlp", classifier(b, features, b->c->mlp > 0 ? b->c->mlp : 1024, classes));
    else
        add(b, layer, "mlp", linear(b, features, classes));
    return layer;
}

static kdst_layer *sentiment(builder *b)
{
    kdst_layer *layer = sequence(b);
    add(b, layer, "encoder", encoder(b));
    add(b, layer, "dropout", dropout(b));
    add(b, layer, "mlp",
        classifier(b, b->c->hidden, b->c->mlp > 0 ? b->c->mlp : 50, b->c->classes > 0 ? b->c->classes : 1));
    add(b, layer, "score", of_kind(b, &score_kind));
    return layer;
}

static kdst_status check(kdst_context *ctx, const kdst__model *model, const config *c)
{
    if (c->vocabulary < 2)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "model_create: vocabulary is %" PRId64 ", %s needs at least 2 tokens, of which %d is the padding",
            c->vocabulary, model->name, PADDING);
    if (c->dropout < 0 && c->dropout != -1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: dropout is %g, allowed are [0, 1) and -1", c->dropout);
    if (c->mlp > 0 && model->args[0] == KDST__TEXT_MINIMAL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "model_create: mlp is %" PRId64 ", but %s has no hidden units there",
            c->mlp, model->name);
    return KDST_STATUS_OK;
}

kdst_status
kdst__model_text_create(kdst_context *ctx, const kdst__model *model, const kdst_options *given, kdst_layer **out)
{
    config c;
    kdst_status status = kdst__options_parse(ctx, "model_create", &kdst__schema_model_text, given, &c);
    if (status == KDST_STATUS_OK) status = check(ctx, model, &c);
    if (status != KDST_STATUS_OK) return status;
    bool pair = model->args[0] != KDST__TEXT_SENTIMENT;
    builder b = {.ctx = ctx, .c = &c, .rate = c.dropout >= 0 ? c.dropout : pair ? 0.1 : 0.5};
    kdst_layer *layer = pair ? pairs(&b, model->args[0] == KDST__TEXT_BOWMAN) : sentiment(&b);
    if (b.status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return b.status;
    }
    kdst__layer_set_training(layer, true);
    *out = layer;
    return KDST_STATUS_OK;
}
