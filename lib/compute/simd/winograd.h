/* SPDX-License-Identifier: Apache-2.0 */
/* One-dimensional transforms of Winograd convolution on the six points 0, a, -a, b, -b and infinity (Lavin and Gray 2016, by the
 * construction of Toom and Cook), each on vectors.
 *
 *     to_source   B^T: the coefficients of prod_{l != k} (x - p_l), applied to six places
 *     to_points   G or A: values of a polynomial of 2 … 5 coefficients at the points, for G divided by N_k = prod_{l != k} (p_k - p_l)
 *     from_points A^T or G^T, the transposed of it
 *
 * a = 5/8 and b = 3/2 rather than 1 and 2: the powers of both stay near 1, which keeps the error small.
 */
#ifndef KDST_COMPUTE_SIMD_WINOGRAD_H
#define KDST_COMPUTE_SIMD_WINOGRAD_H

#include "compute/simd/vector.h"

#ifndef NEAR
#  define NEAR 0.625
#  define FAR 1.5
#endif

#define POINTS 6
#define ALWAYS static inline __attribute__((always_inline))

#define NEAR2 (NEAR * NEAR)
#define FAR2 (FAR * FAR)
#define REAL(x) ((real)(x))
/* 1 / N_k */
#define SHARE_ZERO REAL(1 / (NEAR2 * FAR2))
#define SHARE_NEAR REAL(1 / (2 * NEAR2 * (NEAR2 - FAR2)))
#define SHARE_FAR REAL(1 / (2 * FAR2 * (FAR2 - NEAR2)))

/* Vectors at, or for, the six points. */
typedef struct six {
    vec zero, near, minus_near, far, minus_far, infinite;
} six;

ALWAYS vec source_zero(vec d0, vec d2, vec d4)
{
    return REAL(NEAR2 * FAR2) * d0 + (d4 - REAL(NEAR2 + FAR2) * d2);
}

ALWAYS six to_source(vec d0, vec d1, vec d2, vec d3, vec d4, vec d5)
{
    vec near_even = d4 - REAL(FAR2) * d2, near_odd = d3 - REAL(FAR2) * d1;
    vec far_even = d4 - REAL(NEAR2) * d2, far_odd = d3 - REAL(NEAR2) * d1;
    return (six){source_zero(d0, d2, d4),        near_even + REAL(NEAR) * near_odd, near_even - REAL(NEAR) * near_odd,
                 far_even + REAL(FAR) * far_odd, far_even - REAL(FAR) * far_odd,    source_zero(d1, d3, d5)};
}

/* The polynomial g[0] + g[1] x + …, `count` coefficients `apart` vectors apart; `share`: divided by N_k. */
ALWAYS six to_points(int count, int share, const vec *g, int64_t apart)
{
    vec even_near = g[0], even_far = g[0], odd_near = g[apart], odd_far = g[apart];
    if (count > 2) {
        even_near += REAL(NEAR2) * g[2 * apart];
        even_far += REAL(FAR2) * g[2 * apart];
    }
    if (count > 3) {
        odd_near += REAL(NEAR2) * g[3 * apart];
        odd_far += REAL(FAR2) * g[3 * apart];
    }
    if (count > 4) {
        even_near += REAL(NEAR2 * NEAR2) * g[4 * apart];
        even_far += REAL(FAR2 * FAR2) * g[4 * apart];
    }
    vec zero = g[0];
    if (share) {
        zero *= SHARE_ZERO;
        even_near *= SHARE_NEAR;
        even_far *= SHARE_FAR;
    }
    const real near = share ? REAL(NEAR) * SHARE_NEAR : REAL(NEAR), far = share ? REAL(FAR) * SHARE_FAR : REAL(FAR);
    return (six){
        zero,
        even_near + near * odd_near,
        even_near - near * odd_near,
        even_far + far * odd_far,
        even_far - far * odd_far,
        g[(count - 1) * apart]};
}

/* Coefficient `i` of `count`, from sums and differences of what stands at a point and at its negative. */
ALWAYS vec from_points(int count, int i, int share, six m)
{
    vec near = i % 2 ? m.near - m.minus_near : m.near + m.minus_near;
    vec far = i % 2 ? m.far - m.minus_far : m.far + m.minus_far;
    real powers_near = share ? SHARE_NEAR : 1, powers_far = share ? SHARE_FAR : 1;
    for (int k = 0; k < i; k++) {
        powers_near *= REAL(NEAR);
        powers_far *= REAL(FAR);
    }
    vec sum = powers_near * near + powers_far * far;
    if (i == 0) sum += share ? (vec)(SHARE_ZERO * m.zero) : m.zero;
    if (i == count - 1) sum += m.infinite;
    return sum;
}

/* ---- both dimensions: 36 points, `apart` floats apart ---- */

ALWAYS void store_points(six s, int64_t apart, real *out)
{
    *(vec *)out = s.zero;
    *(vec *)(out + apart) = s.near;
    *(vec *)(out + 2 * apart) = s.minus_near;
    *(vec *)(out + 3 * apart) = s.far;
    *(vec *)(out + 4 * apart) = s.minus_far;
    *(vec *)(out + 5 * apart) = s.infinite;
}

