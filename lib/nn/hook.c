/* SPDX-License-Identifier: Apache-2.0 */
/* What happens with the output of a layer after its run: it is kept for the caller, and hooks see it or replace it.
 *
 * A layer holds its hooks; a hook does not know its layer, so nothing holds itself. Removing a hook takes its function away and
 * ends its registration; the layer drops the empty handle when it next looks. A kept output holds records and leaves but no
 * layer.
 */
#include "nn/layer.h"

#include <inttypes.h>

struct kdst_hook {
    kdst__handle base;
    kdst_hook_fn fn; /* NULL: removed */
    void *user_data;
    kdst_destroy_fn destroy; /* NULL: none, or it has run */
    bool running;
};

static void finish(kdst_hook *hook)
{
    kdst_destroy_fn destroy = hook->destroy;
    hook->destroy = NULL;
    if (destroy != NULL) destroy(hook->user_data);
}

static void hook_destroy(void *object)
{
    finish(object);
}

static const kdst__class hook_class = {"hook", hook_destroy};

/* ---- the list of a layer ---- */

static void drop_removed(kdst_layer *layer)
{
    int64_t left = 0;
    for (int64_t i = 0; i < layer->hook_count; i++)
        if (layer->hooks[i]->fn != NULL)
            layer->hooks[left++] = layer->hooks[i];
        else
            kdst__handle_release(layer->hooks[i]);
    layer->hook_count = left;
}

static kdst_status append(kdst_layer *layer, kdst_hook *hook)
{
    if (layer->hook_count == layer->hook_capacity) {
        int64_t capacity = layer->hook_capacity == 0 ? 2 : 2 * layer->hook_capacity;
        kdst_hook **hooks = kdst__realloc(
            kdst__context_memory(layer->base.ctx), layer->hooks, (size_t)layer->hook_capacity * sizeof *hooks,
            (size_t)capacity * sizeof *hooks);
        if (hooks == NULL) return kdst__fail_memory(layer->base.ctx, "layer_add_hook");
        layer->hooks = hooks;
        layer->hook_capacity = capacity;
    }
    kdst__handle_retain(hook);
    layer->hooks[layer->hook_count++] = hook;
    return KDST_STATUS_OK;
}

static void drop_kept(kdst_layer *layer)
{
    kdst_tensor **kept = layer->kept;
    int64_t count = layer->kept_count;
    layer->kept = NULL;
    layer->kept_count = 0;
    for (int64_t i = 0; i < count; i++)
        kdst_tensor_release(kept[i]);
    kdst__free(kdst__context_memory(layer->base.ctx), kept, (size_t)count * sizeof *kept);
}

void kdst__layer_drop_hooks(kdst_layer *layer)
{
    for (int64_t i = 0; i < layer->hook_count; i++)
        kdst__handle_release(layer->hooks[i]);
    kdst__free(
        kdst__context_memory(layer->base.ctx), layer->hooks, (size_t)layer->hook_capacity * sizeof *layer->hooks);
    drop_kept(layer);
}

kdst_status
kdst_layer_add_hook(kdst_layer *layer, kdst_hook_fn fn, void *user_data, kdst_destroy_fn destroy, kdst_hook **out)
{
    kdst_status status = KDST_STATUS_INVALID_ARGUMENT;
    kdst_hook *hook = NULL;
    if (out != NULL) *out = NULL;
    if (layer == NULL) goto fail;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (fn == NULL) {
        status = kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_add_hook: fn is NULL");
        goto fail;
    }
    hook = kdst__handle_create(ctx, &hook_class, sizeof *hook);
    if (hook == NULL) {
        status = KDST_STATUS_OUT_OF_MEMORY;
        goto fail;
    }
    status = append(layer, hook);
    if (status != KDST_STATUS_OK) goto fail;
    hook->fn = fn;
    hook->user_data = user_data;
    hook->destroy = destroy;
    if (out != NULL)
        *out = hook;
    else
        kdst__handle_release(hook);
    return KDST_STATUS_OK;
fail:
    kdst__handle_release(hook); /* its destroy is not set yet */
    if (destroy != NULL) destroy(user_data);
    return status;
}

void kdst_hook_retain(kdst_hook *hook)
{
    kdst__handle_retain(hook);
}

void kdst_hook_release(kdst_hook *hook)
{
    kdst__handle_release(hook);
}

