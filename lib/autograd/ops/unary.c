/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number, element by element: a table of descriptors around one forward and one backward.
 *
 * y = f(x), dx += dy f'. The functions, and whether f' is written in x or in y, stand in compute/compute.h beside
 * KDST__UNARY_…; the descriptor keeps what f' reads. Attributes are one or two doubles, the p and q of that list.
 */
#include "autograd/ops.h"

/* What the derivative reads. */
#define READS_X .keep_inputs = 1
#define READS_Y .keep_out = true
#define READS_NOTHING .keep_inputs = 0
/* f(0) = 0, and f' is finite there: the zeros behind the last channel of blocked tensors stay zeros. */
#define KEEPS_ZERO .blocked_inputs = 1

#define UNARY(stem, code)                                                                                              \
  .name = #stem, .variant = KDST__UNARY_##code, .min_inputs = 1, .max_inputs = 1, .shape = kdst__op_same_as_input,     \
  .forward = forward, .backward = backward

static void apply(kdst__call *call, int32_t code, double p, double q)
{
    kdst_tensor *x = call->inputs[0], *y = call->out;
    kdst__unary(
        kdst__tensor_compute(y), y->dtype, code, kdst__tensor_room(y), p, q, kdst__tensor_data(x),
        kdst__tensor_data(y));
}

static void apply_backward(kdst__call *call, int32_t code, double p, double q)
{
    kdst_tensor *dx = call->d_inputs[0], *dy = call->d_out;
    const kdst_tensor *t = call->op->keep_inputs ? call->inputs[0] : call->op->keep_out ? call->out : dy;
    if (dx != NULL)
        kdst__unary_backward(
            kdst__tensor_compute(dx), dx->dtype, code, kdst__tensor_room(dx), p, q, kdst__tensor_data(t),
            kdst__tensor_data(dy), kdst__tensor_data(dx));
}

static double attribute(const kdst__call *call, size_t i)
{
    return i < call->op->attr_bytes / sizeof(double) ? ((const double *)call->attrs)[i] : 0;
}

static kdst_status forward(kdst__call *call)
{
    apply(call, call->op->variant, attribute(call, 0), attribute(call, 1));
    return KDST_STATUS_OK;
}

static kdst_status backward(kdst__call *call)
{
    apply_backward(call, call->op->variant, attribute(call, 0), attribute(call, 1));
    return KDST_STATUS_OK;
}

static kdst_status run(const kdst__op *op, kdst_tensor *x, const void *attrs, kdst_tensor **out)
{
    return kdst__op_run(op, &x, 1, attrs, out);
}

/* ---- without attributes ---- */

const kdst__op kdst__op_exp = {UNARY(exp, EXP), READS_Y, KDST__DOMAIN(-3, 3)};
const kdst__op kdst__op_log = {UNARY(log, LOG), READS_X, KDST__DOMAIN(0.3, 4)};
const kdst__op kdst__op_sqrt = {UNARY(sqrt, SQRT), READS_Y, KDST__DOMAIN(0.3, 4)};
const kdst__op kdst__op_abs = {UNARY(abs, ABS), KEEPS_ZERO, READS_X, .low = -1, .high = 1, .kink = 0};
const kdst__op kdst__op_sign = {UNARY(sign, SIGN), KEEPS_ZERO, READS_NOTHING, .low = -1, .high = 1, .kink = 0};
const kdst__op kdst__op_neg = {UNARY(neg, NEG), KEEPS_ZERO, READS_NOTHING, KDST__DOMAIN(-1, 1)};
const kdst__op kdst__op_square = {UNARY(square, SQUARE), KEEPS_ZERO, READS_X, KDST__DOMAIN(-2, 2)};
const kdst__op kdst__op_reciprocal = {UNARY(reciprocal, RECIPROCAL), READS_Y, KDST__DOMAIN(0.5, 2)};
const kdst__op kdst__op_sigmoid = {UNARY(sigmoid, SIGMOID), READS_Y, KDST__DOMAIN(-3, 3)};
const kdst__op kdst__op_log_sigmoid = {UNARY(log_sigmoid, LOG_SIGMOID), READS_X, KDST__DOMAIN(-3, 3)};
const kdst__op kdst__op_tanh = {UNARY(tanh, TANH), KEEPS_ZERO, READS_Y, KDST__DOMAIN(-2, 2)};
const kdst__op kdst__op_relu6 = {UNARY(relu6, RELU6), KEEPS_ZERO, READS_Y, .low = -4, .high = 5.9, .kink = 0};
const kdst__op kdst__op_silu = {UNARY(silu, SILU), KEEPS_ZERO, READS_X, KDST__DOMAIN(-3, 3)};

