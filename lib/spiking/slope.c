/* SPDX-License-Identifier: Apache-2.0 */
/* Surrogate slopes ds/dx of a spike at x = u - V (Neftci, Mostafa and Zenke 2019); compute/kernels/lif.c has the functions. */
#include "spiking/neuron.h"

typedef struct settings {
    double steepness;
    int32_t surrogate;
} settings;

static const kdst__option options_table[] = {
    KDST__CHOICE(settings, surrogate, "sigmoid", KDST__SLOPE_NAMES, "the function"),
    KDST__FLOAT(settings, steepness, 0, 0, INFINITY, "k; 0: the function's own"),
};
const kdst__schema kdst__schema_spike_slope = {"spike_slope", options_table, KDST__COUNT(options_table), NULL, 0};

double kdst__slope_steepness(int32_t slope, double steepness)
{
    static const double own[KDST__SLOPES] = {[KDST__SLOPE_SIGMOID] = 4,   [KDST__SLOPE_FAST_SIGMOID] = 25,
                                             [KDST__SLOPE_SOFT_SIGN] = 2, [KDST__SLOPE_SUPERSPIKE] = 1,
                                             [KDST__SLOPE_ARCTAN] = 2,    [KDST__SLOPE_TRIANGLE] = 1,
                                             [KDST__SLOPE_RECTANGLE] = 1, [KDST__SLOPE_TWO_SIDED_EXPONENTIAL] = 1,
                                             [KDST__SLOPE_ERF] = 2};
    return steepness > 0 ? steepness : own[slope];
}

kdst_status kdst_spike_slope(kdst_tensor *x, const kdst_options *options, kdst_tensor **out)
{
    static const char function[] = "spike_slope";
    kdst_tensor *from = NULL;
    settings s;
    if (out) *out = NULL;
    if (!x) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = x->base.ctx;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    kdst_status status = kdst__options_parse(ctx, function, &kdst__schema_spike_slope, options, &s);
    if (!status) status = kdst__neuron_check(ctx, function, "x", x);
    if (!status) status = kdst__tensor_need_data(function, x);
    if (!status) status = kdst__tensor_to_contiguous(function, x, &from);
    if (!status) status = kdst__tensor_new_like(function, from, false, out);
    if (!status)
        kdst__spike_slope(
            kdst__tensor_compute(from), from->dtype, s.surrogate, kdst__slope_steepness(s.surrogate, s.steepness),
            kdst__tensor_count(from), kdst__tensor_data(from), kdst__tensor_data(*out));
    kdst_tensor_release(from);
    return status;
}
