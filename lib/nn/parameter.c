/* SPDX-License-Identifier: Apache-2.0 */
/* parameter: a layer that holds one tensor of the caller's under a name of its own, and gives it when it is run.
 *
 * Added under the empty name it puts the tensor right into a container, for layers by callback and for what a network has
 * besides its layers.
 */
#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

typedef struct parameter {
    kdst_layer base;
    char *name;
} parameter;

static void ports(const kdst_layer *layer, kdst__layer_ports *out)
{
    (void)layer;
    *out = (kdst__layer_ports){0, 0, 1};
}

static void destroy(kdst_layer *layer)
{
    char *name = ((parameter *)layer)->name;
    if (name != NULL) kdst__free(kdst__context_memory(layer->base.ctx), name, strlen(name) + 1);
}

static kdst_status run(kdst_layer *layer, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    (void)inputs;
    (void)count;
    kdst_tensor_retain(out[0] = layer->tensors[0].tensor);
    return KDST_STATUS_OK;
}

static const kdst__layer_kind kind = {
    .name = "parameter", .bytes = sizeof(parameter), .run_many = run, .ports = ports, .destroy = destroy};

kdst_status
kdst__layer_parameter_new(kdst_context *ctx, const char *name, kdst_tensor *tensor, bool is_parameter, kdst_layer **out)
{
    kdst_layer *layer = NULL;
    kdst_status status = kdst__layer_new(ctx, &kind, &layer);
    if (status != KDST_STATUS_OK) return status;
    char *copy = kdst__alloc(kdst__context_memory(ctx), strlen(name) + 1);
    if (copy == NULL) {
        kdst_layer_release(layer);
        return kdst__fail_memory(ctx, "parameter");
    }
    ((parameter *)layer)->name = strcpy(copy, name);
    kdst_tensor_retain(tensor);
    status = kdst__layer_hold(layer, copy, is_parameter, tensor);
    if (status != KDST_STATUS_OK) {
        kdst_layer_release(layer);
        return status;
    }
    *out = layer;
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_parameter_create(
    kdst_context *ctx, const char *name, kdst_tensor *tensor, int32_t is_parameter, kdst_layer **out)
{
    kdst_status status = kdst__layer_begin(ctx, "parameter", out);
    if (status != KDST_STATUS_OK) return status;
    if (name == NULL || tensor == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "parameter: %s is NULL", name == NULL ? "name" : "tensor");
    if (name[0] == '\0' || strchr(name, '.') != NULL || strlen(name) > KDST__LAYER_NAME)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "parameter: name \"%.64s\" has %zu bytes, allowed are 1 to %d without '.'", name, strlen(name),
            KDST__LAYER_NAME);
    if (is_parameter != 0 && is_parameter != 1)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "parameter: is_parameter is %" PRId32 ", allowed are 0 and 1",
            is_parameter);
    if (tensor->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "parameter: tensor belongs to another context");
    if (is_parameter == 1 && !kdst__dtype_is_float(tensor->dtype))
        return kdst__fail(
            ctx, KDST_STATUS_DTYPE, "parameter: tensor is %s, a parameter is float32 or float64",
            kdst_dtype_get_name(tensor->dtype));
    status = kdst__tensor_need_data("parameter", tensor);
    if (status != KDST_STATUS_OK) return status;
    return kdst__layer_parameter_new(ctx, name, tensor, is_parameter == 1, out);
}
