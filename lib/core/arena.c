/* SPDX-License-Identifier: Apache-2.0 */
/* Large blocks (see arena.h).
 *
 * A region is a head, then pieces one behind the other, then a stop: the head of a piece of no size that is never free. Each piece
 * has a head of its own, which tells the piece before it and the piece after it; of a free one it is a node of the tree, too.
 */
#include "core/arena.h"

#include "core/pages.h"

#define HEAD ((size_t)KDST__ALIGNMENT)
#define SMALLEST ((size_t)4096) /* what is cut off is at least so large */
#define LARGEST_GROWTH ((size_t)64 << 20)

struct kdst__piece {
    kdst__piece *before; /* in the region; NULL: the first */
    size_t size;         /* with this head; 0: the stop */
    size_t warm;         /* of a free piece: bytes of it that have memory, as far as known */
    size_t is_free;
    kdst__piece *left, *right; /* of a free piece: in the tree */
};

struct kdst__region {
    kdst__region *next;
    size_t bytes;     /* of the hook, or reserved */
    size_t committed; /* of those reserved */
    bool reserved;
};

_Static_assert(sizeof(kdst__piece) <= KDST__ALIGNMENT && sizeof(kdst__region) <= KDST__ALIGNMENT, "heads");

static kdst__piece *piece_at(void *start, size_t offset)
{
    return (kdst__piece *)(void *)((char *)start + offset);
}

static kdst__piece *after(kdst__piece *p)
{
    return piece_at(p, p->size);
}

/* ---- the tree ---- */

static void tree_insert(kdst__arena *arena, kdst__piece *p)
{
    kdst__piece **link = &arena->free, **left = &p->left, **right = &p->right;
    while (*link && (*link)->size >= p->size)
        link = p < *link ? &(*link)->left : &(*link)->right;
    kdst__piece *rest = *link; /* smaller ones, to be parted at p */
    *link = p;
    while (rest) {
        if (rest < p) {
            *left = rest;
            left = &rest->right;
            rest = rest->right;
        } else {
            *right = rest;
            right = &rest->left;
            rest = rest->left;
        }
    }
    *left = *right = NULL;
    p->is_free = 1;
    arena->cached += p->warm;
}

static void tree_remove(kdst__arena *arena, kdst__piece *p)
{
    kdst__piece **link = &arena->free, *left = p->left, *right = p->right;
    while (*link != p)
        link = p < *link ? &(*link)->left : &(*link)->right;
    while (left && right) {
        if (left->size >= right->size) {
            *link = left;
            link = &left->right;
            left = left->right;
        } else {
            *link = right;
            link = &right->left;
            right = right->left;
        }
    }
    *link = left ? left : right;
    p->is_free = 0;
    arena->cached -= p->warm;
}

/* The free piece of the lowest address with at least `size`, or NULL. */
static kdst__piece *tree_find(const kdst__arena *arena, size_t size)
{
    kdst__piece *p = arena->free;
    if (!p || p->size < size) return NULL;
    while (p->left && p->left->size >= size)
        p = p->left;
    return p;
}

/* ---- pieces ---- */

/* Frees a piece that is in no tree, with its free neighbours as one. */
static void put(kdst__arena *arena, kdst__piece *p)
{
    kdst__piece *before = p->before, *behind = after(p);
    if (behind->is_free) {
        tree_remove(arena, behind);
        p->size += behind->size;
        p->warm += behind->warm;
    }
    if (before && before->is_free) {
        tree_remove(arena, before);
        before->size += p->size;
        before->warm += p->warm;
        p = before;
    }
    after(p)->before = p;
    tree_insert(arena, p);
}

/* Takes the first `size` bytes of a free piece; what is behind them stays free. */
static void *cut(kdst__arena *arena, kdst__piece *p, size_t size)
{
    tree_remove(arena, p);
    if (p->size - size >= SMALLEST) {
        kdst__piece *rest = piece_at(p, size);
        *rest = (kdst__piece){.before = p, .size = p->size - size, .warm = p->warm > size ? p->warm - size : 0};
        after(rest)->before = rest;
        p->size = size;
        tree_insert(arena, rest);
    }
    return (char *)p + HEAD;
}

/* Makes the bytes from `p` to the stop that is to be at `end` a free piece. */
static void add(kdst__arena *arena, kdst__piece *p, kdst__piece *before, char *end, size_t warm)
{
    size_t size = (size_t)(end - (char *)p) - HEAD;
    *p = (kdst__piece){.before = before, .size = size, .warm = warm};
    *after(p) = (kdst__piece){.before = p};
    put(arena, p);
}

/* ---- regions ---- */

static size_t whole_pages(size_t bytes)
{
    return (bytes + KDST__HUGE_PAGE - 1) / KDST__HUGE_PAGE * KDST__HUGE_PAGE;
}

/* The steps by which the arena grows: larger ones where it is large, so that they are few. */
static size_t growth(const kdst__arena *arena)
{
    return arena->held / 4 < LARGEST_GROWTH ? arena->held / 4 : LARGEST_GROWTH;
}

