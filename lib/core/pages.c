/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the system (see pages.h): mmap without rights, rights by mprotect.
 *
 * Pages without rights do not count against what the system is willing to promise, so the reservation costs nothing and each
 * commit can be refused by itself, like malloc.
 */
#include "core/pages.h"

#include <stdint.h>

#if defined(__linux__)

#  include <sys/mman.h>
#  include <sys/resource.h>
#  include <unistd.h>

#  define LARGEST_RESERVE ((size_t)1 << 36) /* so that thousands of contexts fit into 47 bits of address */
#  define PAGE ((uintptr_t)1 << 16)         /* a multiple of every page size Linux has */

static bool addresses_are_free(void)
{
    struct rlimit limit;
    return sizeof(void *) == 8 && !getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur == RLIM_INFINITY;
}

/* Bytes rounded up to huge pages; 0: too many. */
static size_t whole(size_t bytes)
{
    return bytes > SIZE_MAX / 4 ? 0 : (bytes + KDST__HUGE_PAGE - 1) / KDST__HUGE_PAGE * KDST__HUGE_PAGE;
}

static size_t machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
    return whole(bytes > LARGEST_RESERVE ? LARGEST_RESERVE : bytes);
}

void *kdst__pages_reserve(size_t bytes, size_t *out_bytes)
{
    size_t least = whole(bytes), size = machine_bytes();
    if (!least || !addresses_are_free()) return NULL;
    if (size < least) size = least;
    for (;;) {
        char *raw = mmap(NULL, size + KDST__HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (raw != MAP_FAILED) {
            size_t before = -(uintptr_t)raw % KDST__HUGE_PAGE;
            if (before) munmap(raw, before);
            munmap(raw + before + size, KDST__HUGE_PAGE - before);
            *out_bytes = size;
            return raw + before;
        }
        if (size == least) return NULL;
        size = whole(size / 2) < least ? least : whole(size / 2);
    }
}

void kdst__pages_release(void *start, size_t bytes)
{
    munmap(start, bytes);
}

bool kdst__pages_commit(void *start, size_t bytes)
{
    return !mprotect(start, bytes, PROT_READ | PROT_WRITE);
}

void kdst__pages_forget(void *start, size_t bytes)
{
    uintptr_t from = ((uintptr_t)start + PAGE - 1) / PAGE * PAGE, to = ((uintptr_t)start + bytes) / PAGE * PAGE;
    if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
}

void kdst__pages_advise(void *start, size_t bytes)
{
    uintptr_t huge = KDST__HUGE_PAGE, end = (uintptr_t)start + bytes;
    uintptr_t from = ((uintptr_t)start + huge - 1) / huge * huge, to = end / huge * huge;
    if (from < to) madvise((void *)from, to - from, MADV_HUGEPAGE);
}

#else

void *kdst__pages_reserve(size_t bytes, size_t *out_bytes)
{
    (void)bytes, (void)out_bytes;
    return NULL;
}

void kdst__pages_release(void *start, size_t bytes)
{
    (void)start, (void)bytes;
}

bool kdst__pages_commit(void *start, size_t bytes)
{
    (void)start, (void)bytes;
    return false;
}

void kdst__pages_forget(void *start, size_t bytes)
{
    (void)start, (void)bytes;
}

void kdst__pages_advise(void *start, size_t bytes)
{
    (void)start, (void)bytes;
}

#endif
