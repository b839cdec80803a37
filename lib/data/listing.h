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

/* Folders, or files whose names end in .png, .jpg or .jpeg in any case. Names that begin with a point are left out, symbolic
 * links are followed. A failed one may be destroyed. */
kdst_status
kdst__listing_read(kdst__memory *memory, const char *path, bool folders, kdst__listing *out, kdst__failure *failure);
/* Adds "<folder>/<name>", or the name alone; false when there is no memory. */
bool kdst__listing_add(kdst__memory *memory, kdst__listing *listing, const char *folder, const char *name);
void kdst__listing_destroy(kdst__memory *memory, kdst__listing *listing);

#endif
