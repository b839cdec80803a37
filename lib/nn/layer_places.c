/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of a tree by their dotted paths: "layer1.0.conv1"; "" is the tree itself.
 *
 * The paths of a tree are joined once into a table that stays with the layer that was asked, until a layer is added below it.
 * Where layers share a path, as one under an empty name does with its parent, a path means the outermost.
 */
#include "core/options_text.h"
#include "nn/layer.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of the paths of `layer`, whose own has `prefix` without its end, and of everything below. */
static void measure(const kdst_layer *layer, size_t prefix, int64_t *count, size_t *bytes)
{
    *count += 1;
    *bytes += prefix + 1;
    for (int64_t i = 0; i < layer->child_count; i++) {
        size_t name = strlen(layer->children[i]->name);
        measure(layer->children[i], prefix + name + (prefix > 0 && name > 0), count, bytes);
    }
}

static void fill(kdst_layer *layer, const char *path, kdst__layer_place **place, char **paths)
{
    size_t prefix = strlen(path);
    *(*place)++ = (kdst__layer_place){path, layer};
    for (int64_t i = 0; i < layer->child_count; i++) {
        kdst_layer *child = layer->children[i];
        size_t name = strlen(child->name);
        char *own = *paths;
        memcpy(own, path, prefix);
        if (prefix > 0 && name > 0) own[prefix] = '.';
        size_t begin = prefix + (prefix > 0 && name > 0);
        memcpy(own + begin, child->name, name + 1);
        *paths += begin + name + 1;
        fill(child, own, place, paths);
    }
}

void kdst__layer_drop_places(kdst_layer *layer)
{
    kdst__memory *memory = kdst__context_memory(layer->base.ctx);
    kdst__free(memory, layer->places, (size_t)layer->place_count * sizeof *layer->places);
    kdst__free(memory, layer->place_paths, layer->place_path_bytes);
    layer->places = NULL;
    layer->place_paths = NULL;
    layer->place_count = 0;
}

kdst_status
kdst__layer_get_places(const char *function, kdst_layer *layer, const kdst__layer_place **out, int64_t *out_count)
{
    if (layer->places == NULL) {
        kdst__memory *memory = kdst__context_memory(layer->base.ctx);
        int64_t count = 0;
        size_t bytes = 0;
        measure(layer, 0, &count, &bytes);
        kdst__layer_place *places = kdst__alloc(memory, (size_t)count * sizeof *places);
        char *paths = kdst__alloc(memory, bytes);
        if (places == NULL || paths == NULL) {
            kdst__free(memory, places, (size_t)count * sizeof *places);
            kdst__free(memory, paths, bytes);
            return kdst__fail_memory(layer->base.ctx, function);
        }
        layer->places = places;
        layer->place_count = count;
        layer->place_paths = paths;
        layer->place_path_bytes = bytes;
        *paths++ = '\0';
        fill(layer, layer->place_paths, &places, &paths);
    }
    *out = layer->places;
    *out_count = layer->place_count;
    return KDST_STATUS_OK;
}

const char *kdst_layer_get_kind(const kdst_layer *layer)
{
    return layer != NULL ? layer->kind->name : NULL;
}

int64_t kdst_layer_get_child_count(const kdst_layer *layer)
{
    if (layer == NULL) return 0;
    int64_t count = 1;
    for (int64_t i = 0; i < layer->child_count; i++)
        count += kdst_layer_get_child_count(layer->children[i]);
    return count;
}

kdst_status kdst_layer_get_child(kdst_layer *layer, int64_t index, const char **out_path, kdst_layer **out_child)
{
    if (out_path != NULL) *out_path = NULL;
    if (out_child != NULL) *out_child = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    const kdst__layer_place *places = NULL;
    int64_t count = 0;
    kdst_status status = kdst__layer_get_places("layer_get_child", layer, &places, &count);
    if (status != KDST_STATUS_OK) return status;
    if (index < 0 || index >= count)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_NOT_FOUND,
            "layer_get_child: index is %" PRId64 ", the tree has %" PRId64 " layers", index, count);
    if (out_path != NULL) *out_path = places[index].path;
    if (out_child != NULL) *out_child = places[index].layer;
    return KDST_STATUS_OK;
}

static kdst_status fail_not_found(kdst_context *ctx, const kdst__layer_place *places, int64_t count, const char *path)
{
    int64_t nearest = 0;
    int least = 0;
    for (int64_t i = 1; i < count; i++) {
        int distance = kdst__text_distance(path, places[i].path);
        if (places[i].path[0] == '\0' || (nearest > 0 && distance >= least)) continue;
        nearest = i;
        least = distance;
    }
    if (nearest == 0)
        return kdst__fail(
            ctx, KDST_STATUS_NOT_FOUND, "layer_find_child: no layer \"%.255s\", none in here has a name", path);
    return kdst__fail(
        ctx, KDST_STATUS_NOT_FOUND, "layer_find_child: no layer \"%.255s\", did you mean \"%.255s\"?", path,
        places[nearest].path);
}

kdst_status kdst_layer_find_child(kdst_layer *layer, const char *path, kdst_layer **out)
{
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (path == NULL || out == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_find_child: %s is NULL", path == NULL ? "path" : "out");
    const kdst__layer_place *places = NULL;
    int64_t count = 0;
    kdst_status status = kdst__layer_get_places("layer_find_child", layer, &places, &count);
    if (status != KDST_STATUS_OK) return status;
    for (int64_t i = 0; i < count; i++)
        if (strcmp(places[i].path, path) == 0) {
            *out = places[i].layer;
            return KDST_STATUS_OK;
        }
    return fail_not_found(ctx, places, count, path);
}
