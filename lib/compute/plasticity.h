/* SPDX-License-Identifier: Apache-2.0 */
/* Local learning on raw buffers: one step of a weight matrix from products of what its neurons on either side remember. */
#ifndef KDST_COMPUTE_PLASTICITY_H
#define KDST_COMPUTE_PLASTICITY_H

#include "compute/compute.h"

enum { KDST__BOUNDS_NONE, KDST__BOUNDS_HARD, KDST__BOUNDS_SOFT };

typedef struct kdst__plasticity {
    double up, down; /* amplitudes of growth and decay */
    int32_t bounds;
    double low, high; /* of a weight, with bounds */
} kdst__plasticity;

/* For w [m, n], with factors [samples, m] of the rows and [samples, n] of the columns:
 * P = sum over samples of up_post[i] up_pre[j], M = sum of down_post[i] down_pre[j];
 * w += up P - down M, or with soft bounds up (high - w) P - down (w - low) M; with bounds then to [low, high]. */
void kdst__plasticity_step(
    kdst__compute *cp, int32_t dtype, const kdst__plasticity *p, int64_t samples, int64_t m, int64_t n,
    const void *up_post, const void *up_pre, const void *down_post, const void *down_pre, void *w);

#endif
