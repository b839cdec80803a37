/* SPDX-License-Identifier: Apache-2.0 */
/* The context: made from its options, given up with its last reference, and what it keeps for everybody. */
#include "core/context_private.h"

#include "core/options.h"

#include <string.h>

typedef struct config {
    int64_t threads, seed, exact_convolution, memory_limit;
    int32_t level;
} config;

static const kdst__option options_list[] = {
    KDST__INT(config, threads, 0, 0, 1024, "threads that compute; 0: one per core this process may use"),
    KDST__INT(config, seed, 0, -INFINITY, INFINITY, "seed of every random stream"),
    KDST__CHOICE(
        config, level, "auto", "auto|baseline|avx2|avx512", "instruction set; auto: the best this machine has"),
    KDST__INT(config, exact_convolution, 0, 0, 1, "1: no algorithm that trades accuracy for speed"),
    KDST__INT(config, memory_limit, 0, 0, INFINITY, "bytes that may be in use at once; 0: no limit"),
};
const kdst__schema kdst__schema_context = {"context", options_list, KDST__COUNT(options_list), NULL, 0};

/* ---- life ---- */

/* Called when nothing refers to the context any more, or from the creator that failed. */
static void context_destroy(kdst_context *ctx)
{
    kdst__memory *memory = ctx->memory;
    kdst_destroy_fn destroy = ctx->destroy;
    void *user_data = ctx->user_data;
    kdst__context_drain(ctx);
    for (int slot = KDST__SLOTS - 1; slot >= 0; slot--) {
        kdst__slot *s = &ctx->slots[slot];
        if (s->value && s->destroy) s->destroy(ctx, s->value);
        s->value = NULL;
    }
    kdst__log_clear(ctx);
    kdst__free(memory, ctx, sizeof *ctx);
    kdst__memory_destroy(memory);
    if (destroy) destroy(user_data);
}

static kdst_status refuse(kdst_options *options, kdst_status status, const char *message)
{
    kdst__options_set_message(options, message);
    return status;
}

static kdst_status context_new(
    kdst_options *options, kdst_allocate_fn allocate, kdst_deallocate_fn deallocate, void *user_data,
    kdst_context **out)
{
    if (!out) return refuse(options, KDST_STATUS_INVALID_ARGUMENT, "context: out is NULL");
    *out = NULL;
    config c;
    kdst_status status = kdst__options_parse_alone("context", &kdst__schema_context, options, &c);
    if (status) return status;
    kdst__memory *memory = kdst__memory_create(allocate, deallocate, user_data);
    if (!memory) return refuse(options, KDST_STATUS_OUT_OF_MEMORY, "context: out of memory");
    kdst__memory_set_limit(memory, (size_t)c.memory_limit);
    kdst_context *ctx = kdst__alloc_zero(memory, sizeof *ctx);
    if (!ctx) {
        char text[KDST__REFUSAL_TEXT + 32] = "context: out of memory";
        kdst__memory_refusal(memory, text + strlen(text));
        kdst__memory_destroy(memory);
        return refuse(options, KDST_STATUS_OUT_OF_MEMORY, text);
    }
    atomic_init(&ctx->references, 1);
    atomic_init(&ctx->users, 1);
    atomic_init(&ctx->home, kdst__thread_self());
    ctx->memory = memory;
    ctx->config = (kdst__context_config){c.threads, c.seed, c.exact_convolution, c.memory_limit, c.level - 1};
    ctx->seed = (uint64_t)c.seed;
    status = kdst__compute_attach(ctx);
    if (status) {
        kdst__options_set_message(options, ctx->message);
        context_destroy(ctx);
        return status;
    }
    *out = ctx;
    return KDST_STATUS_OK;
}

kdst_status kdst_context_create(kdst_options *options, kdst_context **out)
{
    return context_new(options, NULL, NULL, NULL, out);
}

kdst_status kdst_context_create_with_allocator(
    kdst_options *options, kdst_allocate_fn allocate, kdst_deallocate_fn deallocate, void *user_data,
    kdst_destroy_fn destroy, kdst_context **out)
{
    kdst_status status;
    if (allocate && deallocate) {
        status = context_new(options, allocate, deallocate, user_data, out);
    } else {
        if (out) *out = NULL;
        status = refuse(options, KDST_STATUS_INVALID_ARGUMENT, "context: an allocator hook is NULL");
    }
    if (status) {
        if (destroy) destroy(user_data);
        return status;
    }
    (*out)->destroy = destroy;
    (*out)->user_data = user_data;
    return KDST_STATUS_OK;
}

void kdst_context_retain(kdst_context *ctx)
{
    if (!ctx) return;
    atomic_fetch_add(&ctx->references, 1);
    atomic_fetch_add(&ctx->users, 1);
}

void kdst__context_drop(kdst_context *ctx)
{
    if (atomic_fetch_sub(&ctx->references, 1) == 1) context_destroy(ctx);
}

