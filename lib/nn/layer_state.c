/* SPDX-License-Identifier: Apache-2.0 */
/* State of a tree of layers: its tensors by name, in PyTorch's order (a layer's own tensors, then its children's).
 *
 * The names of a tree are joined once into a table that stays with the layer that was asked, until a layer is added below it.
 */
#include "core/options_text.h"
#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

/* Names from the layer that was asked down to here. */
typedef struct path {
    const struct path *up; /* NULL at the layer that was asked, whose own name does not count */
    const char *name;
} path;

static size_t path_bytes(const path *p)
{
    size_t bytes = 0;
    for (; p->up != NULL; p = p->up)
        bytes += p->name[0] == '\0' ? 0 : strlen(p->name) + 1;
    return bytes;
}

/* Writes "a.b." so that it ends in front of `end`. */
static void write_path(const path *p, char *end)
{
    for (; p->up != NULL; p = p->up) {
        if (p->name[0] == '\0') continue;
        size_t bytes = strlen(p->name);
        *--end = '.';
        end -= bytes;
        memcpy(end, p->name, bytes);
    }
}

static void measure(const kdst_layer *layer, const path *here, int64_t *count, size_t *bytes)
{
    size_t prefix = path_bytes(here);
    for (int32_t i = 0; i < layer->tensor_count; i++)
        *bytes += prefix + strlen(layer->tensors[i].name) + 1;
    *count += layer->tensor_count;
    for (int64_t i = 0; i < layer->child_count; i++) {
        path below = {here, layer->children[i]->name};
        measure(layer->children[i], &below, count, bytes);
    }
}

static void fill(kdst_layer *layer, const path *here, kdst__layer_entry **entry, char **names)
{
    size_t prefix = path_bytes(here);
    for (int32_t i = 0; i < layer->tensor_count; i++) {
        const kdst__layer_tensor *t = &layer->tensors[i];
        write_path(here, *names + prefix);
        strcpy(*names + prefix, t->name);
        *(*entry)++ = (kdst__layer_entry){*names, t->tensor, t->is_parameter, t->name, layer};
        *names += prefix + strlen(t->name) + 1;
    }
    for (int64_t i = 0; i < layer->child_count; i++) {
        path below = {here, layer->children[i]->name};
        fill(layer->children[i], &below, entry, names);
    }
}

void kdst__layer_drop_entries(kdst_layer *layer)
{
    kdst__memory *memory = kdst__context_memory(layer->base.ctx);
    kdst__free(memory, layer->entries, (size_t)layer->entry_count * sizeof *layer->entries);
    kdst__free(memory, layer->entry_names, layer->entry_name_bytes);
    layer->entries = NULL;
    layer->entry_names = NULL;
    layer->entry_count = 0;
}

kdst_status
kdst__layer_get_entries(const char *function, kdst_layer *layer, const kdst__layer_entry **out, int64_t *out_count)
{
    if (layer->entries == NULL) {
        kdst__memory *memory = kdst__context_memory(layer->base.ctx);
        const path root = {NULL, ""};
        int64_t count = 0;
        size_t bytes = 0;
        measure(layer, &root, &count, &bytes);
        kdst__layer_entry *entries = kdst__alloc(memory, (size_t)count * sizeof *entries);
        char *names = kdst__alloc(memory, bytes);
        if (entries == NULL || names == NULL) {
            kdst__free(memory, entries, (size_t)count * sizeof *entries);
            kdst__free(memory, names, bytes);
            return kdst__fail_memory(layer->base.ctx, function);
        }
        layer->entries = entries;
        layer->entry_count = count;
        layer->entry_names = names;
        layer->entry_name_bytes = bytes;
        fill(layer, &root, &entries, &names);
    }
    *out = layer->entries;
    *out_count = layer->entry_count;
    return KDST_STATUS_OK;
}

int64_t kdst_layer_get_state_count(const kdst_layer *layer)
{
    if (layer == NULL) return 0;
    int64_t count = layer->tensor_count;
    for (int64_t i = 0; i < layer->child_count; i++)
        count += kdst_layer_get_state_count(layer->children[i]);
    return count;
}

int64_t kdst_layer_get_parameter_count(const kdst_layer *layer)
{
    int64_t count = 0;
    if (layer == NULL) return 0;
    for (int32_t i = 0; i < layer->tensor_count; i++)
        count += layer->tensors[i].is_parameter ? kdst__tensor_count(layer->tensors[i].tensor) : 0;
    for (int64_t i = 0; i < layer->child_count; i++)
        count += kdst_layer_get_parameter_count(layer->children[i]);
    return count;
}