kdst_status kdst_exp(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_exp, x, NULL, out);
}
kdst_status kdst_log(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_log, x, NULL, out);
}
kdst_status kdst_sqrt(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_sqrt, x, NULL, out);
}
kdst_status kdst_abs(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_abs, x, NULL, out);
}
kdst_status kdst_sign(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_sign, x, NULL, out);
}
kdst_status kdst_neg(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_neg, x, NULL, out);
}
kdst_status kdst_square(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_square, x, NULL, out);
}
kdst_status kdst_reciprocal(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_reciprocal, x, NULL, out);
}
kdst_status kdst_sigmoid(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_sigmoid, x, NULL, out);
}
kdst_status kdst_log_sigmoid(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_log_sigmoid, x, NULL, out);
}
kdst_status kdst_tanh(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_tanh, x, NULL, out);
}
kdst_status kdst_relu6(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_relu6, x, NULL, out);
}
kdst_status kdst_silu(kdst_tensor *x, kdst_tensor **out)
{
    return run(&kdst__op_silu, x, NULL, out);
}

/* ---- one number ---- */

#define ONE_NUMBER(type) .attr_bytes = sizeof(type), .attr_schema = &type##_shown

typedef struct scalar {
    double scalar;
} scalar;
typedef struct power {
    double exponent;
} power;
typedef struct leaky {
    double slope;
} leaky;
typedef struct elu {
    double alpha;
} elu;
typedef struct clamp {
    double min, max;
} clamp;

static const kdst__option scalar_options[] = {
    KDST__FLOAT(scalar, scalar, 0, -INFINITY, INFINITY, "the other operand"),
};
static const kdst__option power_options[] = {
    KDST__FLOAT(power, exponent, 1, -INFINITY, INFINITY, "power that x is raised to"),
};
static const kdst__option leaky_options[] = {
    KDST__FLOAT(leaky, slope, 0.01, -INFINITY, INFINITY, "factor of negative x"),
};
static const kdst__option elu_options[] = {
    KDST__FLOAT(elu, alpha, 1, -INFINITY, INFINITY, "the limit is -alpha"),
};
static const kdst__option clamp_options[] = {
    KDST__FLOAT(clamp, min, 0, -INFINITY, INFINITY, "least result"),
    KDST__FLOAT(clamp, max, 1, -INFINITY, INFINITY, "largest result"),
};
static const kdst__schema scalar_shown = {"scalar", scalar_options, KDST__COUNT(scalar_options), NULL, 0};
static const kdst__schema power_shown = {"pow", power_options, KDST__COUNT(power_options), NULL, 0};
static const kdst__schema leaky_shown = {"leaky_relu", leaky_options, KDST__COUNT(leaky_options), NULL, 0};
static const kdst__schema elu_shown = {"elu", elu_options, KDST__COUNT(elu_options), NULL, 0};
static const kdst__schema clamp_shown = {"clamp", clamp_options, KDST__COUNT(clamp_options), NULL, 0};

const kdst__op kdst__op_add_scalar = {UNARY(add_scalar, ADD), READS_NOTHING, ONE_NUMBER(scalar), KDST__DOMAIN(-1, 1)};
/* A factor that is not finite makes something of the zeros. */
static bool finite_factor(const kdst__call *call)
{
    return kdst__tensor_blocked(call->inputs[0]) && isfinite(((const scalar *)call->attrs)->scalar);
}
const kdst__op kdst__op_mul_scalar = {
    UNARY(mul_scalar, MUL), READS_NOTHING, KEEPS_ZERO, .blocks = finite_factor, ONE_NUMBER(scalar), KDST__DOMAIN(-1, 1)};
const kdst__op kdst__op_pow = {UNARY(pow, POW), READS_X, ONE_NUMBER(power), KDST__DOMAIN(0.3, 2)};
const kdst__op kdst__op_leaky_relu = {
    UNARY(leaky_relu, LEAKY_RELU), READS_X, ONE_NUMBER(leaky), .low = -1, .high = 1, .kink = 0};
const kdst__op kdst__op_elu = {UNARY(elu, ELU), READS_X, ONE_NUMBER(elu), .low = -2, .high = 1, .kink = 0};
const kdst__op kdst__op_clamp = {UNARY(clamp, CLAMP), READS_X, ONE_NUMBER(clamp), .low = -2, .high = 1, .kink = 0.25};

