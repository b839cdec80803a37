/* SPDX-License-Identifier: Apache-2.0 */
/* State in memory: making it, setting named tensors and texts, each in the order of being set. */
#include "io/state.h"

#include "io/text.h"
#include "nn/layer.h"

#include <string.h>

/* ---- life ---- */

static void state_destroy(void *object)
{
    kdst_state *state = object;
    kdst__memory *memory = kdst__context_memory(state->base.ctx);
    for (int64_t i = 0; i < state->tensors.count; i++)
        kdst__handle_release(state->tensors.entries[i].value);
    for (int64_t i = 0; i < state->texts.count; i++)
        kdst__free(memory, state->texts.entries[i].value, strlen(state->texts.entries[i].value) + 1);
    kdst__names_clear(memory, &state->tensors);
    kdst__names_clear(memory, &state->texts);
}

static const kdst__class state_class = {"state", state_destroy};

kdst_status kdst__state_new(kdst_context *ctx, const char *function, kdst_state **out)
{
    kdst_state *state = kdst__handle_create(ctx, &state_class, sizeof *state);
    *out = state;
    if (state == NULL) return kdst__fail_memory(ctx, function);
    state->tensors.seed = state->texts.seed = (uint64_t)(uintptr_t)state * 0x9e3779b97f4a7c15u;
    return KDST_STATUS_OK;
}

kdst_status kdst_state_create(kdst_context *ctx, kdst_state **out)
{
    if (out != NULL) *out = NULL;
    if (ctx == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "state_create: out is NULL");
    return kdst__state_new(ctx, "state_create", out);
}

void kdst_state_retain(kdst_state *state)
{
    kdst__handle_retain(state);
}

void kdst_state_release(kdst_state *state)
{
    kdst__handle_release(state);
}

/* ---- setting ---- */

/* `what` is "name" or "key". */
static kdst_status
check_name(kdst_state *state, const char *function, const char *what, const char *name, const char *reserved)
{
    kdst_context *ctx = state->base.ctx;
    char shown[KDST__SHOWN_TEXT];
    if (name == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is NULL", function, what);
    size_t bytes = strnlen(name, KDST__STATE_NAME + 1);
    if (bytes == 0 || bytes > KDST__STATE_NAME)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s has %zu bytes, allowed are 1 to %d", function, what,
            strlen(name), KDST__STATE_NAME);
    if (!kdst__utf8_valid(name, bytes))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s \"%s\" is no UTF-8", function, what,
            kdst__text_shown(name, shown));
    if (strcmp(name, reserved) == 0)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: %s is \"%s\", which is reserved", function, what, name);
    return KDST_STATUS_OK;
}

kdst_status kdst__state_put(kdst_state *state, const char *function, const char *name, kdst_tensor *tensor)
{
    kdst_context *ctx = state->base.ctx;
    kdst_status status = check_name(state, function, "name", name, KDST__STATE_METADATA);
    if (status != KDST_STATUS_OK) return status;
    if (tensor == NULL || tensor->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: tensor %s", function,
            tensor == NULL ? "is NULL" : "belongs to another context");
    status = kdst__tensor_need_data(function, tensor);
    if (status != KDST_STATUS_OK) return status;
    int64_t index = kdst__names_find(&state->tensors, name);
    if (index >= 0) {
        kdst__handle_retain(tensor);
        kdst__handle_release(state->tensors.entries[index].value);
        state->tensors.entries[index].value = tensor;
        return KDST_STATUS_OK;
    }
    if (kdst__names_add(kdst__context_memory(ctx), &state->tensors, name, tensor) < 0)
        return kdst__fail_memory(ctx, function);
    kdst__handle_retain(tensor);
    return KDST_STATUS_OK;
}

kdst_status kdst_state_set(kdst_state *state, const char *name, kdst_tensor *tensor)
{
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    return kdst__state_put(state, "state_set", name, tensor);
}

kdst_status kdst__state_put_text(kdst_state *state, const char *function, const char *key, const char *text)
{
    kdst_context *ctx = state->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    kdst_status status = check_name(state, function, "key", key, KDST__STATE_CHECKSUM);
    if (status != KDST_STATUS_OK) return status;
    if (text == NULL || !kdst__utf8_valid(text, strlen(text)))
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: the text of \"%.255s\" is %s", function, key,
            text == NULL ? "NULL" : "no UTF-8");
    size_t bytes = strlen(text) + 1;
    char *copy = kdst__alloc(memory, bytes);
    if (copy == NULL) return kdst__fail_memory(ctx, function);
    memcpy(copy, text, bytes);
    int64_t index = kdst__names_find(&state->texts, key);
    if (index >= 0) {
        char *old = state->texts.entries[index].value;
        state->texts.entries[index].value = copy;
        kdst__free(memory, old, strlen(old) + 1);
    } else if (kdst__names_add(memory, &state->texts, key, copy) < 0) {
        kdst__free(memory, copy, bytes);
        return kdst__fail_memory(ctx, function);
    }
    return KDST_STATUS_OK;
}

kdst_status kdst_state_set_text(kdst_state *state, const char *key, const char *text)
{
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(state->base.ctx);
    return kdst__state_put_text(state, "state_set_text", key, text);
}

kdst_status kdst__state_put_layer(kdst_state *state, const char *function, const char *prefix, kdst_layer *layer)
{
    const kdst__layer_entry *entries;
    int64_t count;
    size_t before = strlen(prefix);
    kdst_status status = kdst__layer_get_entries(function, layer, &entries, &count);
    for (int64_t i = 0; i < count && status == KDST_STATUS_OK; i++) {
        char name[KDST__STATE_NAME + 1];
        size_t bytes = strlen(entries[i].name);
        if (before + bytes > KDST__STATE_NAME)
            return kdst__fail(
                state->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: a name of %zu bytes is too long, allowed are %d",
                function, before + bytes, KDST__STATE_NAME);
        memcpy(name, prefix, before);
        memcpy(name + before, entries[i].name, bytes + 1);
        status = kdst__state_put(state, function, name, entries[i].tensor);
    }
    return status;
}

kdst_status kdst_state_add_layer(kdst_state *state, const char *prefix, kdst_layer *layer)
{
    if (state == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = state->base.ctx;
    kdst__enter(ctx);
    if (prefix == NULL || layer == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "state_add_layer: %s is NULL", prefix == NULL ? "prefix" : "layer");
    if (layer->base.ctx != ctx)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "state_add_layer: layer belongs to another context");
    return kdst__state_put_layer(state, "state_add_layer", prefix, layer);
}
