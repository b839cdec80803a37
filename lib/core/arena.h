/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks of one context, cut from long regions: address-ordered first fit, neighbours that are free join.
 *
 * C. J. Stephenson, "Fast Fits: new methods for dynamic storage allocation", 1983: the free blocks are a Cartesian tree, ordered by
 * address from left to right and by size from the root down, so that the leftmost block that is large enough is found by
 * walking down.
 *
 * Why not lists by size: what one size gave back is of no use to another, and a training step's sizes are many. On the steps of
 * the benchmark's networks lists hold 20 % more than what is alive at the peak, this 2-5 %.
 *
 * With the default allocator there is one region, reserved for all that may come, which grows at its end (pages.h) and is
 * backed by huge pages from its second one on. With hooks of the caller, or where nothing can be reserved, regions are
 * blocks from the hooks. Not safe for threads: memory.c holds its lock.
 */
#ifndef KDST_CORE_ARENA_H
#define KDST_CORE_ARENA_H

#include "core/memory.h"

#include <stdbool.h>

typedef struct kdst__piece kdst__piece;
typedef struct kdst__region kdst__region;

typedef struct kdst__arena {
    kdst__allocate_fn allocate;
    kdst__deallocate_fn deallocate;
    void *user_data;
    bool reserve;          /* regions may be ranges of addresses */
    kdst__region *regions; /* the newest first */
    kdst__piece *free;     /* root of the tree */
    size_t held;           /* bytes of regions from hooks; of others what may be used */
    size_t cached;         /* bytes of free pieces that have memory, as far as known */
} kdst__arena;

/* The smallest block the arena is asked for: smaller ones are cheaper from lists. */
#define KDST__ARENA_LEAST ((size_t)1 << 16)

/* Bytes that a block of `bytes` takes, without its head: rounded to 64. */
static inline size_t kdst__arena_round(size_t bytes)
{
    return (bytes + KDST__ALIGNMENT - 1) / KDST__ALIGNMENT * KDST__ALIGNMENT;
}

/* `bytes` rounded and at most SIZE_MAX / 4. With `grow` a region is made or grown when nothing free is large enough,
 * without, or when that is refused, the result is NULL. */
void *kdst__arena_take(kdst__arena *arena, size_t bytes, bool grow);
void kdst__arena_give(kdst__arena *arena, void *block);
/* How much more memory the arena holds once it has given a block of `bytes`. */
size_t kdst__arena_extra(const kdst__arena *arena, size_t bytes);
/* Gives back all memory that no block lies in: whole regions, and of reserved ones pages. */
void kdst__arena_trim(kdst__arena *arena);
/* Gives back the regions; no block may be out. */
void kdst__arena_destroy(kdst__arena *arena);

#endif
