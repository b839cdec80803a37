/* SPDX-License-Identifier: Apache-2.0 */
/* Operations without options: what layers call.
 *
 * The structs are the parsed options of the public functions and are bounded as the schemas say; shapes are checked
 * here. Everything else a layer needs (kdst_linear, kdst_relu, kdst_reshape …) has no options and is called as it is.
 */
#ifndef KDST_AUTOGRAD_OPS_H
#define KDST_AUTOGRAD_OPS_H

#include "autograd/op.h"
#include "compute/lif.h"
#include "core/options.h"

#include <kdst/ops.h>

/* [vertical, horizontal] */
typedef struct kdst__conv2d_attrs {
    int64_t stride[2], padding[2], dilation[2], groups;
    int32_t activation; /* KDST__FUSED_… (compute/compute.h) */
    int32_t moments;    /* 1: the statistics of a blocked result are wanted, for the batch norm behind it; no option */
} kdst__conv2d_attrs;

/* [vertical, horizontal]; stride 0: the kernel. count_include_pad (1 as usual) is for means alone. */
typedef struct kdst__pool2d_attrs {
    int64_t kernel[2], stride[2], padding[2], ceil_mode, count_include_pad;
} kdst__pool2d_attrs;

typedef struct kdst__conv_transpose2d_attrs {
    int64_t stride[2], padding[2], output_padding[2], dilation[2], groups;
} kdst__conv_transpose2d_attrs;

/* axes for layer_norm, groups for group_norm; the other is 0. */
typedef struct kdst__row_norm_attrs {
    double eps;
    int64_t axes, groups;
} kdst__row_norm_attrs;

/* Either size or scale, of one number or [vertical, horizontal]; mode 0: nearest, 1: bilinear. */
typedef struct kdst__upsample2d_attrs {
    int64_t size[2], size_count;
    double scale[2];
    int64_t scale_count, align_corners;
    int32_t mode;
} kdst__upsample2d_attrs;

typedef struct kdst__batch_norm_attrs {
    int64_t training;
    double momentum, eps;
    int32_t activation; /* KDST__FUSED_… */
} kdst__batch_norm_attrs;

typedef struct kdst__softplus_attrs {
    double beta, threshold;
} kdst__softplus_attrs;

typedef struct kdst__gelu_attrs {
    int32_t approximate; /* none, tanh */
} kdst__gelu_attrs;

/* What an LSTM reads; shapes are those of kdst_lstm, and all but x, w_ih and w_hh may be NULL. */
typedef struct kdst__lstm_inputs {
    kdst_tensor *x, *lengths, *h0, *c0, *w_ih, *w_hh, *b_ih, *b_hh;
} kdst__lstm_inputs;

typedef struct kdst__lstm_attrs {
    int64_t reverse;
} kdst__lstm_attrs;

/* out [T + 2, N, H]: h of every step, the last h, the last c. */
kdst_status kdst__lstm_run(const kdst__lstm_inputs *in, const kdst__lstm_attrs *attrs, kdst_tensor **out);
/* Its parts, recorded: y [T, N, H], h and c [1, N, H], or [N, H] with `flat`; each nullable, all NULL on failure. */
kdst_status kdst__lstm_parts(kdst_tensor *packed, bool flat, kdst_tensor **y, kdst_tensor **h, kdst_tensor **c);
/* padding -1: none. */
kdst_status kdst__embedding_run(kdst_tensor *weight, kdst_tensor *tokens, int64_t padding, kdst_tensor **out);

/* Neurons of a current: [T, ...], or [...] with `steps`, see ops/lif.c. */
typedef struct kdst__lif_attrs {
    kdst__lif lif;
    int64_t steps; /* 0: the current has a time axis */
} kdst__lif_attrs;

typedef struct kdst__synapse_attrs {
    double tau_s;
    int64_t gain;
} kdst__synapse_attrs;

kdst_status kdst__lif_run(kdst_tensor *current, const kdst__lif_attrs *attrs, kdst_tensor **out);
kdst_status kdst__synapse_run(kdst_tensor *x, const kdst__synapse_attrs *attrs, kdst_tensor **out);

kdst_status kdst__conv2d_run(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst__conv2d_attrs *attrs, kdst_tensor **out);
kdst_status kdst__conv_transpose2d_run(
    kdst_tensor *x, kdst_tensor *weight, kdst_tensor *bias, const kdst__conv_transpose2d_attrs *attrs,
    kdst_tensor **out);
kdst_status kdst__layer_norm_run(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, const kdst__row_norm_attrs *attrs, kdst_tensor **out);
kdst_status kdst__group_norm_run(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, const kdst__row_norm_attrs *attrs, kdst_tensor **out);
kdst_status kdst__upsample2d_run(kdst_tensor *x, const kdst__upsample2d_attrs *attrs, kdst_tensor **out);
/* What the options of upsample2d must be whatever x is. */
kdst_status kdst__upsample2d_check(kdst_context *ctx, const kdst__upsample2d_attrs *attrs);
kdst_status kdst__max_pool2d_run(kdst_tensor *x, const kdst__pool2d_attrs *attrs, kdst_tensor **out);
kdst_status kdst__avg_pool2d_run(kdst_tensor *x, const kdst__pool2d_attrs *attrs, kdst_tensor **out);
/* running_mean and running_var: any strides; written (training) only when the call succeeds. addend: nullable, of x's shape, added in front
 * of the activation. */
kdst_status kdst__batch_norm_run(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var,
    kdst_tensor *addend, const kdst__batch_norm_attrs *attrs, kdst_tensor **out);
/* dy where the activation rises at its result y, else 0, in the layout that both have: dy itself, overwritten, when nobody else has it, or a
 * new tensor. */
kdst_status kdst__fused_gradient(
    const char *name, int32_t activation, const kdst_tensor *y, kdst_tensor *dy, kdst_tensor **out);
kdst_status kdst__softplus_run(kdst_tensor *x, const kdst__softplus_attrs *attrs, kdst_tensor **out);
kdst_status kdst__gelu_run(kdst_tensor *x, const kdst__gelu_attrs *attrs, kdst_tensor **out);
/* Zero padding with another value. */
kdst_status kdst__pad_run(kdst_tensor *x, int64_t axis, int64_t before, int64_t after, double value, kdst_tensor **out);
/* INVALID_ARGUMENT unless each label is in [0, k) or `ignore`; labels contiguous. */
kdst_status
kdst__class_labels_check(kdst_context *ctx, const char *name, const kdst_tensor *labels, int64_t k, int64_t ignore);
kdst_status kdst__dropout_run(kdst_tensor *x, double rate, kdst_tensor **out);

extern const kdst__schema kdst__schema_conv2d, kdst__schema_max_pool2d, kdst__schema_avg_pool2d,
    kdst__schema_batch_norm, kdst__schema_softplus, kdst__schema_gelu, kdst__schema_lstm,
    kdst__schema_synapse, kdst__schema_conv_transpose2d, kdst__schema_layer_norm, kdst__schema_group_norm, kdst__schema_upsample2d;

#endif
