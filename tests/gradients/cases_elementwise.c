/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of what works element by element: functions of one number, found by the operation's name. */
#include "cases.h"

#include <string.h>

typedef kdst_status (*unary_fn)(kdst_tensor *x, kdst_tensor **out);

static const struct {
    const char *name;
    unary_fn fn;
} functions[] = {
    {"exp", kdst_exp},         {"log", kdst_log},
    {"sqrt", kdst_sqrt},       {"abs", kdst_abs},
    {"sign", kdst_sign},       {"neg", kdst_neg},
    {"square", kdst_square},   {"reciprocal", kdst_reciprocal},
    {"sigmoid", kdst_sigmoid}, {"log_sigmoid", kdst_log_sigmoid},
    {"tanh", kdst_tanh},       {"relu6", kdst_relu6},
    {"silu", kdst_silu},
};

static kdst_status unary(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, c->op) == 0) return functions[i].fn(in[0], out);
    return KDST_STATUS_NOT_FOUND;
}

/* p: numbers in quarters */
static double number(const gradient_case *c, int i)
{
    return (double)c->p[i] / 4;
}

static kdst_status add_scalar(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_add_scalar(in[0], number(c, 0), out);
}

static kdst_status mul_scalar(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_mul_scalar(in[0], number(c, 0), out);
}

static kdst_status power(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_pow(in[0], number(c, 0), out);
}

static kdst_status clamp(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_clamp(in[0], number(c, 0), number(c, 1), out);
}

static kdst_status leaky_relu(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_leaky_relu(in[0], number(c, 0), out);
}

static kdst_status elu(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_elu(in[0], number(c, 0), out);
}

/* p: beta and threshold in quarters, beta 0: no options */
static kdst_status softplus(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    (void)ctx;
    if (c->p[0] == 0) return kdst_softplus(in[0], NULL, out);
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "beta", number(c, 0));
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "threshold", number(c, 1));
    if (status == KDST_STATUS_OK) status = kdst_softplus(in[0], options, out);
    kdst_options_release(options);
    return status;
}

/* p[0]: approximate */
static kdst_status gelu(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    (void)ctx;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_string(options, "approximate", c->p[0] ? "tanh" : "none");
    if (status == KDST_STATUS_OK) status = kdst_gelu(in[0], options, out);
    kdst_options_release(options);
    return status;
}

static kdst_status minimum(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_minimum(in[0], in[1], out);
}

static kdst_status maximum(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_maximum(in[0], in[1], out);
}

static kdst_status pow_tensor(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)c;
    (void)ctx;
    return kdst_pow_tensor(in[0], in[1], out);
}

/* p: rank and shape of the condition, of which every third element holds */
static kdst_status where(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_tensor *condition = NULL;
    void *data = NULL;
    kdst_status status = kdst_tensor_create(ctx, KDST_DTYPE_BOOL, c->p[0], c->p + 1, &condition);
    if (status == KDST_STATUS_OK) status = kdst_tensor_map(condition, KDST_MAP_WRITE, &data);
    for (int64_t i = 0; status == KDST_STATUS_OK && i < kdst_tensor_get_count(condition); i++)
        ((uint8_t *)data)[i] = i % 3 == 1;
    if (status == KDST_STATUS_OK) status = kdst_tensor_unmap(condition);
    if (status == KDST_STATUS_OK) status = kdst_where(condition, in[0], in[1], out);
    kdst_tensor_release(condition);
    return status;
}

/* clang-format off */
#define PAIRS(name) \
    {#name, "scalars", name, "..", {S0, S0}, {0}}, \
    {#name, "same shape", name, "..", {S2(3, 17), S2(3, 17)}, {0}}, \
    {#name, "row", name, "..", {S2(5, 7), S1(7)}, {0}}, \
    {#name, "column", name, "..", {S2(5, 1), S2(5, 9)}, {0}}, \
    {#name, "both stretch", name, "..", {S3(3, 1, 5), S2(4, 1)}, {0}}, \
    {#name, "one with many", name, "..", {S1(1), S1(33)}, {0}}, \
    {#name, "views", name, "ts", {S2(4, 3), S2(7, 4)}, {0}}

#define SHAPES(name, build, ...) \
    {name, "scalar", build, ".", {S0}, {__VA_ARGS__}}, \
    {name, "w - 1", build, ".", {S1(15)}, {__VA_ARGS__}}, \
    {name, "w + 1", build, ".", {S2(3, 17)}, {__VA_ARGS__}}, \
    {name, "transposed", build, "t", {S3(3, 2, 5)}, {__VA_ARGS__}}

const gradient_case elementwise_cases[] = {
    SHAPES("exp", unary, 0), SHAPES("log", unary, 0), SHAPES("sqrt", unary, 0), SHAPES("abs", unary, 0),
    SHAPES("sign", unary, 0), SHAPES("neg", unary, 0), SHAPES("square", unary, 0), SHAPES("reciprocal", unary, 0),
    SHAPES("sigmoid", unary, 0), SHAPES("log_sigmoid", unary, 0), SHAPES("tanh", unary, 0), SHAPES("relu6", unary, 0),
    SHAPES("silu", unary, 0),
    SHAPES("add_scalar", add_scalar, 7), SHAPES("mul_scalar", mul_scalar, -6),
    SHAPES("pow", power, 10), SHAPES("pow", power, -3), SHAPES("pow", power, 8), SHAPES("pow", power, 2),
    SHAPES("pow", power, -4), SHAPES("pow", power, 0), SHAPES("pow", power, 4), SHAPES("pow", power, 12),
    SHAPES("clamp", clamp, -20, 1), SHAPES("clamp", clamp, 1, 8),
    SHAPES("leaky_relu", leaky_relu, 1), SHAPES("leaky_relu", leaky_relu, 0), SHAPES("leaky_relu", leaky_relu, -2),
    SHAPES("elu", elu, 4), SHAPES("elu", elu, 3),
    SHAPES("softplus", softplus, 0), SHAPES("softplus", softplus, 10, 80), SHAPES("softplus", softplus, 2, 40),
    SHAPES("gelu", gelu, 0), SHAPES("gelu", gelu, 1),
    PAIRS(minimum), PAIRS(maximum), PAIRS(pow_tensor),
    {"where", "same shape", where, "..", {S2(3, 17), S2(3, 17)}, {2, 3, 17}},
    {"where", "scalars", where, "..", {S0, S0}, {0}},
    {"where", "one condition", where, "..", {S2(4, 3), S2(4, 3)}, {1, 1}},
    {"where", "condition stretches", where, "..", {S2(4, 5), S2(4, 5)}, {2, 4, 1}},
    {"where", "all stretch", where, "..", {S3(2, 1, 1), S2(3, 1)}, {1, 5}},
    {"where", "a scalar", where, "..", {S2(4, 15), S0}, {2, 4, 15}},
    {"where", "views", where, "ts", {S2(4, 3), S2(7, 4)}, {2, 3, 4}},
};
/* clang-format on */

const int elementwise_case_count = (int)(sizeof elementwise_cases / sizeof *elementwise_cases);
