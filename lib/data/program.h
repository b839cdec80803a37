/* SPDX-License-Identifier: Apache-2.0 */
/* Steps made ready for the images of one data set.
 *
 * A crop to the image's size, a mirror across and a normalisation, as far as the steps begin with these in this order, are
 * one pass from the stored pixels (augment.h). What follows runs step by step on doubles, and the result is rounded once.
 */
#ifndef KDST_DATA_PROGRAM_H
#define KDST_DATA_PROGRAM_H

#include "core/context.h"
#include "data/augment.h"

#include <kdst/tensor.h>

typedef struct kdst__program {
    kdst__augment first;
    kdst__step *steps; /* [count], after the first pass */
    int64_t count;
    kdst__extent in, out; /* of a stored image and of the result */
    bool wide_out;
    size_t scratch; /* bytes that a run needs, aligned for double */
    size_t buffer;  /* of one of its two images, in doubles */
} kdst__program;

/* How images are stored, and the type of the results. */
typedef struct kdst__pixels {
    kdst__extent extent; /* of a sequence: all its images, one behind another */
    kdst_dtype in, out;
    int64_t period; /* channels of one image */
    double unit;    /* of bytes: the one that stands for 1 */
} kdst__pixels;

/* `steps` [count] are copied. SHAPE and INVALID_ARGUMENT when a step does not fit the images, OUT_OF_MEMORY; messages begin
 * with `function`. A failed program may be destroyed. */
kdst_status kdst__program_create(
    kdst_context *ctx, const char *function, kdst__pixels pixels, const kdst__step *steps, int64_t count,
    kdst__program *out);
void kdst__program_destroy(kdst__memory *memory, kdst__program *program);
/* One stored image to one result; `scratch` of this run alone. */
void kdst__program_run(const kdst__program *program, kdst__draw draw, const void *in, void *out, double *scratch);

#endif
