/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one context: hooks, size classes, counters (see memory.h).
 *
 * Small sizes are rounded up to a class: four steps per power of two, so at most a quarter is wasted. Each class keeps its
 * free blocks in a list threaded through the blocks themselves. Large blocks come from the arena. When the hooks refuse, the cache
 * is given back and the hooks are asked once more.
 */
#include "core/memory.h"

#include "core/arena.h"
#include "core/format.h"
#include "core/pages.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#  define CACHE_BLOCKS 0
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define CACHE_BLOCKS 0
#  endif
#endif
#ifndef CACHE_BLOCKS
#  define CACHE_BLOCKS 1
#endif

#define CLASSES 68 /* four steps for each power of two up to 1 << 16 */

typedef struct block {
    struct block *next;
} block;

struct kdst__memory {
    kdst__allocate_fn allocate;
    kdst__deallocate_fn deallocate;
    void *user_data;
    pthread_mutex_t lock;
    size_t used, peak, limit;
    size_t listed;          /* bytes in the lists */
    _Atomic size_t refused; /* bytes that the last failed allocation wanted; 0: none since the message was asked for */
    size_t refused_used;    /* what was in use then */
    int refused_by_limit;
    block *classes[CLASSES];
    kdst__arena arena;
};

static void *default_allocate(void *user_data, uint64_t size, uint64_t alignment)
{
    void *pointer = NULL;
    (void)user_data;
    if (size >= KDST__HUGE_PAGE) alignment = KDST__HUGE_PAGE;
    if (posix_memalign(&pointer, (size_t)alignment, (size_t)size)) return NULL;
    if (size >= KDST__HUGE_PAGE) kdst__pages_advise(pointer, (size_t)size);
    return pointer;
}

static void default_deallocate(void *user_data, void *pointer, uint64_t size, uint64_t alignment)
{
    (void)user_data, (void)size, (void)alignment;
    free(pointer);
}

/* Rounds `bytes` to its class and returns the class number; or to what the arena gives, LARGE; or TOO_LARGE. */
enum { LARGE = -1, TOO_LARGE = -2 };

static int size_class(size_t *bytes)
{
    size_t n = *bytes < KDST__ALIGNMENT ? KDST__ALIGNMENT : *bytes;
    if (n > SIZE_MAX / 4) return TOO_LARGE;
    if (n > KDST__ARENA_LEAST) {
        *bytes = kdst__arena_round(n);
        return LARGE;
    }
    int log = 63 - __builtin_clzll((unsigned long long)n);
    size_t step = (size_t)1 << (log > 2 ? log - 2 : 0);
    if (step < KDST__ALIGNMENT) step = KDST__ALIGNMENT;
    n = (n + step - 1) / step * step;
    log = 63 - __builtin_clzll((unsigned long long)n);
    *bytes = n;
    return log * 4 + (int)((n >> (log - 2)) & 3);
}

kdst__memory *kdst__memory_create(kdst__allocate_fn allocate, kdst__deallocate_fn deallocate, void *user_data)
{
    if (!allocate) allocate = default_allocate, deallocate = default_deallocate, user_data = NULL;
    kdst__memory *memory = allocate(user_data, sizeof *memory, KDST__ALIGNMENT);
    if (!memory) return NULL;
    memset(memory, 0, sizeof *memory);
    memory->allocate = allocate;
    memory->deallocate = deallocate;
    memory->user_data = user_data;
    memory->arena = (kdst__arena){
        .allocate = allocate,
        .deallocate = deallocate,
        .user_data = user_data,
        .reserve = allocate == default_allocate};
    if (pthread_mutex_init(&memory->lock, NULL)) {
        deallocate(user_data, memory, sizeof *memory, KDST__ALIGNMENT);
        return NULL;
    }
    return memory;
}

static void trim(kdst__memory *memory)
{
    for (int c = 8; c < CLASSES; c++) {
        size_t bytes = ((size_t)1 << (c / 4)) + ((size_t)(c % 4) << (c / 4 - 2));
        while (memory->classes[c]) {
            block *b = memory->classes[c];
            memory->classes[c] = b->next;
            memory->deallocate(memory->user_data, b, bytes, KDST__ALIGNMENT);
        }
    }
    memory->listed = 0;
    kdst__arena_trim(&memory->arena);
}

void kdst__memory_trim(kdst__memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    trim(memory);
    pthread_mutex_unlock(&memory->lock);
}

void kdst__memory_destroy(kdst__memory *memory)
{
    trim(memory);
    kdst__arena_destroy(&memory->arena);
    pthread_mutex_destroy(&memory->lock);
    memory->deallocate(memory->user_data, memory, sizeof *memory, KDST__ALIGNMENT);
}

static size_t cached(const kdst__memory *memory)
{
    return memory->listed + memory->arena.cached;
}

/* A block of class c from the cache or the hooks. */
static void *take_once(kdst__memory *memory, int c, size_t bytes)
{
    if (c == LARGE && CACHE_BLOCKS) return kdst__arena_take(&memory->arena, bytes, true);
    block *b = c == LARGE ? NULL : memory->classes[c];
    if (!b) return memory->allocate(memory->user_data, bytes, KDST__ALIGNMENT);
    memory->classes[c] = b->next;
    memory->listed -= bytes;
    return b;
}

