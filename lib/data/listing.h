/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a folder of the file system, sorted by their bytes. */
#ifndef KDST_DATA_LISTING_H
#define KDST_DATA_LISTING_H

#include "core/memory.h"
#include "io/failure.h"

#include <stdbool.h>

typedef struct kdst__listing {
    char **names; /* [count], memory for `room` */
    int64_t count, room;
} kdst__listing;

/* Files whose names end in one of `ends_in` (".png", …, NULL), in any case; NULL: folders. Names that begin with a point are left out,
 * symbolic links are followed. A failed one may be destroyed. */
kdst_status kdst__listing_read(
    kdst__memory *memory, const char *path, const char *const *ends_in, kdst__listing *out, kdst__failure *failure);
/* Adds "<folder>/<name>", or the name alone; false when there is no memory. */
bool kdst__listing_add(kdst__memory *memory, kdst__listing *listing, const char *folder, const char *name);
void kdst__listing_destroy(kdst__memory *memory, kdst__listing *listing);

#endif
