/* SPDX-License-Identifier: Apache-2.0 */
/* What every layer has: creation, its place in the tree, running, modes. Kinds are in their own files.
 *
 * A tree is at most KDST__LAYER_DEPTH levels deep and a layer has at most one parent, so walks recurse freely and a cycle
 * cannot be built.
 */
#include "nn/layer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void destroy(void *object)
{
    kdst_layer *layer = object;
    kdst__memory *memory = kdst__context_memory(layer->base.ctx);
    if (layer->kind->destroy != NULL) layer->kind->destroy(layer);
    kdst__layer_drop_entries(layer);
    kdst__layer_drop_places(layer);
    kdst__layer_drop_hooks(layer);
    for (int64_t i = 0; i < layer->child_count; i++) {
        kdst_layer *child = layer->children[i];
        kdst__free(memory, child->name, strlen(child->name) + 1);
        child->name = NULL;
        child->parent = NULL;
        kdst__handle_release(child);
    }
    kdst__free(memory, layer->children, (size_t)layer->child_capacity * sizeof *layer->children);
    for (int32_t i = 0; i < layer->tensor_count; i++)
        kdst_tensor_release(layer->tensors[i].tensor);
}

static const kdst__class class = {"layer", destroy};

kdst_status kdst__layer_begin(kdst_context *ctx, const char *function, kdst_layer **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", function);
    return KDST_STATUS_OK;
}

kdst_status kdst__layer_new(kdst_context *ctx, const kdst__layer_kind *kind, kdst_layer **out)
{
    kdst_layer *layer = kdst__handle_create(ctx, &class, kind->bytes);
    *out = layer;
    if (layer == NULL) return KDST_STATUS_OUT_OF_MEMORY;
    layer->kind = kind;
    layer->training = true;
    return KDST_STATUS_OK;
}

kdst_status kdst__layer_hold(kdst_layer *layer, const char *name, bool is_parameter, kdst_tensor *tensor)
{
    layer->tensors[layer->tensor_count++] = (kdst__layer_tensor){name, tensor, is_parameter};
    return is_parameter ? kdst_tensor_set_requires_grad(tensor, 1) : KDST_STATUS_OK;
}

/* ---- the tree ---- */

static int levels_below(const kdst_layer *layer)
{
    int most = 0;
    for (int64_t i = 0; i < layer->child_count; i++) {
        int levels = 1 + levels_below(layer->children[i]);
        most = levels > most ? levels : most;
    }
    return most;
}

static bool name_used(const kdst_layer *scope, const char *name)
{
    for (int32_t i = 0; i < scope->tensor_count; i++)
        if (strcmp(scope->tensors[i].name, name) == 0) return true;
    for (int64_t i = 0; i < scope->child_count; i++) {
        const kdst_layer *child = scope->children[i];
        if (child->name[0] == '\0' ? name_used(child, name) : strcmp(child->name, name) == 0) return true;
    }
    return false;
}

/* First name that `layer`, put under an empty name, would bring into `scope` a second time; NULL: none. */
static const char *name_clash(const kdst_layer *scope, const kdst_layer *layer)
{
    for (int32_t i = 0; i < layer->tensor_count; i++)
        if (name_used(scope, layer->tensors[i].name)) return layer->tensors[i].name;
    for (int64_t i = 0; i < layer->child_count; i++) {
        const kdst_layer *child = layer->children[i];
        const char *clash = child->name[0] == '\0' ? name_clash(scope, child)
            : name_used(scope, child->name)        ? child->name
                                                   : NULL;
        if (clash != NULL) return clash;
    }
    return NULL;
}

static kdst_status check_place(const char *function, const kdst_layer *parent, const kdst_layer *child)
{
    kdst_context *ctx = parent->base.ctx;
    if (child->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the %s belongs to another context", function, child->kind->name);
    int levels = levels_below(child) + 1;
    for (const kdst_layer *up = parent; up != NULL; up = up->parent, levels++)
        if (up == child) return kdst__fail(ctx, KDST_STATUS_STATE, "%s: the container would contain itself", function);
    if (child->parent != NULL)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "%s: the %s is in a container already, as \"%s\"", function, child->kind->name,
            child->name);
    if (levels > KDST__LAYER_DEPTH)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "%s: layers would be nested %d deep, allowed is %d", function, levels,
            KDST__LAYER_DEPTH);
    return KDST_STATUS_OK;
}

static kdst_status check_name(const char *function, const kdst_layer *parent, const char *name, const kdst_layer *child)
{
    kdst_context *ctx = parent->base.ctx;
    if (strlen(name) > KDST__LAYER_NAME)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: name has %zu bytes, allowed are %d", function, strlen(name),
            KDST__LAYER_NAME);
    if (strchr(name, '.') != NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: name \"%s\" contains a '.'", function, name);
    const kdst_layer *scope = parent;
    while (scope->parent != NULL && scope->name[0] == '\0')
        scope = scope->parent;
    const char *clash = name[0] == '\0' ? name_clash(scope, child) : name_used(scope, name) ? name : NULL;
    if (clash != NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: name \"%s\" is used already", function, clash);
    return KDST_STATUS_OK;
}

