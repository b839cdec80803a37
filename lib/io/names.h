/* SPDX-License-Identifier: Apache-2.0 */
/* Names with a pointer each, in the order of being added, found by a hash table. */
#ifndef KDST_IO_NAMES_H
#define KDST_IO_NAMES_H

#include "core/memory.h"

#include <stdbool.h>

typedef struct kdst__name {
    char *name;
    void *value;
    uint64_t hash;
} kdst__name;

typedef struct kdst__names {
    kdst__name *entries;
    int64_t count, capacity;
    int64_t *slots; /* position + 1, 0 is free; a power of two, at least twice the capacity */
    uint64_t seed;  /* so that nobody can prepare names that all meet in one slot */
} kdst__names;

/* Zeroed memory is an empty list; `seed` may be set while it is empty. */
void kdst__names_clear(kdst__memory *memory, kdst__names *names); /* frees the names, not the values */
/* Position of a name, -1 when it is not there. */
int64_t kdst__names_find(const kdst__names *names, const char *name);
/* Adds a name that is not there, copied; its position, or -1 without memory, when nothing has changed. */
int64_t kdst__names_add(kdst__memory *memory, kdst__names *names, const char *name, void *value);
/* The name most like one that is not there, of the first 4096; NULL when there are none. */
const char *kdst__names_nearest(const kdst__names *names, const char *name);

#endif