kdst_status kdst_layer_get_state(
    kdst_layer *layer, int64_t index, const char **out_name, kdst_tensor **out_tensor, int32_t *out_is_parameter)
{
    if (out_name != NULL) *out_name = NULL;
    if (out_tensor != NULL) *out_tensor = NULL;
    if (out_is_parameter != NULL) *out_is_parameter = 0;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    const kdst__layer_entry *entries = NULL;
    int64_t count = 0;
    kdst_status status = kdst__layer_get_entries("layer_get_state", layer, &entries, &count);
    if (status != KDST_STATUS_OK) return status;
    if (index < 0 || index >= count)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_NOT_FOUND,
            "layer_get_state: index is %" PRId64 ", the layer has %" PRId64 " entries", index, count);
    if (out_name != NULL) *out_name = entries[index].name;
    if (out_tensor != NULL) *out_tensor = entries[index].tensor;
    if (out_is_parameter != NULL) *out_is_parameter = entries[index].is_parameter;
    return KDST_STATUS_OK;
}

static const kdst__layer_entry *lookup(const kdst__layer_entry *entries, int64_t count, const char *name)
{
    for (int64_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0) return &entries[i];
    return NULL;
}

static kdst_status fail_not_found(
    kdst_context *ctx, const char *function, const kdst__layer_entry *entries, int64_t count, const char *name)
{
    const char *nearest = NULL;
    int least = 0;
    for (int64_t i = 0; i < count; i++) {
        int distance = kdst__text_distance(name, entries[i].name);
        if (nearest == NULL || distance < least) {
            nearest = entries[i].name;
            least = distance;
        }
    }
    if (nearest == NULL)
        return kdst__fail(ctx, KDST_STATUS_NOT_FOUND, "%s: no entry \"%.255s\", the layer has none", function, name);
    return kdst__fail(
        ctx, KDST_STATUS_NOT_FOUND, "%s: no entry \"%.255s\", did you mean \"%.255s\"?", function, name, nearest);
}

kdst_status kdst_layer_find(kdst_layer *layer, const char *name, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (name == NULL || out == NULL)
        return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_find: %s is NULL", name == NULL ? "name" : "out");
    const kdst__layer_entry *entries = NULL;
    int64_t count = 0;
    kdst_status status = kdst__layer_get_entries("layer_find", layer, &entries, &count);
    if (status != KDST_STATUS_OK) return status;
    const kdst__layer_entry *entry = lookup(entries, count, name);
    if (entry == NULL) return fail_not_found(ctx, "layer_find", entries, count, name);
    *out = entry->tensor;
    return KDST_STATUS_OK;
}

/* Every entry of `to` has one of the same name and shape in `from`, and there are no others. */
static kdst_status check_same(
    kdst_context *ctx, const kdst__layer_entry *to, int64_t to_count, const kdst__layer_entry *from, int64_t from_count)
{
    for (int64_t i = 0; i < to_count; i++) {
        const kdst__layer_entry *other = lookup(from, from_count, to[i].name);
        char want[KDST__SHAPE_TEXT], have[KDST__SHAPE_TEXT];
        if (other == NULL) return fail_not_found(ctx, "layer_copy_state: source", from, from_count, to[i].name);
        if (!kdst__tensor_same_shape(to[i].tensor, other->tensor))
            return kdst__fail(
                ctx, KDST_STATUS_SHAPE, "layer_copy_state: \"%s\" is %s in the source, %s in the destination",
                to[i].name, kdst__shape_text(other->tensor->rank, other->tensor->shape, have),
                kdst__shape_text(to[i].tensor->rank, to[i].tensor->shape, want));
    }
    for (int64_t i = 0; i < from_count; i++)
        if (lookup(to, to_count, from[i].name) == NULL)
            return fail_not_found(ctx, "layer_copy_state: destination", to, to_count, from[i].name);
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_copy_state(kdst_layer *destination, kdst_layer *source)
{
    if (destination == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = destination->base.ctx;
    kdst__enter(ctx);
    if (source == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_copy_state: source is NULL");
    if (source->base.ctx != ctx) kdst__enter(source->base.ctx);
    const kdst__layer_entry *to = NULL, *from = NULL;
    int64_t to_count = 0, from_count = 0;
    kdst_status status = kdst__layer_get_entries("layer_copy_state", destination, &to, &to_count);
    if (status == KDST_STATUS_OK) {
        status = kdst__layer_get_entries("layer_copy_state", source, &from, &from_count);
        if (status != KDST_STATUS_OK && source->base.ctx != ctx)
            status =
                kdst__fail(ctx, status, "%s, in the context of the source", kdst_context_message(source->base.ctx));
    }
    if (status == KDST_STATUS_OK) status = check_same(ctx, to, to_count, from, from_count);
    for (int64_t i = 0; i < to_count && status == KDST_STATUS_OK; i++) {
        kdst_tensor *other = lookup(from, from_count, to[i].name)->tensor;
        if (other != to[i].tensor) status = kdst__tensor_assign("layer_copy_state", to[i].tensor, other);
    }
    return status;
}
