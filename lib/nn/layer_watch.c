/* SPDX-License-Identifier: Apache-2.0 */
/* Watching a run: which layer is the first whose output is not finite.
 *
 * Layers are looked at when they are done, children before the container around them, so the first one found is the innermost. A
 * layer knows of it by a pointer that is NULL in every other run, which therefore costs one comparison.
 */
#include "nn/layer.h"

#include <string.h>

bool kdst__layer_is_finite(kdst_tensor *t)
{
    kdst_tensor *whole = NULL;
    if (t == NULL || !kdst__dtype_is_float(t->dtype)) return true;
    if (kdst__tensor_to_contiguous("layer_run", t, &whole) != KDST_STATUS_OK) return true;
    bool finite = kdst__all_finite(
        kdst__tensor_compute(whole), whole->dtype, kdst__tensor_count(whole), kdst__tensor_data(whole));
    kdst_tensor_release(whole);
    return finite;
}

void kdst__layer_watch_outputs(kdst_layer *layer, kdst_tensor *const *outputs, int64_t count)
{
    for (int64_t i = 0; i < count && layer->watch->found == NULL; i++)
        if (!kdst__layer_is_finite(outputs[i])) layer->watch->found = layer;
}

static void set_watch(kdst_layer *layer, kdst__layer_watch *watch)
{
    layer->watch = watch;
    for (int64_t i = 0; i < layer->child_count; i++)
        set_watch(layer->children[i], watch);
}

kdst_status kdst__layer_run_watched(kdst_layer *layer, kdst_tensor *x, kdst_layer **out_found)
{
    kdst__layer_watch watch = {NULL};
    kdst_tensor *y = NULL;
    set_watch(layer, &watch);
    kdst_status status = kdst__layer_run(layer, x, &y);
    set_watch(layer, NULL);
    kdst_tensor_release(y);
    *out_found = watch.found;
    return status;
}

void kdst__layer_path(const kdst_layer *root, const kdst_layer *layer, char *text, size_t bytes)
{
    char path[KDST__LAYER_DEPTH * 8];
    size_t at = sizeof path - 1;
    path[at] = '\0';
    for (; layer != root && layer != NULL && layer->name != NULL; layer = layer->parent) {
        size_t length = strlen(layer->name);
        if (length == 0) continue;
        if (length + 1 > at) break; /* the end of a long path says most */
        if (path[at] != '\0') path[--at] = '.';
        at -= length;
        memcpy(path + at, layer->name, length);
    }
    size_t length = sizeof path - 1 - at;
    if (length >= bytes) length = bytes - 1;
    memcpy(text, path + at, length);
    text[length] = '\0';
}