/* How much more would be held than is now. */
static size_t extra(const kdst__memory *memory, int c, size_t bytes)
{
    if (c == LARGE) return kdst__arena_extra(&memory->arena, bytes);
    return memory->classes[c] ? 0 : bytes;
}

/* The same within the limit, which what is cached counts against, too; the lock is held. */
static void *take(kdst__memory *memory, int c, size_t bytes)
{
    size_t limit = memory->limit;
    memory->refused_by_limit = limit && (bytes > limit || memory->used > limit - bytes);
    if (memory->refused_by_limit) return NULL;
    if (limit && cached(memory)) {
        size_t held = memory->used + cached(memory), more = extra(memory, c, bytes);
        if (held > limit || more > limit - held) trim(memory);
    }
    void *pointer = take_once(memory, c, bytes);
    if (pointer || !cached(memory)) return pointer;
    trim(memory);
    return take_once(memory, c, bytes);
}

void *kdst__alloc(kdst__memory *memory, size_t bytes)
{
    size_t wanted = bytes;
    int c = size_class(&bytes);
    pthread_mutex_lock(&memory->lock);
    void *pointer = c == TOO_LARGE ? NULL : take(memory, c, bytes);
    if (pointer) {
        memory->used += bytes;
        if (memory->used > memory->peak) memory->peak = memory->used;
    } else {
        memory->refused_by_limit &= c != TOO_LARGE;
        memory->refused_used = memory->used;
        atomic_store_explicit(&memory->refused, wanted ? wanted : 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&memory->lock);
    return pointer;
}

void *kdst__alloc_zero(kdst__memory *memory, size_t bytes)
{
    void *pointer = kdst__alloc(memory, bytes);
    if (pointer) memset(pointer, 0, bytes);
    return pointer;
}

void kdst__free(kdst__memory *memory, void *pointer, size_t bytes)
{
    if (!pointer) return;
    int c = size_class(&bytes);
    pthread_mutex_lock(&memory->lock);
    memory->used -= bytes;
    if (!CACHE_BLOCKS) {
        memory->deallocate(memory->user_data, pointer, bytes, KDST__ALIGNMENT);
    } else if (c == LARGE) {
        kdst__arena_give(&memory->arena, pointer);
    } else {
        block *b = pointer;
        b->next = memory->classes[c];
        memory->classes[c] = b;
        memory->listed += bytes;
    }
    pthread_mutex_unlock(&memory->lock);
}

void *kdst__realloc(kdst__memory *memory, void *pointer, size_t old_bytes, size_t new_bytes)
{
    void *moved = kdst__alloc(memory, new_bytes);
    if (!moved) return NULL;
    if (pointer) memcpy(moved, pointer, old_bytes < new_bytes ? old_bytes : new_bytes);
    kdst__free(memory, pointer, old_bytes);
    return moved;
}

size_t kdst__memory_used(kdst__memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    size_t used = memory->used;
    pthread_mutex_unlock(&memory->lock);
    return used;
}

size_t kdst__memory_peak(kdst__memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    size_t peak = memory->peak;
    pthread_mutex_unlock(&memory->lock);
    return peak;
}

void kdst__memory_clear_peak(kdst__memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    memory->peak = memory->used;
    pthread_mutex_unlock(&memory->lock);
}

size_t kdst__memory_cached(kdst__memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    size_t bytes = cached(memory);
    pthread_mutex_unlock(&memory->lock);
    return bytes;
}

void kdst__memory_set_limit(kdst__memory *memory, size_t bytes)
{
    pthread_mutex_lock(&memory->lock);
    memory->limit = bytes;
    pthread_mutex_unlock(&memory->lock);
}

/* "900 bytes", "3.2 MB" */
static void size_text(size_t bytes, char text[32])
{
    if (bytes < 1000000)
        kdst__format(text, 32, "%zu bytes", bytes);
    else
        kdst__format(text, 32, "%.1f MB", (double)bytes * 1e-6);
}

const char *kdst__memory_refusal(kdst__memory *memory, char text[KDST__REFUSAL_TEXT])
{
    char used[32], limit[32];
    pthread_mutex_lock(&memory->lock);
    size_t wanted = atomic_load_explicit(&memory->refused, memory_order_relaxed);
    size_text(memory->refused_used, used);
    size_text(memory->limit, limit);
    text[0] = '\0';
    if (wanted && memory->refused_by_limit)
        kdst__format(text, KDST__REFUSAL_TEXT, ": %zu bytes wanted, %s of the limit of %s in use", wanted, used, limit);
    else if (wanted)
        kdst__format(text, KDST__REFUSAL_TEXT, ": %zu bytes wanted, %s in use", wanted, used);
    pthread_mutex_unlock(&memory->lock);
    return text;
}

void kdst__memory_forget(kdst__memory *memory)
{
    /* the plain read first: every public function begins with this */
    if (atomic_load_explicit(&memory->refused, memory_order_relaxed))
        atomic_store_explicit(&memory->refused, 0, memory_order_relaxed);
}
