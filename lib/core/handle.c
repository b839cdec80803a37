/* SPDX-License-Identifier: Apache-2.0 */
/* Life and end of handles; the rules are at the top of context.h.
 *
 * The queue is a stack that threads push to with compare-and-swap and that its one drainer takes whole, so no
 * pointer is compared after it was freed. A pusher that finds a drainer at work leaves its object to it: the drainer looks
 * again after it has stopped, and either sees the object or the pusher sees that there is no drainer. For that the
 * two sides need one order of their accesses, hence the sequentially consistent defaults here.
 */
#include "core/context_private.h"

#include <pthread.h>

uintptr_t kdst__thread_self(void)
{
    return (uintptr_t)pthread_self();
}

static void destroy(kdst__handle *handle)
{
    kdst__memory *memory = handle->ctx->memory;
    if (handle->class->destroy) handle->class->destroy(handle);
    kdst__free(memory, handle, handle->bytes);
}

void kdst__context_drain(kdst_context *ctx)
{
    while (atomic_load(&ctx->queue)) {
        if (atomic_exchange(&ctx->draining, true)) return;
        kdst__handle *list = atomic_exchange(&ctx->queue, NULL);
        while (list) {
            kdst__handle *handle = list;
            list = handle->next;
            destroy(handle);
        }
        atomic_store(&ctx->draining, false);
    }
}

static void push(kdst_context *ctx, kdst__handle *handle)
{
    handle->next = atomic_load(&ctx->queue);
    while (!atomic_compare_exchange_weak(&ctx->queue, &handle->next, handle)) {
    }
}

void *kdst__handle_create(kdst_context *ctx, const kdst__class *class, size_t bytes)
{
    kdst__handle *handle = kdst__alloc_zero(ctx->memory, bytes);
    if (!handle) {
        kdst__fail_memory(ctx, class->name);
        return NULL;
    }
    atomic_init(&handle->references, 1);
    handle->ctx = ctx;
    handle->class = class;
    handle->bytes = bytes;
    atomic_fetch_add(&ctx->references, 1);
    atomic_fetch_add(&ctx->live, 1);
    return handle;
}

void kdst__handle_retain(void *handle)
{
    if (handle) atomic_fetch_add(&((kdst__handle *)handle)->references, 1);
}

void kdst__handle_release(void *handle)
{
    if (!handle || atomic_fetch_sub(&((kdst__handle *)handle)->references, 1) != 1) return;
    kdst_context *ctx = ((kdst__handle *)handle)->ctx;
    atomic_fetch_sub(&ctx->live, 1);
    push(ctx, handle);
    /* Without users nobody has to call on this context again, so nothing may be left to a later call. */
    if (atomic_load(&ctx->home) == kdst__thread_self() || atomic_load(&ctx->users) == 0) kdst__context_drain(ctx);
    kdst__context_drop(ctx);
}
