/* SPDX-License-Identifier: Apache-2.0 */
/* Memory between two pages that nobody may touch: a read past an end is a fault, not a wrong number somewhere.
 *
 * The block touches one of the two pages: the one behind it (read too far), or the one before it (read too early).
 */
#ifndef KDST_TESTS_GUARD_H
#define KDST_TESTS_GUARD_H

#include <check.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct guarded {
    char *pages;
    size_t size;
} guarded;

/* Where a block of `bytes` lies in a mapping that has room for it; `before`: flush with the page before it. NULL: no room. */
static inline void *guard_place(const guarded *g, size_t bytes, int before)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (g->size < bytes + 2 * page) return NULL;
    return before ? g->pages + page : g->pages + g->size - page - bytes;
}

/* `bytes` readable and writable bytes, in whole elements. */
static inline void *guard_make(guarded *g, size_t bytes, int before)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (bytes + page - 1) / page * page;
    g->size = inside + 2 * page;
    void *pages = mmap(NULL, g->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(pages != MAP_FAILED);
    g->pages = pages;
    if (inside) ck_assert_int_eq(mprotect(g->pages + page, inside, PROT_READ | PROT_WRITE), 0);
    return guard_place(g, bytes, before);
}

static inline void guard_free(guarded *g)
{
    munmap(g->pages, g->size);
}

#endif
