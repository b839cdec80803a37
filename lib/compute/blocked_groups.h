/* SPDX-License-Identifier: Apache-2.0 */
/* Work on blocks of channels whose sums are made from groups of images: there may be fewer blocks than threads. For this folder. */
#ifndef KDST_COMPUTE_BLOCKED_GROUPS_H
#define KDST_COMPUTE_BLOCKED_GROUPS_H

#include "compute/state.h"

#define KDST__UNITS 64      /* (block, group) at most, where there is more than one group */
#define KDST__MOST_LANES 16 /* B of any level */

typedef double
    kdst__moments[2 * KDST__MOST_LANES]; /* [2, B]: means, sums of squared deviations from them; or two sums */

/* Groups of n images for `blocks` blocks at once, `work` elements in all: 1 or more. */
int64_t kdst__image_groups(int64_t n, int64_t blocks, int64_t work);
/* mean and var of all images of a block from the moments of its groups, in their order; only channels [C]. */
void kdst__set_statistics(
    const kdst__compute *cp, int64_t n, int64_t c, int64_t s, int64_t groups, int64_t block, const kdst__moments *of,
    double *mean, double *var);

#endif
