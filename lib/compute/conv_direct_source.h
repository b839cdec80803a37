/* SPDX-License-Identifier: Apache-2.0 */
/* What the direct convolution reads: x as it is stored, and the taps that meet it; for conv_direct.c and conv_direct_weights.c.
 *
 * Plain images of few channels (the first layer's) are copied once with zeros around them, the channels of a place side by side: then
 * a row of the kernel is one tap of KW C "channels". Other plain ones are made blocked.
 */
#ifndef KDST_COMPUTE_CONV_DIRECT_SOURCE_H
#define KDST_COMPUTE_CONV_DIRECT_SOURCE_H

#include "compute/conv_direct.h"
#include "compute/taps.h"

typedef struct kdst__direct_source {
    const float *x;
    int64_t h, w;         /* places of an image */
    int64_t c, depth;     /* channels of a group's sum, in blocks of depth */
    int64_t step;         /* floats from a place to the next */
    int64_t image, block; /* strides */
    int64_t real;         /* channel k of the sum is channel k % real in column k / real of the kernel */
    kdst__taps taps;
    float *copy; /* owned, nullable */
    size_t bytes;
} kdst__direct_source;

/* Whether a plain x is of few channels; all of a source but x and its copy. */
int32_t kdst__direct_source_narrow(const kdst__conv2d_shape *s);
kdst_status kdst__direct_source_plan(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, kdst__direct_source *out);
kdst_status kdst__direct_source_create(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, kdst__direct_source *out);
void kdst__direct_source_destroy(kdst__compute *cp, kdst__direct_source *source);

#endif
