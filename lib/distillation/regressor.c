/* SPDX-License-Identifier: Apache-2.0 */
/* The regressor between a student's features and a hint (Romero et al., FitNets, ICLR 2015).
 *
 * "conv": by the sizes of the maps, with bias, then batch norm and ReLU as RepDistiller's ConvReg has them:
 *     H_s = 2 H_t  3x3 convolution, stride 2, padding 1 (of an odd W_s, too); 2 H_s = H_t  transposed 4x4 convolution, stride 2, padding 1;
 *     H_s >= H_t   convolution with a kernel of 1 + H_s - H_t by 1 + W_s - W_t, the paper's rule.
 * "conv1x1": a 1x1 convolution without bias, batch norm or ReLU (lenscloth/RKD), weights uniform in +-0.005.
 */
#include "core/options.h"
#include "nn/layer.h"

#include <kdst/transfer.h>

#include <inttypes.h>

enum { CONV, CONV1X1 };

typedef struct config {
    int32_t kind, dtype;
    int64_t relu, batch_norm;
} config;

static const kdst__option options[] = {
    KDST__CHOICE(config, kind, "conv", "conv|conv1x1", "by the sizes of the maps, or 1x1 for maps of one size"),
    KDST__INT(config, batch_norm, 1, 0, 1, "1: batch norm behind the convolution (conv alone)"),
    KDST__INT(config, relu, 1, 0, 1, "1: ReLU at the end (conv alone); 0 for hints from in front of an activation"),
    KDST__CHOICE(config, dtype, "float32", "float32|float64", "type of the parameters"),
};
const kdst__schema kdst__schema_layer_regressor = {"layer.regressor", options, KDST__COUNT(options), NULL, 0};

/* What joins maps of s = [C, H, W] to t. */
typedef struct plan {
    bool transposed;
    int64_t kernel[2], stride, padding;
} plan;

static kdst_status make_plan(kdst_context *ctx, const int64_t *s, const int64_t *t, int32_t kind, plan *out)
{
    char a[KDST__SHAPE_TEXT], b[KDST__SHAPE_TEXT];
    *out = (plan){.kernel = {1, 1}, .stride = 1};
    if (s[1] == t[1] && s[2] == t[2]) return KDST_STATUS_OK;
    if (kind == CONV && s[1] == 2 * t[1] && (s[2] + 1) / 2 == t[2]) { /* the width that this convolution gives */
        *out = (plan){.kernel = {3, 3}, .stride = 2, .padding = 1};
    } else if (kind == CONV && 2 * s[1] == t[1] && 2 * s[2] == t[2]) {
        *out = (plan){.transposed = true, .kernel = {4, 4}, .stride = 2, .padding = 1};
    } else if (kind == CONV && s[1] >= t[1] && s[2] >= t[2]) {
        *out = (plan){.kernel = {1 + s[1] - t[1], 1 + s[2] - t[2]}, .stride = 1};
    } else {
        return kdst__fail(
            ctx, KDST_STATUS_SHAPE, "regressor: no %s joins the student's %s to the teacher's %s",
            kind == CONV ? "convolution" : "1x1 convolution", kdst__shape_text(3, s, a), kdst__shape_text(3, t, b));
    }
    return KDST_STATUS_OK;
}

static kdst_status
make_transposed(kdst_context *ctx, const config *c, const plan *p, int64_t in, int64_t out_channels, kdst_layer **out)
{
    kdst_options *options = NULL;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_ints(options, "kernel", p->kernel, 2);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "stride", p->stride);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "padding", p->padding);
    if (status == KDST_STATUS_OK)
        status = kdst_options_set_string(options, "dtype", c->dtype == 1 ? "float64" : "float32");
    if (status != KDST_STATUS_OK)
        status = kdst__fail_memory(ctx, "regressor");
    else
        status = kdst_layer_conv_transpose2d_create(ctx, in, out_channels, options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status
make_conv(kdst_context *ctx, const config *c, const plan *p, int64_t in, int64_t out_channels, kdst_layer **out)
{
    kdst__weighted_config config = {
        .kernel = {p->kernel[0], p->kernel[1]},
        .stride = {p->stride, p->stride},
        .padding = {p->padding, p->padding},
        .dilation = {1, 1},
        .groups = 1,
        .bias = c->kind == CONV,
        .dtype = c->dtype,
        .init = c->kind == CONV ? KDST__INIT_PYTORCH : KDST__INIT_UNIFORM,
        .init_bound = 0.005};
    return p->transposed ? make_transposed(ctx, c, p, in, out_channels, out)
                         : kdst__layer_conv2d_new(ctx, in, out_channels, &config, out);
}

/* Gives up *child whatever happens. */
static kdst_status add(kdst_layer *parent, const char *name, kdst_layer **child)
{
    kdst_status status = kdst__layer_attach("regressor", parent, name, *child);
    kdst_layer_release(*child);
    *child = NULL;
    return status;
}

static kdst_status
build(kdst_context *ctx, const config *c, const plan *p, int64_t in, int64_t out_channels, kdst_layer **out)
{
    const kdst__norm_config norm = {.eps = 1e-5, .momentum = 0.1, .affine = 1, .dtype = c->dtype};
    kdst_layer *all = NULL, *part = NULL;
    kdst_status status = kdst_layer_sequential_create(ctx, &all);
    if (status == KDST_STATUS_OK) status = make_conv(ctx, c, p, in, out_channels, &part);
    if (status == KDST_STATUS_OK) status = add(all, "conv", &part);
    if (status == KDST_STATUS_OK && c->kind == CONV && c->batch_norm) {
        status = kdst__layer_batch_norm_new(ctx, out_channels, &norm, &part);
        if (status == KDST_STATUS_OK) status = add(all, "bn", &part);
    }
    if (status == KDST_STATUS_OK && c->kind == CONV && c->relu) {
        status = kdst__layer_activation_new(ctx, KDST__ACTIVATION_RELU, &part);
        if (status == KDST_STATUS_OK) status = add(all, "", &part);
    }
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(all);
        return status;
    }
    *out = all;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_regressor_create(
    kdst_context *ctx, const int64_t *student, const int64_t *teacher, const kdst_options *given, kdst_layer **out)
{
    config c;
    plan p;
    kdst_status status = kdst__layer_begin(ctx, "regressor", out);
    if (status != KDST_STATUS_OK) return status;
    if (student == NULL || teacher == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "regressor: %s is NULL", student == NULL ? "student" : "teacher");
    for (int i = 0; i < 6; i++) {
        int64_t size = i < 3 ? student[i] : teacher[i - 3];
        if (size < 1 || size > INT32_MAX)
            return kdst__fail(
                ctx, KDST_STATUS_INVALID_ARGUMENT,
                "regressor: size %d of the %s's map is %" PRId64 ", allowed is 1 to %d", i % 3,
                i < 3 ? "student" : "teacher", size, INT32_MAX);
    }
    status = kdst__options_parse(ctx, "regressor", &kdst__schema_layer_regressor, given, &c);
    if (status == KDST_STATUS_OK) status = make_plan(ctx, student, teacher, c.kind, &p);
    return status == KDST_STATUS_OK ? build(ctx, &c, &p, student[0], teacher[0], out) : status;
}
