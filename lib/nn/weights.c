/* SPDX-License-Identifier: Apache-2.0 */
/* Weight and bias of linear and conv2d: made, initialised and held.
 *
 * The framework's default draws both uniformly in +-1/sqrt(fan_in), fan_in = product of the weight's shape[1:].
 */
#include "nn/layer.h"

kdst_status
kdst__layer_hold_weights(kdst_layer *layer, int64_t rank, const int64_t *shape, const kdst__weighted_config *config)
{
    return kdst__layer_hold_weights_of(layer, rank, shape, shape[0], config);
}

kdst_status kdst__layer_hold_weights_of(
    kdst_layer *layer, int64_t rank, const int64_t *shape, int64_t outputs, const kdst__weighted_config *config)
{
    kdst_context *ctx = layer->base.ctx;
    kdst_dtype dtype = config->dtype == 1 ? KDST_DTYPE_FLOAT64 : KDST_DTYPE_FLOAT32;
    const kdst__init_config weight_init = {
        .mode = config->init_mode,
        .nonlinearity = KDST__INIT_RELU,
        .std = config->init_std,
        .bound = config->init_bound,
        .cut = 2};
    kdst_tensor *weight, *bias;
    kdst_status status = kdst__tensor_new(ctx, layer->kind->name, dtype, rank, shape, true, &weight);
    if (status == KDST_STATUS_OK) status = kdst__layer_hold(layer, "weight", true, weight);
    if (status == KDST_STATUS_OK) status = kdst__init_run(weight, config->init, &weight_init);
    if (status != KDST_STATUS_OK || !config->bias) return status;

    double fan_in = 1;
    for (int64_t i = 1; i < rank; i++)
        fan_in *= (double)shape[i];
    const kdst__init_config bias_init = {.bound = 1 / sqrt(fan_in)};
    status = kdst__tensor_new(ctx, layer->kind->name, dtype, 1, &outputs, true, &bias);
    if (status == KDST_STATUS_OK) status = kdst__layer_hold(layer, "bias", true, bias);
    if (status == KDST_STATUS_OK)
        status = kdst__init_run(bias, config->init_bias == 0 ? KDST__INIT_UNIFORM : KDST__INIT_ZEROS, &bias_init);
    return status;
}
