/* SPDX-License-Identifier: Apache-2.0 */
/* A step of local learning: dw_ij = up g sum_s p_si x_sj - down h sum_s y_si q_sj, then the bounds; soft: g = high - w, h = w - low. */
#include "reference/reference.h"

#include <math.h>

void reference_plasticity(
    const kdst__plasticity *p, int64_t samples, int64_t m, int64_t n, const double *up_post, const double *up_pre,
    const double *down_post, const double *down_pre, double *w, double *size)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const double before = w[i * n + j];
            double up = 0, down = 0, all = fabs(before);
            for (int64_t s = 0; s < samples; s++) {
                up += up_post[s * m + i] * up_pre[s * n + j];
                down += down_post[s * m + i] * down_pre[s * n + j];
                all += fabs(p->up * up_post[s * m + i] * up_pre[s * n + j]) +
                    fabs(p->down * down_post[s * m + i] * down_pre[s * n + j]);
            }
            up *= p->up;
            down *= p->down;
            if (p->bounds == KDST__BOUNDS_SOFT) {
                all *= 1 + fabs(p->high) + fabs(p->low) + fabs(before);
                up *= p->high - before;
                down *= before - p->low;
            }
            w[i * n + j] = before + up - down;
            if (p->bounds != KDST__BOUNDS_NONE) w[i * n + j] = fmin(fmax(w[i * n + j], p->low), p->high);
            size[i * n + j] = all;
        }
}
