/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the system: a long range of addresses that gets memory piece by piece, and gives it back so.
 *
 * Where the system has no such thing, or the process may only have so many addresses (RLIMIT_AS), nothing can be reserved and
 * the caller does without.
 */
#ifndef KDST_CORE_PAGES_H
#define KDST_CORE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Size of a huge page, and unit of everything here. */
#define KDST__HUGE_PAGE ((size_t)2 << 20)

/* Addresses without memory, aligned to a huge page: as many as the machine has memory, at least `bytes`; or NULL. */
void *kdst__pages_reserve(size_t bytes, size_t *out_bytes);
void kdst__pages_release(void *start, size_t bytes);
/* Lets a part be used; its memory comes, as zeros, when it is touched. False: the system will not give that much. */
bool kdst__pages_commit(void *start, size_t bytes);
/* The whole pages in between lose memory and contents; they can still be used. */
void kdst__pages_forget(void *start, size_t bytes);
/* Asks for huge pages where whole ones fit; without any effect when the system has none. */
void kdst__pages_advise(void *start, size_t bytes);

#endif
