/* SPDX-License-Identifier: Apache-2.0 */
/* Between plain [N, C, S] and blocked [N, ceil(C / B), S, B]: images [begin, end). */
#include "compute/simd/vector.h"

void KDST__KERNEL(blocked_from_plain)(int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t n = begin; n < end; n++)
        for (int64_t b = 0; b < blocks; b++) {
            const real *from = x + (n * c + b * LANES) * s;
            real *to = y + (n * blocks + b) * s * LANES;
            int64_t width = c - b * LANES < LANES ? c - b * LANES : LANES;
            for (int64_t i = 0; i < s; i++)
                for (int64_t k = 0; k < LANES; k++)
                    to[i * LANES + k] = k < width ? from[k * s + i] : 0;
        }
}

void KDST__KERNEL(blocked_to_plain)(int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t n = begin; n < end; n++)
        for (int64_t b = 0; b < blocks; b++) {
            const real *from = x + (n * blocks + b) * s * LANES;
            real *to = y + (n * c + b * LANES) * s;
            int64_t width = c - b * LANES < LANES ? c - b * LANES : LANES;
            for (int64_t k = 0; k < width; k++)
                for (int64_t i = 0; i < s; i++)
                    to[k * s + i] = from[i * LANES + k];
        }
}

void KDST__KERNEL(blocked_sum)(int64_t n, int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, real *sums)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t b = begin; b < end; b++) {
        double sum[KDST__VECTOR_BYTES / sizeof(real)] = {0};
        for (int64_t m = 0; m < n; m++) {
            const real *from = x + (m * blocks + b) * s * LANES;
            for (int64_t i = 0; i < s; i++)
                for (int64_t k = 0; k < LANES; k++)
                    sum[k] += (double)from[i * LANES + k];
        }
        for (int64_t k = 0; k < LANES && b * LANES + k < c; k++)
            sums[b * LANES + k] += (real)sum[k];
    }
}
