/* SPDX-License-Identifier: Apache-2.0 */
/* A layer of your own by callback: a gated linear unit, y = value(x) * sigmoid(gate(x)) (Dauphin et al. 2017), in a network.
 *
 *     build/examples/own_layer
 *
 * prints
 *
 *     glu.value.weight
 *     glu.value.bias
 *     glu.gate.weight
 *     glu.gate.bias
 *     fc.weight
 *     fc.bias
 *     19 parameters
 *     the unit gives 2.85772, and the weights behind it get gradients of 2.85772 and 2.85772
 */
#include <kdst/kdst.h>

#include <stdio.h>

/* The children are found by name; what is done here is recorded, so there is no backward pass to write. */
static kdst_status glu_forward(
    void *user_data, kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, int32_t training, kdst_tensor **out)
{
    kdst_layer *value = NULL, *gate = NULL;
    kdst_tensor *a = NULL, *b = NULL, *open = NULL;
    (void)user_data, (void)count, (void)training;
    kdst_status status = kdst_layer_find_child(layer, "value", &value);
    if (!status) status = kdst_layer_find_child(layer, "gate", &gate);
    if (!status) status = kdst_layer_run(value, inputs[0], &a);
    if (!status) status = kdst_layer_run(gate, inputs[0], &b);
    if (!status) status = kdst_sigmoid(b, &open);
    if (!status) status = kdst_mul(a, open, &out[0]);
    kdst_tensor_release(open);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    return status;
}

/* A linear layer whose weights are all 0.5, as a child. */
static kdst_status add_linear(kdst_context *ctx, kdst_layer *parent, const char *name, int64_t in, int64_t out)
{
    kdst_layer *layer = NULL;
    kdst_tensor *weight = NULL, *bias = NULL;
    kdst_status status = kdst_layer_linear_create(ctx, in, out, NULL, &layer);
    if (!status) status = kdst_layer_find(layer, "weight", &weight);
    if (!status) status = kdst_layer_find(layer, "bias", &bias);
    if (!status) status = kdst_tensor_set_value(weight, 0.5);
    if (!status) status = kdst_tensor_set_value(bias, 0);
    if (!status) status = kdst_layer_add(parent, name, layer);
    kdst_layer_release(layer);
    return status;
}

/* glu 3 -> 2, then fc 2 -> 1. */
static kdst_status make_network(kdst_context *ctx, kdst_layer **out)
{
    kdst_layer *glu = NULL;
    kdst_status status = kdst_layer_sequential_create(ctx, out);
    if (!status) status = kdst_layer_custom_create(ctx, "glu", glu_forward, NULL, NULL, NULL, &glu);
    if (!status) status = add_linear(ctx, glu, "value", 3, 2);
    if (!status) status = add_linear(ctx, glu, "gate", 3, 2);
    if (!status) status = kdst_layer_add(*out, "glu", glu);
    if (!status) status = add_linear(ctx, *out, "fc", 2, 1);
    kdst_layer_release(glu);
    return status;
}

int main(void)
{
    const float row[] = {1, 2, 3};
    const int64_t shape[] = {1, 3};
    kdst_context *ctx = NULL;
    kdst_layer *network = NULL;
    kdst_tensor *x = NULL, *y = NULL, *weight = NULL, *grad = NULL;
    float slope[2] = {0};
    double value = 0;

    kdst_status status = kdst_context_create(NULL, &ctx);
    if (!status) status = make_network(ctx, &network);
    for (int64_t i = 0; !status && i < kdst_layer_get_state_count(network); i++) {
        const char *name = NULL;
        status = kdst_layer_get_state(network, i, &name, NULL, NULL);
        if (!status) printf("%s\n", name);
    }
    if (!status) printf("%d parameters\n", (int)kdst_layer_get_parameter_count(network));

    if (!status) status = kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT32, 2, shape, row, &x);
    if (!status) status = kdst_layer_run(network, x, &y); /* 0.5 glu + 0.5 glu */
    if (!status) status = kdst_backward(y, NULL, NULL);
    if (!status) status = kdst_tensor_get_value(y, &value);
    if (!status) status = kdst_layer_find(network, "fc.weight", &weight);
    if (!status) status = kdst_tensor_get_grad(weight, &grad);
    if (!status) status = kdst_tensor_get_data(grad, slope, sizeof slope);
    if (!status)
        printf("the unit gives %g, and the weights behind it get gradients of %g and %g\n", value, slope[0], slope[1]);
    if (status) fprintf(stderr, "%s: %s\n", kdst_status_name(status), kdst_context_message(ctx));

    kdst_tensor_release(grad);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_layer_release(network);
    kdst_context_release(ctx);
    return status != KDST_STATUS_OK;
}
