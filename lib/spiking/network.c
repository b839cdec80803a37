/* SPDX-License-Identifier: Apache-2.0 */
/* Spiking networks from the notation of the papers, "32C5-P2-64C5-P2-1024-10" (Zhang and Li 2020, section 4).
 *
 * nCk: n channels by kernels of k x k; Pk: sum pooling of k x k; n: n neurons, fully connected. Names are those of the official files:
 * conv_1, pooling_1, hidden_1 …, and output for the last. Dropout comes behind each layer with neurons but the last, behind its pooling
 * where there is one.
 */
#include "spiking/layers.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INPUT_SEQUENCE, INPUT_STATIC };
enum { MOST = 1000000, MOST_CONVOLUTIONS = 64 };

typedef struct settings {
    int64_t channels, image_size, steps;
    int64_t padding[MOST_CONVOLUTIONS], padding_count;
    double weight_scale, linear_scale, theta, dropout;
    int32_t input, dtype, dropout_unit;
} settings;

static const kdst__option options_table[] = {
    KDST__INT(settings, channels, 1, 1, 65536, "of the input"),
    KDST__INT(settings, image_size, 28, 1, 65536, "height and width of the input"),
    KDST__CHOICE(
        settings, input, "static", "sequence|static",
        "sequence: [T, N, C, H, W] through a synapse; static: [N, C, H, W]"),
    KDST__INT(settings, steps, 5, 1, 1000000, "T of a static input"),
    KDST__INTS_UPTO(
        settings, padding, MOST_CONVOLUTIONS, 0, 1024,
        "zeros around the images: one number for all convolutions, or one for each; none: 0"),
    KDST__FLOAT_ABOVE(settings, weight_scale, 1, 0, 1000, "factor on the initial weights of convolutions"),
    KDST__FLOAT_ABOVE(settings, linear_scale, 1, 0, 1000, "factor on the initial weights of fully connected layers"),
    KDST__FLOAT(settings, theta, 1.1, -INFINITY, INFINITY, "factor of the sum pooling"),
    KDST__FLOAT_BELOW(settings, dropout, 0, 0, 1, "rate of the dropout; 0: none"),
    KDST__CHOICE(settings, dropout_unit, "row", "row|element", "what the dropout draws for"),
    KDST__CHOICE(settings, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_spiking_network = {
    "spiking_network", options_table, KDST__COUNT(options_table), NULL, 0};

typedef struct builder {
    kdst_context *ctx;
    kdst_neuron *neuron;
    const settings *s;
    const char *text;
    kdst_layer *net;
    int64_t features, side; /* of what the next layer sees; side 0: no image */
    int64_t layers, convolutions, poolings, hidden, dropouts;
    int64_t padded; /* convolutions so far, one as output among them */
} builder;

/* One part of the notation. */
typedef struct part {
    int64_t n, k;
    char kind; /* 'C', 'P', or 'F' fully connected */
    bool last;
} part;

static kdst_status wrong(const builder *b, const char *at)
{
    return kdst__fail(
        b->ctx, KDST_STATUS_INVALID_ARGUMENT,
        "spiking_network: \"%.100s\" is not nCk, Pk or n at character %d, such as 32C5-P2-1024-10", b->text,
        (int)(at - b->text) + 1);
}

static bool number(const char **at, int64_t *out)
{
    *out = 0;
    if (!isdigit((unsigned char)**at)) return false;
    while (isdigit((unsigned char)**at) && *out <= MOST)
        *out = *out * 10 + (*(*at)++ - '0');
    return *out >= 1 && *out <= MOST;
}

/* Reads the part at *at, which moves behind it and its dash. */
static kdst_status read_part(const builder *b, const char **at, part *out)
{
    const char *begin = *at;
    *out = (part){.kind = 'F'};
    if (**at == 'P') {
        ++*at;
        out->kind = 'P';
        if (!number(at, &out->k)) return wrong(b, begin);
    } else {
        if (!number(at, &out->n)) return wrong(b, begin);
        if (**at == 'C') {
            ++*at;
            out->kind = 'C';
            if (!number(at, &out->k)) return wrong(b, begin);
        }
    }
    out->last = **at == '\0';
    if (!out->last && *(*at)++ != '-') return wrong(b, *at - 1);
    return !out->last && **at == '\0' ? wrong(b, *at) : KDST_STATUS_OK;
}

/* Adds a layer, whose reference is taken over, under name_number. */
static kdst_status add(builder *b, kdst_status made, const char *name, int64_t number, kdst_layer *layer)
{
    char text[64];
    if (number > 0)
        snprintf(text, sizeof text, "%s_%" PRId64, name, number);
    else
        snprintf(text, sizeof text, "%s", name);
    if (made == KDST_STATUS_OK) made = kdst__layer_attach("spiking_network", b->net, text, layer);
    kdst_layer_release(layer);
    return made;
}

static kdst_status common_options(const builder *b, double scale, kdst_options *o)
{
    const bool constant = b->layers == 0 && b->s->input == INPUT_STATIC;
    kdst_status status = kdst_options_set_float(o, "weight_scale", scale);
    if (status == KDST_STATUS_OK) status = kdst_options_set_string(o, "input", constant ? "static" : "sequence");
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(o, "steps", b->s->steps);
    if (status == KDST_STATUS_OK) status = kdst_options_set_string(o, "dtype", b->s->dtype ? "float64" : "float32");
    return status;
}

static int64_t next_padding(builder *b)
{
    const settings *s = b->s;
    const int64_t i = b->padded++;
    return s->padding_count == 1 ? s->padding[0] : i < s->padding_count ? s->padding[i] : 0;
}

static kdst_status add_convolution(builder *b, const part *p)
{
    kdst_options *o = NULL;
    kdst_layer *layer = NULL;
    const int64_t padding = next_padding(b), side = b->side + 2 * padding - p->k + 1;
    if (side < 1 || b->side == 0)
        return kdst__fail(
            b->ctx, KDST_STATUS_INVALID_ARGUMENT, "spiking_network: %" PRId64 "C%" PRId64 " does not fit %s", p->n,
            p->k, b->side == 0 ? "behind a fully connected layer" : "into what is left of the image");
    kdst_status status = kdst_options_create(&o);
    if (status == KDST_STATUS_OK) status = common_options(b, b->s->weight_scale, o);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(o, "kernel", p->k);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(o, "padding", padding);
    if (status == KDST_STATUS_OK)
        status = kdst_layer_spiking_conv2d_create(b->ctx, b->features, p->n, b->neuron, o, &layer);
    kdst_options_release(o);
    b->features = p->n;
    b->side = side;
    return add(b, status, p->last ? "output" : "conv", p->last ? 0 : ++b->convolutions, layer);
}

static kdst_status add_pooling(builder *b, const part *p)
{
    kdst_options *o = NULL;
    kdst_layer *layer = NULL;
    if (b->layers == 0 || b->side < p->k)
        return kdst__fail(
            b->ctx, KDST_STATUS_INVALID_ARGUMENT, "spiking_network: P%" PRId64 " does not fit %s", p->k,
            b->layers == 0 ? "in front of all neurons" : "into what is left of the image");
    kdst_status status = kdst_options_create(&o);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(o, "kernel", p->k);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(o, "theta", b->s->theta);
    if (status == KDST_STATUS_OK) status = kdst_layer_spiking_pool2d_create(b->ctx, o, &layer);
    kdst_options_release(o);
    b->side /= p->k;
    return add(b, status, "pooling", ++b->poolings, layer);
}

static kdst_status add_linear(builder *b, const part *p)
{
    kdst_options *o = NULL;
    kdst_layer *layer = NULL;
    const int64_t in = b->side > 0 ? b->features * b->side * b->side : b->features;
    kdst_status status = kdst_options_create(&o);
    if (status == KDST_STATUS_OK) status = common_options(b, b->s->linear_scale, o);
    if (status == KDST_STATUS_OK) status = kdst_layer_spiking_linear_create(b->ctx, in, p->n, b->neuron, o, &layer);
    kdst_options_release(o);
    b->features = p->n;
    b->side = 0;
    return add(b, status, p->last ? "output" : "hidden", p->last ? 0 : ++b->hidden, layer);
}

static kdst_status add_dropout(builder *b)
{
    kdst_options *o = NULL;
    kdst_layer *layer = NULL;
    kdst_status status = kdst_options_create(&o);
    if (status == KDST_STATUS_OK) status = kdst_options_set_string(o, "unit", b->s->dropout_unit ? "element" : "row");
    if (status == KDST_STATUS_OK) status = kdst_layer_spiking_dropout_create(b->ctx, b->s->dropout, o, &layer);
    kdst_options_release(o);
    return add(b, status, "dropout", ++b->dropouts, layer);
}

static kdst_status add_synapse(builder *b)
{
    kdst_options *o = NULL;
    kdst_layer *layer = NULL;
    kdst_status status = kdst_options_create(&o);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(o, "tau_s", 1 / b->neuron->lif.decay);
    if (status == KDST_STATUS_OK) status = kdst_layer_synapse_create(b->ctx, o, &layer);
    kdst_options_release(o);
    return add(b, status, "input", 0, layer);
}

static kdst_status build(builder *b)
{
    kdst_status status = b->s->input == INPUT_STATIC ? KDST_STATUS_OK : add_synapse(b);
    const char *at = b->text;
    for (part p = {.last = false}; status == KDST_STATUS_OK && !p.last;) {
        status = read_part(b, &at, &p);
        if (status != KDST_STATUS_OK) break;
        status = p.kind == 'C' ? add_convolution(b, &p) : p.kind == 'P' ? add_pooling(b, &p) : add_linear(b, &p);
        b->layers++;
        const bool pooled = p.kind == 'C' && *at == 'P'; /* its dropout comes behind the pooling */
        if (status == KDST_STATUS_OK && b->s->dropout > 0 && !p.last && !pooled) status = add_dropout(b);
    }
    if (status == KDST_STATUS_OK && b->s->padding_count > 1 && b->s->padding_count != b->padded)
        return kdst__fail(
            b->ctx, KDST_STATUS_INVALID_ARGUMENT,
            "spiking_network: padding has %" PRId64 " numbers for %" PRId64 " convolutions", b->s->padding_count,
            b->padded);
    return status;
}

kdst_status kdst_spiking_network_create(
    kdst_context *ctx, const char *architecture, kdst_neuron *neuron, const kdst_options *options, kdst_layer **out)
{
    settings s;
    kdst_status status = kdst__layer_begin(ctx, "spiking_network", out);
    if (status != KDST_STATUS_OK) return status;
    if (architecture == NULL || neuron == NULL || neuron->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "spiking_network: %s %s",
            architecture == NULL ? "architecture" : "neuron",
            architecture == NULL || neuron == NULL ? "is NULL" : "belongs to another context");
    status = kdst__options_parse(ctx, "spiking_network", &kdst__schema_spiking_network, options, &s);
    if (status != KDST_STATUS_OK) return status;
    builder b = {
        .ctx = ctx, .neuron = neuron, .s = &s, .text = architecture, .features = s.channels, .side = s.image_size};
    status = kdst_layer_sequential_create(ctx, &b.net);
    if (status == KDST_STATUS_OK) status = build(&b);
    if (status == KDST_STATUS_OK)
        *out = b.net;
    else
        kdst_layer_release(b.net);
    return status;
}
