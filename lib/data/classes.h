/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of files by class, <folder>/<class>/<file>: names alone, nothing is opened. */
#ifndef KDST_DATA_CLASSES_H
#define KDST_DATA_CLASSES_H

#include "data/dataset.h"

typedef struct kdst__classes {
    kdst__listing names; /* of the classes */
    kdst__listing files; /* paths, class by class */
    int64_t *ends;       /* [classes]: files up to the end of each class */
    int64_t count;       /* classes */
} kdst__classes;

/* `ends_in`: as kdst__listing_read; `what` is the kind of file in messages ("image"). FORMAT where there is no class or a class has no
 * such file. A failed one may be destroyed. */
kdst_status kdst__classes_read(
    kdst__memory *memory, const char *path, const char *const *ends_in, const char *what, kdst__classes *out,
    kdst__failure *failure);
void kdst__classes_destroy(kdst__memory *memory, kdst__classes *classes);
/* A data set of these files, whose labels are the numbers of their classes and whose names are taken over. */
kdst_status kdst__classes_make(
    const char *function, kdst__classes *classes, kdst__images *source, kdst_dtype dtype, const int64_t shape[3],
    kdst_dataset **out);

#endif