/* G w G^T, or A w A^T without `share`, of k x k vectors. */
ALWAYS void both_ways(int k, int share, const vec *w, int64_t apart, real *out)
{
    vec half[POINTS * 5];
    for (int j = 0; j < k; j++) {
        six s = to_points(k, share, w + j, k);
        half[j] = s.zero;
        half[k + j] = s.near;
        half[2 * k + j] = s.minus_near;
        half[3 * k + j] = s.far;
        half[4 * k + j] = s.minus_far;
        half[5 * k + j] = s.infinite;
    }
    for (int i = 0; i < POINTS; i++)
        store_points(to_points(k, share, half + i * k, 1), apart, out + i * POINTS * apart);
}

ALWAYS six load_points(const real *m, int64_t apart)
{
    return (six){
        *(const vec *)m,
        *(const vec *)(m + apart),
        *(const vec *)(m + 2 * apart),
        *(const vec *)(m + 3 * apart),
        *(const vec *)(m + 4 * apart),
        *(const vec *)(m + 5 * apart)};
}

/* A^T m A, or G^T m G with `share`: `size` x `size` vectors. */
ALWAYS void from_both_ways(int size, int share, const real *m, int64_t apart, vec *out)
{
    vec half[POINTS * 5]; /* [size][6] */
    for (int j = 0; j < POINTS; j++) {
        six s = load_points(m + j * apart, POINTS * apart);
        for (int i = 0; i < size; i++)
            half[i * POINTS + j] = from_points(size, i, share, s);
    }
    for (int i = 0; i < size; i++) {
        const vec *h = half + i * POINTS;
        for (int j = 0; j < size; j++)
            out[i * size + j] = from_points(size, j, share, (six){h[0], h[1], h[2], h[3], h[4], h[5]});
    }
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where a tile begins: row and column of its image, and floats from the beginning of all images. */
typedef struct spot {
    int64_t top, left, place;
} spot;

/* The `size` x `size` places of a tile that begins at x + at.place in an image of h x w, 0 outside of it. */
static inline void clip(int64_t size, int64_t h, int64_t w, spot at, const real *x, real *out)
{
    const int64_t begin = at.left < 0 ? least(-at.left, size) : 0;
    const int64_t end = w - at.left < begin ? begin : least(w - at.left, size);
    for (int64_t i = 0; i < size; i++, out += size * LANES) {
        const int64_t inside = at.top + i >= 0 && at.top + i < h;
        const int64_t first = inside ? begin : size, last = inside ? end : size;
        for (int64_t j = 0; j < first; j++)
            *(vec *)(out + j * LANES) = (vec){0};
        for (int64_t j = first; j < last; j++)
            *(vec *)(out + j * LANES) = vload(x + at.place + (i * w + j) * LANES);
        for (int64_t j = last; j < size; j++)
            *(vec *)(out + j * LANES) = (vec){0};
    }
}

#define AHEAD 2 /* tiles, about as long as memory takes */

/* Asks for rows x columns places of an image `width` wide, which a later tile reads or writes: far from the cache they would stop the
 * transform, and the hardware foresees no tiles. An address outside of the image does no harm. */
ALWAYS void fetch(int64_t rows, int64_t columns, int64_t width, const real *from)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++)
            __builtin_prefetch(from + (i * width + k) * LANES);
}

/* Tiles that a block of n is filled up to. */
static inline int64_t filled(int64_t n)
{
    return (n + KDST__WINOGRAD_FLAT - 1) / KDST__WINOGRAD_FLAT * KDST__WINOGRAD_FLAT;
}

/* Rows [row, last_row) and columns of the points of v and m that share weights number i. */
typedef struct point_range {
    int64_t row, last_row, column, last_column;
} point_range;

static inline point_range points_of(const kdst__winograd *g, int64_t i)
{
    const int64_t row = i / POINTS, column = i % POINTS;
    return (point_range){row, row + 1 < POINTS ? row + 1 : g->side, column, column + 1 < POINTS ? column + 1 : g->side};
}

/* Of tile t in the source, and among the results. */
static inline spot source_spot(const kdst__winograd *g, int64_t t, int64_t block)
{
    const int64_t blocks = (g->c + LANES - 1) / LANES, in_image = g->rows * g->columns, in = t % in_image;
    const int64_t top = in / g->columns * g->advance - g->pad[0], left = in % g->columns * g->advance - g->pad[1];
    return (spot){top, left, (((t / in_image * blocks + block) * g->h + top) * g->w + left) * LANES};
}

static inline spot result_spot(const kdst__winograd *g, int64_t t, int64_t block)
{
    const int64_t blocks = (g->o + LANES - 1) / LANES, in_image = g->rows * g->columns, in = t % in_image;
    const int64_t top = in / g->columns * g->step, left = in % g->columns * g->step;
    return (spot){top, left, (((t / in_image * blocks + block) * g->p + top) * g->q + left) * LANES};
}

#endif
