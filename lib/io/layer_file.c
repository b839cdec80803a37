/* SPDX-License-Identifier: Apache-2.0 */
/* Layers to and from a state and its file. Names and shapes are compared and copies of what overlaps are made first;
 * then only element-wise copies follow, which cannot fail.
 */
#include "core/options.h"
#include "io/state.h"
#include "io/text.h"
#include "nn/layer.h"

#include <string.h>

typedef struct config {
    const char *prefix;
    int64_t strict;
} config;

static const kdst__option options_table[] = {
    KDST__STRING(config, prefix, "", "stands before a layer's names in the state"),
    KDST__INT(config, strict, 1, 0, 1, "1: missing and left-over tensors are errors"),
};
const kdst__schema kdst__schema_layer_load = {"layer.load", options_table, KDST__COUNT(options_table), NULL, 0};

#define COUNTER "num_batches_tracked" /* of batch norm; files of old PyTorch versions lack it */

typedef struct work {
    kdst_context *ctx;
    const char *function;
    config config;
    kdst_state *state;
    const kdst__layer_entry *entries;
    int64_t count;
    kdst_tensor **found; /* for each entry its tensor of the state, or NULL; retained */
    bool *used;          /* for each tensor of the state */
    char *name;          /* room for prefix + name */
    size_t name_bytes;
} work;

static bool is_counter(const char *name)
{
    size_t bytes = strlen(name), own = strlen(COUNTER);
    return bytes >= own && strcmp(name + bytes - own, COUNTER) == 0 && (bytes == own || name[bytes - own - 1] == '.');
}

static kdst_status fail_missing(work *w)
{
    char shown[KDST__SHOWN_TEXT], shown_nearest[KDST__SHOWN_TEXT];
    const char *nearest = kdst__names_nearest(&w->state->tensors, w->name);
    if (nearest == NULL)
        return kdst__fail(
            w->ctx, KDST_STATUS_NOT_FOUND, "%s: the state lacks \"%s\", it is empty", w->function,
            kdst__text_shown(w->name, shown));
    return kdst__fail(
        w->ctx, KDST_STATUS_NOT_FOUND, "%s: the state lacks \"%s\"; the nearest name is \"%s\"", w->function,
        kdst__text_shown(w->name, shown), kdst__text_shown(nearest, shown_nearest));
}

static kdst_status match(work *w, int64_t i)
{
    char want[KDST__SHAPE_TEXT], have[KDST__SHAPE_TEXT], shown[KDST__SHOWN_TEXT];
    const kdst__layer_entry *entry = &w->entries[i];
    size_t before = strlen(w->config.prefix);
    memcpy(w->name, w->config.prefix, before);
    strcpy(w->name + before, entry->name);
    int64_t index = kdst__names_find(&w->state->tensors, w->name);
    if (index < 0) return w->config.strict == 0 || is_counter(entry->name) ? KDST_STATUS_OK : fail_missing(w);
    kdst_tensor *tensor = w->state->tensors.entries[index].value;
    if (!kdst__tensor_same_shape(tensor, entry->tensor))
        return kdst__fail(
            w->ctx, KDST_STATUS_SHAPE, "%s: \"%s\" is %s in the state, %s in the layer", w->function,
            kdst__text_shown(w->name, shown), kdst__shape_text(tensor->rank, tensor->shape, have),
            kdst__shape_text(entry->tensor->rank, entry->tensor->shape, want));
    kdst__handle_retain(tensor);
    w->found[i] = tensor;
    w->used[index] = true;
    return KDST_STATUS_OK;
}

static kdst_status check_left_over(work *w)
{
    size_t before = strlen(w->config.prefix);
    char shown[KDST__SHOWN_TEXT];
    for (int64_t i = 0; i < w->state->tensors.count; i++) {
        const char *name = w->state->tensors.entries[i].name;
        if (!w->used[i] && strncmp(name, w->config.prefix, before) == 0)
            return kdst__fail(
                w->ctx, KDST_STATUS_NOT_FOUND, "%s: the layer has no \"%s\", which the state holds", w->function,
                kdst__text_shown(name, shown));
    }
    return KDST_STATUS_OK;
}

/* A tensor of the state that shares memory with the layer is read from a copy: writing one entry must not change
 * another's source. */
