/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one context: the caller's allocator hooks behind a cache of freed blocks.
 *
 * Blocks are 64-byte aligned. Freed blocks are kept, small ones in size classes, large ones in an arena, and handed out again, so that
 * a training loop stops asking the hooks after its first steps. Safe to call from any thread (one mutex); the hooks are
 * called under that mutex, hence never two at once. Under AddressSanitizer nothing is cached.
 */
#ifndef KDST_CORE_MEMORY_H
#define KDST_CORE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define KDST__ALIGNMENT 64

typedef struct kdst__memory kdst__memory;

typedef void *(*kdst__allocate_fn)(void *user_data, uint64_t size, uint64_t alignment);
typedef void (*kdst__deallocate_fn)(void *user_data, void *pointer, uint64_t size, uint64_t alignment);

/* NULL hooks: the C library. Returns NULL when even this block cannot be had. */
kdst__memory *kdst__memory_create(kdst__allocate_fn allocate, kdst__deallocate_fn deallocate, void *user_data);
void kdst__memory_destroy(kdst__memory *memory);

/* Uninitialised block of at least `bytes` (0 counts as 1), or NULL. `kdst__alloc_zero` clears it. */
void *kdst__alloc(kdst__memory *memory, size_t bytes);
void *kdst__alloc_zero(kdst__memory *memory, size_t bytes);
/* `bytes` as given to the allocation; NULL is fine. */
void kdst__free(kdst__memory *memory, void *pointer, size_t bytes);
/* Grows or shrinks, keeping min(old, new) bytes; on failure NULL and the old block is untouched. */
void *kdst__realloc(kdst__memory *memory, void *pointer, size_t old_bytes, size_t new_bytes);

/* Bytes handed out now, at most so far; a limit of 0 is none. */
size_t kdst__memory_used(kdst__memory *memory);
size_t kdst__memory_peak(kdst__memory *memory);
/* From now on the peak is counted anew. */
void kdst__memory_clear_peak(kdst__memory *memory);
/* Bytes that are free and not given back to the hooks. */
size_t kdst__memory_cached(kdst__memory *memory);
void kdst__memory_set_limit(kdst__memory *memory, size_t bytes);
/* Says what the last allocation that failed wanted, since kdst__memory_forget: ": 1048576 bytes wanted, 3.2 MB of the limit of 4.0 MB
 * in use", or "" when none failed. Never fails itself. */
#define KDST__REFUSAL_TEXT 128
const char *kdst__memory_refusal(kdst__memory *memory, char text[KDST__REFUSAL_TEXT]);
void kdst__memory_forget(kdst__memory *memory);
/* Gives every cached block back to the hooks. */
void kdst__memory_trim(kdst__memory *memory);

/* a*b and a+b that refuse to wrap: 0 = fine, 1 = overflow. */
static inline int kdst__mul_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}
static inline int kdst__add_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_add_overflow(a, b, out);
}

#endif