kdst_status kdst_hook_remove(kdst_hook *hook)
{
    if (hook == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter_cleaning(hook->base.ctx);
    hook->fn = NULL;
    if (!hook->running) finish(hook);
    return KDST_STATUS_OK;
}

/* ---- after a run ---- */

static kdst_status call(kdst_layer *layer, kdst_hook *hook, int64_t index, kdst_tensor **out)
{
    kdst_context *ctx = layer->base.ctx;
    kdst__scopes before;
    kdst_tensor *other = NULL;
    if (!kdst__scopes_enter(ctx, true, &before)) return kdst__fail_memory(ctx, "hook");
    hook->running = true;
    kdst_status status = hook->fn(hook->user_data, layer, index, *out, &other);
    hook->running = false;
    if (hook->fn == NULL) finish(hook);
    kdst__scopes_leave(ctx, &before);
    if (other == *out) other = NULL; /* lent to the hook: as if it had given nothing */
    bool wrong = other != NULL && other->base.ctx != ctx;
    if (status != KDST_STATUS_OK || wrong) kdst_tensor_release(other);
    if (status != KDST_STATUS_OK) return kdst__fail_callback(ctx, status, "hook");
    if (wrong)
        return kdst__fail(
            ctx, KDST_STATUS_CALLBACK, "hook: the hook of the %s gave a tensor of another context", layer->kind->name);
    if (other != NULL) {
        kdst_tensor_release(*out);
        *out = other;
    }
    return KDST_STATUS_OK;
}

static kdst_status call_all(kdst_layer *layer, int64_t count, kdst_tensor **out)
{
    kdst_status status = KDST_STATUS_OK;
    int64_t hooks = layer->hook_count; /* one that is added meanwhile waits for the next run */
    bool busy = false;
    for (int64_t i = 0; i < hooks && status == KDST_STATUS_OK; i++) {
        kdst_hook *hook = layer->hooks[i];
        kdst__handle_retain(hook);
        for (int64_t k = 0; k < count && status == KDST_STATUS_OK && hook->fn != NULL && !hook->running; k++)
            status = call(layer, hook, k, &out[k]);
        kdst__handle_release(hook);
    }
    for (int64_t i = 0; i < layer->hook_count; i++)
        busy |= layer->hooks[i]->running;
    if (!busy) drop_removed(layer); /* else a loop further out counts on their places */
    return status;
}

kdst_status kdst__layer_deliver(kdst_layer *layer, int64_t count, kdst_tensor **out)
{
    kdst_status status = call_all(layer, count, out);
    if (status != KDST_STATUS_OK || !layer->keeps) return status;
    kdst_tensor **kept = kdst__alloc(kdst__context_memory(layer->base.ctx), (size_t)count * sizeof *kept);
    if (kept == NULL) return kdst__fail_memory(layer->base.ctx, layer->kind->name);
    for (int64_t k = 0; k < count; k++)
        kdst__handle_retain(kept[k] = out[k]);
    drop_kept(layer); /* a hook may have run the layer */
    layer->kept = kept;
    layer->kept_count = count;
    return KDST_STATUS_OK;
}

/* ---- outputs that are kept ---- */

void kdst__layer_forget_outputs(kdst_layer *layer)
{
    drop_kept(layer);
    for (int64_t i = 0; i < layer->child_count; i++)
        if (layer->children[i]->keepers > 0) kdst__layer_forget_outputs(layer->children[i]);
}

kdst_status kdst_layer_keep_output(kdst_layer *layer, int32_t keep)
{
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(layer->base.ctx);
    if (keep != 0 && keep != 1)
        return kdst__fail(
            layer->base.ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_keep_output: keep is %d, allowed are 0 and 1", keep);
    for (kdst_layer *up = layer; up != NULL; up = up->parent)
        up->keepers += keep - layer->keeps;
    layer->keeps = keep == 1;
    if (keep == 0) drop_kept(layer);
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_get_output(kdst_layer *layer, int64_t index, kdst_tensor **out)
{
    if (out != NULL) *out = NULL;
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst_context *ctx = layer->base.ctx;
    kdst__enter(ctx);
    if (out == NULL) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_get_output: out is NULL");
    if (!layer->keeps)
        return kdst__fail(
            ctx, KDST_STATUS_STATE, "layer_get_output: the %s does not keep its output; see layer_keep_output",
            layer->kind->name);
    if (layer->kept == NULL)
        return kdst__fail(
            ctx, KDST_STATUS_NOT_FOUND, "layer_get_output: the %s has not run since its output was asked for",
            layer->kind->name);
    if (index < 0 || index >= layer->kept_count)
        return kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT, "layer_get_output: index is %" PRId64 ", the %s has %" PRId64 " outputs",
            index, layer->kind->name, layer->kept_count);
    kdst__handle_retain(*out = layer->kept[index]);
    return KDST_STATUS_OK;
}

kdst_status kdst_layer_clear_outputs(kdst_layer *layer)
{
    if (layer == NULL) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter_cleaning(layer->base.ctx);
    kdst__layer_forget_outputs(layer);
    return KDST_STATUS_OK;
}