void kdst_context_release(kdst_context *ctx)
{
    if (!ctx) return;
    if (atomic_fetch_sub(&ctx->users, 1) == 1) kdst__context_drain(ctx);
    kdst__context_drop(ctx);
}

void kdst__enter(kdst_context *ctx)
{
    ctx->message[0] = '\0';
    kdst__memory_forget(ctx->memory);
    kdst__enter_cleaning(ctx);
}

void kdst__enter_cleaning(kdst_context *ctx)
{
    atomic_store_explicit(&ctx->home, kdst__thread_self(), memory_order_relaxed);
    kdst__context_drain(ctx);
}

int64_t kdst_context_live_count(const kdst_context *ctx)
{
    if (!ctx) return 0;
    kdst_context *self = (kdst_context *)ctx;
    if (atomic_load(&self->home) == kdst__thread_self()) kdst__context_drain(self);
    return atomic_load(&self->live);
}

/* ---- what it keeps ---- */

kdst__memory *kdst__context_memory(kdst_context *ctx)
{
    return ctx->memory;
}

const kdst__context_config *kdst__context_config_get(const kdst_context *ctx)
{
    return &ctx->config;
}

void *kdst__slot_get(const kdst_context *ctx, int slot)
{
    return ctx->slots[slot].value;
}

void kdst__slot_set(kdst_context *ctx, int slot, void *value, void (*destroy)(kdst_context *ctx, void *value))
{
    ctx->slots[slot] = (kdst__slot){value, destroy};
}

static int info_index(const char *key)
{
    static const char *const keys[KDST__INFOS] = {"threads", "level", "gemm"};
    for (int i = 0; key && i < KDST__INFOS; i++)
        if (!strcmp(key, keys[i])) return i;
    return -1;
}

void kdst__context_set_info(kdst_context *ctx, const char *key, const char *text)
{
    int i = info_index(key);
    if (i >= 0) kdst__copy_text(ctx->info[i], sizeof ctx->info[i], text);
}

const char *kdst_context_get_info(const kdst_context *ctx, const char *key)
{
    int i = info_index(key);
    return ctx && i >= 0 ? ctx->info[i] : NULL;
}

kdst_status kdst_context_get_memory(kdst_context *ctx, int64_t *out_now, int64_t *out_peak)
{
    if (out_now) *out_now = 0;
    if (out_peak) *out_peak = 0;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    if (out_now) *out_now = (int64_t)kdst__memory_used(ctx->memory);
    if (out_peak) *out_peak = (int64_t)kdst__memory_peak(ctx->memory);
    return KDST_STATUS_OK;
}

kdst_status kdst_context_get_memory_cached(kdst_context *ctx, int64_t *out_cached)
{
    if (out_cached) *out_cached = 0;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    if (out_cached) *out_cached = (int64_t)kdst__memory_cached(ctx->memory);
    return KDST_STATUS_OK;
}

kdst_status kdst_context_clear_memory_peak(kdst_context *ctx)
{
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__memory_clear_peak(ctx->memory);
    return KDST_STATUS_OK;
}

kdst_status kdst_context_set_seed(kdst_context *ctx, uint64_t seed)
{
    return kdst_context_set_random(ctx, seed, 0);
}

kdst_status kdst_context_set_random(kdst_context *ctx, uint64_t seed, uint64_t stream)
{
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    ctx->seed = seed;
    ctx->stream = stream;
    return KDST_STATUS_OK;
}

kdst_status kdst_context_get_random(const kdst_context *ctx, uint64_t *out_seed, uint64_t *out_stream)
{
    if (out_seed) *out_seed = 0;
    if (out_stream) *out_stream = 0;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter((kdst_context *)ctx);
    if (out_seed) *out_seed = ctx->seed;
    if (out_stream) *out_stream = ctx->stream;
    return KDST_STATUS_OK;
}

void kdst__next_stream(kdst_context *ctx, uint64_t *out_seed, uint64_t *out_stream)
{
    *out_seed = ctx->seed;
    *out_stream = ctx->stream++;
}

void kdst__context_set_stream(kdst_context *ctx, uint64_t seed, uint64_t stream)
{
    ctx->seed = seed;
    ctx->stream = stream;
}

void kdst_context_cancel(kdst_context *ctx)
{
    if (ctx) atomic_store(&ctx->cancelled, true);
}

kdst_status kdst__check_cancelled(kdst_context *ctx, const char *function)
{
    /* The plain read first: this is asked once per step and must not make threads fight for the line. */
    if (!atomic_load_explicit(&ctx->cancelled, memory_order_relaxed) || !atomic_exchange(&ctx->cancelled, false))
        return KDST_STATUS_OK;
    return kdst__fail(ctx, KDST_STATUS_CANCELLED, "%s: cancelled", function);
}
