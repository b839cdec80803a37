/* SPDX-License-Identifier: Apache-2.0 */
/* Initialisers: see include/kdst/init.h for the rules.
 *
 * He, Zhang, Ren, Sun: Delving Deep into Rectifiers, ICCV 2015 (kaiming). The framework's default for linear and
 * convolution weights is kaiming_uniform with slope sqrt(5), which is uniform in +-1/sqrt(fan_in).
 */
#include "nn/init.h"

#include <string.h>

static const kdst__option options[] = {
    KDST__CHOICE(kdst__init_config, mode, "fan_in", "fan_in|fan_out", "which fan keeps its variance"),
    KDST__CHOICE(
        kdst__init_config, nonlinearity, "relu", "relu|linear|leaky_relu", "what follows the layer: sets the gain"),
    KDST__FLOAT(kdst__init_config, slope, 0.01, -INFINITY, INFINITY, "negative slope of leaky_relu"),
    KDST__FLOAT(kdst__init_config, std, 1, 0, INFINITY, "standard deviation of normal and truncated_normal"),
    KDST__FLOAT(kdst__init_config, bound, 1, 0, INFINITY, "largest magnitude of uniform"),
    KDST__FLOAT(kdst__init_config, cut, 2, 0.1, INFINITY, "deviations at which truncated_normal ends"),
};
const kdst__schema kdst__schema_init = {"init", options, KDST__COUNT(options), NULL, 0};

static const char *const kinds[KDST__INIT_COUNT] = {"pytorch", "kaiming_uniform", "kaiming_normal", "normal",
                                                    "uniform", "zeros",           "ones",           "truncated_normal"};

/* Product of the sizes of [O, I, …] without O (fan_in) or without I (fan_out). */
static double fan_of(const kdst_tensor *t, int32_t mode)
{
    double fan = mode == KDST__INIT_FAN_IN ? (double)t->shape[1] : (double)t->shape[0];
    for (int32_t i = 2; i < t->rank; i++)
        fan *= (double)t->shape[i];
    return fan;
}

static double gain_of(const kdst__init_config *config)
{
    if (config->nonlinearity == KDST__INIT_LINEAR) return 1;
    double slope = config->nonlinearity == KDST__INIT_LEAKY_RELU ? config->slope : 0;
    return sqrt(2 / (1 + slope * slope));
}

kdst_status kdst__init_run(kdst_tensor *tensor, int32_t kind, const kdst__init_config *config)
{
    bool needs_fan = kind <= KDST__INIT_KAIMING_NORMAL;
    if (needs_fan && tensor->rank < 2)
        return kdst__fail(
            tensor->base.ctx, KDST_STATUS_SHAPE, "tensor_init: tensor has rank %d, \"%s\" needs 2 or more",
            (int)tensor->rank, kinds[kind]);
    if (kdst__tensor_count(tensor) == 0) return KDST_STATUS_OK;
    double fan = needs_fan ? fan_of(tensor, kind == KDST__INIT_PYTORCH ? KDST__INIT_FAN_IN : config->mode) : 1;
    double bound;
    switch (kind) {
    case KDST__INIT_PYTORCH:
        bound = 1 / sqrt(fan);
        return kdst_tensor_set_uniform(tensor, -bound, bound);
    case KDST__INIT_KAIMING_UNIFORM:
        bound = gain_of(config) * sqrt(3 / fan);
        return kdst_tensor_set_uniform(tensor, -bound, bound);
    case KDST__INIT_KAIMING_NORMAL:
        return kdst_tensor_set_normal(tensor, 0, gain_of(config) / sqrt(fan));
    case KDST__INIT_NORMAL:
        return kdst_tensor_set_normal(tensor, 0, config->std);
    case KDST__INIT_UNIFORM:
        return kdst_tensor_set_uniform(tensor, -config->bound, config->bound);
    case KDST__INIT_TRUNCATED_NORMAL:
        return kdst__tensor_set_truncated(tensor, config->std, config->cut);
    default:
        return kdst_tensor_set_value(tensor, kind == KDST__INIT_ONES ? 1 : 0);
    }
}

kdst_status kdst_tensor_init(kdst_tensor *tensor, const char *kind, const kdst_options *given)
{
    if (tensor == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = tensor->base.ctx;
    kdst__enter(ctx);
    if (kind == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_init: kind is NULL");
    if (!kdst__dtype_is_float(tensor->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "tensor_init: tensor is %s, allowed are float32 and float64",
            kdst_dtype_get_name(tensor->dtype));
    int32_t number = 0;
    while (number < KDST__INIT_COUNT && strcmp(kinds[number], kind) != 0)
        number++;
    if (number == KDST__INIT_COUNT)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "tensor_init: kind is \"%.64s\", allowed are " KDST__INIT_KINDS, kind);
    kdst__init_config config;
    kdst_status status = kdst__tensor_need_data("tensor_init", tensor);
    if (status == KDST_STATUS_OK)
        status = kdst__options_parse(ctx, "tensor_init", &kdst__schema_init, given, &config);
    return status == KDST_STATUS_OK ? kdst__init_run(tensor, number, &config) : status;
}