kdst_status kdst_add_scalar(kdst_tensor *x, double value, kdst_tensor **out)
{
    return run(&kdst__op_add_scalar, x, &(scalar){value}, out);
}
kdst_status kdst_mul_scalar(kdst_tensor *x, double value, kdst_tensor **out)
{
    return run(&kdst__op_mul_scalar, x, &(scalar){value}, out);
}
kdst_status kdst_pow(kdst_tensor *x, double exponent, kdst_tensor **out)
{
    return run(&kdst__op_pow, x, &(power){exponent}, out);
}
kdst_status kdst_leaky_relu(kdst_tensor *x, double slope, kdst_tensor **out)
{
    return run(&kdst__op_leaky_relu, x, &(leaky){slope}, out);
}
kdst_status kdst_elu(kdst_tensor *x, double alpha, kdst_tensor **out)
{
    return run(&kdst__op_elu, x, &(elu){alpha}, out);
}

kdst_status kdst_clamp(kdst_tensor *x, double min, double max, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (x != NULL && !(min <= max)) {
        kdst__enter(x->base.ctx);
        return kdst__fail(
            x->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "clamp: min is %g, max is %g, min must not be above it", min,
            max);
    }
    return run(&kdst__op_clamp, x, &(clamp){min, max}, out);
}

/* ---- options ---- */

static const kdst__option softplus_options[] = {
    KDST__FLOAT_ABOVE(kdst__softplus_attrs, beta, 1, 0, INFINITY, "sharpness of the bend"),
    KDST__FLOAT(kdst__softplus_attrs, threshold, 20, -INFINITY, INFINITY, "x itself where beta x is above"),
};
const kdst__schema kdst__schema_softplus = {"softplus", softplus_options, KDST__COUNT(softplus_options), NULL, 0};

const kdst__op kdst__op_softplus = {
    UNARY(softplus, SOFTPLUS), READS_X, .attr_bytes = sizeof(kdst__softplus_attrs),
    .attr_schema = &kdst__schema_softplus, KDST__DOMAIN(-3, 3)};

kdst_status kdst__softplus_run(kdst_tensor *x, const kdst__softplus_attrs *attrs, kdst_tensor **out)
{
    return run(&kdst__op_softplus, x, attrs, out);
}

kdst_status kdst_softplus(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    kdst__softplus_attrs attrs = {0, 0};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "softplus", &kdst__schema_softplus, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__softplus_run(x, &attrs, out);
}

static const kdst__option gelu_options[] = {
    KDST__CHOICE(kdst__gelu_attrs, approximate, "none", "none|tanh", "how Phi is computed"),
};
const kdst__schema kdst__schema_gelu = {"gelu", gelu_options, KDST__COUNT(gelu_options), NULL, 0};

static int32_t gelu_code(const kdst__call *call)
{
    return ((const kdst__gelu_attrs *)call->attrs)->approximate ? KDST__UNARY_GELU_TANH : KDST__UNARY_GELU;
}

static kdst_status gelu_forward(kdst__call *call)
{
    apply(call, gelu_code(call), 0, 0);
    return KDST_STATUS_OK;
}

static kdst_status gelu_backward(kdst__call *call)
{
    apply_backward(call, gelu_code(call), 0, 0);
    return KDST_STATUS_OK;
}

const kdst__op kdst__op_gelu = {
    .name = "gelu",
    .min_inputs = 1,
    .max_inputs = 1,
    .attr_bytes = sizeof(kdst__gelu_attrs),
    .attr_schema = &kdst__schema_gelu,
    .shape = kdst__op_same_as_input,
    .forward = gelu_forward,
    .backward = gelu_backward,
    READS_X,
    KDST__DOMAIN(-3, 3)};

kdst_status kdst__gelu_run(kdst_tensor *x, const kdst__gelu_attrs *attrs, kdst_tensor **out)
{
    return run(&kdst__op_gelu, x, attrs, out);
}

kdst_status kdst_gelu(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    kdst__gelu_attrs attrs = {0};
    if (out != NULL) *out = NULL;
    if (x != NULL) {
        kdst__enter(x->base.ctx);
        kdst_status status = kdst__options_parse(x->base.ctx, "gelu", &kdst__schema_gelu, options, &attrs);
        if (status != KDST_STATUS_OK) return status;
    }
    return kdst__gelu_run(x, &attrs, out);
}