kdst_status kdst__layer_attach(const char *function, kdst_layer *parent, const char *name, kdst_layer *child)
{
    kdst__memory *memory = kdst__context_memory(parent->base.ctx);
    char number[24];
    if (name == NULL) {
        snprintf(number, sizeof number, "%" PRId64, parent->child_count);
        name = number;
    }
    kdst_status status = check_place(function, parent, child);
    if (status == KDST_STATUS_OK) status = check_name(function, parent, name, child);
    if (status != KDST_STATUS_OK) return status;
    char *copy = kdst__alloc(memory, strlen(name) + 1);
    if (copy == NULL) return kdst__fail_memory(parent->base.ctx, function);
    if (parent->child_count == parent->child_capacity) {
        int64_t capacity = parent->child_capacity == 0 ? 4 : 2 * parent->child_capacity;
        kdst_layer **children = kdst__realloc(
            memory, parent->children, (size_t)parent->child_capacity * sizeof *children,
            (size_t)capacity * sizeof *children);
        if (children == NULL) {
            kdst__free(memory, copy, strlen(name) + 1);
            return kdst__fail_memory(parent->base.ctx, function);
        }
        parent->children = children;
        parent->child_capacity = capacity;
    }
    strcpy(copy, name);
    kdst__handle_retain(child);
    child->name = copy;
    child->parent = parent;
    parent->children[parent->child_count++] = child;
    for (kdst_layer *up = parent; up != NULL; up = up->parent) {
        kdst__layer_drop_entries(up);
        kdst__layer_drop_places(up);
        up->keepers += child->keepers;
    }
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_add(kdst_layer *container, const char *name, kdst_layer *child)
{
    if (container == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = container->base.ctx;
    kdst__enter(ctx);
    if (child == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_add: child is NULL");
    if (!container->kind->open)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_add: container is a %s, layers can be added to a sequential, a parallel or a custom layer",
            container->kind->name);
    kdst_status status = kdst__layer_attach("layer_add", container, name, child);
    if (status == KDST_STATUS_OK) kdst__layer_set_training(child, container->training);
    return status;
}

/* ---- use ---- */

void kdst_layer_retain(kdst_layer *layer)
{
    kdst__handle_retain(layer);
}

void kdst_layer_release(kdst_layer *layer)
{
    kdst__handle_release(layer);
}

void kdst__layer_set_training(kdst_layer *layer, bool training)
{
    layer->training = training;
    for (int64_t i = 0; i < layer->child_count; i++)
        kdst__layer_set_training(layer->children[i], training);
}

kdst_status kdst_layer_set_training(kdst_layer *layer, int32_t training)
{
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    if (training != 0 && training != 1)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_set_training: training is %" PRId32 ", allowed are 0 and 1", training);
    kdst__layer_set_training(layer, training == 1);
    return KDST_STATUS_OK;
}

int32_t kdst_layer_get_training(const kdst_layer *layer)
{
    return layer != NULL && layer->training;
}

static kdst_status set_trainable(kdst_layer *layer, int32_t trainable)
{
    kdst_status status = KDST_STATUS_OK;
    for (int32_t i = 0; i < layer->tensor_count && status == KDST_STATUS_OK; i++)
        if (layer->tensors[i].is_parameter) status = kdst_tensor_set_requires_grad(layer->tensors[i].tensor, trainable);
    for (int64_t i = 0; i < layer->child_count && status == KDST_STATUS_OK; i++)
        status = set_trainable(layer->children[i], trainable);
    return status;
}

kdst_status kdst_layer_set_trainable(kdst_layer *layer, int32_t trainable)
{
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    if (trainable != 0 && trainable != 1)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT,
            "layer_set_trainable: trainable is %" PRId32 ", allowed are 0 and 1", trainable);
    return set_trainable(layer, trainable);
}

static kdst_status clear_grads(kdst_layer *layer)
{
    kdst_status status = KDST_STATUS_OK;
    for (int32_t i = 0; i < layer->tensor_count && status == KDST_STATUS_OK; i++)
        if (layer->tensors[i].is_parameter) status = kdst_tensor_clear_grad(layer->tensors[i].tensor);
    for (int64_t i = 0; i < layer->child_count && status == KDST_STATUS_OK; i++)
        status = clear_grads(layer->children[i]);
    return status;
}

kdst_status kdst_layer_clear_grads(kdst_layer *layer)
{
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    return clear_grads(layer);
}
