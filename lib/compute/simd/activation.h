/* SPDX-License-Identifier: Apache-2.0 */
/* What a result goes through last (KDST__FUSED_…), and what of a gradient comes through: relu y = max(v, 0), relu6 y = min(max(v, 0), 6).
 *
 * NaN stays NaN; its gradient passes relu and not relu6, as of the operations of their own. relu is relu6 with an end that no number is
 * above and a mask that forgets it, so that loops need no copies of themselves.
 */
#ifndef KDST_COMPUTE_SIMD_ACTIVATION_H
#define KDST_COMPUTE_SIMD_ACTIVATION_H

#include "compute/compute.h"
#include "compute/simd/vector.h"

#include <math.h>

/* The largest result. */
static inline vec activation_top(int32_t activation)
{
    return vsplat(activation == KDST__FUSED_RELU6 ? (real)6 : (real)INFINITY);
}

static inline vec activated(vec v, vec top)
{
    v = vselect((ivec)(v < 0), (vec){0}, v);
    return vselect((ivec)(v > top), top, v);
}

/* All bits where the upper end counts. */
static inline ivec activation_ends(int32_t activation)
{
    return activation == KDST__FUSED_RELU6 ? ~(ivec){0} : (ivec){0};
}

/* g where the activation rises at its result v; or at its argument, which is as good. */
static inline vec activation_slope(vec g, vec v, ivec ends)
{
    return vselect((ivec)(v <= 0) | (ends & ~(ivec)(v < 6)), (vec){0}, g);
}

#endif
