/* SPDX-License-Identifier: Apache-2.0 */
/* A residual network with dropout and batch norm, for tests that compute parts of it again. */
#ifndef KDST_TESTS_NN_RECOMPUTE_NET_H
#define KDST_TESTS_NN_RECOMPUTE_NET_H

#include "autograd/support.h"

enum { BLOCKS = 6, CHANNELS = 19, SIDE = 12, BATCH = 5, CLASSES = 7 };

/* First failure of a sequence of calls. */
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    if (!status) status = (call);                                                                                      \
  } while (0)

typedef kdst_status (*maker)(kdst_context *in, kdst_options *o, kdst_layer **out);

static kdst_status conv(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    return kdst_layer_conv2d_create(in, CHANNELS, CHANNELS, o, out);
}
static kdst_status stem(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    return kdst_layer_conv2d_create(in, 3, CHANNELS, o, out);
}
static kdst_status norm(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    return kdst_layer_batch_norm_create(in, CHANNELS, o, out);
}
static kdst_status relu(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    (void)o;
    return kdst_layer_activation_create(in, "relu", out);
}
static kdst_status dropout(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    (void)o;
    return kdst_layer_dropout_create(in, 0.3, out);
}
static kdst_status pool(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    (void)o;
    return kdst_layer_global_avg_pool2d_create(in, out);
}
static kdst_status head(kdst_context *in, kdst_options *o, kdst_layer **out)
{
    return kdst_layer_linear_create(in, CHANNELS, CLASSES, o, out);
}

static kdst_status append(kdst_context *in, kdst_layer *to, kdst_dtype dtype, maker make)
{
    kdst_options *o = NULL;
    kdst_layer *layer = NULL;
    kdst_status status = kdst_options_create(&o);
    TRY(kdst_options_set_string(o, "dtype", dtype == F32 ? "float32" : "float64"));
    if (make == conv || make == stem) {
        TRY(kdst_options_set_int(o, "kernel", 3));
        TRY(kdst_options_set_int(o, "padding", 1));
    }
    TRY(make(in, o, &layer));
    TRY(kdst_layer_add(to, NULL, layer));
    kdst_layer_release(layer);
    kdst_options_release(o);
    return status;
}

static kdst_status append_block(kdst_context *in, kdst_layer *to, kdst_dtype dtype)
{
    static const maker makers[] = {conv, norm, relu, dropout, conv, norm};
    kdst_layer *body = NULL, *block = NULL;
    kdst_status status = kdst_layer_sequential_create(in, &body);
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        TRY(append(in, body, dtype, makers[i]));
    TRY(kdst_layer_residual_create(in, body, NULL, NULL, &block));
    TRY(kdst_layer_add(to, NULL, block));
    kdst_layer_release(block);
    kdst_layer_release(body);
    return status;
}

static kdst_status make_net(kdst_context *in, kdst_dtype dtype, kdst_layer **out)
{
    kdst_layer *net = NULL, *blocks = NULL;
    kdst_status status = kdst_layer_sequential_create(in, &net);
    TRY(kdst_layer_sequential_create(in, &blocks));
    TRY(append(in, net, dtype, stem));
    TRY(append(in, net, dtype, norm));
    TRY(append(in, net, dtype, relu));
    for (int i = 0; i < BLOCKS; i++)
        TRY(append_block(in, blocks, dtype));
    TRY(kdst_layer_add(net, "blocks", blocks));
    TRY(append(in, net, dtype, pool));
    TRY(append(in, net, dtype, head));
    kdst_layer_release(blocks);
    if (status) kdst_layer_release(net);
    *out = status ? NULL : net;
    return status;
}

#endif
