/* SPDX-License-Identifier: Apache-2.0 */
/* An image with as many zeros around it as its windows need, and those windows as offsets into it. */
#ifndef KDST_COMPUTE_FRAME_H
#define KDST_COMPUTE_FRAME_H

#include "compute/state.h"

typedef struct kdst__frame {
    kdst__windows windows;
    const void *image; /* [N, C, H + top + bottom, W + left + right], or the caller's where no window leaves it */
    void *copy;        /* owned, nullable */
    int64_t *offset;   /* owned */
    size_t copy_bytes;
} kdst__frame;

/* `w`: c, h, w of the image x [N, C, H, W], taps, i, j, step. Tap t reads at (i step + dh[t], j step + dw[t]). On OUT_OF_MEMORY
 * nothing is held. */
kdst_status kdst__frame_create(
    kdst__compute *cp, int32_t dtype, int64_t n, const kdst__windows *w, const int64_t *dh, const int64_t *dw, const void *x,
    kdst__frame *out);
void kdst__frame_destroy(kdst__compute *cp, kdst__frame *frame);

#endif