static bool region_reserve(kdst__arena *arena, size_t size)
{
    size_t bytes, first = whole_pages(size + 2 * HEAD);
    kdst__region *r = kdst__pages_reserve(first, &bytes);
    if (!r) return false;
    if (!kdst__pages_commit(r, first)) {
        kdst__pages_release(r, bytes);
        return false;
    }
    /* small contexts keep small pages */
    if (first > KDST__HUGE_PAGE) kdst__pages_advise((char *)r + KDST__HUGE_PAGE, first - KDST__HUGE_PAGE);
    *r = (kdst__region){.next = arena->regions, .bytes = bytes, .committed = first, .reserved = true};
    arena->regions = r;
    arena->held += first;
    add(arena, piece_at(r, HEAD), NULL, (char *)r + first, 0);
    return true;
}

/* Grows the newest region, a reserved one, until a piece of `size` is free at its end. */
static bool region_extend(kdst__arena *arena, size_t size)
{
    kdst__region *r = arena->regions;
    char *end = (char *)r + r->committed;
    kdst__piece *stop = piece_at(end - HEAD, 0), *last = stop->before;
    size_t more = whole_pages(last->is_free ? size - last->size : size), step = whole_pages(growth(arena));
    if (more > r->bytes - r->committed) return false;
    if (more < step && step <= r->bytes - r->committed) more = step;
    if (!kdst__pages_commit(end, more)) return false;
    kdst__pages_advise(end, more);
    r->committed += more;
    arena->held += more;
    add(arena, stop, last, end + more, 0);
    return true;
}

static bool region_from_hooks(kdst__arena *arena, size_t size, size_t spare)
{
    size_t bytes = size + spare + 2 * HEAD;
    kdst__region *r = arena->allocate(arena->user_data, bytes, KDST__ALIGNMENT);
    if (!r) return false;
    *r = (kdst__region){.next = arena->regions, .bytes = bytes};
    arena->regions = r;
    arena->held += bytes;
    add(arena, piece_at(r, HEAD), NULL, (char *)r + bytes, bytes - 2 * HEAD);
    return true;
}

static bool grow(kdst__arena *arena, size_t size)
{
    if (arena->reserve) {
        if (arena->regions && arena->regions->reserved && region_extend(arena, size)) return true;
        if (region_reserve(arena, size)) return true;
    }
    /* Regions do not join, and a block that fits one of several may be in the way of another: room to spare soon ends the asking. */
    size_t spare = kdst__arena_round(2 * growth(arena));
    if (spare > size && region_from_hooks(arena, size, spare - size)) return true;
    return region_from_hooks(arena, size, 0);
}

static void region_give_back(kdst__arena *arena, kdst__region *r)
{
    if (r->reserved) {
        arena->held -= r->committed;
        kdst__pages_release(r, r->bytes);
    } else {
        arena->held -= r->bytes;
        arena->deallocate(arena->user_data, r, r->bytes, KDST__ALIGNMENT);
    }
}

/* ---- what memory.c calls ---- */

void *kdst__arena_take(kdst__arena *arena, size_t bytes, bool may_grow)
{
    size_t size = kdst__arena_round(bytes) + HEAD;
    kdst__piece *p = tree_find(arena, size);
    if (!p && may_grow && grow(arena, size)) p = tree_find(arena, size);
    return p ? cut(arena, p, size) : NULL;
}

void kdst__arena_give(kdst__arena *arena, void *block)
{
    kdst__piece *p = piece_at((char *)block - HEAD, 0);
    p->warm = p->size;
    put(arena, p);
}

size_t kdst__arena_extra(const kdst__arena *arena, size_t bytes)
{
    size_t size = kdst__arena_round(bytes) + HEAD;
    const kdst__piece *p = tree_find(arena, size);
    size_t warm = p ? p->warm : 0;
    return size > warm ? size - warm : 0;
}

static void forget_pages(kdst__arena *arena, kdst__region *r)
{
    for (kdst__piece *p = piece_at(r, HEAD); p->size; p = after(p)) {
        if (!p->is_free || !p->warm) continue;
        kdst__pages_forget((char *)p + HEAD, p->size - HEAD);
        arena->cached -= p->warm;
        p->warm = 0;
    }
}

void kdst__arena_trim(kdst__arena *arena)
{
    kdst__region **link = &arena->regions, *r;
    while ((r = *link)) {
        kdst__piece *first = piece_at(r, HEAD);
        if (first->is_free && !after(first)->size) {
            *link = r->next;
            tree_remove(arena, first);
            region_give_back(arena, r);
            continue;
        }
        if (r->reserved) forget_pages(arena, r);
        link = &r->next;
    }
}

void kdst__arena_destroy(kdst__arena *arena)
{
    while (arena->regions) {
        kdst__region *next = arena->regions->next;
        region_give_back(arena, arena->regions);
        arena->regions = next;
    }
    arena->free = NULL;
    arena->cached = 0;
}
