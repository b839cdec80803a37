/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes: a handle that a data set and its parts share. */
#ifndef KDST_DATA_NAMES_H
#define KDST_DATA_NAMES_H

#include "core/context.h"
#include "data/listing.h"

typedef struct kdst__names {
    kdst__handle base;
    kdst__listing list;
} kdst__names;

/* Takes the names out of `list`, which is empty afterwards; NULL, and the list as it was, when there is no memory. */
kdst__names *kdst__names_new(kdst_context *ctx, kdst__listing *list);

#endif