static kdst_status separate(work *w, int64_t i)
{
    kdst_tensor *tensor = w->found[i], *copy;
    if (tensor == NULL || tensor == w->entries[i].tensor) return KDST_STATUS_OK;
    for (int64_t k = 0; k < w->count; k++) {
        if (w->entries[k].tensor->storage != tensor->storage) continue;
        kdst_status status = kdst__tensor_new_like(w->function, tensor, false, &copy);
        if (status != KDST_STATUS_OK) return status;
        w->found[i] = copy;
        status = kdst__tensor_assign(w->function, copy, tensor);
        kdst__handle_release(tensor);
        return status;
    }
    return KDST_STATUS_OK;
}

static kdst_status run(work *w)
{
    kdst_status status = KDST_STATUS_OK;
    for (int64_t i = 0; i < w->count && status == KDST_STATUS_OK; i++)
        status = match(w, i);
    if (status == KDST_STATUS_OK && w->config.strict != 0) status = check_left_over(w);
    for (int64_t i = 0; i < w->count && status == KDST_STATUS_OK; i++)
        status = separate(w, i);
    for (int64_t i = 0; i < w->count && status == KDST_STATUS_OK; i++)
        if (w->found[i] != NULL && w->found[i] != w->entries[i].tensor)
            status = kdst__tensor_assign(w->function, w->entries[i].tensor, w->found[i]);
    return status;
}

static kdst_status load_state(kdst_layer *layer, const char *function, kdst_state *state, const config *c)
{
    kdst_context *ctx = layer->base.ctx;
    kdst__memory *memory = kdst__context_memory(ctx);
    work w = {.ctx = ctx, .function = function, .config = *c, .state = state};
    kdst_status status = kdst__layer_get_entries(function, layer, &w.entries, &w.count);
    if (status != KDST_STATUS_OK) return status;
    for (int64_t i = 0; i < w.count; i++) {
        size_t bytes = strlen(c->prefix) + strlen(w.entries[i].name) + 1;
        w.name_bytes = bytes > w.name_bytes ? bytes : w.name_bytes;
    }
    w.name = kdst__alloc(memory, w.name_bytes);
    w.found = kdst__alloc_zero(memory, (size_t)w.count * sizeof *w.found);
    w.used = kdst__alloc_zero(memory, (size_t)state->tensors.count * sizeof *w.used);
    if (w.name == NULL || w.found == NULL || w.used == NULL)
        status = kdst__fail_memory(ctx, function);
    else
        status = run(&w);
    for (int64_t i = 0; i < w.count && w.found != NULL; i++)
        kdst__handle_release(w.found[i]);
    kdst__free(memory, w.used, (size_t)state->tensors.count * sizeof *w.used);
    kdst__free(memory, w.found, (size_t)w.count * sizeof *w.found);
    kdst__free(memory, w.name, w.name_bytes);
    return status;
}

kdst_status kdst_layer_load_state(kdst_layer *layer, kdst_state *state, const kdst_options *options)
{
    config c;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (state == NULL || state->base.ctx != ctx)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_load_state: state %s",
            state == NULL ? "is NULL" : "belongs to another context");
    kdst_status status = kdst__options_parse(ctx, "layer_load_state", &kdst__schema_layer_load, options, &c);
    return status == KDST_STATUS_OK ? load_state(layer, "layer_load_state", state, &c) : status;
}

kdst_status kdst_layer_save(kdst_layer *layer, const char *path)
{
    kdst_state *state;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (path == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_save: path is NULL");
    kdst_status status = kdst__state_new(ctx, "layer_save", &state);
    if (status == KDST_STATUS_OK) status = kdst__state_put_layer(state, "layer_save", "", layer);
    if (status == KDST_STATUS_OK) status = kdst__state_write(state, "layer_save", path);
    kdst__handle_release(state);
    return status;
}

kdst_status kdst_layer_load(kdst_layer *layer, const char *path, const kdst_options *options)
{
    kdst_state *state;
    config c;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (path == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_load: path is NULL");
    kdst_status status = kdst__options_parse(ctx, "layer_load", &kdst__schema_layer_load, options, &c);
    if (status != KDST_STATUS_OK) return status;
    status = kdst__state_read(ctx, "layer_load", path, &state);
    if (status == KDST_STATUS_OK) status = load_state(layer, "layer_load", state, &c);
    kdst__handle_release(state);
    return status;
}
