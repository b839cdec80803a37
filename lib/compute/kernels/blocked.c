/* SPDX-License-Identifier: Apache-2.0 */
/* Between plain [N, C, S] and blocked [N, ceil(C / B), S, B]: planes [begin, end) of N ceil(C / B).
 *
 * B places of B channels are a square, which is transposed in registers. The last places of a plane are taken once more as part of a
 * whole square; planes with fewer than B go number by number.
 */
#include "compute/simd/square.h"

#define INLINE static inline __attribute__((always_inline))

/* `count` rows, `apart` from each other, and what is left as 0; the same for storing. */
INLINE void load_rows(int64_t count, const real *x, int64_t apart, vec rows[KDST__SQUARE])
{
#pragma GCC unroll 16
    for (int k = 0; k < KDST__SQUARE; k++)
        rows[k] = k < count ? vload(x + k * apart) : (vec){0};
}

INLINE void store_rows(int64_t count, const vec rows[KDST__SQUARE], real *y, int64_t apart)
{
#pragma GCC unroll 16
    for (int k = 0; k < KDST__SQUARE; k++)
        if (k < count) vstore(y + k * apart, rows[k]);
}

INLINE void into_squares(int64_t width, int64_t s, const real *x, real *y)
{
    for (int64_t i = 0; i < s; i += LANES) {
        const int64_t at = i + LANES <= s ? i : s - LANES;
        vec rows[KDST__SQUARE];
        load_rows(width, x + at, s, rows);
        square_transpose(rows);
        store_rows(LANES, rows, y + at * LANES, LANES);
    }
}

INLINE void from_squares(int64_t width, int64_t s, const real *x, real *y)
{
    for (int64_t i = 0; i < s; i += LANES) {
        const int64_t at = i + LANES <= s ? i : s - LANES;
        vec rows[KDST__SQUARE];
        load_rows(LANES, x + at * LANES, LANES, rows);
        square_transpose(rows);
        store_rows(width, rows, y + at, s);
    }
}

static void into_few(int64_t width, int64_t s, const real *x, real *y)
{
    for (int64_t i = 0; i < s; i++)
        for (int64_t k = 0; k < LANES; k++)
            y[i * LANES + k] = k < width ? x[k * s + i] : 0;
}

static void from_few(int64_t width, int64_t s, const real *x, real *y)
{
    for (int64_t k = 0; k < width; k++)
        for (int64_t i = 0; i < s; i++)
            y[k * s + i] = x[i * LANES + k];
}

void KDST__KERNEL(blocked_from_plain)(int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        const int64_t first = plane % blocks * LANES, width = c - first < LANES ? c - first : LANES;
        const real *from = x + (plane / blocks * c + first) * s;
        real *to = y + plane * s * LANES;
        if (s < LANES)
            into_few(width, s, from, to);
        else if (width == LANES)
            into_squares(LANES, s, from, to);
        else
            into_squares(width, s, from, to);
    }
}

void KDST__KERNEL(blocked_to_plain)(int64_t c, int64_t s, int64_t begin, int64_t end, const real *x, real *y)
{
    const int64_t blocks = (c + LANES - 1) / LANES;
    for (int64_t plane = begin; plane < end; plane++) {
        const int64_t first = plane % blocks * LANES, width = c - first < LANES ? c - first : LANES;
        const real *from = x + plane * s * LANES;
        real *to = y + (plane / blocks * c + first) * s;
        if (s < LANES)
            from_few(width, s, from, to);
        else if (width == LANES)
            from_squares(LANES, s, from, to);
        else
            from_squares(width, s, from, to);
    }
}

/* sums [B] of images [begin, end) of one block */
void KDST__KERNEL(blocked_sum)(
    int64_t blocks, int64_t s, int64_t block, int64_t begin, int64_t end, const real *x, double *sums)
{
    double sum[KDST__SQUARE] = {0};
    for (int64_t n = begin; n < end; n++) {
        const real *from = x + (n * blocks + block) * s * LANES;
        for (int64_t i = 0; i < s; i++)
            for (int64_t k = 0; k < LANES; k++)
                sum[k] += (double)from[i * LANES + k];
    }
    for (int64_t k = 0; k < LANES; k++)
        sums[k] = sum[k];
}
